//! Callers on several threads that hand in work, one of which does it for all who wait.
//!
//! Work that costs as much for many callers as for one, such as waiting for a disk, is best done
//! together. A [`Group`] needs neither a thread nor a clock for that. The first caller leads: it does its
//! own work at once. Callers that come meanwhile wait, and when the leader is done, the first of them
//! leads and does the work of all that have gathered. A caller that is alone therefore never waits, and
//! the more callers there are, the larger the groups become.
//!
//! # Invariants
//!
//! * At most one caller leads at a time, and whenever a caller waits, one leads.
//! * Work is done in the order in which it was handed in, and exactly once. Where a leader panics, the
//!   work of its group is lost; its other callers are told, and the next group goes on.
//! * No caller returns before its own work is done or lost.
//!
//! # Cost
//!
//! A caller that leads locks the queue three times; one that waits is woken once.

use std::mem;
use std::sync::{Arc, PoisonError};

use crate::model::sync::{Condvar, Mutex, MutexGuard};

/// A queue of work, and whether somebody leads.
#[derive(Debug)]
pub(super) struct Group<W, R>(Mutex<Queue<W, R>>);

#[derive(Debug)]
struct Queue<W, R> {
    is_led: bool,
    waiting: Vec<(W, Arc<Caller<R>>)>,
}

/// What one caller waits on.
#[derive(Debug)]
struct Caller<R> {
    notice: Mutex<Option<Notice<R>>>,
    given: Condvar,
}

/// What a waiting caller is told.
#[derive(Debug)]
enum Notice<R> {
    /// To lead the next group, which includes its own work.
    Lead,
    /// The outcome of its work.
    Done(R),
    /// The leader panicked, so it is unknown how far the work came.
    Lost,
}

impl<W, R> Default for Group<W, R> {
    fn default() -> Group<W, R> {
        Group(Mutex::new(Queue {
            is_led: false,
            waiting: Vec::new(),
        }))
    }
}

impl<W, R> Group<W, R> {
    /// Has work done, by this caller or by another, and returns its outcome; none where another caller
    /// did it and panicked.
    ///
    /// A caller that leads calls `begin`, which may wait for what the work needs while more work
    /// gathers, and then `work` with all that has gathered, including its own. `work` returns one
    /// outcome for each piece of work, in order.
    pub(super) fn run<G>(
        &self,
        own: W,
        begin: impl FnOnce() -> G,
        work: impl FnOnce(G, Vec<W>) -> Vec<R>,
    ) -> Option<R> {
        let caller = Arc::new(Caller {
            notice: Mutex::new(None),
            given: Condvar::new(),
        });
        let mut queue = self.queue();
        queue.waiting.push((own, Arc::clone(&caller)));
        let leads = !mem::replace(&mut queue.is_led, true);
        drop(queue);
        if !leads {
            match caller.wait() {
                Notice::Lead => {}
                Notice::Done(outcome) => return Some(outcome),
                Notice::Lost => return None,
            }
        }
        let mut led = Led {
            group: self,
            own: &caller,
            callers: Vec::new(),
        };
        let needed = begin();
        let (works, callers) = mem::take(&mut self.queue().waiting).into_iter().unzip();
        led.callers = callers;
        let mut outcomes = work(needed, works).into_iter();
        let mut own = None;
        for other in mem::take(&mut led.callers) {
            match outcomes.next() {
                Some(outcome) if Arc::ptr_eq(&other, &caller) => own = Some(outcome),
                Some(outcome) => other.tell(Notice::Done(outcome)),
                None => other.tell(Notice::Lost),
            }
        }
        own
    }

    fn queue(&self) -> MutexGuard<'_, Queue<W, R>> {
        // Only code of this file runs while the queue is locked, so a panic elsewhere leaves it whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<R> Caller<R> {
    fn wait(&self) -> Notice<R> {
        let mut notice = self.notice.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(notice) = notice.take() {
                return notice;
            }
            let waited = self.given.wait(notice);
            notice = waited.unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn tell(&self, notice: Notice<R>) {
        *self.notice.lock().unwrap_or_else(PoisonError::into_inner) = Some(notice);
        self.given.notify_one();
    }
}

/// The right to lead. When it is dropped, also by a panic, it passes to the first caller that waits.
struct Led<'a, W, R> {
    group: &'a Group<W, R>,
    own: &'a Arc<Caller<R>>,
    /// The callers of the group that have not been told the outcome of their work.
    callers: Vec<Arc<Caller<R>>>,
}

