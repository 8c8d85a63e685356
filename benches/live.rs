//! Answers right after a write, beside the same answers of a store that rests.
//!
//! A help desk changes all the time, so most answers come from a snapshot that nobody has asked
//! before. Each request of the table is asked of the loaded store until its median is known: that
//! is *quiet*. Then a writer patches `status` and `last_updated` of 1, 20 or 1,000 tickets, drawn
//! evenly and one a commit, before each time that the request is asked: *first* is the first ask of
//! that snapshot, *third* the third, when all that readers keep is there. Merges that fall due are
//! run between, as a maintainer would. Parsing counts to an answer, writing does not.
//!
//! *Cold* is the store that rests too, but asked after 1,000 patches of another: what of *first* after
//! as many is that code and data have left the caches.
//!
//! A request meets its aim where the median of its first ask is at most twice the quiet one and
//! 5 µs more. `TICKETDEX_TICKETS` and `TICKETDEX_WORLD` choose the tickets; `TICKETDEX_ROWS` the
//! requests, by a part of their name.

mod corpus;
mod scan;

use std::hint::black_box;
use std::time::{Duration, Instant};

use chrono::{Datelike, Months, NaiveDate, NaiveDateTime, TimeDelta};
use form_urlencoded::byte_serialize;
use ticketdex::{Batch, Field, Patch, Query, Snapshot, Store, Ticket};

/// The patches between two asks, and how often that is repeated.
const RATES: [(usize, usize); 3] = [(1, 201), (20, 101), (1_000, 21)];

/// How often a request is asked of the store that rests.
const QUIET_ROUNDS: usize = 301;

/// The tickets of the other store.
const OTHER_COUNT: usize = 20_000;

/// What an answer may take right after a write beside twice its quiet median.
const AIM_BESIDE: Duration = Duration::from_micros(5);

/// Requests in words; names in brackets stand for values of a ticket, or of a common and a rare word.
const LINES: [(&str, &str); 31] = [
    ("one ticket by tid", "tid={tid}"),
    ("count, 1 filter", "status={status}&count_only=Y"),
    (
        "count, 3 filters",
        "status={status}&priority={priority}&category={category}&count_only=Y",
    ),
    (
        "count, 5 filters",
        "status={status}&priority={priority}&source={source}&category={category}&category={category2}\
        &escalation={escalation}&count_only=Y",
    ),
    (
        "page 1, 3 filters, by tid",
        "status={status}&priority={priority}&category={category}&count=50",
    ),
    (
        "page 1, 3 filters, by date_opened DESC",
        "status={status}&priority={priority}&category={category}&count=50&order=date_opened+DESC",
    ),
    (
        "page 1, 3 filters, by last_updated DESC",
        "status={status}&priority={priority}&category={category}&count=50&order=last_updated+DESC",
    ),
    (
        "page 1, 3 filters, by priority, date",
        "status={status}&category={category}&source={source}&count=50&order=priority,date_opened",
    ),
    (
        "page 1, 3 filters, by cid",
        "status={status}&priority={priority}&category={category}&count=50&order=cid",
    ),
    (
        "page 1, 1 filter, by last_updated DESC",
        "status={status}&count=50&order=last_updated+DESC",
    ),
    (
        "page 1 of all, by company_name DESC",
        "count=50&order=company_name+DESC",
    ),
    (
        "page 2,000 of all, by date_opened",
        "tid=*&count=50&page=2000&order=date_opened",
    ),
    (
        "page 1,000 of all, by last_updated",
        "tid=*&count=50&page=1000&order=last_updated",
    ),
    (
        "page 2,000 of one status, by date_opened",
        "status={status}&tid=*&count=50&page=2000&order=date_opened",
    ),
    (
        "one customer's tickets, by date",
        "cid={cid}&count=50&order=date_opened",
    ),
    (
        "start_cid and end_cid narrow",
        "start_cid={cid_start}&end_cid={cid_start}&count=50",
    ),
    (
        "start_cid, page 1 by date",
        "start_cid={cid_letter}&count=50&order=date_opened",
    ),
    (
        "one month and one status",
        "start_date={month_first}&end_date={month_last}&status={status}&count=50",
    ),
    (
        "5 years and one status, page 1",
        "start_date={month_first}&end_date={five_years_last}&status={status}&count=50",
    ),
    ("due on a day", "due_date={due}&count=50"),
    (
        "technician and status",
        "assigned_tech={tech}&status={status}&count=50",
    ),
    (
        "technician and status, by priority, date",
        "assigned_tech={tech}&status={status}&count=50&order=priority,date_opened",
    ),
    (
        "tid range of 50,000, by another field",
        "start_tid={tid}&end_tid={tid_end}&count=50&order=last_updated",
    ),
    ("keyword, rare, page 1", "keyword={rare}&count=50"),
    ("keyword, no match", "keyword=qzxwvqj&count=50"),
    (
        "keyword, rare, with 3 filters",
        "keyword={rare}&status={status}&priority={priority}&category={category}&count=50",
    ),
    ("keyword, common, count", "keyword={common}&count_only=Y"),
    (
        "keyword, common, page 1 by date DESC",
        "keyword={common}&count=50&order=date_opened+DESC",
    ),
    (
        "keyword, common, one status, page 1",
        "keyword={common}&status={status}&count=50",
    ),
    ("keyword of 2 letters, count", "keyword=nt&count_only=Y"),
    (
        "nothing but what changed since",
        "changed_since=1&count=50&order=last_updated+DESC",
    ),
];

