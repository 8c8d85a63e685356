//! What is committed to a durable store is found again, and what is damaged is refused.

mod common;

use std::fs;
use std::io::{self, BufReader, Read};
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use common::everything;
use common::folder::Folder;
use common::nasty::{Random, make_batch, make_tickets, split};
use redb::{Database, TableDefinition};
use ticketdex::reference::Reference;
use ticketdex::{
    Batch, CUSTOM_NAMES_MAX, Error, Format, Import, ImportFormat, Query, Store, TEXT_BYTES_MAX,
    Ticket, durable,
};

fn assert_is(store: &Store, reference: &Reference) {
    let snapshot = store.snapshot();
    assert_eq!(snapshot.check_invariants(), Ok(()));
    assert_eq!(snapshot.custom_names(), reference.custom_names());
    let expected = reference.respond(&Query::default(), Format::Json);
    assert!(everything(&snapshot) == expected, "another content");
}

fn ticket(tid: u64, status: &str) -> Ticket {
    Ticket {
        tid,
        status: status.into(),
        ..Ticket::default()
    }
}

fn put(tickets: impl IntoIterator<Item = Ticket>) -> Batch {
    let mut batch = Batch::new();
    for ticket in tickets {
        batch.put(ticket);
    }
    batch
}

/// Makes a store where none is.
fn create(path: &Path) -> Store {
    let options = durable::Options::new().create(true);
    options.open(path).unwrap()
}

/// The ways to open a store that shall not show in what it holds.
fn ways() -> [durable::Options; 3] {
    [
        durable::Options::new(),
        durable::Options::new().threads(3).cache_bytes(0),
        durable::Options::new()
            .threads(2)
            .may_lose(Duration::from_millis(3)),
    ]
}

#[test]
fn a_reopened_store_is_the_reference() {
    let folder = Folder::new("reopened");
    for seed in 1..=24 {
        println!("seed {seed}");
        let mut random = Random::new(seed);
        let path = folder.join(&format!("{seed}.redb"));
        let mut reference = Reference::new();
        let tickets = make_tickets(&mut random, 60);
        let tids: Vec<u64> = tickets.iter().map(|ticket| ticket.tid).collect();
        let mut batches = split(&mut random, &tickets, 5);
        batches.extend((0..9).map(|_| make_batch(&mut random, &tids)));
        let mut store = create(&path);
        for batch in batches {
            let expected = reference.commit(&batch).map_err(|error| error.code());
            let got = store.commit(batch).map_err(|error| error.code());
            assert_eq!(got.map(|_| ()), expected);
            if random.is_one_in(2) {
                drop(store);
                store = random.choose(&ways()).open(&path).unwrap();
                assert_is(&store, &reference);
            }
        }
        drop(store);
        assert_is(&durable::open(&path).unwrap(), &reference);
    }
}

fn import(lines: &str) -> Import<&[u8]> {
    Import::new(ImportFormat::JsonLines, lines.as_bytes())
}

#[test]
fn loads_are_found_again_and_replace_as_in_memory() {
    let folder = Folder::new("loads");
    for (number, options) in ways().into_iter().enumerate() {
        let path = folder.join(&format!("{number}.redb"));
        let mut store = options.clone().create(true).open(&path).unwrap();
        // Several blocks of tickets, and several of what waits to be written.
        let line = |tid: u64| {
            let words = "words ".repeat(200);
            format!(
                "{{\"tid\":{tid},\"custom_fields\":{{\"n{}\":\"x\"}},\"summary\":\"{words}\"}}\n",
                tid % 9
            )
        };
        let lines: String = (1..=3000).rev().map(line).collect();
        store.load(import(&lines)).unwrap();
        let broken = format!("{lines}no\n");
        assert!(store.load(import(&broken)).is_err());
        let loaded = everything(&store.snapshot());
        drop(store);
        let mut store = options.clone().open(&path).unwrap();
        assert_eq!(store.snapshot().tickets_count(), 3000);
        assert!(everything(&store.snapshot()) == loaded);

        store.replace(import("{\"tid\":5}\n{\"tid\":9}\n")).unwrap();
        assert!(store.replace(import(&broken)).is_err());
        let replaced = everything(&store.snapshot());
        drop(store);
        let store = options.open(&path).unwrap();
        assert_eq!(store.snapshot().tickets_count(), 2);
        assert_eq!(store.snapshot().custom_names().len(), 9);
        assert!(everything(&store.snapshot()) == replaced);
    }
}

