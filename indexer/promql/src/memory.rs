//! A source in memory: what tests, and tests of rules, evaluate over.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::histogram::detect_reset;
use crate::{Point, Select, Selection, SeriesReader, Source, SourceError};
use orszem_model::{Columns, CounterReset, Histogram, HistogramPoint, Labels, METRIC_NAME, MatchOp, Matcher};

/// Series by name, then by labels.
#[derive(Default)]
pub struct Memory {
    series: BTreeMap<String, BTreeMap<Labels, Columns>>,
}

/// Why a sample was not taken, in Prometheus' words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    #[error("duplicate sample for timestamp")]
    Duplicate,
    #[error("out of order sample")]
    OutOfOrder,
}

impl Memory {
    /// Takes a sample; one that its series has already changes nothing.
    ///
    /// # Errors
    /// When the series has another sample at that time, or a later one.
    pub fn push(&mut self, labels: &Labels, time: i64, point: &Point) -> Result<(), Refused> {
        let name = labels.get(METRIC_NAME).unwrap_or_default();
        if !self.series.contains_key(name) {
            self.series.insert(name.to_owned(), BTreeMap::new());
        }
        let named = self.series.get_mut(name).ok_or(Refused::OutOfOrder)?;
        let columns = named.entry(labels.clone()).or_default();
        let last = columns.times.last().max(columns.histograms.last().map(|point| &point.time)).copied();
        match last {
            Some(last) if time < last => return Err(Refused::OutOfOrder),
            Some(last) if time == last => {
                return if is_last(columns, time, point) { Ok(()) } else { Err(Refused::Duplicate) };
            }
            _ => {}
        }
        match point {
            Point::Float(value) => columns.push(time, *value),
            Point::Histogram(histogram) => {
                let before = columns.histograms.last().filter(|point| Some(point.time) == last);
                let counter_reset = hint(histogram, before.map(|point| &*point.histogram));
                let histogram = Arc::new(Histogram { counter_reset, ..Histogram::clone(histogram) });
                columns.histograms.push(HistogramPoint { time, histogram });
            }
        }
        Ok(())
    }

    /// The series that may match: all, unless the name is asked for.
    fn candidates(&self, matchers: &[Matcher]) -> Vec<(&Labels, &Columns)> {
        let name = matchers.iter().find(|matcher| matcher.name == METRIC_NAME && matcher.op == MatchOp::Equal);
        match name {
            Some(name) => self.series.get(&name.value).into_iter().flatten().collect(),
            None => {
                let mut all: Vec<(&Labels, &Columns)> = self.series.values().flatten().collect();
                all.sort_by(|a, b| a.0.cmp(b.0));
                all
            }
        }
    }
}

/// Whether the last sample, which is at `time`, is `point`.
fn is_last(columns: &Columns, time: i64, point: &Point) -> bool {
    match point {
        Point::Float(value) => {
            columns.times.last() == Some(&time)
                && columns.values.last().is_some_and(|last| last.to_bits() == value.to_bits())
        }
        Point::Histogram(histogram) => columns
            .histograms
            .last()
            .is_some_and(|point| point.time == time && crate::histogram::equals(&point.histogram, histogram)),
    }
}

/// The hint under which storage gives a histogram back: it goes on from the one before it, or storage can't tell.
fn hint(now: &Histogram, before: Option<&Histogram>) -> CounterReset {
    match (now.counter_reset, before) {
        (CounterReset::Gauge, _) => CounterReset::Gauge,
        (CounterReset::Unknown | CounterReset::NotReset, Some(before))
            if before.counter_reset != CounterReset::Gauge && goes_on(now, before) =>
        {
            CounterReset::NotReset
        }
        _ => CounterReset::Unknown,
    }
}

fn goes_on(now: &Histogram, before: &Histogram) -> bool {
    let unhinted = Histogram { counter_reset: CounterReset::Unknown, ..now.clone() };
    now.schema == before.schema
        && now.zero_threshold == before.zero_threshold
        && now.custom_bounds == before.custom_bounds
        && !detect_reset(&unhinted, before)
}

impl Source for Memory {
    fn select(&self, select: &Select<'_>) -> Result<Box<dyn Selection>, SourceError> {
        let matches = |labels: &Labels| {
            select.matchers.iter().all(|matcher| matcher.matches(labels.get(&matcher.name).unwrap_or_default()))
        };
        let mut selected = Vec::new();
        for (labels, columns) in self.candidates(select.matchers).into_iter().filter(|(labels, _)| matches(labels)) {
            let from = columns.times.partition_point(|time| *time <= select.start);
            let to = columns.times.partition_point(|time| *time <= select.end).max(from);
            let of_histograms = |time: i64| columns.histograms.partition_point(|point| point.time <= time);
            let (first, last) = (of_histograms(select.start), of_histograms(select.end));
            let part = Columns {
                times: columns.times.get(from..to).unwrap_or_default().to_vec(),
                values: columns.values.get(from..to).unwrap_or_default().to_vec(),
                histograms: columns.histograms.get(first..last.max(first)).unwrap_or_default().to_vec(),
            };
            if !part.is_empty() {
                selected.push((labels.clone(), part));
            }
        }
        Ok(Box::new(Selected(selected)))
    }
}

struct Selected(Vec<(Labels, Columns)>);

impl Selection for Selected {
    fn len(&self) -> usize {
        self.0.len()
    }

    fn reader(&self) -> Box<dyn SeriesReader + '_> {
        Box::new(self)
    }
}

impl SeriesReader for &Selected {
    fn labels(&mut self, at: usize) -> Result<Labels, SourceError> {
        Ok(self.0[at].0.clone())
    }

    fn labels_among(&mut self, at: usize, names: &[String]) -> Result<Labels, SourceError> {
        Ok(self.0[at].0.without(|name| names.binary_search_by(|known| known.as_str().cmp(name)).is_err()))
    }

    fn read(&mut self, at: usize, into: &mut Columns) -> Result<(), SourceError> {
        into.clone_from(&self.0[at].1);
        Ok(())
    }
}
