//! Where a store writes its commits down before it publishes them.
//!
//! A [`Journal`] is the durable half of a store and knows nothing of segments: it takes
//! whole tickets in and, when a store is opened on it, hands them back. The feature
//! `durable` brings one that keeps them in a file; a service that has its own database
//! brings its own.
//!
//! # Invariants
//!
//! * A store publishes nothing that its journal has not committed, and appends nothing
//!   that it has not checked.
//! * What was appended and not committed is rolled back, whatever ends the transaction.
//!
//! # Cost
//!
//! One call a change, one a commit. A load appends a block of tickets at a time as it reads,
//! so a journal that holds in memory what is not committed holds the whole load.

use std::any::Any;
use std::fmt::{self, Debug};

use crate::model::Ticket;
use crate::model::error::Error;

/// One change of a commit, as it was checked: patches come as the whole ticket they leave.
///
/// Exhaustive on purpose: a journal that does not know a change would lose it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Change<'a> {
    /// Says of which commit the changes are that follow.
    ///
    /// A store appends it first in each commit, with numbers that ascend, also where nothing follows.
    /// A journal hands over the greatest of them, so that the store goes on counting, and the
    /// number of each ticket and removal before it; in what order is its own affair. What it
    /// hands over before any number is of commit 1.
    Commit(u64),
    /// A custom field's name enters the list of names, at its end.
    ///
    /// Names never leave, also when every ticket does.
    Name(&'a str),
    /// Adds the tickets in order, each in the place of the one of its tid.
    Put(&'a [Ticket]),
    /// Removes the ticket of this tid, if it is there, and is to be told of as a removal by the
    /// commit.
    ///
    /// A journal hands over those of the latest commits: all of them after the one that was
    /// forgotten last. The removal of a ticket that was put again is handed over before that ticket.
    Remove(u64),
    /// Removes every ticket. Those that the commit does not put again follow as
    /// [`Remove`](Change::Remove).
    RemoveAll,
    /// The removals by the commit of this number and by those before it need not be told of any
    /// more.
    ///
    /// A journal hands over the greatest number.
    Forget(u64),
}

/// Prints how many tickets are put, and nothing of them.
impl Debug for Change<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Change::Commit(number) => f.debug_tuple("Commit").field(number).finish(),
            Change::Name(name) => f.debug_tuple("Name").field(name).finish(),
            Change::Put(tickets) => write!(f, "Put({} tickets)", tickets.len()),
            Change::Remove(tid) => f.debug_tuple("Remove").field(tid).finish(),
            Change::RemoveAll => f.write_str("RemoveAll"),
            Change::Forget(number) => f.debug_tuple("Forget").field(number).finish(),
        }
    }
}