#[test]
fn the_limits_of_a_ticket_are_found_again() {
    let folder = Folder::new("limits");
    let path = folder.join("limits.redb");
    let names = (0..CUSTOM_NAMES_MAX).map(|n| (format!("n{n}"), "ß".repeat(n % 3)));
    let most = Ticket {
        tid: u64::MAX,
        company_id: u64::MAX,
        subject: "\0".repeat(TEXT_BYTES_MAX),
        summary: "é".repeat(TEXT_BYTES_MAX / 2),
        custom_fields: names.collect(),
        ..Ticket::default()
    };
    let batch = put([most, ticket(1, "")]);
    let mut reference = Reference::new();
    reference.commit(&batch).unwrap();
    let mut store = create(&path);
    store.commit(batch).unwrap();
    drop(store);
    let mut store = durable::open(&path).unwrap();
    assert_is(&store, &reference);
    let mut one_more = ticket(2, "");
    one_more
        .custom_fields
        .push(("one_more".into(), String::new()));
    let error = store.commit(put([one_more])).unwrap_err();
    assert_eq!(error.code(), "too_many_custom_fields");
}

#[test]
fn names_stay_when_their_tickets_go() {
    let folder = Folder::new("names");
    let path = folder.join("names.redb");
    let mut store = create(&path);
    let mut batch = Batch::new();
    for name in ["b", "A", "c"] {
        let custom_fields = vec![(name.to_owned(), String::new())];
        batch.put(Ticket {
            custom_fields,
            ..ticket(1, "")
        });
    }
    store.commit(batch).unwrap();
    let mut batch = Batch::new();
    batch.remove(1).remove(2);
    store.commit(batch).unwrap();
    drop(store);
    let snapshot = durable::open(&path).unwrap().snapshot();
    assert_eq!(snapshot.tickets_count(), 0);
    assert_eq!(snapshot.custom_names(), ["b", "A", "c"]);
}

#[test]
fn a_commit_that_returned_is_in_the_file() {
    let folder = Folder::new("returned");
    let path = folder.join("tickets.redb");
    let copy = folder.join("copy.redb");
    let mut store = create(&path);
    for tid in 1..=20 {
        store.commit(put([ticket(tid, "Open")])).unwrap();
        // What a killed process leaves is what another sees in the file now.
        fs::copy(&path, &copy).unwrap();
        let found = durable::open(&copy).unwrap();
        assert!(everything(&found.snapshot()) == everything(&store.snapshot()));
    }
}

#[test]
fn a_store_that_may_lose_syncs_in_time_and_on_demand() {
    let folder = Folder::new("may_lose");
    let path = folder.join("tickets.redb");
    let copy = folder.join("copy.redb");
    let count_in_file = || {
        fs::copy(&path, &copy).unwrap();
        durable::open(&copy).unwrap().snapshot().tickets_count()
    };
    let hour = Duration::from_hours(1);
    let mut store = durable::Options::new()
        .create(true)
        .may_lose(hour)
        .open(&path)
        .unwrap();
    store.commit(put([ticket(1, "")])).unwrap();
    store.commit(put([ticket(2, "")])).unwrap();
    assert_eq!(store.snapshot().tickets_count(), 2);
    // The first waits, as it reserves the numbers of those after it.
    assert_eq!(count_in_file(), 1);
    store.sync().unwrap();
    assert_eq!(count_in_file(), 2);
    store.commit(put([ticket(3, "")])).unwrap();
    drop(store);
    assert_eq!(count_in_file(), 3);

    let soon = Duration::from_millis(1);
    let mut store = durable::Options::new().may_lose(soon).open(&path).unwrap();
    store.commit(put([ticket(4, "")])).unwrap();
    // Waits as long as a slow disk may take, and fails only after that.
    let is_synced = (0..2000).any(|_| {
        std::thread::sleep(Duration::from_millis(5));
        count_in_file() == 4
    });
    assert!(is_synced);
    store.commit(put([ticket(5, "")])).unwrap();
}

