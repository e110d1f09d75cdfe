//! A journal in a file.

use std::{
    fs::{File, OpenOptions, TryLockError},
    io::{self, BufRead, BufReader, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
};

use alloy::primitives::Bytes;
use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::{Account, Entry, Inserted, Journal, JournalResult, Outcome, memory::Book};

/// A journal in a file, of one process at a time: a line of JSON for each thing that happened, on the disk before the method
/// returns.
#[derive(Debug)]
pub struct FileJournal {
    path: PathBuf,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    book: Book,
    file: File,
    /// How much of the file is whole lines.
    length: u64,
}

/// What happened.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "line", rename_all = "snake_case")]
enum Line {
    Inserted { entry: Entry },
    Replaced { account: Account, nonce: u64, transaction: Bytes },
    Settled { account: Account, nonce: u64, outcome: Outcome },
}

impl FileJournal {
    /// Opens a journal, which is made if it is not there.
    ///
    /// # Errors
    ///
    /// When another process has it open, when the file cannot be read or written, and when it is no journal. A last line that
    /// was cut off is none: what it would have said was never relied on.
    pub fn open(path: impl AsRef<Path>) -> io::Result<Self> {
        let path = path.as_ref().to_owned();
        let mut file = OpenOptions::new().read(true).append(true).create(true).open(&path)?;
        file.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => {
                let message = format!("the journal {} is in use by another process", path.display());
                io::Error::new(io::ErrorKind::WouldBlock, message)
            }
            TryLockError::Error(error) => error,
        })?;
        let (book, length) = read(&mut file, &path)?;
        file.set_len(length)?;
        file.sync_all()?;
        // So that the file itself is found after a power failure.
        if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
            File::open(parent)?.sync_all()?;
        }
        Ok(Self { path, state: Mutex::new(State { book, file, length }) })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn read(file: &mut File, path: &Path) -> io::Result<(Book, u64)> {
    let mut book = Book::default();
    let mut reader = BufReader::new(file);
    let mut length = 0;
    let mut line = Vec::new();
    for number in 1.. {
        line.clear();
        let read = reader.read_until(b'\n', &mut line)?;
        if !line.ends_with(b"\n") {
            break;
        }
        let parsed = serde_json::from_slice(&line).map_err(|error| {
            let message = format!("line {number} of the journal {} cannot be read: {error}", path.display());
            io::Error::new(io::ErrorKind::InvalidData, message)
        })?;
        apply(&mut book, parsed);
        length += read as u64;
    }
    Ok((book, length))
}

fn apply(book: &mut Book, line: Line) {
    match line {
        Line::Inserted { entry } => book.insert(entry),
        Line::Replaced { account, nonce, transaction } => {
            if let Some(entry) = book.entry(account, nonce) {
                entry.transactions.push(transaction);
            }
        }
        Line::Settled { account, nonce, outcome } => book.settle(account, nonce, outcome),
    }
}

impl State {
    /// Writes a line, then counts it. One that could not be written whole is taken away, so that the next is not spoilt.
    fn write(&mut self, line: Line) -> JournalResult<()> {
        let mut text = serde_json::to_string(&line)?;
        text.push('\n');
        let mut written = self.file.write_all(text.as_bytes());
        // The chain says again what became of a write; what was signed, nothing else does.
        if !matches!(line, Line::Settled { .. }) {
            written = written.and_then(|()| self.file.sync_data());
        }
        if let Err(error) = written {
            self.file.set_len(self.length)?;
            self.file.seek(SeekFrom::End(0))?;
            return Err(error.into());
        }
        self.length += text.len() as u64;
        apply(&mut self.book, line);
        Ok(())
    }
}

#[cfg_attr(target_family = "wasm", async_trait(?Send))]
#[cfg_attr(not(target_family = "wasm"), async_trait)]
impl Journal for FileJournal {
    async fn find(&self, account: Account, key: &str) -> JournalResult<Option<Entry>> {
        Ok(self.state().book.find(account, key).cloned())
    }

    async fn at(&self, account: Account, nonce: u64) -> JournalResult<Option<Entry>> {
        Ok(self.state().book.at(account, nonce).cloned())
    }

    async fn since(&self, account: Account, nonce: u64, most: usize) -> JournalResult<Vec<Entry>> {
        Ok(self.state().book.since(account, nonce, most))
    }

    async fn last_nonce(&self, account: Account) -> JournalResult<Option<u64>> {
        Ok(self.state().book.last_nonce(account))
    }

    async fn insert(&self, entry: &Entry) -> JournalResult<Inserted> {
        let mut state = self.state();
        let inserted = state.book.inserted(entry);
        if inserted == Inserted::New {
            state.write(Line::Inserted { entry: entry.clone() })?;
        }
        Ok(inserted)
    }

    async fn replace(&self, account: Account, nonce: u64, transaction: &Bytes) -> JournalResult<()> {
        self.state().write(Line::Replaced { account, nonce, transaction: transaction.clone() })
    }

    async fn settle(&self, account: Account, nonce: u64, outcome: Outcome) -> JournalResult<()> {
        self.state().write(Line::Settled { account, nonce, outcome })
    }
}
