//! What a probe notes while it runs, so that a deadline loses nothing.

use std::time::{Duration, Instant};

use crate::facts::Facts;
use crate::page::{Gauge, Page};

/// The notes of one probe.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Report {
    pub page: Page,
    pub facts: Facts,
    /// How long each part took, in the order of the parts.
    pub phases: Vec<(&'static str, Duration)>,
    /// What happened, in words.
    pub notes: Vec<String>,
}

impl Report {
    /// Notes a phase that began at `begun` and is over.
    pub(crate) fn phase(&mut self, gauge: Gauge, phase: &'static str, begun: Instant) {
        let took = begun.elapsed();
        self.page.add_phase(gauge, phase, took.as_secs_f64());
        self.took(phase, took);
    }

    pub(crate) fn took(&mut self, phase: &'static str, took: Duration) {
        match self.phases.iter_mut().find(|(known, _)| *known == phase) {
            Some((_, sum)) => *sum += took,
            None => self.phases.push((phase, took)),
        }
    }

    pub(crate) fn note(&mut self, note: impl Into<String>) {
        self.notes.push(note.into());
    }
}
