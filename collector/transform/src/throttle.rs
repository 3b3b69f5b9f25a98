//! How many records a stream, or a value of a field, may send per second.

use std::collections::HashMap;
use std::time::Duration;

use orszem_model::time::NANOS_PER_SECOND;
use orszem_model::{Timestamp, prefix};
use xxhash_rust::xxh3::xxh3_64;

use crate::condition::{self, Matcher};
use crate::{Draft, ThrottleRule, Wrong};

const RECORDS_PER_S_MAX: u32 = 1_000_000;
const BURST_MAX: u32 = 10_000_000;
/// How many streams or values a rule tells apart, in two generations of half as many. Beyond that the ones not seen
/// for longest are forgotten, and start again with a full burst: memory is bounded, the limit errs on the lenient side.
const KEYS_MAX: usize = 16_384;
/// How often summaries are handed out.
const SUMMARY_EVERY: Duration = Duration::from_secs(10);
/// How many streams and values are named in one round of summaries; the rest are summed under [`SummaryKey::Others`].
const SUMMARIES_MAX: usize = 1_000;
/// How much of a value is told in a summary.
const VALUE_BYTES_MAX: usize = 256;

/// How many records a rule held back, to be reported where they are missing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// The rule's name.
    pub rule: String,
    pub key: SummaryKey,
    /// At least 1.
    pub suppressed: u64,
    /// When the first and the last were held back.
    pub first: Timestamp,
    pub last: Timestamp,
}

/// Whose records were held back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SummaryKey {
    /// The stream's number, as given to `apply`.
    Stream(u32),
    /// A value of the rule's field, cut to 256 bytes and redacted as attributes are.
    Value { field: String, value: String },
    /// Those beyond the 1,000 that are named in one round.
    Others,
}

/// A throttling rule and its buckets.
#[derive(Debug)]
pub(crate) struct Throttle {
    matcher: Matcher,
    per_field: Option<String>,
    per_s: f64,
    burst: f64,
    /// Keys seen lately, and those seen before; see [`KEYS_MAX`].
    young: HashMap<u64, Bucket>,
    old: HashMap<u64, Bucket>,
}

#[derive(Clone, Copy, Debug)]
struct Bucket {
    tokens: f64,
    filled: Timestamp,
    /// Where this key's summary stands, in which round.
    summary: (u64, usize),
}

/// What was held back since the last round.
#[derive(Debug, Default)]
pub(crate) struct Summaries {
    round: u64,
    /// When the first of this round was held back.
    since: Option<Timestamp>,
    summaries: Vec<Summary>,
    /// By rule.
    others: Vec<Summary>,
}

impl Throttle {
    pub(crate) fn new(rule: &ThrottleRule, key: &str, wrongs: &mut Vec<Wrong>) -> Self {
        if !(1..=RECORDS_PER_S_MAX).contains(&rule.records_per_s) {
            let value = rule.records_per_s.to_string();
            wrongs.push(Wrong::new(format!("{key}.records_per_s"), value, "is out of range", "write 1 to 1000000"));
        }
        let burst = rule.burst.unwrap_or(rule.records_per_s);
        if rule.burst.is_some() && !(1..=BURST_MAX).contains(&burst) {
            let remedy = "write 1 to 10000000";
            wrongs.push(Wrong::new(format!("{key}.burst"), burst.to_string(), "is out of range", remedy));
        }
        if rule.per_field.as_deref() == Some("") {
            wrongs.push(Wrong::new(format!("{key}.per_field"), "", "is empty", "write the key of an attribute"));
        }
        Self {
            matcher: rule.conditions().compile(key, wrongs),
            per_field: rule.per_field.clone(),
            per_s: f64::from(rule.records_per_s),
            burst: f64::from(burst),
            young: HashMap::new(),
            old: HashMap::new(),
        }
    }

    pub(crate) fn matches(&self, draft: &Draft<'_>) -> bool {
        self.matcher.matches(draft)
    }

