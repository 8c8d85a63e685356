//! Durable commits of one ticket each, from several threads at once.
//!
//! Every thread commits a ticket, waits until that is on disk, and commits the next. The engine indexes what
//! it commits; the others keep records by their number and nothing else: redb alone, which the engine writes
//! to, SQLite with a write-ahead log and `synchronous=FULL`, and fjall, synced after each. The engine is
//! run twice: with a [`Committer`], and with threads that take turns at the store.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use ticketdex::synth::Tickets;
use ticketdex::{Batch, Committer, Ticket, durable};

use crate::peer::Failure;

/// How many threads commit at once.
pub const THREADS: [usize; 3] = [1, 8, 64];

/// How long each run takes, and how often each is run: by turns, as a disk has slower minutes.
const TIME: Duration = Duration::from_secs(3);
const ROUNDS: usize = 5;

/// The tickets of which each thread commits copies with numbers of its own.
const TICKETS: usize = 2000;

/// What commits, by name.
pub const CONTENDERS: [&str; 5] = [
    "ticketdex, committer",
    "ticketdex, by turns",
    "redb",
    "SQLite, WAL",
    "fjall",
];

/// What threads that commit came to.
#[derive(Clone, Copy, Debug)]
pub struct Rate {
    /// Commits a second, of all threads.
    pub commits: f64,
    /// The median commit and that which one of a hundred exceeds, in milliseconds.
    pub median: f64,
    /// See `median`.
    pub slow: f64,
}

/// The median rates of each of [`CONTENDERS`] for each of [`THREADS`].
pub fn compare(folder: &Path) -> Result<Vec<(&'static str, Vec<Rate>)>, Failure> {
    let tickets: Vec<Ticket> = Tickets::new(1).take(TICKETS).collect();
    let own = folder.join(format!("commits-{}", std::process::id()));
    let mut rounds = vec![[const { Vec::new() }; THREADS.len()]; CONTENDERS.len()];
    for _ in 0..ROUNDS {
        for (name, rates) in CONTENDERS.iter().zip(&mut rounds) {
            for (threads, rates) in THREADS.into_iter().zip(rates) {
                std::fs::create_dir_all(&own)?;
                let rate = run(name, &own, threads, &tickets);
                std::fs::remove_dir_all(&own)?;
                rates.push(rate?);
            }
        }
    }
    let middle = |mut rates: Vec<Rate>| {
        rates.sort_by(|a, b| a.commits.total_cmp(&b.commits));
        rates[ROUNDS / 2]
    };
    let medians = rounds.into_iter().map(|all| all.map(middle).into());
    Ok(CONTENDERS.into_iter().zip(medians).collect())
}

