//! How long it is from a stop to the first answers: what each opens of what it wrote before, and the record.
//!
//! The engine opens a durable store from its image, with commits behind the image, and without it. SQLite and
//! Tantivy map the files that they search. redb alone, which keeps the engine's records, has no index: it
//! opens at once, finds a ticket by its number, and reads every record for anything else. Each is opened
//! with its files in the page cache, and again after the system let go of them.

use std::fmt::Write;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use ticketdex::{Batch, Field, Patch, Query, Snapshot, durable};

use crate::data::Data;
use crate::engine;
use crate::measure;
use crate::peer::{Failure, Peer};
use crate::record::{head, thousands};

/// What is asked at first, one after the other.
const REQUESTS: [&str; 3] = [
    "status=Open&count_only=Y",
    "status=Open&order=last_updated+DESC&count=50",
    "keyword=printer&count=50",
];

/// How many commits of one ticket follow the image in the row that has them.
const LATE_COMMITS: usize = 3000;

/// How often each is opened; the median counts.
const ROUNDS: usize = 3;

/// Where Linux takes the request to let go of the page cache.
const DROP_CACHES: &str = "/proc/sys/vm/drop_caches";

/// The records of redb alone: JSON by ticket number.
const RECORDS: redb::TableDefinition<u64, &[u8]> = redb::TableDefinition::new("tickets");

/// What one opening took, in milliseconds.
#[derive(Clone, Copy, Debug)]
struct Opening {
    /// Until it can be asked.
    opened: f64,
    /// Until all of [`REQUESTS`] were answered, after that.
    answered: f64,
}

impl Opening {
    fn total(&self) -> f64 {
        self.opened + self.answered
    }
}

/// A row: cached, and with nothing in the page cache, where that could be had.
#[derive(Clone, Debug)]
struct Measured {
    name: &'static str,
    cached: Opening,
    cold: Option<Opening>,
}

/// All that a run found.
#[derive(Clone, Debug)]
pub struct Openings {
    tickets_count: usize,
    image_mib: f64,
    rows: Vec<Measured>,
}

impl Openings {
    /// Writes what each opens where it is not there yet, and opens it.
    pub fn measure(data: &Data) -> Result<Openings, Failure> {
        for name in ["SQLite", "Tantivy"] {
            data.load(name)?;
        }
        let redb = build_redb(data)?;
        let store = data.durable()?;
        let path = data.durable_path();
        let image =
            durable::image_job(&store).ok_or("a store that was just filled has an image")?;
        let image_mib = image.run()?.bytes as f64 / 1_048_576.0;
        let totals = totals(&store.snapshot())?;
        // One at a time has a store open.
        drop(store);
        let engine = || open_engine(&path, &totals);
        let mut rows = vec![
            row("ticketdex, from its image", || engine().map(|(it, _)| it))?,
            row("SQLite, mapped", || {
                open_peer(|| data.sqlite_mapped(), &totals)
            })?,
            row("Tantivy, mapped", || open_peer(|| data.tantivy(), &totals))?,
            row("redb alone", || open_redb(&redb, data.tickets_count()))?,
        ];
        commit_late(&path)?;
        let late = row("ticketdex, 3,000 commits after its image", || {
            let (opening, opened) = engine()?;
            let is_replayed = opened.from_image && opened.replayed > 0;
            is_replayed
                .then_some(opening)
                .ok_or_else(|| "no replay".into())
        })?;
        rows.insert(1, late);
        std::fs::remove_dir_all(data.image_path())?;
        let built = row("ticketdex, without an image", || {
            let (opening, opened) = engine()?;
            (!opened.from_image)
                .then_some(opening)
                .ok_or_else(|| "an image".into())
        })?;
        rows.insert(2, built);
        Ok(Openings {
            tickets_count: data.tickets_count(),
            image_mib,
            rows,
        })
    }

    /// Returns the record as Markdown.
    pub fn to_markdown(&self) -> Result<String, std::fmt::Error> {
        let mut out = String::new();
        head(
            &mut out,
            "From a stop to the first answers",
            self.tickets_count,
            "--openings --record",
        )?;
        writeln!(
            out,
            "\nMilliseconds until a store can be asked, and until three requests were answered after that: \
            `{}`, `{}` and `{}`, with whole rows. Median of {ROUNDS}. \"Cold\" is after \
            `echo 3 > {DROP_CACHES}`, so that every file comes from the disk. The image has {} MiB. redb alone has no \
            index: its three requests are a ticket by number, and two readings of every record.\n",
            REQUESTS[0],
            REQUESTS[1],
            REQUESTS[2],
            thousands(self.image_mib),
        )?;
        writeln!(
            out,
            "| | opened | answered | in all | cold: opened | answered | in all |\n|---|{}",
            "---:|".repeat(6)
        )?;
        for row in &self.rows {
            write!(out, "| {}", row.name)?;
            for opening in [Some(row.cached), row.cold] {
                match opening {
                    Some(it) => write!(
                        out,
                        " | {:.1} | {:.1} | {:.1}",
                        it.opened,
                        it.answered,
                        it.total()
                    )?,
                    None => out += " | – | – | –",
                }
            }
            out += " |\n";
        }
        Ok(out)
    }
}

