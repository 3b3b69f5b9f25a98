//! The series that this process measures itself, as a target of its own: labels, ends of series, `up`.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use orszem_model::{Labels, METRIC_NAME, STALE};
use orszem_scrape::{Metadata, MetricType, Scraped};

/// Keeps from pass to pass which series there are.
#[derive(Debug, Default)]
pub(super) struct Measured {
    /// `job`, `instance` and others, which win over labels of the samples.
    target: BTreeMap<String, String>,
    /// Labels of series that have none of the name.
    external: BTreeMap<String, String>,
    /// Series and the pass that had them last.
    seen: HashMap<Labels, u64>,
    pass: u64,
    said: HashMap<String, Metadata>,
    /// Of the pass under way.
    now: i64,
    scraped: Scraped,
}

impl Measured {
    pub(super) fn new(target: BTreeMap<String, String>, external: BTreeMap<String, String>) -> Self {
        Self { target, external, ..Self::default() }
    }

    /// Begins a pass at `now`, in milliseconds since 1970.
    pub(super) fn begin(&mut self, now: i64) {
        self.now = now;
        self.pass += 1;
    }

    /// A sample; of several of one series the first counts. Labels without a value are none.
    pub(super) fn sample<'l>(&mut self, name: &str, labels: impl Iterator<Item = (&'l str, &'l str)>, value: f64) {
        let mut pairs: Vec<(String, &str)> = vec![(METRIC_NAME.to_owned(), name)];
        pairs.extend(self.external.iter().map(|(name, value)| (name.clone(), value.as_str())));
        for (name, value) in labels.filter(|(name, value)| !value.is_empty() && *name != METRIC_NAME) {
            // As Prometheus does without `honor_labels`.
            let is_taken = self.target.contains_key(name);
            pairs.push((if is_taken { format!("exported_{name}") } else { name.to_owned() }, value));
        }
        pairs.extend(self.target.iter().map(|(name, value)| (name.clone(), value.as_str())));
        pairs.retain(|(_, value)| !value.is_empty());
        let labels = Labels::new(pairs);
        if self.seen.insert(labels.clone(), self.pass) != Some(self.pass) {
            self.scraped.samples.push((labels, self.now, value));
        }
    }

    /// What a family is; told once.
    pub(super) fn describe(&mut self, family: &str, kind: MetricType, help: &str, unit: &str) {
        if self.said.get(family).is_some_and(|said| said.kind == kind && *said.help == *help) {
            return;
        }
        let metadata = Metadata { family: family.into(), kind, help: help.into(), unit: unit.into() };
        self.said.insert(family.to_owned(), metadata.clone());
        self.scraped.metadata.push(metadata);
    }

    /// Ends the pass: series that are gone end, and what every target has is added.
    pub(super) fn finish(&mut self, is_up: bool, took: Duration) -> Scraped {
        let count = self.scraped.samples.len();
        let none = || std::iter::empty();
        self.sample("up", none(), f64::from(u8::from(is_up)));
        self.sample("scrape_duration_seconds", none(), took.as_secs_f64());
        self.sample("scrape_samples_scraped", none(), count as f64);
        self.end_others(self.pass);
        std::mem::take(&mut self.scraped)
    }

    /// Ends all series, at `now`.
    pub(super) fn end(&mut self, now: i64) -> Scraped {
        self.now = now;
        self.end_others(u64::MAX);
        std::mem::take(&mut self.scraped)
    }

    /// Ends the series that the pass did not have.
    fn end_others(&mut self, pass: u64) {
        let mut gone = Vec::new();
        self.seen.retain(|labels, seen| {
            if *seen != pass {
                gone.push(labels.clone());
            }
            *seen == pass
        });
        gone.sort();
        self.scraped.samples.extend(gone.into_iter().map(|labels| (labels, self.now, STALE)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owned(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    fn shown(scraped: &Scraped) -> Vec<(Labels, i64, u64)> {
        scraped.samples.iter().map(|(labels, time, value)| (labels.clone(), *time, value.to_bits())).collect()
    }

    #[test]
    fn a_pass_has_its_labels_its_up_and_ends_what_is_gone() {
        let mut measured = Measured::new(owned(&[("job", "node")]), owned(&[("site", "x"), ("device", "none")]));
        measured.begin(1000);
        measured.describe("a", MetricType::Gauge, "A", "");
        measured.sample("a", [("device", "sda"), ("job", "own"), ("empty", "")].into_iter(), 1.0);
        measured.sample("a", [("device", "sda"), ("job", "own")].into_iter(), 2.0);
        measured.sample("b", std::iter::empty(), 3.0);
        let first = measured.finish(true, Duration::from_millis(500));
        let a = [("__name__", "a"), ("device", "sda"), ("exported_job", "own"), ("job", "node"), ("site", "x")];
        let of = |name| Labels::from([("__name__", name), ("device", "none"), ("job", "node"), ("site", "x")]);
        let ups = |time, count: f64| {
            let own = [("up", 1.0), ("scrape_duration_seconds", 0.5), ("scrape_samples_scraped", count)];
            own.map(|(name, value)| (of(name), time, value.to_bits())).to_vec()
        };
        let expected = vec![(Labels::from(a), 1000, 1.0_f64.to_bits()), (of("b"), 1000, 3.0_f64.to_bits())];
        assert_eq!(shown(&first), [expected, ups(1000, 2.0)].concat());
        assert_eq!(first.metadata.len(), 1);

        measured.begin(2000);
        measured.describe("a", MetricType::Gauge, "A", "");
        measured.sample("b", std::iter::empty(), 4.0);
        let second = measured.finish(true, Duration::from_millis(500));
        let b = vec![(of("b"), 2000, 4.0_f64.to_bits())];
        let gone = vec![(Labels::from(a), 2000, STALE.to_bits())];
        assert_eq!(shown(&second), [b, ups(2000, 1.0), gone].concat());
        assert_eq!(second.metadata, []);

        let ends = measured.end(3000);
        let expected = ["b", "scrape_duration_seconds", "scrape_samples_scraped", "up"];
        assert_eq!(shown(&ends), expected.map(|name| (of(name), 3000, STALE.to_bits())));
        assert_eq!(measured.end(4000), Scraped::default());
    }
}
