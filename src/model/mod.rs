//! Tickets and their fields: the one table of 38 output variables.
//!
//! Everything that depends on what a variable is called, what it holds or whether
//! it is URL-encoded derives from the table in this file: import, columns, orders,
//! serializers and the reference. A new variable is one row here. The rest of the
//! folder holds the values of a ticket ([`value`]), changes to tickets
//! ([`batch`]), the forms of a response ([`Format`]) and the one error type ([`error`]); nothing here knows how tickets
//! are stored or asked for.
//!
//! # Invariants
//!
//! * [`Field::ALL`] is in the order of a response, and a field's
//!   discriminant is its index there.

pub(crate) mod batch;
mod cell;
pub(crate) mod compare;
pub(crate) mod date_part;
pub(crate) mod digits;
pub(crate) mod draft;
mod encode;
pub(crate) mod error;
pub(crate) mod field_names;
mod format;
pub(crate) mod json;
pub(crate) mod memory;
mod named;
pub(crate) mod names;
pub(crate) mod suggest;
pub(crate) mod sync;
mod texts;
mod unknown;
pub(crate) mod value;
pub(crate) mod variable;

use std::fmt;
use std::str::FromStr;

use chrono::NaiveDateTime;

pub use cell::Cell;
pub(crate) use cell::CellMut;
pub use date_part::DatePart;
use error::{Error, ErrorKind, invalid_value, shorten};
pub use format::Format;
pub use texts::Texts;

/// What a field holds, and with it how it is written, compared and checked.
///
/// # Examples
///
/// ```
/// use ticketdex::{Field, FieldKind};
///
/// assert_eq!(Field::Subject.kind(), FieldKind::Text);
/// assert_eq!(Field::MergedTo.kind(), FieldKind::OptionalInteger);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FieldKind {
    /// Free text; URL-encoded in every response.
    Text,
    /// Text without control characters; written raw, with the format's own escaping.
    Identifier,
    /// An identifier that is empty, `N` or `Y`.
    Flag,
    /// An unsigned 64-bit integer; 0 stands for none.
    Integer,
    /// An unsigned 64-bit integer or none.
    OptionalInteger,
    /// A date/time of whole seconds, years 1 to 9999, or none.
    Date,
    /// The custom fields: names and texts.
    CustomFields,
}

/// The Rust type, the borrowed cell and the changeable cell of each kind.
macro_rules! cell_of {
    (type Text) => { String };
    (type Identifier) => { String };
    (type Flag) => { String };
    (type Integer) => { u64 };
    (type OptionalInteger) => { Option<u64> };
    (type Date) => { Option<NaiveDateTime> };
    (type CustomFields) => { Vec<(String, String)> };
    (ref Text $e:expr) => { Cell::Text(&$e) };
    (ref Identifier $e:expr) => { Cell::Text(&$e) };
    (ref Flag $e:expr) => { Cell::Text(&$e) };
    (ref Integer $e:expr) => { Cell::Integer($e) };
    (ref OptionalInteger $e:expr) => { Cell::OptionalInteger($e) };
    (ref Date $e:expr) => { Cell::Date($e) };
    (ref CustomFields $e:expr) => { Cell::CustomFields(&$e) };
    (mut Text $e:expr) => { CellMut::Text(&mut $e) };
    (mut Identifier $e:expr) => { CellMut::Text(&mut $e) };
    (mut Flag $e:expr) => { CellMut::Text(&mut $e) };
    (mut Integer $e:expr) => { CellMut::Integer(&mut $e) };
    (mut OptionalInteger $e:expr) => { CellMut::OptionalInteger(&mut $e) };
    (mut Date $e:expr) => { CellMut::Date(&mut $e) };
    (mut CustomFields $e:expr) => { CellMut::CustomFields(&mut $e) };
}

