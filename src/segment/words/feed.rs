//! Brings the texts of rows to a [`WordsBuilder`] in portions, and encodes the long ones on the way.
//!
//! The table of words is the largest structure that a load uses all the time. If it were fed ticket by
//! ticket, it would share the processor's cache with the tables of all columns; fed in portions, it has
//! the cache to itself, or on a thread of its own that of another core.
//!
//! Both threads are kept busy. Where the thread of the words lags behind, the feeding thread prepares the
//! portions before it sends them, and while it waits for the index, it helps to seal it.
//!
//! # Invariants
//!
//! * Portions arrive in the order of the rows, and consist of whole rows.
//! * The thread of the words ends before the feed is dropped, whether that was sealed or not.
//!
//! # Cost
//!
//! The texts are copied twice, and long ones three times. Memory is that of [`PORTIONS_MAX`] portions with
//! their hashed words, some ten times [`PORTION_BYTES`] each, or more where rows are longer.

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

/// The size at which a portion is full, in bytes.
const PORTION_BYTES: usize = 64 << 10;

/// The most portions: one being filled, and others waiting or being inserted.
const PORTIONS_MAX: usize = 8;

/// The number of portions with the other thread at which it counts as lagging behind.
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
    /// The ranges of the long texts, row by row.
    long: Vec<Range<usize>>,
    /// Whether `hashed` and `ready` are made of the texts.
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
        // The room that a very long row took is freed.
        if self.text.capacity() > 2 * PORTION_BYTES {
            *self = Portion::default();
        }
    }

    /// Hashes the words and encodes the long texts, which takes no other portion.
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

/// The receiver of portions: the words and the long texts so far.
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

/// The feed of the texts of a segment being built.
#[derive(Debug)]
pub(crate) struct WordsFeed {
    portion: Portion,
    /// The size of all long texts so far, in bytes.
    long_bytes: usize,
    target: Target,
}

#[derive(Debug)]
enum Target {
    Here(Box<Taker>),
    Thread(Lane),
}

impl WordsFeed {
    /// Starts without rows. Portions are inserted on the calling thread, or on a thread of their own if
    /// `has_thread` is set and the system can start one.
    pub(crate) fn new(has_thread: bool) -> WordsFeed {
        let lane = if has_thread { Lane::start() } else { None };
        WordsFeed {
            portion: Portion::default(),
            long_bytes: 0,
            target: lane.map_or_else(|| Target::Here(Box::default()), Target::Thread),
        }
    }

    /// Adds a text to the current row.
    pub(crate) fn insert_text(&mut self, text: &str) {
        self.portion.text.push_str(text);
        self.portion.text.push(' ');
    }

    /// Adds the next long text to the current row; a row has one for each of [`LONG_FIELDS`], in that order.
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

    /// Inserts the last portion and makes the index as [`WordsBuilder::seal`] does.
    ///
    /// With a thread of its own that begins at once, while the caller goes on; otherwise
    /// [`Sealing::finish`] does it.
    pub(crate) fn seal(mut self, order: Option<Arc<[u32]>>) -> Sealing {
        self.pass_on();
        match self.target {
            Target::Here(taker) => Sealing::Here(taker, order),
            Target::Thread(mut lane) => {
                lane.portions = None;
                // Sending fails only where the thread has panicked, which `wait` finds.
                let _ = lane.order.send(order);
                Sealing::Thread(lane)
            }
        }
    }
}

/// An index of words being made.
#[derive(Debug)]
pub(crate) enum Sealing {
    /// What [`finish`](Sealing::finish) makes the index of.
    Here(Box<Taker>, Option<Arc<[u32]>>),
    Thread(Lane),
}

impl Sealing {
    /// Returns the long texts of the rows in the order of insertion; may be called once.
    pub(crate) fn long_texts(&mut self) -> LongTexts {
        match self {
            Sealing::Here(taker, _) => std::mem::take(&mut taker.long),
            Sealing::Thread(lane) => lane.long.recv().unwrap_or_else(|_| {
                // Receiving fails only where the thread has panicked; `wait` goes on with the panic.
                lane.wait();
                LongTexts::default()
            }),
        }
    }

    /// Returns the index; helps to make it.
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

/// The channels to the thread of the words and back.
#[derive(Debug)]
pub(crate) struct Lane {
    /// None once no more portions come.
    portions: Option<Sender<Portion>>,
    /// Empty portions that come back.
    spare: Receiver<Portion>,
    /// The number of portions that were sent and not yet taken back.
    portions_out: usize,
    hasher: DefaultHashBuilder,
    /// The request to seal, with the order of the rows.
    order: Sender<Option<Arc<[u32]>>>,
    /// The long texts, once all are in.
    long: Receiver<LongTexts>,
    helper: Helper,
    /// None once it was waited for.
    worker: Option<JoinHandle<Option<Words>>>,
}

/// Makes the thread that helps stop when this one ends, even by a panic.
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
                // The receiver may be gone when the last portions come back.
                let _ = outbox.send(portion);
            }
            let order = orders.recv().ok()?;
            // The receiver is there, as it belongs to whoever sent the order.
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
            // Sending fails only where the thread has panicked; `wait` goes on with the panic.
            self.wait();
        }
    }

    /// Waits for the thread to end; returns the index if one was requested. A panic of the thread goes on
    /// here.
    fn wait(&mut self) -> Option<Words> {
        match self.worker.take()?.join() {
            Ok(words) => words,
            Err(cause) => panic::resume_unwind(cause),
        }
    }
}

impl Drop for Lane {
    /// Ends the thread of a load that has failed; it makes no index, since no request to seal can come.
    fn drop(&mut self) {
        self.portions = None;
        self.order = channel().0;
        let worker = self.worker.take();
        // A panic of the thread is ignored, since the load has failed already.
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
