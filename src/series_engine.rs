//! The series store as the Prometheus API asks it.

use std::sync::Arc;

use orszem_dashboards::http::prometheus::engine::{
    Ask, Cardinality, Exemplar, ExemplarSeries, Limited, MetricMetadata, Runtime, SeriesAsk, SeriesEngine, Target,
};
use orszem_indexer::samples::Samples;
use orszem_promql::SourceError;

/// Metrics whose metadata is answered.
const METADATA_MAX: usize = 100_000;

/// What the program knows besides the store.
pub(crate) struct Facts {
    /// When the server started, milliseconds since 1970.
    pub(crate) started: i64,
    /// As configured, in words.
    pub(crate) retention: String,
    /// The configuration in force, as YAML, without secrets.
    pub(crate) configuration: Box<dyn Fn() -> String + Send + Sync>,
    pub(crate) targets: Box<dyn Fn() -> Vec<Target> + Send + Sync>,
}

/// Puts every question of the API to `samples`. Called within a tokio runtime.
pub(crate) fn series_engine(samples: &Samples, facts: Facts) -> SeriesEngine {
    let Facts { started, retention, configuration, targets } = facts;
    let sources = samples.clone();
    let deletes = samples.clone();
    let corruptions = samples.clone();
    SeriesEngine {
        source: Box::new(move |tenant| Arc::new(sources.source(tenant))),
        series: ask(samples, |samples, ask: &SeriesAsk| {
            let SeriesAsk { tenant, sets, start, end, limit } = ask;
            let found = samples.store().series(*tenant, sets, *start, *end, beyond(*limit)).map_err(failed)?;
            Ok(cut(found, *limit))
        }),
        label_names: ask(samples, |samples, ask: &SeriesAsk| {
            let SeriesAsk { tenant, sets, start, end, limit } = ask;
            Ok(cut(samples.store().label_names(*tenant, sets, *start, *end).map_err(failed)?, *limit))
        }),
        label_values: ask(samples, |samples, (name, ask): &(String, SeriesAsk)| {
            let SeriesAsk { tenant, sets, start, end, limit } = ask;
            Ok(cut(samples.store().label_values(*tenant, name, sets, *start, *end).map_err(failed)?, *limit))
        }),
        metadata: ask(samples, |samples, tenant: &u32| {
            let found = samples.store().metadata(*tenant, None, METADATA_MAX);
            let metadata = |(metric, metadata): (String, orszem_series::Metadata)| {
                let orszem_series::Metadata { kind, unit, help } = metadata;
                MetricMetadata { metric, kind, help, unit }
            };
            Ok(found.into_iter().map(metadata).collect())
        }),
        exemplars: ask(samples, |samples, ask: &SeriesAsk| {
            let SeriesAsk { tenant, sets, start, end, limit: _ } = ask;
            let exemplar = |exemplar: orszem_series::Exemplar| {
                let orszem_series::Exemplar { time, value, labels } = exemplar;
                Exemplar { labels, value, time }
            };
            let found = samples.store().exemplars(*tenant, sets, *start, *end);
            let series = |series: orszem_series::SeriesExemplars| ExemplarSeries {
                labels: series.labels,
                exemplars: series.exemplars.into_iter().map(exemplar).collect(),
            };
            Ok(found.into_iter().map(series).collect())
        }),
        cardinality: ask(samples, |samples, (tenant, lines): &(u32, usize)| Ok(cardinality(samples, *tenant, *lines))),
        delete: Box::new(move |ask: &SeriesAsk| {
            let SeriesAsk { tenant, sets, start, end, limit: _ } = ask;
            let deleting = deletes.delete(*tenant, sets, *start, *end);
            let deleted = tokio::runtime::Handle::current().block_on(deleting);
            deleted.map_err(|error| SourceError { message: error.to_string(), is_limit: false })
        }),
        runtime: Box::new(move || Runtime {
            started,
            retention: retention.clone(),
            corruptions: corruptions.store().sizes().damaged_reads,
        }),
        targets,
        configuration,
    }
}

fn ask<A: 'static, T: 'static>(
    samples: &Samples,
    answer: impl Fn(&Samples, &A) -> Result<T, SourceError> + Send + Sync + 'static,
) -> Ask<A, T> {
    let samples = samples.clone();
    Box::new(move |ask| answer(&samples, ask))
}

#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
fn failed(error: orszem_series::Error) -> SourceError {
    SourceError { message: error.to_string(), is_limit: false }
}

/// One more than the limit, so that it is known whether there are more; all for 0.
fn beyond(limit: usize) -> usize {
    if limit == 0 { usize::MAX } else { limit.saturating_add(1) }
}

fn cut<T>(mut items: Vec<T>, limit: usize) -> Limited<T> {
    let is_cut = limit > 0 && items.len() > limit;
    if is_cut {
        items.truncate(limit);
    }
    Limited { items, is_cut }
}

fn cardinality(samples: &Samples, tenant: u32, lines: usize) -> Cardinality {
    let sizes = samples.store().sizes();
    let report = samples.store().report(tenant, lines);
    let (min_time, max_time) = sizes.range.unwrap_or((0, 0));
    let values = |counts: Vec<orszem_series::ValueCount>| {
        counts.into_iter().map(|count| (count.value, count.series)).collect::<Vec<_>>()
    };
    Cardinality {
        series: report.series,
        label_pairs: report.label_pairs,
        chunks: sizes.files + sizes.blocks,
        min_time,
        max_time,
        series_by_metric: values(report.metrics),
        values_by_label: report.labels.into_iter().map(|label| (label.name, label.values)).collect(),
        bytes_by_label: report.label_bytes.into_iter().map(|label| (label.name, label.bytes)).collect(),
        series_by_pair: values(report.pairs),
    }
}
