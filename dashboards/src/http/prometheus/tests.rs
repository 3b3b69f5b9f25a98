//! The Prometheus API as a function, over series in memory.

mod damage;
mod errors;
mod explain;
mod lists;
mod queries;
mod server;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use axum::body::Body;
use axum::{Extension, Router};
use http::{HeaderMap, Request, header};
use http_body_util::BodyExt;
use orszem_model::{BucketSpan, Buckets, Columns, Histogram, HistogramPoint, Labels, Matcher};
use orszem_promql::{Select, Selection, SeriesReader, Source, SourceError};
use tower::ServiceExt;

use super::engine::*;
use super::{ApiOptions, PrometheusApi};
use crate::http::access::Access;

const ADMIN: Access = Access { tenant: 0, may_read: true, is_admin: true };
const READER: Access = Access { is_admin: false, ..ADMIN };

/// One series.
type Kept = (Labels, Columns);

fn constant(labels: &[(&str, &str)], value: f64) -> Kept {
    let times = (0..=10).map(|step| step * 10_000);
    let columns =
        Columns { times: times.clone().collect(), values: times.map(|_| value).collect(), ..Columns::default() };
    (Labels::new(labels.to_vec()), columns)
}

fn latency() -> Kept {
    let histogram = Histogram {
        zero_threshold: 0.001,
        zero_count: 1.0,
        count: 4.0,
        sum: 5.5,
        positive: Buckets { spans: vec![BucketSpan { offset: 0, length: 2 }], counts: vec![1.0, 2.0] },
        ..Histogram::default()
    };
    let point = HistogramPoint { time: 10_000, histogram: Arc::new(histogram) };
    (Labels::from([("__name__", "latency")]), Columns { histograms: vec![point], ..Columns::default() })
}

/// From 0 s to 100 s, every 10 s; sorted.
fn kept() -> Vec<Kept> {
    let mut all = vec![
        latency(),
        constant(&[("__name__", "http.requests"), ("http.status", "200")], 7.0),
        constant(&[("__name__", "odd"), ("kind", "inf")], f64::INFINITY),
        constant(&[("__name__", "odd"), ("kind", "large")], 1e21),
        constant(&[("__name__", "odd"), ("kind", "minus")], f64::NEG_INFINITY),
        constant(&[("__name__", "odd"), ("kind", "nan")], f64::NAN),
        constant(&[("__name__", "odd"), ("kind", "quo\"te")], -0.5),
        constant(&[("__name__", "odd"), ("kind", "small")], 1.5e-7),
        constant(&[("__name__", "up"), ("job", "a")], 1.0),
        constant(&[("__name__", "up"), ("job", "b")], 0.0),
    ];
    all.extend((100..200).map(|n| constant(&[("__name__", "many"), ("n", &n.to_string())], f64::from(n))));
    all.sort_by(|a, b| a.0.cmp(&b.0));
    all
}

fn fits(labels: &Labels, matchers: &[Matcher]) -> bool {
    matchers.iter().all(|matcher| matcher.matches(labels.get(&matcher.name).unwrap_or("")))
}

/// The series of tenant 0; `broken` can't be read and `excessive` is too much.
struct Memory(Vec<Kept>);

/// Its answers leave out a damaged part each time something is selected.
struct Damaged(Memory, AtomicU64);

impl Source for Damaged {
    fn select(&self, select: &Select<'_>) -> Result<Box<dyn Selection>, SourceError> {
        self.1.fetch_add(1, Ordering::Relaxed);
        self.0.select(select)
    }

    fn damaged(&self) -> u64 {
        self.1.load(Ordering::Relaxed)
    }
}

