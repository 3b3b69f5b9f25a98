//! What the program tells of itself: its log on standard error, and its metrics.

mod classic;

use std::fmt;
use std::fs;
use std::sync::{Arc, OnceLock};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use anyhow::Context;
use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::HeaderMap;
use http::header::{CONTENT_TYPE, VARY};
use orszem_collector::CollectorHandle;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric};
use prometheus_client::metrics::counter::{ConstCounter, Counter};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;
use tracing::error;
use tracing_subscriber::EnvFilter;

use crate::catalogue::ApiError;

/// How the program's own log is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// Sets the process's tracing subscriber. `level` is a filter such as `info` or `warn,orszem_journal=debug`.
pub fn install(format: LogFormat, level: &str) -> anyhow::Result<()> {
    let filter = EnvFilter::try_new(level).with_context(|| format!("--log-level `{level}` is no filter"))?;
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let installed = match format {
        LogFormat::Text => builder.with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr())).try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    };
    installed.map_err(|error| anyhow::anyhow!(error)).context("can't set up the log")
}

/// The metrics of the HTTP server.
#[derive(Clone, Debug)]
pub struct HttpMetrics {
    requests: Family<RequestLabels, Counter>,
    seconds: Family<RouteLabels, Histogram>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    method: &'static str,
    route: String,
    status: u16,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RouteLabels {
    route: String,
}

/// A registry that knows the process and this build, and the HTTP metrics in it.
pub fn registry() -> (Registry, HttpMetrics) {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(Process::new()));
    let build = Info::new([("version", env!("CARGO_PKG_VERSION"))]);
    registry.register("orszem_build", "The version of this program", build);
    let metrics = HttpMetrics {
        requests: Family::default(),
        seconds: Family::new_with_constructor(|| Histogram::new(exponential_buckets(0.001, 4.0, 8))),
    };
    registry.register("orszem_http_requests", "Requests answered, by route and status", metrics.requests.clone());
    registry.register("orszem_http_request_seconds", "Time until the head of the answer", metrics.seconds.clone());
    (registry, metrics)
}

/// The middleware that counts and times requests. Routes, not paths, are told apart, so the number of series is bounded.
pub async fn measure(State(metrics): State<HttpMetrics>, request: Request, next: Next) -> Response {
    let start = Instant::now();
    let method = method_name(request.method());
    let matched = request.extensions().get::<MatchedPath>();
    let route = matched.map_or("none", MatchedPath::as_str).to_owned();
    let response = next.run(request).await;
    metrics.seconds.get_or_create(&RouteLabels { route: route.clone() }).observe(start.elapsed().as_secs_f64());
    metrics.requests.get_or_create(&RequestLabels { method, route, status: response.status().as_u16() }).inc();
    response
}

/// Methods are what clients make up, so all but the usual count as one.
fn method_name(method: &http::Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "POST" => "POST",
        "PUT" => "PUT",
        "DELETE" => "DELETE",
        "OPTIONS" => "OPTIONS",
        _ => "other",
    }
}

/// `GET /metrics`: in OpenMetrics for those who ask for it, in Prometheus' text format for all others.
pub async fn metrics_page(State(registry): State<Arc<Registry>>, headers: HeaderMap) -> Response {
    let Some(text) = page(&registry) else { return ApiError::MetricsFailed.into_response() };
    let (kind, text) = if classic::is_asked_for(&headers) {
        ("text/plain; version=0.0.4; charset=utf-8", classic::of(&text))
    } else {
        ("application/openmetrics-text; version=1.0.0; charset=utf-8", text)
    };
    ([(CONTENT_TYPE, kind), (VARY, "accept")], text).into_response()
}

/// Has the collector of this process send its own metrics, those of the process and of `more` among them.
pub fn measure_own(collector: &CollectorHandle, more: Option<Box<dyn Collector>>) {
    let (mut registry, _) = registry();
    CollectorMetrics::register(&mut registry).fill(collector.clone());
    more.into_iter().for_each(|more| registry.register_collector(more));
    collector.measure_own(move || page(&registry));
}

/// All metrics in the OpenMetrics text format; `None`, and told in the log, where they can't be written.
fn page(registry: &Registry) -> Option<String> {
    let mut text = String::new();
    match prometheus_client::encoding::text::encode(&mut text, registry) {
        Ok(()) => Some(text),
        Err(fmt::Error) => {
            error!("metrics could not be encoded");
            None
        }
    }
}

/// The process, read from `/proc/self` when asked.
#[derive(Debug)]
struct Process {
    start_s: f64,
}

impl Process {
    fn new() -> Self {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH);
        Self { start_s: since_epoch.map_or(0.0, |elapsed| elapsed.as_secs_f64()) }
    }
}

