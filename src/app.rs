//! Starts, reloads and stops the parts of a server: in order, and backwards.

mod options;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context;
use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use futures_util::future::BoxFuture;
use orszem_collector::{Collector, CollectorConfig, CollectorHandle, Destination, FileStatus, Input};
use orszem_dashboards::http::access::Access as Reading;
use orszem_dashboards::http::app as page;
use orszem_indexer::alerting::AlertingHandle;
use orszem_indexer::ingest::http::{IngestState, SamplesState, Tenant, elastic_index};
use orszem_indexer::ingest::syslog::{self, Syslog};
use orszem_indexer::probes::ProbesHandle;
use orszem_indexer::topology::Topology;
use prometheus_client::registry::Registry;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::access::{self, Access, Identity, Role, login};
use crate::alerting::Reloading;
use crate::catalogue::ApiError;
use crate::collecting;
use crate::config::Config;
use crate::data_dir::DataDir;
use crate::deputies::Deputies;
use crate::descriptors;
use crate::follow;
use crate::heartbeats::Heartbeats;
use crate::probing::{self, Probing};
use crate::reporting::Reporting;
use crate::running::Running;
use crate::server::{self, Server};
use crate::store::Store;
use crate::telemetry::{self, HttpMetrics};
use crate::tls::{Ca, Tls};
pub use options::{Options, Overrides};

/// The longest a stop takes; what has not ended by then is cut.
const STOP_MAX: Duration = Duration::from_secs(10);
/// How much of it requests under way may use, so that the store has time to close.
const REQUESTS_MAX: Duration = Duration::from_secs(5);
/// How long what was read may take to be stored; the rest is queued.
const COLLECTOR_DRAIN_MAX: Duration = Duration::from_secs(2);

/// A running server.
pub struct App {
    options: Options,
    config: Config,
    addresses: Vec<SocketAddr>,
    ready: Arc<AtomicBool>,
    access: Arc<Access>,
    tls: Option<Arc<Tls>>,
    collector: Option<CollectorHandle>,
    running: Arc<Running>,
    samples: SamplesState,
    alerting: Reloading,
    probing: Probing,
    heartbeats: Heartbeats,
    deputies: Deputies,
    reporting: Reporting,
    stops: Stops,
    /// Held until everything has stopped.
    data_dir: DataDir,
}

impl App {
    /// Starts everything in order. When it returns, the server answers on all its addresses.
    pub async fn start(options: Options) -> anyhow::Result<Self> {
        let begun = Instant::now();
        descriptors::raise_limit();
        let config = options.config()?;
        let data_dir = DataDir::open(&options.data_dir)?;
        let host = host_name();
        let tls = Tls::new(&config.server, &data_dir.tls(), &host)?.map(Arc::new);
        let access = Arc::new(Access::new(&config.access, &config.server, tls.is_some())?);
        let mut listeners = Vec::new();
        for address in &config.server.listen {
            listeners.push(server::bind(*address).await?);
        }

        let running = Arc::new(Running::new(host.clone(), config.clone(), collecting::now()));
        let mut stops = Stops::default();
        let (mut registry, http_metrics) = telemetry::registry();
        let syslog_metrics = syslog::Metrics::register(&mut registry);
        let Store { routes, ingest, samples, topology, probes, alerting, reports, close } =
            Store::open(&config, &data_dir, &mut registry, &options, &running)?;
        stops.push("store", close);
        let (reporting, sending) = Reporting::start(&config, reports, alerting.handle());
        stops.push("reports", Box::pin(sending.stop()));

        let registered = telemetry::CollectorMetrics::register(&mut registry);
        let ready = Arc::new(AtomicBool::new(false));
        let shell = Shell { ready: Arc::clone(&ready), registry: Arc::new(registry), http_metrics };
        let probing = Probing::new(probing::load(&config.collector.probe_modules)?);
        let (heartbeats, keeping) =
            Heartbeats::start(config.heartbeat.clone(), data_dir.path(), samples.samples.clone())?;
        stops.push("heartbeats", Box::pin(keeping.stop()));
        let deputies = Deputies::new(&config.notify)?;
        let routes = routes.merge(probing.routes()).merge(heartbeats.routes()).merge(deputies.routes());
        let router = shell.router(routes, Arc::clone(&access), config.server.body_max.bytes());
        let addresses = start_server(&mut stops, listeners, router, tls.clone(), &config)?;
        start_syslog(&mut stops, &config, &ingest, tls.as_ref(), &syslog_metrics).await?;
        let collector = match options.follow {
            true => {
                let collector =
                    start_collector(&mut stops, collector_config(&config, &data_dir), host, samples.clone())?;
                registered.fill(collector.clone());
                keep_edges(&mut stops, collector.clone(), topology);
                keep_votes(&mut stops, &collector, &probes);
                running.set_collector(collector.clone());
                telemetry::measure_own(&collector, None);
                Some(collector)
            }
            false => None,
        };
        ready.store(true, Ordering::Release);
        info!(addresses = ?addresses, data_dir = %data_dir.path().display(), elapsed_ms = begun.elapsed().as_millis(), "ready");
        Ok(Self {
            options,
            config,
            addresses,
            ready,
            access,
            tls,
            collector,
            running,
            samples,
            alerting,
            probing,
            heartbeats,
            deputies,
            reporting,
            stops,
            data_dir,
        })
    }

