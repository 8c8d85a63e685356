//! A store that is opened from its image is the one that was written, and no image is believed that is
//! another's, another moment's, or damaged.
//!
//! `TICKETDEX_SEED` is the seed of the lives and of the places, `TICKETDEX_LIVES` how many lives
//! there are.

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use common::checks::compare;
use common::folder::Folder;
use common::model::check_removals;
use common::nasty::{Random, make_batch, make_request, make_ticket, make_tickets};
use common::{environment, everything};
use redb::{Database, TableDefinition};
use ticketdex::durable::{self, Opened};
use ticketdex::reference::Reference;
use ticketdex::{Batch, Field, Format, Options, Patch, Query, Snapshot, Store, Texts, Ticket};

impl Folder {
    fn store(&self) -> PathBuf {
        self.0.join("tickets.redb")
    }
}

fn image_of(path: &Path) -> PathBuf {
    path.with_file_name("tickets.redb.image")
}

fn options() -> durable::Options {
    durable::Options::new().create(true)
}

fn open(path: &Path) -> (Store, Opened) {
    options().open_told(path).unwrap()
}

fn write_image(store: &Store) -> durable::ImageWritten {
    durable::image_job(store).unwrap().run().unwrap()
}

fn put(tickets: impl IntoIterator<Item = Ticket>) -> Batch {
    tickets.into_iter().collect()
}

fn plain(tid: u64, status: &str) -> Ticket {
    Ticket {
        tid,
        status: status.into(),
        ..Ticket::default()
    }
}

fn remove(tid: u64) -> Batch {
    let mut batch = Batch::new();
    batch.remove(tid);
    batch
}

/// The files of a folder, by name.
fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let entries = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    entries
        .map(|path| (path.clone(), fs::read(&path).unwrap()))
        .collect()
}

/// Puts a folder of files back as it was.
fn put_back(folder: &Path, files: &BTreeMap<PathBuf, Vec<u8>>) {
    let _ = fs::remove_dir_all(folder);
    fs::create_dir_all(folder).unwrap();
    for (path, bytes) in files {
        fs::write(folder.join(path.file_name().unwrap()), bytes).unwrap();
    }
}

fn assert_is(snapshot: &Snapshot, reference: &Reference) {
    assert_eq!(snapshot.check_invariants(), Ok(()));
    assert_eq!(snapshot.custom_names(), reference.custom_names());
    assert_eq!(snapshot.version(), reference.version());
    let expected = reference.respond(&Query::default(), Format::Json);
    assert!(everything(snapshot) == expected, "another content");
    for ticket in reference.tickets() {
        let version = reference.version_of(ticket.tid);
        assert_eq!(snapshot.version_of(ticket.tid), version);
    }
}

/// A store on disk, and what it must be.
struct Life {
    folder: Folder,
    own: Options,
    options: durable::Options,
    removals_max: usize,
    store: Option<Store>,
    reference: Reference,
    /// Jobs that were taken and not run.
    jobs: Vec<durable::ImageJob>,
    from_image: u64,
}

impl Life {
    fn new(seed: u64, random: &mut Random) -> Life {
        let removals_max = random.choose(&[1_000, 12, 0]);
        let rows_max = random.choose(&[0, 4, 12, 40, 16_384]);
        let own = Options::default();
        let own = own.commit_rows_max(rows_max).removals_max(removals_max);
        let own = own.packed_bytes_min(0);
        let threads = random.choose(&[1, 3]);
        let options = options().store(own.clone()).threads(threads);
        let folder = Folder::new(&format!("image_life_{seed}"));
        let store = options.clone().open(folder.store()).unwrap();
        Life {
            folder,
            own,
            options,
            removals_max,
            store: Some(store),
            reference: Reference::new(),
            jobs: Vec::new(),
            from_image: 0,
        }
    }

    fn store(&mut self) -> &mut Store {
        self.store.as_mut().unwrap()
    }