impl Source for Memory {
    fn select(&self, select: &Select<'_>) -> Result<Box<dyn Selection>, SourceError> {
        for (name, is_limit) in [("broken", false), ("excessive", true)] {
            if select.matchers.iter().any(|matcher| matcher.value == name) {
                return Err(SourceError { message: format!("{name} series"), is_limit });
            }
        }
        let inside = |time: i64| time > select.start && time <= select.end;
        let cut = |(labels, all): &Kept| {
            let mut columns = Columns::default();
            let floats = all.times.iter().zip(&all.values).filter(|point| inside(*point.0));
            floats.for_each(|(time, value)| columns.push(*time, *value));
            columns.histograms.extend(all.histograms.iter().filter(|point| inside(point.time)).cloned());
            (labels.clone(), columns)
        };
        let found = self.0.iter().filter(|series| fits(&series.0, select.matchers)).map(cut);
        Ok(Box::new(Found(found.filter(|series| !series.1.is_empty()).collect())))
    }
}

struct Found(Vec<Kept>);

impl Selection for Found {
    fn len(&self) -> usize {
        self.0.len()
    }

    fn reader(&self) -> Box<dyn SeriesReader + '_> {
        Box::new(Reading(&self.0))
    }
}

struct Reading<'a>(&'a [Kept]);

impl SeriesReader for Reading<'_> {
    fn labels(&mut self, at: usize) -> Result<Labels, SourceError> {
        Ok(self.0[at].0.clone())
    }

    fn read(&mut self, at: usize, into: &mut Columns) -> Result<(), SourceError> {
        into.clone_from(&self.0[at].1);
        Ok(())
    }
}

fn limited<T>(mut items: Vec<T>, limit: usize) -> Limited<T> {
    let is_cut = limit > 0 && items.len() > limit;
    if is_cut {
        items.truncate(limit);
    }
    Limited { items, is_cut, damaged: 0 }
}

fn listed(ask: &SeriesAsk) -> Vec<Labels> {
    let is_inside = ask.tenant == 0 && ask.start <= 100_000 && ask.end >= 0;
    let all = kept().into_iter().map(|series| series.0).filter(|_| is_inside);
    all.filter(|labels| ask.sets.is_empty() || ask.sets.iter().any(|set| fits(labels, set))).collect()
}

fn sorted<'a>(texts: impl Iterator<Item = &'a str>) -> Vec<String> {
    texts.map(str::to_owned).collect::<std::collections::BTreeSet<_>>().into_iter().collect()
}

fn metadata(metric: &str, kind: &str, help: &str, unit: &str) -> MetricMetadata {
    let [metric, kind, help, unit] = [metric, kind, help, unit].map(str::to_owned);
    MetricMetadata { metric, kind, help, unit }
}

fn targets() -> Targets {
    let node = Target {
        discovered: Labels::from([("__address__", "localhost:9100")]),
        labels: Labels::from([("instance", "localhost:9100"), ("job", "node")]),
        pool: "node".into(),
        url: "http://localhost:9100/metrics".into(),
        global_url: "http://db1:9100/metrics".into(),
        last_error: String::new(),
        last_scrape: Some(1_795_341_600_000),
        last_duration_s: 0.25,
        health: Health::Up,
        interval_ms: 60_000,
        timeout_ms: 2_500,
    };
    let fresh = Target {
        pool: "api".into(),
        global_url: "http://api1/".into(),
        url: "http://api1/".into(),
        last_scrape: None,
        health: Health::Unknown,
        ..node.clone()
    };
    let dropped = DroppedTarget { pool: "node".into(), discovered: Labels::from([("__address__", "db9:9100")]) };
    Targets {
        pools: vec!["node".into(), "api".into()],
        active: vec![node, fresh],
        dropped: vec![dropped],
        dropped_counts: vec![("node".into(), 2), ("api".into(), 0)],
    }
}

fn target_metadata(ask: &TargetMetadataAsk) -> Vec<TargetMetadata> {
    let target = Labels::from([("instance", "localhost:9100")]);
    let TargetMetadataAsk { matchers, metric, limit } = ask;
    // What was asked for is told in the help.
    let asked = format!("{} {metric:?} {limit:?}", matchers.len());
    vec![TargetMetadata { target, metadata: metadata("up", "gauge", &asked, "s") }]
}

/// What was deleted, of which the tests want to know.
type Deleted = Arc<Mutex<Vec<(i64, i64, usize)>>>;

