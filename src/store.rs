//! Opens the stores in the data directory and joins them with the routes that stand on them.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Context;
use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use futures_util::future::BoxFuture;
use http::header::CONTENT_TYPE;
use orszem_dashboards::http::prometheus::{ApiOptions, PrometheusApi};
use orszem_dashboards::http::report::ReportApi;
use orszem_dashboards::http::{LogsApi, packed};
use orszem_indexer::Indexer;
use orszem_indexer::facts::FactsStage;
use orszem_indexer::ingest::http::{self as ingest, IngestState, SamplesState};
use orszem_indexer::ingest::metrics::Metrics;
use orszem_indexer::probes::{ProbesHandle, ProbesService};
use orszem_indexer::samples::Samples;
use orszem_indexer::topology::Topology;
use orszem_model::Timestamp;
use orszem_promql::{Options as Evaluation, ParseOptions};
use prometheus_client::registry::Registry;
use tracing::{error, warn};

use crate::access::Identity;
use crate::alerting::{Alerting, Reloading};
use crate::app::Options;
use crate::backing_up;
use crate::catalogue::ApiError;
use crate::config::Config;
use crate::data_dir::DataDir;
use crate::engine::engine;
use crate::prometheus_flags;
use crate::running::Running;
use crate::series_engine::series_engine;

/// The store as the rest of the program sees it.
pub(crate) struct Store {
    /// Everything that is answered from the store: ingest, queries, the page.
    pub(crate) routes: Router,
    /// What this host's collector and the syslog listeners share with the routes of ingest.
    pub(crate) ingest: Arc<IngestState>,
    /// The same for metrics.
    pub(crate) samples: SamplesState,
    /// What this host's collector knows of its cluster goes there.
    pub(crate) topology: Topology,
    /// What this host's collector finds of its probes goes there.
    pub(crate) probes: ProbesHandle,
    /// The way in for another configuration of alerting.
    pub(crate) alerting: Reloading,
    /// What was available is asked there.
    pub(crate) reports: ReportApi,
    /// Flushes and closes it.
    pub(crate) close: BoxFuture<'static, ()>,
}

impl Store {
    /// Opens the store in `data_dir` and registers its metrics. Blocks on the disk.
    pub(crate) fn open(
        config: &Config,
        data_dir: &DataDir,
        registry: &mut Registry,
        options: &Options,
        running: &Arc<Running>,
    ) -> anyhow::Result<Self> {
        let (indexer, report) = Indexer::open(data_dir.path(), config.logs.clone()).context("can't open the store")?;
        for lost in &report.quarantined {
            error!(path = %lost.path.display(), reason = %lost.reason, rows = lost.rows, "in quarantine");
        }
        for damage in &report.damaged {
            error!(path = %damage.path.display(), offset = damage.offset, bytes = damage.bytes, reason = %damage.reason, "the journal is damaged");
        }
        if report.damaged_more > 0 {
            error!(ranges = report.damaged_more, "the journal is damaged in more places");
        }
        if let Some(torn) = &report.torn {
            warn!(torn = ?torn, "a write that was never acknowledged was cut off");
        }
        indexer.register_metrics(registry);
        let facts = FactsStage::start(&indexer, registry).context("can't go on with the facts of clusters")?;
        let metrics = Metrics::register(registry);
        let submit = indexer.submit_fn();
        let state = Arc::new(IngestState::new(config.ingest.clone(), submit, metrics, Arc::new(now)));
        let watched = ingest::watched(ingest::router(Arc::clone(&state)), indexer.collectors(), Arc::new(now));
        let samples = open_samples(config, data_dir, registry)?;
        let samples_state = SamplesState { ingest: Arc::clone(&state), samples: samples.clone() };
        let is_experimental = options.features.promql_experimental;
        let stores = (&indexer, &samples);
        let alerting = Alerting::start(config, data_dir.path(), stores, is_experimental, registry)?;
        let probes = ProbesService::start(data_dir.path(), samples.clone(), registry)
            .context("can't go on with what is held of probes")?;
        let prometheus = prometheus(config, &samples, options, running).with_alerting(alerting.service.handle());
        let reloading = alerting.reloading.clone();
        let reports = report_of(&probes, &samples, &alerting);
        let routes = watched
            .merge(ingest::samples_router(samples_state.clone()))
            .merge(ingest::topology_router(Arc::clone(&state), indexer.topology()))
            .merge(ingest::votes_router(Arc::clone(&state), probes.handle()))
            .merge(prometheus.router())
            .merge(alerting.routes(running.started))
            .merge(packed(
                reports
                    .clone()
                    .router()
                    .merge(orszem_dashboards::http::topology::router(indexer.topology()))
                    .merge(orszem_dashboards::http::probes::router(probes.handle()))
                    .merge(orszem_dashboards::http::collectors::router(indexer.collectors()))
                    .merge(orszem_dashboards::http::app::router(LogsApi::new(engine(&indexer)))),
            ))
            .merge(admin(indexer.clone(), samples.clone()))
            .merge(backing_up::routes(indexer.clone(), samples.clone(), data_dir)?);
        let topology = indexer.topology();
        let votes = probes.handle();
        let close = Box::pin(async move {
            probes.stop().await;
            alerting.stop().await;
            facts.stop().await;
            let (logs, metrics) = tokio::join!(indexer.shutdown(), samples.shutdown());
            for error in [logs.err(), metrics.err()].into_iter().flatten() {
                error!(%error, "a store did not close well; the next start replays its journal");
            }
        });
        let (ingest, samples, probes, alerting) = (state, samples_state, votes, reloading);
        Ok(Self { routes, ingest, samples, topology, probes, alerting, reports, close })
    }
}

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since.as_nanos()).unwrap_or(i64::MAX))
}

