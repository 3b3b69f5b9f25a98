//! What senders of metrics sent and what was acknowledged, and how a store's content compares with it.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use serde_json::Value;

use super::remote::{Series, instant, value};
use crate::torture::random::Random;

/// Samples lie in this many hours, so in several windows of two.
const HOURS: u64 = 6;
const HOUR_MS: i64 = 3_600_000;
/// Series of one writer.
const SERIES: u64 = 7;
/// The range that holds all samples.
const RANGE: &str = "12h";

/// A request by its writer and its number among that writer's requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Batch {
    pub(crate) writer: u64,
    pub(crate) number: u64,
}

/// What names a sample: its writer, series and time.
pub(crate) type Key = (u64, u64, i64);

impl Batch {
    /// Keys and values of its samples; no other batch has one of these keys.
    fn samples(self, count: u64, begin: i64) -> impl Iterator<Item = (Key, f64)> {
        (0..count).map(move |record| {
            let mut random = Random::new(self.writer << 48 | self.number << 16 | record);
            // A request's number and a record's make the time unique, whatever the hour.
            let within = (self.number * 64 + record).cast_signed();
            assert!(within < HOUR_MS && record < 64, "a batch or a run is too long");
            let time = begin + random.below(HOURS).cast_signed() * HOUR_MS + within;
            let value = match random.below(8) {
                0 => f64::from_bits(random.next() & !(0x7ff << 52) | 0x3ff << 52),
                1 => -(random.below(1 << 40) as f64) / 1024.0,
                2 => f64::INFINITY,
                _ => random.below(1_000_000) as f64,
            };
            ((self.writer, random.below(SERIES), time), value)
        })
    }

    /// The batch as it is sent.
    pub(crate) fn series(self, count: u64, begin: i64) -> Vec<Series> {
        let mut all: BTreeMap<u64, Vec<(i64, f64)>> = BTreeMap::new();
        for ((_, series, time), value) in self.samples(count, begin) {
            all.entry(series).or_default().push((time, value));
        }
        let of = |(series, samples): (u64, Vec<(i64, f64)>)| {
            let (writer, series) = (self.writer.to_string(), series.to_string());
            Series::new(&[("__name__", "torture_value"), ("series", &series), ("writer", &writer)], &samples)
        };
        all.into_iter().map(of).collect()
    }
}

#[derive(Clone, Copy, Debug)]
struct Sent {
    samples: u64,
    is_acknowledged: bool,
}

/// All batches that were sent.
#[derive(Clone, Debug)]
pub(crate) struct Ledger {
    /// The earliest time of a sample, in milliseconds.
    pub(crate) begin: i64,
    sent: BTreeMap<Batch, Sent>,
}

/// How a store's content differs from the ledger.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Differences {
    /// Found, but never sent, or sent with another value.
    pub(crate) strange: Vec<(Key, f64)>,
    /// Acknowledged and not found.
    pub(crate) missing: Vec<Key>,
    /// Not acknowledged, and neither whole nor absent.
    pub(crate) torn: Vec<Batch>,
}

impl Ledger {
    pub(crate) fn new(now_ms: i64) -> Self {
        Self { begin: now_ms - HOURS.cast_signed() * HOUR_MS - HOUR_MS, sent: BTreeMap::new() }
    }

    /// A moment after all samples, whose last [`RANGE`] holds them.
    pub(crate) fn end(&self) -> i64 {
        self.begin + (HOURS.cast_signed() + 1) * HOUR_MS
    }

    /// Notes that a batch is about to be sent; gives its series.
    pub(crate) fn send(&mut self, batch: Batch, samples: u64) -> Vec<Series> {
        self.sent.insert(batch, Sent { samples, is_acknowledged: false });
        batch.series(samples, self.begin)
    }

    /// The number of the batch that a sample is of.
    pub(crate) fn number(&self, (_, _, time): Key) -> u64 {
        ((time - self.begin).rem_euclid(HOUR_MS) / 64).cast_unsigned()
    }

    /// Notes that it was acknowledged.
    pub(crate) fn acknowledge(&mut self, batch: Batch) {
        self.sent.get_mut(&batch).expect("was sent").is_acknowledged = true;
    }

