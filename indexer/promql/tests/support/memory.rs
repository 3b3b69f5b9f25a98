//! A source in memory.

use std::collections::BTreeMap;
use std::sync::Arc;

use orszem_model::{Columns, CounterReset, Histogram, HistogramPoint, Labels};
use orszem_promql::histogram::detect_reset;
use orszem_promql::{Select, Selection, SeriesReader, Source, SourceError};

use super::notation::Number;

/// Series by labels.
#[derive(Default)]
pub(crate) struct Memory {
    series: BTreeMap<Labels, Columns>,
}

impl Memory {
    /// A sample at a time that has one already is left out, as are those that go back in time.
    pub(crate) fn push(&mut self, labels: &Labels, time: i64, number: &Number) {
        let columns = self.series.entry(labels.clone()).or_default();
        let last = columns.times.last().max(columns.histograms.last().map(|point| &point.time));
        if last.is_some_and(|last| time <= *last) {
            return;
        }
        match number {
            Number::Float(value) => columns.push(time, *value),
            Number::Histogram(histogram) => {
                let before = columns.histograms.last().filter(|point| Some(&point.time) == last);
                let counter_reset = hint(histogram, before.map(|point| &*point.histogram));
                let histogram = Arc::new(Histogram { counter_reset, ..Histogram::clone(histogram) });
                columns.histograms.push(HistogramPoint { time, histogram });
            }
        }
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
        let within = |time: i64| select.start < time && time <= select.end;
        let mut selected = Vec::new();
        for (labels, columns) in self.series.iter().filter(|(labels, _)| matches(labels)) {
            let mut part = Columns::default();
            for (&time, &value) in columns.times.iter().zip(&columns.values).filter(|(time, _)| within(**time)) {
                part.push(time, value);
            }
            part.histograms.extend(columns.histograms.iter().filter(|point| within(point.time)).cloned());
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
