//! The measured systems: this program, Prometheus, VictoriaMetrics; each a process of its own on loopback.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use tokio::process::{Child, Command};

use super::connection::Connection;
use crate::commands::bench::process::{Usage, disk_bytes};

/// How long a system may take to serve.
const START_MAX: Duration = Duration::from_secs(300);
/// How long writing out and merging may take.
const SETTLE_MAX: Duration = Duration::from_secs(600);
const LOOK_EVERY: Duration = Duration::from_millis(20);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Own,
    VictoriaMetrics,
    Prometheus,
}

impl Kind {
    pub(super) const ALL: [Self; 3] = [Self::Own, Self::VictoriaMetrics, Self::Prometheus];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Own => "orszem",
            Self::VictoriaMetrics => "victoria-metrics",
            Self::Prometheus => "prometheus",
        }
    }

    fn program(self) -> Option<PathBuf> {
        if self == Self::Own {
            return std::env::current_exe().ok();
        }
        let path = std::env::var_os("PATH").unwrap_or_default();
        std::env::split_paths(&path).map(|folder| folder.join(self.name())).find(|path| path.is_file())
    }

    pub(super) fn is_installed(self) -> bool {
        self.program().is_some()
    }

    fn arguments(self, folder: &Path, address: &str) -> Vec<String> {
        let data = folder.join("data").display().to_string();
        match self {
            Self::Own => {
                ["server", "--log-level", "warn", "--listen", address, "--data-dir", &data].map(str::to_owned).to_vec()
            }
            Self::VictoriaMetrics => vec![
                format!("-storageDataPath={data}"),
                format!("-httpListenAddr={address}"),
                "-retentionPeriod=10y".to_owned(),
                // Its cache of answers would otherwise answer every repeated question.
                "-search.disableCache".to_owned(),
                "-search.latencyOffset=0s".to_owned(),
                "-search.maxUniqueTimeseries=5000000".to_owned(),
                "-search.maxSeries=5000000".to_owned(),
                "-search.maxTagValues=5000000".to_owned(),
            ],
            Self::Prometheus => vec![
                format!("--config.file={}", folder.join("prometheus.yml").display()),
                format!("--storage.tsdb.path={data}"),
                format!("--web.listen-address={address}"),
                "--web.enable-remote-write-receiver".to_owned(),
                "--web.enable-admin-api".to_owned(),
                "--storage.tsdb.retention.time=10y".to_owned(),
                "--query.max-samples=500000000".to_owned(),
                "--log.level=error".to_owned(),
            ],
        }
    }

    fn ready_path(self) -> &'static str {
        match self {
            Self::Own | Self::Prometheus => "/-/ready",
            Self::VictoriaMetrics => "/health",
        }
    }
}

/// A running system.
pub(super) struct System {
    kind: Kind,
    folder: PathBuf,
    address: String,
    child: Child,
    pid: u32,
}

impl System {
    /// Starts one on an empty directory in `folder`.
    pub(super) async fn start(kind: Kind, folder: &Path) -> anyhow::Result<Self> {
        if kind == Kind::Prometheus {
            std::fs::write(folder.join("prometheus.yml"), "global: {}\n").context("can't write a configuration")?;
        }
        let listener = std::net::TcpListener::bind("127.0.0.1:0").context("no free port")?;
        let address = listener.local_addr()?.to_string();
        drop(listener);
        let (child, pid) = spawn(kind, folder, &address)?;
        let mut system = Self { kind, folder: folder.to_owned(), address, child, pid };
        system.ready().await?;
        Ok(system)
    }

    pub(super) fn kind(&self) -> Kind {
        self.kind
    }

    pub(super) fn address(&self) -> &str {
        &self.address
    }

    /// What it has used since it started.
    pub(super) fn usage(&self) -> anyhow::Result<Usage> {
        Usage::of(self.pid)
    }

    async fn ready(&mut self) -> anyhow::Result<()> {
        let begun = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait()? {
                bail!("{} ended with {status}", self.kind.name());
            }
            if let Ok(mut connection) = Connection::open(&self.address).await
                && let Ok((status, _)) = connection.get(self.kind.ready_path()).await
                && status.is_success()
            {
                return Ok(());
            }
            if begun.elapsed() > START_MAX {
                bail!("{} does not serve after {START_MAX:?}", self.kind.name());
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Has everything written out and merged. Answers the bytes on disk of the blocks, and how many samples they hold
    /// where that is not all.
    pub(super) async fn settle(&mut self) -> anyhow::Result<Option<(u64, Option<u64>)>> {
        let data = self.folder.join("data");
        let mut connection = Connection::open(&self.address).await?;
        match self.kind {
            Kind::Own => {
                let (status, answer) = connection.post("/app/v1/admin/seal").await?;
                if !status.is_success() {
                    bail!("settling: {status}: {}", String::from_utf8_lossy(&answer));
                }
                Ok(Some((disk_bytes(&data.join("series"))?, None)))
            }
            Kind::VictoriaMetrics => {
                for path in ["/internal/force_flush", "/internal/force_merge"] {
                    connection.get(path).await?;
                }
                Ok(Some((settled(&data).await?, None)))
            }
            Kind::Prometheus => {
                // A snapshot writes the head as blocks, too.
                let (status, answer) = connection.post("/api/v1/admin/tsdb/snapshot").await?;
                if !status.is_success() {
                    bail!("snapshot: {status}: {}", String::from_utf8_lossy(&answer));
                }
                let answer: serde_json::Value = serde_json::from_slice(&answer)?;
                let name = answer["data"]["name"].as_str().context("the snapshot has no name")?;
                let snapshot = data.join("snapshots").join(name);
                Ok(Some((disk_bytes(&snapshot)?, None)))
            }
        }
    }

    /// Kills it and starts it again: seconds until it is ready, and until it has answered a question.
    pub(super) async fn restart(&mut self) -> anyhow::Result<(f64, f64)> {
        self.child.kill().await.context("can't kill it")?;
        let begun = Instant::now();
        (self.child, self.pid) = spawn(self.kind, &self.folder, &self.address)?;
        self.ready().await?;
        let ready = begun.elapsed().as_secs_f64();
        let mut connection = Connection::open(&self.address).await?;
        let (status, answer) = connection.get("/api/v1/query?query=count(%7Bjob=%22bench%22%7D)").await?;
        if !status.is_success() {
            bail!("no answer after the restart: {status}: {}", String::from_utf8_lossy(&answer));
        }
        Ok((ready, begun.elapsed().as_secs_f64()))
    }

    pub(super) async fn stop(mut self) -> anyhow::Result<()> {
        self.child.kill().await.context("can't stop it")
    }
}

fn spawn(kind: Kind, folder: &Path, address: &str) -> anyhow::Result<(Child, u32)> {
    let program = kind.program().with_context(|| format!("{} is not installed", kind.name()))?;
    let child = Command::new(program)
        .args(kind.arguments(folder, address))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .with_context(|| format!("can't start {}", kind.name()))?;
    let pid = child.id().with_context(|| format!("{} ended at once", kind.name()))?;
    Ok((child, pid))
}

/// The bytes under `path` once they no longer change.
async fn settled(path: &Path) -> anyhow::Result<u64> {
    let begun = Instant::now();
    let (mut bytes, mut same) = (disk_bytes(path)?, 0);
    while same < 5 && begun.elapsed() < SETTLE_MAX {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let now = disk_bytes(path)?;
        same = if now == bytes { same + 1 } else { 0 };
        bytes = now;
    }
    Ok(bytes)
}
