//! What became of a request: what was written, and what was not and why.

use super::sink::{LabelProblem, Refused};

/// Why a sample, a histogram or an exemplar was rejected while the rest of its request went on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// Of text formats: the line cannot be read.
    Malformed,
    InvalidLabels,
    DuplicateLabel,
    TooManyLabels,
    LabelNameTooLong,
    LabelValueTooLong,
    TooFarInFuture,
    TooOld,
    InvalidHistogram,
    InvalidExemplar,
    SeriesLimit,
}

impl Reason {
    /// Its name in answers and metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::InvalidLabels => "invalid_labels",
            Self::DuplicateLabel => "duplicate_label",
            Self::TooManyLabels => "too_many_labels",
            Self::LabelNameTooLong => "label_name_too_long",
            Self::LabelValueTooLong => "label_value_too_long",
            Self::TooFarInFuture => "too_far_in_future",
            Self::TooOld => "too_old",
            Self::InvalidHistogram => "invalid_histogram",
            Self::InvalidExemplar => "invalid_exemplar",
            Self::SeriesLimit => "series_limit",
        }
    }
}

impl From<&Refused> for Reason {
    fn from(refused: &Refused) -> Self {
        match refused {
            Refused::Limit(_) => Self::SeriesLimit,
            Refused::Labels(problem) => match problem {
                LabelProblem::Invalid(_) | LabelProblem::OddReferences(_) | LabelProblem::UnknownReference { .. } => {
                    Self::InvalidLabels
                }
                LabelProblem::Duplicate { .. } => Self::DuplicateLabel,
                LabelProblem::TooMany { .. } => Self::TooManyLabels,
                LabelProblem::NameTooLong { .. } => Self::LabelNameTooLong,
                LabelProblem::ValueTooLong { .. } | LabelProblem::SetTooLong { .. } => Self::LabelValueTooLong,
            },
        }
    }
}

/// What was rejected for one reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejection {
    pub reason: Reason,
    /// Samples, histograms and exemplars; a series or line without any counts as one.
    pub count: u64,
    /// What was wrong with the first of them, and which one it was.
    pub first: String,
}

/// What was written of a request and what was not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    pub samples: u64,
    pub histograms: u64,
    pub exemplars: u64,
    /// One entry a reason, in the order of their first appearance.
    pub rejected: Vec<Rejection>,
    /// The decompressed body.
    pub body_bytes: usize,
}

impl Outcome {
    /// 204, or 400 when anything was rejected; the rest is to be kept all the same (partial write).
    pub fn status(&self) -> u16 {
        if self.rejected.is_empty() { 204 } else { 400 }
    }

    /// The text of a 400: a line for each reason.
    pub fn message(&self) -> Option<String> {
        let line = |rejection: &Rejection| match rejection.count {
            1 => rejection.first.clone(),
            count => format!("{} ({count} rejected for this reason)", rejection.first),
        };
        let lines: Vec<_> = self.rejected.iter().map(line).collect();
        (!lines.is_empty()).then(|| lines.join("\n"))
    }

    /// The headers that an answer to a request of version 2.0 has to have, also when it is an error.
    pub fn headers(&self) -> [(&'static str, u64); 3] {
        [
            ("X-Prometheus-Remote-Write-Samples-Written", self.samples),
            ("X-Prometheus-Remote-Write-Histograms-Written", self.histograms),
            ("X-Prometheus-Remote-Write-Exemplars-Written", self.exemplars),
        ]
    }

    /// Rejected for all reasons together.
    pub fn rejected_count(&self) -> u64 {
        self.rejected.iter().map(|rejection| rejection.count).sum()
    }

    pub(super) fn reject(&mut self, reason: Reason, count: u64, first: impl FnOnce() -> String) {
        match self.rejected.iter_mut().find(|rejection| rejection.reason == reason) {
            Some(rejection) => rejection.count += count,
            None => self.rejected.push(Rejection { reason, count, first: first() }),
        }
    }
}
