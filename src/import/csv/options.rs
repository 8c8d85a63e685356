//! How the caller wants CSV to be read.

use super::column::Column;
use super::date_pattern::DatePattern;
use crate::import::source::Framing;
use crate::model::error::{Error, invalid_value};

/// What becomes of a column that is no variable and is not mapped to one.
///
/// # Examples
///
/// ```
/// use ticketdex::{CsvOptions, CsvOthers, Import, ImportFormat};
///
/// let read = |others| {
///     let options = CsvOptions::new().others(others);
///     let import = Import::new(ImportFormat::Csv, &b"tid,Floor\n7,3\n"[..]);
///     import.csv_options(options).into_iter().next()
/// };
/// assert_eq!(read(CsvOthers::Custom).unwrap()?.custom("Floor"), "3");
/// assert_eq!(read(CsvOthers::Skip).unwrap()?.custom("Floor"), "");
/// assert_eq!(read(CsvOthers::Error).unwrap().unwrap_err().code(), "unknown_variable");
/// # Ok::<(), ticketdex::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CsvOthers {
    /// It is an error, `unknown_variable`.
    #[default]
    Error,
    /// It is the custom field of its name; where no custom field can have that name, an error.
    Custom,
    /// It is not read. Such columns may share a name.
    Skip,
}

/// How an [`Import`](crate::Import) reads CSV: the delimiter, what the columns are, and how dates
/// are written.
///
/// The first record is the header. A column is what [`map`](CsvOptions::map) says, else the output
/// variable of its name, in any ASCII case, other than `custom_fields`; or `custom_fields.NAME`, a
/// custom field; else [`others`](CsvOptions::others) decides. Two columns of one variable or custom
/// field are an error, and so are a mapping of a column that is not there, and a column
/// `custom_fields`, unless it is mapped or others are skipped.
///
/// A record has as many values as the header has names, and ends with LF or CR LF; lines without
/// anything are skipped. A value in quotes may hold the delimiter, line ends, and quotes that are
/// doubled. A quote inside a value without quotes around it, text behind a closing quote and a CR
/// alone are errors. Values are those of strings in JSON Lines: integers as digits, dates in any
/// form that a request knows (or by [`dates`](CsvOptions::dates)), and an empty value is none.
/// Nothing is trimmed.
///
/// A bad record that is [skipped](crate::Import::skip_bad) ends where its line does. A quote that
/// is never closed ends the import, and so does a bad header.
///
/// # Examples
///
/// ```
/// use ticketdex::{CsvOptions, CsvOthers, Import, ImportFormat};
///
/// let export = "Number,Created,u_floor,Notes\nINC1,24.04.2014 10:42,3,\"a\nb\"\n";
/// let options = CsvOptions::new()
///     .map("Created", "date_opened")?
///     .map("u_floor", "custom_fields.Floor")?
///     .dates("%d.%m.%Y %H:%M")?
///     .others(CsvOthers::Skip);
/// let import = Import::new(ImportFormat::Csv, export.as_bytes()).csv_options(options.clone());
/// let error = import.into_iter().next().unwrap().unwrap_err();
/// assert_eq!(error.to_string(), "line 2, column 1, record 1: a ticket's tid must be given, and be 1 or more");
///
/// let export = export.replace("INC1", "1");
/// let options = options.map("Number", "tid")?.map("Notes", "summary")?;
/// let import = Import::new(ImportFormat::Csv, export.as_bytes()).csv_options(options);
/// let ticket = import.into_iter().next().unwrap()?;
/// assert_eq!((ticket.tid, &*ticket.summary, ticket.custom("Floor")), (1, "a\nb", "3"));
/// assert_eq!(ticket.date_opened.unwrap().to_string(), "2014-04-24 10:42:00");
/// # Ok::<(), ticketdex::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CsvOptions {
    delimiter: u8,
    pub(super) mapped: Vec<(String, Column)>,
    pub(super) others: CsvOthers,
    pub(super) dates: Vec<DatePattern>,
}

impl Default for CsvOptions {
    fn default() -> CsvOptions {
        CsvOptions::new()
    }
}

impl CsvOptions {
    /// Makes the options of CSV as the engine writes it: commas, no mapping, and every other column
    /// is an error.
    pub fn new() -> CsvOptions {
        CsvOptions {
            delimiter: b',',
            mapped: Vec::new(),
            others: CsvOthers::Error,
            dates: Vec::new(),
        }
    }