/// The end of an input, with something to be done when it is reached.
struct End<F>(F);

impl<F: FnMut()> Read for End<F> {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        (self.0)();
        Ok(0)
    }
}

#[test]
fn a_load_keeps_no_earlier_commit_off_the_disk() {
    let folder = Folder::new("may_lose_load");
    let path = folder.join("tickets.redb");
    let copy = folder.join("copy.redb");
    let options = durable::Options::new().create(true);
    let options = options.may_lose(Duration::from_hours(1));
    let mut store = options.open(&path).unwrap();
    // The first waits for the disk in any case.
    store.commit(put([ticket(1, "")])).unwrap();
    // Not all of these changes wait in memory for the end of the input.
    let line = |tid: u32| format!("{{\"tid\":{tid}}}\n");
    let lines: String = (3..80_000).map(line).collect();
    for replaces in [false, true] {
        store.commit(put([ticket(2, "")])).unwrap();
        let expected = store.snapshot().tickets_count();
        let mut found = None;
        let end = End(|| {
            fs::copy(&path, &copy).unwrap();
            found = Some(durable::open(&copy).unwrap().snapshot().tickets_count());
        });
        let input = BufReader::new(lines.as_bytes().chain(end));
        let import = Import::new(ImportFormat::JsonLines, input);
        if replaces {
            store.replace(import).unwrap();
        } else {
            store.load(import).unwrap();
        }
        assert_eq!(found, Some(expected), "{replaces}");
    }
}

#[test]
fn a_store_is_open_once() {
    let folder = Folder::new("once");
    let path = folder.join("tickets.redb");
    let store = create(&path);
    let error = durable::open(&path).unwrap_err();
    assert_eq!((error.code(), error.is_request()), ("store_in_use", false));
    let expected = format!(
        "the store {} is open elsewhere and must be closed there first",
        path.display()
    );
    assert_eq!(error.to_string(), expected);
    drop(store);
    durable::open(&path).unwrap();
}

fn open_error(path: &Path) -> Error {
    let error = durable::open(path).unwrap_err();
    assert!(!error.is_request());
    error
}

#[test]
fn what_is_no_store_is_refused_and_left_as_it_is() {
    let folder = Folder::new("foreign");
    let path = folder.join("foreign");
    let mut sqlite = b"SQLite format 3\0".to_vec();
    sqlite.resize(8192, 0);
    for bytes in [&b"x"[..], b"{\"tid\":1}\n", &sqlite, &[1; 8192]] {
        fs::write(&path, bytes).unwrap();
        let error = open_error(&path);
        assert_eq!(error.code(), "invalid_store", "{error}");
        let expected = format!("{} is not a ticketdex store", path.display());
        assert!(error.to_string().starts_with(&expected), "{error}");
        assert!(fs::read(&path).unwrap() == bytes);
    }
    let error = open_error(&folder.0);
    assert_eq!(error.code(), "invalid_store");
    assert!(
        error
            .to_string()
            .ends_with("is not a ticketdex store: it is a folder"),
        "{error}"
    );
    // A store is made only where that is asked for, and where it can be.
    let missing = folder.join("no/folder");
    let error = open_error(&missing);
    let expected = format!(
        "{} is not there, and a store is made only where that is asked for",
        missing.display()
    );
    assert_eq!(
        (error.code(), error.to_string()),
        ("invalid_store", expected)
    );
    let error = durable::Options::new()
        .create(true)
        .open(&missing)
        .unwrap_err();
    let expected = format!("{}: the store cannot be made", missing.display());
    assert_eq!((error.code(), error.to_string()), ("storage", expected));
    assert!(std::error::Error::source(&error).is_some());
}

