//! What ingest accepts: sizes, counts, ages and rates, and which retention class a stream gets.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The name of the class of streams that no rule matches.
pub const CLASS_DEFAULT: &str = "default";
/// The most bytes that an encoded batch has: a journal frame's limit.
pub const BATCH_BYTES_MAX: usize = 1 << 20;

/// The limits of ingest. Times are in seconds, sizes in bytes; 0 switches a rate or an age limit off.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// The largest body, once decompressed; beyond it the request is refused (413).
    pub body_bytes_max: usize,
    /// All bodies in work together; beyond it requests are told to wait (429).
    pub inflight_bytes_max: usize,
    /// How long a body may take to arrive (408).
    pub body_timeout_s: u64,
    /// The largest text of one record; a longer record is rejected.
    pub record_bytes_max: usize,
    /// The most attributes and labels of one record; a record with more is rejected.
    pub keys_max: usize,
    /// How deep nested objects are flattened; deeper ones stay JSON text.
    pub depth_max: usize,
    /// The most labels of a stream.
    pub labels_max: usize,
    /// The longest name of a label or attribute.
    pub name_bytes_max: usize,
    /// The longest value of a label.
    pub label_value_bytes_max: usize,
    /// How far in the future a record may lie.
    pub future_max_s: u64,
    /// How old a record may be; 0 for any age.
    pub age_max_s: u64,
    /// The most streams of one request; beyond it the request is refused (400).
    pub request_streams_max: usize,
    /// The most streams of a tenant within two `streams_idle_s`; records of further ones go to the overflow stream.
    pub tenant_streams_max: usize,
    /// A stream without records for this long no longer counts.
    pub streams_idle_s: u64,
    /// Bytes a second from one source; 0 for no limit.
    pub source_bytes_per_s: u64,
    /// Bytes a second of one tenant; 0 for no limit.
    pub tenant_bytes_per_s: u64,
    /// Retention classes by labels; the first that matches counts.
    pub classes: Vec<ClassRule>,
}

/// Puts streams whose labels have all these values in a retention class.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClassRule {
    pub class: String,
    pub labels: BTreeMap<String, String>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body_bytes_max: 64 << 20,
            inflight_bytes_max: 256 << 20,
            body_timeout_s: 30,
            record_bytes_max: 1_000_000,
            keys_max: 1000,
            depth_max: 16,
            labels_max: 64,
            name_bytes_max: 1024,
            label_value_bytes_max: 2048,
            future_max_s: 600,
            age_max_s: 0,
            request_streams_max: 10_000,
            tenant_streams_max: 100_000,
            streams_idle_s: 3600,
            source_bytes_per_s: 0,
            tenant_bytes_per_s: 0,
            classes: Vec::new(),
        }
    }
}

/// A limit that cannot work.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("ingest.{key} = {value} must be {expected}")]
pub struct LimitsError {
    pub key: String,
    pub value: String,
    pub expected: &'static str,
}

impl Limits {
    /// Every limit that cannot work, with its key and value.
    pub fn validate(&self) -> Vec<LimitsError> {
        let mut wrong = Vec::new();
        let ranges: [(&'static str, usize, usize, usize, &'static str); 10] = [
            ("body_bytes_max", self.body_bytes_max, 1024, 1 << 30, "between 1 KiB and 1 GiB"),
            (
                "inflight_bytes_max",
                self.inflight_bytes_max,
                self.body_bytes_max,
                1 << 40,
                "between body_bytes_max and 1 TiB",
            ),
            ("record_bytes_max", self.record_bytes_max, 1, 1_000_000, "between 1 and 1000000"),
            ("keys_max", self.keys_max, 1, 100_000, "between 1 and 100000"),
            ("depth_max", self.depth_max, 1, 64, "between 1 and 64"),
            ("labels_max", self.labels_max, 1, 1024, "between 1 and 1024"),
            ("name_bytes_max", self.name_bytes_max, 1, 4096, "between 1 and 4096"),
            ("label_value_bytes_max", self.label_value_bytes_max, 1, 65_536, "between 1 and 65536"),
            ("request_streams_max", self.request_streams_max, 1, 10_000_000, "between 1 and 10000000"),
            ("tenant_streams_max", self.tenant_streams_max, 1, 10_000_000, "between 1 and 10000000"),
        ];
        for (key, value, least, most, expected) in ranges {
            if !(least..=most).contains(&value) {
                wrong.push(LimitsError { key: key.to_owned(), value: value.to_string(), expected });
            }
        }
        for (key, value) in [("body_timeout_s", self.body_timeout_s), ("streams_idle_s", self.streams_idle_s)] {
            if value == 0 {
                wrong.push(LimitsError { key: key.to_owned(), value: value.to_string(), expected: "at least 1" });
            }
        }
        for (at, rule) in self.classes.iter().enumerate() {
            let is_name = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
            if rule.class.is_empty() || rule.class.len() > 64 || !rule.class.bytes().all(is_name) {
                let expected = "a name of up to 64 letters, digits, _ and -";
                wrong.push(LimitsError {
                    key: format!("classes[{at}].class"),
                    value: format!("{:?}", rule.class),
                    expected,
                });
            }
            if rule.labels.is_empty() {
                let expected = "a table with at least one label";
                wrong.push(LimitsError { key: format!("classes[{at}].labels"), value: "{}".to_owned(), expected });
            }
        }
        wrong
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_is_valid_and_each_bad_value_is_named() {
        assert_eq!(Limits::default().validate(), []);
        let rule = |class: &str, name: &str| ClassRule {
            class: class.into(),
            labels: if name.is_empty() { BTreeMap::new() } else { BTreeMap::from([(name.into(), "x".into())]) },
        };
        let cases: [(Limits, &str); 6] = [
            (
                Limits { body_bytes_max: 0, ..Limits::default() },
                "ingest.body_bytes_max = 0 must be between 1 KiB and 1 GiB",
            ),
            (
                Limits { record_bytes_max: 1 << 20, ..Limits::default() },
                "ingest.record_bytes_max = 1048576 must be between 1 and 1000000",
            ),
            (
                Limits { inflight_bytes_max: 5, ..Limits::default() },
                "ingest.inflight_bytes_max = 5 must be between body_bytes_max and 1 TiB",
            ),
            (Limits { streams_idle_s: 0, ..Limits::default() }, "ingest.streams_idle_s = 0 must be at least 1"),
            (
                Limits { classes: vec![rule("a/b", "host")], ..Limits::default() },
                "ingest.classes[0].class = \"a/b\" must be a name of up to 64 letters, digits, _ and -",
            ),
            (
                Limits { classes: vec![rule("audit", "")], ..Limits::default() },
                "ingest.classes[0].labels = {} must be a table with at least one label",
            ),
        ];
        for (limits, expected) in cases {
            let told: Vec<String> = limits.validate().iter().map(ToString::to_string).collect();
            assert_eq!(told, [expected]);
        }
        assert_eq!(Limits { classes: vec![rule("audit", "host")], ..Limits::default() }.validate(), []);
    }

    #[test]
    fn an_unknown_key_is_refused() {
        assert_eq!(serde_json::from_str::<Limits>(r#"{"depth_max":4}"#).ok().map(|l| l.depth_max), Some(4));
        assert!(serde_json::from_str::<Limits>(r#"{"depth":4}"#).is_err());
    }
}
