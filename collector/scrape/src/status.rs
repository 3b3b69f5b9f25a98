//! How targets are, for those who ask.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use orszem_model::Labels;

use crate::output::Metadata;
use crate::target::Target;

/// Whether the last scrape of a target succeeded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Health {
    /// Not scraped yet.
    #[default]
    Unknown,
    Up,
    Down,
}

impl Health {
    /// Its name in `/api/v1/targets`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Up => "up",
            Self::Down => "down",
        }
    }
}

/// One target, as `/api/v1/targets` tells of it.
#[derive(Clone, Debug, PartialEq)]
pub struct TargetStatus {
    /// The job it belongs to.
    pub pool: Arc<str>,
    /// Before relabelling.
    pub discovered_labels: Labels,
    pub labels: Labels,
    pub url: String,
    pub interval: Duration,
    pub timeout: Duration,
    pub health: Health,
    /// Empty if there is none.
    pub last_error: String,
    pub last_scrape: Option<SystemTime>,
    pub last_duration: Duration,
    /// What the target says about its metric families, by name.
    pub metadata: Arc<[Metadata]>,
}

/// A target that relabelling dropped.
#[derive(Clone, Debug, PartialEq)]
pub struct DroppedTarget {
    pub pool: Arc<str>,
    pub discovered_labels: Labels,
}

/// The targets of all jobs.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Targets {
    /// By job in the order of their names, then by URL.
    pub active: Vec<TargetStatus>,
    /// No more of a job than `keep_dropped_targets`.
    pub dropped: Vec<DroppedTarget>,
    /// All dropped ones of a job.
    pub dropped_counts: Vec<(Arc<str>, u64)>,
}

/// The outcome of a target's last scrape.
#[derive(Clone, Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) health: Health,
    pub(crate) error: String,
    pub(crate) at: Option<SystemTime>,
    pub(crate) took: Duration,
    pub(crate) metadata: Arc<[Metadata]>,
}

/// A cell that a target's loop writes and everyone reads.
#[derive(Debug, Default)]
pub(crate) struct OutcomeCell(Mutex<Outcome>);

impl OutcomeCell {
    pub(crate) fn get(&self) -> Outcome {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// `metadata` is `None` where it did not change.
    pub(crate) fn set(&self, outcome: Outcome, metadata: Option<Arc<[Metadata]>>) {
        let mut cell = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let metadata = metadata.unwrap_or_else(|| Arc::clone(&cell.metadata));
        *cell = Outcome { metadata, ..outcome };
    }
}

impl TargetStatus {
    pub(crate) fn new(pool: &Arc<str>, target: &Target, discovered: &Labels, outcome: Outcome) -> Self {
        Self {
            pool: Arc::clone(pool),
            discovered_labels: discovered.clone(),
            labels: target.labels.clone(),
            url: target.url.to_string(),
            interval: target.interval.duration(),
            timeout: target.timeout.duration(),
            health: outcome.health,
            last_error: outcome.error,
            last_scrape: outcome.at,
            last_duration: outcome.took,
            metadata: outcome.metadata,
        }
    }
}
