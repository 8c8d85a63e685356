//! Regret: how much longer the planner's own choice takes than the best plan there is.
//!
//! Random requests of `synth` are answered by every strategy and order of filters, by turns,
//! again and again, so that whatever slows the machine slows all plans alike. Of each plan
//! the median counts; measured is until the total and all rows of the page are known. Before
//! that every plan's answer is compared with the planner's own. Orders of fields and row sets of
//! terms are kept by then, as in a store that is in use.
//!
//! `TICKETDEX_REQUESTS` is how many requests (500 unless given). A request counts where its
//! best plan takes [`BEST_MIN`] or more: below that the plans differ by noise.

mod corpus;
mod scan;

use std::borrow::Cow;
use std::hint::black_box;
use std::time::{Duration, Instant};

use ticketdex::{Access, FilterMode, PlanMode, Query, SegmentPlan, Snapshot, Strategy};

/// Below this the best plan is too short to be told from others.
const BEST_MIN: Duration = Duration::from_micros(5);

/// The regret that is good enough.
const REGRET_MAX: f64 = 1.5;

/// How long the plans of one request are measured, unless the fewest rounds take longer.
const BUDGET: Duration = Duration::from_millis(40);
const ROUNDS_MIN: usize = 5;
const ROUNDS_MAX: usize = 41;

/// A plan that takes this many times the planner's is out after its first round.
const HOPELESS: u32 = 4;

const REQUESTS_COUNT: usize = 500;
const WORST_COUNT: usize = 10;

/// A request with what its plans took.
struct Measured {
    request: String,
    planned: Duration,
    best: Duration,
    best_mode: PlanMode,
}

impl Measured {
    fn regret(&self) -> f64 {
        self.planned.as_secs_f64() / self.best.as_secs_f64()
    }
}

/// Returns the planner's own plan, then those that make a different one.
fn modes(snapshot: &Snapshot, query: &Query) -> Vec<PlanMode> {
    let filters = [FilterMode::Planned, FilterMode::Reversed];
    let forced = filters.into_iter().flat_map(|filters| {
        Strategy::ALL.map(|strategy| PlanMode {
            filters,
            strategy: Some(strategy),
            is_cold: false,
        })
    });
    let mut modes = vec![PlanMode::default()];
    // What comes to a plan that is there already would only be measured against itself.
    let mut plans = vec![plan(snapshot, query, PlanMode::default())];
    for mode in forced {
        let explain = snapshot.answer_with(query, mode).explain();
        let mut segments = explain.segments.iter();
        let serves = segments.all(|segment| segment.fell_back_from.is_none());
        let plan = plan(snapshot, query, mode);
        if serves && !plans.contains(&plan) {
            plans.push(plan);
            modes.push(mode);
        }
    }
    modes
}

