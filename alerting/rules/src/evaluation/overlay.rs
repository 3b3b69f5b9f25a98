//! A source with what rules of the same pass have given, which is not stored yet.

use std::collections::HashMap;
use std::sync::Arc;

use orszem_model::{Columns, HistogramPoint, Labels, METRIC_NAME};
use orszem_promql::{Point, Select, Selection, SeriesReader, Source, SourceError};

use super::outcome::NewSample;

/// Samples by the names of their series.
#[derive(Debug, Default)]
pub(super) struct Fresh {
    named: HashMap<String, Vec<NewSample>>,
    labels: std::collections::HashSet<Labels>,
}

impl Fresh {
    /// Of two samples of a series the first stays.
    pub(super) fn extend(&mut self, samples: &[NewSample]) {
        for sample in samples {
            if self.labels.insert(sample.labels.clone()) {
                let name = sample.labels.get(METRIC_NAME).unwrap_or_default();
                self.named.entry(name.to_owned()).or_default().push(sample.clone());
            }
        }
    }
}

pub(super) struct Overlay<'o> {
    pub(super) source: &'o dyn Source,
    pub(super) fresh: &'o Fresh,
}

impl Source for Overlay<'_> {
    fn select(&self, select: &Select<'_>) -> Result<Box<dyn Selection>, SourceError> {
        let stored = self.source.select(select)?;
        let is_named = |name: &str| {
            select.matchers.iter().filter(|matcher| matcher.name == METRIC_NAME).all(|matcher| matcher.matches(name))
        };
        let mut names: Vec<&String> = self.fresh.named.keys().filter(|name| is_named(name)).collect();
        names.sort();
        let matches = |sample: &&NewSample| {
            select.start < sample.time
                && sample.time <= select.end
                && select
                    .matchers
                    .iter()
                    .all(|matcher| matcher.matches(sample.labels.get(&matcher.name).unwrap_or_default()))
        };
        let fresh = names.iter().filter_map(|name| self.fresh.named.get(*name)).flatten().filter(matches);
        let fresh: Vec<NewSample> = fresh.cloned().collect();
        if fresh.is_empty() {
            return Ok(stored);
        }
        let mut places: HashMap<Labels, usize> = HashMap::new();
        let mut reader = stored.reader();
        for at in 0..stored.len() {
            places.insert(reader.labels(at)?, at);
        }
        drop(reader);
        let mut added = HashMap::new();
        let mut new = Vec::new();
        for sample in fresh {
            match places.get(&sample.labels) {
                Some(at) => {
                    added.insert(*at, sample);
                }
                None => new.push(sample),
            }
        }
        Ok(Box::new(Both { stored, added, new }))
    }

    fn damaged(&self) -> u64 {
        self.source.damaged()
    }
}

/// Stored series, some with one more sample, and behind them new series.
struct Both {
    stored: Box<dyn Selection>,
    added: HashMap<usize, NewSample>,
    new: Vec<NewSample>,
}

impl Selection for Both {
    fn len(&self) -> usize {
        self.stored.len() + self.new.len()
    }

    fn parts(&self) -> Option<u64> {
        self.stored.parts()
    }

    fn reader(&self) -> Box<dyn SeriesReader + '_> {
        Box::new(BothReader { both: self, stored: self.stored.reader() })
    }
}

struct BothReader<'b> {
    both: &'b Both,
    stored: Box<dyn SeriesReader + 'b>,
}

impl BothReader<'_> {
    fn new_at(&self, at: usize) -> Option<&NewSample> {
        at.checked_sub(self.both.stored.len()).and_then(|at| self.both.new.get(at))
    }
}

impl SeriesReader for BothReader<'_> {
    fn labels(&mut self, at: usize) -> Result<Labels, SourceError> {
        match self.new_at(at) {
            Some(sample) => Ok(sample.labels.clone()),
            None => self.stored.labels(at),
        }
    }

    fn labels_among(&mut self, at: usize, names: &[String]) -> Result<Labels, SourceError> {
        match self.new_at(at) {
            Some(sample) => Ok(sample.labels.clone()),
            None => self.stored.labels_among(at, names),
        }
    }

    fn read(&mut self, at: usize, into: &mut Columns) -> Result<(), SourceError> {
        if let Some(sample) = self.new_at(at) {
            into.clear();
            push(into, sample);
            return Ok(());
        }
        self.stored.read(at, into)?;
        if let Some(sample) = self.both.added.get(&at) {
            push(into, sample);
        }
        Ok(())
    }
}

/// Adds a sample, unless the series has one at its time, or later ones.
fn push(into: &mut Columns, sample: &NewSample) {
    let last = into.times.last().copied().max(into.histograms.last().map(|point| point.time));
    if last.is_some_and(|last| last >= sample.time) {
        return;
    }
    match &sample.point {
        Point::Float(value) => into.push(sample.time, *value),
        Point::Histogram(histogram) => {
            into.histograms.push(HistogramPoint { time: sample.time, histogram: Arc::clone(histogram) });
        }
    }
}
