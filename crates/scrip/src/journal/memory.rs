//! A journal for as long as the process lives.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    sync::{Mutex, MutexGuard, PoisonError},
};

use alloy::primitives::Bytes;
use async_trait::async_trait;

use super::{Account, Entry, Inserted, Journal, JournalResult, Outcome};

/// How many entries without a key are kept of an account: only what a reorganisation can take back is ever looked at again.
const UNKEYED: usize = 1_024;

/// A journal in memory: the promise holds within the process.
#[derive(Debug, Default)]
pub struct MemoryJournal {
    book: Mutex<Book>,
}

/// The entries of all accounts.
#[derive(Debug, Default)]
pub(super) struct Book {
    accounts: HashMap<Account, Page>,
}

#[derive(Debug, Default)]
struct Page {
    entries: BTreeMap<u64, Entry>,
    keys: HashMap<String, u64>,
    /// The nonces of those without a key, as they came.
    unkeyed: VecDeque<u64>,
    /// The highest of those that are not kept any more: all up to it are used.
    forgotten: Option<u64>,
}

impl Book {
    pub(super) fn find(&self, account: Account, key: &str) -> Option<&Entry> {
        let page = self.accounts.get(&account)?;
        page.entries.get(page.keys.get(key)?)
    }

    pub(super) fn at(&self, account: Account, nonce: u64) -> Option<&Entry> {
        self.accounts.get(&account)?.entries.get(&nonce)
    }

    pub(super) fn since(&self, account: Account, nonce: u64, most: usize) -> Vec<Entry> {
        let entries = self.accounts.get(&account).map(|page| page.entries.range(nonce..));
        entries.into_iter().flatten().take(most).map(|(_, entry)| entry.clone()).collect()
    }

    pub(super) fn last_nonce(&self, account: Account) -> Option<u64> {
        self.accounts.get(&account)?.entries.last_key_value().map(|(nonce, _)| *nonce)
    }

    /// What would become of an insertion.
    pub(super) fn inserted(&self, entry: &Entry) -> Inserted {
        match self.accounts.get(&entry.account) {
            Some(page) if entry.key.as_ref().is_some_and(|key| page.keys.contains_key(key)) => {
                Inserted::KeyTaken
            }
            Some(page)
                if page.entries.contains_key(&entry.nonce)
                    || page.forgotten.is_some_and(|last| entry.nonce <= last) =>
            {
                Inserted::NonceTaken
            }
            _ => Inserted::New,
        }
    }

    pub(super) fn insert(&mut self, entry: Entry) {
        let page = self.accounts.entry(entry.account).or_default();
        match &entry.key {
            Some(key) => {
                page.keys.insert(key.clone(), entry.nonce);
            }
            None => page.unkeyed.push_back(entry.nonce),
        }
        page.entries.insert(entry.nonce, entry);
        if page.unkeyed.len() > UNKEYED
            && let Some(oldest) = page
                .unkeyed
                .iter()
                .position(|nonce| page.entries.get(nonce).is_none_or(|entry| entry.outcome != Outcome::Open))
            && let Some(nonce) = page.unkeyed.remove(oldest)
        {
            page.entries.remove(&nonce);
            page.forgotten = page.forgotten.max(Some(nonce));
        }
    }

    pub(super) fn settle(&mut self, account: Account, nonce: u64, outcome: Outcome) {
        if let Some(entry) = self.entry(account, nonce)
            && entry.outcome.gives_way_to(outcome)
        {
            entry.outcome = outcome;
        }
    }

    pub(super) fn entry(&mut self, account: Account, nonce: u64) -> Option<&mut Entry> {
        self.accounts.get_mut(&account)?.entries.get_mut(&nonce)
    }
}

impl MemoryJournal {
    /// An empty one.
    pub fn new() -> Self {
        Self::default()
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg_attr(target_family = "wasm", async_trait(?Send))]
#[cfg_attr(not(target_family = "wasm"), async_trait)]
impl Journal for MemoryJournal {
    async fn find(&self, account: Account, key: &str) -> JournalResult<Option<Entry>> {
        Ok(self.book().find(account, key).cloned())
    }

    async fn at(&self, account: Account, nonce: u64) -> JournalResult<Option<Entry>> {
        Ok(self.book().at(account, nonce).cloned())
    }

    async fn since(&self, account: Account, nonce: u64, most: usize) -> JournalResult<Vec<Entry>> {
        Ok(self.book().since(account, nonce, most))
    }

    async fn last_nonce(&self, account: Account) -> JournalResult<Option<u64>> {
        Ok(self.book().last_nonce(account))
    }

    async fn insert(&self, entry: &Entry) -> JournalResult<Inserted> {
        let mut book = self.book();
        let inserted = book.inserted(entry);
        if inserted == Inserted::New {
            book.insert(entry.clone());
        }
        Ok(inserted)
    }

    async fn replace(&self, account: Account, nonce: u64, transaction: &Bytes) -> JournalResult<()> {
        if let Some(entry) = self.book().entry(account, nonce) {
            entry.transactions.push(transaction.clone());
        }
        Ok(())
    }

    async fn settle(&self, account: Account, nonce: u64, outcome: Outcome) -> JournalResult<()> {
        self.book().settle(account, nonce, outcome);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use alloy::primitives::{Address, B256};

    use super::*;

    #[test]
    fn one_that_stays_open_keeps_no_others() {
        let account = Account { chain_id: 1, address: Address::ZERO };
        let mut book = Book::default();
        let written = 3 * UNKEYED as u64;
        for nonce in 0..written {
            let key = None;
            let (intent, transactions, outcome) = (B256::ZERO, Vec::new(), Outcome::Open);
            book.insert(Entry { account, nonce, key, intent, transactions, outcome });
            if nonce > 0 {
                let (transaction, block, block_hash) = (B256::ZERO, nonce, B256::ZERO);
                book.settle(account, nonce, Outcome::Mined { transaction, block, block_hash });
            }
        }
        let late = Entry { nonce: 1, ..book.since(account, 0, 1).remove(0) };
        assert_eq!(book.inserted(&late), Inserted::NonceTaken, "what is not kept was taken");
        let kept = book.since(account, 0, usize::MAX);
        assert!(kept.len() <= UNKEYED + 1, "{} are kept", kept.len());
        let ends = (kept[0].nonce, kept[kept.len() - 1].nonce);
        assert_eq!(ends, (0, written - 1), "what is open and what is new stays");
    }
}