impl Collector for Process {
    fn encode(&self, mut encoder: DescriptorEncoder) -> Result<(), fmt::Error> {
        if let Some(seconds) = fs::read_to_string("/proc/self/stat").ok().as_deref().and_then(cpu_seconds) {
            let counter = ConstCounter::new(seconds);
            let help = "User and system CPU time";
            counter.encode(encoder.encode_descriptor("process_cpu_seconds", help, None, counter.metric_type())?)?;
        }
        let mut gauge = |name: &str, help: &str, value: f64| {
            let gauge = ConstGauge::new(value);
            gauge.encode(encoder.encode_descriptor(name, help, None, gauge.metric_type())?)
        };
        gauge("process_start_time_seconds", "Start of the process since 1970", self.start_s)?;
        if let Ok(status) = fs::read_to_string("/proc/self/status") {
            if let Some(bytes) = status_bytes(&status, "VmRSS:") {
                gauge("process_resident_memory_bytes", "Resident memory", bytes)?;
            }
            if let Some(bytes) = status_bytes(&status, "RssAnon:") {
                gauge("process_anonymous_memory_bytes", "Resident memory that no file backs", bytes)?;
            }
        }
        if let Ok(entries) = fs::read_dir("/proc/self/fd") {
            gauge("process_open_fds", "Open file descriptors", entries.count() as f64)?;
        }
        Ok(())
    }
}

/// What the collector in this process counts, once there is one.
#[derive(Clone, Debug, Default)]
pub struct CollectorMetrics {
    handle: Arc<OnceLock<CollectorHandle>>,
}

impl CollectorMetrics {
    /// Registers the metrics; they are empty until [`Self::fill`].
    pub fn register(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        registry.register_collector(Box::new(metrics.clone()));
        metrics
    }

    /// From now on `handle` is asked.
    pub fn fill(&self, handle: CollectorHandle) {
        if self.handle.set(handle).is_err() {
            error!("there is a collector already");
        }
    }
}

impl Collector for CollectorMetrics {
    fn encode(&self, mut encoder: DescriptorEncoder) -> Result<(), fmt::Error> {
        let Some(handle) = self.handle.get() else { return Ok(()) };
        for (name, help, value) in handle.counters().iter() {
            let counter = ConstCounter::new(value);
            let name = format!("orszem_collector_{name}");
            counter.encode(encoder.encode_descriptor(&name, help, None, counter.metric_type())?)?;
        }
        let report = handle.report();
        for (name, help, value) in [
            ("queue_records_dropped", "Records that the full queue left out", report.queue_dropped),
            (
                "metrics_queue_samples_dropped",
                "Samples that the full queue of metrics left out",
                report.metrics.samples_dropped,
            ),
        ] {
            let counter = ConstCounter::new(value);
            let name = format!("orszem_collector_{name}");
            counter.encode(encoder.encode_descriptor(&name, help, None, counter.metric_type())?)?;
        }
        for (name, help, value) in [
            ("files", "Files that are followed", report.files_followed),
            ("files_unreadable", "Files that can't be read", report.files_unreadable),
            ("lag_bytes", "Bytes of files that are not read yet", report.lag_bytes),
            ("queue_bytes", "Bytes of the disk queue", report.queue_bytes),
            ("queue_batches", "Batches that are not acknowledged yet", report.queue_batches),
            ("metrics_queue_bytes", "Bytes of the disk queue of metrics", report.metrics.queue_bytes),
            ("metrics_queue_batches", "Batches of metrics that are not acknowledged yet", report.metrics.queue_batches),
            ("targets_up", "Targets whose last scrape succeeded", report.metrics.targets_up),
            ("targets_down", "Targets whose last scrape failed", report.metrics.targets_down),
        ] {
            let gauge = ConstGauge::new(value as f64);
            let name = format!("orszem_collector_{name}");
            gauge.encode(encoder.encode_descriptor(&name, help, None, gauge.metric_type())?)?;
        }
        Ok(())
    }
}

/// CPU seconds in the text of `/proc/PID/stat`; the name in parentheses may hold anything.
pub(crate) fn cpu_seconds(stat: &str) -> Option<f64> {
    // Linux reports to user space in hundredths of a second on every architecture (USER_HZ).
    const TICKS_PER_SECOND: f64 = 100.0;
    let (_, after_name) = stat.rsplit_once(')')?;
    let mut fields = after_name.split_ascii_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some((user + system) as f64 / TICKS_PER_SECOND)
}

/// The value of one line of `/proc/PID/status`, which counts in kB.
pub(crate) fn status_bytes(status: &str, name: &str) -> Option<f64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some((kib * 1_024) as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proc_texts_are_read() {
        let stat = "7 (a b) c) S 1 7 7 0 -1 4194560 100 0 0 0 150 50 0 0 20 0 1 0 100 1000 10";
        assert_eq!(cpu_seconds(stat), Some(2.0));
        assert_eq!(cpu_seconds("7 (a) S 1"), None);
        let status = "Name:\tx\nVmRSS:\t    2048 kB\n";
        assert_eq!((status_bytes(status, "VmRSS:"), status_bytes(status, "RssAnon:")), (Some(2_097_152.0), None));
    }

    #[test]
    fn the_page_has_the_process_and_the_build() {
        let (registry, metrics) = registry();
        let labels = RequestLabels { method: "GET", route: "/x".to_owned(), status: 200 };
        metrics.requests.get_or_create(&labels).inc();
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &registry).expect("encodes");
        let version = env!("CARGO_PKG_VERSION");
        for line in [
            format!("orszem_build_info{{version=\"{version}\"}} 1\n"),
            "orszem_http_requests_total{method=\"GET\",route=\"/x\",status=\"200\"} 1\n".to_owned(),
            "\nprocess_resident_memory_bytes ".to_owned(),
            "\nprocess_cpu_seconds_total ".to_owned(),
            "\nprocess_start_time_seconds ".to_owned(),
        ] {
            assert!(text.contains(&line), "{line} in\n{text}");
        }
    }
}
