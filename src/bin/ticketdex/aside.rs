//! A file that is written under another name and takes its own when it is whole.
//!
//! # Invariants
//!
//! * A path names what it named before, or the whole new file; a process that is killed leaves at
//!   most `.NAME.new-NUMBER` beside it, which a later one removes after an hour.
//! * The number is random, so that no process writes to or publishes the file of another one.
//! * What is no file (a folder, a device, a pipe) is never replaced.

use std::collections::hash_map::RandomState;
use std::fs::{self, File, OpenOptions};
use std::hash::BuildHasher;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The age at which an unfinished file is taken for one that a killed process left.
const LEFT_AGE: Duration = Duration::from_hours(1);

/// Where a file shall be, looked at before anything is done for it.
pub(crate) struct Target {
    path: PathBuf,
    /// Whether a file is there that may be replaced.
    replaces: bool,
}

impl Target {
    /// Looks at a path; `may_replace` tells whether a file may be there.
    ///
    /// A link is followed, so that what it names is replaced and not the link.
    pub(crate) fn look(path: &Path, may_replace: bool) -> io::Result<Target> {
        match fs::symlink_metadata(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Target {
                path: path.to_owned(),
                replaces: false,
            }),
            Err(error) => Err(error),
            Ok(_) if !may_replace => Err(is_there()),
            Ok(_) => {
                let path = fs::canonicalize(path)?;
                if !fs::metadata(&path)?.is_file() {
                    let message = "it is no file, and is not replaced";
                    return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
                }
                Ok(Target {
                    path,
                    replaces: true,
                })
            }
        }
    }

    /// Returns whether a path names the file that would be replaced.
    pub(crate) fn is(&self, other: &Path) -> bool {
        self.replaces && fs::canonicalize(other).is_ok_and(|other| other == self.path)
    }

    /// Makes the file under another name, in the same folder.
    pub(crate) fn begin(self) -> io::Result<Aside> {
        let Some(name) = self.path.file_name() else {
            return Err(io::ErrorKind::InvalidInput.into());
        };
        // Containers that share the folder may run processes of the same id, but each hasher has keys of
        // its own.
        let number = RandomState::new().hash_one(std::process::id());
        let prefix = format!(".{}.new-", name.to_string_lossy());
        let path = self.path.with_file_name(format!("{prefix}{number:016x}"));
        clear_left(&path, &prefix);
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(&path)?;
        let aside = Aside {
            file,
            path,
            target: self,
        };
        if aside.target.replaces {
            let permissions = fs::metadata(&aside.target.path)?.permissions();
            fs::set_permissions(&aside.path, permissions)?;
        }
        Ok(aside)
    }
}

/// Removes what processes that were killed left some time ago beside a path.
fn clear_left(beside: &Path, prefix: &str) {
    let folder = match beside.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    };
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let is_of_name = entry.file_name().to_string_lossy().starts_with(prefix);
        let changed = entry.metadata().and_then(|it| it.modified()).ok();
        let age = changed.and_then(|changed| changed.elapsed().ok());
        if is_of_name && age.is_some_and(|age| age > LEFT_AGE) {
            // A file that cannot be removed does no harm.
            let _ = fs::remove_file(entry.path());
        }
    }
}

fn is_there() -> io::Error {
    let message = "it is there already; --force replaces it";
    io::Error::new(io::ErrorKind::AlreadyExists, message)
}

/// A file that has another name so far; dropped, it is gone.
pub(crate) struct Aside {
    pub(crate) file: File,
    path: PathBuf,
    target: Target,
}

impl Aside {
    /// Gives the file its name, once it is on disk.
    pub(crate) fn publish(self) -> io::Result<()> {
        self.file.sync_all()?;
        let target = &self.target.path;
        if self.target.replaces {
            return fs::rename(&self.path, target);
        }
        match fs::hard_link(&self.path, target) {
            Ok(()) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(is_there()),
            // A file system without links renames.
            Err(_) if fs::symlink_metadata(target).is_ok() => Err(is_there()),
            Err(_) => fs::rename(&self.path, target),
        }
    }
}

impl Drop for Aside {
    fn drop(&mut self) {
        // Where it has its name, nothing is left of the other, or a second link to it.
        let _ = fs::remove_file(&self.path);
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn two_of_one_process_id_do_not_touch_the_file_of_each_other() {
        let name = format!("ticketdex-aside-{}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        fs::create_dir_all(&folder).unwrap();
        let path = folder.join("tickets.csv");
        let begin = || Target::look(&path, false).unwrap().begin().unwrap();
        let (mut first, mut second) = (begin(), begin());
        first.file.write_all(b"whole").unwrap();
        second.file.write_all(b"ha").unwrap();
        first.publish().unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"whole");
        let error = second.publish().unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 1);
        fs::remove_dir_all(folder).unwrap();
    }
}