    /// Sets the character between two values.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidValue`](crate::ErrorKind::InvalidValue) for one that is not ASCII, or is
    /// a quote, CR or LF.
    ///
    /// # Examples
    ///
    /// ```
    /// use ticketdex::CsvOptions;
    ///
    /// assert!(CsvOptions::new().delimiter('\t').is_ok());
    /// assert!(CsvOptions::new().delimiter('"').is_err());
    /// ```
    pub fn delimiter(mut self, delimiter: char) -> Result<CsvOptions, Error> {
        match u8::try_from(delimiter) {
            Ok(byte) if byte.is_ascii() && !b"\"\r\n".contains(&byte) => self.delimiter = byte,
            _ => {
                let expected = "one ASCII character other than a quote, CR and LF";
                return Err(invalid_value("delimiter", &delimiter.to_string(), expected));
            }
        }
        Ok(self)
    }

    /// Maps a column, by its name in any ASCII case, to a variable.
    ///
    /// The variable is an output variable other than `custom_fields`, or `uid`, `group` or
    /// `escalation`, or `custom_fields.NAME`. A mapping comes before the name of the column itself.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidValue`](crate::ErrorKind::InvalidValue) for any other variable, and for a
    /// column that is mapped already.
    ///
    /// # Examples
    ///
    /// ```
    /// use ticketdex::CsvOptions;
    ///
    /// assert!(CsvOptions::new().map("Issue id", "tid").is_ok());
    /// let error = CsvOptions::new().map("Issue id", "number").unwrap_err();
    /// assert_eq!(error.code(), "invalid_value");
    /// ```
    pub fn map(mut self, column: impl Into<String>, variable: &str) -> Result<CsvOptions, Error> {
        let column = column.into();
        let target = Column::of_variable(variable).ok_or_else(|| {
            let expected = "an output variable other than custom_fields, or custom_fields.NAME";
            invalid_value("map", variable, expected)
        })?;
        let mut names = self.mapped.iter().map(|(name, _)| name);
        if names.any(|name| name.eq_ignore_ascii_case(&column)) {
            return Err(invalid_value(
                "map",
                &column,
                "a column that is mapped once",
            ));
        }
        self.mapped.push((column, target));
        Ok(self)
    }

    /// Sets what becomes of a column that is no variable and is not mapped.
    #[must_use]
    pub fn others(mut self, others: CsvOthers) -> CsvOptions {
        self.others = others;
        self
    }

    /// Adds a pattern of dates, as [`chrono::format::strftime`] tells, like `%d/%m/%Y %H:%M`.
    ///
    /// With one or more patterns a date is read by the first that fits, and in no other form: what
    /// comes first, the day or the month, is never guessed. A pattern does not fit a date whose year it
    /// reads as one below 1000, unless all four digits of the year stand there, like 0014: `%Y` does not
    /// read 03/02/14, which is a date for `%y`. A pattern without a time of day reads
    /// the first second of the day, one without seconds second 0; a fraction of a second (`%.f`) and an
    /// offset (`%z`) are read and passed over, as a ticket's dates have neither.
    ///
    /// Cost: a date tries the patterns in turn.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidValue`](crate::ErrorKind::InvalidValue) for what is no pattern, and for one
    /// that does not read back what it writes: that tells no day of a year, like `dd/mm/yyyy` or `%d/%m`,
    /// or of the time of day only a part, like `%I:%M` without `%p`.
    ///
    /// # Examples
    ///
    /// ```
    /// use ticketdex::CsvOptions;
    ///
    /// assert!(CsvOptions::new().dates("%d/%b/%y %I:%M %p")?.dates("%Y-%m-%d").is_ok());
    /// for wrong in ["%Q", "dd/mm/yyyy", "%d/%m", "%d/%m/%Y %H"] {
    ///     assert!(CsvOptions::new().dates(wrong).is_err());
    /// }
    /// # Ok::<(), ticketdex::Error>(())
    /// ```
    pub fn dates(mut self, pattern: impl Into<String>) -> Result<CsvOptions, Error> {
        let pattern = pattern.into();
        let read = DatePattern::new(&pattern);
        let read = read.ok_or_else(|| invalid_value("dates", &pattern, PATTERN_EXPECTED))?;
        self.dates.push(read);
        Ok(self)
    }

    pub(super) fn delimiter_byte(&self) -> u8 {
        self.delimiter
    }

    pub(in crate::import) fn framing(&self) -> Framing {
        let delimiter = self.delimiter;
        Framing::Csv { delimiter }
    }
}

const PATTERN_EXPECTED: &str = "a pattern like %d/%m/%Y %H:%M, where %d is the day, %m the month, %b \
    its name, %Y the year, %y its last two digits, %H the hour, %I the hour of a half day, %p AM or PM, \
    %M the minute, %S the second, and %z the offset from UTC";
