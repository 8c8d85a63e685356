//! A check of everything in a store's file, which stays as it is.
//!
//! Opening a store stops at the first fault. Whoever has to decide what can be saved of a damaged store
//! needs the list of all faults, and whoever has a sound one may want proof of that. The check covers the
//! checksums of the database, each record by decoding it and by the rules for tickets, the numbers and
//! removals against each other, and the invariants of the indexes that are made of it. Where opening
//! would use an image, the store made of the image is compared with that of the database, ticket by
//! ticket.
//!
//! # Cost
//!
//! The file is read three times, once more than by [`open`](super::open()), and indexed once. Then each
//! cell of each column is looked at. Where an image is used, the store is in memory twice.

use std::collections::HashSet;
use std::path::Path;

use redb::{Database, ReadableDatabase, ReadableTableMetadata};

use super::fault::{NOT_READ, explain};
use super::journal::{FileJournal, TICKETS, read_names};
use super::numbers::{self, Numbers};
use super::record::decode_into;
use super::restore::{Refused, restore};
use super::{Opened, Options};
use crate::model::Ticket;
use crate::model::error::Error;
use crate::query::Query;
use crate::snapshot::Snapshot;
use crate::store::Store;

/// The most faults that are listed; further ones are only counted.
const FAULTS_MAX: usize = 100;

const CHANGED: Refused = Refused("the store was changed while it was checked");

/// What a store's file holds, and what is wrong with it.
///
/// # Examples
///
/// ```
/// use ticketdex::{Store, durable};
///
/// # let folder = std::env::temp_dir().join(format!("ticketdex-checked-{}", std::process::id()));
/// # std::fs::create_dir_all(&folder).unwrap();
/// # let path = folder.join("tickets.redb");
/// durable::backup(&Store::default().snapshot(), &path)?;
/// let checked = durable::check(&path)?;
/// assert_eq!((checked.tickets, checked.version, checked.faults_count), (0, 0, 0));
/// # std::fs::remove_dir_all(&folder).unwrap();
/// # Ok::<(), ticketdex::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Checked {
    /// The number of the file's format.
    pub format: u64,
    /// The number of tickets in the file.
    pub tickets: u64,
    /// The number of names of custom fields.
    pub custom_names: u64,
    /// The number of removals in the log, without forgotten ones.
    pub removals: u64,
    /// The number of the last commit.
    pub version: u64,
    /// Whether opening would use the image; none where the database has faults, and does not open at all.
    pub image: Option<Opened>,
    /// The number of faults; a store without faults opens.
    pub faults_count: u64,
    /// The first 100 faults, each a clause that names the ticket that it is about, if any.
    pub faults: Vec<String>,
}

/// Checks everything in a store's file, and changes nothing of it.
///
/// # Errors
///
/// Those of [`open_read_only`](super::open_read_only) that prevent the check: no file, no store, damaged
/// pages, a later format, or a store that is open elsewhere to be written. Anything else that is wrong
/// is no error but a fault in [`Checked`].
///
/// # Cost
///
/// Somewhat more than opening the store, in time and in memory; with an image, twice its memory.
///
/// # Examples
///
/// ```
/// use ticketdex::durable;
///
/// # let folder = std::env::temp_dir().join(format!("ticketdex-check-{}", std::process::id()));
/// # std::fs::create_dir_all(&folder).unwrap();
/// # let path = folder.join("tickets.redb");
/// drop(durable::Options::new().create(true).open(&path)?);
/// let checked = durable::check(&path)?;
/// assert!(checked.faults.is_empty(), "{:?}", checked.faults);
/// # std::fs::remove_dir_all(&folder).unwrap();
/// # Ok::<(), ticketdex::Error>(())
/// ```
pub fn check(path: impl AsRef<Path>) -> Result<Checked, Error> {
    Options::new().check(path)
}

impl Options {
    /// Checks everything in a store's file, and changes nothing of it. See [`check`](check()).
    pub fn check(self, path: impl AsRef<Path>) -> Result<Checked, Error> {
        let path = path.as_ref();
        let journal = FileJournal::open_read_only(path, &self)?;
        let mut checked = Checked::default();
        let looked = checked.look(journal.database(), journal.numbers());
        looked.map_err(|error| explain(path, NOT_READ, error))?;
        if checked.faults_count == 0 {
            let store_options = self.store.clone().threads(self.threads);
            let store = Store::open(store_options, journal)?;
            let snapshot = store.snapshot();
            checked.look_at_indexes(&snapshot);
            // The store has the file locked, and reading the image takes a lock of its own.
            drop(store);
            checked.look_at_image(path, &self, &snapshot);
        }
        Ok(checked)
    }
}

impl Checked {
    fn fault(&mut self, fault: impl FnOnce() -> String) {
        self.faults_count += 1;
        if self.faults.len() < FAULTS_MAX {
            self.faults.push(fault());
        }
    }

