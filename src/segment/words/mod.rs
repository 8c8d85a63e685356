//! The words of a segment: a substring index over them, and the rows of each.
//!
//! A word is a run without white space in a row's searchable texts, folded. A term of a keyword has no
//! white space either, so a text holds the term exactly where one of its words does. A request takes two
//! steps: [`Words::find`] finds the words that hold a term, and [`Words::rows`] unites their rows.
//!
//! Words that occur in only one row, as in logs and in scripts without blanks, would make the index
//! larger than the texts. They are cut into pieces that occur in many rows, by one of three rules, and each
//! occurrence of a piece in a segment has a number, its spot. A term either is inside a piece, or is cut
//! as the word around it is, and then its pieces are at consecutive spots. Either way the index gives the
//! rows without a look at the texts, except for a few rows where reading the texts is cheaper.
//!
//! The files speak of *texts* where both words and pieces are meant.
//!
//! * [`feed`]: brings texts to the builder in portions, on a thread of its own if wanted.
//! * [`hashed`]: finds, cuts and hashes the words of a portion.
//! * [`builder`]: collects the words of rows and seals them; [`log`](mod@log): the numbers of each row's
//!   texts; [`frequent`]: the rows of words that many rows have; [`helper`]: a second thread for sealing.
//! * [`cut`]: decides which words are cut, and where.
//! * [`lexicon`]: a dictionary with a substring index. There is one of whole words and their rows, and
//!   for each rule one of pieces and their spots.
//! * [`cut_words`]: the pieces that a rule cuts; [`spots`]: the rows of their spots;
//!   [`chain`]: finds pieces at consecutive spots; [`adjacent`]: which bytes follow each other in words that are
//!   cut, so that most terms that no such word holds are not looked up.
//! * [`grams`]: runs of three bytes, and the texts that hold them.
//! * [`kept`]: the rows of short terms whose union is expensive, made at sealing.
//! * [`merge`]: several indexes into one, without hashing or sorting words again.
//! * [`packed`]: integers in few bytes; [`bits`]: bitmaps.

mod adjacent;
mod bits;
mod builder;
mod chain;
mod cut;
mod cut_words;
mod feed;
mod frequent;
mod grams;
mod hashed;
mod helper;
mod kept;
mod lexicon;
mod log;
mod merge;
mod packed;
mod spots;

use std::borrow::Cow;
#[cfg(feature = "durable")]
use std::io;

use bits::{count_bits, for_each_bit, set_bit, stride, unite_bits};
use builder::WordsBuilder;
use chain::Holds;
use cut::Rule;
use cut_words::{CutWords, HeldInside};
pub(crate) use feed::WordsFeed;
use kept::Kept;
#[cfg(feature = "durable")]
use lexicon::Ids;
use lexicon::{Lexicon, Numbers, bitmap_cost};
pub(crate) use merge::{MOVE_DROPPED, MergeInput};
use spots::STRETCHES_MAX;

#[cfg(feature = "durable")]
use crate::segment::stored::{Stored, StoredReader, StoredWriter};

/// Up to this many postings, sorting their rows is cheaper than filling a bitmap.
const SORTED_POSTINGS_MAX: u64 = 1_024;

/// The words of a segment's rows.
#[derive(Clone, Debug)]
pub(crate) struct Words {
    rows_count: u32,
    /// Words that are not cut, and their rows.
    whole: Lexicon,
    /// Words that are cut, by [`Rule`].
    cut: [CutWords; Rule::ALL.len()],
    kept: Kept,
}

/// What holds a term in the words of a segment, and what its rows will cost.
#[derive(Clone, Debug)]
pub(crate) struct Matches {
    held_by: HeldBy,
    postings_count: u64,
    rows_cost: u64,
}

#[derive(Clone, Debug)]
enum HeldBy {
    /// Whole words, and what holds the term inside the words that a rule cuts, where these may hold it.
    Words(Numbers, Vec<(Rule, HeldInside)>),
    /// The rank of a short term whose rows are kept.
    Kept(u32),
}

impl Matches {
    /// Returns an upper bound of the rows that hold the term: the sum of the words' rows and of the
    /// spots at which it may be inside words that are cut.
    ///
    /// Exact where one whole word matches or the term's rows are kept.
    pub(crate) fn postings_count(&self) -> u64 {
        self.postings_count
    }

