//! What senders of metrics sent and what was acknowledged, and how a store's content compares with it.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use serde_json::Value;

use super::remote::{Native, Series, ask, instant, seconds, value};
use crate::torture::random::Random;

/// Samples lie in this many hours, so in several windows of two.
const HOURS: u64 = 6;
const HOUR_MS: i64 = 3_600_000;
/// Series of one writer; the last has native histograms.
pub(crate) const SERIES: u64 = 7;
const NUMBERS: u64 = 6;
/// All that writers write.
const ALL: &str = "{__name__=~\"torture_.*\"}";
/// One in so many batches has an exemplar.
const EXEMPLAR_EVERY: u64 = 3;
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

/// What a sample holds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Content {
    Number(f64),
    Histogram(Native),
}

impl Content {
    /// Whether they are equal to the last bit.
    fn is_same(self, other: Self) -> bool {
        match (self, other) {
            (Self::Number(a), Self::Number(b)) => a.to_bits() == b.to_bits(),
            (a, b) => a == b,
        }
    }
}

impl Batch {
    /// Keys and values of its samples; no other batch has one of these keys.
    fn samples(self, count: u64, begin: i64) -> impl Iterator<Item = (Key, Content)> {
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
            let series = random.below(SERIES);
            let content = if series < NUMBERS {
                Content::Number(value)
            } else {
                let counts = std::array::from_fn(|_| 1 + random.below(1 << 20));
                Content::Histogram(Native { counts, sum: random.below(1_000_000) as f64 / 8.0 })
            };
            ((self.writer, series, time), content)
        })
    }

    /// Its exemplar, if it has one: series, time and value, which are those of its first number.
    fn exemplar(self, count: u64, begin: i64) -> Option<Exemplar> {
        let number = |(key, content)| match content {
            Content::Number(value) => Some((key, value)),
            Content::Histogram(_) => None,
        };
        let mut numbers = self.samples(count, begin).filter_map(number).filter(|(_, value)| value.is_finite());
        let ((_, series, time), value) = numbers.next().filter(|_| self.number.is_multiple_of(EXEMPLAR_EVERY))?;
        Some(Exemplar { series, time, value, trace: format!("{}-{}", self.writer, self.number) })
    }

    /// The batch as it is sent.
    pub(crate) fn series(self, count: u64, begin: i64) -> Vec<Series> {
        let mut all: BTreeMap<u64, Series> = BTreeMap::new();
        let writer = self.writer.to_string();
        for ((_, series, time), content) in self.samples(count, begin) {
            let name = if series < NUMBERS { "torture_value" } else { "torture_histogram" };
            let labels = [("__name__", name), ("series", &series.to_string()), ("writer", &writer)];
            let series = all.entry(series).or_insert_with(|| Series::new(&labels, &[]));
            match content {
                Content::Number(value) => series.samples.push((time, value)),
                Content::Histogram(histogram) => series.histograms.push((time, histogram)),
            }
        }
        if let Some(Exemplar { series, time, value, trace }) = self.exemplar(count, begin) {
            all.get_mut(&series).expect("has its sample").exemplars.push((time, value, trace));
        }
        all.into_values().collect()
    }
}

/// An exemplar of a series of a writer, which its trace names.
#[derive(Clone, Debug, PartialEq)]
struct Exemplar {
    series: u64,
    time: i64,
    value: f64,
    trace: String,
}

/// Up to which of the writer's batches a series of his was deleted.
#[derive(Clone, Copy, Debug, Default)]
struct Deletion {
    asked: u64,
    acknowledged: u64,
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
    /// By writer and series.
    deletions: BTreeMap<(u64, u64), Deletion>,
}

/// How a store's content differs from the ledger.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Differences {
    /// Found, but never sent, or sent with another value, or deleted.
    pub(crate) strange: Vec<(Key, Content)>,
    /// Acknowledged and not found.
    pub(crate) missing: Vec<Key>,
    /// Not acknowledged, and neither whole nor absent.
    pub(crate) torn: Vec<Batch>,
}

