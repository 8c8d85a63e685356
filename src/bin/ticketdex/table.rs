//! Tables for people: columns that fit a terminal, and nothing in them that a terminal obeys.
//!
//! Widths are those of the columns that a terminal gives a character: two for most of Chinese,
//! Japanese and Korean, none for a mark on the letter before it. They are chosen by some rows, so
//! that a table of any length is written as it is read: by the first for texts, which are cut, and
//! by those with the longest numbers and dates, which are not.
//!
//! # Invariants
//!
//! * Of a text that came with a ticket no control character is written, nor one that turns the
//!   direction of what follows or cannot be seen: each is shown as U+FFFD. White space of any
//!   kind and length is one blank.
//! * A line is no wider than the screen.

use std::io::{self, IsTerminal, Write};

use console::Term;
use unicode_width::UnicodeWidthChar;

/// The columns of a screen where nothing tells them.
const DEFAULT_WIDTH: usize = 80;

/// The most columns of a screen that are made use of.
const WIDTH_MAX: usize = 10_000;

/// What stands between two columns.
const GAP: &str = "  ";

/// A column of texts is not made narrower than this to make room for others.
const NARROW: usize = 6;

/// The most characters without a width that may follow one that has some.
const MARKS_MAX: usize = 8;

/// What a table is written on.
pub(crate) struct Screen {
    pub(crate) width: usize,
    pub(crate) has_colours: bool,
}

impl Screen {
    /// Returns what standard output is: as wide as the terminal, or else as COLUMNS tells, or else
    /// 80 columns; in colours on a terminal, unless NO_COLOR or TERM=dumb is set.
    pub(crate) fn of_stdout() -> Screen {
        let set = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
        let of_terminal = Term::stdout().size_checked();
        // No column at all is no width that a screen has.
        let is_given = |&width: &usize| width > 0;
        let of_terminal = of_terminal.map(|(_, width)| usize::from(width));
        let of_variable = || set("COLUMNS").and_then(|width| width.parse().ok());
        let is_dumb = set("TERM").is_none_or(|name| name == "dumb");
        Screen {
            width: of_terminal
                .filter(is_given)
                .or_else(|| of_variable().filter(is_given))
                .unwrap_or(DEFAULT_WIDTH)
                .min(WIDTH_MAX),
            has_colours: io::stdout().is_terminal() && set("NO_COLOR").is_none() && !is_dumb,
        }
    }
}

/// A column of a table.
pub(crate) struct Column {
    /// The head, which is no text of a ticket.
    pub(crate) title: String,
    pub(crate) kind: ColumnKind,
}

/// How the values of a column are shown.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum ColumnKind {
    /// At the left, and cut where there is no room.
    Text,
    /// At the left and whole.
    Date,
    /// At the right and whole.
    Number,
}

/// A table whose widths are known.
pub(crate) struct Table {
    columns: Vec<Column>,
    /// The width of each column that is shown; there may be fewer than columns.
    widths: Vec<usize>,
    has_colours: bool,
}

impl Table {
    /// Makes a table of these columns, as wide as some of its rows want and the screen allows.
    pub(crate) fn new(columns: Vec<Column>, sample: &[Vec<String>], screen: &Screen) -> Table {
        let wanted = columns.iter().enumerate().map(|(at, column)| {
            let cells = sample.iter().filter_map(|row| row.get(at));
            let widths = cells.map(|cell| width(cell)).chain([width(&column.title)]);
            let wanted = widths.max().unwrap_or(0);
            match column.kind {
                ColumnKind::Text => (wanted, wanted.min(NARROW)),
                ColumnKind::Date | ColumnKind::Number => (wanted, wanted),
            }
        });
        let wanted: Vec<(usize, usize)> = wanted.collect();
        Table {
            columns,
            widths: fit(&wanted, screen.width),
            has_colours: screen.has_colours,
        }
    }

    /// Returns the heads of the columns for which there is no room.
    pub(crate) fn left_out(&self) -> impl Iterator<Item = &str> {
        let columns = self.columns.iter().skip(self.widths.len());
        columns.map(|column| column.title.as_str())
    }

