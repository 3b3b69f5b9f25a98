//! `orszem bench collector`: the collector's work from file to acknowledgement, and what it takes idle.

use std::fs::{self, File};
use std::io::BufWriter;
use std::path::Path;
use std::process::{ExitCode, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use serde::Deserialize;
use tokio::process::{Child as Process, Command};

use super::lines::{self, Kind};
use super::process::{Child, Usage};
use super::{Scratch, mb, print, rsyslog, shown};

/// The longest one measurement takes.
const WITHIN: Duration = Duration::from_secs(1_800);
/// How long an idle collector may take to find its files.
const SETTLE: Duration = Duration::from_secs(15);

/// Measures and prints.
pub(super) async fn run(scratch: &Scratch, size: u64, idle_files: u32, idle_seconds: u64) -> anyhow::Result<ExitCode> {
    for kind in Kind::ALL {
        let folder = scratch.path().join(kind.name());
        fs::create_dir_all(folder.join("log")).context("can't make a directory")?;
        let file = folder.join("log").join(format!("{}.log", kind.name()));
        let mut out = BufWriter::new(File::create(&file).context("can't write the lines")?);
        let (count, bytes) = lines::write(kind, size, &mut out)?;
        out.into_inner().map_err(|error| error.into_error())?.sync_all()?;
        deliver(&folder, kind, count, bytes).await?;
        match rsyslog::measure(&folder, &file, count).await {
            Ok(Some((seconds, spent))) => {
                print(&format!("  rsyslogd to TCP in {seconds:.1} s: {}", shown(&spent, bytes)))?;
            }
            Ok(None) => print("  rsyslogd is not installed")?,
            Err(error) => print(&format!("  rsyslogd: {error:#}"))?,
        }
        fs::remove_dir_all(&folder).context("can't remove the lines")?;
    }
    idle(scratch.path(), idle_files, idle_seconds).await?;
    Ok(ExitCode::SUCCESS)
}

/// One file through a collector into a server, until the last line is acknowledged.
async fn deliver(folder: &Path, kind: Kind, count: u64, bytes: u64) -> anyhow::Result<()> {
    let server = Child::start(&folder.join("data")).await?;
    let begun = Instant::now();
    let (mut collector, pid) = start(folder, server.address())?;
    while acknowledged(&server).await? < count {
        if begun.elapsed() > WITHIN {
            bail!("only {} of {count} lines arrived", acknowledged(&server).await?);
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let elapsed = begun.elapsed().as_secs_f64();
    let spent = Usage::of(pid)?;
    print(&format!(
        "{}: {count} lines, {:.1} MB to acknowledged in {elapsed:.1} s ({:.0} MB/s): {}",
        kind.name(),
        mb(bytes),
        mb(bytes) / elapsed,
        shown(&spent, bytes)
    ))?;
    print(&format!("  server: {}", shown(&server.usage()?, bytes)))?;
    stop(&mut collector, pid).await?;
    server.stop().await
}

#[derive(Deserialize)]
struct Count {
    count: u64,
}

/// Records of files that the server has.
async fn acknowledged(server: &Child) -> anyhow::Result<u64> {
    let query = ("q", "file:*".to_owned());
    Ok(server.client().get::<Count>("/app/v1/count", &[query]).await?.count)
}

/// Many files that nobody writes to.
async fn idle(folder: &Path, files: u32, seconds: u64) -> anyhow::Result<()> {
    let folder = folder.join("idle");
    fs::create_dir_all(folder.join("log")).context("can't make a directory")?;
    for number in 0..files {
        let line = format!("2026-11-21T10:00:00Z db1 app{number}[7]: started\n");
        fs::write(folder.join("log").join(format!("app{number}.log")), line).context("can't write a file")?;
    }
    let server = Child::start(&folder.join("data")).await?;
    let (mut collector, pid) = start(&folder, server.address())?;
    let begun = Instant::now();
    while acknowledged(&server).await? < u64::from(files) {
        if begun.elapsed() > WITHIN {
            bail!("the lines of the idle files did not arrive");
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    tokio::time::sleep(SETTLE).await;
    let before = Usage::of(pid)?;
    tokio::time::sleep(Duration::from_secs(seconds)).await;
    let after = Usage::of(pid)?;
    print(&format!(
        "idle on {files} files: {:.2} % of a core, resident {:.1} MB, RssAnon {:.1} MB",
        after.since(&before).cpu_s / seconds as f64 * 100.0,
        after.resident_bytes / 1e6,
        after.anonymous_bytes / 1e6
    ))?;
    stop(&mut collector, pid).await?;
    server.stop().await
}

fn start(folder: &Path, address: &str) -> anyhow::Result<(Process, u32)> {
    let config = folder.join("collector.toml");
    let text = format!(
        "[collector]\ninclude = [{:?}]\njournal = \"off\"\nfirst_read_bytes_max = 1099511627776\nstate_dir = {:?}\n\
         [collector.output]\nendpoints = [\"http://{address}\"]\n",
        folder.join("log/*").display().to_string(),
        folder.join("state").display().to_string(),
    );
    fs::write(&config, text).context("can't write a configuration")?;
    let program = std::env::current_exe().context("can't tell where this program is")?;
    let collector = Command::new(program)
        .args(["collector", "--log-level", "warn", "--config"])
        .arg(&config)
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .context("can't start the collector")?;
    let pid = collector.id().context("the collector ended at once")?;
    Ok((collector, pid))
}

async fn stop(process: &mut Process, pid: u32) -> anyhow::Result<()> {
    let kill = Command::new("kill").args(["-TERM", &pid.to_string()]).status().await;
    if !kill.context("can't stop the collector")?.success() {
        bail!("the collector could not be stopped");
    }
    process.wait().await.context("can't wait for the collector").map(drop)
}
