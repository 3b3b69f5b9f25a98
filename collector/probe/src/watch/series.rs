//! The series of one target: their labels, put together once, and their ends.

use std::collections::{BTreeMap, HashMap};

use orszem_exposition::MetricType;
use orszem_model::{Labels, METRIC_NAME, STALE};
use orszem_scrape::{Metadata, Scraped};

use crate::page::{Gauge, Label, Page};

/// A series, and the round that had it last.
#[derive(Debug)]
struct Known {
    labels: Labels,
    round: u64,
}

/// What a target has shown so far.
#[derive(Debug)]
pub(super) struct Series {
    own: BTreeMap<String, String>,
    external: BTreeMap<String, String>,
    known: HashMap<(&'static str, Vec<Label>), Known>,
    described: Vec<&'static str>,
    round: u64,
}

impl Series {
    pub(super) fn new(own: BTreeMap<String, String>, external: BTreeMap<String, String>) -> Self {
        Self { own, external, known: HashMap::new(), described: Vec::new(), round: 0 }
    }

    /// The samples of a page at `now`, in milliseconds since 1970, with the ends of series that it does not have.
    pub(super) fn take(&mut self, page: &Page, now: i64) -> Scraped {
        let mut scraped = Scraped::default();
        self.round += 1;
        for family in page.families() {
            let Gauge { name, help } = family.gauge;
            if !self.described.contains(&name) {
                self.described.push(name);
                let (family, help, unit) = (name.into(), help.into(), "".into());
                scraped.metadata.push(Metadata { family, kind: MetricType::Gauge, help, unit });
            }
            for (labels, value) in &family.samples {
                let (own, external) = (&self.own, &self.external);
                let known = self.known.entry((name, labels.clone()));
                let known = known.or_insert_with(|| Known { labels: all(name, labels, own, external), round: 0 });
                known.round = self.round;
                scraped.samples.push((known.labels.clone(), now, *value));
            }
        }
        self.end_before(self.round, now, &mut scraped);
        scraped
    }

    /// Ends all series.
    pub(super) fn end(&mut self, now: i64) -> Scraped {
        let mut scraped = Scraped::default();
        self.end_before(u64::MAX, now, &mut scraped);
        scraped
    }

    fn end_before(&mut self, round: u64, now: i64, scraped: &mut Scraped) {
        let mut gone = Vec::new();
        self.known.retain(|_, known| {
            let stays = known.round >= round;
            if !stays {
                gone.push(known.labels.clone());
            }
            stays
        });
        gone.sort();
        scraped.samples.extend(gone.into_iter().map(|labels| (labels, now, STALE)));
    }
}

fn all(name: &str, labels: &[Label], own: &BTreeMap<String, String>, external: &BTreeMap<String, String>) -> Labels {
    let mut pairs: BTreeMap<&str, &str> =
        external.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    pairs.extend(labels.iter().map(|(name, value)| (name.as_str(), value.as_str())));
    pairs.extend(own.iter().map(|(name, value)| (name.as_str(), value.as_str())));
    pairs.insert(METRIC_NAME, name);
    Labels::new(pairs.into_iter().filter(|(_, value)| !value.is_empty()).collect::<Vec<_>>())
}
