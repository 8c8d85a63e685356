//! How a store keeps long texts: ready to be written, or small.
//!
//! It stands here because the store is told and the columns obey, and neither knows the other.

/// How a store keeps its long texts, the subjects and summaries of tickets.
///
/// No answer depends on it, and a durable store may be opened with another choice at any time: what comes
/// from its image stays in the form that it has there until it is merged.
///
/// # Examples
///
/// ```
/// use ticketdex::{Format, Options, Query, Store, Texts, Ticket};
///
/// let tickets = |options: Options| -> Result<_, ticketdex::Error> {
///     let mut store = Store::new(options);
///     let summary = |tid: u64| format!("Printer {tid} is on fire, please come at once. ").repeat(50);
///     let ticket = |tid: u64| Ticket { tid, summary: summary(tid), ..Ticket::default() };
///     store.commit((1..=1000).map(ticket).collect())?;
///     let mut body = Vec::new();
///     store.snapshot().answer(&Query::default()).write_to(Format::Xml, &mut body)?;
///     Ok((store.snapshot().memory().column(ticketdex::Field::Summary), body))
/// };
/// let (fast_bytes, fast) = tickets(Options::default())?;
/// let (compact_bytes, compact) = tickets(Options::default().texts(Texts::Compact))?;
/// assert!(compact_bytes < fast_bytes / 2);
/// assert!(compact == fast);
/// # Ok::<(), ticketdex::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Texts {
    /// As responses write them, or plain where that takes much less: a text of Latin letters costs
    /// a copy.
    #[default]
    Fast,
    /// Packed to about half of that, and unpacked while a response is written: a page takes up to
    /// twice as long, and a commit or a merge as long as packing its texts takes.
    ///
    /// A segment packs its subjects, or its summaries, from 1 MiB of them on, and until then keeps them as
    /// `Fast` does: what is won would not pay for finding out how to pack it.
    Compact,
}