/// Returns what may not change: the bytes of a file and its time stamps.
fn state(path: &Path) -> (Vec<u8>, [std::time::SystemTime; 2]) {
    let metadata = fs::metadata(path).unwrap();
    // Reading it below would change when it was last read.
    let times = [metadata.modified().unwrap(), metadata.accessed().unwrap()];
    (fs::read(path).unwrap(), times)
}

/// Tries every way to open a file that is no whole store, and checks that it stays as it is.
#[track_caller]
fn assert_refused(path: &Path, what: &str) {
    let (bytes, [modified, _]) = state(path);
    let accessed = fs::metadata(path).unwrap().accessed().unwrap();
    for error in [
        durable::open(path).map(|_| ()).unwrap_err(),
        durable::Options::new()
            .create(true)
            .open(path)
            .map(|_| ())
            .unwrap_err(),
        durable::open_read_only(path).map(|_| ()).unwrap_err(),
    ] {
        assert_eq!(error.code(), "invalid_store", "{what}: {error}");
        assert!(
            error.to_string().starts_with(&path.display().to_string()),
            "{error}"
        );
    }
    let metadata = fs::metadata(path).unwrap();
    assert_eq!(metadata.modified().unwrap(), modified, "{what}");
    assert_eq!(metadata.accessed().unwrap(), accessed, "{what}");
    assert!(fs::read(path).unwrap() == bytes, "{what} has changed");
}

/// A crash may leave a file of a length without its content, or none at all.
#[test]
fn a_file_that_is_not_whole_is_never_taken_for_empty() {
    let folder = Folder::new("cut");
    let path = folder.join("tickets.redb");
    let mut store = create(&path);
    for tid in 1..=300 {
        let subject = "x".repeat(900);
        store
            .commit(put([Ticket {
                subject,
                ..ticket(tid, "Open")
            }]))
            .unwrap();
    }
    drop(store);
    let whole = fs::read(&path).unwrap();
    assert_eq!(durable::open_read_only(&path).unwrap().tickets_count(), 300);
    let mut cases: Vec<(String, Vec<u8>)> = Vec::new();
    for length in [0, 1, 5, 4096, 8192, 73_728, whole.len()] {
        cases.push((format!("{length} zeros"), vec![0; length]));
    }
    for length in (0..whole.len()).step_by(whole.len() / 23) {
        cases.push((
            format!("the first {length} bytes"),
            whole[..length].to_vec(),
        ));
        let mut zeroed = whole.clone();
        zeroed[length..].fill(0);
        cases.push((format!("zeros from {length} on"), zeroed));
    }
    let mut header = vec![0; whole.len()];
    header[9..320].copy_from_slice(&whole[9..320]);
    cases.push(("a header without its first bytes".to_owned(), header));
    let mut headless = whole.clone();
    headless[..4096].fill(0);
    cases.push(("no header".to_owned(), headless));
    cases.push((
        "a small file that begins with zeros".to_owned(),
        b"\0\0\0\0icon".to_vec(),
    ));
    let mut sqlite = b"SQLite format 3\0".to_vec();
    sqlite.resize(8192, 0);
    cases.push(("a database of SQLite".to_owned(), sqlite));
    cases.push(("tickets".to_owned(), b"{\"tid\":1}\n".to_vec()));
    for (what, bytes) in cases {
        fs::write(&path, bytes).unwrap();
        match durable::open_read_only(&path) {
            // The end of the file has no page in use.
            Ok(snapshot) if what.starts_with("zeros from") => {
                assert_eq!(snapshot.tickets_count(), 300, "{what}");
            }
            _ => assert_refused(&path, &what),
        }
    }
    let database = folder.join("other.redb");
    drop(Database::create(&database).unwrap());
    assert_refused(&database, "a database without a table");
    assert_eq!(
        fs::read_dir(&folder.0).unwrap().count(),
        2,
        "something was left"
    );
}