    /// Writes the line of heads.
    pub(crate) fn write_head(&self, mut writer: impl Write) -> io::Result<()> {
        let titles = self.columns.iter().map(|column| column.title.as_str());
        let line = self.line(titles);
        if self.has_colours {
            writeln!(writer, "\x1b[1m{line}\x1b[0m")
        } else {
            writeln!(writer, "{line}")
        }
    }

    /// Writes a line of values, which are [`clean`].
    pub(crate) fn write_row(&self, mut writer: impl Write, cells: &[String]) -> io::Result<()> {
        writeln!(writer, "{}", self.line(cells.iter().map(String::as_str)))
    }

    fn line<'a>(&self, cells: impl Iterator<Item = &'a str>) -> String {
        let mut line = String::new();
        for ((column, &room), cell) in self.columns.iter().zip(&self.widths).zip(cells) {
            let cell = clean(cell, room);
            let blanks = " ".repeat(room - width(&cell));
            let parts = if column.kind == ColumnKind::Number {
                [&*blanks, &cell]
            } else {
                [&*cell, &blanks]
            };
            line.extend(parts);
            line.push_str(GAP);
        }
        line.truncate(line.trim_end_matches(' ').len());
        line
    }
}

/// Returns the widths of the columns that a screen has room for, from the first on.
///
/// Each column comes with the width that it wants and the least that it can do with. What is
/// missing is taken from the widest of those that can do with less.
fn fit(columns: &[(usize, usize)], screen_width: usize) -> Vec<usize> {
    let mut least_sum = 0;
    let fitting = columns.iter().enumerate().take_while(|&(at, &(_, least))| {
        least_sum += least + if at > 0 { GAP.len() } else { 0 };
        at == 0 || least_sum <= screen_width
    });
    let fitting: Vec<(usize, usize)> = fitting.map(|(_, &column)| column).collect();
    let gaps = GAP.len() * fitting.len().saturating_sub(1);
    let room = screen_width.saturating_sub(gaps);
    let at_most = |(wanted, least): (usize, usize), most: usize| wanted.min(most).max(least);
    let sum = |most| fitting.iter().map(|&it| at_most(it, most)).sum::<usize>();
    let most = (0..=room).rev().find(|&most| sum(most) <= room);
    let most = most.unwrap_or(0);
    let mut left = room.saturating_sub(sum(most));
    let widths = fitting.iter().map(|&(wanted, least)| {
        let width = at_most((wanted, least), most);
        let more = usize::from(width < wanted && width >= most && left > 0);
        left -= more;
        (width + more).min(screen_width)
    });
    widths.collect()
}

/// Returns the columns of a terminal that a text takes which is [`clean`].
pub(crate) fn width(text: &str) -> usize {
    text.chars().filter_map(UnicodeWidthChar::width).sum()
}

/// Returns a text as it may be shown to a terminal, at most so wide; what is cut ends with `…`.
///
/// Cost: linear in the part that is shown, but for runs of white space and of marks.
pub(crate) fn clean(text: &str, width_max: usize) -> String {
    let mut shown = String::new();
    let (mut taken, mut marks) = (0, 0);
    for (at, c) in text.char_indices() {
        let c = match c {
            c if c.is_whitespace() => ' ',
            c if is_unseen(c) => '\u{FFFD}',
            c => c,
        };
        if c == ' ' && (shown.is_empty() || shown.ends_with(' ')) {
            continue;
        }
        let width = c.width().unwrap_or(0);
        marks = if width == 0 { marks + 1 } else { 0 };
        if marks > MARKS_MAX {
            continue;
        }
        if taken + width > width_max {
            // White space at the end of a text is no part of it.
            if !text[at..].trim_start().is_empty() {
                cut(&mut shown, width_max);
            }
            break;
        }
        shown.push(c);
        taken += width;
    }
    shown.truncate(shown.trim_end_matches(' ').len());
    shown
}

/// Makes room for the mark of what is cut, and puts it there.
fn cut(shown: &mut String, width_max: usize) {
    while width(shown) >= width_max.max(1) {
        shown.pop();
    }
    if width_max > 0 {
        shown.push('…');
    }
}

