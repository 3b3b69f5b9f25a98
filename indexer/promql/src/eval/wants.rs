//! Which labels of rows anybody looks at: of many series it saves most to leave the others where they are.

use orszem_model::{Labels, METRIC_NAME};
use orszem_vector::Grouping;

use crate::{SeriesReader, SourceError};

/// Labels that rows need to have; they may have others, too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Wants {
    All,
    /// Those with these names, sorted.
    Among(Vec<String>),
}

impl Wants {
    pub(super) fn none() -> Self {
        Self::Among(Vec::new())
    }

    /// What it takes to know the group of a row, and its labels.
    pub(super) fn of(grouping: &Grouping) -> Self {
        grouping.names().map_or(Self::All, |names| Self::Among(names.to_vec()))
    }

    /// The metric's name, besides.
    pub(super) fn and_name(mut self) -> Self {
        if let Self::Among(names) = &mut self
            && let Err(at) = names.binary_search_by(|name| name.as_str().cmp(METRIC_NAME))
        {
            names.insert(at, METRIC_NAME.to_owned());
        }
        self
    }

    pub(super) fn read(&self, at: usize, reader: &mut dyn SeriesReader) -> Result<Labels, SourceError> {
        match self {
            Self::All => reader.labels(at),
            Self::Among(names) if names.is_empty() => Ok(Labels::default()),
            Self::Among(names) => reader.labels_among(at, names),
        }
    }
}
