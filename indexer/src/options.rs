//! The section `[logs]`: the store's memory, its rewrites, and how long records are kept.

use orszem_model::{ByteSize, DiskShare, Span};
use serde::{Deserialize, Serialize};

/// How the indexer keeps records.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct IndexerOptions {
    /// Records kept in memory before they are written out sorted; they are in the journal all the while. Somewhat
    /// more than twice as much is held while a write-out is under way; beyond that senders are told to wait.
    pub memtable: ByteSize,
    /// Segments of similar size and the same day before they are merged.
    pub merge_segments: usize,
    /// Segments are not merged beyond this size of their records.
    pub merge_max: ByteSize,
    /// How long after its end (UTC) a day is rewritten for good, with the stronger compression.
    pub seal_after: Span,
    /// Free space on the file system: below twice this a warning is logged, below it the oldest segments are removed,
    /// and where that doesn't help nothing more is taken in.
    pub min_free: ByteSize,
    /// How long the records of each retention class are kept; classes that aren't listed are kept without a limit.
    /// When the disk is nearly full, those go first, then the listed ones in their order.
    pub retention: Vec<RetentionClass>,
}

/// How long the records of one class are kept; without `age` and `bytes`, until the disk is nearly full.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RetentionClass {
    /// `default`, or a class that `ingest.classes` names.
    pub class: String,
    /// Whole days (UTC) that ended this long ago are removed.
    pub age: Option<Span>,
    /// The oldest segments are removed while the class is larger than this.
    pub bytes: Option<DiskShare>,
}

impl Default for IndexerOptions {
    fn default() -> Self {
        Self {
            memtable: ByteSize::mib(64),
            merge_segments: 16,
            merge_max: ByteSize::gib(2),
            seal_after: Span::hours(1),
            min_free: ByteSize::mib(256),
            retention: Vec::new(),
        }
    }
}

/// An option that cannot work.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("logs.{key} = {value} must be {expected}")]
pub struct OptionsError {
    pub key: String,
    pub value: String,
    pub expected: &'static str,
}

impl IndexerOptions {
    /// Every option that cannot work, with its value.
    pub fn validate(&self) -> Vec<OptionsError> {
        let Self { memtable, merge_segments, merge_max, seal_after, min_free: _, retention } = self;
        let mut all = Vec::new();
        if !(ByteSize::mib(1)..=ByteSize::gib(1)).contains(memtable) {
            all.push(wrong("memtable", memtable, "1MiB to 1GiB"));
        }
        if !(2..=256).contains(merge_segments) {
            all.push(wrong("merge_segments", merge_segments, "2 to 256"));
        }
        if !(ByteSize::mib(1)..=ByteSize::gib(64)).contains(merge_max) {
            all.push(wrong("merge_max", merge_max, "1MiB to 64GiB"));
        }
        if *seal_after > Span::days(365) {
            all.push(wrong("seal_after", seal_after, "at most 365d"));
        }
        for (at, kept) in retention.iter().enumerate() {
            all.extend(kept.validate(at));
            if retention.iter().take(at).any(|earlier| earlier.class == kept.class) {
                all.push(wrong(&format!("retention[{at}].class"), &kept.class, "listed once"));
            }
        }
        all
    }
}

impl RetentionClass {
    fn validate(&self, at: usize) -> Vec<OptionsError> {
        let Self { class, age, bytes } = self;
        let mut all = Vec::new();
        if class.is_empty() {
            all.push(wrong(&format!("retention[{at}].class"), class, "a class's name"));
        }
        if let Some(age) = age.filter(|age| *age < Span::days(1)) {
            all.push(wrong(&format!("retention[{at}].age"), age, "1d or more"));
        }
        match bytes {
            Some(DiskShare::Bytes(size)) if *size < ByteSize::mib(64) => {
                all.push(wrong(&format!("retention[{at}].bytes"), size, "64MiB or more"));
            }
            Some(DiskShare::Bytes(_) | DiskShare::Percent(_)) | None => {}
        }
        all
    }
}

fn wrong(key: &str, value: impl std::fmt::Display, expected: &'static str) -> OptionsError {
    OptionsError { key: key.to_owned(), value: value.to_string(), expected }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_is_valid_and_each_bad_value_is_named() {
        let default = IndexerOptions::default;
        assert_eq!(default().validate(), []);
        let kept = |class: &str, age, bytes| RetentionClass { class: class.into(), age, bytes };
        let with = |retention| IndexerOptions { retention, ..default() };
        let cases = [
            (IndexerOptions { memtable: ByteSize::kib(1), ..default() }, "logs.memtable = 1KiB must be 1MiB to 1GiB"),
            (IndexerOptions { merge_segments: 1, ..default() }, "logs.merge_segments = 1 must be 2 to 256"),
            (IndexerOptions { merge_max: ByteSize(9), ..default() }, "logs.merge_max = 9B must be 1MiB to 64GiB"),
            (
                IndexerOptions { seal_after: Span::days(366), ..default() },
                "logs.seal_after = 366d must be at most 365d",
            ),
            (with(vec![kept("", None, None)]), "logs.retention[0].class =  must be a class's name"),
            (with(vec![kept("a", Some(Span::hours(2)), None)]), "logs.retention[0].age = 2h must be 1d or more"),
            (
                with(vec![kept("a", None, None), kept("b", None, Some(DiskShare::Bytes(ByteSize(5))))]),
                "logs.retention[1].bytes = 5B must be 64MiB or more",
            ),
            (
                with(vec![kept("a", None, None), kept("a", None, None)]),
                "logs.retention[1].class = a must be listed once",
            ),
        ];
        for (options, message) in cases {
            let told: Vec<String> = options.validate().iter().map(ToString::to_string).collect();
            assert_eq!(told, [message]);
        }
    }

    #[test]
    fn an_unknown_option_is_refused() {
        let read = |text: &str| serde_json::from_str::<IndexerOptions>(text).map_err(|error| error.is_data());
        assert_eq!(
            read(r#"{"memtable": "8MiB"}"#),
            Ok(IndexerOptions { memtable: ByteSize::mib(8), ..Default::default() })
        );
        assert_eq!(read(r#"{"memtabel": "8MiB"}"#), Err(true));
    }
}