    fn step(&mut self, random: &mut Random) {
        match random.below(9) {
            0..3 => {
                let known: Vec<u64> = self.reference.tickets().map(|it| it.tid).collect();
                let batch = make_batch(random, &known);
                let expected = self.reference.commit(&batch).map_err(|error| error.code());
                let got = self.store().commit(batch).map(drop);
                assert_eq!(got.map_err(|error| error.code()), expected.map(drop));
            }
            3 => {
                let mut batch = Batch::new();
                for ticket in self.reference.tickets() {
                    if random.is_one_in(3) {
                        batch.patch(ticket.tid, Patch::new().set(Field::Status, "Patched"));
                    }
                }
                self.reference.commit(&batch).unwrap();
                self.store().commit(batch).unwrap();
            }
            4 => {
                let store = self.store();
                if let Some(job) = store.merge_job() {
                    store.install(job.run());
                } else if random.is_one_in(3) {
                    store.merge_all();
                }
            }
            5 => self
                .jobs
                .extend(durable::image_job(self.store.as_ref().unwrap())),
            6 => {
                if let Some(job) = self.jobs.pop() {
                    job.run().unwrap();
                }
            }
            7 => {
                if random.is_one_in(4) {
                    let _ = fs::remove_dir_all(image_of(&self.folder.store()));
                }
            }
            _ => self.reopen(random),
        }
    }

    /// Opens the store again, after it was closed or as a kill leaves it.
    fn reopen(&mut self, random: &mut Random) {
        let path = self.folder.store();
        let killed = random.is_one_in(2).then(|| fs::read(&path).unwrap());
        self.jobs.clear();
        self.store = None;
        if let Some(bytes) = killed {
            fs::write(&path, bytes).unwrap();
        }
        if random.is_one_in(3) {
            let read = self.options.clone().open_read_only(&path).unwrap();
            assert_is(&read, &self.reference);
        }
        // What was kept in one way is read, and merged, by a store that keeps texts in another.
        let texts = random.choose(&[Texts::Fast, Texts::Compact]);
        self.options = self.options.clone().store(self.own.clone().texts(texts));
        let (store, opened) = self.options.clone().open_told(&path).unwrap();
        assert_is(&store.snapshot(), &self.reference);
        check_removals(&store.snapshot(), &self.reference, self.removals_max);
        for _ in 0..3 {
            let tickets: Vec<Ticket> = self.reference.tickets().cloned().collect();
            let request = make_request(random, &tickets);
            compare(&store.snapshot(), &self.reference, &request);
        }
        self.from_image += u64::from(opened.from_image);
        self.store = Some(store);
    }
}

#[test]
fn a_store_lives_on_from_its_images() {
    let first = environment("TICKETDEX_SEED", 1);
    let lives = environment("TICKETDEX_LIVES", 150);
    let mut from_image = 0;
    for seed in first..first + lives {
        println!("TICKETDEX_LIVES=1 TICKETDEX_SEED={seed}");
        let mut random = Random::new(seed);
        let mut life = Life::new(seed, &mut random);
        for _ in 0..10 + random.below(40) {
            life.step(&mut random);
        }
        life.reopen(&mut random);
        from_image += life.from_image;
    }
    println!("{from_image} openings from an image");
    assert!(from_image >= lives / 2);
}