    /// Where it listens.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Where the page is, for a person on this host.
    pub fn url(&self) -> String {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        self.addresses.first().map_or_else(String::new, |address| {
            let ip = if address.ip().is_unspecified() { "localhost".to_owned() } else { bracketed(address) };
            format!("{scheme}://{ip}:{}/", address.port())
        })
    }

    /// The local certificate authority, when it is in use.
    pub fn ca(&self) -> Option<&Ca> {
        self.tls.as_deref().and_then(Tls::ca)
    }

    /// The way to alerting.
    pub(crate) fn alerting(&self) -> AlertingHandle {
        self.alerting.handle()
    }

    /// Whether the rules that the program brings hold.
    pub(crate) fn has_built_in_rules(&self) -> bool {
        self.config.alerting.built_in_rules == Some(true)
    }

    /// Where it is noted that a test message reached the address of `up --mail`.
    pub(crate) fn mail_tested(&self) -> PathBuf {
        self.data_dir.mail_tested()
    }

    /// Whether this host's logs are followed.
    pub fn follows(&self) -> bool {
        self.collector.is_some()
    }

    /// What the collector follows and can't read; empty when it does not run.
    pub fn files(&self) -> Vec<FileStatus> {
        self.collector.as_ref().map(CollectorHandle::files).unwrap_or_default()
    }

    /// The way into the stores for what is of this process.
    pub(crate) fn samples(&self) -> SamplesState {
        self.samples.clone()
    }

    /// Has a further part stopped before all others.
    pub(crate) fn add_part(&mut self, name: &'static str, stop: BoxFuture<'static, ()>) {
        self.stops.push(name, stop);
    }

    /// Reads configuration, tokens and certificates again. Everything is checked first; on an error all stays as it was.
    pub async fn reload(&mut self) -> anyhow::Result<()> {
        let reloaded = self.try_reload().await;
        match &reloaded {
            Ok(()) => self.running.reloaded(self.config.clone(), collecting::now()),
            Err(_) => self.running.reload_failed(),
        }
        reloaded
    }

    async fn try_reload(&mut self) -> anyhow::Result<()> {
        let fresh = self.options.config()?;
        Tls::new(&fresh.server, &self.data_dir.tls(), &host_name())?;
        let modules = probing::load(&fresh.collector.probe_modules)?;
        self.access.reload()?;
        if let Some(tls) = &self.tls {
            tls.reload()?;
        }
        if let Some(collector) = self.collector.as_ref().filter(|_| fresh.collector != self.config.collector) {
            collector.reload(collector_config(&fresh, &self.data_dir)).await?;
        }
        self.alerting.reload(&fresh).await?;
        self.probing.replace(modules);
        self.heartbeats.replace(fresh.heartbeat.clone());
        self.deputies.replace(&fresh.notify).await;
        self.reporting.replace(&fresh);
        self.config.collector = fresh.collector.clone();
        self.config.alerting = fresh.alerting.clone();
        self.config.notify = fresh.notify.clone();
        self.config.heartbeat = fresh.heartbeat.clone();
        self.config.report = fresh.report.clone();
        if fresh == self.config {
            info!("reloaded tokens, certificates, alerting and what is collected");
        } else {
            warn!(
                "reloaded tokens, certificates, alerting and what is collected; other changed options take effect at the next start"
            );
        }
        Ok(())
    }

