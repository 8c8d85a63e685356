//! How many dead rows a posting, a set or some cells of a cube have, carried from commit to commit.
//!
//! Counts over all rows of a segment include its dead rows. These are few, but lie all over the
//! segment: subtracting them afresh reads a bit of every row, or every dead row, at each request. So
//! their counts are kept, *sealed*, and the few rows that died since are listed beside them, to be
//! looked at one by one. The writer lists the rows that a commit marks before it publishes, so that a
//! reader of the newest snapshot finds the counts of exactly its tombstones; a reader of an older one
//! looks at the rows by which the two differ.
//!
//! # Invariants
//!
//! * The counts are a function of the rows and of the tombstones that stand beside them.
//! * They are kept only in a store without a memory budget.
//!
//! # Cost
//!
//! A request looks at the sealed counts and at each row that died since, at most [`RECENT_MAX`], or up to
//! [`HELD_ROWS_MAX`] more for a reader of an older snapshot. The
//! first request for a field, a set or a cube passes over all dead rows. A commit lists the rows that it
//! marks, and copies the sealed counts once there are [`RECENT_MAX`] of them.

use std::sync::Arc;

use arc_swap::ArcSwapOption;

use super::cube::{Cube, Selected};
use super::marks::Tombstones;
use super::rowset::RowSet;
use super::{Segment, Slot};
use crate::model::Field;
use crate::model::memory::ARC_BYTES;

/// The most rows that are listed beside the sealed counts; one more, and the counts are sealed again.
const RECENT_MAX: usize = 256;

/// Up to this many dead rows are counted by looking at each.
const LOOKED_DEAD_MAX: u32 = 256;

/// The dead rows of a set of up to this many rows are counted by looking at each of its rows.
const LOOKED_ROWS_MAX: u32 = 512;

/// Fields with more classes have no count for each.
const KEPT_CLASSES_MAX: u64 = 4096;

/// The most sets of terms and tests whose dead rows are kept counted.
const KEPT_SETS_MAX: usize = 32;

/// The counts of one commit's tombstones become those of the next where the two differ by at most this
/// many rows.
const COMMIT_DIED_MAX: u32 = 1 << 16;
/// A reader of an older snapshot uses the counts where its tombstones differ by at most this many rows.
const HELD_ROWS_MAX: u32 = 1024;

/// The counts of the dead rows of a segment, as far as anybody has asked for them.
#[derive(Debug, Default)]
pub(super) struct KeptDead(ArcSwapOption<DeadCounts>);

/// Counts as of some tombstones.
#[derive(Debug)]
struct DeadCounts {
    of: Arc<Tombstones>,
    sealed: Arc<Sealed>,
    /// Rows in which the tombstones differ from the sealed ones: dead since, or no longer.
    recent: Vec<(u32, bool)>,
}

/// Counts as of earlier tombstones.
#[derive(Clone, Debug)]
struct Sealed {
    of: Arc<Tombstones>,
    /// By class.
    fields: Vec<(Field, Arc<[u32]>)>,
    /// By the index of the segment's cube.
    cubes: Vec<(usize, Arc<Cube>)>,
    sets: Vec<(Arc<RowSet>, u32)>,
}

/// Adds a difference to a count.
fn add(count: u64, row_counts: bool, died: bool) -> u64 {
    match (row_counts, died) {
        (false, _) => count,
        (true, true) => count + 1,
        (true, false) => count - 1,
    }
}

impl DeadCounts {
    /// Starts with nothing counted.
    fn new(dead: &Arc<Tombstones>) -> DeadCounts {
        DeadCounts {
            of: Arc::clone(dead),
            sealed: Arc::new(Sealed {
                of: Arc::clone(dead),
                fields: Vec::new(),
                cubes: Vec::new(),
                sets: Vec::new(),
            }),
            recent: Vec::new(),
        }
    }

    /// Returns the counts as of other tombstones; none where they differ by too many rows.
    fn moved(&self, dead: &Arc<Tombstones>, rows_max: u32) -> Option<DeadCounts> {
        let mut recent = Vec::with_capacity(self.recent.len() + 1);
        recent.extend_from_slice(&self.recent);
        let is_all = dead.for_each_difference(&self.of, rows_max, |row| {
            recent.push((row, dead.contains(row)));
        });
        is_all.then(|| DeadCounts {
            of: Arc::clone(dead),
            sealed: Arc::clone(&self.sealed),
            recent,
        })
    }