#[test]
fn only_new_segments_are_written_and_only_what_changed_is_replayed() {
    let folder = Folder::new("image_incremental");
    let path = folder.store();
    let (mut store, _) = open(&path);
    assert!(durable::image_job(&Store::default()).is_none());
    let tickets = (1..=20_000).map(|tid| plain(tid, "Open"));
    store.commit(put(tickets)).unwrap();
    let job = durable::image_job(&store).unwrap();
    assert_eq!(job.changed_count(), 20_000);
    let first = job.run().unwrap();
    assert_eq!((first.version, first.segments_count), (1, 1));
    assert!(durable::image_job(&store).is_none());
    store
        .commit(put((7..=9).map(|tid| plain(tid, "New"))))
        .unwrap();
    store.commit(remove(8)).unwrap();
    let mut batch = Batch::new();
    batch.patch(50, Patch::new().set(Field::Status, "Patched"));
    store.commit(batch).unwrap();
    let expected = everything(&store.snapshot());
    let killed = fs::read(&path).unwrap();
    drop(store);
    fs::write(&path, killed).unwrap();

    let (store, opened) = open(&path);
    assert_eq!(
        (opened.from_image, opened.replayed, opened.refused),
        (true, 4, None)
    );
    assert!(everything(&store.snapshot()) == expected);
    assert_eq!(store.snapshot().version(), 4);
    let job = durable::image_job(&store).unwrap();
    assert_eq!(job.changed_count(), 5);
    let second = job.run().unwrap();
    assert_eq!((second.version, second.segments_count), (4, 1));
    assert!(
        second.bytes < first.bytes / 10,
        "{second:?} after {first:?}"
    );
    drop(store);
    let (store, opened) = open(&path);
    assert_eq!((opened.from_image, opened.replayed), (true, 0));
    assert!(everything(&store.snapshot()) == expected);
    assert_eq!(files(&image_of(&path)).len(), 3);
}

#[test]
fn what_an_image_holds_already_is_not_counted_as_changed() {
    let folder = Folder::new("image_counted");
    let path = folder.store();
    let (mut store, _) = open(&path);
    let changed_count = |store: &Store| durable::image_job(store).unwrap().changed_count();
    store
        .commit(put((1..=500).map(|tid| plain(tid, "Open"))))
        .unwrap();
    write_image(&store);
    store
        .commit(put((1..=100).map(|tid| plain(tid, "New"))))
        .unwrap();
    let job = durable::image_job(&store).unwrap();
    assert_eq!(job.changed_count(), 100);
    // A commit comes while the image is written.
    store.commit(remove(7)).unwrap();
    job.run().unwrap();
    assert_eq!(changed_count(&store), 1);
    drop(store);
    for threads in [1, 2] {
        let mut store = options().threads(threads).open(&path).unwrap();
        assert_eq!(changed_count(&store), threads as u64);
        store.commit(remove(7 + threads as u64)).unwrap();
        assert_eq!(changed_count(&store), threads as u64 + 1);
    }
}

/// Makes a store with an image and some commits after it; returns everything that it holds.
fn make_imaged(path: &Path, seed: u64) -> Vec<u8> {
    let (mut store, _) = open(path);
    let mut random = Random::new(seed);
    store.commit(put(make_tickets(&mut random, 300))).unwrap();
    store.commit(remove(3)).unwrap();
    write_image(&store);
    store.commit(put(make_tickets(&mut random, 5))).unwrap();
    store.commit(remove(4)).unwrap();
    everything(&store.snapshot())
}

#[test]
fn any_flipped_bit_of_an_image_is_found() {
    let folder = Folder::new("image_flipped");
    let path = folder.store();
    let expected = make_imaged(&path, 7);
    let image = files(&image_of(&path));
    let bytes: usize = image.values().map(Vec::len).sum();
    let mut random = Random::new(environment("TICKETDEX_SEED", 1));
    for _ in 0..1_000 {
        // The manifest is small, and each of its bytes counts.
        let names: Vec<&PathBuf> = image.keys().collect();
        let name = random.choose(&names);
        let mut flipped = image[name].clone();
        let at = random.below(flipped.len());
        flipped[at] ^= 1 << random.below(8);
        fs::write(name, &flipped).unwrap();
        let (store, opened) = open(&path);
        assert!(!opened.from_image, "{} at {at}", name.display());
        assert!(opened.refused.is_some());
        assert!(everything(&store.snapshot()) == expected);
        fs::write(name, &image[name]).unwrap();
    }
    println!("1,000 bits of {} files of {bytes} bytes", image.len());
    assert!(open(&path).1.from_image);
}

