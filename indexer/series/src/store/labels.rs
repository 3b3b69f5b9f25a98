//! Which labels there are: names, values, series; and exemplars, which are found by them.

use std::collections::BTreeSet;

use orszem_model::{Labels, Matcher};
use roaring::RoaringBitmap;

use crate::batch::{Exemplar, Metadata};
use crate::error::Result;
use crate::head::matching::matching;
use crate::head::{SeriesRef, TENANT_LABEL};

use super::SeriesStore;
use super::select::View;

/// The exemplars of a series, by time.
#[derive(Clone, Debug, PartialEq)]
pub struct SeriesExemplars {
    pub labels: Labels,
    pub exemplars: Vec<Exemplar>,
}

/// In these, `sets` are alternatives; without one all series of the tenant are meant. Times are milliseconds, both
/// included. A series counts when a file or block that reaches into the range has samples of it.
impl SeriesStore {
    /// The label sets of series, sorted, at most `limit` of them.
    ///
    /// # Errors
    /// When the index of a block can't be read.
    pub fn series(
        &self,
        tenant: u32,
        sets: &[Vec<Matcher>],
        start: i64,
        end: i64,
        limit: usize,
    ) -> Result<Vec<Labels>> {
        let View { lease: _lease, blocks, head, .. } = self.view(tenant, sets, start, end)?;
        let mut found = BTreeSet::new();
        {
            let present = head.all();
            let table = self.inner.table();
            found.extend(present.iter().filter_map(|series| table.public_labels(series)));
        }
        for (block, ordinals) in &blocks {
            let mut reader = block.index().labels_reader();
            for ordinal in ordinals {
                match reader.labels(ordinal) {
                    Ok(labels) => {
                        found.insert(labels.without(|name| name == TENANT_LABEL));
                    }
                    Err(error) => self.leave_out(error)?,
                }
            }
        }
        Ok(found.into_iter().take(limit).collect())
    }

    /// The labels of a series of the head; `None` if it has left it.
    pub fn labels_of(&self, series: SeriesRef) -> Option<Labels> {
        self.inner.table().public_labels(series.get())
    }

    /// The names of labels, sorted.
    ///
    /// # Errors
    /// When the index of a block can't be read.
    pub fn label_names(&self, tenant: u32, sets: &[Vec<Matcher>], start: i64, end: i64) -> Result<Vec<String>> {
        let View { lease: _lease, blocks, head, .. } = self.view(tenant, sets, start, end)?;
        let mut found = BTreeSet::new();
        {
            let table = self.inner.table();
            let probe = head.probe();
            let present = table.pairs.names().iter().filter(|name| probe.has_any(&name.series));
            found.extend(present.map(|name| name.text.to_string()));
        }
        for (block, ordinals) in &blocks {
            match block.index().label_names(among(ordinals, block.index().series())) {
                Ok(names) => found.extend(names),
                Err(error) => self.leave_out(error)?,
            }
        }
        found.remove(TENANT_LABEL);
        Ok(found.into_iter().collect())
    }

    /// The values of a label, sorted.
    ///
    /// # Errors
    /// When the index of a block can't be read.
    pub fn label_values(
        &self,
        tenant: u32,
        name: &str,
        sets: &[Vec<Matcher>],
        start: i64,
        end: i64,
    ) -> Result<Vec<String>> {
        if name == TENANT_LABEL {
            return Ok(Vec::new());
        }
        let View { lease: _lease, blocks, head, .. } = self.view(tenant, sets, start, end)?;
        let mut found = BTreeSet::new();
        {
            let table = self.inner.table();
            if let Some(name) = table.pairs.name(name) {
                let probe = head.probe();
                let values = table.pairs.name_at(name).pairs.iter().map(|&pair| table.pairs.at(pair));
                let present = values.filter(|pair| probe.has_any_of(&pair.series));
                found.extend(present.map(|pair| pair.value.to_string()));
            }
        }
        for (block, ordinals) in &blocks {
            match block.index().label_values(name, among(ordinals, block.index().series()), usize::MAX) {
                Ok(values) => found.extend(values),
                Err(error) => self.leave_out(error)?,
            }
        }
        Ok(found.into_iter().collect())
    }

    /// The exemplars of series that satisfy one of the matcher sets, sorted by labels.
    pub fn exemplars(&self, tenant: u32, sets: &[Vec<Matcher>], start: i64, end: i64) -> Vec<SeriesExemplars> {
        let with_exemplars = self.inner.aside().exemplar_series();
        let table = self.inner.table();
        let mut wanted = RoaringBitmap::new();
        for matchers in sets {
            wanted |= matching(&table, tenant, matchers) & &with_exemplars;
        }
        let aside = self.inner.aside();
        let mut found: Vec<SeriesExemplars> = wanted
            .iter()
            .filter_map(|series| {
                let exemplars = aside.exemplars(series, start, end);
                let labels = table.public_labels(series)?;
                (!exemplars.is_empty()).then_some(SeriesExemplars { labels, exemplars })
            })
            .collect();
        found.sort_by(|a, b| a.labels.cmp(&b.labels));
        found
    }

    /// What is known of metrics, by name; of one metric or of all, at most `limit`.
    pub fn metadata(&self, tenant: u32, metric: Option<&str>, limit: usize) -> Vec<(String, Metadata)> {
        self.inner.aside().metadata(tenant, metric, limit)
    }
}

/// `None` when it is all of the block's series, which spares looking at each.
fn among(ordinals: &RoaringBitmap, series: u32) -> Option<&RoaringBitmap> {
    (ordinals.len() < u64::from(series)).then_some(ordinals)
}