    /// Seals the counts as of the tombstones.
    fn seal(self, segment: &Segment) -> DeadCounts {
        let mut sealed = Sealed::clone(&self.sealed);
        for (field, counts) in &mut sealed.fields {
            let Some(column) = segment.column(Slot::Field(*field)) else {
                continue;
            };
            let counts = Arc::make_mut(counts);
            for &(row, died) in &self.recent {
                let count = &mut counts[column.class(row) as usize];
                *count = add(u64::from(*count), true, died) as u32;
            }
        }
        for (_, cube) in &mut sealed.cubes {
            let cube = Arc::make_mut(cube);
            self.recent
                .iter()
                .for_each(|&(row, died)| cube.add_row(segment, row, died));
        }
        for (set, count) in &mut sealed.sets {
            *count = self.in_recent(u64::from(*count), |row| set.contains(row)) as u32;
        }
        sealed.of = Arc::clone(&self.of);
        DeadCounts {
            of: self.of,
            sealed: Arc::new(sealed),
            recent: Vec::new(),
        }
    }

    /// Returns a sealed count as of the tombstones, given which rows count.
    fn in_recent(&self, sealed: u64, counts: impl Fn(u32) -> bool) -> u64 {
        let recent = self.recent.iter();
        recent.fold(sealed, |count, &(row, died)| add(count, counts(row), died))
    }

    /// Returns the heap bytes; tombstones may be another snapshot's, and held here alone.
    fn bytes(&self) -> usize {
        let Sealed {
            of,
            fields,
            cubes,
            sets,
        } = &*self.sealed;
        let of_fields = fields
            .iter()
            .map(|(_, it)| ARC_BYTES + size_of_val::<[u32]>(it));
        let of_cubes = cubes
            .iter()
            .map(|(_, it)| ARC_BYTES + size_of::<Cube>() + it.bytes());
        let of_sets = sets
            .iter()
            .map(|(it, _)| ARC_BYTES + size_of::<RowSet>() + it.bytes());
        let lists = fields.capacity() * size_of::<(Field, Arc<[u32]>)>()
            + cubes.capacity() * size_of::<(usize, Arc<Cube>)>()
            + sets.capacity() * size_of::<(Arc<RowSet>, u32)>()
            + self.recent.capacity() * size_of::<(u32, bool)>();
        let frame = size_of::<DeadCounts>() + size_of::<Sealed>() + 2 * size_of::<Tombstones>();
        let tombstones = self.of.bytes() + of.bytes();
        let counts = of_fields.sum::<usize>() + of_cubes.sum::<usize>() + of_sets.sum::<usize>();
        frame + 4 * ARC_BYTES + lists + counts + tombstones
    }
}

impl KeptDead {
    /// Drops what is kept.
    pub(super) fn clear(&self) {
        self.0.store(None);
    }

    /// Returns the heap bytes of what is kept.
    pub(super) fn bytes(&self) -> usize {
        self.0.load().as_ref().map_or(0, |kept| kept.bytes())
    }

    /// Returns the counts as of some tombstones; none for tombstones that are far from those of the last
    /// commit.
    ///
    /// `extend` gets the sealed counts and returns them with what they lack, or none where nothing is
    /// missing.
    fn of(
        &self,
        segment: &Segment,
        dead: &Arc<Tombstones>,
        extend: impl FnOnce(&Sealed) -> Option<Sealed>,
    ) -> Option<Arc<DeadCounts>> {
        let counts = match self.0.load_full() {
            Some(kept) if Arc::ptr_eq(&kept.of, dead) => kept,
            Some(kept) => Arc::new(kept.moved(dead, HELD_ROWS_MAX)?),
            None => Arc::new(DeadCounts::new(dead)),
        };
        let Some(extended) = extend(&counts.sealed) else {
            return Some(counts);
        };
        let extended = DeadCounts {
            of: Arc::clone(&counts.of),
            sealed: Arc::new(extended),
            recent: counts.recent.clone(),
        };
        // Readers of two snapshots would by turns list the rows between them again and again.
        let extended = Arc::new(match extended.recent.len() {
            0..=RECENT_MAX => extended,
            _ => extended.seal(segment),
        });
        self.0.store(Some(Arc::clone(&extended)));
        Some(extended)
    }
}

impl Segment {
    /// Returns whether counts of the dead rows are worth keeping.
    fn keeps_dead(&self, dead: &Tombstones) -> bool {
        self.budget.is_unlimited() && dead.count() > LOOKED_DEAD_MAX
    }