#[test]
fn an_image_that_is_cut_or_mixed_is_refused() {
    let folder = Folder::new("image_cut");
    let path = folder.store();
    let expected = make_imaged(&path, 7);
    let image = files(&image_of(&path));
    let mut random = Random::new(3);
    let check = |how: &str, refused: &[&str]| {
        let (store, opened) = open(&path);
        assert!(!opened.from_image, "{how}");
        assert!(
            refused.contains(&opened.refused.unwrap()),
            "{how}: {opened:?}"
        );
        assert!(everything(&store.snapshot()) == expected, "{how}");
    };
    for (name, whole) in &image {
        for _ in 0..40 {
            let at = random.below(whole.len());
            fs::write(name, &whole[..at]).unwrap();
            check(
                "cut",
                &["it is damaged", "it is of another version or machine"],
            );
            let mut zeroed = whole.clone();
            zeroed[at..].fill(0);
            if zeroed != *whole {
                fs::write(name, &zeroed).unwrap();
                check(
                    "zeroed",
                    &["it is damaged", "it is of another version or machine"],
                );
            }
        }
        fs::remove_file(name).unwrap();
        let is_manifest = name.ends_with("manifest");
        check(
            "missing",
            &[["it is damaged", "there is none"][usize::from(is_manifest)]],
        );
        let mut other = whole.clone();
        // The version of the crate ends the head.
        let version = env!("CARGO_PKG_VERSION").as_bytes();
        let at = other.windows(version.len()).position(|it| it == version);
        other[at.unwrap()] ^= 1;
        fs::write(name, &other).unwrap();
        check("version", &["it is of another version or machine"]);
        other = whole.clone();
        other[16..24].reverse();
        fs::write(name, &other).unwrap();
        check("byte order", &["it is of another version or machine"]);
        other = [&whole[..], b"x"].concat();
        fs::write(name, &other).unwrap();
        check("longer", &["it is damaged"]);
        put_back(&image_of(&path), &image);
    }
    assert!(open(&path).1.from_image);
}

#[test]
fn an_image_of_another_store_or_moment_is_refused() {
    let folder = Folder::new("image_moment");
    let path = folder.store();
    let other = Folder::new("image_moment_other");
    make_imaged(&other.store(), 7);
    let expected = make_imaged(&path, 7);
    let own = files(&image_of(&path));
    let check = |how: &str, image: &BTreeMap<PathBuf, Vec<u8>>, is_right: bool| {
        put_back(&image_of(&path), image);
        let (store, opened) = open(&path);
        assert_eq!(opened.from_image, is_right, "{how}: {opened:?}");
        assert!(everything(&store.snapshot()) == expected, "{how}");
    };
    // The same tickets in the same commits, and yet another store.
    check("another's", &files(&image_of(&other.store())), false);
    check("its own", &own, true);

    // Two stores that were one go different ways, with as many commits.
    let start = fs::read(&path).unwrap();
    let (mut store, _) = open(&path);
    for status in ["One", "way"] {
        store.commit(put([plain(1, status)])).unwrap();
    }
    write_image(&store);
    drop(store);
    let newer = files(&image_of(&path));
    fs::write(&path, &start).unwrap();
    check("newer than the store", &newer, false);
    let (mut store, _) = open(&path);
    for status in ["Another", "path"] {
        store.commit(put([plain(1, status)])).unwrap();
    }
    let expected = everything(&store.snapshot());
    drop(store);
    let (store, opened) = open(&path);
    assert!(!opened.from_image && everything(&store.snapshot()) == expected);
    drop(store);
    let (mut store, _) = open(&path);
    store.commit(remove(2)).unwrap();
    let expected = everything(&store.snapshot());
    drop(store);
    put_back(&image_of(&path), &newer);
    let (store, opened) = open(&path);
    assert!(!opened.from_image && everything(&store.snapshot()) == expected);
}