/// The record of a store's tickets, outside its memory.
///
/// A store calls [`append`](Journal::append) for each change of a commit, in order, then
/// [`commit`](Journal::commit) once, and publishes only after that returned. It has one
/// transaction at a time. [`Store::open`](crate::Store::open) makes a store of a journal.
///
/// # Examples
///
/// A journal in memory, which outlives its store:
///
/// ```
/// use std::collections::{BTreeMap, BTreeSet};
/// use std::sync::{Arc, Mutex};
/// use ticketdex::{Batch, Change, Error, Journal, Options, Store, Ticket};
///
/// #[derive(Clone, Debug, Default)]
/// struct State {
///     /// The last commit, and the last whose removals are forgotten.
///     number: u64,
///     forgotten: u64,
///     names: Vec<String>,
///     /// With the number of the commit that put each.
///     tickets: BTreeMap<u64, (u64, Ticket)>,
///     removed: BTreeSet<(u64, u64)>,
/// }
///
/// #[derive(Clone, Debug, Default)]
/// struct InMemory {
///     committed: Arc<Mutex<State>>,
///     current: State,
/// }
///
/// impl Journal for InMemory {
///     fn replay(&mut self, take: &mut dyn FnMut(Change<'_>) -> Result<(), Error>) -> Result<(), Error> {
///         self.rollback();
///         let State { number, forgotten, names, tickets, removed } = &self.current;
///         take(Change::Forget(*forgotten))?;
///         names.iter().try_for_each(|name| take(Change::Name(name)))?;
///         for &(number, tid) in removed {
///             take(Change::Commit(number))?;
///             take(Change::Remove(tid))?;
///         }
///         for (number, ticket) in tickets.values() {
///             take(Change::Commit(*number))?;
///             take(Change::Put(std::slice::from_ref(ticket)))?;
///         }
///         take(Change::Commit(*number))
///     }
///     fn append(&mut self, change: Change<'_>) -> Result<(), Error> {
///         let State { number, forgotten, names, tickets, removed } = &mut self.current;
///         match change {
///             Change::Commit(next) => *number = next,
///             Change::Name(name) => names.push(name.to_owned()),
///             Change::Put(put) => {
///                 tickets.extend(put.iter().map(|ticket| (ticket.tid, (*number, ticket.clone()))));
///             }
///             Change::Remove(tid) => {
///                 tickets.remove(&tid);
///                 removed.insert((*number, tid));
///             }
///             Change::RemoveAll => tickets.clear(),
///             Change::Forget(last) => {
///                 *forgotten = last;
///                 removed.retain(|(number, _)| *number > last);
///             }
///         }
///         Ok(())
///     }
///     fn commit(&mut self) -> Result<(), Error> {
///         *self.committed.lock().unwrap() = self.current.clone();
///         Ok(())
///     }
///     fn rollback(&mut self) {
///         self.current = self.committed.lock().unwrap().clone();
///     }
/// }
///
/// let journal = InMemory::default();
/// let mut store = Store::open(Options::default(), journal.clone())?;
/// let mut batch = Batch::new();
/// batch.put(Ticket { tid: 7, ..Ticket::default() });
/// store.commit(batch)?;
/// drop(store);
///
/// let store = Store::open(Options::default(), journal)?;
/// let snapshot = store.snapshot();
/// assert_eq!((snapshot.tickets_count(), snapshot.version()), (1, 1));
/// # Ok::<(), ticketdex::Error>(())
/// ```
pub trait Journal: Debug + Send {
    /// Hands over everything that was committed, as changes that give it again.
    ///
    /// Called once, before anything else, when a store is opened on the journal. Names
    /// must come in the order in which they entered; a tid may come several times, and the
    /// last counts. Until all is handed over each of these takes memory and counts against the limits
    /// of [`Options`](crate::Options), so a journal should hand over what its commits resulted in
    /// rather than all that they did. Tickets are indexed fastest in blocks of some hundred.
    ///
    /// # Errors
    ///
    /// Those of `take`, as they are, and the journal's own; the store is then not opened.
    fn replay(
        &mut self,
        take: &mut dyn FnMut(Change<'_>) -> Result<(), Error>,
    ) -> Result<(), Error>;

    /// Adds a change to the current transaction, and begins one if there is none.
    ///
    /// # Errors
    ///
    /// The journal's own. The commit is then refused with this error and rolled back.
    fn append(&mut self, change: Change<'_>) -> Result<(), Error>;

    /// Makes everything appended since the last commit durable, as a whole.
    ///
    /// # Errors
    ///
    /// The journal's own. The store is then as it was, and [`rollback`](Journal::rollback)
    /// is called. Where the medium leaves open whether the transaction will be replayed, the
    /// journal must refuse all that follow, so that the store cannot go on from a state
    /// that it may not find again.
    fn commit(&mut self) -> Result<(), Error>;

    /// Forgets what was appended since the last commit; there may be nothing.
    fn rollback(&mut self);

    /// Waits until everything committed is out of danger, where `commit` does not.
    ///
    /// # Errors
    ///
    /// The journal's own, also that of an earlier commit that turned out to be lost.
    fn sync(&mut self) -> Result<(), Error> {
        Ok(())
    }

    /// Returns what the journal has for those who know it.
    #[doc(hidden)]
    fn part(&self) -> Option<&dyn Any> {
        None
    }
}

/// A transaction on a journal, if the store has one; rolled back unless it is committed.
pub(crate) struct Transaction<'a> {
    journal: Option<&'a mut dyn Journal>,
}

impl<'a> Transaction<'a> {
    pub(crate) fn begin(journal: Option<&'a mut dyn Journal>) -> Transaction<'a> {
        Transaction { journal }
    }

    /// Returns whether what is appended goes anywhere.
    pub(crate) fn is_journaled(&self) -> bool {
        self.journal.is_some()
    }

    pub(crate) fn append(&mut self, change: Change<'_>) -> Result<(), Error> {
        match &mut self.journal {
            Some(journal) => journal.append(change),
            None => Ok(()),
        }
    }

    pub(crate) fn commit(mut self) -> Result<(), Error> {
        if let Some(journal) = &mut self.journal {
            journal.commit()?;
        }
        self.journal = None;
        Ok(())
    }
}

impl Drop for Transaction<'_> {
    fn drop(&mut self) {
        if let Some(journal) = &mut self.journal {
            journal.rollback();
        }
    }
}
