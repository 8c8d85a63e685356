//! Asks the engine and its peers the same requests over the same tickets, and tells.
//!
//! `cargo run --release -- [--worlds | --counts | --places | --writes | --commits | --openings | --http] [--record]`
//! prints the comparison as Markdown and, with `--record`, writes it to `benches/record`: requests, with a
//! picture, with `--worlds` the requests over the tickets of every world, with `--counts` counts by value,
//! with `--places` pages that follow a place, with `--writes` what it is to change tickets, with `--commits`
//! durable commits of many threads, with `--openings` how long it is from a stop to the first answers, or with
//! `--http` the requests over HTTP. `TICKETDEX_TICKETS` is the
//! number of tickets (100,000 unless given), `TICKETDEX_WORLD` the world that they are of (`desk` unless
//! given; `--worlds` takes those of a list with commas, or all), `TICKETDEX_PEERS` the folder for what was built
//! of them (one in the system's temporary folder unless given; at a million tickets it takes 10 GB a world).

use std::path::PathBuf;
use std::time::Instant;

use ticketdex::synth::World;
use ticketdex::{Format, Snapshot, Ticket};
use ticketdex_peers::compare::{ask_first, measure_row};
use ticketdex_peers::counts::Counts;
use ticketdex_peers::data::{Data, LOADS, SEED};
use ticketdex_peers::engine;
use ticketdex_peers::openings::Openings;
use ticketdex_peers::peer::{Failure, Peer};
use ticketdex_peers::places::Places;
use ticketdex_peers::readers;
use ticketdex_peers::record::{Export, Measured, Record};
use ticketdex_peers::record_http::Http;
use ticketdex_peers::record_writes::Writes;
use ticketdex_peers::sqlite::Sqlite;
use ticketdex_peers::table::{more_pages, rows};
use ticketdex_peers::tantivy::Tantivy;
use ticketdex_peers::worlds::Worlds;
use ticketdex_peers::writes::{self, Changes};
use ticketdex_peers::{commits, http_client, http_server, measure, plot, record_commits};

const TICKETS_COUNT: usize = 100_000;

fn main() -> Result<(), Failure> {
    let tickets_count = std::env::var("TICKETDEX_TICKETS");
    let tickets_count = tickets_count.map_or(Ok(TICKETS_COUNT), |text| text.parse())?;
    let folder = std::env::var_os("TICKETDEX_PEERS").map_or_else(
        || std::env::temp_dir().join("ticketdex-peers"),
        PathBuf::from,
    );
    let worlds = std::env::var("TICKETDEX_WORLD").unwrap_or_default();
    let names = worlds.split(',').filter(|name| !name.is_empty());
    let worlds: Vec<World> = names.map(str::parse).collect::<Result<_, _>>()?;
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let is_recorded = arguments.last() == Some(&"--record");
    if arguments.first() == Some(&"--worlds") {
        let worlds = match &worlds[..] {
            [] => World::ALL.to_vec(),
            _ => worlds,
        };
        let worlds = Worlds::measure(&folder, &worlds, tickets_count)?;
        return show(&worlds.to_markdown()?, "-worlds", is_recorded, None);
    }
    let world = worlds.first().copied().unwrap_or(World::Desk);
    let data = Data::open(&folder, world, tickets_count)?;
    let kind = match arguments[..arguments.len() - usize::from(is_recorded)] {
        ["--load", name] => return data.load_here(name),
        ["--serve", name] => return http_server::serve(&data, name),
        [] => "",
        [kind @ ("--counts" | "--places" | "--writes" | "--commits" | "--openings" | "--http")] => {
            &kind[1..]
        }
        _ => {
            return Err(
                "usage: ticketdex-peers [--worlds | --counts | --places | --writes | --commits | --openings | --http] [--record]"
                    .into(),
            );
        }
    };
    let (record, picture) = match kind {
        "" => {
            let record = compare(&data)?;
            (record.to_markdown()?, Some(plot::draw(&record)?))
        }
        "-http" => (load(&data)?.to_markdown()?, None),
        "-counts" => (count(&data)?.to_markdown()?, None),
        "-openings" => (Openings::measure(&data)?.to_markdown()?, None),
        "-places" => (place(&data)?.to_markdown()?, None),
        "-commits" => (
            record_commits::to_markdown(tickets_count, &commits::compare(&folder)?)?,
            None,
        ),
        _ => (write(&data)?.to_markdown()?, None),
    };
    show(&record, kind, is_recorded, picture)
}

/// Prints a record, and writes it to its place where that is asked for.
fn show(
    record: &str,
    kind: &str,
    is_recorded: bool,
    picture: Option<String>,
) -> Result<(), Failure> {
    println!("{record}");
    if is_recorded {
        let date = chrono::DateTime::from(std::time::SystemTime::now())
            .format("%Y-%m-%d")
            .to_string();
        let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../record");
        std::fs::create_dir_all(&folder)?;
        std::fs::write(folder.join(format!("{date}{kind}.md")), record)?;
        if let Some(picture) = picture {
            std::fs::write(folder.join(format!("{date}.svg")), picture)?;
        }
    }
    Ok(())
}