fn open_samples(config: &Config, data_dir: &DataDir, registry: &mut Registry) -> anyhow::Result<Samples> {
    let (samples, report) =
        Samples::open(data_dir.path(), config.metrics.clone()).context("can't open the store of metrics")?;
    for lost in &report.store.set_aside {
        error!(path = %lost.path.display(), reason = %lost.reason, "in quarantine");
    }
    if report.store.series_lost > 0 {
        error!(series = report.store.series_lost, "the labels of series are lost with a damaged part of their log");
    }
    for damage in &report.damaged {
        error!(path = %damage.path.display(), offset = damage.offset, bytes = damage.bytes, reason = %damage.reason, "the journal of metrics is damaged");
    }
    if report.damaged_more > 0 {
        error!(ranges = report.damaged_more, "the journal of metrics is damaged in more places");
    }
    if let Some(torn) = &report.torn {
        warn!(torn = ?torn, "a write of metrics that was never acknowledged was cut off");
    }
    samples.register_metrics(registry);
    Ok(samples)
}

/// The Prometheus API over `samples`.
fn prometheus(config: &Config, samples: &Samples, options: &Options, running: &Arc<Running>) -> PrometheusApi {
    let kept = &config.metrics;
    let age = kept.age.map(|age| age.to_string());
    let bytes = kept.bytes.map(|bytes| bytes.to_string());
    let limits: Vec<&str> = [&age, &bytes].into_iter().flatten().map(String::as_str).collect();
    let retention = if limits.is_empty() { "for ever".to_owned() } else { limits.join(" or ") };
    let evaluate =
        Evaluation { threads: std::thread::available_parallelism().map_or(1, usize::from), ..Evaluation::default() };
    let api = ApiOptions {
        parse: ParseOptions { is_experimental: options.features.promql_experimental },
        flags: prometheus_flags::flags(config, options, &evaluate),
        evaluate,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        revision: String::new(),
    };
    PrometheusApi::new(series_engine(samples, retention, running), api)
}

fn report_of(probes: &ProbesService, samples: &Samples, alerting: &Alerting) -> ReportApi {
    let (alerting, tenant) = (alerting.service.handle(), Identity::local().tenant);
    ReportApi { probes: probes.handle(), samples: samples.clone(), alerting, tenant }
}

/// `POST /app/v1/admin/flush` and `/app/v1/admin/seal`: do now what maintenance does in time; answer when it is done.
fn admin(indexer: Indexer, samples: Samples) -> Router {
    type Stores = (Indexer, Samples);
    Router::new()
        .route("/app/v1/admin/flush", post(|State(stores): State<Stores>| settle(stores, false)))
        .route("/app/v1/admin/seal", post(|State(stores): State<Stores>| settle(stores, true)))
        .with_state((indexer, samples))
}

async fn settle((indexer, samples): (Indexer, Samples), seals: bool) -> Response {
    let settling = tokio::task::spawn_blocking(move || indexer.settle(seals).and_then(|()| samples.settle(seals)));
    match settling.await {
        Ok(Ok(())) => ([(CONTENT_TYPE, "application/json")], r#"{"status":"ok"}"#).into_response(),
        Ok(Err(error)) => {
            error!(%error, "settling failed");
            ApiError::SettleFailed.into_response()
        }
        Err(error) => {
            error!(%error, "settling ended badly");
            ApiError::SettleFailed.into_response()
        }
    }
}
