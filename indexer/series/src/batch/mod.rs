//! Samples of one submission: as columns for the head, and as frames of the journal.

mod builder;
pub(crate) mod decode;
pub(crate) mod definitions;
pub(crate) mod encode;
mod histogram;
mod values;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use orszem_model::{Histogram, Labels};

use crate::head::SeriesRef;

pub use builder::{BatchBuilder, Rejected};
pub use decode::DecodeError;

use crate::head::epoch::Lease;

/// What is known of a metric besides its samples. Of no fixed vocabulary here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Metadata {
    /// `counter`, `gauge`, `histogram`, …
    pub kind: String,
    pub unit: String,
    pub help: String,
}

/// A sample's pointer elsewhere, mostly to a trace.
#[derive(Clone, Debug, PartialEq)]
pub struct Exemplar {
    /// Milliseconds since 1970, UTC.
    pub time: i64,
    pub value: f64,
    pub labels: Labels,
}

/// A histogram of a series.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct HistogramSample {
    pub(crate) series: u32,
    pub(crate) time: i64,
    pub(crate) histogram: Arc<Histogram>,
}

/// Samples of one submission, of one tenant. Made by [`BatchBuilder::finish`] or [`Batch::decode`].
#[derive(Debug, Default)]
pub struct Batch {
    /// The store that gave the numbers of series.
    pub(crate) store: u64,
    pub(crate) tenant: u32,
    /// The series whose definition may not be durable yet, with the label of the tenant.
    pub(crate) definitions: Vec<(u32, Labels)>,
    pub(crate) series: Vec<u32>,
    pub(crate) times: Vec<i64>,
    pub(crate) values: Vec<f64>,
    pub(crate) histograms: Vec<HistogramSample>,
    pub(crate) exemplars: Vec<(u32, Exemplar)>,
    pub(crate) metadata: Vec<(String, Metadata)>,
    /// Held by batches that were built here: their series are in the head.
    pub(crate) lease: Option<Lease>,
}

impl Batch {
    /// Samples, histograms among them.
    pub fn samples(&self) -> usize {
        self.series.len() + self.histograms.len()
    }

    /// The tenant of all its series.
    pub fn tenant(&self) -> u32 {
        self.tenant
    }

    /// Samples that are no histograms: series, milliseconds since 1970, value. In the order in which they came.
    pub fn floats(&self) -> impl Iterator<Item = (SeriesRef, i64, f64)> + '_ {
        let samples = self.series.iter().zip(&self.times).zip(&self.values);
        samples.map(|((series, time), value)| (SeriesRef(*series), *time, *value))
    }

    /// Whether there is nothing to journal.
    pub fn is_empty(&self) -> bool {
        self.samples() == 0 && self.exemplars.is_empty() && self.metadata.is_empty() && self.definitions.is_empty()
    }
}