impl<W, R> Drop for Led<'_, W, R> {
    fn drop(&mut self) {
        for caller in mem::take(&mut self.callers) {
            caller.tell(Notice::Lost);
        }
        let mut queue = self.group.queue();
        // A leader that panicked before it took any work is still the first of the queue.
        queue
            .waiting
            .retain(|(_, caller)| !Arc::ptr_eq(caller, self.own));
        match queue.waiting.first() {
            Some((_, next)) => next.tell(Notice::Lead),
            None => queue.is_led = false,
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::sync::Barrier;
    use std::thread;

    use super::*;

    #[test]
    fn one_caller_does_its_own() {
        let group = Group::default();
        for number in 0..3 {
            let outcome = group.run(
                number,
                || "begun",
                |begun, works| {
                    assert_eq!((begun, works.as_slice()), ("begun", &[number][..]));
                    works
                },
            );
            assert_eq!(outcome, Some(number));
        }
    }

    #[test]
    fn those_who_come_meanwhile_are_the_next_group() {
        let group = Group::default();
        let sizes = Mutex::new(Vec::new());
        let (leads, others) = (Barrier::new(2), 7);
        thread::scope(|scope| {
            scope.spawn(|| {
                let outcome = group.run(
                    0,
                    || (),
                    |(), works: Vec<u32>| {
                        sizes.lock().unwrap().push(works.len());
                        leads.wait();
                        while group.queue().waiting.len() < others {
                            thread::yield_now();
                        }
                        works
                    },
                );
                assert_eq!(outcome, Some(0));
            });
            leads.wait();
            for number in 1..=7 {
                let (group, sizes) = (&group, &sizes);
                scope.spawn(move || {
                    let outcome = group.run(
                        number,
                        || (),
                        |(), works| {
                            sizes.lock().unwrap().push(works.len());
                            works
                        },
                    );
                    assert_eq!(outcome, Some(number));
                });
            }
        });
        assert_eq!(sizes.into_inner().unwrap(), [1, 7]);
    }

    #[test]
    fn a_leader_that_panics_loses_its_group_and_no_other() {
        let group = Group::default();
        let leads = Barrier::new(2);
        thread::scope(|scope| {
            let leader = scope.spawn(|| {
                let led = || {
                    group.run(
                        0,
                        || (),
                        |(), _: Vec<u32>| -> Vec<u32> {
                            leads.wait();
                            while group.queue().waiting.len() < 2 {
                                thread::yield_now();
                            }
                            panic!("planted")
                        },
                    )
                };
                catch_unwind(AssertUnwindSafe(led)).is_err()
            });
            leads.wait();
            // The second leads the third, and panics before it has taken any work.
            let second = scope.spawn(|| {
                let led = || group.run(1, || -> () { panic!("planted") }, |(), works| works);
                catch_unwind(AssertUnwindSafe(led)).is_err()
            });
            while group.queue().waiting.is_empty() {
                thread::yield_now();
            }
            let third = scope.spawn(|| group.run(2, || (), |(), works| works));
            assert!(leader.join().unwrap() && second.join().unwrap());
            assert_eq!(third.join().unwrap(), Some(2));
        });
        assert_eq!(group.run(3, || (), |(), works| works), Some(3));
    }

    #[test]
    fn who_waits_for_a_leader_that_panics_is_told() {
        let group = Group::default();
        let (leads, gathered) = (Barrier::new(2), 2);
        thread::scope(|scope| {
            scope.spawn(|| {
                group.run(
                    0,
                    || (),
                    |(), works: Vec<u32>| {
                        leads.wait();
                        while group.queue().waiting.len() < gathered {
                            thread::yield_now();
                        }
                        works
                    },
                )
            });
            leads.wait();
            let callers = [1, 2].map(|number| {
                let group = &group;
                scope.spawn(move || {
                    let run = || group.run(number, || (), |(), _| panic!("planted"));
                    catch_unwind(AssertUnwindSafe(run)).ok()
                })
            });
            let outcomes = callers.map(|caller| caller.join().unwrap());
            // One of the two led and panicked, and the work of the other was in its group.
            assert!(outcomes.contains(&None) && outcomes.contains(&Some(None)));
        });
    }
}
