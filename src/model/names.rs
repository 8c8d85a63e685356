//! The ordered list of custom field names of a store.
//!
//! A name enters when a ticket that is taken in holds it and never leaves, so its
//! index is stable for the life of a store: segments keep their custom columns by it,
//! and a name that entered later is empty in every earlier segment.
//!
//! # Invariants
//!
//! * No two names are equal without regard to ASCII case; the first spelling stays.

use std::hash::{BuildHasher, Hasher};

use hashbrown::{DefaultHashBuilder, HashTable};

use super::CUSTOM_NAMES_MAX;
use super::error::{Error, ErrorKind, shorten};
use super::memory::table_bytes;

/// Names in the order in which they came in, found in any ASCII case.
#[derive(Clone, Debug, Default)]
pub(crate) struct CustomNames {
    names: Vec<String>,
    /// The names' indexes, by the hash of the name in lower case.
    indexes: HashTable<u32>,
    hasher: DefaultHashBuilder,
}

impl CustomNames {
    /// Returns the names in order.
    pub(crate) fn as_slice(&self) -> &[String] {
        &self.names
    }

    /// Returns the index of a name.
    pub(crate) fn find(&self, name: &str) -> Option<u32> {
        let is_name = |&index: &u32| self.names[index as usize].eq_ignore_ascii_case(name);
        let found = self.indexes.find(hash(&self.hasher, name), is_name);
        found.copied()
    }

    /// Returns the heap bytes.
    pub(crate) fn bytes(&self) -> usize {
        self.names.capacity() * size_of::<String>()
            + self.names.iter().map(String::capacity).sum::<usize>()
            + table_bytes(self.indexes.capacity(), size_of::<u32>())
    }

    /// Adds the names of a ticket that are new, in order: all of them or, past the limit, none.
    ///
    /// The error names the ticket, where the names are of one.
    pub(crate) fn enter<'a>(
        &mut self,
        tid: Option<u64>,
        names: impl IntoIterator<Item = &'a str>,
    ) -> Result<(), Error> {
        let before = self.names.len();
        for name in names {
            if self.find(name).is_some() {
                continue;
            }
            if self.names.len() == CUSTOM_NAMES_MAX {
                self.names.truncate(before);
                self.indexes.retain(|index| (*index as usize) < before);
                return Err(ErrorKind::TooManyCustomFields {
                    name: shorten(name),
                    tid,
                }
                .into());
            }
            let index = self.names.len() as u32;
            self.names.push(name.to_owned());
            let (names, hasher) = (&self.names, &self.hasher);
            let hash_of = |&index: &u32| hash(hasher, &names[index as usize]);
            let indexes = &mut self.indexes;
            indexes.insert_unique(hash(hasher, name), index, hash_of);
        }
        Ok(())
    }
}

/// The bytes of a name that are hashed at once.
const HASHED_BYTES: usize = 16;

/// Returns the hash of a name in lower case.
fn hash(hasher: &DefaultHashBuilder, name: &str) -> u64 {
    let mut hasher = hasher.build_hasher();
    for chunk in name.as_bytes().chunks(HASHED_BYTES) {
        let mut lower = [0; HASHED_BYTES];
        lower[..chunk.len()].copy_from_slice(chunk);
        lower.make_ascii_lowercase();
        // No name holds a NUL.
        hasher.write(&lower);
    }
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_spelling_stays_and_the_limit_holds() {
        let mut names = CustomNames::default();
        names.enter(None, ["Serial", "SERIAL"]).unwrap();
        assert_eq!((names.find("sErial"), names.find("other")), (Some(0), None));
        for n in 2..CUSTOM_NAMES_MAX {
            names.enter(None, [&*format!("n{n}")]).unwrap();
        }
        let error = names.enter(None, ["last", "serial", "past"]).unwrap_err();
        assert_eq!(error.code(), "too_many_custom_fields");
        assert_eq!(names.find("last"), None);
        names.enter(None, ["serial", "last"]).unwrap();
        assert_eq!(names.as_slice().len(), CUSTOM_NAMES_MAX);
        assert_eq!(names.as_slice()[0], "Serial");
    }
}
