//! The forms of a response, by name and media type.
//!
//! `response` writes them and `import` reads them; what both agree on is told at [`Format`].

use std::fmt;
use std::str::FromStr;

use super::error::{Error, invalid_value};
use super::named::named;

named! {
    /// The form of a response, and of an import that mirrors one.
    ///
    /// Each holds the tickets in order, and each ticket its 38 variables, or those that a request's
    /// `fields` names, in the order of [`Field::ALL`](crate::Field::ALL). A variable that is URL-encoded
    /// ([`Field::is_url_encoded`](crate::Field::is_url_encoded)) is so in all forms but CSV: a blank is `+`, ASCII letters, digits and
    /// `*-._` stand as they are, and any other byte of the UTF-8 is `%XX`. None and empty are an empty
    /// value; an integer that uses 0 for none is `0`; a date is `M/D/YYYY h:mm:ss AM`, in CSV
    /// `YYYY-MM-DD HH:MM:SS`. Every custom field of the store that is shown stands in every ticket.
    ///
    /// | form | a ticket | no ticket | custom fields | other escapes |
    /// |---|---|---|---|---|
    /// | XML | an element `ticket` of an element a line, tabs before them | `tickets` opens and closes on two lines | an element each, inside `custom_fields` | `&amp;` `&lt;` `&gt;` |
    /// | JSON | an object of strings in the array `tickets` | an empty array | an array of one object | those of `serde_json` |
    /// | delimited | a line of pairs `name=value` joined by `&` | nothing | a pair each, then their names in `custom_fields` | `%XX` for `%&=+#` and control characters |
    /// | CSV | a record under a header of names | the header | a column each, named `custom_fields.NAME` | quotes |
    ///
    /// A value of CSV stands in quotes, and its own quotes are doubled, where it holds a comma, a quote,
    /// CR or LF, begins or ends with a blank or tab, or is empty and the record's only one. It is the text as it is, also where a spreadsheet
    /// would run it as a formula: [`Chunks::csv_safe`](crate::Chunks::csv_safe) makes such texts harmless.
    ///
    /// Where only the number of tickets is asked for, it stands in `count` in place of the tickets; an
    /// error is [`Error::to_response`](crate::Error::to_response). Every line ends with a line feed, every
    /// record of CSV with CR and LF.
    ///
    /// # Examples
    ///
    /// ```
    /// use ticketdex::Format;
    ///
    /// assert_eq!(Format::from_name("JSON"), Some(Format::Json));
    /// assert_eq!(Format::Delimited.name(), "delimited");
    /// ```
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
    #[non_exhaustive]
    pub enum Format {
        /// Elements, one a line.
        #[default]
        Xml = "xml",
        /// One object, every value a string.
        Json = "json",
        /// One ticket a line, as URL-delimited pairs.
        Delimited = "delimited",
        /// One ticket a record, as a spreadsheet reads it.
        Csv = "csv",
    }
    /// Every format.
    ALL;
    /// Returns the name that a request's `format` gives it.
    name;
}

impl Format {
    /// Returns the media type of a response, as `Content-Type` names it, with its charset.
    ///
    /// ```
    /// use ticketdex::Format;
    ///
    /// assert_eq!(Format::Json.media_type(), "application/json; charset=utf-8");
    /// ```
    pub const fn media_type(self) -> &'static str {
        match self {
            Format::Xml => "application/xml; charset=utf-8",
            Format::Json => "application/json; charset=utf-8",
            Format::Delimited => "text/plain; charset=utf-8",
            Format::Csv => "text/csv; charset=utf-8",
        }
    }

    /// Returns the format of a name in any ASCII case; none for any other text.
    pub fn from_name(name: &str) -> Option<Format> {
        Format::ALL
            .into_iter()
            .find(|format| format.name().eq_ignore_ascii_case(name))
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Reads what [`Format::from_name`] does; anything else is
/// [`InvalidValue`](crate::ErrorKind::InvalidValue).
///
/// ```
/// use ticketdex::Format;
///
/// assert_eq!("XML".parse::<Format>()?, Format::Xml);
/// let error = "yaml".parse::<Format>().unwrap_err();
/// assert_eq!(error.to_string(), "format is \"yaml\" but must be xml, json, delimited or csv");
/// # Ok::<(), ticketdex::Error>(())
/// ```
impl FromStr for Format {
    type Err = Error;

    fn from_str(name: &str) -> Result<Format, Error> {
        const EXPECTED: &str = "xml, json, delimited or csv";
        Format::from_name(name).ok_or_else(|| invalid_value("format", name, EXPECTED))
    }
}
