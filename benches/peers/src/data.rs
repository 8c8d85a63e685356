//! The tickets of a run, as a file of JSON Lines, and what was built of them before.
//!
//! SQLite and Tantivy take minutes to load a million tickets, so what they built is kept
//! in the data folder with how long it took, and opened by later runs over the same
//! tickets. Each load runs in a process of its own, which is how its memory is known.

use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use ticketdex::synth::World;
use ticketdex::{Format, Import, ImportFormat, Options, Store, Texts, Ticket};

use crate::engine;
use crate::peer::Failure;
use crate::scan::Scan;
use crate::sqlite::Sqlite;
use crate::structs;
use crate::tantivy::Tantivy;

/// The seed of the tickets.
pub const SEED: u64 = 1;

/// The load of the engine that keeps its long texts packed.
pub const COMPACT: &str = "ticketdex --compact";

/// What is loaded, each in a process of its own. *Structs* parses the lines into structs and indexes nothing.
pub const LOADS: [&str; 6] = ["structs", "ticketdex", COMPACT, "SQLite", "Tantivy", "scan"];

/// A SQLite database of more bytes is mapped instead of read into memory.
const IN_MEMORY_BYTES_MAX: u64 = 8 << 30;

/// What a load cost.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    /// From JSON Lines to ready.
    pub seconds: f64,
    /// What of it all threads computed: what is left of it on a machine that does other
    /// things too.
    pub cpu_seconds: f64,
    /// Resident memory with all indexes, or the bytes of an index that is mapped, in MiB.
    pub mib: f64,
    /// The most that was resident until then, in MiB.
    pub peak_mib: f64,
    /// What the engine says of the store that it loaded.
    pub held: Option<Held>,
}

/// A store right after its load.
#[derive(Clone, Copy, Debug)]
pub struct Held {
    /// What the store accounts for, in MiB.
    pub memory_mib: f64,
    /// Exports of everything in XML and in JSON, in gigabytes a second.
    pub exports: [f64; 2],
}

/// The data folder of one number of tickets of a world.
pub struct Data {
    folder: PathBuf,
    world: World,
    tickets_count: usize,
}

impl Data {
    /// Makes the folder and the file of tickets, where they are not there yet.
    ///
    /// In [`World::Churn`] these are the tickets that its changes have left.
    pub fn open(parent: &Path, world: World, tickets_count: usize) -> Result<Data, Failure> {
        let folder = parent.join(format!("{world}-{SEED}-{tickets_count}"));
        std::fs::create_dir_all(&folder)?;
        let data = Data {
            folder,
            world,
            tickets_count,
        };
        let path = data.jsonl();
        if !path.exists() {
            let unfinished = path.with_extension("unfinished");
            let mut file = BufWriter::new(File::create(&unfinished)?);
            for ticket in world.remaining(SEED, tickets_count as u64) {
                serde_json::to_writer(&mut file, &ticket)?;
                file.write_all(b"\n")?;
            }
            file.into_inner()?.sync_data()?;
            std::fs::rename(unfinished, path)?;
        }
        Ok(data)
    }

    /// Returns how many tickets were loaded.
    pub fn tickets_count(&self) -> usize {
        self.tickets_count
    }

    /// Returns the world that they are of.
    pub fn world(&self) -> World {
        self.world
    }

    /// Returns the tickets' file.
    pub fn jsonl(&self) -> PathBuf {
        self.folder.join("tickets.jsonl")
    }

    /// Starts an import of the tickets.
    pub fn import(&self) -> Result<Import<impl BufRead + use<>>, Failure> {
        let file = BufReader::with_capacity(1 << 20, File::open(self.jsonl())?);
        Ok(Import::new(ImportFormat::JsonLines, file))
    }

    /// Returns a store of the tickets, loaded on three threads.
    pub fn store(&self) -> Result<Store, Failure> {
        self.store_with(Texts::Fast)
    }

