//! A table that can go back to what it was.

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};

/// A table, and how its entries were before each of the last entries into the books.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(bound(
    serialize = "K: Clone + Serialize, V: Clone + Serialize",
    deserialize = "K: Ord + Deserialize<'de>, V: Deserialize<'de>"
))]
#[serde(from = "Written<K, V>", into = "Written<K, V>")]
pub(crate) struct Book<K, V> {
    entries: BTreeMap<K, V>,
    former: VecDeque<(u64, K, Option<V>)>,
}

/// A table as lists, since JSON knows only texts as keys.
#[derive(Serialize, Deserialize)]
struct Written<K, V> {
    entries: Vec<(K, V)>,
    former: VecDeque<(u64, K, Option<V>)>,
}

impl<K, V> Default for Book<K, V> {
    fn default() -> Self {
        Self { entries: BTreeMap::new(), former: VecDeque::new() }
    }
}

impl<K: Ord + Copy, V: Clone> Book<K, V> {
    pub(crate) fn get(&self, key: &K) -> Option<&V> {
        self.entries.get(key)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.entries.iter()
    }

    /// An entry to be changed in a step.
    pub(crate) fn edit(&mut self, step: u64, key: K) -> &mut V
    where
        V: Default,
    {
        self.former.push_back((step, key, self.entries.get(&key).cloned()));
        self.entries.entry(key).or_default()
    }

    /// An entry to be changed in a step, if there is one.
    pub(crate) fn edit_known(&mut self, step: u64, key: K) -> Option<&mut V> {
        let value = self.entries.get_mut(&key)?;
        self.former.push_back((step, key, Some(value.clone())));
        Some(value)
    }

    /// A new entry; whether there was none.
    pub(crate) fn insert(&mut self, step: u64, key: K, value: V) -> bool {
        let former = self.entries.insert(key, value);
        let is_new = former.is_none();
        self.former.push_back((step, key, former));
        is_new
    }

    pub(crate) fn remove(&mut self, step: u64, key: K) -> Option<V> {
        let former = self.entries.remove(&key)?;
        self.former.push_back((step, key, Some(former.clone())));
        Some(former)
    }

    /// Undoes a step, which must be the last one.
    pub(crate) fn undo(&mut self, step: u64) {
        while let Some((_, key, former)) = self.former.pop_back_if(|(other, ..)| *other == step) {
            match former {
                Some(value) => drop(self.entries.insert(key, value)),
                None => drop(self.entries.remove(&key)),
            }
        }
    }

    /// Makes a step, and all before it, final.
    pub(crate) fn forget(&mut self, step: u64) {
        while self.former.pop_front_if(|(other, ..)| *other <= step).is_some() {}
    }
}

impl<K, V> From<Book<K, V>> for Written<K, V> {
    fn from(book: Book<K, V>) -> Self {
        Self { entries: book.entries.into_iter().collect(), former: book.former }
    }
}

impl<K: Ord, V> From<Written<K, V>> for Book<K, V> {
    fn from(written: Written<K, V>) -> Self {
        Self { entries: written.entries.into_iter().collect(), former: written.former }
    }
}
