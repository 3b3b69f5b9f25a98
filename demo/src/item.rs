//! What a site gives out.

use orszem_model::{Seen, Timestamp};

/// One thing that a host logs, reports or measures.
#[derive(Clone, Debug, PartialEq)]
pub enum Item {
    /// A record of a log file, its lines joined by line feeds.
    Line {
        at: Timestamp,
        host: &'static str,
        file: &'static str,
        text: String,
    },
    /// What a collector's source sees of the cluster.
    Seen(Seen),
    /// A try of whether the service answers.
    Probe(Probe),
    Sample(Sample),
}

impl Item {
    /// When it is from.
    pub fn at(&self) -> Timestamp {
        match self {
            Self::Line { at, .. } => *at,
            Self::Seen(seen) => seen.at,
            Self::Probe(probe) => probe.at,
            Self::Sample(sample) => sample.at,
        }
    }

    /// Whether it tells of the cluster itself: observations, and the lines of kernel, corosync and Pacemaker. They are
    /// few; everything else may come later.
    pub fn is_of_cluster(&self) -> bool {
        match self {
            Self::Seen(_) => true,
            Self::Line { file, .. } => [crate::hosts::SYSLOG, crate::hosts::KERN].contains(file),
            Self::Probe(_) | Self::Sample(_) => false,
        }
    }
}

/// The outcome of a probe.
#[derive(Clone, Debug, PartialEq)]
pub struct Probe {
    pub at: Timestamp,
    /// Who probes.
    pub host: &'static str,
    pub target: &'static str,
    pub is_ok: bool,
    /// The HTTP status; `None` when there was no answer.
    pub status: Option<u16>,
    pub duration_ms: u64,
    /// Empty when it is well.
    pub error: &'static str,
    /// What it says in words.
    pub text: String,
}

/// A sample of a series.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    pub at: Timestamp,
    pub name: &'static str,
    pub labels: Vec<(&'static str, String)>,
    pub value: f64,
}