    /// Stops everything backwards, in at most 10 s. What was acknowledged is durable before and after.
    pub async fn stop(self) {
        let begun = Instant::now();
        self.ready.store(false, Ordering::Release);
        drop(self.collector);
        if tokio::time::timeout(STOP_MAX, self.stops.run()).await.is_err() {
            warn!("not everything stopped in time");
        }
        info!(elapsed_ms = begun.elapsed().as_millis(), "stopped");
    }
}

fn start_server(
    stops: &mut Stops,
    listeners: Vec<TcpListener>,
    router: Router,
    tls: Option<Arc<Tls>>,
    config: &Config,
) -> anyhow::Result<Vec<SocketAddr>> {
    let server =
        Server::start(listeners, router, tls, &config.server).context("can't tell where the server listens")?;
    let addresses = server.addresses().to_vec();
    stops.push("http", Box::pin(server.stop(REQUESTS_MAX)));
    Ok(addresses)
}

async fn start_syslog(
    stops: &mut Stops,
    config: &Config,
    ingest: &Arc<IngestState>,
    tls: Option<&Arc<Tls>>,
    metrics: &syslog::Metrics,
) -> anyhow::Result<()> {
    if config.syslog.listen.is_empty() {
        return Ok(());
    }
    let tls = tls.map(|tls| -> syslog::TlsSource {
        let tls = Arc::clone(tls);
        Arc::new(move || tls.without_alpn())
    });
    let syslog = Syslog::start(&config.syslog, ingest, tls.as_ref(), metrics).await?;
    for (transport, address) in syslog.addresses() {
        info!(%transport, %address, "listening for syslog");
    }
    stops.push("syslog", Box::pin(syslog.stop()));
    Ok(())
}

/// The collector's section with what it leaves to the program.
fn collector_config(config: &Config, data_dir: &DataDir) -> CollectorConfig {
    let mut collector = config.collector.clone();
    if collector.state_dir.as_os_str().is_empty() {
        collector.state_dir = data_dir.collector();
    }
    collector
}

fn start_collector(
    stops: &mut Stops,
    config: CollectorConfig,
    host: String,
    samples: SamplesState,
) -> anyhow::Result<CollectorHandle> {
    let (sender, batches) = mpsc::channel(follow::QUEUE_BATCHES);
    let handle = Collector::start(config, host, Input::Configured, Destination::InProcess(sender))?;
    let taking = tokio::spawn(follow::take_all(batches, samples, Identity::local().tenant));
    let stopping = handle.clone();
    stops.push(
        "collector",
        Box::pin(async move {
            stopping.stop(COLLECTOR_DRAIN_MAX).await;
            if let Err(error) = taking.await {
                warn!(%error, "the collector's last batch ended badly");
            }
        }),
    );
    Ok(handle)
}

fn keep_edges(stops: &mut Stops, collector: CollectorHandle, topology: Topology) {
    let stop = CancellationToken::new();
    let keeping = tokio::spawn(follow::keep_edges(collector, topology, Identity::local().tenant, stop.clone()));
    stops.push(
        "edges",
        Box::pin(async move {
            stop.cancel();
            if let Err(error) = keeping.await {
                warn!(%error, "keeping the cluster's edges ended badly");
            }
        }),
    );
}