fn engine(deleted: &Deleted) -> SeriesEngine {
    let deleted = Arc::clone(deleted);
    SeriesEngine {
        source: Box::new(|tenant| Arc::new(Memory(if tenant == 0 { kept() } else { Vec::new() }))),
        series: Box::new(|ask| Ok(limited(listed(ask), ask.limit))),
        label_names: Box::new(|ask| {
            let found = listed(ask);
            Ok(limited(sorted(found.iter().flat_map(|labels| labels.iter().map(|pair| pair.0))), ask.limit))
        }),
        label_values: Box::new(|(name, ask)| {
            let found = listed(ask);
            Ok(limited(sorted(found.iter().filter_map(|labels| labels.get(name))), ask.limit))
        }),
        metadata: Box::new(|_| {
            Ok(vec![
                metadata("latency", "histogram", "How \"long\".", "seconds"),
                metadata("up", "gauge", "Whether it is up.", ""),
                metadata("up", "unknown", "", ""),
            ])
        }),
        exemplars: Box::new(|ask| {
            let exemplar = Exemplar { labels: Labels::from([("trace_id", "x")]), value: 0.5, time: 1_500 };
            let series =
                listed(ask).into_iter().map(|labels| ExemplarSeries { labels, exemplars: vec![exemplar.clone()] });
            Ok(series.collect())
        }),
        cardinality: Box::new(|(_, lines)| {
            let mut by_metric = vec![("many".to_owned(), 100), ("odd".to_owned(), 6)];
            by_metric.truncate(*lines);
            Ok(Cardinality {
                series: 110,
                label_pairs: 120,
                chunks: 3,
                min_time: 0,
                max_time: 100_000,
                series_by_metric: by_metric,
                ..Cardinality::default()
            })
        }),
        delete: Box::new(move |ask| {
            deleted.lock().expect("lock").push((ask.start, ask.end, ask.sets.len()));
            Ok(())
        }),
        runtime: Box::new(|| Runtime {
            started: 1_795_341_600_000,
            config_loaded: 1_795_341_661_500,
            is_config_good: false,
            retention: "90d".into(),
            corruptions: 2,
            directory: "/srv".into(),
            host: "db1".into(),
            threads: 7,
        }),
        targets: Box::new(targets),
        target_metadata: Box::new(|ask| Ok(target_metadata(ask))),
        configuration: Box::new(|| "a: 1\n".into()),
    }
}

fn app(deleted: &Deleted, access: Access) -> Router {
    let options = ApiOptions {
        flags: vec![("query.lookback-delta".into(), "5m".into())],
        version: "3.9.9".into(),
        revision: "abc".into(),
        ..ApiOptions::default()
    };
    PrometheusApi::new(engine(deleted), options).router().layer(Extension(access))
}

fn encoded(pairs: &[(&str, &str)]) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
}

async fn call(access: Access, request: Request<Body>) -> (u16, HeaderMap, Vec<u8>) {
    let response = app(&Deleted::default(), access).oneshot(request).await.expect("answers");
    let (parts, body) = response.into_parts();
    (parts.status.as_u16(), parts.headers, body.collect().await.expect("body").to_bytes().to_vec())
}

async fn get(path: &str, pairs: &[(&str, &str)]) -> (u16, String) {
    let mark = if path.contains('?') { "" } else { "?" };
    let request = Request::get(format!("/api/v1/{path}{mark}{}", encoded(pairs))).body(Body::empty()).expect("request");
    let (status, headers, body) = call(READER, request).await;
    assert_eq!(headers[header::CONTENT_TYPE], "application/json", "{path}");
    (status, String::from_utf8(body).expect("text"))
}

async fn post(path: &str, url: &[(&str, &str)], body: &[(&str, &str)]) -> (u16, String) {
    let request = Request::post(format!("/api/v1/{path}?{}", encoded(url)))
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(Body::from(encoded(body)))
        .expect("request");
    let (status, _, body) = call(READER, request).await;
    (status, String::from_utf8(body).expect("text"))
}

/// The data of an answer, as text.
fn success(data: &str) -> (u16, String) {
    (200, format!("{{\"status\":\"success\",\"data\":{data}}}"))
}
