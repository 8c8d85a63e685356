//! Texts on their way to a [`WordsBuilder`], a portion of rows at a time.
//!
//! The table of words is the largest thing that a load keeps touching. Fed ticket by
//! ticket it takes turns with every column's table in the processor's cache; fed in
//! portions it has the cache to itself, or, on a thread of its own, another core's.
//!
//! # Invariants
//!
//! * Portions arrive in the order of the rows, and rows are whole.
//! * A thread of its own ends before the feed is gone, whether that was sealed or not.
//!
//! # Cost
//!
//! One copy of the texts. Memory is four portions of [`PORTION_BYTES`], or of the longest row.

use std::panic;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::thread::{Builder, JoinHandle};

use super::hashed::HashedRows;
use super::{Words, WordsBuilder};

/// The bytes at which a portion is full.
const PORTION_BYTES: usize = 256 << 10;

/// The portions that may wait for the other thread.
const PORTIONS_WAITING: usize = 2;

/// The texts of whole rows, end to end.
#[derive(Debug, Default)]
pub(super) struct RowTexts {
    /// White space ends each text, so that no word spans two.
    text: String,
    /// Where each row ends.
    ends: Vec<usize>,
}

impl RowTexts {
    fn clear(&mut self) {
        self.text.clear();
        self.ends.clear();
        // The text of a row may be long beyond measure; that one need not stay.
        self.text.shrink_to(2 * PORTION_BYTES);
    }
}

/// The way of texts to the words of a segment being built.
#[derive(Debug)]
pub(crate) struct WordsFeed {
    portion: RowTexts,
    target: Target,
}

#[derive(Debug)]
enum Target {
    Here(Box<Taker>),
    Thread(Lane),
}

/// Who takes the words of portions in.
#[derive(Debug, Default)]
pub(crate) struct Taker {
    words: WordsBuilder,
    /// The words of a portion, kept for their room.
    hashed: HashedRows,
}

impl Taker {
    fn take(&mut self, portion: &mut RowTexts) {
        self.hashed
            .read(&portion.text, &portion.ends, self.words.hasher());
        self.words.insert(&mut self.hashed);
        self.hashed.shrink_to(2 * PORTION_BYTES);
        portion.clear();
    }
}

impl WordsFeed {
    /// Starts without rows; the words are taken in here, or on a thread of their own.
    ///
    /// Where the system starts no thread, here.
    pub(crate) fn new(has_thread: bool) -> WordsFeed {
        let lane = if has_thread { Lane::start() } else { None };
        WordsFeed {
            portion: RowTexts::default(),
            target: lane.map_or_else(|| Target::Here(Box::default()), Target::Thread),
        }
    }

    /// Takes one text of the current row.
    pub(crate) fn insert_text(&mut self, text: &str) {
        self.portion.text.push_str(text);
        self.portion.text.push(' ');
    }

    /// Ends the current row; the next text belongs to the next.
    pub(crate) fn end_row(&mut self) {
        self.portion.ends.push(self.portion.text.len());
        if self.portion.text.len() >= PORTION_BYTES {
            self.pass_on();
        }
    }

    fn pass_on(&mut self) {
        match &mut self.target {
            Target::Here(taker) => taker.take(&mut self.portion),
            Target::Thread(lane) => lane.pass_on(&mut self.portion),
        }
    }

    /// Takes the last texts in and starts making the index, as [`WordsBuilder::seal`] does.
    ///
    /// On a thread of its own, while the caller goes on; [`Sealing::finish`] waits for it.
    pub(crate) fn seal(mut self, order: Option<Arc<[u32]>>) -> Sealing {
        self.pass_on();
        match self.target {
            Target::Here(taker) => Sealing::Here(Box::new(taker.words), order),
            Target::Thread(mut lane) => {
                lane.portions = None;
                // Only a panic ends the thread before this, and shows when it is waited for.
                let _ = lane.order.send(order);
                Sealing::Thread(lane)
            }
        }
    }
}

/// An index of words being made.
#[derive(Debug)]
pub(crate) enum Sealing {
    /// Or rather one that will be.
    Here(Box<WordsBuilder>, Option<Arc<[u32]>>),
    Thread(Lane),
}

impl Sealing {
    /// Returns the index.
    pub(crate) fn finish(self) -> Words {
        match self {
            Sealing::Here(words, order) => words.seal(order.as_deref()),
            Sealing::Thread(mut lane) => lane.wait().expect("it was told to seal"),
        }
    }
}

/// The way to the thread of the words and back.
#[derive(Debug)]
pub(crate) struct Lane {
    /// None once no more portions come.
    portions: Option<SyncSender<RowTexts>>,
    /// Portions that are done with.
    spare: Receiver<RowTexts>,
    /// The word to seal, with the order of the rows.
    order: Sender<Option<Arc<[u32]>>>,
    /// None once it was waited for.
    worker: Option<JoinHandle<Option<Words>>>,
}

impl Lane {
    fn start() -> Option<Lane> {
        let (portions, inbox) = sync_channel::<RowTexts>(PORTIONS_WAITING);
        let (outbox, spare) = channel();
        let (order, orders) = channel::<Option<Arc<[u32]>>>();
        let work = move || {
            let mut taker = Taker::default();
            for mut portion in inbox {
                taker.take(&mut portion);
                // Nobody takes it any more when the last portions come.
                let _ = outbox.send(portion);
            }
            let order = orders.recv().ok()?;
            Some(taker.words.seal(order.as_deref()))
        };
        let worker = Builder::new().name("words".to_owned()).spawn(work).ok()?;
        Some(Lane {
            portions: Some(portions),
            spare,
            order,
            worker: Some(worker),
        })
    }

    /// Sends a portion and leaves an empty one in its place.
    fn pass_on(&mut self, portion: &mut RowTexts) {
        let empty = self.spare.try_recv().unwrap_or_default();
        let full = std::mem::replace(portion, empty);
        let is_sent = self
            .portions
            .as_ref()
            .is_some_and(|portions| portions.send(full).is_ok());
        if !is_sent {
            // Only a panic ends the thread before its portions do; it goes on here.
            self.wait();
        }
    }

    /// Waits for the thread to end; returns the index if one was asked for.
    fn wait(&mut self) -> Option<Words> {
        match self.worker.take()?.join() {
            Ok(words) => words,
            Err(cause) => panic::resume_unwind(cause),
        }
    }
}

impl Drop for Lane {
    /// Ends the thread of a load that was given up: it seals nothing, as nobody can ask it to.
    fn drop(&mut self) {
        self.portions = None;
        self.order = channel().0;
        let worker = self.worker.take();
        // The load has failed already; a panic has nothing to add.
        let _ = worker.map(JoinHandle::join);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_long_row_took_is_given_back() {
        let mut texts = RowTexts {
            text: "x".repeat(10 * PORTION_BYTES),
            ..RowTexts::default()
        };
        texts.clear();
        let kept = texts.text.capacity();
        assert!(
            (2 * PORTION_BYTES..10 * PORTION_BYTES).contains(&kept),
            "{kept}"
        );
    }
}
