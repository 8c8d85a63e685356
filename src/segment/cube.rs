//! How many rows have each combination of values: the counts of several filters at once.
//!
//! Filters of fields with few values mostly come together: the open tickets of a category, the urgent
//! ones of a technician. Their sets are dense, so counting their common rows reads bits of every row of
//! the segment. A [`Cube`] has such counts ready: it has an axis for each of some fields and, for each
//! combination of their classes, a cell with the number of rows. A count adds up the cells that filters
//! by value select, however many rows these stand for.
//!
//! A cube of all fields would have more cells than the segment has rows. So there is a cube for each
//! field, of itself and as many of the fields with the fewest classes as fit; a cube whose fields are
//! all in another is left out.
//!
//! # Invariants
//!
//! * The cells of a cube add up to the rows of its segment, dead ones included: `plan` subtracts these
//!   from a count.
//!
//! # Cost
//!
//! Making the cubes takes a pass over the ordinals of the axes for each. A cube has at most one cell in
//! [`ROWS_PER_CELL`] rows. Measured with a million tickets whose fields have 4 to 71 classes: 0.7 MB
//! in all.

#[cfg(feature = "durable")]
use std::io;

use super::block::BLOCK_ROWS;
#[cfg(feature = "durable")]
use super::stored::{Stored, StoredReader, StoredWriter, malformed};
use super::{FieldColumn, Segment, Slot, has_postings};
use crate::model::Field;

/// A cube has at most one cell in this many rows of its segment.
const ROWS_PER_CELL: u32 = 8;

/// The classes of a field that a filter by value leaves, ascending.
pub(crate) type Selected<'a> = (Field, &'a [u32]);

/// Counts of rows by combination of the classes of some fields.
#[derive(Clone, Debug)]
pub(crate) struct Cube {
    /// The cells of neighbouring classes of the last axis lie side by side.
    axes: Box<[Axis]>,
    cells: Box<[u32]>,
}

#[derive(Clone, Copy, Debug)]
struct Axis {
    field: Field,
    classes_count: u32,
    /// The cells from one class to the next.
    stride: u32,
}

impl Cube {
    /// Makes the cubes of a segment from its columns, which are by field.
    pub(super) fn make_all(columns: &[FieldColumn], rows_count: u32) -> Vec<Cube> {
        let column = |field: Field| match &columns[field.index()] {
            FieldColumn::Ordinals(column) if !column.is_constant() => Some((field, column)),
            _ => None,
        };
        let fields = Field::FILTERS.into_iter().filter(|&it| has_postings(it));
        let columns: Vec<_> = fields.filter_map(column).collect();
        let counts = columns.iter().map(|it| (it.0, it.1.classes_count()));
        let cells_max = u64::from(rows_count / ROWS_PER_CELL);
        let mut cubes = Cube::lay_out(counts.collect(), cells_max);
        let (mut ordinals, mut indexes) = (Vec::new(), Vec::<u32>::new());
        for start in (0..rows_count).step_by(BLOCK_ROWS as usize) {
            let rows = start..rows_count.min(start + BLOCK_ROWS);
            for cube in &mut cubes {
                indexes.clear();
                indexes.resize(rows.len(), 0);
                for axis in &cube.axes {
                    let of_field = columns.iter().find(|(field, _)| *field == axis.field);
                    let Some((_, column)) = of_field else {
                        continue;
                    };
                    ordinals.clear();
                    column.append_ordinals_to(rows.clone(), &mut ordinals);
                    for (index, &ordinal) in indexes.iter_mut().zip(&ordinals) {
                        *index += column.class_of(ordinal) as u32 * axis.stride;
                    }
                }
                for &index in &indexes {
                    cube.cells[index as usize] += 1;
                }
            }
        }
        cubes
    }

