//! What a plan is and what it cost, as data and as text.
//!
//! The figures are counts and estimates, never measured times: they are the same on every machine for
//! the same store and the same requests before it.

use std::borrow::Cow;
use std::fmt;

use serde::Serialize;

use super::Strategy;

/// The work until [`Snapshot::answer`](crate::Snapshot::answer) returned, and the bytes written since.
///
/// Rows that are found while an answer is read are not counted.
///
/// # Examples
///
/// ```
/// use ticketdex::{Query, Store, Options};
///
/// let snapshot = Store::new(Options::default()).reader().snapshot();
/// assert_eq!(snapshot.answer(&Query::default()).explain().work.rows_touched, 0);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Work {
    /// Rows visited one by one: of a posting, of a sorted vector, of a column.
    pub rows_touched: u64,
    /// Rows asked whether they satisfy the filters that they were not found by.
    pub rows_probed: u64,
    /// Blocks of 4,096 rows combined as bitmaps.
    pub blocks: u64,
    /// Bytes of response written.
    pub bytes_written: u64,
}

/// How filters are combined.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Access {
    /// The rows of the filter that lets the fewest through are visited, and the others asked.
    Drive,
    /// Bitmaps of 4,096 rows at a time are combined.
    Blocks,
    /// All rows are asked, 64 at a time, as they are few and were patched a moment ago.
    Scan,
}

/// Prints the name as it is serialized.
impl fmt::Display for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Access::Drive => "drive",
            Access::Blocks => "blocks",
            Access::Scan => "scan",
        })
    }
}

/// How the matches of a segment were counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Counted {
    /// The index of one filter has the number, or there is no filter.
    Index,
    /// Cells of a cube of the values of several fields were added up.
    Cube,
    /// They were listed: see [`Access::Drive`].
    Drive,
    /// Bitmaps were combined: see [`Access::Blocks`].
    Blocks,
    /// All rows were asked: see [`Access::Scan`].
    Scan,
}

/// Prints the name as it is serialized.
impl fmt::Display for Counted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Counted::Index => "index",
            Counted::Cube => "cube",
            Counted::Drive => "drive",
            Counted::Blocks => "blocks",
            Counted::Scan => "scan",
        })
    }
}

/// How a walk along an order knows which rows match.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum WalkMatching {
    /// Every live row on the way does.
    Live,
    /// The set of rows of the only filter says so.
    Set,
    /// The matches were listed, and are bits now.
    Listed,
    /// Bits of all matches are made, so that those before a page can be counted.
    Counted,
    /// The filters are asked, row by row or for a block at once.
    Asked,
}

/// Prints the name as it is serialized.
impl fmt::Display for WalkMatching {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            WalkMatching::Live => "live",
            WalkMatching::Set => "set",
            WalkMatching::Listed => "listed",
            WalkMatching::Counted => "counted",
            WalkMatching::Asked => "asked",
        })
    }
}

/// One filter of a plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct FilterPlan {
    /// The variable that it comes from; for a keyword's term with the term, for a complement with
    /// `!=`, and for a field that shall have a value or none with `present` or `empty` before it.
    pub name: Cow<'static, str>,
    /// How its rows are found or asked for.
    pub kind: &'static str,
    /// The rows that it lets through, dead ones included: exact, or an upper bound where rows are asked
    /// one by one or a column has no order.
    pub estimate: u64,
}

/// The plan of one segment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct SegmentPlan {
    /// The rows of the segment, dead ones too.
    pub rows_count: u64,
    /// The rows that match.
    pub matches_count: u64,
    /// The filters, in the order in which they are applied.
    pub filters: Vec<FilterPlan>,
    /// How the filters are combined.
    pub access: Access,
    /// How the matches were counted.
    pub counted: Counted,
    /// How the order is made.
    pub strategy: Strategy,
    /// Whether row order lists the rows of one filter; otherwise it takes block after block.
    pub is_listed: bool,
    /// How a walk knows which rows match; none for any other strategy.
    pub matching: Option<WalkMatching>,
    /// The positions after which a walk whose length is a guess is given up for another strategy.
    pub positions_max: Option<u64>,
    /// The estimated cost of the strategy, in nanoseconds of a reference machine.
    pub cost: u64,
    /// The strategy that was demanded but cannot serve the order.
    pub fell_back_from: Option<Strategy>,
}

/// The chosen plan of a request, with the work that it has done.
///
/// # Examples
///
/// ```
/// use ticketdex::{Batch, Options, Query, Store, Ticket};
///
/// let mut store = Store::new(Options::default());
/// let mut batch = Batch::new();
/// batch.put(Ticket { tid: 1, status: "Open".into(), ..Ticket::default() });
/// store.commit(batch)?;
/// let query: Query = "status=open&order=date_opened".parse()?;
/// let explain = store.reader().snapshot().explain(&query);
/// assert_eq!(explain.segments[0].filters[0].name, "status");
/// assert_eq!(explain.segments[0].filters[0].estimate, 1);
/// # Ok::<(), ticketdex::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Explain {
    /// The matching tickets, before `count` and `page`.
    pub total: u64,
    /// The plan of each segment.
    pub segments: Vec<SegmentPlan>,
    /// The work that the answer has taken.
    pub work: Work,
}