/// A request with what it took, in microseconds.
struct Measured {
    name: &'static str,
    quiet: f64,
    cold: f64,
    /// The first and the third ask at each rate.
    live: Vec<(f64, f64)>,
}

/// Changes tickets, one a commit, and keeps count of what it took.
struct Writer {
    store: Store,
    tids: Vec<u64>,
    statuses: Vec<String>,
    state: u64,
    now: NaiveDateTime,
    commits: Vec<Duration>,
    /// Nanoseconds that this thread has computed to patch, drawing and spelling the patches too.
    computed: u64,
    jobs_count: usize,
}

impl Writer {
    /// Starts with a store that has the tickets of some numbers.
    fn new(store: Store, tickets: &[Ticket]) -> Writer {
        let taken = tickets.iter().take(2_000);
        let mut statuses: Vec<String> = taken.map(|it| it.status.clone()).collect();
        statuses.sort_unstable();
        statuses.dedup();
        let day = NaiveDate::from_ymd_opt(2026, 1, 1);
        Writer {
            store,
            tids: tickets.iter().map(|it| it.tid).collect(),
            statuses,
            state: corpus::SEED,
            now: day.and_then(|it| it.and_hms_opt(0, 0, 0)).expect("a date"),
            commits: Vec::new(),
            computed: 0,
            jobs_count: 0,
        }
    }

    /// Draws a number below another, by a multiplicative step of 64 bits.
    fn below(&mut self, end: usize) -> usize {
        self.state = self
            .state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        ((u128::from(self.state) * end as u128) >> 64) as usize
    }

    fn patch(&mut self) {
        let (place, at) = (self.tids.len(), self.statuses.len());
        let (place, at) = (self.below(place), self.below(at));
        let tid = self.tids[place];
        self.now += TimeDelta::seconds(1);
        let patch = Patch::new()
            .set(Field::Status, &*self.statuses[at])
            .set(Field::LastUpdated, format!("{:?}", self.now));
        let mut batch = Batch::new();
        batch.patch(tid, patch);
        let start = Instant::now();
        let commit = self.store.commit(batch).expect("the ticket is there");
        self.commits.push(start.elapsed());
        black_box(commit);
    }

    /// Runs what merges are due.
    fn maintain(&mut self) {
        while let Some(job) = self.store.merge_job() {
            self.store.install(job.run());
            self.jobs_count += 1;
        }
    }
}

fn median(samples: &mut [Duration]) -> f64 {
    at_percent(samples, 50)
}

fn at_percent(samples: &mut [Duration], percent: usize) -> f64 {
    samples.sort_unstable();
    let at = samples.len() * percent / 100;
    samples[at.min(samples.len() - 1)].as_secs_f64() * 1e6
}

/// Returns how many nanoseconds this thread has computed, where the system tells.
fn computed() -> Option<u64> {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    stat.split_whitespace().next()?.parse().ok()
}

