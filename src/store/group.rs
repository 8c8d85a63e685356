//! Callers that hand in work, one of which does it for all who wait.
//!
//! Work that costs as much for many as for one, such as waiting for a disk, is best done together. A
//! [`Group`] needs no thread and no clock for that: who comes first leads, and does its own at once;
//! who comes while it works waits, and then the first of these leads the next group, which is all that
//! has gathered. So one caller alone waits for nobody, and the more there are, the larger the groups.
//!
//! # Invariants
//!
//! * At most one caller leads, and whenever somebody waits, somebody leads.
//! * Work is done in the order in which it was handed in, each exactly once, unless a leader panics:
//!   then that of its group is lost, which its owners are told, and the next group is led.
//! * Nobody returns before its own work is done.
//!
//! # Cost
//!
//! A caller that leads takes two locks; one that waits is woken once, or twice where it is to lead.

use std::mem;
use std::sync::{Arc, PoisonError};

use crate::model::sync::{Condvar, Mutex, MutexGuard};

/// A queue of work, and whether somebody leads.
#[derive(Debug)]
pub(super) struct Group<W, R>(Mutex<Queue<W, R>>);

#[derive(Debug)]
struct Queue<W, R> {
    is_led: bool,
    waiting: Vec<(W, Arc<Place<R>>)>,
}

/// Where one caller waits.
#[derive(Debug)]
struct Place<R> {
    word: Mutex<Option<Word<R>>>,
    spoken: Condvar,
}

/// What a caller that waits is told.
#[derive(Debug)]
enum Word<R> {
    /// It leads the next group, which its own work is in.
    Lead,
    Done(R),
    /// The leader panicked, so nobody knows how far its work came.
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
    /// Has work done by this caller or by another, and returns what came of it; none where the
    /// thread that did it panicked.
    ///
    /// A caller that leads calls `begin`, which may wait for what the work needs while more of it
    /// gathers, and then `work` with all that has, its own too. It returns one outcome for each, in order.
    pub(super) fn run<G>(
        &self,
        own: W,
        begin: impl FnOnce() -> G,
        work: impl FnOnce(G, Vec<W>) -> Vec<R>,
    ) -> Option<R> {
        let place = Arc::new(Place {
            word: Mutex::new(None),
            spoken: Condvar::new(),
        });
        let mut queue = self.queue();
        queue.waiting.push((own, Arc::clone(&place)));
        let leads = !mem::replace(&mut queue.is_led, true);
        drop(queue);
        if !leads {
            match place.wait() {
                Word::Lead => {}
                Word::Done(outcome) => return Some(outcome),
                Word::Lost => return None,
            }
        }
        let mut led = Led {
            group: self,
            own: &place,
            places: Vec::new(),
        };
        let needed = begin();
        let (works, places) = mem::take(&mut self.queue().waiting).into_iter().unzip();
        led.places = places;
        let mut outcomes = work(needed, works).into_iter();
        let mut own = None;
        for other in mem::take(&mut led.places) {
            match outcomes.next() {
                Some(outcome) if Arc::ptr_eq(&other, &place) => own = Some(outcome),
                Some(outcome) => other.tell(Word::Done(outcome)),
                None => other.tell(Word::Lost),
            }
        }
        own
    }

    fn queue(&self) -> MutexGuard<'_, Queue<W, R>> {
        // No code of others runs while it is locked, so it is whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<R> Place<R> {
    fn wait(&self) -> Word<R> {
        let mut word = self.word.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(word) = word.take() {
                return word;
            }
            let waited = self.spoken.wait(word);
            word = waited.unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn tell(&self, word: Word<R>) {
        *self.word.lock().unwrap_or_else(PoisonError::into_inner) = Some(word);
        self.spoken.notify_one();
    }
}

/// The right to lead, which goes on to the first who waits, whatever ends it.
struct Led<'a, W, R> {
    group: &'a Group<W, R>,
    own: &'a Arc<Place<R>>,
    /// Those of the group who have not been told what came of their work.
    places: Vec<Arc<Place<R>>>,
}

impl<W, R> Drop for Led<'_, W, R> {
    fn drop(&mut self) {
        for place in mem::take(&mut self.places) {
            place.tell(Word::Lost);
        }
        let mut queue = self.group.queue();
        // A leader that panicked before it took any work is still the first of the queue.
        queue
            .waiting
            .retain(|(_, place)| !Arc::ptr_eq(place, self.own));
        match queue.waiting.first() {
            Some((_, next)) => next.tell(Word::Lead),
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
            // One of the two led and panicked, the other one's work was in its group.
            assert!(outcomes.contains(&None) && outcomes.contains(&Some(None)));
        });
    }
}