impl Access {
    /// Returns what combines the filters.
    fn words(self) -> &'static str {
        match self {
            Access::Drive => "asking the rows of the first",
            Access::Blocks => "bitmaps of blocks",
            Access::Scan => "asking all rows",
        }
    }
}

impl Counted {
    /// Returns what counts the matches.
    fn words(self) -> &'static str {
        match self {
            Counted::Index => "an index",
            Counted::Cube => "a cube of values",
            Counted::Drive => "listing them",
            Counted::Blocks => "bitmaps of blocks",
            Counted::Scan => "asking all rows",
        }
    }
}

impl WalkMatching {
    /// Returns how a walk tells matches from other rows.
    fn words(self) -> &'static str {
        match self {
            WalkMatching::Live => "past live rows",
            WalkMatching::Set => "asking a set of rows",
            WalkMatching::Listed => "asking bits of listed rows",
            WalkMatching::Counted => "asking bits of all matches",
            WalkMatching::Asked => "asking the filters",
        }
    }
}

impl SegmentPlan {
    /// Writes the plan, a line for the segment, for each filter and for the path.
    fn fmt_lines(&self, index: usize, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "segment {index}: {} of {} rows match",
            self.matches_count, self.rows_count
        )?;
        for filter in &self.filters {
            let (name, estimate, kind) = (&filter.name, filter.estimate, &filter.kind);
            writeln!(f, "  filter {name}: {estimate} rows by {kind}")?;
        }
        let (access, counted) = (self.access.words(), self.counted.words());
        write!(
            f,
            "  filters combined by {access}; matches counted by {counted}; order by {}",
            self.strategy
        )?;
        match self.matching {
            _ if self.is_listed => f.write_str(" of listed rows")?,
            Some(matching) => write!(f, " {}", matching.words())?,
            None => {}
        }
        write!(f, ", estimated at {} ns", self.cost)?;
        if let Some(positions_max) = self.positions_max {
            write!(f, "; given up after {positions_max} positions")?;
        }
        if let Some(strategy) = self.fell_back_from {
            write!(f, "; {strategy} cannot serve this order")?;
        }
        writeln!(f)
    }
}

impl fmt::Display for Explain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} tickets match", self.total)?;
        for (index, plan) in self.segments.iter().enumerate() {
            plan.fmt_lines(index, f)?;
        }
        let segments_count = self.segments.len();
        if segments_count > 1 {
            writeln!(f, "merge of {segments_count} segments by key, then tid")?;
        }
        let Work {
            rows_touched,
            rows_probed,
            blocks,
            bytes_written,
        } = self.work;
        write!(
            f,
            "work: {rows_touched} rows touched, {rows_probed} rows probed, {blocks} blocks, \
             {bytes_written} bytes written"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_prints_line_by_line() {
        let plan = SegmentPlan {
            rows_count: 9,
            matches_count: 3,
            filters: vec![FilterPlan {
                name: "status".into(),
                kind: "a bitmap",
                estimate: 4,
            }],
            access: Access::Blocks,
            counted: Counted::Cube,
            strategy: Strategy::TopK,
            is_listed: false,
            matching: None,
            positions_max: None,
            cost: 21,
            fell_back_from: Some(Strategy::Walk),
        };
        let mut explain = Explain {
            total: 3,
            segments: vec![plan.clone()],
            work: Work {
                rows_touched: 1,
                rows_probed: 2,
                blocks: 3,
                bytes_written: 4,
            },
        };
        let work = "work: 1 rows touched, 2 rows probed, 3 blocks, 4 bytes written";
        let first = "3 tickets match\nsegment 0: 3 of 9 rows match\n  filter status: 4 rows by a bitmap\n  \
                     filters combined by bitmaps of blocks; matches counted by a cube of values; \
                     order by top-k, estimated at 21 ns; walk cannot serve this order\n";
        assert_eq!(explain.to_string(), format!("{first}{work}"));
        explain.segments.push(SegmentPlan {
            filters: Vec::new(),
            positions_max: Some(80),
            fell_back_from: None,
            ..plan
        });
        let second = "segment 1: 3 of 9 rows match\n  filters combined by bitmaps of blocks; matches \
                      counted by a cube of values; order by top-k, estimated at 21 ns; given up after 80 positions\n\
                      merge of 2 segments by key, then tid\n";
        assert_eq!(explain.to_string(), format!("{first}{second}{work}"));
    }
}