    /// Returns the estimated cost of [`Words::rows`], in steps from one posting of a list to the next.
    ///
    /// It is far below the count of postings where rows are kept or most are in bitmaps.
    pub(crate) fn rows_cost(&self) -> u64 {
        self.rows_cost
    }
}

/// The rows that hold a term.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum TermRows<'a> {
    /// The rows, ascending, where they are less than one in 64 of all.
    Sorted(Vec<u32>),
    /// More rows: a bitmap, borrowed where the index has it, and the number of its rows.
    Bitmap(Cow<'a, [u64]>, u32),
}

impl Words {
    /// Joins the parts, and makes the kept rows.
    fn finish(rows_count: u32, whole: Lexicon, cut: [CutWords; Rule::ALL.len()]) -> Words {
        let mut words = Words {
            rows_count,
            whole,
            cut,
            kept: Kept::default(),
        };
        words.kept = Kept::make(&words);
        words
    }

    /// Returns how many rows there are, with words or without.
    pub(crate) fn rows_count(&self) -> u32 {
        self.rows_count
    }

    /// Returns how many stretches of spots the words that are cut take, for the rule that takes the most.
    ///
    /// The counts of merged indexes must add up to at most [`Words::STRETCHES_MAX`].
    pub(crate) fn stretches_count(&self) -> u64 {
        let counts = self.cut.iter().map(|cut| cut.spots.stretch_rows().len());
        counts.max().unwrap_or(0) as u64
    }

    /// The greatest possible [`stretches_count`](Words::stretches_count).
    pub(crate) const STRETCHES_MAX: u64 = STRETCHES_MAX as u64;

    /// Returns the bytes of heap that the index holds.
    pub(crate) fn bytes(&self) -> usize {
        let cut: usize = self.cut.iter().map(CutWords::bytes).sum();
        self.whole.bytes() + cut + self.kept.bytes()
    }

    /// Returns what holds a folded, non-empty term without white space.
    ///
    /// Cost: a search for it among the words, and among the pieces; where the term is cut, one
    /// for each of its pieces.
    pub(crate) fn find(&self, term: &str) -> Matches {
        if let Some((rank, rows_count)) = self.kept.find(term.as_bytes()) {
            return Matches {
                held_by: HeldBy::Kept(rank),
                postings_count: u64::from(rows_count),
                rows_cost: bitmap_cost(stride(self.rows_count)),
            };
        }
        let whole = self.whole.find(term.as_bytes());
        let (mut postings_count, mut rows_cost) = (0, 0);
        whole.for_each_in(0..self.whole.count(), |word| {
            postings_count += u64::from(self.whole.ids_count(word));
            rows_cost += self.whole.cost(word);
        });
        let mut inside = Vec::new();
        for rule in Rule::ALL {
            let cut = &self.cut[rule as usize];
            if let Some(held) = cut.find(rule, term) {
                let (count, cost) = cut.measure(&held);
                postings_count += count;
                rows_cost += cost;
                inside.push((rule, held));
            }
        }
        Matches {
            held_by: HeldBy::Words(whole, inside),
            postings_count,
            rows_cost,
        }
    }

    /// Returns about what [`find`](Words::find) costs, in steps from one posting of a list to the next.
    ///
    /// Cost: a search for some runs of three bytes of the term, in each of the dictionaries.
    pub(crate) fn find_cost(&self, term: &str) -> u64 {
        let term = term.as_bytes();
        if self.kept.find(term).is_some() {
            return 0;
        }
        let cut = self.cut.iter().filter(|cut| cut.adjacent.may_hold(term));
        let cut = cut.map(|cut| cut.pieces.find_cost(term));
        self.whole.find_cost(term) + cut.sum::<u64>()
    }

