//! What a scrape hands on.

use std::sync::Arc;

use orszem_exposition::{Exemplar, MetricType};
use orszem_model::{Histogram, Labels};

/// The yield of one scrape of one target. Times are milliseconds since 1970, UTC.
///
/// Labels are shared with the scrape before, so a clone of them costs nothing. External labels are among them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Scraped {
    /// In the order of the body, then stale markers ([`orszem_model::STALE`]) of series that are gone, then `up` and
    /// its like. A series of histograms ends with a stale marker here too.
    pub samples: Vec<(Labels, i64, f64)>,
    pub histograms: Vec<(Labels, i64, Arc<Histogram>)>,
    /// With the labels of their series; each has a time. What the scrape before had already is left out.
    pub exemplars: Vec<(Labels, Exemplar)>,
    /// Of families that are new, or changed since the scrape before.
    pub metadata: Vec<Metadata>,
}

impl Scraped {
    pub fn is_empty(&self) -> bool {
        self.samples.is_empty() && self.histograms.is_empty() && self.exemplars.is_empty() && self.metadata.is_empty()
    }

    /// Forgets the values, as when the scrape failed.
    pub(crate) fn clear(&mut self) {
        self.samples.clear();
        self.histograms.clear();
        self.exemplars.clear();
        self.metadata.clear();
    }
}

/// What a target says about a metric family.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Metadata {
    pub family: Arc<str>,
    pub kind: MetricType,
    pub help: Arc<str>,
    pub unit: Arc<str>,
}
