//! The series store as the Prometheus API asks it.

use std::sync::Arc;

use orszem_dashboards::http::prometheus::engine::{
    Ask, Cardinality, Exemplar, ExemplarSeries, Limited, MetricMetadata, Runtime, SeriesAsk, SeriesEngine,
};
use orszem_indexer::samples::Samples;
use orszem_model::Timestamp;
use orszem_promql::SourceError;
use orszem_series::SeriesStore;

use crate::running::Running;
use crate::targets;

/// Metrics whose metadata is answered.
const METADATA_MAX: usize = 100_000;

/// Puts every question of the API to `samples`, and those about the server itself to `running`; `retention` is how long
/// samples are kept, in words. Called within a tokio runtime.
pub(crate) fn series_engine(samples: &Samples, retention: String, running: &Arc<Running>) -> SeriesEngine {
    let sources = samples.clone();
    let deletes = samples.clone();
    let corruptions = samples.clone();
    SeriesEngine {
        source: Box::new(move |tenant| Arc::new(sources.source(tenant))),
        series: ask(samples, |samples, ask: &SeriesAsk| {
            let SeriesAsk { tenant, sets, start, end, limit } = ask;
            let store = samples.store().asking();
            let found = store.series(*tenant, sets, *start, *end, beyond(*limit)).map_err(failed)?;
            Ok(cut(found, *limit, &store))
        }),
        label_names: ask(samples, |samples, ask: &SeriesAsk| {
            let SeriesAsk { tenant, sets, start, end, limit } = ask;
            let store = samples.store().asking();
            let found = store.label_names(*tenant, sets, *start, *end).map_err(failed)?;
            Ok(cut(found, *limit, &store))
        }),
        label_values: ask(samples, |samples, (name, ask): &(String, SeriesAsk)| {
            let SeriesAsk { tenant, sets, start, end, limit } = ask;
            let store = samples.store().asking();
            let found = store.label_values(*tenant, name, sets, *start, *end).map_err(failed)?;
            Ok(cut(found, *limit, &store))
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
        runtime: told(running, move |running| {
            let (loaded, is_config_good) = running.loaded();
            Runtime {
                started: milliseconds(running.started),
                config_loaded: milliseconds(loaded),
                is_config_good,
                retention: retention.clone(),
                corruptions: corruptions.store().sizes().damaged_reads,
                directory: std::env::current_dir().map_or_else(|_| String::new(), |path| path.display().to_string()),
                host: running.host.clone(),
                threads: threads(),
            }
        }),
        targets: told(running, |running| targets::shown(running.targets(), &running.host)),
        target_metadata: {
            let running = Arc::clone(running);
            Box::new(move |ask| Ok(targets::metadata(&running.targets(), ask)))
        },
        configuration: told(running, Running::configuration),
    }
}

fn told<T>(
    running: &Arc<Running>,
    tell: impl Fn(&Running) -> T + Send + Sync + 'static,
) -> Box<dyn Fn() -> T + Send + Sync> {
    let running = Arc::clone(running);
    Box::new(move || tell(&running))
}

fn milliseconds(time: Timestamp) -> i64 {
    time.0 / 1_000_000
}

/// Threads of this process.
fn threads() -> u64 {
    std::fs::read_dir("/proc/self/task").map_or(0, |tasks| tasks.count() as u64)
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

fn cut<T>(mut items: Vec<T>, limit: usize, asked: &SeriesStore) -> Limited<T> {
    let is_cut = limit > 0 && items.len() > limit;
    if is_cut {
        items.truncate(limit);
    }
    Limited { items, is_cut, damaged: asked.damaged() }
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