/// Asks the same requests over HTTP of three services, one after the other.
fn load(data: &Data) -> Result<Http, Failure> {
    tell("loading SQLite");
    data.load("SQLite")?;
    let rows = rows(data.scan()?.tickets(), data.world())?;
    let mut runs = Vec::new();
    for name in http_server::SERVICES {
        tell(&format!("serving {name}"));
        runs.push(http_client::run(name, &rows)?);
    }
    Ok(Http {
        tickets_count: data.tickets_count(),
        runs,
    })
}

/// Counts by value.
fn count(data: &Data) -> Result<Counts, Failure> {
    let (snapshot, scan) = (data.store()?.snapshot(), data.scan()?);
    let (sqlite, tantivy) = open(data)?;
    let peers: [&dyn Peer; 3] = [&sqlite, &tantivy, &scan];
    Counts::measure(data.tickets_count(), &snapshot, &peers)
}

/// Asks for pages by place and by number.
fn place(data: &Data) -> Result<Places, Failure> {
    let (snapshot, scan) = (data.store()?.snapshot(), data.scan()?);
    let (sqlite, tantivy) = open(data)?;
    let peers: [&dyn Peer; 3] = [&sqlite, &tantivy, &scan];
    Places::measure(data.tickets_count(), &snapshot, &sqlite, &peers)
}

/// Opens the peers that keep what they built, which they build first where they have not yet.
fn open(data: &Data) -> Result<(Sqlite, Tantivy), Failure> {
    for name in ["SQLite", "Tantivy"] {
        tell(&format!("loading {name}"));
        data.load(name)?;
    }
    Ok((data.sqlite()?, data.tantivy()?))
}

fn compare(data: &Data) -> Result<Record, Failure> {
    let mut loads = Vec::new();
    for name in LOADS {
        tell(&format!("loading {name}"));
        loads.push((name, data.load(name)?));
    }
    tell("opening");
    let scan = data.scan()?;
    let rows = rows(scan.tickets(), data.world())?;
    let (snapshot, firsts) = ask_first(data, &rows)?;
    let sqlite = data.sqlite()?;
    let tantivy = data.tantivy()?;
    let peers: [&dyn Peer; 3] = [&sqlite, &tantivy, &scan];
    let mut measured = Vec::new();
    for (row, first) in rows.into_iter().zip(firsts) {
        tell(row.name);
        measured.push(measure_row(row, first, &snapshot, &peers)?);
    }
    let scale = scale_published(&mut measured);
    tell("exporting");
    let exports = vec![
        export(Format::Xml, &snapshot, &peers)?,
        export(Format::Json, &snapshot, &peers)?,
    ];
    Ok(Record {
        tickets_count: data.tickets_count(),
        rows: measured,
        scale,
        exports,
        loads,
        memory: snapshot.memory(),
    })
}

/// Changes tickets here and in SQLite, and asks what that does to readers.
fn write(data: &Data) -> Result<Writes, Failure> {
    data.load("SQLite")?;
    tell("opening");
    let tickets: Result<Vec<Ticket>, _> = data.import()?.into_iter().collect();
    let tickets = tickets?;
    let mut rows = rows(&tickets, data.world())?;
    rows.extend(more_pages()?);
    let tids = tickets.iter().map(|ticket| ticket.tid).collect();
    drop(tickets);
    let mut changes = Changes::new(SEED, tids);
    let mut store = data.store()?;
    tell("writing");
    let lines = writes::compare(&mut store, &data.sqlite()?, &mut changes)?;
    store.merge_all();
    tell("reading beside a writer");
    let windows = readers::beside_a_writer(&mut store, &rows, &mut changes)?;
    store.merge_all();
    tell("writing one by one");
    let commits = readers::COMMITS.min(data.tickets_count());
    let fragmented = readers::fragmented(&mut store, &rows, &mut changes, commits)?;
    Ok(Writes {
        tickets_count: data.tickets_count(),
        lines,
        windows,
        fragmented,
    })
}

/// Adds the peers that are not run: their published figures, scaled by the linear scan.
fn scale_published(measured: &mut [Measured]) -> f64 {
    let ratios = measured.iter().filter_map(|row| {
        let published = row.row.published?;
        Some(row.peers[2]? / published.scan)
    });
    let scale = measure::geometric_mean(&ratios.collect::<Vec<f64>>()).unwrap_or(1.0);
    for row in measured {
        if let Some(published) = row.row.published {
            row.peers[3] = Some(published.duckdb * scale);
            row.peers[4] = Some(published.polars * scale);
        }
    }
    scale
}

fn export(format: Format, snapshot: &Snapshot, peers: &[&dyn Peer; 3]) -> Result<Export, Failure> {
    let mut rates = Vec::new();
    for peer in peers {
        let start = Instant::now();
        let bytes = match format {
            Format::Xml => peer.export_xml()?,
            _ => peer.export_json()?,
        };
        if let Some(bytes) = bytes {
            let rate = bytes as f64 / start.elapsed().as_secs_f64() / 1e9;
            rates.push((peer.name(), rate));
        }
    }
    Ok(Export {
        format,
        engine: engine::export(snapshot, format)?,
        peers: rates,
    })
}

fn tell(what: &str) {
    eprintln!("{what} …");
}