/// Asks a request once; dropping the answer does not count.
fn ask(snapshot: &Snapshot, request: &str) -> Duration {
    let start = Instant::now();
    let query: Query = request.parse().expect("the request is valid");
    let answer = snapshot.answer(&query);
    let took = start.elapsed();
    black_box(answer.total());
    took
}

fn ask_quiet(snapshot: &Snapshot, request: &str) -> f64 {
    // What is kept between requests is there by then.
    for _ in 0..8 {
        ask(snapshot, request);
    }
    let mut samples: Vec<Duration> = (0..QUIET_ROUNDS).map(|_| ask(snapshot, request)).collect();
    median(&mut samples)
}

fn ask_cold(snapshot: &Snapshot, other: &mut Writer, rounds: usize, request: &str) -> f64 {
    let samples = (0..rounds).map(|_| {
        (0..RATES[2].0).for_each(|_| other.patch());
        other.maintain();
        ask(snapshot, request)
    });
    median(&mut samples.collect::<Vec<_>>())
}

fn ask_live(
    writer: &mut Writer,
    request: &str,
    patches: usize,
    rounds: usize,
    all: &mut Vec<Duration>,
) -> (f64, f64) {
    let (mut first, mut third) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        let before = computed();
        for _ in 0..patches {
            writer.patch();
        }
        writer.computed += before
            .zip(computed())
            .map_or(0, |(before, after)| after - before);
        writer.maintain();
        let snapshot = writer.store.snapshot();
        first.push(ask(&snapshot, request));
        ask(&snapshot, request);
        third.push(ask(&snapshot, request));
    }
    all.extend_from_slice(&first);
    (median(&mut first), median(&mut third))
}

/// Returns the values that stand for the names in brackets.
fn values(tickets: &[Ticket]) -> Vec<(&'static str, String)> {
    let after = &tickets[tickets.len() / 2..];
    let fit = |ticket: &&Ticket| {
        ticket.due_date.is_some()
            && ticket.date_opened.is_some()
            && !ticket.assigned_tech.is_empty()
            && !ticket.cid.is_empty()
            && ticket.summary.split_whitespace().count() > 2
    };
    let ticket = after.iter().find(fit).or_else(|| after.first());
    let ticket = ticket.expect("there are tickets");
    let day = |date: NaiveDate| format!("{}/{}/{}", date.month(), date.day(), date.year());
    let opened = ticket.date_opened.map_or(NaiveDate::MIN, |it| it.date());
    let month = opened.with_day(1).unwrap_or(opened);
    let end = |months: u32| (month + Months::new(months)).pred_opt().unwrap_or(month);
    let mut words: Vec<&str> = ticket.summary.split_whitespace().collect();
    words.retain(|word| word.chars().count() < 24);
    words.sort_by_cached_key(|word| {
        let texts = tickets.iter().step_by(tickets.len() / 500 + 1);
        texts.filter(|it| it.summary.contains(word)).count()
    });
    let word = |at: usize| words.get(at).copied().unwrap_or("x").to_owned();
    let chars = |count: usize| ticket.cid.chars().take(count).collect::<String>();
    let other = after.iter().find(|it| it.category != ticket.category);
    vec![
        ("{tid}", ticket.tid.to_string()),
        ("{tid_end}", ticket.tid.saturating_add(50_000).to_string()),
        ("{status}", ticket.status.clone()),
        ("{priority}", ticket.priority.clone()),
        ("{category}", ticket.category.clone()),
        (
            "{category2}",
            other.map_or_else(String::new, |it| it.category.clone()),
        ),
        ("{source}", ticket.source.clone()),
        ("{escalation}", ticket.escalation_level.clone()),
        ("{tech}", ticket.assigned_tech.clone()),
        ("{cid}", ticket.cid.clone()),
        (
            "{cid_start}",
            chars(ticket.cid.chars().count().saturating_sub(1).max(1)),
        ),
        ("{cid_letter}", chars(1)),
        ("{month_first}", day(month)),
        ("{month_last}", day(end(1))),
        ("{five_years_last}", day(end(60))),
        (
            "{due}",
            ticket
                .due_date
                .map_or_else(String::new, |it| day(it.date())),
        ),
        ("{rare}", word(0)),
        ("{common}", word(words.len().saturating_sub(1))),
    ]
}

