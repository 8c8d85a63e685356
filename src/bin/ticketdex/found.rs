//! What a request came to, whichever action it asked for.

use ticketdex::{Action, Answer, Chunks, Counts, Cursor, Explain, Format, Snapshot};

/// Tickets, or how many of them have which values.
pub(crate) enum Found {
    Tickets(Box<Answer>),
    Counts(Counts),
}

impl Found {
    /// Asks a snapshot.
    pub(crate) fn of(action: &Action, snapshot: &Snapshot) -> Found {
        match action {
            Action::GetTickets(query) => Found::Tickets(snapshot.answer(query).into()),
            Action::CountTickets(query) => Found::Counts(snapshot.count_by(query)),
        }
    }

    /// Returns how many tickets match.
    pub(crate) fn total(&self) -> u64 {
        match self {
            Found::Tickets(answer) => answer.total(),
            Found::Counts(counts) => counts.total(),
        }
    }

    /// Returns the cursor after which the next records come.
    pub(crate) fn next(&self) -> Option<Cursor> {
        match self {
            Found::Tickets(answer) => answer.next(),
            Found::Counts(_) => None,
        }
    }

    /// Returns the cursor before which the previous records come.
    pub(crate) fn previous(&self) -> Option<Cursor> {
        match self {
            Found::Tickets(answer) => answer.previous(),
            Found::Counts(_) => None,
        }
    }

    /// Returns the response in a format.
    pub(crate) fn chunks(&self, format: Format) -> Chunks {
        match self {
            Found::Tickets(answer) => Answer::clone(answer).into_chunks(format),
            Found::Counts(counts) => counts.clone().into_chunks(format),
        }
    }

    /// Returns the plan with the work done so far; counts have none.
    pub(crate) fn explain(&self) -> Option<Explain> {
        match self {
            Found::Tickets(answer) => Some(answer.explain()),
            Found::Counts(_) => None,
        }
    }
}