    fn look(&mut self, database: &Database, numbers: Numbers) -> Result<(), redb::Error> {
        self.format = numbers.format;
        let names = read_names(database)?;
        self.custom_names = names.len() as u64;
        let names: HashSet<String> = names.iter().map(|it| it.to_ascii_lowercase()).collect();
        if names.len() as u64 != self.custom_names {
            self.fault(|| "a name of a custom field stands twice".to_owned());
        }
        self.version = numbers.last();
        self.look_at_tickets(database, &names, numbers)?;
        if numbers.is_numbered() {
            self.look_at_removals(database, numbers)?;
        } else {
            // All tickets of such a file are of commit 1.
            self.version = u64::from(self.tickets > 0);
        }
        Ok(())
    }

    fn look_at_tickets(
        &mut self,
        database: &Database,
        names: &HashSet<String>,
        numbers: Numbers,
    ) -> Result<(), redb::Error> {
        let table = database.begin_read()?.open_table(TICKETS)?;
        let counted = table.len()?;
        let mut ticket = Ticket::default();
        for entry in table.range::<u64>(..)? {
            let (tid, record) = entry?;
            let tid = tid.value();
            self.tickets += 1;
            let number = match decode_into(tid, record.value(), &mut ticket) {
                Ok(number) => number,
                Err(error) => {
                    self.fault(|| format!("ticket {tid}: its record does not decode: {error}"));
                    continue;
                }
            };
            if let Err(error) = ticket.check() {
                self.fault(|| error.to_string());
            }
            if numbers.is_numbered() && number > numbers.last() {
                let last = numbers.last();
                self.fault(|| {
                    format!("ticket {tid}: it is of commit {number}, and the last is {last}")
                });
            }
            for (name, _) in &ticket.custom_fields {
                if !names.contains(&name.to_ascii_lowercase()) {
                    self.fault(|| format!("ticket {tid}: the custom field {name:?} is not listed"));
                }
            }
        }
        if counted != self.tickets {
            let found = self.tickets;
            self.fault(|| format!("the table counts {counted} tickets and has {found}"));
        }
        Ok(())
    }

    fn look_at_removals(
        &mut self,
        database: &Database,
        numbers: Numbers,
    ) -> Result<(), redb::Error> {
        let (forgotten, last) = (numbers.forgotten(), numbers.last());
        for entry in numbers::removals(database)? {
            let (version, tid) = entry?.0.value();
            // After a crash the table may hold removals that are forgotten.
            self.removals += u64::from(version > forgotten);
            if version > last {
                self.fault(|| {
                    format!(
                        "ticket {tid}: its removal is of commit {version}, and the last is {last}"
                    )
                });
            }
        }
        Ok(())
    }

    fn look_at_indexes(&mut self, snapshot: &Snapshot) {
        if let Err(broken) = snapshot.check_invariants() {
            self.fault(|| format!("the indexes made of it: {broken}"));
        }
        let indexed = (snapshot.tickets_count(), snapshot.version());
        let found = (self.tickets, self.version);
        if indexed != found {
            self.fault(|| {
                format!(
                    "the file has {} tickets of version {}, the indexes made of it {} of {}",
                    found.0, found.1, indexed.0, indexed.1
                )
            });
        }
    }

    /// Restores the store from its image as opening does, and compares it with that of the database.
    fn look_at_image(&mut self, path: &Path, options: &Options, snapshot: &Snapshot) {
        let restored = restore(path, options, false);
        let restored = restored.and_then(|it| {
            let is_of_snapshot = it.store.snapshot().version() == snapshot.version();
            if is_of_snapshot { Ok(it) } else { Err(CHANGED) }
        });
        let restored = match restored {
            Ok(restored) => restored,
            Err(refused) => {
                self.image = Some(Opened::without_image(snapshot, refused));
                return;
            }
        };
        self.image = Some(Opened::with_image(restored.replayed));
        let from_image = restored.store.snapshot();
        if let Err(broken) = from_image.check_invariants() {
            self.fault(|| format!("the image: {broken}"));
        }
        let counts = [&from_image, snapshot].map(Snapshot::tickets_count);
        if counts[0] != counts[1] {
            self.fault(|| format!("the image has {} tickets for {}", counts[0], counts[1]));
        }
        if from_image.custom_names() != snapshot.custom_names() {
            self.fault(|| "the image has other names of custom fields".to_owned());
        }
        let all = Query::default();
        let answers = [&from_image, snapshot].map(|it| it.answer(&all));
        for (own, other) in answers[0].records().zip(answers[1].records()) {
            let is_same =
                own.version() == other.version() && Ticket::from(own) == Ticket::from(other);
            if !is_same {
                let tid = other.tid();
                self.fault(|| format!("ticket {tid}: it is another one in the image"));
            }
        }
    }
}