    /// Returns the rows of the matches that this index found, each once.
    ///
    /// `holds` tells whether the texts of a row hold the term. It is called for a few rows, where the
    /// index would take longer to decide.
    ///
    /// Cost: the bitmaps of the frequent words, then a step for each posting of the others; it ends early
    /// once every row is in the result.
    pub(crate) fn rows(&self, matches: &Matches, holds: Holds<'_>) -> TermRows<'_> {
        let (whole, inside) = match &matches.held_by {
            HeldBy::Kept(rank) => {
                let (bits, count) = self.kept.rows(*rank, self.rows_count);
                return TermRows::Bitmap(Cow::Borrowed(bits), count);
            }
            HeldBy::Words(whole, inside) => (whole, inside),
        };
        if matches.postings_count <= SORTED_POSTINGS_MAX
            && matches.postings_count < u64::from(self.rows_count / 64)
        {
            return TermRows::Sorted(self.sort_rows(whole, inside, holds));
        }
        if let Numbers::Sorted(words) = whole
            && let [word] = words[..]
            && let Some(&count) = self.whole.postings.dense_counts.get(word as usize)
            && matches.postings_count == u64::from(count)
        {
            return TermRows::Bitmap(Cow::Borrowed(self.whole.dense(word)), count);
        }
        let (bits, count) = self.unite(whole, inside, holds);
        if count < self.rows_count / 64 {
            let mut rows = Vec::with_capacity(count as usize);
            for_each_bit(&bits, 0..self.rows_count, |row| rows.push(row));
            return TermRows::Sorted(rows);
        }
        TermRows::Bitmap(Cow::Owned(bits), count)
    }

    /// Collects the rows of few postings, and sorts them.
    fn sort_rows(
        &self,
        whole: &Numbers,
        inside: &[(Rule, HeldInside)],
        holds: Holds<'_>,
    ) -> Vec<u32> {
        let mut rows = Vec::new();
        whole.for_each_in(0..self.whole.count(), |word| {
            self.whole.for_each_id(word, |row| rows.push(row));
        });
        for (rule, held) in inside {
            self.cut[*rule as usize].for_each_row(held, holds, |row| rows.push(row));
        }
        if !rows.is_sorted_by(|a, b| a < b) {
            rows.sort_unstable();
            rows.dedup();
        }
        rows
    }

    /// Unites the rows of words in a bitmap; returns it with its count.
    fn unite(
        &self,
        whole: &Numbers,
        inside: &[(Rule, HeldInside)],
        holds: Holds<'_>,
    ) -> (Vec<u64>, u32) {
        let mut bits = vec![0; stride(self.rows_count)];
        let is_full = self.unite_whole(whole, &mut bits);
        if is_full {
            return (bits, self.rows_count);
        }
        for (rule, held) in inside {
            self.cut[*rule as usize].unite(held, holds, &mut bits);
        }
        let count = count_bits(&bits);
        (bits, count)
    }

    /// Adds the rows of whole words to a bitmap; returns whether every row is known to be in.
    fn unite_whole(&self, whole: &Numbers, bits: &mut [u64]) -> bool {
        let [dense, several, single] = self.whole.kinds();
        let mut largest_first = Vec::new();
        whole.for_each_in(dense, |word| largest_first.push(word));
        largest_first.sort_by_key(|&word| std::cmp::Reverse(self.whole.ids_count(word)));
        for word in largest_first {
            if unite_bits(bits, self.whole.dense(word)) == self.rows_count {
                return true;
            }
        }
        let postings = &self.whole.postings;
        // Counting the bits costs a fraction of the postings between two counts.
        let (mut postings_count, mut is_full) = (0, false);
        whole.for_each_in(several.clone(), |word| {
            if is_full {
                return;
            }
            let list = (word - several.start) as usize;
            postings.several.for_each(list, |row| set_bit(bits, row));
            postings_count += postings.several_counts[list];
            if postings_count > self.rows_count / 4 {
                postings_count = 0;
                is_full = count_bits(bits) == self.rows_count;
            }
        });
        if !is_full {
            whole.for_each_in(single.clone(), |word| {
                set_bit(bits, postings.single[(word - single.start) as usize]);
            });
        }
        is_full
    }
}

#[cfg(feature = "durable")]
impl Stored for Words {
    fn write_to(&self, out: &mut StoredWriter<'_>) -> io::Result<()> {
        out.number(self.rows_count)?;
        self.whole.write_to(out)?;
        self.cut.iter().try_for_each(|cut| cut.write_to(out))?;
        self.kept.write_to(out)
    }

    fn read_from(input: &mut StoredReader<'_>) -> io::Result<Words> {
        let rows_count = input.number()?;
        Ok(Words {
            rows_count,
            whole: Lexicon::read_from(Ids::Rows(rows_count), input)?,
            cut: [
                CutWords::read_from(rows_count, input)?,
                CutWords::read_from(rows_count, input)?,
                CutWords::read_from(rows_count, input)?,
            ],
            kept: Kept::read_from(input)?,
        })
    }
}

#[cfg(test)]
mod tests;
