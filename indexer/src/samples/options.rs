//! The section `[metrics]`: the series store's memory and limits, and how long samples are kept.

use orszem_model::{ByteSize, Span};
use orszem_series::{Retention, RetentionRule};
use serde::{Deserialize, Serialize};

/// How metrics are kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SamplesOptions {
    /// Samples kept in memory before they are written out; they are in the journal all the while. Up to twice as much
    /// is held while a write-out is under way; beyond that senders are told to wait.
    pub memory: ByteSize,
    /// Series of one tenant that are written to at once; samples of further ones are rejected and counted.
    pub series_max: u64,
    /// Series of one metric of a tenant; samples of further ones are rejected and counted.
    pub metric_series_max: u64,
    /// New series that one request may bring.
    pub request_series_max: usize,
    /// Exemplars that are kept; the oldest go.
    pub exemplars_max: usize,
    /// Free space on the file system: below it nothing more is taken in.
    pub min_free: ByteSize,
    /// How long samples are kept; unset for ever.
    pub age: Option<Span>,
    /// The oldest blocks are removed while they are larger than this; unset for no limit.
    pub bytes: Option<ByteSize>,
    /// Series that are kept otherwise than the others; the first that matches counts.
    pub retention: Vec<SeriesRetention>,
}

/// How long the series that a selector matches are kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SeriesRetention {
    /// As in a query: `{job="debug"}`, `node_scrape_collector_duration_seconds`.
    pub selector: String,
    /// How long their samples are kept, also longer than those of others; unset for ever.
    #[serde(default)]
    pub age: Option<Span>,
    /// The oldest of their samples are removed while their values in blocks take more than this; unset for no limit.
    #[serde(default)]
    pub bytes: Option<ByteSize>,
}

impl Default for SamplesOptions {
    fn default() -> Self {
        let store = orszem_series::Options::default();
        Self {
            memory: ByteSize(store.flush_bytes as u64),
            series_max: store.series_max,
            metric_series_max: store.metric_series_max,
            request_series_max: store.batch_series_max,
            exemplars_max: store.exemplars_max,
            min_free: ByteSize::mib(256),
            age: None,
            bytes: None,
            retention: Vec::new(),
        }
    }
}

/// An option that cannot work.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("metrics.{key} = {value} must be {expected}")]
pub struct SamplesOptionsError {
    pub key: String,
    pub value: String,
    pub expected: String,
}

impl SamplesOptions {
    /// Every option that cannot work, with its value.
    pub fn validate(&self) -> Vec<SamplesOptionsError> {
        let Self {
            memory,
            series_max,
            metric_series_max,
            request_series_max,
            exemplars_max,
            min_free: _,
            age,
            bytes,
            retention,
        } = self;
        let mut all = Vec::new();
        if !(ByteSize::mib(4)..=ByteSize::gib(16)).contains(memory) {
            all.push(wrong("memory", memory, "4MiB to 16GiB"));
        }
        let counts = [
            ("series_max", *series_max, 1, 1_000_000_000),
            ("metric_series_max", *metric_series_max, 1, 1_000_000_000),
            ("request_series_max", *request_series_max as u64, 1, 10_000_000),
            ("exemplars_max", *exemplars_max as u64, 0, 10_000_000),
        ];
        for (key, value, least, most) in counts {
            if !(least..=most).contains(&value) {
                all.push(wrong(key, value, &format!("{least} to {most}")));
            }
        }
        if let Some(age) = age.filter(|age| *age < Span::hours(3)) {
            all.push(wrong("age", age, "3h or more"));
        }
        if let Some(bytes) = bytes.filter(|bytes| *bytes < ByteSize::mib(16)) {
            all.push(wrong("bytes", bytes, "16MiB or more"));
        }
        for (at, SeriesRetention { selector, age, bytes }) in retention.iter().enumerate() {
            if let Err(error) = orszem_promql::parse_selector(selector) {
                let expected = format!("a selector such as {{job=\"debug\"}} ({error})");
                all.push(wrong(&format!("retention[{at}].selector"), selector, &expected));
            }
            if let Some(age) = age.filter(|age| *age < Span::hours(3)) {
                all.push(wrong(&format!("retention[{at}].age"), age, "3h or more"));
            }
            if let Some(bytes) = bytes.filter(|bytes| *bytes < ByteSize::mib(1)) {
                all.push(wrong(&format!("retention[{at}].bytes"), bytes, "1MiB or more"));
            }
        }
        all
    }

    pub(super) fn store(&self) -> orszem_series::Options {
        orszem_series::Options {
            flush_bytes: usize::try_from(self.memory.bytes()).unwrap_or(usize::MAX / 4),
            series_max: self.series_max,
            metric_series_max: self.metric_series_max,
            batch_series_max: self.request_series_max,
            exemplars_max: self.exemplars_max,
            ..orszem_series::Options::default()
        }
    }

    pub(super) fn store_retention(&self) -> Retention {
        let ms = |span: Span| i64::try_from(span.duration().as_millis()).unwrap_or(i64::MAX);
        let rule = |kept: &SeriesRetention| {
            // Checked before: what does not parse is no rule.
            let matchers = orszem_promql::parse_selector(&kept.selector).ok()?;
            let bytes = kept.bytes.map(|bytes| bytes.bytes());
            Some(RetentionRule { tenant: None, matchers, age_ms: kept.age.map(ms), bytes })
        };
        Retention {
            age_ms: self.age.map(ms),
            bytes: self.bytes.map(|bytes| bytes.bytes()),
            rules: self.retention.iter().filter_map(rule).collect(),
        }
    }
}

fn wrong(key: &str, value: impl std::fmt::Display, expected: &str) -> SamplesOptionsError {
    SamplesOptionsError { key: key.to_owned(), value: value.to_string(), expected: expected.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_is_valid_and_each_bad_value_is_named() {
        let default = SamplesOptions::default;
        assert_eq!(default().validate(), []);
        let kept = |selector: &str, age| SamplesOptions {
            retention: vec![SeriesRetention { selector: selector.to_owned(), age: Some(age), bytes: None }],
            ..default()
        };
        assert_eq!(kept("{job=\"debug\"}", Span::days(1)).validate(), []);
        let of_bytes = |bytes| {
            let selector = "up".to_owned();
            SamplesOptions { retention: vec![SeriesRetention { selector, age: None, bytes: Some(bytes) }], ..default() }
        };
        assert_eq!(of_bytes(ByteSize::mib(1)).validate(), []);
        let cases = [
            (SamplesOptions { memory: ByteSize::kib(1), ..default() }, "metrics.memory = 1KiB must be 4MiB to 16GiB"),
            (SamplesOptions { series_max: 0, ..default() }, "metrics.series_max = 0 must be 1 to 1000000000"),
            (SamplesOptions { age: Some(Span::hours(1)), ..default() }, "metrics.age = 1h must be 3h or more"),
            (
                SamplesOptions { bytes: Some(ByteSize::mib(1)), ..default() },
                "metrics.bytes = 1MiB must be 16MiB or more",
            ),
            (kept("up", Span::hours(1)), "metrics.retention[0].age = 1h must be 3h or more"),
            (of_bytes(ByteSize::kib(1)), "metrics.retention[0].bytes = 1KiB must be 1MiB or more"),
        ];
        for (options, message) in cases {
            let told: Vec<String> = options.validate().iter().map(ToString::to_string).collect();
            assert_eq!(told, [message]);
        }
        let told = kept("up{", Span::days(1)).validate();
        assert!(told.first().is_some_and(|one| one.key == "retention[0].selector"), "{told:?}");
    }
}
