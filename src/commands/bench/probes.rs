//! `orszem bench probes`: what it costs a collector to probe many targets, and whether it is in time.
//!
//! The targets are served by this process, the series go to a server of its own; only the collector is measured, on one
//! processor where `taskset` is there. When each target was probed is read from its series.

use std::fmt::Write;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{ExitCode, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use serde::Deserialize;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::{Child as Process, Command};
use tokio::task::JoinSet;

use super::process::{Child, Usage};
use super::{Scratch, print};
use crate::{collecting, descriptors};

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close\r\n\r\nok\n";
/// Listeners of HTTP, among which the targets are spread.
const HTTP_LISTENERS: usize = 16;
/// The longest that all targets may take to be probed once, beyond their interval.
const STARTS_WITHIN: Duration = Duration::from_secs(120);
/// What of the end of the measured time may still be on its way to the server.
const ON_ITS_WAY: Duration = Duration::from_secs(5);

/// What is probed.
struct Targets {
    http: Vec<String>,
    tcp: Vec<String>,
    serving: JoinSet<()>,
}

/// Measures `count` targets, probed every `interval` seconds, for `seconds`.
pub(super) async fn run(
    scratch: &Scratch,
    count: usize,
    interval: u64,
    seconds: u64,
    with_peer: bool,
) -> anyhow::Result<ExitCode> {
    descriptors::raise_limit();
    let targets = serve(count).await?;
    let server = Child::start(&scratch.path().join("data")).await?;
    let (mut collector, pid) = start(scratch.path(), server.address(), &targets, interval)?;
    until_all_are_probed(&server, count, interval).await?;
    let before = Usage::of(pid)?;
    tokio::time::sleep(Duration::from_secs(seconds)).await;
    let after = Usage::of(pid)?;
    let end = collecting::now().0 / 1_000_000_000;
    tokio::time::sleep(ON_ITS_WAY).await;
    let probed = probed(&server, end, interval, seconds).await?;
    let used = after.since(&before).cpu_s / seconds as f64;
    print(&format!(
        "orszem: {count} targets every {interval} s, half HTTP, half TCP: {used:.3} of a core, {:.1} CPU s a minute, \
         resident {:.0} MB, RssAnon {:.0} MB",
        used * 60.0,
        after.resident_bytes / 1e6,
        after.anonymous_bytes / 1e6
    ))?;
    let Probed { probes, late_s, p99_s, missed, failed } = probed;
    print(&format!(
        "  {probes} probes, the latest {late_s:.3} s late, 99 % at most {p99_s:.3} s, {missed} missed, {failed} failed"
    ))?;
    stop(&mut collector).await?;
    server.stop().await?;
    if with_peer {
        peer(scratch.path(), &targets, interval, seconds, used).await?;
    }
    let Targets { mut serving, .. } = targets;
    serving.shutdown().await;
    Ok(if missed == 0 && late_s <= 1.0 && failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Serves them until they are dropped.
async fn serve(count: usize) -> anyhow::Result<Targets> {
    let mut targets = Targets { http: Vec::new(), tcp: Vec::new(), serving: JoinSet::new() };
    let mut addresses = Vec::new();
    for _ in 0..HTTP_LISTENERS {
        let listener = TcpListener::bind("127.0.0.1:0").await.context("can't serve targets")?;
        addresses.push(listener.local_addr()?);
        targets.serving.spawn(accept(listener, true));
    }
    for at in 0..count.div_ceil(2) {
        targets.http.push(format!("http://{}/{at}", addresses[at % HTTP_LISTENERS]));
    }
    for _ in 0..count / 2 {
        let listener = TcpListener::bind("127.0.0.1:0").await.context("can't serve so many targets")?;
        targets.tcp.push(listener.local_addr()?.to_string());
        targets.serving.spawn(accept(listener, false));
    }
    Ok(targets)
}

async fn accept(listener: TcpListener, is_http: bool) {
    loop {
        // Whoever is not accepted is seen as a failed probe.
        let Ok((mut stream, _)) = listener.accept().await else { continue };
        if is_http {
            tokio::spawn(async move {
                let mut request = [0; 2_048];
                if stream.read(&mut request).await.is_ok_and(|read| read > 0) {
                    // Whoever goes away is not answered.
                    stream.write_all(ANSWER).await.unwrap_or(());
                }
            });
        }
    }
}

fn start(folder: &Path, address: &str, targets: &Targets, interval: u64) -> anyhow::Result<(Process, u32)> {
    let config = folder.join("collector.toml");
    let state = folder.join("state").display().to_string();
    let mut text = format!(
        "[collector]\ninclude = [\"/nonexistent/none.log\"]\njournal = \"off\"\nstate_dir = {state:?}\n\
         [collector.host_metrics]\nenabled = false\n[collector.output]\nendpoints = [\"http://{address}\"]\n"
    );
    for (name, targets) in [("http", &targets.http), ("tcp", &targets.tcp)] {
        if !targets.is_empty() {
            write!(text, "[[collector.probe]]\nname = {name:?}\ninterval = \"{interval}s\"\ntargets = {targets:?}\n")?;
        }
    }
    std::fs::write(&config, text).context("can't write a configuration")?;
    let program = std::env::current_exe().context("can't tell where this program is")?;
    let mut command = on_one_processor(&program);
    command.args(["collector", "--log-level", "warn", "--config"]).arg(&config);
    let collector = command.stdin(Stdio::null()).kill_on_drop(true).spawn().context("can't start the collector")?;
    let pid = collector.id().context("the collector ended at once")?;
    Ok((collector, pid))
}

/// `program`, kept on the first processor where that can be done: it replaces `taskset`, so that the process is its own.
fn on_one_processor(program: &Path) -> Command {
    let tasksets = ["/usr/bin/taskset", "/bin/taskset"];
    match tasksets.into_iter().find(|taskset| Path::new(taskset).is_file()) {
        Some(taskset) => {
            let mut command = Command::new(taskset);
            command.args(["-c", "0"]).arg(program);
            command
        }
        None => Command::new(program),
    }
}

async fn stop(process: &mut Process) -> anyhow::Result<()> {
    process.kill().await.context("can't stop the collector")
}

#[derive(Deserialize)]
struct Answer {
    data: Data,
}

#[derive(Deserialize)]
struct Data {
    result: Vec<Series>,
}

#[derive(Deserialize)]
struct Series {
    #[serde(default)]
    values: Vec<(f64, String)>,
    value: Option<(f64, String)>,
}

async fn until_all_are_probed(server: &Child, count: usize, interval: u64) -> anyhow::Result<()> {
    let begun = Instant::now();
    loop {
        let query = ("query", format!("count(count_over_time(probe_success[{}s]) > 1)", interval * 6));
        let answer = server.client().get::<Answer>("/api/v1/query", &[query]).await?;
        let found = answer.data.result.first().and_then(|series| series.value.as_ref());
        let found: usize = found.and_then(|(_, count)| count.parse().ok()).unwrap_or(0);
        if found == count {
            return Ok(());
        }
        if begun.elapsed() > STARTS_WITHIN + Duration::from_secs(interval) {
            bail!("only {found} of {count} targets were probed twice");
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

/// What the series tell.
#[derive(Debug, PartialEq)]
struct Probed {
    probes: usize,
    /// How much later than the interval a probe ended after the one before it, at most.
    late_s: f64,
    p99_s: f64,
    missed: u64,
    failed: usize,
}

/// Of the `seconds` before `end`, which is in seconds since 1970.
async fn probed(server: &Child, end: i64, interval: u64, seconds: u64) -> anyhow::Result<Probed> {
    let mut all = Probed { probes: 0, late_s: 0.0, p99_s: 0.0, missed: 0, failed: 0 };
    let mut late = Vec::new();
    for name in ["http", "tcp"] {
        let query = ("query", format!("probe_success{{probe={name:?}}}[{seconds}s]"));
        let answer = server.client().get::<Answer>("/api/v1/query", &[query, ("time", end.to_string())]).await?;
        for series in answer.data.result {
            let times: Vec<f64> = series.values.iter().map(|(at, _)| *at).collect();
            all.failed += series.values.iter().filter(|(_, value)| value != "1").count();
            judge(&times, (interval, seconds), &mut all, &mut late);
        }
    }
    late.sort_by(f64::total_cmp);
    all.late_s = late.last().copied().unwrap_or(0.0);
    all.p99_s = late.get(late.len() * 99 / 100).copied().unwrap_or(0.0);
    Ok(all)
}

/// Takes in when a target was probed; `seconds` were looked at.
fn judge(times: &[f64], (interval, seconds): (u64, u64), all: &mut Probed, late: &mut Vec<f64>) {
    all.probes += times.len();
    all.missed += (seconds / interval).saturating_sub(times.len() as u64);
    let interval = interval as f64;
    for pair in times.windows(2) {
        let [before, after] = pair else { continue };
        let gap = after - before;
        let whole = (gap / interval).round().max(1.0);
        late.push((gap - interval * whole).max(0.0));
    }
}

/// The same targets, as often, through blackbox_exporter; what drives it is not counted.
async fn peer(folder: &Path, targets: &Targets, interval: u64, seconds: u64, own: f64) -> anyhow::Result<()> {
    const PROGRAM: &str = "prometheus-blackbox-exporter";
    let config = folder.join("blackbox.yml");
    let modules = "modules: {http: {prober: http, timeout: 5s}, tcp: {prober: tcp, timeout: 5s}}\n";
    std::fs::write(&config, modules).context("can't write modules")?;
    let address = TcpListener::bind("127.0.0.1:0").await?.local_addr()?;
    let spawned = Command::new(PROGRAM)
        .arg(format!("--config.file={}", config.display()))
        .arg(format!("--web.listen-address={address}"))
        .args(["--log.level=error"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn();
    let Ok(mut child) = spawned else {
        return print("blackbox_exporter is not installed");
    };
    let pid = child.id().context("blackbox_exporter ended at once")?;
    let mut asking = JoinSet::new();
    let count = targets.http.len() + targets.tcp.len();
    let all = targets.http.iter().map(|to| ("http", to)).chain(targets.tcp.iter().map(|to| ("tcp", to)));
    for (at, (module, target)) in all.enumerate() {
        let request =
            format!("GET /probe?module={module}&target={target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        let offset = Duration::from_secs(interval).mul_f64(at as f64 / count as f64);
        asking.spawn(ask_again_and_again(address, request, offset, Duration::from_secs(interval)));
    }
    tokio::time::sleep(Duration::from_secs(interval * 2)).await;
    let before = Usage::of(pid)?;
    tokio::time::sleep(Duration::from_secs(seconds)).await;
    let after = Usage::of(pid)?;
    asking.shutdown().await;
    let used = after.since(&before).cpu_s / seconds as f64;
    print(&format!(
        "blackbox_exporter, without what drives and stores: {used:.3} of a core, {:.1} CPU s a minute, resident {:.0} MB; \
         {:.1} times ours",
        used * 60.0,
        after.resident_bytes / 1e6,
        used / own.max(1e-6)
    ))?;
    child.kill().await.context("can't stop blackbox_exporter")
}

async fn ask_again_and_again(address: SocketAddr, request: String, offset: Duration, interval: Duration) {
    let mut due = tokio::time::interval_at(tokio::time::Instant::now() + offset, interval);
    let mut answer = Vec::new();
    loop {
        due.tick().await;
        let Ok(mut stream) = TcpStream::connect(address).await else { continue };
        if stream.write_all(request.as_bytes()).await.is_ok() {
            answer.clear();
            // What breaks off is asked again in time.
            stream.read_to_end(&mut answer).await.unwrap_or(0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn late_and_missed_probes_are_told_apart() {
        let mut all = Probed { probes: 0, late_s: 0.0, p99_s: 0.0, missed: 0, failed: 0 };
        let mut late = Vec::new();
        judge(&[0.0, 10.0, 20.5, 30.0, 50.25], (10, 60), &mut all, &mut late);
        assert_eq!((all.probes, all.missed), (5, 1));
        assert_eq!(late, [0.0, 0.5, 0.0, 0.25]);
    }
}