#[test]
fn an_image_is_of_no_use_once_everything_was_replaced() {
    use ticketdex::{Import, ImportFormat};

    let folder = Folder::new("image_replaced");
    let path = folder.store();
    make_imaged(&path, 7);
    let (mut store, opened) = open(&path);
    assert!(opened.from_image);
    let import = Import::new(ImportFormat::JsonLines, "{\"tid\":2}".as_bytes());
    store.replace(import).unwrap();
    let expected = everything(&store.snapshot());
    drop(store);
    let (store, opened) = open(&path);
    assert_eq!(
        (opened.from_image, opened.refused),
        (false, Some("too much has changed since"))
    );
    assert!(everything(&store.snapshot()) == expected);
    write_image(&store);
    drop(store);
    assert!(open(&path).1.from_image);
}

#[test]
fn a_limit_of_memory_has_no_use_for_an_image_with_revisions() {
    let folder = Folder::new("image_limit");
    let path = folder.store();
    let own = || Options::default().commit_rows_max(4);
    let mut store = options().store(own()).open(&path).unwrap();
    store
        .commit(put((1..=20).map(|tid| plain(tid, "Open"))))
        .unwrap();
    write_image(&store);
    drop(store);
    let limited = || options().store(own().memory_bytes_max(1 << 20));
    let (mut store, opened) = limited().open_told(&path).unwrap();
    assert!(opened.from_image);
    store.commit(remove(1)).unwrap();
    drop(store);
    let mut store = options().store(own()).open(&path).unwrap();
    let mut batch = Batch::new();
    batch.patch(7, Patch::new().set(Field::Status, "Patched"));
    store.commit(batch).unwrap();
    write_image(&store);
    let expected = everything(&store.snapshot());
    drop(store);
    let (store, opened) = limited().open_told(&path).unwrap();
    assert!(!opened.from_image && opened.refused.unwrap().contains("a memory limit"));
    assert!(everything(&store.snapshot()) == expected);
    drop(store);
    assert!(open(&path).1.from_image);
}

#[test]
fn a_store_without_a_chain_has_no_image_until_it_is_written() {
    const CHANGES: TableDefinition<u64, &[u8]> = TableDefinition::new("changes");
    let folder = Folder::new("image_chain");
    let path = folder.store();
    let expected = make_imaged(&path, 7);
    let database = Database::open(&path).unwrap();
    let transaction = database.begin_write().unwrap();
    transaction.delete_table(CHANGES).unwrap();
    transaction.commit().unwrap();
    drop(database);
    let (mut store, opened) = open(&path);
    assert!(!opened.from_image && everything(&store.snapshot()) == expected);
    assert!(durable::image_job(&store).is_none());
    store.commit(remove(1)).unwrap();
    write_image(&store);
    let expected = everything(&store.snapshot());
    drop(store);
    let (store, opened) = open(&path);
    assert!(opened.from_image && everything(&store.snapshot()) == expected);
}

#[test]
fn a_damaged_database_takes_no_commit_after_an_opening_from_its_image() {
    let folder = Folder::new("image_late");
    let path = folder.store();
    let expected = make_imaged(&path, 7);
    let whole = fs::read(&path).unwrap();
    let image = files(&image_of(&path));
    let mut random = Random::new(environment("TICKETDEX_SEED", 1));
    let mut outcomes: BTreeMap<String, u32> = BTreeMap::new();
    for round in 0..300 {
        put_back(&image_of(&path), &image);
        let mut flipped = whole.clone();
        let at = random.below(flipped.len());
        flipped[at] ^= 1 << random.below(8);
        fs::write(&path, &flipped).unwrap();
        let threads = 1 + round % 2;
        let outcome = match options().threads(threads).open_told(&path) {
            Err(error) => {
                assert_eq!(error.code(), "invalid_store", "{at}: {error:?}");
                "refused".to_owned()
            }
            Ok((mut store, opened)) => {
                assert!(
                    everything(&store.snapshot()) == expected,
                    "other tickets: {at}"
                );
                let committed = store.commit(remove(9)).map(drop);
                let code = committed.map_err(|error| error.code());
                assert!(
                    [Ok(()), Err("invalid_store")].contains(&code),
                    "{at}: {code:?}"
                );
                if code.is_err() {
                    // It stays so, and nothing was written.
                    assert_eq!(store.commit(remove(9)).unwrap_err().code(), "invalid_store");
                    drop(store);
                    assert!(fs::read(&path).unwrap() == flipped, "{at}");
                }
                format!("from image: {}, then {code:?}", opened.from_image)
            }
        };
        *outcomes.entry(outcome).or_default() += 1;
    }
    println!("{outcomes:?}");
    assert!(outcomes.len() > 2);
}

