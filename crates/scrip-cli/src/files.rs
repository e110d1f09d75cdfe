//! Files that must be whole whenever they are read.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Write},
    path::Path,
};

use eyre::{Result, WrapErr};

use crate::print::Printer;

/// Writes a file whole or not at all, whenever the process ends or the power fails.
pub(crate) fn replace(file: &Path, text: &str) -> Result<()> {
    let written = || -> io::Result<()> {
        let new = file.with_added_extension("new");
        let mut written = File::create(&new)?;
        writeln!(written, "{text}")?;
        written.sync_all()?;
        fs::rename(&new, file)?;
        // Else the file would be as it was before.
        File::open(folder(file))?.sync_all()
    };
    written().wrap_err_with(|| format!("{} cannot be written", file.display()))
}

/// Has a file for this process alone among those that ask for it so, until what is returned is dropped; waits for its turn. What is
/// locked is a file beside it, for the file itself is another each time that it is replaced.
pub(crate) fn lock(file: &Path, print: Printer) -> Result<File> {
    let locked = || -> io::Result<File> {
        let beside = file.with_added_extension("lock");
        let lock = OpenOptions::new().append(true).create(true).open(beside)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                print.note(&format!("Waiting for another process that has {}", file.display()));
                lock.lock()?;
            }
            Err(TryLockError::Error(error)) => return Err(error),
        }
        Ok(lock)
    };
    locked().wrap_err_with(|| format!("{} cannot be locked", file.display()))
}

fn folder(file: &Path) -> &Path {
    file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}
