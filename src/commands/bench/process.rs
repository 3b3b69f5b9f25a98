//! The measured server: a child process of this program, and what it uses.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, bail};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;

use crate::client::Client;
use crate::telemetry::status_bytes;

/// A server that serves in at most this time.
const START_MAX: Duration = Duration::from_secs(60);

/// A running server of its own.
pub(super) struct Child {
    child: tokio::process::Child,
    pid: u32,
    address: String,
    client: Client,
}

/// The kernel's unit in `/proc/PID/stat` (USER_HZ), the same on every Linux there is.
const TICKS_PER_SECOND: f64 = 100.0;

/// What a process has used.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Usage {
    pub(super) cpu_s: f64,
    /// Memory that no file backs, now.
    pub(super) anonymous_bytes: f64,
    /// All its memory, now.
    pub(super) resident_bytes: f64,
    /// The most resident memory it ever had.
    pub(super) peak_bytes: f64,
}

impl Usage {
    /// What process `pid` has used so far.
    pub(super) fn of(pid: u32) -> anyhow::Result<Self> {
        let gone = || format!("process {pid} is gone");
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).with_context(gone)?;
        let memory = |name| status_bytes(&status, name).with_context(|| format!("the kernel tells no {name}"));
        let [anonymous_bytes, resident_bytes, peak_bytes] = [memory("RssAnon:")?, memory("VmRSS:")?, memory("VmHWM:")?];
        Ok(Self { cpu_s: cpu_s(pid)?, anonymous_bytes, resident_bytes, peak_bytes })
    }

    /// The CPU time since `before`; memory is that of now.
    pub(super) fn since(&self, before: &Self) -> Self {
        Self { cpu_s: self.cpu_s - before.cpu_s, ..*self }
    }
}

impl Child {
    /// Starts a server on a free port with its data in `data_dir`.
    pub(super) async fn start(data_dir: &Path) -> anyhow::Result<Self> {
        Self::start_with(data_dir, &[]).await
    }

    /// The same with more arguments.
    pub(super) async fn start_with(data_dir: &Path, more: &[&str]) -> anyhow::Result<Self> {
        let program = std::env::current_exe().context("can't tell where this program is")?;
        let mut child = Command::new(program)
            .args(["server", "--listen", "127.0.0.1:0", "--log-level", "warn", "--data-dir"])
            .arg(data_dir)
            .args(more)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .context("can't start the server")?;
        let pid = child.id().context("the server ended at once")?;
        let stdout = child.stdout.take().context("the server has no output")?;
        let mut lines = BufReader::new(stdout).lines();
        let first = tokio::time::timeout(START_MAX, lines.next_line()).await.context("the server does not start")??;
        let Some(address) = first.as_deref().and_then(|line| line.strip_prefix("listening on ")) else {
            bail!("the server did not say where it listens");
        };
        let client = Client::new(&format!("http://{address}"), None, None, None)?;
        Ok(Self { child, pid, address: address.to_owned(), client })
    }

    /// Where it listens.
    pub(super) fn address(&self) -> &str {
        &self.address
    }

    /// A client of it.
    pub(super) fn client(&self) -> &Client {
        &self.client
    }

    /// What it has used so far.
    pub(super) fn usage(&self) -> anyhow::Result<Usage> {
        Usage::of(self.pid)
    }

    /// CPU seconds of the threads it has now, in nanosecond steps: for questions shorter than a tick.
    pub(super) fn threads_cpu_s(&self) -> anyhow::Result<f64> {
        let mut nanos = 0;
        for entry in std::fs::read_dir(format!("/proc/{}/task", self.pid)).context("the server is gone")? {
            // A thread may end between the listing and the look.
            let Ok(text) = std::fs::read_to_string(entry?.path().join("schedstat")) else { continue };
            nanos += text.split_ascii_whitespace().next().and_then(|first| first.parse::<u64>().ok()).unwrap_or(0);
        }
        Ok(nanos as f64 / 1e9)
    }

    /// Stops it and checks that it stopped well.
    pub(super) async fn stop(mut self) -> anyhow::Result<()> {
        let kill = Command::new("kill").args(["-TERM", &self.pid.to_string()]).status().await;
        if !kill.context("can't stop the server")?.success() {
            bail!("the server could not be stopped");
        }
        let status = self.child.wait().await.context("can't wait for the server")?;
        if status.success() { Ok(()) } else { bail!("the server ended with {status}") }
    }
}

/// CPU seconds of all threads that process `pid` ever had, in hundredths.
fn cpu_s(pid: u32) -> anyhow::Result<f64> {
    let text =
        std::fs::read_to_string(format!("/proc/{pid}/stat")).with_context(|| format!("process {pid} is gone"))?;
    let after_name = text.rsplit(')').next().unwrap_or_default();
    let ticks: u64 =
        after_name.split_ascii_whitespace().skip(11).take(2).filter_map(|ticks| ticks.parse::<u64>().ok()).sum();
    Ok(ticks as f64 / TICKS_PER_SECOND)
}

/// Bytes that the files under `path` take on disk.
pub(super) fn disk_bytes(path: &Path) -> anyhow::Result<u64> {
    use std::os::unix::fs::MetadataExt;
    let metadata = match std::fs::symlink_metadata(path) {
        Ok(metadata) => metadata,
        // The server removes files while they are counted.
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(0),
        Err(error) => return Err(error).with_context(|| format!("can't look at {}", path.display())),
    };
    if !metadata.is_dir() {
        return Ok(metadata.blocks() * 512);
    }
    let mut bytes = 0;
    for entry in std::fs::read_dir(path).with_context(|| format!("can't list {}", path.display()))? {
        bytes += disk_bytes(&entry?.path())?;
    }
    Ok(bytes)
}
