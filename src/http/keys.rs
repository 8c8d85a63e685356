//! Keys: who may ask, and from where.
//!
//! Of a key only its SHA-256 is kept, so nothing that prints, logs or dumps this memory can show
//! it. A given key is hashed and its hash compared with every kept one, each in a time that does not
//! depend on where they differ: how long it takes tells how long the given key is, which its sender
//! knows, and nothing else.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use constant_time_eq::constant_time_eq_32;
use ipnet::IpNet;
use sha2::{Digest, Sha256};
use tokio::sync::Semaphore;

use super::SetupError;
use super::refusal::Refusal;

/// A key that may ask, with its name and its limits.
///
/// The name stands in logs; the secret is hashed at once and stands nowhere.
///
/// # Examples
///
/// ```
/// use ticketdex::http::Key;
///
/// let key = Key::new("backup", "your key here")
///     .network("10.0.0.0/8")?
///     .network("::1")?
///     .requests_max(2);
/// assert!(!format!("{key:?}").contains("your key here"));
/// # Ok::<(), ticketdex::http::SetupError>(())
/// ```
#[derive(Clone)]
pub struct Key {
    name: Arc<str>,
    hash: [u8; 32],
    is_empty: bool,
    networks: Vec<IpNet>,
    requests_max: Option<usize>,
}

impl Key {
    /// Makes a key of a name for logs and the secret that requests carry as `key`.
    pub fn new(name: impl AsRef<str>, secret: impl AsRef<str>) -> Key {
        let secret = secret.as_ref();
        Key {
            name: name.as_ref().into(),
            hash: Sha256::digest(secret).into(),
            is_empty: secret.is_empty(),
            networks: Vec::new(),
            requests_max: None,
        }
    }

    /// Lets the key be used from a network, written as CIDR or as one address; given again, from
    /// any of them. Without one it may be used from everywhere.
    ///
    /// # Errors
    ///
    /// [`SetupError::InvalidNetwork`] where the text is neither.
    pub fn network(mut self, network: &str) -> Result<Key, SetupError> {
        let address = || network.parse::<IpAddr>().map(IpNet::from);
        let parsed = network.parse().or_else(|_| address());
        let parsed = parsed.map_err(|_| SetupError::InvalidNetwork {
            network: network.to_owned(),
        })?;
        self.networks.push(parsed);
        Ok(self)
    }

    /// Sets how many requests of this key may be searched for at once; past it they are answered
    /// with status 429.
    #[must_use]
    pub fn requests_max(mut self, count: usize) -> Key {
        self.requests_max = Some(count);
        self
    }

    /// Returns the name that logs show.
    pub fn name(&self) -> &str {
        &self.name
    }

    fn admits(&self, address: Option<IpAddr>) -> bool {
        // An IPv4 client of a socket for both shows as an IPv6 address.
        let address = address.map(|address| address.to_canonical());
        self.networks.is_empty()
            || address.is_some_and(|address| self.networks.iter().any(|net| net.contains(&address)))
    }
}

/// Everything but the secret.
impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key")
            .field("name", &self.name)
            .field("networks", &self.networks)
            .field("requests_max", &self.requests_max)
            .finish_non_exhaustive()
    }
}

/// A key of a running service.
pub(super) struct KnownKey {
    key: Key,
    /// The requests that may still begin, where they are limited.
    pub(super) requests: Option<Arc<Semaphore>>,
}

impl KnownKey {
    pub(super) fn name(&self) -> Arc<str> {
        Arc::clone(&self.key.name)
    }
}

/// The keys of a service; without any, whoever asks is answered.
pub(super) struct Keys(Vec<KnownKey>);

