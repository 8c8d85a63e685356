//! One ticket, or the patch of one, from JSON: what a program sends that changes tickets.
//!
//! Both are read as a record of JSON Lines is, so that whatever an import
//! takes in can be sent alone, and whatever it refuses is refused in the same words.

use super::record::read_draft;
use crate::model::Ticket;
use crate::model::batch::Patch;
use crate::model::draft::Encoding;
use crate::model::error::Error;

impl Ticket {
    /// Reads a ticket from a JSON object in the form of JSON Lines.
    ///
    /// # Errors
    ///
    /// Those of a bad record of an [`Import`](crate::Import), with its line and column in the text and record 0
    /// where they are known.
    ///
    /// # Cost
    ///
    /// Linear in the text.
    ///
    /// # Examples
    ///
    /// ```
    /// use ticketdex::Ticket;
    ///
    /// let ticket = Ticket::from_json(r#"{"tid": 7, "status": "Open"}"#)?;
    /// assert_eq!((ticket.tid, &*ticket.status), (7, "Open"));
    ///
    /// let error = Ticket::from_json(r#"{"tid": 7, "state": "Open"}"#).unwrap_err();
    /// assert_eq!(error.code(), "unknown_variable");
    /// # Ok::<(), ticketdex::Error>(())
    /// ```
    pub fn from_json(text: &str) -> Result<Ticket, Error> {
        read_draft(text, Encoding::Plain)?.finish()
    }
}

impl Patch {
    /// Reads a patch and the ticket that it is for from a JSON object.
    ///
    /// The object is one of JSON Lines: `tid` says which ticket, every other variable in it
    /// gets its value, and null or `""` makes one none or empty. Custom fields are set by
    /// name; those that are not named stay, so a `custom_fields` that is null changes none.
    ///
    /// # Errors
    ///
    /// Those of a bad record of an [`Import`](crate::Import), with its line and column in the text and record 0
    /// where they are known. The rules of [`Ticket::check`] are checked when the patch is committed.
    ///
    /// # Cost
    ///
    /// Linear in the text.
    ///
    /// # Examples
    ///
    /// ```
    /// use ticketdex::{Field, Patch, Value};
    ///
    /// let text = r#"{"tid": 7, "status": "Closed", "merged_to": null,
    ///                "custom_fields": {"Serial": null}}"#;
    /// let (tid, patch) = Patch::from_json(text)?;
    /// let expected = Patch::new()
    ///     .set(Field::Status, "Closed")
    ///     .set(Field::MergedTo, Value::None)
    ///     .set_custom("Serial", "");
    /// assert_eq!((tid, patch), (7, expected));
    /// assert_eq!(Patch::from_json(r#"{"tid": 7, "custom_fields": null}"#)?, (7, Patch::new()));
    /// # Ok::<(), ticketdex::Error>(())
    /// ```
    pub fn from_json(text: &str) -> Result<(u64, Patch), Error> {
        read_draft(text, Encoding::Plain)?.into_patch()
    }
}
