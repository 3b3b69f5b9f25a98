//! The series store as the query engine reads it.

use orszem_model::{Columns, Labels};
use orszem_promql::{Select, Selection, SeriesReader, Source, SourceError};
use orszem_series::{SeriesSelection, SeriesStore};

/// The series of one tenant.
#[derive(Clone, Debug)]
pub struct TenantSource {
    store: SeriesStore,
    tenant: u32,
}

impl TenantSource {
    pub(super) fn new(store: &SeriesStore, tenant: u32) -> Self {
        Self { store: store.asking(), tenant }
    }
}

impl Source for TenantSource {
    fn select(&self, select: &Select<'_>) -> Result<Box<dyn Selection>, SourceError> {
        let Select { matchers, start, end } = *select;
        let found =
            self.store.select(self.tenant, matchers, start.saturating_add(1), end).map_err(|error| failed(&error))?;
        Ok(Box::new(Selected(found)))
    }

    fn damaged(&self) -> u64 {
        self.store.damaged()
    }
}

struct Selected(SeriesSelection);

impl Selection for Selected {
    fn len(&self) -> usize {
        self.0.len()
    }

    fn parts(&self) -> Option<u64> {
        Some(self.0.parts())
    }

    fn reader(&self) -> Box<dyn SeriesReader + '_> {
        Box::new(Reader(self.0.reader()))
    }
}

struct Reader<'a>(orszem_series::SelectionReader<'a>);

impl SeriesReader for Reader<'_> {
    fn labels(&mut self, at: usize) -> Result<Labels, SourceError> {
        self.0.labels(at).map_err(|error| failed(&error))
    }

    fn labels_among(&mut self, at: usize, names: &[String]) -> Result<Labels, SourceError> {
        self.0.labels_among(at, names).map_err(|error| failed(&error))
    }

    fn read(&mut self, at: usize, into: &mut Columns) -> Result<(), SourceError> {
        self.0.read(at, into).map_err(|error| failed(&error))
    }
}

fn failed(error: &orszem_series::Error) -> SourceError {
    SourceError { message: crate::error::chain(error), is_limit: false }
}