#[test]
fn commits_that_may_be_lost_leave_an_image_that_is_of_a_moment() {
    use std::time::Duration;

    let folder = Folder::new("image_lost");
    let path = folder.store();
    let options = || options().may_lose(Duration::from_mins(1));
    let mut store = options().open(&path).unwrap();
    store
        .commit(put([plain(1, "Open"), plain(2, "Open")]))
        .unwrap();
    store.sync().unwrap();
    write_image(&store);
    let synced = fs::read(&path).unwrap();
    store.commit(put([plain(3, "Lost")])).unwrap();
    write_image(&store);
    let image = files(&image_of(&path));
    drop(store);

    // The image has a commit that the store has lost.
    fs::write(&path, &synced).unwrap();
    put_back(&image_of(&path), &image);
    let (mut store, opened) = options().open_told(&path).unwrap();
    assert!(!opened.from_image);
    assert_eq!(store.snapshot().tickets_count(), 2);
    let version = store.snapshot().version();
    assert!(version > 2 && store.snapshot().removed_since(1).is_err());
    store.commit(put([plain(4, "New")])).unwrap();
    drop(store);
    let (store, opened) = options().open_told(&path).unwrap();
    assert!(!opened.from_image);
    let tids: Vec<u64> = store
        .snapshot()
        .answer(&Query::default())
        .records()
        .map(|record| record.tid())
        .collect();
    assert_eq!(tids, [1, 2, 4]);
    write_image(&store);
    drop(store);
    let (store, opened) = options().open_told(&path).unwrap();
    assert!(opened.from_image && store.snapshot().version() == version + 1);
}

#[test]
fn nobody_else_opens_a_store_that_was_opened_from_its_image() {
    let folder = Folder::new("image_lock");
    let path = folder.store();
    make_imaged(&path, 7);
    for threads in [1, 3] {
        let options = || options().threads(threads);
        let (mut store, opened) = options().open_told(&path).unwrap();
        assert!(opened.from_image);
        for _ in 0..2 {
            assert_eq!(options().open(&path).unwrap_err().code(), "store_in_use");
            let read = options().open_read_only(&path);
            assert_eq!(read.unwrap_err().code(), "store_in_use");
            store.commit(remove(1)).unwrap();
        }
        drop(store);
        assert!(options().open_read_only(&path).is_ok());
    }
}

#[test]
fn an_opening_that_only_reads_changes_nothing() {
    let folder = Folder::new("image_read");
    let path = folder.store();
    let expected = make_imaged(&path, 7);
    let (before, image) = (fs::read(&path).unwrap(), files(&image_of(&path)));
    let snapshot = durable::open_read_only(&path).unwrap();
    assert!(everything(&snapshot) == expected);
    let (store, opened) = open(&path);
    assert!(opened.from_image && everything(&store.snapshot()) == expected);
    drop(store);
    assert!(fs::read(&path).unwrap() == before);
    assert!(files(&image_of(&path)) == image);
}

/// What a child has done by the commit of a number: it goes on from there.
fn batch_of(number: u64) -> Batch {
    let mut random = Random::new(number);
    let mut batch = Batch::new();
    for _ in 0..3 {
        let tid = random.below(40) as u64 + 1;
        if random.is_one_in(3) {
            batch.remove(tid);
        } else {
            let mut ticket = make_ticket(&mut random, tid);
            ticket.custom_fields.truncate(2);
            batch.put(ticket);
        }
    }
    batch
}

