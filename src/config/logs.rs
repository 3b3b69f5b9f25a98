//! The `[logs]` section: the log store's memory and how long records are kept.

use orszem_model::{ByteSize, DiskShare, Span};
use serde::{Deserialize, Serialize};

use super::Problem;

/// The class of the records that no rule of `ingest.classes` puts elsewhere.
pub const DEFAULT_CLASS: &str = "default";

/// How the log store works.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LogsConfig {
    /// Records kept in memory before they are written out sorted; they are in the journal all the while.
    pub memtable: ByteSize,
    /// How long the records of each retention class are kept; `ingest.classes` decides the class of a stream.
    /// With none configured, `up` keeps 14 days or 20 % of the file system and `server` keeps everything.
    pub retention: Vec<RetentionConfig>,
}

/// How long the records of one class are kept; without `age` and `bytes`, until the disk is nearly full.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RetentionConfig {
    /// `default`, or a class that `ingest.classes` names.
    pub class: String,
    /// Whole days older than this are removed.
    pub age: Option<Span>,
    /// The oldest days are removed while the class is larger than this.
    pub bytes: Option<DiskShare>,
}

impl Default for LogsConfig {
    fn default() -> Self {
        Self { memtable: ByteSize::mib(32), retention: Vec::new() }
    }
}

impl LogsConfig {
    /// What `up` keeps when nothing is configured: 14 days or 20 % of the file system, whichever is less.
    pub fn retention_of_up() -> Vec<RetentionConfig> {
        vec![RetentionConfig {
            class: DEFAULT_CLASS.to_owned(),
            age: Some(Span::days(14)),
            bytes: Some(DiskShare::Percent(20)),
        }]
    }

    pub(super) fn validate(&self) -> Vec<Problem> {
        let Self { memtable, retention } = self;
        let mut problems = Vec::new();
        if !(ByteSize::mib(1)..=ByteSize::gib(1)).contains(memtable) {
            problems.push(Problem::new(
                "logs.memtable",
                format!("\"{memtable}\""),
                "is out of range",
                "write \"1MiB\" to \"1GiB\"",
            ));
        }
        for (at, class) in retention.iter().enumerate() {
            problems.extend(class.validate(&format!("logs.retention[{at}]")));
            if retention.iter().take(at).any(|earlier| earlier.class == class.class) {
                let key = format!("logs.retention[{at}].class");
                problems.push(Problem::new(
                    key,
                    format!("{:?}", class.class),
                    "stands twice",
                    "give each class its own name",
                ));
            }
        }
        problems
    }
}

impl RetentionConfig {
    fn validate(&self, key: &str) -> Vec<Problem> {
        let Self { class, age, bytes } = self;
        let mut problems = Vec::new();
        if class.is_empty() {
            let remedy = "write \"default\" or a class of ingest.classes";
            problems.push(Problem::new(format!("{key}.class"), "\"\"", "names no class", remedy));
        }
        if let Some(age) = age.filter(|age| *age < Span::days(1)) {
            problems.push(Problem::new(
                format!("{key}.age"),
                format!("\"{age}\""),
                "is shorter than a day",
                "write \"1d\" or more",
            ));
        }
        if let Some(DiskShare::Bytes(size)) =
            bytes.filter(|share| matches!(share, DiskShare::Bytes(size) if *size < ByteSize::mib(64)))
        {
            problems.push(Problem::new(
                format!("{key}.bytes"),
                format!("\"{size}\""),
                "is too small",
                "write \"64MiB\" or more",
            ));
        }
        problems
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn class(name: &str) -> RetentionConfig {
        RetentionConfig { class: name.to_owned(), age: None, bytes: None }
    }

    #[test]
    fn values_out_of_range_are_named() {
        let mut young = class("");
        young.age = Some(Span::hours(1));
        young.bytes = Some(DiskShare::Bytes(ByteSize::kib(1)));
        let logs = LogsConfig { memtable: ByteSize::kib(1), retention: vec![young, class("a"), class("a")] };
        let keys: Vec<String> = logs.validate().into_iter().map(|problem| problem.key).collect();
        assert_eq!(
            keys,
            [
                "logs.memtable",
                "logs.retention[0].class",
                "logs.retention[0].age",
                "logs.retention[0].bytes",
                "logs.retention[2].class"
            ]
        );
    }
}
