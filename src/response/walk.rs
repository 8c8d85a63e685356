//! The record walk: from rows in order to the bytes of their records.
//!
//! # Invariants
//!
//! * Nothing here borrows the snapshot between two chunks.

use std::fmt;

use super::block::{BLOCK_ROWS_MAX, Block, Place};
use super::columns::Columns;
use super::template::Template;
use super::{Style, Window};
use crate::model::Format;
use crate::plan::{Answer, Rows};
use crate::snapshot::RowId;

/// What of a response is written next.
#[derive(Clone, Copy, Debug)]
enum Stage {
    /// The head, or the whole body of a count, from a byte on.
    Head(usize),
    /// The record of the next row, from a place on.
    Records(Place),
    /// The foot, from a byte on.
    Foot(usize),
    Done,
}

/// The records of an answer on their way to chunks.
pub(super) struct Walk {
    answer: Answer,
    pub(super) style: &'static Style,
    columns: Columns,
    rows: Rows,
    /// Rows that are fetched, and how many of them have been in a block.
    ids: Vec<RowId>,
    ids_gathered: usize,
    is_first: bool,
    /// By segment, made when the first of its rows comes.
    templates: Vec<Option<Template>>,
    /// Records of one segment, and how many of them are written.
    block: Block,
    block_segment: u32,
    block_written: usize,
    head: Vec<u8>,
    foot: &'static str,
    stage: Stage,
}

impl Walk {
    pub(super) fn new(answer: Answer, format: Format) -> Walk {
        let style = Style::of(format);
        let columns = Columns::of(answer.fields(), answer.snapshot().names());
        let (head, foot) = if answer.is_count_only() {
            ((style.count)(answer.total()).into_bytes(), "")
        } else {
            let names = answer.snapshot().custom_names();
            ((style.head)(&columns, names).into_bytes(), style.foot)
        };
        let segments = answer.snapshot().segments();
        Walk {
            style,
            columns,
            rows: answer.rows(),
            templates: segments.iter().map(|_| None).collect(),
            ids: Vec::new(),
            ids_gathered: 0,
            is_first: true,
            block: Block::default(),
            block_segment: 0,
            block_written: 0,
            answer,
            head,
            foot,
            stage: Stage::Head(0),
        }
    }

    /// Writes as much as a chunk has room for.
    pub(super) fn fill(&mut self, window: &mut Window<'_>) {
        let before = window.left();
        while window.left() > 0 && self.advance(window) {}
        self.answer
            .add_bytes_written((before - window.left()) as u64);
    }

    /// Shows the answer and how far it is written.
    pub(super) fn show<'s, 'a, 'b>(
        &self,
        shown: &'s mut fmt::DebugStruct<'a, 'b>,
    ) -> &'s mut fmt::DebugStruct<'a, 'b> {
        shown
            .field("answer", &self.answer)
            .field("stage", &self.stage)
    }

    /// Writes until the stage is through or the chunk is full; false where nothing more can be.
    fn advance(&mut self, window: &mut Window<'_>) -> bool {
        let cut = match self.stage {
            Stage::Head(from) => {
                let cut = window.put(&self.head, from);
                self.stage = cut.map_or(Stage::Records(Place::default()), Stage::Head);
                cut.is_some()
            }
            Stage::Records(place) => {
                let cut = self.write_records(place, window);
                self.stage = cut.map_or(Stage::Foot(0), Stage::Records);
                cut.is_some()
            }
            Stage::Foot(from) => {
                let cut = window.put(self.foot.as_bytes(), from);
                self.stage = cut.map_or(Stage::Done, Stage::Foot);
                cut.is_some()
            }
            Stage::Done => true,
        };
        !cut
    }

    /// Writes records, the first from a place on, until the chunk is full or all are through;
    /// returns the place where the next goes on.
    fn write_records(&mut self, mut place: Place, window: &mut Window<'_>) -> Option<Place> {
        while self.block_written < self.block.rows_count() || self.gather() {
            if window.left() == 0 {
                return Some(place);
            }
            if self.is_first {
                // Nothing stands before the first record.
                place = Place::after(self.style.between.len());
                self.is_first = false;
            }
            let live = &self.answer.snapshot().segments()[self.block_segment as usize];
            let record = (self.block_written, place);
            let cut = self.block.write(record, &live.segment, self.style, window);
            if cut.is_some() {
                return cut;
            }
            self.block_written += 1;
            place = Place::default();
        }
        None
    }

    /// Gathers the next records, as far as they are of one segment; false where there are none.
    fn gather(&mut self) -> bool {
        if self.ids_gathered == self.ids.len() && !self.fetch() {
            return false;
        }
        let ids = &self.ids[self.ids_gathered..];
        self.block_segment = ids[0].segment;
        let same = ids.iter().take_while(|id| id.segment == self.block_segment);
        let mut rows = [0; BLOCK_ROWS_MAX];
        let mut rows_count = 0;
        for (row, id) in rows.iter_mut().zip(same) {
            *row = id.row;
            rows_count += 1;
        }
        let snapshot = self.answer.snapshot();
        let segment = &snapshot.segments()[self.block_segment as usize].segment;
        let template = self.templates[self.block_segment as usize].get_or_insert_with(|| {
            let names = snapshot.custom_names();
            Template::make(segment, self.style, &self.columns, names)
        });
        let rows = &rows[..rows_count];
        self.block.gather(template, segment, rows, self.style);
        self.ids_gathered += self.block.rows_count();
        self.block_written = 0;
        true
    }

    /// Fetches the next rows; false where there are none.
    fn fetch(&mut self) -> bool {
        self.ids.clear();
        self.ids_gathered = 0;
        if !self.answer.is_count_only() {
            self.rows.fill(self.answer.snapshot(), &mut self.ids);
        }
        !self.ids.is_empty()
    }
}
