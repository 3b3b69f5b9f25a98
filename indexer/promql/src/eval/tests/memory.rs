//! Filling a source in memory, and asking it.

use std::sync::Arc;

use orszem_model::{Columns, Labels};

use crate::memory::Memory;
use crate::{
    Answer, EvalError, Moments, Never, Options, ParseOptions, Point, Query, Select, Selection, Source, SourceError,
    evaluate, parse,
};

impl Memory {
    /// A series with a value each 10 s from 0 on; `None` leaves one out.
    pub(super) fn with(mut self, labels: &[(&str, &str)], values: &[Option<f64>]) -> Self {
        let mut columns = Columns::default();
        for (at, value) in values.iter().enumerate() {
            if let Some(value) = value {
                columns.push(at as i64 * 10_000, *value);
            }
        }
        self.fill(&Labels::new(labels.to_vec()), &columns);
        self
    }

    /// Takes all samples of a series.
    pub(super) fn fill(&mut self, labels: &Labels, columns: &Columns) {
        let floats = columns.times.iter().zip(&columns.values).map(|(time, value)| (*time, Point::Float(*value)));
        let histograms = columns.histograms.iter();
        let histograms = histograms.map(|point| (point.time, Point::Histogram(Arc::clone(&point.histogram))));
        let mut points: Vec<(i64, Point)> = floats.chain(histograms).collect();
        points.sort_by_key(|(time, _)| *time);
        for (time, point) in points {
            self.push(labels, time, &point).unwrap_or_else(|refused| panic!("{labels:?} at {time}: {refused}"));
        }
    }

    pub(super) fn ask(&self, text: &str, moments: Moments, options: &Options) -> Result<Answer, EvalError> {
        let expr =
            parse(text, &ParseOptions { is_experimental: true }).unwrap_or_else(|error| panic!("{text}: {error:?}"));
        evaluate(&Query { expr: &expr, moments }, self, options, &Never)
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