/// The program of the children that are killed; does nothing where it is run as a test.
#[test]
fn child_that_commits_and_writes_images() {
    use std::io::Write;

    let Ok(path) = std::env::var("TICKETDEX_IMAGE_CHILD") else {
        return;
    };
    let own = Options::default().commit_rows_max(12);
    let (mut store, opened) = options().store(own).open_told(path).unwrap();
    let mut stderr = std::io::stderr();
    writeln!(stderr, "opened {}", opened.from_image).unwrap();
    for step in 0u64.. {
        let number = store.snapshot().version() + 1;
        store.commit(batch_of(number)).unwrap();
        writeln!(stderr, "committed {number}").unwrap();
        if let Some(job) = store.merge_job() {
            store.install(job.run());
        }
        if step.is_multiple_of(3)
            && let Some(job) = durable::image_job(&store)
        {
            job.run().unwrap();
        }
    }
}

#[test]
fn a_kill_while_images_are_written_or_read_harms_nothing() {
    use std::io::{BufRead, BufReader};
    use std::process::{Command, Stdio};
    use std::time::Duration;

    let folder = Folder::new("image_kill");
    let path = folder.store();
    drop(open(&path));
    let mut random = Random::new(environment("TICKETDEX_SEED", 1));
    let mut reference = Reference::new();
    let (mut from_image, mut left) = (0, 0);
    let kills = environment("TICKETDEX_KILLS", 40);
    for kill in 0..kills {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args([
                "--exact",
                "child_that_commits_and_writes_images",
                "--nocapture",
            ])
            .env("TICKETDEX_IMAGE_CHILD", &path)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let time = Duration::from_micros(random.below(250_000) as u64);
        let killer = std::thread::spawn(move || {
            std::thread::sleep(time);
            child.kill().unwrap();
            child.wait().unwrap();
        });
        let mut told = 0;
        for line in stderr.lines().map_while(Result::ok) {
            if let Some(number) = line.strip_prefix("committed ") {
                // A line that is cut short says too little.
                told = number.parse().unwrap_or(told);
            }
        }
        killer.join().unwrap();
        let segments = files(&image_of_or_empty(&path));
        left += u64::from(segments.keys().any(|it| it.ends_with("manifest.new")));
        let (store, opened) = open(&path);
        from_image += u64::from(opened.from_image);
        let version = store.snapshot().version();
        assert!(version >= told, "kill {kill}: {version} of {told}");
        while reference.version() < version {
            let batch = batch_of(reference.version() + 1);
            reference.commit(&batch).unwrap();
        }
        assert_is(&store.snapshot(), &reference);
        check_removals(&store.snapshot(), &reference, usize::MAX);
        assert_ne!(opened.refused, Some("it is damaged"), "kill {kill}");
    }
    println!("{kills} kills, {from_image} openings from an image, {left} manifests half written");
    assert!(reference.version() > kills && from_image > kills / 3);
}

fn image_of_or_empty(path: &Path) -> PathBuf {
    let image = image_of(path);
    fs::create_dir_all(&image).unwrap();
    image
}

/// The folder may be deleted at any time, also while the store is open.
#[test]
fn an_image_that_is_deleted_is_written_whole_again() {
    let folder = Folder::new("image_deleted");
    let path = folder.store();
    let (mut store, _) = open(&path);
    store.commit(put([plain(1, "Open"), plain(2, "")])).unwrap();
    write_image(&store);
    assert!(durable::image_job(&store).is_none());
    for is_changed in [false, true] {
        fs::remove_dir_all(image_of(&path)).unwrap();
        if is_changed {
            store.commit(put([plain(3, "Closed")])).unwrap();
        }
        // All tickets would be indexed by an opening.
        let job = durable::image_job(&store).unwrap();
        assert_eq!(job.changed_count(), store.snapshot().tickets_count());
        let written = write_image(&store);
        assert_eq!(
            written.segments_count,
            store.snapshot().segments_count(),
            "{is_changed}"
        );
    }
    let expected = everything(&store.snapshot());
    drop(store);
    let (store, opened) = open(&path);
    assert!(opened.from_image && opened.replayed == 0, "{opened:?}");
    assert_eq!(everything(&store.snapshot()), expected);
}