    /// Returns a store that keeps its long texts as it is told.
    ///
    /// That of [`World::Churn`] is loaded and then changed without merges, so that it has eight segments.
    pub fn store_with(&self, texts: Texts) -> Result<Store, Failure> {
        let options = Options::default().texts(texts);
        if self.world != World::Churn {
            let mut store = Store::new(options);
            store.load(self.import()?.threads(3))?;
            return Ok(store);
        }
        let mut store = Store::new(options.commit_rows_max(0));
        let mut lines = Vec::new();
        for ticket in self.world.loaded(SEED).take(self.tickets_count) {
            serde_json::to_writer(&mut lines, &ticket)?;
            lines.push(b'\n');
        }
        store.load(Import::new(ImportFormat::JsonLines, &*lines).threads(3))?;
        for batch in self.world.changes(SEED, self.tickets_count as u64) {
            store.commit(batch)?;
        }
        Ok(store)
    }

    /// Returns a scan over the tickets, which are by ascending tid.
    pub fn scan(&self) -> Result<Scan, Failure> {
        Ok(Scan::new(self.tickets_by_tid()?))
    }

    fn tickets_by_tid(&self) -> Result<Vec<Ticket>, Failure> {
        let tickets: Result<Vec<Ticket>, _> = self.import()?.into_iter().collect();
        let mut tickets = tickets?;
        tickets.sort_by_key(|ticket| ticket.tid);
        Ok(tickets)
    }

    /// Opens the SQLite database that [`load`](Data::load) built, in memory if it is not too large for that beside
    /// all others.
    pub fn sqlite(&self) -> Result<Sqlite, Failure> {
        let path = self.folder.join("sqlite");
        if std::fs::metadata(&path)?.len() > IN_MEMORY_BYTES_MAX {
            return self.sqlite_mapped();
        }
        Sqlite::open(&path)
    }

    /// Opens the file of the SQLite database, mapped.
    pub fn sqlite_mapped(&self) -> Result<Sqlite, Failure> {
        Sqlite::open_mapped(&self.folder.join("sqlite"))
    }

    /// Makes a durable store of the tickets in the place of the one of an earlier run, which writes to it.
    pub fn durable(&self) -> Result<Store, Failure> {
        let path = self.durable_path();
        let _ = std::fs::remove_file(&path);
        let _ = std::fs::remove_dir_all(self.image_path());
        let mut store = ticketdex::durable::Options::new()
            .create(true)
            .threads(2)
            .open(&path)?;
        store.load(self.import()?.threads(2))?;
        Ok(store)
    }

    /// Returns where [`durable`](Data::durable) makes its store.
    pub fn durable_path(&self) -> PathBuf {
        self.folder.join("tickets.redb")
    }

    /// Returns the folder of that store's image.
    pub fn image_path(&self) -> PathBuf {
        self.folder.join("tickets.redb.image")
    }

    /// Returns where redb alone keeps the tickets.
    pub fn redb_path(&self) -> PathBuf {
        self.folder.join("records.redb")
    }

    /// Opens the Tantivy index that [`load`](Data::load) built.
    pub fn tantivy(&self) -> Result<Tantivy, Failure> {
        Tantivy::open(&self.folder.join("tantivy"))
    }

    /// Returns what a load costs, measured in a process of its own now or earlier.
    pub fn load(&self, name: &str) -> Result<Load, Failure> {
        let is_kept = matches!(name, "SQLite" | "Tantivy");
        let note = self.folder.join(format!("{name}.load"));
        if is_kept && note.exists() {
            return parse_load(&std::fs::read_to_string(note)?);
        }
        // Read once before, so that no load waits for the disk.
        std::io::copy(&mut File::open(self.jsonl())?, &mut std::io::sink())?;
        let program = std::env::current_exe()?;
        let output = Command::new(program)
            .args(["--load", name])
            .env("TICKETDEX_WORLD", self.world.name())
            .output()?;
        if !output.status.success() {
            return Err(String::from_utf8_lossy(&output.stderr).into());
        }
        let text = String::from_utf8(output.stdout)?;
        let load = parse_load(&text)?;
        if is_kept {
            std::fs::write(note, text)?;
        }
        Ok(load)
    }

