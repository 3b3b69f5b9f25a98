//! A source in memory, and asking it.

use std::sync::Arc;

use orszem_model::{Columns, Labels};

use crate::{
    Answer, EvalError, Moments, Never, Options, ParseOptions, Query, Select, Selection, SeriesReader, Source,
    SourceError, evaluate, parse,
};

#[derive(Clone, Debug, Default)]
pub(super) struct Memory {
    pub(super) series: Vec<(Labels, Columns)>,
}

impl Memory {
    /// A series with a value each 10 s from 0 on; `None` leaves one out.
    pub(super) fn with(mut self, labels: &[(&str, &str)], values: &[Option<f64>]) -> Self {
        let mut columns = Columns::default();
        for (at, value) in values.iter().enumerate() {
            if let Some(value) = value {
                columns.push(at as i64 * 10_000, *value);
            }
        }
        self.series.push((Labels::new(labels.to_vec()), columns));
        self
    }

    pub(super) fn ask(&self, text: &str, moments: Moments, options: &Options) -> Result<Answer, EvalError> {
        let expr =
            parse(text, &ParseOptions { is_experimental: true }).unwrap_or_else(|error| panic!("{text}: {error:?}"));
        evaluate(&Query { expr: &expr, moments }, self, options, &Never)
    }
}

struct Selected(Vec<(Labels, Columns)>);

impl Source for Memory {
    fn select(&self, select: &Select<'_>) -> Result<Box<dyn Selection>, SourceError> {
        let matches = |labels: &Labels| {
            select.matchers.iter().all(|matcher| matcher.matches(labels.get(&matcher.name).unwrap_or_default()))
        };
        let is_within = |time: i64| select.start < time && time <= select.end;
        let mut selected = Vec::new();
        for (labels, columns) in self.series.iter().filter(|(labels, _)| matches(labels)) {
            let mut part = Columns::default();
            let samples = columns.times.iter().zip(&columns.values);
            samples.filter(|(time, _)| is_within(**time)).for_each(|(time, value)| part.push(*time, *value));
            part.histograms.extend(columns.histograms.iter().filter(|point| is_within(point.time)).cloned());
            selected.push((labels.clone(), part));
        }
        Ok(Box::new(Selected(selected)))
    }
}

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

/// Storage that can't be read.
pub(super) struct Broken;

impl Source for Broken {
    fn select(&self, _: &Select<'_>) -> Result<Box<dyn Selection>, SourceError> {
        Err(SourceError { message: "the disk is gone".into(), is_limit: false })
    }
}

/// A histogram of `count` observations in one bucket.
pub(super) fn histogram(count: f64) -> Arc<orszem_model::Histogram> {
    let spans = vec![orszem_model::BucketSpan { offset: 0, length: 1 }];
    let positive = orszem_model::Buckets { spans, counts: vec![count] };
    Arc::new(orszem_model::Histogram { count, sum: count, positive, ..orszem_model::Histogram::default() })
}
