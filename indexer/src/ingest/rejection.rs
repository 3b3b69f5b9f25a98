//! Records that were not taken in: why, how many, and one of each as a sample.

use std::borrow::Cow;

/// The most characters that a sample shows of a record.
const SAMPLE_CHARS: usize = 200;

/// Why a single record was rejected while the rest of its request went on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Reason {
    Malformed,
    BadTimestamp,
    TooFarInFuture,
    TooOld,
    RecordTooLarge,
    TooManyKeys,
    KeyTooLong,
    TooManyLabels,
    LabelNameTooLong,
    LabelValueTooLong,
}

impl Reason {
    /// All reasons, in the order of their declaration.
    pub const ALL: [Self; 10] = [
        Self::Malformed,
        Self::BadTimestamp,
        Self::TooFarInFuture,
        Self::TooOld,
        Self::RecordTooLarge,
        Self::TooManyKeys,
        Self::KeyTooLong,
        Self::TooManyLabels,
        Self::LabelNameTooLong,
        Self::LabelValueTooLong,
    ];

    /// Its name in answers and metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::BadTimestamp => "bad_timestamp",
            Self::TooFarInFuture => "too_far_in_future",
            Self::TooOld => "too_old",
            Self::RecordTooLarge => "record_too_large",
            Self::TooManyKeys => "too_many_keys",
            Self::KeyTooLong => "key_too_long",
            Self::TooManyLabels => "too_many_labels",
            Self::LabelNameTooLong => "label_name_too_long",
            Self::LabelValueTooLong => "label_value_too_long",
        }
    }

    /// The code of a request of which this record, and no other, was left.
    pub fn code(self) -> &'static str {
        match self {
            Self::Malformed => "ingest.malformed",
            Self::BadTimestamp => "ingest.bad_timestamp",
            Self::TooFarInFuture => "ingest.too_far_in_future",
            Self::TooOld => "ingest.too_old",
            Self::RecordTooLarge => "ingest.record_too_large",
            Self::TooManyKeys => "ingest.too_many_keys",
            Self::KeyTooLong => "ingest.key_too_long",
            Self::TooManyLabels => "ingest.too_many_labels",
            Self::LabelNameTooLong => "ingest.label_name_too_long",
            Self::LabelValueTooLong => "ingest.label_value_too_long",
        }
    }
}

/// A rejected record: the reason and the sentence that goes with the sample.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Rejected {
    pub(super) reason: Reason,
    pub(super) detail: Cow<'static, str>,
}

impl Rejected {
    pub(super) fn new(reason: Reason, detail: impl Into<Cow<'static, str>>) -> Self {
        Self { reason, detail: detail.into() }
    }
}

/// How many records of a request were rejected for one reason.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct RejectionCount {
    #[serde(serialize_with = "as_name")]
    pub reason: Reason,
    pub count: usize,
    /// The first of them: where it was, what was wrong, how it starts.
    pub sample: String,
}

fn as_name<S: serde::Serializer>(reason: &Reason, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(reason.name())
}

/// Collects rejections, one entry a reason.
#[derive(Debug, Default)]
pub(super) struct Rejections(Vec<RejectionCount>);

impl Rejections {
    /// Counts one; `place` (such as `line 3`) and `record` make the sample.
    pub(super) fn add(&mut self, rejected: &Rejected, place: impl std::fmt::Display, record: &[u8]) {
        if let Some(known) = self.0.iter_mut().find(|known| known.reason == rejected.reason) {
            known.count += 1;
            return;
        }
        let head = record.get(..SAMPLE_CHARS * 4).unwrap_or(record);
        let start: String = String::from_utf8_lossy(head).chars().take(SAMPLE_CHARS).collect();
        let sample = format!("{place}: {}: {start}", rejected.detail);
        self.0.push(RejectionCount { reason: rejected.reason, count: 1, sample });
    }

    /// The counts, most frequent first.
    pub(super) fn finish(mut self) -> Vec<RejectionCount> {
        self.0.sort_by(|a, b| b.count.cmp(&a.count).then(a.reason.cmp(&b.reason)));
        self.0
    }
}
