//! What a request came to, whichever action it asked for.

use ticketdex::{
    Action, Answer, AnyField, Chunks, CountKey, Counts, Cursor, Explain, Fields, Format, Query,
    Snapshot, SortKey,
};

use crate::say;

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

/// Says which custom fields of a request no ticket has: they are empty everywhere, and no error.
pub(crate) fn tell_unknown_fields(action: &Action, snapshot: &Snapshot) {
    let names = match action {
        Action::GetTickets(query) => custom_names(query),
        Action::CountTickets(counting) => {
            let keys = counting.keys().iter().map(CountKey::field);
            let mut names = custom_names(counting.matching());
            names.extend(keys.filter_map(custom_name));
            names
        }
    };
    let mut told: Vec<String> = Vec::new();
    for name in names {
        let is_it = |own: &String| own.eq_ignore_ascii_case(&name);
        if !snapshot.custom_names().iter().any(is_it) && !told.iter().any(is_it) {
            say(&format!(
                "no ticket has the custom field {name}, so it is empty everywhere; `ticketdex stats` names \
                 those that are there"
            ));
            told.push(name);
        }
    }
}

/// Returns the custom fields that a query filters or orders by or shows, as they are written.
fn custom_names(query: &Query) -> Vec<String> {
    let filters = query.filters().iter().map(|filter| filter.field.clone());
    let keys = query.order().iter().filter_map(|key| match &key.key {
        SortKey::Custom(name) => Some(name.clone()),
        _ => None,
    });
    let shown = query.fields().into_iter().flat_map(Fields::custom_names);
    let named = filters.filter_map(custom_name).chain(keys);
    named.chain(shown.cloned()).collect()
}

fn custom_name(field: AnyField) -> Option<String> {
    match field {
        AnyField::Custom(name) => Some(name),
        _ => None,
    }
}