/// Opens a few times with the files in the page cache, and a few times without.
fn row(
    name: &'static str,
    mut open: impl FnMut() -> Result<Opening, Failure>,
) -> Result<Measured, Failure> {
    eprintln!("{name} …");
    // Whatever an earlier row pushed out of the page cache is read once before.
    open()?;
    let cached = median(&mut open, || Ok(()))?;
    let cold = match drop_caches() {
        Ok(()) => Some(median(&mut open, || Ok(drop_caches()?))?),
        Err(_) => None,
    };
    Ok(Measured { name, cached, cold })
}

fn median(
    open: &mut impl FnMut() -> Result<Opening, Failure>,
    before: impl Fn() -> Result<(), Failure>,
) -> Result<Opening, Failure> {
    let mut openings = Vec::new();
    for _ in 0..ROUNDS {
        before()?;
        openings.push(open()?);
    }
    openings.sort_by(|a, b| a.total().total_cmp(&b.total()));
    Ok(openings[ROUNDS / 2])
}

/// Lets the system forget every file, once all is on disk.
fn drop_caches() -> io::Result<()> {
    let synced = std::process::Command::new("sync").status()?;
    if !synced.success() {
        return Err(io::ErrorKind::Other.into());
    }
    std::fs::write(DROP_CACHES, "3")
}

/// Returns how many tickets match each of the requests.
fn totals(snapshot: &Snapshot) -> Result<Vec<u64>, Failure> {
    let totals = REQUESTS
        .iter()
        .map(|request| engine::answer(snapshot, request));
    totals.collect()
}

/// Opens a store for reading and writing, and answers in JSON.
fn open_engine(path: &Path, expected: &[u64]) -> Result<(Opening, durable::Opened), Failure> {
    let options = durable::Options::new().threads(2);
    let (opened_in, (store, opened)) = measure::once(|| Ok(options.open_told(path)?))?;
    let snapshot = store.snapshot();
    let mut chunk = Vec::new();
    let (answered, found) = measure::once(|| {
        let totals = totals(&snapshot)?;
        for request in REQUESTS {
            engine::respond(&snapshot, request, ticketdex::Format::Json, &mut chunk)?;
        }
        Ok(totals)
    })?;
    // Late commits change which tickets are open.
    if opened.from_image && opened.replayed == 0 && found != expected {
        return Err(format!("{found:?} match, not {expected:?}").into());
    }
    Ok((opening(opened_in, answered), opened))
}

fn open_peer<P: Peer>(
    open: impl FnOnce() -> Result<P, Failure>,
    expected: &[u64],
) -> Result<Opening, Failure> {
    let (opened, peer) = measure::once(open)?;
    let (answered, found) = measure::once(|| {
        let mut totals = Vec::new();
        for request in REQUESTS {
            let query: Query = request.parse()?;
            let total = peer.total(&query)?;
            totals.push(total.ok_or("the peer cannot serve a request")?);
            if let Some(mut page) = peer.prepare(&query)? {
                page()?;
            }
        }
        Ok(totals)
    })?;
    if found != expected {
        return Err(format!("{}: {found:?} match, not {expected:?}", peer.name()).into());
    }
    Ok(opening(opened, answered))
}

/// Keeps every ticket as JSON under its number, where an earlier run has not.
fn build_redb(data: &Data) -> Result<PathBuf, Failure> {
    let path = data.redb_path();
    if path.exists() {
        return Ok(path);
    }
    let unfinished = path.with_extension("unfinished");
    let database = redb::Database::create(&unfinished)?;
    let transaction = database.begin_write()?;
    {
        let mut records = transaction.open_table(RECORDS)?;
        for ticket in data.import()?.into_iter() {
            let ticket = ticket?;
            records.insert(ticket.tid, serde_json::to_vec(&ticket)?.as_slice())?;
        }
    }
    transaction.commit()?;
    drop(database);
    File::open(&unfinished)?.sync_all()?;
    std::fs::rename(unfinished, &path)?;
    Ok(path)
}

fn open_redb(path: &Path, tickets_count: usize) -> Result<Opening, Failure> {
    use redb::{ReadableDatabase, ReadableTable};
    let (opened, database) = measure::once(|| Ok(redb::Database::open(path)?))?;
    let (answered, ()) = measure::once(|| {
        let transaction = database.begin_read()?;
        let records = transaction.open_table(RECORDS)?;
        records.get(1)?;
        for _ in 1..REQUESTS.len() {
            let mut bytes = 0;
            let mut count = 0;
            for record in records.iter()? {
                bytes += record?.1.value().len();
                count += 1;
            }
            if count != tickets_count || bytes == 0 {
                return Err(format!("{count} records, not {tickets_count}").into());
            }
        }
        Ok(())
    })?;
    Ok(opening(opened, answered))
}

/// Commits patches of one ticket each, as a help desk does after the image was written.
fn commit_late(path: &Path) -> Result<(), Failure> {
    let mut store = durable::open(path)?;
    let all = store.snapshot().answer(&Query::default()).tids();
    let tids: Vec<u64> = all.iter().take(LATE_COMMITS).collect();
    drop(all);
    for tid in tids {
        let mut batch = Batch::new();
        batch.patch(tid, Patch::new().set(Field::Status, "Closed"));
        store.commit(batch)?;
    }
    Ok(())
}

fn opening(opened: f64, answered: f64) -> Opening {
    Opening {
        opened: opened / 1e3,
        answered: answered / 1e3,
    }
}
