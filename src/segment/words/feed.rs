//! Texts on their way to a [`WordsBuilder`], a portion of rows at a time, and with them the long
//! texts, which are encoded beside.
//!
//! The table of words is the largest thing that a load keeps touching. Fed ticket by
//! ticket it takes turns with every column's table in the processor's cache; fed in
//! portions it has the cache to itself, or, on a thread of its own, another core's.
//!
//! Both threads are kept busy: where the one of the words lags behind, the portions that it gets are
//! prepared as far as each can be by itself, and who waits for the index helps to seal it.
//!
//! # Invariants
//!
//! * Portions arrive in the order of the rows, and rows are whole.
//! * A thread of its own ends before the feed is gone, whether that was sealed or not.
//!
//! # Cost
//!
//! Two copies of the texts, three of the long ones. Memory is [`PORTIONS_MAX`] portions with what is
//! known of their words, some ten times [`PORTION_BYTES`] each, or the longest rows.

use std::ops::Range;
use std::panic;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{Builder, JoinHandle};

use hashbrown::DefaultHashBuilder;

use super::hashed::HashedRows;
use super::helper::Helper;
use super::{Words, WordsBuilder};
use crate::segment::LONG_FIELDS;
use crate::segment::ready_texts::ReadyTexts;

/// The bytes at which a portion is full.
const PORTION_BYTES: usize = 64 << 10;

/// The portions that there are: being filled, waiting, and being taken in.
const PORTIONS_MAX: usize = 8;

/// The portions with the other thread from which on it lags behind.
const PORTIONS_LAGGING: usize = 3;

/// Long texts, by the index of their field in [`LONG_FIELDS`].
pub(crate) type LongTexts = [ReadyTexts; LONG_FIELDS.len()];

/// The texts of whole rows, end to end.
#[derive(Debug, Default)]
struct Portion {
    /// White space ends each text, so that no word spans two.
    text: String,
    /// Where each row ends.
    ends: Vec<usize>,
    /// Where the long texts are: those of a row, then those of the next.
    long: Vec<Range<usize>>,
    /// Whether there is all that follows from the texts.
    is_prepared: bool,
    hashed: HashedRows,
    ready: LongTexts,
}

impl Portion {
    fn clear(&mut self) {
        self.text.clear();
        self.ends.clear();
        self.long.clear();
        self.is_prepared = false;
        self.ready.iter_mut().for_each(ReadyTexts::clear);
        // The text of a row may be long beyond measure; that one need not stay.
        if self.text.capacity() > 2 * PORTION_BYTES {
            *self = Portion::default();
        }
    }

    /// Does all that needs no other portion.
    fn prepare(&mut self, hasher: &DefaultHashBuilder) {
        self.hashed.read(&self.text, &self.ends, hasher);
        push_long(&self.text, &self.long, &mut self.ready);
        self.is_prepared = true;
    }
}

/// Appends the long texts of rows.
fn push_long(text: &str, ranges: &[Range<usize>], long: &mut LongTexts) {
    for row in ranges.chunks_exact(LONG_FIELDS.len()) {
        for (range, long) in row.iter().zip(&mut *long) {
            long.push(&text[range.clone()]);
        }
    }
}

/// Who takes portions in.
#[derive(Debug, Default)]
pub(crate) struct Taker {
    words: WordsBuilder,
    long: LongTexts,
}

impl Taker {
    fn take(&mut self, portion: &mut Portion) {
        if portion.is_prepared {
            for (own, ready) in self.long.iter_mut().zip(&portion.ready) {
                own.append(ready, 0..ready.count());
            }
        } else {
            push_long(&portion.text, &portion.long, &mut self.long);
            let hasher = self.words.hasher();
            portion.hashed.read(&portion.text, &portion.ends, hasher);
        }
        self.words.insert(&mut portion.hashed);
        portion.clear();
    }
}

/// The way of texts to the words and the long texts of a segment being built.
#[derive(Debug)]
pub(crate) struct WordsFeed {
    portion: Portion,
    /// The bytes of all long texts.
    long_bytes: usize,
    target: Target,
}

#[derive(Debug)]
enum Target {
    Here(Box<Taker>),
    Thread(Lane),
}

impl WordsFeed {
    /// Starts without rows; the words are taken in here, or on a thread of their own.
    ///
    /// Where the system starts no thread, here.
    pub(crate) fn new(has_thread: bool) -> WordsFeed {
        let lane = if has_thread { Lane::start() } else { None };
        WordsFeed {
            portion: Portion::default(),
            long_bytes: 0,
            target: lane.map_or_else(|| Target::Here(Box::default()), Target::Thread),
        }
    }

