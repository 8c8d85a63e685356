//! Threads that parse blocks while the caller's reads the next and takes the tickets.
//!
//! Blocks are dealt out in turn and come back in that order, so the tickets do too.

use std::io::BufRead;
use std::panic;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{self, ScopedJoinHandle};

use super::blocks::{Parsed, Parser};
use super::source::{Block, Framer};
use super::{ImportBlock, Listener};
use crate::model::error::Error;

/// More workers than this are not started: the reader could not feed them.
const WORKERS_MAX: usize = 64;

/// The blocks that may be with one worker: one being parsed, one waiting.
const BLOCKS_PER_WORKER: usize = 2;

/// The way to one worker and back.
struct Lane<'scope> {
    jobs: Sender<(Block, Parsed)>,
    results: Receiver<(Block, Parsed)>,
    worker: ScopedJoinHandle<'scope, ()>,
}

impl Lane<'_> {
    /// Sends the worker home and waits until its thread is gone.
    ///
    /// The end of a scope alone waits for what a thread does, not for what the system undoes then.
    fn close(self) {
        drop((self.jobs, self.results));
        if let Err(cause) = self.worker.join() {
            panic::resume_unwind(cause);
        }
    }
}

/// Delivers the tickets of an input that up to `count` workers parse. Returns none, with nothing read, where
/// the system starts no worker.
pub(super) fn run_workers<R: BufRead>(
    count: usize,
    parser: &Parser,
    framer: &mut Framer<R>,
    listener: &mut Listener,
    sink: &mut impl FnMut(ImportBlock<'_>) -> Result<(), Error>,
) -> Option<Result<(), Error>> {
    let skips_bad = listener.skips_bad;
    thread::scope(|scope| {
        let start = |_| {
            let (jobs, inbox) = channel();
            let (outbox, results) = channel();
            let worker = move || work(parser, skips_bad, &inbox, &outbox);
            let worker = thread::Builder::new().spawn_scoped(scope, worker).ok()?;
            Some(Lane {
                jobs,
                results,
                worker,
            })
        };
        let count = count.min(WORKERS_MAX);
        let lanes: Vec<Lane<'_>> = (0..count).map_while(start).collect();
        if lanes.is_empty() {
            return None;
        }
        let outcome = drive(framer, &lanes, listener, sink);
        lanes.into_iter().for_each(Lane::close);
        Some(outcome)
    })
}

/// Parses blocks until no more come or nobody wants them.
fn work(
    parser: &Parser,
    skips_bad: bool,
    inbox: &Receiver<(Block, Parsed)>,
    outbox: &Sender<(Block, Parsed)>,
) {
    for (mut block, mut parsed) in inbox {
        parsed.parse(parser, &mut block, skips_bad);
        if outbox.send((block, parsed)).is_err() {
            return;
        }
    }
}

/// Reads blocks, deals them out to the lanes in turn, and delivers them in that order.
fn drive<R: BufRead>(
    framer: &mut Framer<R>,
    lanes: &[Lane<'_>],
    listener: &mut Listener,
    sink: &mut impl FnMut(ImportBlock<'_>) -> Result<(), Error>,
) -> Result<(), Error> {
    let blocks_max = lanes.len() * BLOCKS_PER_WORKER;
    let mut spare = Vec::new();
    let mut lanes_in = lanes.iter().cycle();
    let mut lanes_out = lanes.iter().cycle();
    let mut blocks_out = 0;
    let mut has_more = true;
    loop {
        while has_more && blocks_out < blocks_max {
            let (mut block, parsed): (Block, Parsed) = spare.pop().unwrap_or_default();
            has_more = framer.fill(&mut block);
            if has_more && let Some(lane) = lanes_in.next() {
                // A worker is gone only where it panicked, and then the scope does too.
                let _ = lane.jobs.send((block, parsed));
                blocks_out += 1;
            }
        }
        if blocks_out == 0 {
            return Ok(());
        }
        let Some(Ok((block, mut parsed))) = lanes_out.next().map(|lane| lane.results.recv()) else {
            return Ok(());
        };
        blocks_out -= 1;
        listener.deliver(&mut parsed, sink)?;
        spare.push((block, parsed));
    }
}