    /// Whether the record is let through; if not, `summaries` tells of it under `rule`. `redact` makes a value fit to
    /// be shown.
    pub(crate) fn admits(
        &mut self,
        draft: &Draft<'_>,
        stream: u32,
        now: Timestamp,
        (rule, summaries): (&str, &mut Summaries),
        redact: impl FnOnce(&str, &str) -> String,
    ) -> bool {
        let value = match &self.per_field {
            None => None,
            Some(field) => match draft.attributes.iter().find(|(key, _)| key == field) {
                Some((_, value)) => condition::text(value),
                None => return true,
            },
        };
        let hash = match (&self.per_field, &value) {
            (Some(_), None) => return true,
            (Some(_), Some(value)) => xxh3_64(value.as_bytes()),
            (None, _) => u64::from(stream),
        };
        let (per_s, burst) = (self.per_s, self.burst);
        let bucket = self.bucket(hash, now);
        if bucket.take(per_s, burst, now) {
            return true;
        }
        if bucket.summary.0 != summaries.round || !summaries.add(bucket.summary.1, now) {
            let (round, summary) = (summaries.round, *bucket);
            let key = match (&self.per_field, value) {
                (Some(field), Some(value)) => SummaryKey::Value { field: field.clone(), value: redact(field, &value) },
                (Some(_) | None, _) => SummaryKey::Stream(stream),
            };
            let at = summaries.begin(rule, key, now);
            self.young.insert(hash, Bucket { summary: (round, at), ..summary });
        }
        false
    }

    /// The key's bucket, in the young generation.
    fn bucket(&mut self, hash: u64, now: Timestamp) -> &mut Bucket {
        if !self.young.contains_key(&hash) && self.young.len() >= KEYS_MAX / 2 {
            self.old = std::mem::take(&mut self.young);
        }
        let (old, full) = (&mut self.old, self.burst);
        self.young.entry(hash).or_insert_with(|| {
            let full = Bucket { tokens: full, filled: now, summary: (u64::MAX, 0) };
            old.remove(&hash).unwrap_or(full)
        })
    }
}

impl Bucket {
    /// Fills up for the time gone by, then takes one. A clock that went back fills nothing.
    fn take(&mut self, per_s: f64, burst: f64, now: Timestamp) -> bool {
        let elapsed = now.0.saturating_sub(self.filled.0).max(0);
        self.tokens = (self.tokens + elapsed as f64 * per_s / NANOS_PER_SECOND as f64).min(burst);
        self.filled = now;
        let has = self.tokens >= 1.0;
        if has {
            self.tokens -= 1.0;
        }
        has
    }
}

impl Summaries {
    /// Adds one to the summary at `at`; false if it isn't there.
    fn add(&mut self, at: usize, now: Timestamp) -> bool {
        let Some(summary) = self.summaries.get_mut(at) else { return false };
        summary.suppressed += 1;
        summary.last = now;
        true
    }

    /// Begins a summary with one record, and tells where it stands.
    fn begin(&mut self, rule: &str, key: SummaryKey, now: Timestamp) -> usize {
        self.since.get_or_insert(now);
        let at = self.summaries.len();
        let summary = |key| Summary { rule: rule.to_owned(), key, suppressed: 1, first: now, last: now };
        if at < SUMMARIES_MAX {
            self.summaries.push(summary(key));
        } else if let Some(others) = self.others.iter_mut().find(|others| others.rule == rule) {
            others.suppressed += 1;
            others.last = now;
        } else {
            self.others.push(summary(SummaryKey::Others));
        }
        at
    }

    /// What was held back, once 10 s have passed since the first of it.
    pub(crate) fn take(&mut self, now: Timestamp) -> Vec<Summary> {
        match self.since {
            Some(since) if now >= since.after(SUMMARY_EVERY) => self.take_all(),
            Some(_) | None => Vec::new(),
        }
    }

    /// What was held back, whenever it was.
    pub(crate) fn take_all(&mut self) -> Vec<Summary> {
        self.round += 1;
        self.since = None;
        let mut taken = std::mem::take(&mut self.summaries);
        taken.append(&mut self.others);
        taken
    }
}

/// The value, cut to what a summary tells.
pub(crate) fn shortened(value: &str) -> &str {
    prefix(value, VALUE_BYTES_MAX)
}