impl Keys {
    /// Takes the keys over; an empty secret, which no request can carry, is an error.
    pub(super) fn new(keys: Vec<Key>) -> Result<Keys, SetupError> {
        if let Some(key) = keys.iter().find(|key| key.is_empty) {
            let name = key.name().to_owned();
            return Err(SetupError::EmptyKey { name });
        }
        let known = keys.into_iter().map(|key| KnownKey {
            requests: key.requests_max.map(|count| {
                let count = count.min(Semaphore::MAX_PERMITS);
                Arc::new(Semaphore::new(count))
            }),
            key,
        });
        Ok(Keys(known.collect()))
    }

    /// Returns the key that was given, or why its sender is turned away; none where there are no
    /// keys.
    pub(super) fn check(
        &self,
        given: Option<&str>,
        address: Option<IpAddr>,
    ) -> Result<Option<&KnownKey>, Refusal> {
        if self.0.is_empty() {
            return Ok(None);
        }
        let given = given.ok_or_else(Refusal::missing_key)?;
        match self.find(given) {
            None => Err(Refusal::unknown_key()),
            Some(known) if !known.key.admits(address) => Err(Refusal::network()),
            found => Ok(found),
        }
    }

    /// Returns the key of a secret.
    pub(super) fn find(&self, given: &str) -> Option<&KnownKey> {
        let hash = Sha256::digest(given).into();
        let mut found = None;
        // Every key is compared, so that the time does not tell which one was found.
        for known in &self.0 {
            if constant_time_eq_32(&hash, &known.key.hash) {
                found = Some(known);
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(keys: &Keys, given: Option<&str>, address: Option<&str>) -> Result<String, String> {
        let address = address.map(|address| address.parse().unwrap());
        match keys.check(given, address) {
            Ok(key) => Ok(key.map_or(String::new(), |key| key.name().to_string())),
            Err(refusal) => Err(refusal.code.to_owned()),
        }
    }

    #[test]
    fn a_key_is_found_whole_and_from_its_networks() {
        let keys = vec![
            Key::new("any", "a b"),
            Key::new("near", "near")
                .network("10.0.0.0/8")
                .and_then(|key| key.network("2001:db8::7"))
                .unwrap(),
        ];
        let keys = Keys::new(keys).unwrap();
        let cases = [
            (Some("a b"), None, Ok("any")),
            (Some("a b"), Some("192.0.2.1"), Ok("any")),
            (Some("near"), Some("10.1.2.3"), Ok("near")),
            (Some("near"), Some("::ffff:10.1.2.3"), Ok("near")),
            (Some("near"), Some("2001:db8::7"), Ok("near")),
            (
                Some("near"),
                Some("2001:db8::8"),
                Err("address_not_allowed"),
            ),
            (Some("near"), Some("11.0.0.1"), Err("address_not_allowed")),
            (Some("near"), None, Err("address_not_allowed")),
            (None, Some("10.1.2.3"), Err("missing_key")),
            (Some("A B"), None, Err("unknown_key")),
            (Some("a b "), None, Err("unknown_key")),
            (Some("a"), None, Err("unknown_key")),
            (Some("a b\0"), None, Err("unknown_key")),
        ];
        for (given, address, expected) in cases {
            let expected = expected.map(str::to_owned).map_err(str::to_owned);
            assert_eq!(
                code(&keys, given, address),
                expected,
                "{given:?} {address:?}"
            );
        }
        let open = Keys::new(Vec::new()).unwrap();
        assert_eq!(code(&open, Some("whatever"), None), Ok(String::new()));
    }

    #[test]
    fn what_is_no_network_or_no_key_is_refused() {
        for network in ["", "10.0.0.0/33", "10.0.0", "localhost", "10.0.0.0/8 "] {
            let refused = Key::new("a", "b").network(network);
            assert!(
                matches!(refused, Err(SetupError::InvalidNetwork { .. })),
                "{network}"
            );
        }
        let refused = Keys::new(vec![Key::new("a", "b"), Key::new("c", "")]);
        assert!(matches!(refused, Err(SetupError::EmptyKey { name }) if name == "c"));
    }
}