    /// Returns the number of dead rows in a class of a field; none where the class has no set of rows, or
    /// looking at the rows is as cheap.
    pub(crate) fn dead_in_class(
        &self,
        (field, class): (Field, u32),
        dead: &Arc<Tombstones>,
    ) -> Option<u64> {
        let column = self.column(Slot::Field(field))?;
        let set = self.posting_sets(field)?.get(class as usize)?;
        let is_worth = set.count() > LOOKED_ROWS_MAX && set.bitmap().is_some();
        if !self.keeps_dead(dead) || !is_worth || column.classes_count() > KEPT_CLASSES_MAX {
            return None;
        }
        let find = |sealed: &Sealed| sealed.fields.iter().position(|(own, _)| *own == field);
        let counts = self.findings.dead_counts.of(self, dead, |sealed| {
            if find(sealed).is_some() {
                return None;
            }
            let mut of_classes = vec![0; column.classes_count() as usize];
            let count_row = |row| of_classes[column.class(row) as usize] += 1;
            sealed.of.for_each(count_row);
            let mut extended = sealed.clone();
            extended.fields.push((field, of_classes.into()));
            Some(extended)
        })?;
        let (_, of_classes) = &counts.sealed.fields[find(&counts.sealed)?];
        let sealed = u64::from(of_classes[class as usize]);
        Some(counts.in_recent(sealed, |row| column.class(row) == u64::from(class)))
    }

    /// Returns how many dead rows a kept set has; none where looking at its rows is as cheap.
    pub(crate) fn dead_in_set(&self, set: &Arc<RowSet>, dead: &Arc<Tombstones>) -> Option<u64> {
        if !self.keeps_dead(dead) || set.count() <= LOOKED_ROWS_MAX || set.bitmap().is_none() {
            return None;
        }
        let find = |sealed: &Sealed| {
            sealed
                .sets
                .iter()
                .position(|(own, _)| Arc::ptr_eq(own, set))
        };
        let counts = self.findings.dead_counts.of(self, dead, |sealed| {
            if find(sealed).is_some() {
                return None;
            }
            let mut extended = sealed.clone();
            if extended.sets.len() == KEPT_SETS_MAX {
                extended.sets.remove(0);
            }
            let count = sealed.of.count_in(set);
            extended.sets.push((Arc::clone(set), count));
            Some(extended)
        })?;
        let sealed = u64::from(counts.sealed.sets[find(&counts.sealed)?].1);
        Some(counts.in_recent(sealed, |row| set.contains(row)))
    }

    /// Returns how many dead rows are of the selected classes, by a cube of the segment that has
    /// them all, given the question whether a row is; none where looking at each dead row is as cheap.
    pub(crate) fn dead_in_cube(
        &self,
        cube: &Cube,
        selected: &[Selected<'_>],
        dead: &Arc<Tombstones>,
        holds: impl Fn(u32) -> bool,
    ) -> Option<u64> {
        if !self.keeps_dead(dead) {
            return None;
        }
        let index = self.cubes.iter().position(|own| std::ptr::eq(own, cube))?;
        let find = |sealed: &Sealed| sealed.cubes.iter().position(|(own, _)| *own == index);
        let counts = self.findings.dead_counts.of(self, dead, |sealed| {
            if find(sealed).is_some() {
                return None;
            }
            let mut of_dead = cube.without_rows();
            sealed.of.for_each(|row| of_dead.add_row(self, row, true));
            let mut extended = sealed.clone();
            extended.cubes.push((index, Arc::new(of_dead)));
            Some(extended)
        })?;
        let sealed = counts.sealed.cubes[find(&counts.sealed)?].1.count(selected);
        Some(counts.in_recent(sealed, holds))
    }

    /// Brings what readers have kept about dead rows up to the tombstones that a commit is about to
    /// publish.
    ///
    /// Cost: that of the rows in which they differ, for each thing that is kept.
    pub(crate) fn carry_dead(&self, dead: &Arc<Tombstones>) {
        if let Some(kept) = self.findings.dead_counts.0.load_full()
            && !Arc::ptr_eq(&kept.of, dead)
        {
            let moved = kept
                .moved(dead, COMMIT_DIED_MAX)
                .map(|moved| match moved.recent.len() {
                    0..=RECENT_MAX => moved,
                    _ => moved.seal(self),
                });
            self.findings.dead_counts.0.store(moved.map(Arc::new));
        }
        let fields = self.findings.dead_orders.fields().map(Slot::Field);
        for slot in fields.chain([Slot::Version]) {
            if let Some(order) = self.order_there(slot) {
                order.carry_dead_positions(self.slot_column(slot), dead, &self.budget);
            }
        }
    }
}