    /// Makes cubes without rows for fields with a number of classes each.
    fn lay_out(mut fields: Vec<(Field, u64)>, cells_max: u64) -> Vec<Cube> {
        fields.sort_by_key(|&(_, classes_count)| classes_count);
        let mut cubes: Vec<Cube> = Vec::new();
        // The most classes first, so that what is within another cube comes after it.
        for &own in fields.iter().rev() {
            let mut cells_count = own.1;
            let mut members = vec![own];
            for &other in fields.iter().filter(|&&(field, _)| field != own.0) {
                if cells_count.saturating_mul(other.1) > cells_max {
                    break;
                }
                cells_count *= other.1;
                members.push(other);
            }
            let has = |cube: &Cube, field| cube.axes.iter().any(|axis| axis.field == field);
            let mut within = cubes.iter();
            let is_new = !within.any(|cube| members.iter().all(|&(field, _)| has(cube, field)));
            if members.len() > 1 && is_new {
                cubes.push(Cube::of_axes(members));
            }
        }
        cubes
    }

    /// Makes one without rows, the axis with the most classes first.
    fn of_axes(mut members: Vec<(Field, u64)>) -> Cube {
        members.sort_by_key(|&(_, classes_count)| classes_count);
        let mut axes = Vec::with_capacity(members.len());
        let mut stride = 1;
        for (field, classes_count) in members {
            let classes_count = classes_count as u32;
            axes.push(Axis {
                field,
                classes_count,
                stride,
            });
            stride *= classes_count;
        }
        axes.reverse();
        Cube {
            axes: axes.into(),
            cells: vec![0; stride as usize].into(),
        }
    }

    /// Returns a cube of the same axes, without rows.
    pub(super) fn without_rows(&self) -> Cube {
        Cube {
            axes: self.axes.clone(),
            cells: vec![0; self.cells.len()].into(),
        }
    }

    /// Adds a row of the cube's segment to the counts, or takes it out.
    pub(super) fn add_row(&mut self, segment: &Segment, row: u32, is_added: bool) {
        let index = self.axes.iter().fold(0, |index, axis| {
            let column = segment.column(Slot::Field(axis.field));
            index + column.map_or(0, |column| column.class(row) as u32 * axis.stride)
        });
        let cell = &mut self.cells[index as usize];
        if is_added {
            *cell += 1;
        } else {
            *cell -= 1;
        }
    }

    /// Returns how many cells [`count`](Cube::count) adds up; none where a field is no axis, or
    /// is selected from twice.
    pub(crate) fn cells_count(&self, selected: &[Selected<'_>]) -> Option<u64> {
        let mut found = 0;
        let mut cells_count = 1;
        for axis in &self.axes {
            let classes = classes_of(selected, axis.field);
            found += usize::from(classes.is_some());
            cells_count *= classes.map_or(u64::from(axis.classes_count), |it| it.len() as u64);
        }
        (found == selected.len()).then_some(cells_count)
    }

    /// Returns how many rows, dead ones too, are of the selected classes in every field of
    /// `selected`, all of which are axes.
    ///
    /// Cost: [`cells_count`](Cube::cells_count) additions. The cells of each combination of classes up to
    /// the last selected axis are neighbours.
    pub(crate) fn count(&self, selected: &[Selected<'_>]) -> u64 {
        let is_selected = |axis: &Axis| classes_of(selected, axis.field).is_some();
        let depth = self.axes.iter().rposition(is_selected);
        sum(
            selected,
            &self.axes[..depth.map_or(0, |it| it + 1)],
            &self.cells,
        )
    }

    /// Returns how many of these rows have each class of a field, which is an axis too.
    ///
    /// Cost: that of [`count`](Cube::count) with all classes of the field, or those selected from it.
    pub(crate) fn counts_by(&self, selected: &[Selected<'_>], field: Field) -> Vec<u64> {
        let own = self.axes.iter().find(|axis| axis.field == field);
        let mut counts = vec![0; own.map_or(0, |axis| axis.classes_count as usize)];
        let all: Vec<u32> = (0..counts.len() as u32).collect();
        let classes = classes_of(selected, field).unwrap_or(&all);
        let others = selected.iter().filter(|(other, _)| *other != field);
        let mut selected: Vec<Selected<'_>> = others.copied().collect();
        for class in classes {
            selected.push((field, std::slice::from_ref(class)));
            counts[*class as usize] = self.count(&selected);
            selected.pop();
        }
        counts
    }

    /// Returns the heap bytes.
    pub(crate) fn bytes(&self) -> usize {
        size_of_val(&*self.axes) + size_of_val(&*self.cells)
    }
}

fn classes_of<'a>(selected: &[Selected<'a>], field: Field) -> Option<&'a [u32]> {
    let of_field = selected.iter().find(|(other, _)| *other == field);
    of_field.map(|&(_, classes)| classes)
}