    /// Takes one text of the current row.
    pub(crate) fn insert_text(&mut self, text: &str) {
        self.portion.text.push_str(text);
        self.portion.text.push(' ');
    }

    /// Takes the next long text of the current row, which is kept as well; a row has one for each of
    /// [`LONG_FIELDS`], in that order.
    pub(crate) fn insert_long(&mut self, text: &str) {
        let start = self.portion.text.len();
        self.insert_text(text);
        self.portion.long.push(start..start + text.len());
        self.long_bytes += text.len();
    }

    /// Returns the bytes of all long texts so far, as UTF-8.
    pub(crate) fn long_bytes(&self) -> usize {
        self.long_bytes
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
            Target::Here(taker) => Sealing::Here(taker, order),
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
    Here(Box<Taker>, Option<Arc<[u32]>>),
    Thread(Lane),
}

impl Sealing {
    /// Returns the long texts of the rows in the order in which they came in, once.
    pub(crate) fn long_texts(&mut self) -> LongTexts {
        match self {
            Sealing::Here(taker, _) => std::mem::take(&mut taker.long),
            Sealing::Thread(lane) => lane.long.recv().unwrap_or_else(|_| {
                // Only a panic ends the thread before that; it goes on here.
                lane.wait();
                LongTexts::default()
            }),
        }
    }

    /// Returns the index, and helps to make it.
    pub(crate) fn finish(self) -> Words {
        match self {
            Sealing::Here(taker, order) => taker.words.seal(order.as_ref(), &Helper::default()),
            Sealing::Thread(mut lane) => {
                lane.helper.help();
                lane.wait().expect("it was told to seal")
            }
        }
    }
}

/// The way to the thread of the words and back.
#[derive(Debug)]
pub(crate) struct Lane {
    /// None once no more portions come.
    portions: Option<Sender<Portion>>,
    /// Portions that are done with.
    spare: Receiver<Portion>,
    /// How many portions are with the other thread, or spare and not taken yet.
    portions_out: usize,
    hasher: DefaultHashBuilder,
    /// The word to seal, with the order of the rows.
    order: Sender<Option<Arc<[u32]>>>,
    /// The long texts, once all are in.
    long: Receiver<LongTexts>,
    helper: Helper,
    /// None once it was waited for.
    worker: Option<JoinHandle<Option<Words>>>,
}

/// Ends the help of the waiting thread when this one ends, even by a panic.
struct Closing(Helper);

impl Drop for Closing {
    fn drop(&mut self) {
        self.0.close();
    }
}

impl Lane {
    fn start() -> Option<Lane> {
        let (portions, inbox) = channel::<Portion>();
        let (outbox, spare) = channel();
        let (order, orders) = channel::<Option<Arc<[u32]>>>();
        let (long_outbox, long) = channel();
        let mut taker = Taker::default();
        let hasher = taker.words.hasher().clone();
        let helper = Helper::default();
        let closing = Closing(helper.clone());
        let work = move || {
            for mut portion in inbox {
                taker.take(&mut portion);
                // Nobody takes it any more when the last portions come.
                let _ = outbox.send(portion);
            }
            let order = orders.recv().ok()?;
            // Who gave the order takes them.
            let _ = long_outbox.send(taker.long);
            Some(taker.words.seal(order.as_ref(), &closing.0))
        };
        let worker = Builder::new().name("words".to_owned()).spawn(work).ok()?;
        Some(Lane {
            portions: Some(portions),
            spare,
            portions_out: 0,
            hasher,
            order,
            long,
            helper,
            worker: Some(worker),
        })
    }

    /// Sends a portion and leaves an empty one in its place.
    fn pass_on(&mut self, portion: &mut Portion) {
        let mut empty = None;
        while let Ok(spare) = self.spare.try_recv() {
            self.portions_out -= 1;
            empty = Some(spare);
        }
        if self.portions_out >= PORTIONS_LAGGING {
            portion.prepare(&self.hasher);
        }
        if self.portions_out >= PORTIONS_MAX - 1 {
            empty = self.spare.recv().ok();
            self.portions_out -= 1;
        }
        let full = std::mem::replace(portion, empty.unwrap_or_default());
        self.portions_out += 1;
        let portions = self.portions.as_ref();
        let is_sent = portions.is_some_and(|portions| portions.send(full).is_ok());
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
        let mut texts = Portion {
            text: "x".repeat(10 * PORTION_BYTES),
            ..Portion::default()
        };
        texts.clear();
        assert!(texts.text.capacity() <= 2 * PORTION_BYTES);
    }
}
