//! Which slots belong to a name, so that a file is only compared with what it can be kin to.

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};

/// The slots of open, closed and cut generations by the name that they are, or were, written under. A slot keeps its name.
#[derive(Debug, Default)]
pub(super) struct Families {
    slots: HashMap<PathBuf, BTreeSet<u64>>,
}

impl Families {
    pub(super) fn of<'p>(slots: impl Iterator<Item = (u64, &'p Path)>) -> Self {
        let mut families = Self::default();
        for (slot, path) in slots {
            families.add(path, slot);
        }
        families
    }

    pub(super) fn add(&mut self, path: &Path, slot: u64) {
        match self.slots.get_mut(path) {
            Some(slots) => {
                slots.insert(slot);
            }
            None => drop(self.slots.insert(path.to_owned(), BTreeSet::from([slot]))),
        }
    }

    pub(super) fn remove(&mut self, path: &Path, slot: u64) {
        if let Some(slots) = self.slots.get_mut(path) {
            slots.remove(&slot);
            if slots.is_empty() {
                self.slots.remove(path);
            }
        }
    }

    /// In the order in which they were given.
    pub(super) fn slots(&self, path: &Path) -> impl Iterator<Item = u64> + '_ {
        self.slots.get(path).into_iter().flatten().copied()
    }
}