fn request(template: &str, values: &[(&'static str, String)]) -> String {
    values
        .iter()
        .fold(template.to_owned(), |request, (name, value)| {
            // A value cannot be asked for when it is empty.
            let value = if value.is_empty() { "*" } else { value };
            request.replace(name, &byte_serialize(value.as_bytes()).collect::<String>())
        })
}

/// Returns a store with the tickets of the world as one segment, as commits and jobs left them.
fn loaded() -> Store {
    let loaded = corpus::world().loaded(corpus::SEED);
    let tickets: Vec<Ticket> = loaded.take(corpus::tickets_count()).collect();
    let mut store = corpus::load(&corpus::json_lines(&tickets));
    drop(tickets);
    for batch in corpus::world().changes(corpus::SEED, corpus::tickets_count() as u64) {
        store.commit(batch).expect("the changes suit the tickets");
        while let Some(job) = store.merge_job() {
            store.install(job.run());
        }
    }
    store
}

fn report(measured: &[Measured]) {
    print!("| request | quiet | cold |");
    for (patches, _) in RATES {
        print!(" after {patches}: first | third |");
    }
    println!("\n|---|---:|---:|{}", "---:|".repeat(RATES.len() * 2));
    let mut missed = [0; RATES.len()];
    for row in measured {
        print!("| {} | {:.2} | {:.2} |", row.name, row.quiet, row.cold);
        let aim = row.quiet * 2.0 + AIM_BESIDE.as_secs_f64() * 1e6;
        for (missed, (first, third)) in missed.iter_mut().zip(&row.live) {
            *missed += u32::from(*first > aim);
            let mark = if *first > aim { " ✗" } else { "" };
            print!(" {first:.2}{mark} | {third:.2} |");
        }
        println!();
    }
    println!("over the aim, of {}: {missed:?}", measured.len());
}

fn main() {
    let is_test = corpus::is_test();
    let rounds = |rounds: usize| if is_test { 2 } else { rounds };
    let tickets = corpus::tickets();
    let values = values(&tickets);
    let mut writer = Writer::new(loaded(), &tickets);
    let few: Vec<Ticket> = tickets.iter().take(OTHER_COUNT).cloned().collect();
    let mut other = Writer::new(corpus::load(&corpus::json_lines(&few)), &few);
    let tickets_count = tickets.len();
    drop(tickets);
    let part = std::env::var("TICKETDEX_ROWS").unwrap_or_default();
    let lines = LINES.into_iter().filter(|(name, _)| name.contains(&part));
    let requests: Vec<_> = lines
        .map(|(name, line)| (name, request(line, &values)))
        .collect();
    let quiet = writer.store.snapshot();
    let mut measured: Vec<Measured> = Vec::new();
    for (name, request) in &requests {
        let cold = ask_cold(&quiet, &mut other, rounds(RATES[2].1), request);
        let quiet = ask_quiet(&quiet, request);
        measured.push(Measured {
            name,
            quiet,
            cold,
            live: Vec::new(),
        });
    }
    drop((quiet, other));
    for (patches, count) in RATES {
        let mut all = Vec::new();
        writer.commits.clear();
        writer.computed = 0;
        writer.jobs_count = 0;
        for (row, (_, request)) in measured.iter_mut().zip(&requests) {
            let patches = if is_test { patches.min(20) } else { patches };
            row.live.push(ask_live(
                &mut writer,
                request,
                patches,
                rounds(count),
                &mut all,
            ));
        }
        let commits_count = f64::from(writer.commits.len() as u32);
        let seconds: f64 = writer.commits.iter().map(Duration::as_secs_f64).sum();
        println!(
            "{patches} patches between: p99 of all first asks {:.1} µs; commits {:.0} a second, {:.1} µs \
            computed each, median {:.1} µs, p99 {:.1} µs, worst {:.0} µs; {} merges by jobs, {} segments at the end",
            at_percent(&mut all, 99),
            commits_count / seconds,
            Duration::from_nanos(writer.computed).as_secs_f64() * 1e6 / commits_count,
            median(&mut writer.commits),
            at_percent(&mut writer.commits, 99),
            at_percent(&mut writer.commits, 100),
            writer.jobs_count,
            writer.store.snapshot().segments_count(),
        );
    }
    println!(
        "{} tickets of {}; microseconds, medians",
        tickets_count,
        corpus::world()
    );
    report(&measured);
}
