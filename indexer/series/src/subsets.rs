//! Some of the labels of many series: each set is made once, and shared by the series that have it.

use std::hash::Hash;

use hashbrown::HashMap;
use orszem_model::Labels;

use crate::error::Result;

/// Sets are forgotten beyond so many.
const SETS_MAX: usize = 1 << 16;

/// Label sets by what stands for their pairs where they come from.
#[derive(Debug)]
pub(crate) struct Subsets<K> {
    known: HashMap<Box<[K]>, Labels>,
    key: Vec<K>,
}

impl<K> Default for Subsets<K> {
    fn default() -> Self {
        Self { known: HashMap::new(), key: Vec::new() }
    }
}

impl<K: Copy + Eq + Hash> Subsets<K> {
    /// The labels that `pairs` stand for; `make` makes them the first time.
    pub(crate) fn get(
        &mut self,
        pairs: impl Iterator<Item = K>,
        make: impl FnOnce(&[K]) -> Result<Labels>,
    ) -> Result<Labels> {
        self.key.clear();
        self.key.extend(pairs);
        if let Some(labels) = self.known.get(self.key.as_slice()) {
            return Ok(labels.clone());
        }
        if self.known.len() == SETS_MAX {
            self.known.clear();
        }
        let labels = make(&self.key)?;
        self.known.insert(self.key.as_slice().into(), labels.clone());
        Ok(labels)
    }
}