#[test]
fn reading_changes_nothing_and_needs_no_right_to_write() {
    let folder = Folder::new("read");
    let path = folder.join("tickets.redb");
    let mut store = create(&path);
    store.commit(put([ticket(1, "Open")])).unwrap();
    assert_eq!(
        durable::open_read_only(&path).unwrap_err().code(),
        "store_in_use"
    );
    // What a crash leaves needs a repair, which reading makes in memory.
    let killed = folder.join("killed.redb");
    fs::copy(&path, &killed).unwrap();
    drop(store);
    for path in [&path, &killed] {
        let (bytes, _) = state(path);
        let mut permissions = fs::metadata(path).unwrap().permissions();
        permissions.set_readonly(true);
        fs::set_permissions(path, permissions).unwrap();
        let times = |path| {
            let metadata = fs::metadata(path).unwrap();
            (metadata.modified().unwrap(), metadata.accessed().unwrap())
        };
        let before = times(path);
        for _ in 0..3 {
            let snapshot = durable::open_read_only(path).unwrap();
            // The file is read, and free for others.
            let again = durable::Options::new()
                .threads(3)
                .open_read_only(path)
                .unwrap();
            assert_eq!((snapshot.tickets_count(), again.tickets_count()), (1, 1));
        }
        assert_eq!(times(path), before);
        assert!(fs::read(path).unwrap() == bytes);
    }
}

#[test]
fn a_store_that_is_opened_to_be_written_and_is_not_stays_as_it_is() {
    let folder = Folder::new("unwritten");
    let path = folder.join("tickets.redb");
    let mut store = create(&path);
    store.commit(put([ticket(1, "Open")])).unwrap();
    let killed = folder.join("killed.redb");
    fs::copy(&path, &killed).unwrap();
    drop(store);
    for path in [&path, &killed] {
        let before = (
            fs::read(path).unwrap(),
            fs::metadata(path).unwrap().modified().unwrap(),
        );
        for options in ways() {
            let store = options.open(path).unwrap();
            assert_eq!(store.snapshot().tickets_count(), 1);
            assert_eq!(durable::open(path).unwrap_err().code(), "store_in_use");
        }
        let after = (
            fs::read(path).unwrap(),
            fs::metadata(path).unwrap().modified().unwrap(),
        );
        assert!(before == after);
        // What was held is written with the first change.
        let mut store = durable::open(path).unwrap();
        store.commit(put([ticket(2, "Open")])).unwrap();
        drop(store);
        assert_eq!(durable::open_read_only(path).unwrap().tickets_count(), 2);
    }
}

#[test]
fn two_who_make_a_store_make_one() {
    let folder = Folder::new("two");
    for round in 0..20 {
        let path = folder.join(&format!("{round}.redb"));
        let made = thread::scope(|scope| {
            let open_new = || {
                let mut store = durable::Options::new().create(true).open(&path)?;
                store.commit(put([ticket(1, "Open")])).map(|_| ())
            };
            let others: Vec<_> = (0..3).map(|_| scope.spawn(open_new)).collect();
            let made = others.into_iter().map(|other| other.join().unwrap());
            made.collect::<Vec<Result<(), Error>>>()
        });
        assert!(made.iter().any(Result::is_ok), "{made:?}");
        let refused = made.iter().filter_map(|made| made.as_ref().err());
        refused.for_each(|error| assert_eq!(error.code(), "store_in_use", "{error}"));
        assert_eq!(durable::open(&path).unwrap().snapshot().tickets_count(), 1);
    }
    assert_eq!(
        fs::read_dir(&folder.0).unwrap().count(),
        20,
        "something was left"
    );
}