/// Adds up the cells of the selected classes of the axes, those of the first within `cells`.
fn sum(selected: &[Selected<'_>], outer: &[Axis], cells: &[u32]) -> u64 {
    let Some((axis, inner)) = outer.split_first() else {
        return cells.iter().map(|&count| u64::from(count)).sum();
    };
    let of_class = |class: u32| {
        let start = (class * axis.stride) as usize;
        sum(selected, inner, &cells[start..start + axis.stride as usize])
    };
    match classes_of(selected, axis.field) {
        Some(classes) => classes.iter().map(|&class| of_class(class)).sum(),
        None => (0..axis.classes_count).map(of_class).sum(),
    }
}

impl Segment {
    /// Returns the cube that counts these rows by a field with the fewest cells, and how many that
    /// are; none where there is no cube of all these fields.
    pub(crate) fn cube_by(&self, selected: &[Selected<'_>], field: Field) -> Option<(u64, &Cube)> {
        // A field of many values is an axis of no cube, and need not have its classes listed.
        let has_axis = |cube: &Cube| cube.axes.iter().any(|axis| axis.field == field);
        if !self.cubes.iter().any(has_axis) {
            return None;
        }
        let classes = if selected.iter().any(|(own, _)| *own == field) {
            Vec::new()
        } else {
            let column = self.column(Slot::Field(field))?;
            (0..column.classes_count() as u32).collect()
        };
        let own = (!classes.is_empty()).then_some((field, &classes[..]));
        let selected: Vec<Selected<'_>> = selected.iter().copied().chain(own).collect();
        self.cube(&selected)
    }
}

#[cfg(feature = "durable")]
impl Stored for Cube {
    fn write_to(&self, out: &mut StoredWriter<'_>) -> io::Result<()> {
        let flat = self.axes.iter().flat_map(|axis| {
            let field = axis.field.index() as u32;
            [field, axis.classes_count, axis.stride]
        });
        out.slice(&flat.collect::<Vec<u32>>())?;
        out.slice(&self.cells)
    }

    fn read_from(input: &mut StoredReader<'_>) -> io::Result<Cube> {
        let flat: Vec<u32> = input.vec()?;
        let axes = flat.chunks_exact(3).map(|axis| {
            let field = Field::ALL.get(axis[0] as usize).copied();
            Ok(Axis {
                field: field.ok_or_else(malformed)?,
                classes_count: axis[1],
                stride: axis[2],
            })
        });
        Ok(Cube {
            axes: axes.collect::<io::Result<_>>()?,
            cells: input.boxed()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Ticket;
    use crate::model::names::CustomNames;
    use crate::segment::budget::Budget;
    use crate::segment::builder::SegmentBuilder;

    /// Every combination of a few folded values, unevenly often.
    fn tickets(count: u64) -> Vec<Ticket> {
        let choose = |values: &[&str], at: u64| values[at as usize % values.len()].to_owned();
        let ticket = |tid: u64| {
            let drawn = tid.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32;
            Ticket {
                tid,
                status: choose(&["Open", "OPEN", "Closed", "Closed", ""], drawn),
                priority: choose(&["High", "low", "Low"], drawn / 5),
                source: choose(&["Email", "Phone"], drawn / 15 * drawn),
                category: choose(&["a", "b", "c", "d", "e", "f", "g"], drawn / 64),
                assigned_tech: format!("tech{}", drawn % 1000),
                sub_category: "the same".to_owned(),
                ..Ticket::default()
            }
        };
        (1..=count).map(ticket).collect()
    }

    fn segment_of(tickets: &[Ticket]) -> Segment {
        let mut builder = SegmentBuilder::new();
        builder.insert(tickets, &CustomNames::default());
        builder.seal(&Budget::new(None))
    }

    /// Returns the classes of some texts of a field, ascending.
    fn classes(segment: &Segment, field: Field, texts: &[&str]) -> Vec<u32> {
        let column = segment.column(Slot::Field(field)).unwrap();
        let dictionary = column.dictionary().unwrap();
        let mut found: Vec<u32> = texts.iter().filter_map(|it| dictionary.find(it)).collect();
        found.sort_unstable();
        found
    }

    #[test]
    fn what_is_selected_is_counted() {
        let tickets = tickets(5_000);
        let segment = segment_of(&tickets);
        let status = classes(&segment, Field::Status, &["open", ""]);
        let priority = classes(&segment, Field::Priority, &["low"]);
        let category = classes(&segment, Field::Category, &["b", "c", "g"]);
        let all: [Selected<'_>; 3] = [
            (Field::Status, &status),
            (Field::Priority, &priority),
            (Field::Category, &category),
        ];
        let is_match = |ticket: &Ticket, field: Field| match field {
            Field::Status => ["Open", "OPEN", ""].contains(&ticket.status.as_str()),
            Field::Priority => ["low", "Low"].contains(&ticket.priority.as_str()),
            _ => ["b", "c", "g"].contains(&ticket.category.as_str()),
        };
        for chosen in 1..8 {
            let members = (0..3).filter(|at| chosen >> at & 1 == 1);
            let selected: Vec<_> = members.map(|at| all[at]).collect();
            let is_match = |it: &&Ticket| selected.iter().all(|&(field, _)| is_match(it, field));
            let (_, cube) = segment.cube(&selected).unwrap();
            assert_eq!(
                cube.count(&selected),
                tickets.iter().filter(is_match).count() as u64,
                "{selected:?}"
            );
        }
        assert!(segment.cube(&[(Field::AssignedTech, &[0])]).is_none());
        assert!(segment.cube(&[(Field::SubCategory, &[0])]).is_none());
        assert!(segment.cube(&[all[0], all[0]]).is_none());
    }

    #[test]
    fn few_rows_have_no_cube() {
        // An axis has a class for the empty text too.
        let (few, enough) = (tickets(9 * 8 - 1), tickets(9 * 8));
        assert_eq!(segment_of(&few).cubes.len(), 0);
        assert_eq!(segment_of(&enough).cubes.len(), 2);
    }

    #[test]
    fn every_field_that_fits_has_a_cube_and_none_is_within_another() {
        let fields = vec![
            (Field::SubCategory, 70),
            (Field::AssignedTech, 41),
            (Field::Category, 14),
            (Field::AssignedGroupName, 13),
            (Field::Status, 8),
            (Field::Source, 6),
            (Field::Priority, 5),
            (Field::EscalationLevel, 4),
        ];
        let laid_out = |cells_max| -> Vec<(Vec<u32>, usize)> {
            let cubes = Cube::lay_out(fields.clone(), cells_max);
            let shape = |cube: &Cube| {
                let counts = cube.axes.iter().map(|axis| axis.classes_count).collect();
                (counts, cube.cells.len())
            };
            cubes.iter().map(shape).collect()
        };
        assert_eq!(laid_out(19), []);
        assert_eq!(
            laid_out(125_000),
            [
                (vec![70, 8, 6, 5, 4], 67_200),
                (vec![41, 8, 6, 5, 4], 39_360),
                (vec![14, 8, 6, 5, 4], 13_440),
                (vec![13, 8, 6, 5, 4], 12_480),
            ]
        );
        assert_eq!(
            laid_out(200_000),
            [
                (vec![70, 8, 6, 5, 4], 67_200),
                (vec![41, 8, 6, 5, 4], 39_360),
                (vec![14, 13, 8, 6, 5, 4], 174_720),
            ]
        );
    }
}
