//! The keys of `ticketdex serve`: from its arguments, and from a file of them.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use clap::Args;
use ticketdex::http::Key;

use crate::Failure;
use crate::source::is_stdin;

/// Who may ask.
#[derive(Args)]
pub(super) struct Keys {
    /// A key that requests must carry; may stand several times
    ///
    /// Whoever can list the processes of this machine can read it: --keys hides it.
    #[arg(long = "key", value_name = "SECRET")]
    secrets: Vec<String>,

    /// A file of keys, one a line: NAME [NETWORK ...] = SECRET; or - for standard input
    ///
    /// The name stands in the log. Where networks stand behind it (10.0.0.0/8, 2001:db8::/32, an
    /// address), the key may be used from these alone. The secret is what stands behind the first
    /// =, without the blanks around it. Empty lines and lines that begin with #, with blanks before
    /// it or without, are skipped.
    #[arg(long = "keys", value_name = "FILE")]
    file: Option<PathBuf>,

    /// Answer whoever reaches the port
    #[arg(long, conflicts_with_all = ["secrets", "file"])]
    pub(super) no_key: bool,
}

impl Keys {
    /// Returns whether standard input is the file of keys.
    pub(super) fn reads_stdin(&self) -> bool {
        self.file.as_deref().is_some_and(is_stdin)
    }

    /// Returns all keys; those without a name are called by their place.
    pub(super) fn read(&self) -> Result<Vec<Key>, Failure> {
        let named = (1..).zip(&self.secrets);
        let mut keys: Vec<Key> = named
            .map(|(place, secret)| Key::new(format!("key {place}"), secret))
            .collect();
        if let Some(path) = &self.file {
            keys.extend(read_file(path)?);
        }
        if keys.is_empty() && !self.no_key {
            let message = "who may ask? Give --key SECRET or --keys FILE, or --no-key to answer \
                           whoever reaches the port";
            return Err(Failure::Usage(message.to_owned()));
        }
        Ok(keys)
    }
}

fn read_file(path: &Path) -> Result<Vec<Key>, Failure> {
    let about = |error: io::Error| Failure::bad(format!("--keys {}", path.display()), error);
    let text = if is_stdin(path) {
        io::read_to_string(io::stdin())
    } else {
        fs::read_to_string(path)
    };
    let text = text.map_err(about)?;
    let lines = (1..).zip(text.trim_start_matches('\u{feff}').lines());
    let is_skipped = |line: &str| line.is_empty() || line.starts_with('#');
    let lines = lines.filter(|(_, line)| !is_skipped(line.trim_start()));
    // No message shows a line: what is wrong in it may be the secret.
    let wrong = |number: usize, what: &str| {
        Failure::Usage(format!("line {number} of {}: {what}", path.display()))
    };
    let keys: Vec<Key> = lines
        .map(|(number, line)| parse_line(line).map_err(|what| wrong(number, what)))
        .collect::<Result<_, _>>()?;
    if keys.is_empty() {
        return Err(Failure::Usage(format!("{} holds no key", path.display())));
    }
    Ok(keys)
}

/// Reads the key of a line; an error says what the line should be.
fn parse_line(line: &str) -> Result<Key, &'static str> {
    const EXPECTED: &str = "expected NAME [NETWORK ...] = SECRET";
    let (left, secret) = line.split_once('=').ok_or(EXPECTED)?;
    let mut words = left.split_whitespace();
    let name = words.next().ok_or(EXPECTED)?;
    let secret = secret.trim();
    if secret.is_empty() {
        return Err("the secret behind = is empty");
    }
    words.try_fold(Key::new(name, secret), |key, network| {
        let expected = "what stands between the name and = is no network";
        key.network(network).map_err(|_| expected)
    })
}