/// Makes the field table, `Field` and `Ticket` from one list, so that no second
/// list of variables exists. A row is: doc, variant, member, kind, then
/// `searchable` and `= "NAME"`, the name of the field's filter, where they apply.
macro_rules! fields {
    ($( $(#[doc = $doc:literal])+ $variant:ident $member:ident $kind:ident
        $($searchable:ident)? $(= $alias:literal)?; )*) => {
        /// One of the 38 output variables, in the order of a response.
        ///
        /// # Examples
        ///
        /// ```
        /// use ticketdex::Field;
        ///
        /// assert_eq!(Field::ALL.len(), 38);
        /// assert_eq!(Field::AssignedTech.name(), "assigned_tech");
        /// assert_eq!(Field::from_name("UID"), Some(Field::AssignedTech));
        /// ```
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum Field { $( $(#[doc = $doc])+ $variant, )* }

        /// A ticket, as a caller holds it: one public member a field.
        ///
        /// Any value can be put in; the rules of a ticket are checked by
        /// [`Ticket::check`] when the ticket is committed.
        ///
        /// # Examples
        ///
        /// ```
        /// use ticketdex::Ticket;
        ///
        /// let ticket = Ticket {
        ///     tid: 34,
        ///     cid: "demo".into(),
        ///     custom_fields: vec![("Serial".into(), "X1".into())],
        ///     ..Ticket::default()
        /// };
        /// assert!(ticket.check().is_ok());
        /// ```
        #[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
        pub struct Ticket { $( $(#[doc = $doc])+ pub $member: cell_of!(type $kind), )* }

        impl Field {
            /// Every field, in response order.
            pub const ALL: [Field; 38] = [ $( Field::$variant, )* ];

            /// Returns the output variable's name.
            pub const fn name(self) -> &'static str {
                match self { $( Field::$variant => stringify!($member), )* }
            }

            /// Returns what the field holds.
            pub const fn kind(self) -> FieldKind {
                match self { $( Field::$variant => FieldKind::$kind, )* }
            }

            /// Returns whether `keyword` looks into the field's text.
            ///
            /// It looks into the values of custom fields too; the field that holds them all
            /// has no text of its own.
            pub const fn is_searchable(self) -> bool {
                match self { $( Field::$variant => fields!(@searchable $($searchable)?), )* }
            }

            /// Returns the request's name for the field, where it differs from [`name`](Field::name).
            pub const fn alias(self) -> Option<&'static str> {
                match self { $( Field::$variant => fields!(@alias $($alias)?), )* }
            }
        }

        impl Ticket {
            /// Returns one value of the ticket.
            pub fn cell(&self, field: Field) -> Cell<'_> {
                match field { $( Field::$variant => cell_of!(ref $kind self.$member), )* }
            }

            /// Returns one value of the ticket, to be changed.
            pub(crate) fn cell_mut(&mut self, field: Field) -> CellMut<'_> {
                match field { $( Field::$variant => cell_of!(mut $kind self.$member), )* }
            }

            /// Visits every value of the ticket, to be changed.
            fn for_each_cell(&mut self, mut visit: impl FnMut(CellMut<'_>)) {
                $( visit(cell_of!(mut $kind self.$member)); )*
            }
        }
    };
    (@searchable) => { false };
    (@searchable searchable) => { true };
    (@alias) => { None };
    (@alias $alias:literal) => { Some($alias) };
}

fields! {
    /// The unique ticket number, 1 or more; the key.
    Tid tid Integer;
    /// The customer ID associated with the ticket.
    Cid cid Text;
    /// The unique ID of the company; 0 is none.
    CompanyId company_id Integer;
    /// The name of the company.
    CompanyName company_name Text searchable;
    /// The contact name of the customer.
    Contact contact Text searchable;
    /// The phone number of the customer.
    Phone phone Text;
    /// The email address of the customer.
    Email email Text searchable;
    /// The CC email addresses on the ticket.
    CcAddresses cc_addresses Text;
    /// When the ticket was opened.
    DateOpened date_opened Date;
    /// When the ticket was closed.
    DateClosed date_closed Date;
    /// The ticket source.
    Source source Text;
    /// The ticket category.
    Category category Text;
    /// The ticket sub-category.
    SubCategory sub_category Text;
    /// The ticket status.
    Status status Text;
    /// The ticket priority.
    Priority priority Text;
    /// The escalation level of the ticket.
    EscalationLevel escalation_level Text = "escalation";
    /// When the ticket is due.
    DueDate due_date Date;
    /// The ID of the technician or customer that opened the ticket.
    OpenedBy opened_by Identifier;
    /// When the ticket was last updated.
    LastUpdated last_updated Date;
    /// The ID of the technician or customer that last updated the ticket.
    UpdatedBy updated_by Text;
    /// The type of user that last updated the ticket; any is stored.
    UpdaterType updater_type Identifier;
    /// The technician ID that the ticket is assigned to.
    AssignedTech assigned_tech Identifier = "uid";
    /// The ID of the technician group that the ticket is assigned to; 0 is none.
    AssignedGroupId assigned_group_id Integer;
    /// The name of the technician group that the ticket is assigned to.
    AssignedGroupName assigned_group_name Text = "group";
    /// The ID of the customer group; 0 is none.
    CustomerGroupId customer_group_id Integer;
    /// The name of the customer group.
    CustomerGroupName customer_group_name Text;
    /// Whether the ticket is locked: empty, `N` or `Y`.
    Locked locked Flag;
    /// The technician ID that has locked the ticket.
    LockedBy locked_by Identifier;
    /// The asset IDs associated with the ticket, comma-separated, kept as written.
    LinkedAsset linked_asset Identifier;
    /// The call IDs associated with the ticket, comma-separated, kept as written.
    LinkedCalls linked_calls Identifier;
    /// The device IDs associated with the ticket, comma-separated, kept as written.
    LinkedDevices linked_devices Identifier;
    /// Whether other tickets were merged in: empty, `N` or `Y`.
    Merged merged Flag;
    /// The ticket that this one was merged with, or none.
    MergedTo merged_to OptionalInteger;
    /// The ticket that this one was created from; 0 is none.
    ParentTicket parent_ticket Integer;
    /// The tickets created from this one, comma-separated, kept as written.
    ChildrenTickets children_tickets Identifier;
    /// The custom fields: names with values, in the order written.
    CustomFields custom_fields CustomFields;
    /// The ticket subject.
    Subject subject Text searchable;
    /// The ticket summary.
    Summary summary Text searchable;
}

impl Field {
    /// The nine filters that the vendor's page lets a request repeat, in its order.
    pub const FILTERS: [Field; 9] = [
        Field::Status,
        Field::Source,
        Field::Category,
        Field::SubCategory,
        Field::Priority,
        Field::EscalationLevel,
        Field::AssignedTech,
        Field::AssignedGroupName,
        Field::Cid,
    ];

    /// Returns the name that a request's filter has for the field.
    pub(crate) const fn request_name(self) -> &'static str {
        match self.alias() {
            Some(alias) => alias,
            None => self.name(),
        }
    }

    /// Returns whether the field's text is a list of identifiers, parted by commas.
    ///
    /// A filter by value compares the elements of a list, not its text.
    ///
    /// ```
    /// use ticketdex::Field;
    ///
    /// assert!(Field::LinkedAsset.is_list());
    /// assert!(!Field::CcAddresses.is_list());
    /// ```
    pub const fn is_list(self) -> bool {
        matches!(
            self,
            Field::LinkedAsset | Field::LinkedCalls | Field::LinkedDevices | Field::ChildrenTickets
        )
    }

    /// Returns the index of the field in [`Field::ALL`].
    pub const fn index(self) -> usize {
        self as usize
    }

    /// Returns whether responses carry the field URL-encoded.
    ///
    /// ```
    /// use ticketdex::Field;
    ///
    /// assert!(Field::UpdatedBy.is_url_encoded());
    /// assert!(!Field::OpenedBy.is_url_encoded());
    /// ```
    pub const fn is_url_encoded(self) -> bool {
        matches!(self.kind(), FieldKind::Text | FieldKind::CustomFields)
    }
}

/// Prints the name of the output variable.
impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Reads what [`Field::from_name`] does; anything else is
/// [`InvalidValue`](ErrorKind::InvalidValue).
///
/// ```
/// use ticketdex::Field;
///
/// assert_eq!("uid".parse::<Field>()?.to_string(), "assigned_tech");
/// assert_eq!("urgency".parse::<Field>().unwrap_err().code(), "invalid_value");
/// # Ok::<(), ticketdex::Error>(())
/// ```
impl FromStr for Field {
    type Err = Error;

    fn from_str(name: &str) -> Result<Field, Error> {
        const EXPECTED: &str = "an output variable, uid, group or escalation";
        Field::from_name(name).ok_or_else(|| invalid_value("field", name, EXPECTED))
    }
}

/// The most custom names that a store can have.
pub const CUSTOM_NAMES_MAX: usize = 4096;

/// The most bytes of UTF-8 that one text can have: 16 MiB.
pub const TEXT_BYTES_MAX: usize = 16 << 20;

/// The most bytes that a custom field's name can have.
pub const CUSTOM_NAME_BYTES_MAX: usize = 255;

/// Returns whether a text is a valid name of a custom field: a letter or `_`, then letters,
/// digits, `_`, `.` or `-`, at most 255 bytes, and no output variable's name in any case.
///
/// # Examples
///
/// ```
/// use ticketdex::is_custom_name;
///
/// assert!(is_custom_name("Serial.No"));
/// assert!(!is_custom_name("9lives"));
/// assert!(!is_custom_name("STATUS")); // an output variable's name
/// ```
pub fn is_custom_name(name: &str) -> bool {
    let mut bytes = name.bytes();
    let Some(first) = bytes.next() else {
        return false;
    };
    (first.is_ascii_alphabetic() || first == b'_')
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte))
        && name.len() <= CUSTOM_NAME_BYTES_MAX
        && Field::from_output_name(name).is_none()
}

/// Returns whether a text may be an identifier.
fn is_identifier(text: &str) -> bool {
    // Nearly all are of these characters alone, which need no decoding.
    let is_printable = |byte: u8| matches!(byte, b' '..=b'~');
    text.bytes().all(is_printable) || text.chars().all(is_identifier_char)
}

/// Returns whether an identifier may hold a character: XML could not carry control characters.
pub(crate) fn is_identifier_char(c: char) -> bool {
    !c.is_control() && !matches!(c, '\u{FFFE}' | '\u{FFFF}')
}

impl Ticket {
    /// Checks the ticket against every rule that it can break alone: a number of 1 or more, texts
    /// of at most 16 MiB, identifiers without control characters, flags that are empty, `N` or `Y`,
    /// dates of years 1 to 9999 in whole seconds, and valid names of custom fields.
    ///
    /// The error is [`ErrorKind::InvalidTicket`], and names the field and the rule.
    /// A flag in lower case passes: it is stored in upper case. That a store has at
    /// most [`CUSTOM_NAMES_MAX`] names is the store's to check. Cost: linear in the
    /// bytes of the ticket's identifiers.
    ///
    /// # Examples
    ///
    /// ```
    /// use ticketdex::Ticket;
    ///
    /// let error = Ticket::default().check().unwrap_err();
    /// assert_eq!(error.code(), "invalid_ticket");
    /// assert_eq!(error.to_string(), "ticket 0: tid must be 1 or more");
    /// ```
    pub fn check(&self) -> Result<(), Error> {
        if self.tid == 0 {
            return Err(self.breaks("tid", "", "must be 1 or more"));
        }
        for field in Field::ALL {
            match (field.kind(), self.cell(field)) {
                (_, Cell::CustomFields(pairs)) => self.check_custom(pairs)?,
                (kind, Cell::Text(text)) => {
                    if text.len() > TEXT_BYTES_MAX {
                        return Err(self.breaks(field.name(), text, TEXT_RULE));
                    }
                    let is_flag = || ["", "N", "Y", "n", "y"].contains(&text);
                    if kind == FieldKind::Flag && !is_flag() {
                        return Err(self.breaks(field.name(), text, "must be empty, N or Y"));
                    }
                    if kind == FieldKind::Identifier && !is_identifier(text) {
                        return Err(self.breaks(
                            field.name(),
                            text,
                            "must hold no control character",
                        ));
                    }
                }
                (_, Cell::Date(Some(date))) if !value::is_valid_date(date) => {
                    return Err(self.breaks(field.name(), &format!("{date:?}"), DATE_RULE));
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn check_custom(&self, pairs: &[(String, String)]) -> Result<(), Error> {
        for (name, text) in pairs {
            if !is_custom_name(name) {
                return Err(self.breaks(name, "", CUSTOM_NAME_RULE));
            }
            if text.len() > TEXT_BYTES_MAX {
                return Err(self.breaks(name, text, TEXT_RULE));
            }
        }
        Ok(())
    }

    fn breaks(&self, field: &str, value: &str, rule: &'static str) -> Error {
        ErrorKind::InvalidTicket {
            tid: Some(self.tid),
            field: shorten(field),
            value: shorten(value),
            rule,
        }
        .into()
    }

    /// Returns the value of a custom field, by name in any ASCII case; empty where it has none.
    ///
    /// Where a name stands twice the first counts, as in an import.
    ///
    /// ```
    /// let ticket = ticketdex::Ticket {
    ///     custom_fields: vec![("Serial".into(), "X1".into())],
    ///     ..ticketdex::Ticket::default()
    /// };
    /// assert_eq!(ticket.custom("SERIAL"), "X1");
    /// assert_eq!(ticket.custom("Colour"), "");
    /// ```
    pub fn custom(&self, name: &str) -> &str {
        self.custom_fields
            .iter()
            .find(|(own, _)| own.eq_ignore_ascii_case(name))
            .map_or("", |(_, text)| text)
    }
}

const TEXT_RULE: &str = "must be at most 16 MiB";
const CUSTOM_NAME_RULE: &str = "must be a letter or _, then letters, digits, _ . or -, at most 255 \
    bytes in all, and no output variable";
const DATE_RULE: &str = "must be of years 1 to 9999 in whole seconds";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn table_is_in_order_and_complete() {
        for (index, field) in Field::ALL.into_iter().enumerate() {
            assert_eq!(field.index(), index);
            assert_eq!(Field::from_output_name(field.name()), Some(field));
        }
        let searchable: Vec<&str> = Field::ALL
            .into_iter()
            .filter(|field| field.is_searchable())
            .map(Field::name)
            .collect();
        assert_eq!(
            searchable,
            ["company_name", "contact", "email", "subject", "summary"]
        );
    }

    #[test]
    fn check_names_the_field_and_the_rule() {
        let good = Ticket {
            tid: 1,
            ..Ticket::default()
        };
        let cases: [(Ticket, &str); 5] = [
            (
                Ticket {
                    opened_by: "a\u{85}".into(),
                    ..good.clone()
                },
                "opened_by",
            ),
            (
                Ticket {
                    linked_calls: "\u{FFFF}".into(),
                    ..good.clone()
                },
                "linked_calls",
            ),
            (
                Ticket {
                    locked: "X".into(),
                    ..good.clone()
                },
                "locked",
            ),
            (
                Ticket {
                    custom_fields: vec![("Tid".into(), String::new())],
                    ..good.clone()
                },
                "Tid",
            ),
            (
                Ticket {
                    subject: "x".repeat(TEXT_BYTES_MAX + 1),
                    ..good.clone()
                },
                "subject",
            ),
        ];
        for (ticket, name) in cases {
            let error = ticket.check().unwrap_err();
            match error.kind() {
                ErrorKind::InvalidTicket { field, .. } => assert_eq!(field, name),
                other => panic!("{other:?}"),
            }
        }
        for bytes in [TEXT_BYTES_MAX - 1, TEXT_BYTES_MAX] {
            let ticket = Ticket {
                subject: "x".repeat(bytes),
                merged: "y".into(),
                ..good.clone()
            };
            assert!(ticket.check().is_ok(), "{bytes} bytes");
        }
    }
}