/// Containers that share a folder may have processes of one id, which make the same store.
#[test]
fn a_file_that_another_process_of_the_same_id_makes_is_left_alone() {
    let folder = Folder::new("same_id");
    let id = std::process::id();
    let others: Vec<_> = (0..500)
        .map(|count| folder.join(&format!(".tickets.redb.new-{id}-{count}")))
        .collect();
    for other in &others {
        fs::write(other, "half").unwrap();
    }
    drop(create(&folder.join("tickets.redb")));
    for other in &others {
        assert_eq!(fs::read(other).unwrap(), b"half", "{}", other.display());
    }
    // One that was left for more than an hour is removed.
    let file = fs::File::options().write(true).open(&others[7]).unwrap();
    let time = std::time::SystemTime::now() - Duration::from_hours(2);
    file.set_modified(time).unwrap();
    fs::remove_file(folder.join("tickets.redb")).unwrap();
    drop(create(&folder.join("tickets.redb")));
    assert!(!others[7].exists() && others[8].exists());
    assert_eq!(fs::read_dir(&folder.0).unwrap().count(), 500);
}

#[cfg(unix)]
#[test]
fn a_link_leads_to_a_store_or_is_refused() {
    let folder = Folder::new("link");
    let (path, link) = (folder.join("tickets.redb"), folder.join("link.redb"));
    std::os::unix::fs::symlink(&path, &link).unwrap();
    let options = || durable::Options::new().create(true);
    assert_eq!(options().open(&link).unwrap_err().code(), "invalid_store");
    assert!(!fs::exists(&path).unwrap());
    drop(create(&path));
    assert_eq!(options().open(&link).unwrap().snapshot().tickets_count(), 0);
}

#[test]
fn the_database_of_another_program_is_refused() {
    let folder = Folder::new("another");
    let another = |name: &str, table: &str, format: Option<u64>| {
        let path = folder.join(name);
        let database = Database::create(&path).unwrap();
        let transaction = database.begin_write().unwrap();
        {
            let definition: TableDefinition<&str, u64> = TableDefinition::new(table);
            let mut table = transaction.open_table(definition).unwrap();
            if let Some(format) = format {
                table.insert("format", format).unwrap();
            }
        }
        transaction.commit().unwrap();
        path
    };
    for (name, table, format, reason) in [
        ("a", "tickets", None, "is not a ticketdex store"),
        ("b", "other", Some(1), "is not a ticketdex store"),
        ("c", "ticketdex", None, "format 0"),
        ("e", "ticketdex", Some(1), "is not a ticketdex store"),
    ] {
        let error = open_error(&another(name, table, format));
        assert_eq!(error.code(), "invalid_store", "{name}: {error}");
        assert!(error.to_string().contains(reason), "{name}: {error}");
    }
    let error = open_error(&another("d", "ticketdex", Some(3)));
    assert_eq!(error.code(), "newer_store", "{error}");
    assert!(error.to_string().contains("format 3"), "{error}");
}

#[test]
fn a_store_is_opened_with_the_options_of_its_memory() {
    let folder = Folder::new("options");
    let path = folder.join("a");
    let narrow = ticketdex::Options::default().memory_bytes_max(1 << 14);
    let options = || durable::Options::new().create(true).store(narrow.clone());
    let mut store = options().open(&path).unwrap();
    let shown = format!("{store:?}");
    assert!(shown.contains("has_journal: true"), "{shown}");
    let mut batch = Batch::new();
    batch.put(Ticket {
        subject: "x".repeat(1 << 16),
        ..ticket(1, "Open")
    });
    assert_eq!(store.commit(batch).unwrap_err().code(), "too_much_memory");
}

/// A process that starts holds for a moment what this one has open, locks too.
#[test]
fn a_store_opens_while_processes_start() {
    let folder = Folder::new("starts");
    let path = folder.join("a");
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while !is_over.load(Ordering::Relaxed) {
                    let mut command = Command::new(std::env::current_exe().unwrap());
                    // A step before the program makes it a fork, which takes longer.
                    let output = command.arg("--list").current_dir(&*folder.0).output();
                    assert!(output.unwrap().status.success());
                }
            });
        }
        drop(create(&path));
        let opened: Vec<_> = (0..200)
            .map(|_| durable::open(&path).map(drop).err())
            .collect();
        is_over.store(true, Ordering::Relaxed);
        let failed: Vec<_> = opened.into_iter().flatten().collect();
        assert!(failed.is_empty(), "{} of 200: {}", failed.len(), failed[0]);
    });
}
