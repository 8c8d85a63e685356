//! A file that is written under another name and takes its own when it is whole.
//!
//! # Invariants
//!
//! * A path names what it named before, or the whole new file; a process that is killed leaves at
//!   most `.NAME.new-PID` beside it.
//! * What is no file (a folder, a device, a pipe) is never replaced.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

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
        let name = format!(".{}.new-{}", name.to_string_lossy(), std::process::id());
        let path = self.path.with_file_name(name);
        // A process of the same number may have been killed.
        let _ = fs::remove_file(&path);
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