impl Ledger {
    pub(crate) fn new(now_ms: i64) -> Self {
        Self {
            begin: now_ms - HOURS.cast_signed() * HOUR_MS - HOUR_MS,
            sent: BTreeMap::new(),
            deletions: BTreeMap::new(),
        }
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

    /// Notes that a series is about to be deleted, of which the writer's batches up to `last` were acknowledged and
    /// later ones are not sent yet; gives its selector.
    pub(crate) fn delete(&mut self, last: Batch, series: u64) -> String {
        self.deletions.entry((last.writer, series)).or_default().asked = last.number;
        format!("{{__name__=~\"torture_.*\",writer=\"{}\",series=\"{series}\"}}", last.writer)
    }

    /// Notes that the deletion was acknowledged.
    pub(crate) fn acknowledge_deletion(&mut self, last: Batch, series: u64) {
        self.deletions.get_mut(&(last.writer, series)).expect("was asked for").acknowledged = last.number;
    }

    /// How many series have been deleted once or more.
    pub(crate) fn deleted(&self) -> usize {
        self.deletions.values().filter(|deletion| deletion.acknowledged > 0).count()
    }

    /// The samples of all acknowledged batches.
    pub(crate) fn acknowledged(&self) -> u64 {
        self.sent.values().filter(|sent| sent.is_acknowledged).map(|sent| sent.samples).sum()
    }

    /// Compares `found` with what was acknowledged.
    pub(crate) fn compare(&self, found: &BTreeMap<Key, Content>) -> Differences {
        let mut differences = Differences::default();
        let mut left = found.clone();
        for (batch, sent) in &self.sent {
            let mut missing = Vec::new();
            for (key, content) in batch.samples(sent.samples, self.begin) {
                let Deletion { asked, acknowledged } = self.deletions.get(&(key.0, key.1)).copied().unwrap_or_default();
                match left.remove(&key) {
                    Some(stored) if stored.is_same(content) && batch.number > acknowledged => {}
                    Some(stored) => differences.strange.push((key, stored)),
                    None if batch.number <= asked => {}
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
pub(crate) fn found(address: SocketAddr, ledger: &Ledger) -> (BTreeMap<Key, Content>, Option<Value>) {
    let mut all = BTreeMap::new();
    let (result, warnings) = instant(address, &format!("{ALL}[{RANGE}]"), ledger.end());
    for series in result.as_array().expect("a matrix") {
        let of = |label: &str| number(&series["metric"][label]);
        let points = |name: &str| series[name].as_array().into_iter().flatten();
        let numbers = points("values").map(|point| (time(&point[0]), Content::Number(parsed(&point[1]))));
        let histograms = points("histograms").map(|point| (time(&point[0]), Content::Histogram(native(&point[1]))));
        for (time, content) in numbers.chain(histograms) {
            let key = (of("writer"), of("series"), time);
            assert_eq!(all.insert(key, content), None, "{key:?} is there twice");
        }
    }
    (all, warnings)
}

fn time(seconds: &Value) -> i64 {
    (seconds.as_f64().expect("a time") * 1000.0).round() as i64
}

fn parsed(text: &Value) -> f64 {
    text.as_str().and_then(|text| text.parse().ok()).expect("a value")
}

fn number(text: &Value) -> u64 {
    text.as_str().and_then(|text| text.parse().ok()).expect("is the label of a writer")
}

/// A histogram from what the API shows; panics where that shows more than it holds.
fn native(shown: &Value) -> Native {
    let count = |at: usize| shown["buckets"][at][3].as_str().and_then(|text| text.parse().ok());
    let counts = std::array::from_fn(|at| count(at).unwrap_or_default());
    let native = Native { counts, sum: parsed(&shown["sum"]) };
    assert_eq!(native.shown(), *shown, "no histogram of a writer");
    native
}

/// Panics unless the exemplars of what was acknowledged are there exactly once, and none that was not sent.
pub(crate) fn verify_exemplars(address: SocketAddr, ledger: &Ledger, when: &str) {
    let range = [("query", ALL), ("start", &seconds(ledger.begin)), ("end", &seconds(ledger.end()))];
    let (status, answer) = ask(address, "/api/v1/query_exemplars", &range);
    assert_eq!(status, 200, "{when}: {answer}");
    let mut found: BTreeMap<String, Exemplar> = BTreeMap::new();
    for series in answer["data"].as_array().expect("a list") {
        for exemplar in series["exemplars"].as_array().expect("a list") {
            let trace = exemplar["labels"]["trace_id"].as_str().expect("a trace").to_owned();
            let (time, value) = (time(&exemplar["timestamp"]), parsed(&exemplar["value"]));
            assert!(trace.starts_with(&format!("{}-", number(&series["seriesLabels"]["writer"]))), "{when}: {series}");
            let exemplar = Exemplar { series: number(&series["seriesLabels"]["series"]), time, value, trace };
            let twice = found.insert(exemplar.trace.clone(), exemplar);
            assert_eq!(twice, None, "{when}: it is there twice");
        }
    }
    for (batch, sent) in &ledger.sent {
        if let Some(exemplar) = batch.exemplar(sent.samples, ledger.begin) {
            let deletion = ledger.deletions.get(&(batch.writer, exemplar.series)).copied();
            let Deletion { asked, acknowledged } = deletion.unwrap_or_default();
            match found.remove(&exemplar.trace) {
                Some(stored) => {
                    assert_eq!(stored, exemplar, "{when}");
                    assert!(batch.number > acknowledged, "{when}: {exemplar:?} was deleted");
                }
                None if batch.number <= asked => {}
                None => assert!(!sent.is_acknowledged, "{when}: {exemplar:?} is missing"),
            }
        }
    }
    assert_eq!(found, BTreeMap::new(), "{when}: never sent");
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
    let counted = value(address, &format!("sum(count_over_time({ALL}[{RANGE}]))"), ledger.end());
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
    let all: BTreeMap<Key, Content> = keys(told).into_iter().collect();
    assert_eq!(ledger.compare(&all), Differences::default());
    let mut found = all;
    found.insert(keys(told)[0].0, Content::Number(0.125));
    found.insert((9, 0, 1), Content::Number(2.0));
    found.insert(keys(untold)[1].0, keys(untold)[1].1);
    let strange = vec![(keys(told)[0].0, Content::Number(0.125)), ((9, 0, 1), Content::Number(2.0))];
    let missing = keys(lost).into_iter().map(|(key, _)| key).collect();
    ledger.acknowledge(lost);
    assert_eq!(ledger.compare(&found), Differences { strange, missing, torn: vec![untold] });
}

#[test]
fn a_ledger_of_metrics_knows_what_may_be_gone_and_what_must() {
    let [first, second] = [1, 2].map(|number| Batch { writer: 0, number });
    let mut ledger = Ledger::new(0);
    for batch in [first, second] {
        ledger.send(batch, 40);
        ledger.acknowledge(batch);
    }
    let samples = |batch: Batch| batch.samples(40, ledger.begin).collect::<BTreeMap<_, _>>();
    let (before, after) = (samples(first), samples(second));
    let mut all = before.clone();
    all.extend(&after);
    let series = before.keys().next().expect("a sample").1;
    let is_deleted = |key: &Key| key.1 == series && before.contains_key(key);
    let mut rest = all.clone();
    rest.retain(|key, _| !is_deleted(key));
    let deleted: Vec<_> = before.iter().filter(|(key, _)| is_deleted(key)).map(|(k, c)| (*k, *c)).collect();
    ledger.delete(first, series);
    assert_eq!([ledger.compare(&all), ledger.compare(&rest)], [Differences::default(), Differences::default()]);
    ledger.acknowledge_deletion(first, series);
    assert_eq!(ledger.compare(&rest), Differences::default());
    let mut differences = ledger.compare(&all);
    differences.strange.sort_by_key(|(key, _)| *key);
    assert_eq!(differences, Differences { strange: deleted, ..Differences::default() });
    let later = *after.keys().next().expect("a sample");
    rest.remove(&later);
    assert_eq!(ledger.compare(&rest), Differences { missing: vec![later], ..Differences::default() });
}