/// What tells one segment's plan from another: the filters as applied, their access, the order.
type SegmentKey = (Vec<Cow<'static, str>>, Access, Strategy);

fn plan(snapshot: &Snapshot, query: &Query, mode: PlanMode) -> Vec<SegmentKey> {
    let segments = snapshot.answer_with(query, mode).explain().segments;
    let key = |segment: SegmentPlan| {
        let names = segment.filters.into_iter().map(|filter| filter.name);
        (names.collect(), segment.access, segment.strategy)
    };
    segments.into_iter().map(key).collect()
}

/// Compares every plan's answer with the planner's own.
fn check(snapshot: &Snapshot, request: &str, query: &Query, modes: &[PlanMode]) {
    let planned = snapshot.answer(query);
    let tids = corpus::tids(&planned);
    for mode in modes {
        let answer = snapshot.answer_with(query, *mode);
        assert_eq!(answer.total(), planned.total(), "{request} by {mode:?}");
        assert_eq!(corpus::tids(&answer), tids, "{request} by {mode:?}");
    }
}

fn measure(snapshot: &Snapshot, request: String) -> Measured {
    let query: Query = request.parse().expect("the request is valid");
    let mut modes = modes(snapshot, &query);
    check(snapshot, &request, &query, &modes);
    let mut samples: Vec<Vec<Duration>> = vec![Vec::new(); modes.len()];
    let start = Instant::now();
    let mut rounds = 0;
    while rounds < ROUNDS_MIN || (rounds < ROUNDS_MAX && start.elapsed() < BUDGET) {
        // Each plan is the first of a round in turn, as what ran before it leaves the caches.
        for nth in 0..modes.len() {
            let at = (nth + rounds) % modes.len();
            let start = Instant::now();
            black_box(snapshot.answer_with(&query, modes[at]).records().count());
            samples[at].push(start.elapsed());
        }
        rounds += 1;
        if rounds == 1 {
            let limit = samples[0][0] * HOPELESS + BEST_MIN;
            let is_hopeful: Vec<bool> = samples.iter().map(|it| it[0] <= limit).collect();
            retain(&mut modes, &is_hopeful);
            retain(&mut samples, &is_hopeful);
        }
    }
    let medians = samples.iter_mut().map(|samples| {
        samples.sort_unstable();
        samples[samples.len() / 2]
    });
    let medians: Vec<Duration> = medians.collect();
    let best = (0..medians.len()).min_by_key(|&at| medians[at]);
    let best = best.expect("the planner's own plan is one");
    Measured {
        request,
        planned: medians[0],
        best: medians[best],
        best_mode: modes[best],
    }
}

fn retain<T>(items: &mut Vec<T>, is_kept: &[bool]) {
    let mut flags = is_kept.iter();
    items.retain(|_| flags.next().is_none_or(|&is_kept| is_kept));
}

fn report(snapshot: &Snapshot, measured: Vec<Measured>) {
    let asked = measured.len();
    let long = measured.into_iter().filter(|it| it.best >= BEST_MIN);
    let mut counted: Vec<Measured> = long.collect();
    counted.sort_by(|a, b| a.regret().total_cmp(&b.regret()));
    println!(
        "{} of {asked} requests count: their best plan takes {BEST_MIN:?} or more",
        counted.len()
    );
    let Some(last) = counted.len().checked_sub(1) else {
        return;
    };
    let good = counted.iter().filter(|it| it.regret() <= REGRET_MAX);
    let tenths = good.count() * 1000 / counted.len();
    println!(
        "regret of {REGRET_MAX} or less: {}.{} %",
        tenths / 10,
        tenths % 10
    );
    for percent in [50, 75, 90, 95, 99, 100] {
        let regret = counted[last * percent / 100].regret();
        println!("  {percent:3} % of them: {regret:.2} or less");
    }
    println!("the worst:");
    for worst in counted.iter().rev().take(WORST_COUNT) {
        println!(
            "{:.2}: {:?}, best {:?} by {}, {:?} filters",
            worst.regret(),
            worst.planned,
            worst.best,
            worst
                .best_mode
                .strategy
                .map_or("choice".to_owned(), |it| it.to_string()),
            worst.best_mode.filters,
        );
        println!("  {}", worst.request);
        let query: Query = worst.request.parse().expect("it was answered");
        for mode in [PlanMode::default(), worst.best_mode] {
            let explain = snapshot.answer_with(&query, mode).explain().to_string();
            println!("    {}", explain.replace('\n', "\n    "));
        }
    }
}

fn main() {
    let snapshot = corpus::lived().snapshot();
    let given = std::env::var("TICKETDEX_REQUESTS").ok();
    let given = given.map(|text| text.parse().expect("TICKETDEX_REQUESTS is a number"));
    let requests = corpus::world().requests(corpus::SEED, corpus::tickets_count() as u64);
    let usual = if corpus::is_test() {
        REQUESTS_COUNT / 10
    } else {
        REQUESTS_COUNT
    };
    let requests = requests.take(given.unwrap_or(usual));
    let measured = requests.map(|request| measure(&snapshot, request));
    report(&snapshot, measured.collect());
}