    /// The samples of all acknowledged batches.
    pub(crate) fn acknowledged(&self) -> u64 {
        self.sent.values().filter(|sent| sent.is_acknowledged).map(|sent| sent.samples).sum()
    }

    /// Compares `found` with what was acknowledged.
    pub(crate) fn compare(&self, found: &BTreeMap<Key, f64>) -> Differences {
        let mut differences = Differences::default();
        let mut left = found.clone();
        for (batch, sent) in &self.sent {
            let mut missing = Vec::new();
            for (key, value) in batch.samples(sent.samples, self.begin) {
                match left.remove(&key) {
                    Some(stored) if stored.to_bits() == value.to_bits() => {}
                    Some(stored) => differences.strange.push((key, stored)),
                    None => missing.push(key),
                }
            }
            if sent.is_acknowledged {
                differences.missing.append(&mut missing);
            } else if !missing.is_empty() && (missing.len() as u64) < sent.samples {
                differences.torn.push(*batch);
            }
        }
        differences.strange.extend(left);
        differences
    }
}

/// All samples that the server has, with its warnings. Panics when one comes twice.
pub(crate) fn found(address: SocketAddr, ledger: &Ledger) -> (BTreeMap<Key, f64>, Option<Value>) {
    let mut all = BTreeMap::new();
    let (result, warnings) = instant(address, &format!("torture_value[{RANGE}]"), ledger.end());
    for series in result.as_array().expect("a matrix") {
        let number = |label: &str| -> u64 {
            series["metric"][label].as_str().and_then(|text| text.parse().ok()).expect("is the label of a writer")
        };
        for point in series["values"].as_array().expect("values") {
            let time = (point[0].as_f64().expect("a time") * 1000.0).round() as i64;
            let value: f64 = point[1].as_str().and_then(|text| text.parse().ok()).expect("a value");
            let key = (number("writer"), number("series"), time);
            assert_eq!(all.insert(key, value), None, "{key:?} is there twice");
        }
    }
    (all, warnings)
}

/// Panics unless the store holds what was acknowledged exactly once, and nothing but what was sent.
pub(crate) fn verify(address: SocketAddr, ledger: &Ledger, when: &str) {
    let (samples, warnings) = found(address, ledger);
    assert_eq!(warnings, None, "{when}");
    let differences = ledger.compare(&samples);
    let Differences { strange, missing, torn } = &differences;
    assert!(
        differences == Differences::default(),
        "{when}: {} strange, {} missing, {} torn of {}; first {:?} {:?} {:?}",
        strange.len(),
        missing.len(),
        torn.len(),
        samples.len(),
        strange.first(),
        missing.first(),
        torn.first()
    );
    let counted = value(address, &format!("sum(count_over_time(torture_value[{RANGE}]))"), ledger.end());
    assert_eq!(counted, samples.len() as f64, "{when}: the count differs from the samples");
}

#[test]
fn a_ledger_of_metrics_tells_what_is_strange_missing_and_torn() {
    let [told, lost, untold] = [1, 2, 3].map(|number| Batch { writer: 0, number });
    let mut ledger = Ledger::new(0);
    for batch in [told, lost, untold] {
        ledger.send(batch, 3);
    }
    ledger.acknowledge(told);
    let keys = |batch: Batch| batch.samples(3, ledger.begin).collect::<Vec<_>>();
    assert_eq!(keys(untold).into_iter().map(|(key, _)| ledger.number(key)).collect::<Vec<_>>(), [3; 3]);
    let all: BTreeMap<Key, f64> = keys(told).into_iter().collect();
    assert_eq!(ledger.compare(&all), Differences::default());
    let mut found = all;
    found.insert(keys(told)[0].0, 0.125);
    found.insert((9, 0, 1), 2.0);
    found.insert(keys(untold)[1].0, keys(untold)[1].1);
    let strange = vec![(keys(told)[0].0, 0.125), ((9, 0, 1), 2.0)];
    let missing = keys(lost).into_iter().map(|(key, _)| key).collect();
    ledger.acknowledge(lost);
    assert_eq!(ledger.compare(&found), Differences { strange, missing, torn: vec![untold] });
}
