//! Runs the collector of this host as a process of its own.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, bail};
use axum::Router;
use axum::routing::get;
use orszem_collector::{Collector, CollectorConfig, CollectorHandle, Destination, Input};
use orszem_model::Timestamp;
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use crate::app::host_name;
use crate::cli::{DEFAULT_SERVER, Global, chain};
use crate::config::Config;
use crate::deputies::{Counts, Deputy, Page};
use crate::telemetry;
use crate::{data_dir, descriptors};

/// How often the configuration file is looked at for changes.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// How long a stop may take to send what is queued; the rest is sent by the next start.
const DRAIN_MAX: Duration = Duration::from_secs(5);
/// How long the end of standard input waits until everything is acknowledged.
const INPUT_DRAIN_MAX: Duration = Duration::from_secs(3600);

/// The time now.
pub fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since.as_nanos()).unwrap_or(i64::MAX))
}

/// The `[collector]` section in force: the file's, with the command line where the file says nothing.
pub fn load(global: &Global) -> anyhow::Result<CollectorConfig> {
    let mut config = match &global.config {
        Some(path) => Config::load(path)?,
        None => Config::default(),
    }
    .collector;
    if config.output.endpoints.is_empty() {
        config.output.endpoints = vec![global.server().to_owned()];
    }
    if config.output.token_file.is_none() {
        config.output.token_file.clone_from(&global.token_file);
    }
    let has_tls = config.output.endpoints.iter().any(|endpoint| endpoint.starts_with("https:"));
    if config.output.ca_file.is_none() && has_tls {
        config.output.ca_file.clone_from(&global.ca_file);
    }
    if config.state_dir.as_os_str().is_empty() {
        config.state_dir = data_dir::collector_of(&global.data_dir()?);
    }
    Ok(config)
}

/// Where the collector of this host keeps its queue.
pub fn state_dir(global: &Global) -> anyhow::Result<PathBuf> {
    Ok(load(global)?.state_dir)
}

/// Runs until a signal stops it, or until standard input ends when that is what it reads.
pub async fn run(global: &Global, reads_stdin: bool) -> anyhow::Result<ExitCode> {
    descriptors::raise_limit();
    let mut signals = Signals::new()?;
    let config = load(global)?;
    let wrong = config.validate();
    if !wrong.is_empty() {
        // A file's problems were told with their lines; these come from the command line.
        let told: Vec<String> =
            wrong.iter().map(|w| format!("{} = {}: {}; {}", w.key, w.value, w.wrong, w.remedy)).collect();
        bail!("{}", told.join("\n"));
    }
    if global.config.is_none() && config.output.endpoints == [DEFAULT_SERVER] {
        info!(server = DEFAULT_SERVER, "no server is named, so records go to the one on this host");
    }
    let (listen, state_dir) = (config.metrics_listen, config.state_dir.clone());
    let (page, counts) = (Page::default(), Counts::default());
    let shutdown = CancellationToken::new();
    let input = if reads_stdin { Input::Reader(Box::new(std::io::stdin())) } else { Input::Configured };
    let collector = Collector::start(config, host_name(), input, Destination::Configured)?;
    telemetry::measure_own(&collector, Some(Box::new(counts.clone())));
    let listener = match listen {
        Some(address) => Some(bind(address).await?),
        None => None,
    };
    let deputy = (!reads_stdin).then(|| {
        let listen = listener.as_ref().map(|(_, address)| *address);
        Deputy { handle: collector.clone(), state_dir, listen, page: page.clone(), counts: counts.clone() }.start()
    });
    let metrics =
        listener.map(|(listener, _)| serve_metrics(listener, collector.clone(), (page, counts), shutdown.clone()));
    let mut watched = Watched::new(global.config.as_deref());
    loop {
        tokio::select! {
            _ = signals.terminate.recv() => break,
            _ = signals.interrupt.recv() => break,
            _ = signals.hang_up.recv() => reload(global, &collector).await,
            () = watched.changed() => reload(global, &collector).await,
            () = collector.has_ended() => {
                if !reads_stdin {
                    bail!("the collector has stopped: its queue has failed");
                }
                collector.drained(INPUT_DRAIN_MAX).await;
                break;
            }
        }
    }
    if let Some(deputy) = deputy {
        deputy.stop().await;
    }
    collector.stop(DRAIN_MAX).await;
    shutdown.cancel();
    if let Some(metrics) = metrics {
        metrics.await.context("the metrics page ended badly")?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Reads the configuration again; all is checked first, and on an error everything stays as it was.
async fn reload(global: &Global, collector: &CollectorHandle) {
    let applied = match load(global) {
        Ok(config) => collector.reload(config).await.map_err(anyhow::Error::from),
        Err(error) => Err(error),
    };
    if let Err(error) = applied {
        error!(error = %chain(&error), "not reloaded, everything stays as it was");
    }
}

/// Listens for who asks for the metrics page, and says where.
async fn bind(address: SocketAddr) -> anyhow::Result<(TcpListener, SocketAddr)> {
    let failed = || format!("collector.metrics_listen = \"{address}\": can't listen there");
    let listener = TcpListener::bind(address).await.with_context(failed)?;
    let address = listener.local_addr().with_context(failed)?;
    Ok((listener, address))
}

/// The collector's own metrics, in the OpenMetrics text format, and what it tells other collectors.
fn serve_metrics(
    listener: TcpListener,
    collector: CollectorHandle,
    (page, counts): (Page, Counts),
    shutdown: CancellationToken,
) -> tokio::task::JoinHandle<()> {
    let (mut registry, _) = telemetry::registry();
    telemetry::CollectorMetrics::register(&mut registry).fill(collector);
    registry.register_collector(Box::new(counts));
    let router = Router::new()
        .route("/metrics", get(telemetry::metrics_page))
        .with_state(std::sync::Arc::new(registry))
        .route("/-/healthy", get(|| async { "healthy\n" }))
        .merge(page.routes());
    tokio::spawn(async move {
        let served = axum::serve(listener, router).with_graceful_shutdown(async move { shutdown.cancelled().await });
        if let Err(error) = served.await {
            warn!(%error, "the metrics page ended");
        }
    })
}

/// The signals that a collector listens to.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hang_up: Signal,
}

impl Signals {
    fn new() -> anyhow::Result<Self> {
        let listen = |kind| signal(kind).context("can't listen to signals");
        Ok(Self {
            terminate: listen(SignalKind::terminate())?,
            interrupt: listen(SignalKind::interrupt())?,
            hang_up: listen(SignalKind::hangup())?,
        })
    }
}

/// The configuration file as it was last seen.
struct Watched {
    path: Option<PathBuf>,
    seen: Option<(SystemTime, u64)>,
}

impl Watched {
    fn new(path: Option<&Path>) -> Self {
        let path = path.map(Path::to_owned);
        let seen = path.as_deref().and_then(stamp);
        Self { path, seen }
    }

    /// Waits until the file is another one than before, and settled for one look.
    async fn changed(&mut self) {
        let mut changing = None;
        loop {
            tokio::time::sleep(LOOK_EVERY).await;
            let Some(path) = &self.path else { continue };
            let now = stamp(path);
            if now.is_some() && now != self.seen && now == changing {
                self.seen = now;
                return;
            }
            changing = now;
        }
    }
}

fn stamp(path: &Path) -> Option<(SystemTime, u64)> {
    let metadata = std::fs::metadata(path).ok()?;
    Some((metadata.modified().ok()?, metadata.len()))
}