/// Returns the rates as Markdown.
pub fn to_markdown(all: &[(&'static str, Vec<Rate>)]) -> String {
    let mut out = String::from(
        "| commits a second (median, 99 % in ms) | 1 thread | 8 threads | 64 threads |\n\
         |---|---:|---:|---:|\n",
    );
    for (name, rates) in all {
        let cells = rates.iter().map(|rate| {
            let (median, slow) = (rate.median, rate.slow);
            format!("{:.0} ({median:.2}, {slow:.2})", rate.commits)
        });
        let cells: Vec<String> = cells.collect();
        out += &format!("| {name} | {} |\n", cells.join(" | "));
    }
    out
}

fn run(name: &str, folder: &Path, threads: usize, tickets: &[Ticket]) -> Result<Rate, Failure> {
    let path = folder.join("store");
    match name {
        "ticketdex, committer" => {
            let committer = Committer::new(open(&path)?);
            let rate = time(threads, tickets, |ticket| {
                committer.commit(one(ticket)).map(drop).map_err(Into::into)
            })?;
            check(committer.store())?;
            Ok(rate)
        }
        "ticketdex, by turns" => {
            let store = open(&path)?;
            time(threads, tickets, |ticket| {
                let mut store = store.lock().map_err(|_| "a thread panicked")?;
                store.commit(one(ticket)).map(drop).map_err(Into::into)
            })
        }
        "redb" => redb(&path, threads, tickets),
        "SQLite, WAL" => sqlite(&path, threads, tickets),
        _ => fjall(&path, threads, tickets),
    }
}

fn open(path: &PathBuf) -> Result<Arc<Mutex<ticketdex::Store>>, Failure> {
    let store = durable::Options::new().create(true).open(path)?;
    Ok(Arc::new(Mutex::new(store)))
}

fn one(ticket: Ticket) -> Batch {
    let mut batch = Batch::new();
    batch.put(ticket);
    batch
}

/// Checks that the commits of several threads are what the store holds.
fn check(store: &Mutex<ticketdex::Store>) -> Result<(), Failure> {
    let store = store.lock().map_err(|_| "a thread panicked")?;
    let snapshot = store.snapshot();
    if snapshot.tickets_count() < snapshot.version() {
        return Err("more commits than tickets, each of which is new".into());
    }
    Ok(())
}

fn redb(path: &Path, threads: usize, tickets: &[Ticket]) -> Result<Rate, Failure> {
    const TABLE: redb::TableDefinition<u64, &[u8]> = redb::TableDefinition::new("tickets");
    let database = redb::Database::create(path)?;
    time(threads, tickets, |ticket| {
        let record = serde_json::to_vec(&ticket)?;
        let mut transaction = database.begin_write()?;
        transaction.set_two_phase_commit(true);
        transaction
            .open_table(TABLE)?
            .insert(ticket.tid, record.as_slice())?;
        Ok(transaction.commit()?)
    })
}

fn sqlite(path: &Path, threads: usize, tickets: &[Ticket]) -> Result<Rate, Failure> {
    let open = || -> Result<rusqlite::Connection, Failure> {
        let connection = rusqlite::Connection::open(path)?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        connection.busy_timeout(Duration::from_secs(60))?;
        Ok(connection)
    };
    open()?.execute(
        "CREATE TABLE tickets (tid INTEGER PRIMARY KEY, record BLOB)",
        [],
    )?;
    thread_local! {
        static OWN: std::cell::RefCell<Option<rusqlite::Connection>> = const { std::cell::RefCell::new(None) };
    }
    time(threads, tickets, |ticket| {
        let record = serde_json::to_vec(&ticket)?;
        OWN.with_borrow_mut(|own| {
            if own.is_none() {
                *own = Some(open()?);
            }
            let connection = own.as_ref().ok_or("no connection")?;
            let mut insert = connection.prepare_cached("INSERT INTO tickets VALUES (?1, ?2)")?;
            insert.execute((ticket.tid.cast_signed(), record))?;
            Ok(())
        })
    })
}

fn fjall(path: &Path, threads: usize, tickets: &[Ticket]) -> Result<Rate, Failure> {
    let database = fjall::Database::builder(path).open()?;
    let keyspace = database.keyspace("tickets", fjall::KeyspaceCreateOptions::default)?;
    time(threads, tickets, |ticket| {
        let record = serde_json::to_vec(&ticket)?;
        keyspace.insert(ticket.tid.to_be_bytes(), record)?;
        Ok(database.persist(fjall::PersistMode::SyncAll)?)
    })
}

/// Lets threads commit for a time, each tickets with numbers of its own.
fn time(
    threads: usize,
    tickets: &[Ticket],
    commit: impl Fn(Ticket) -> Result<(), Failure> + Sync,
) -> Result<Rate, Failure> {
    let is_over = AtomicBool::new(false);
    let start = Instant::now();
    let times = thread::scope(|scope| -> Result<Vec<f64>, Failure> {
        let running = (0..threads).map(|number| {
            let (commit, is_over) = (&commit, &is_over);
            scope.spawn(move || -> Result<Vec<f64>, Failure> {
                let mut times = Vec::new();
                let own = (0..).zip(tickets.iter().cycle().skip(number * 31));
                for (count, ticket) in own {
                    if is_over.load(Ordering::Relaxed) {
                        break;
                    }
                    let tid = ((number as u64 + 1) << 32) + count;
                    let ticket = Ticket {
                        tid,
                        ..ticket.clone()
                    };
                    let start = Instant::now();
                    commit(ticket)?;
                    times.push(start.elapsed().as_secs_f64() * 1e3);
                }
                Ok(times)
            })
        });
        let running: Vec<_> = running.collect();
        thread::sleep(TIME);
        is_over.store(true, Ordering::Relaxed);
        let mut times = Vec::new();
        for thread in running {
            times.extend(thread.join().map_err(|_| "a thread panicked")??);
        }
        Ok(times)
    });
    let seconds = start.elapsed().as_secs_f64();
    let mut times = times?;
    times.sort_by(f64::total_cmp);
    let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize];
    Ok(Rate {
        commits: times.len() as f64 / seconds,
        median: at(0.5),
        slow: at(0.99),
    })
}
