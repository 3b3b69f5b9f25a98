//! The head: the series that are written to now, and their samples that are not in files yet.

pub(crate) mod epoch;
pub(crate) mod generation;
pub(crate) mod keys;
pub(crate) mod matching;
pub(crate) mod nodes;
pub(crate) mod pairs;
pub(crate) mod postings;
pub(crate) mod table;

#[cfg(test)]
mod tests;

/// A series of one store. Never used twice in the store's life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SeriesRef(pub(crate) u32);

impl SeriesRef {
    /// The number of the series.
    pub fn get(self) -> u32 {
        self.0
    }
}

/// The label that holds the tenant of a series; series of tenant 0 have none. Senders may not use it.
pub const TENANT_LABEL: &str = "\0tenant";