/// Returns whether a character acts on a terminal or on other characters instead of being seen.
///
/// The joiners and selectors that scripts and emoji are written with are none of them.
fn is_unseen(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{61C}' | '\u{180E}' | '\u{200B}' | '\u{200E}' | '\u{200F}'
            | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{FEFF}'
            | '\u{FFF9}'..='\u{FFFB}' | '\u{E0000}'..='\u{E007F}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn widths_are_taken_from_the_widest() {
        for (columns, screen, expected) in [
            (&[(3, 3), (4, 4), (5, 5)][..], 80, &[3, 4, 5][..]),
            (&[(3, 3), (40, 6), (90, 6)], 80, &[3, 37, 36]),
            (&[(3, 3), (4, 4), (90, 6)], 40, &[3, 4, 29]),
            (&[(50, 6)], 20, &[20]),
            // A date keeps its width.
            (&[(19, 19), (30, 6), (30, 6)], 40, &[19, 9, 8]),
            (&[(19, 19), (30, 6)], 10, &[10]),
            // There is room for two of them at their least.
            (&[(20, 6), (20, 6), (20, 6)], 14, &[6, 6]),
            // A third would need a screen that is one wider.
            (&[(20, 6), (20, 6), (20, 6)], 21, &[10, 9]),
            (&[(20, 6), (20, 6), (20, 6)], 1, &[1]),
            (&[(0, 0), (0, 0)], 5, &[0, 0]),
            (&[], 80, &[]),
        ] {
            assert_eq!(fit(columns, screen), expected, "{columns:?} in {screen}");
            let gaps = GAP.len() * expected.len().saturating_sub(1);
            assert!(expected.iter().sum::<usize>() + gaps <= screen);
        }
    }

    #[test]
    fn nothing_that_a_terminal_obeys_is_left() {
        for (text, width_max, expected) in [
            ("plain", 9, "plain"),
            ("plain", 5, "plain"),
            ("plain", 4, "pla…"),
            ("plain", 1, "…"),
            ("plain", 0, ""),
            ("a\n\t b  ", 9, "a b"),
            ("ab \n", 2, "ab"),
            ("ab c", 2, "a…"),
            ("ab cd \n", 2, "a…"),
            ("  ", 0, ""),
            ("\x1b[31mred\x07", 20, "\u{FFFD}[31mred\u{FFFD}"),
            ("\u{9b}2J\u{7f}\0", 9, "\u{FFFD}2J\u{FFFD}\u{FFFD}"),
            ("a\u{202e}b\u{200b}", 9, "a\u{FFFD}b\u{FFFD}"),
            ("日本語", 6, "日本語"),
            ("日本語", 5, "日本…"),
            ("日本語", 4, "日…"),
            ("日本語", 1, "…"),
            ("x\u{301}y", 2, "x\u{301}y"),
            ("🖨 on", 5, "🖨 on"),
            ("", 3, ""),
        ] {
            let shown = clean(text, width_max);
            assert_eq!(shown, expected, "{text:?} in {width_max}");
            assert!(width(&shown) <= width_max);
        }
        let marks = format!("a{}", "\u{301}".repeat(1000));
        assert_eq!(clean(&marks, 1).chars().count(), 1 + MARKS_MAX);
    }

    #[test]
    fn numbers_stand_at_the_right_and_lines_end_with_no_blank() {
        let column = |title: &str, kind| Column {
            title: title.to_owned(),
            kind,
        };
        let row = |cells: [&str; 3]| cells.map(str::to_owned).to_vec();
        let rows = [row(["7", "日本", "a"]), row(["1234", "b", ""])];
        let columns = vec![
            column("tid", ColumnKind::Number),
            column("name", ColumnKind::Text),
            column("x", ColumnKind::Text),
        ];
        let screen = Screen {
            width: 80,
            has_colours: true,
        };
        let table = Table::new(columns, &rows, &screen);
        let mut written = Vec::new();
        table.write_head(&mut written).unwrap();
        for row in &rows {
            table.write_row(&mut written, row).unwrap();
        }
        let expected = "\x1b[1m tid  name  x\x1b[0m\n   7  日本  a\n1234  b\n";
        assert_eq!(String::from_utf8(written).unwrap(), expected);
        assert_eq!(table.left_out().count(), 0);
    }
}