fn keep_votes(stops: &mut Stops, collector: &CollectorHandle, probes: &ProbesHandle) {
    let Some(booth) = collector.booth() else { return };
    let (stop, host, tenant) = (CancellationToken::new(), collector.report().host, Identity::local().tenant);
    let keeping = tokio::spawn(follow::keep_votes(booth, host, probes.clone(), tenant, stop.clone()));
    stops.push(
        "votes",
        Box::pin(async move {
            stop.cancel();
            if let Err(error) = keeping.await {
                warn!(%error, "keeping the votes of probes ended badly");
            }
        }),
    );
}

/// The routes that need no store, and the layers around all routes.
struct Shell {
    ready: Arc<AtomicBool>,
    registry: Arc<Registry>,
    http_metrics: HttpMetrics,
}

impl Shell {
    fn router(self, routes: Router, access: Arc<Access>, body_max: u64) -> Router {
        let health = Router::new().route("/-/ready", get(ready)).route("/ready", get(ready)).with_state(self.ready);
        let metrics = Router::new().route("/metrics", get(telemetry::metrics_page)).with_state(self.registry);
        Router::new()
            .route("/-/healthy", get(|| async { "healthy\n" }))
            .merge(health)
            .merge(metrics)
            .merge(login::routes(Arc::clone(&access)))
            .merge(routes)
            .fallback(missing)
            .method_not_allowed_fallback(|| async { ApiError::MethodNotAllowed })
            .layer(from_fn_with_state(body_max, server::limit_body))
            .layer(from_fn(pass_identity))
            .layer(from_fn_with_state(access, access::guard))
            .layer(from_fn_with_state(self.http_metrics, telemetry::measure))
    }
}

/// What no route has: an address of the page, an index of Elasticsearch, or nothing.
async fn missing(request: Request) -> Response {
    let page = page::document(request.method(), request.uri().path(), request.headers());
    page.or_else(|| elastic_index(&request)).unwrap_or_else(|| ApiError::NotFound.into_response())
}

/// `GET /-/ready`: 200 once everything has started and until a stop begins.
async fn ready(State(ready): State<Arc<AtomicBool>>) -> Response {
    if ready.load(Ordering::Acquire) { "ready\n".into_response() } else { ApiError::NotReady.into_response() }
}

/// Tells the routes of ingest and of the page, each in its own type, who asks.
async fn pass_identity(mut request: Request, next: Next) -> Response {
    if let Some(identity) = request.extensions().get::<Identity>().cloned() {
        let Identity { name: _, role, tenant } = identity;
        let reading =
            Reading { tenant, may_read: matches!(role, Role::Read | Role::Admin), is_admin: role == Role::Admin };
        request.extensions_mut().insert(Tenant(tenant));
        request.extensions_mut().insert(reading);
    }
    next.run(request).await
}

/// What has started, to be stopped the other way round.
#[derive(Default)]
struct Stops(Vec<(&'static str, BoxFuture<'static, ()>)>);

impl Stops {
    fn push(&mut self, name: &'static str, stop: BoxFuture<'static, ()>) {
        self.0.push((name, stop));
    }

    async fn run(mut self) {
        while let Some((name, stop)) = self.0.pop() {
            let begun = Instant::now();
            stop.await;
            info!(part = name, elapsed_ms = begun.elapsed().as_millis(), "part stopped");
        }
    }
}

/// This host's name as the kernel has it.
pub fn host_name() -> String {
    let name = std::fs::read_to_string(Path::new("/proc/sys/kernel/hostname"));
    name.map(|name| name.trim().to_owned())
        .ok()
        .filter(|name| !name.is_empty())
        .unwrap_or_else(|| "localhost".to_owned())
}

fn bracketed(address: &SocketAddr) -> String {
    match address {
        SocketAddr::V4(v4) => v4.ip().to_string(),
        SocketAddr::V6(v6) => format!("[{}]", v6.ip()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn stops_run_backwards() {
        let (sender, mut order) = mpsc::channel(2);
        let mut stops = Stops::default();
        for name in ["store", "http"] {
            let sender = sender.clone();
            stops.push(name, Box::pin(async move { sender.send(name).await.expect("is read") }));
        }
        stops.run().await;
        assert_eq!([order.recv().await, order.recv().await], [Some("http"), Some("store")]);
    }
}