    /// Loads, keeps what is worth it, and prints the figures of a [`Load`]: the other process's part.
    pub fn load_here(&self, name: &str) -> Result<(), Failure> {
        let before = resident_mib("self", "VmRSS")?;
        let start = Instant::now();
        let measure = || -> Result<Load, Failure> {
            Ok(Load {
                seconds: start.elapsed().as_secs_f64(),
                cpu_seconds: cpu_seconds()?,
                mib: resident_mib("self", "VmRSS")? - before,
                peak_mib: resident_mib("self", "VmHWM")? - before,
                held: None,
            })
        };
        let load = match name {
            "ticketdex" | COMPACT => {
                let is_compact = name == COMPACT;
                let store = self.store_with(if is_compact {
                    Texts::Compact
                } else {
                    Texts::Fast
                })?;
                let load = measure()?;
                let snapshot = store.snapshot();
                let export = |format| engine::export(&snapshot, format);
                let held = Some(Held {
                    memory_mib: snapshot.memory().total() as f64 / 1_048_576.0,
                    exports: [export(Format::Xml)?, export(Format::Json)?],
                });
                Load { held, ..load }
            }
            "structs" => {
                let file = BufReader::with_capacity(1 << 20, File::open(self.jsonl())?);
                let parsed = structs::parse(file)?;
                let load = measure()?;
                drop(parsed);
                load
            }
            "scan" => {
                let scan = self.scan()?;
                let load = measure()?;
                drop(scan);
                load
            }
            "SQLite" => {
                let sqlite = Sqlite::build(self.import()?.into_iter())?;
                let load = measure()?;
                let path = self.folder.join("sqlite");
                let _ = std::fs::remove_file(&path);
                sqlite.save(&path)?;
                load
            }
            "Tantivy" => {
                let path = self.folder.join("tantivy");
                let _ = std::fs::remove_dir_all(&path);
                if self.world == World::Wide {
                    // Its numbers come in any order, and a document's place is what orders ties.
                    Tantivy::build(&path, self.tickets_by_tid()?.into_iter().map(Ok))?;
                } else {
                    Tantivy::build(&path, self.import()?.into_iter())?;
                }
                Load {
                    mib: folder_mib(&path)?,
                    ..measure()?
                }
            }
            other => return Err(format!("nothing is called {other:?}").into()),
        };
        let mut figures = vec![load.seconds, load.cpu_seconds, load.mib, load.peak_mib];
        if let Some(held) = load.held {
            figures.push(held.memory_mib);
            figures.extend(held.exports);
        }
        let figures: Vec<String> = figures.iter().map(f64::to_string).collect();
        println!("{}", figures.join(" "));
        Ok(())
    }
}

fn parse_load(text: &str) -> Result<Load, Failure> {
    let figures: Result<Vec<f64>, _> = text.split_whitespace().map(str::parse).collect();
    let figures = figures?;
    let (&[seconds, cpu_seconds, mib, peak_mib], held) = figures
        .split_first_chunk::<4>()
        .ok_or_else(|| format!("four figures or more were expected in {text:?}"))?;
    let held = match *held {
        [] => None,
        [memory_mib, xml, json] => Some(Held {
            memory_mib,
            exports: [xml, json],
        }),
        _ => return Err(format!("four or seven figures were expected in {text:?}").into()),
    };
    Ok(Load {
        seconds,
        cpu_seconds,
        mib,
        peak_mib,
        held,
    })
}

/// Returns what all threads of this process have computed so far.
fn cpu_seconds() -> Result<f64, Failure> {
    /// A tick of the clock that Linux shows processes.
    const TICKS_PER_SECOND: f64 = 100.0;
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    // The program's name stands in brackets and may hold anything; what follows is numbers.
    let numbers = stat.rsplit(')').next().unwrap_or_default();
    let times = numbers.split_whitespace().skip(11).take(2).map(str::parse);
    let times: Result<Vec<f64>, _> = times.collect();
    Ok(times?.iter().sum::<f64>() / TICKS_PER_SECOND)
}

/// Returns the resident memory of a process, by its number or as `self`, in MiB: now as `VmRSS`, at most so far
/// as `VmHWM`.
pub fn resident_mib(process: &str, which: &str) -> Result<f64, Failure> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix(which));
    let kib = line.and_then(|line| line.trim_start_matches(':').split_whitespace().next());
    let kib = kib.ok_or_else(|| format!("no {which}"))?;
    Ok(kib.parse::<f64>()? / 1024.0)
}

fn folder_mib(path: &Path) -> Result<f64, Failure> {
    let mut bytes = 0;
    for entry in std::fs::read_dir(path)? {
        bytes += entry?.metadata()?.len();
    }
    Ok(bytes as f64 / 1_048_576.0)
}
