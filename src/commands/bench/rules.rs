//! What a pass over threshold rules costs: in Prometheus, in our evaluation of its groups, and sample by sample.

use std::fmt::Write;
use std::path::Path;
use std::process::{ExitCode, Stdio};
use std::time::Duration;

use anyhow::{Context, bail};
use orszem_model::{Labels, Timestamp};
use orszem_promql::memory::Memory;
use orszem_promql::{Never, ParseOptions, Point};
use orszem_rules::own::Thresholds;
use orszem_rules::{Environment, GroupState, RuleFile, evaluate};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::process::Command;

use super::process::Usage;
use super::{Scratch, print};

const STEP_MS: i64 = 15_000;
/// Passes that are measured of the evaluation of groups, and of single samples, which take less.
const PASSES: i64 = 20;
const SAMPLE_PASSES: i64 = 1_000;
/// How often Prometheus scrapes and evaluates, and how many passes are measured.
const PEER_EVERY_S: u64 = 2;
const PEER_PASSES: u64 = 15;
/// Until the first passes, which find everything new, are over.
const PEER_SETTLES: Duration = Duration::from_secs(20);

/// Measures `count` rules, and Prometheus where it is installed.
pub(super) async fn run(scratch: &Scratch, count: usize, with_peers: bool) -> anyhow::Result<ExitCode> {
    let own = samples(count)?;
    print(&format!("{own:9.3} ms CPU a pass  orszem, {count} thresholds, sample by sample"))?;
    let tick = groups(count)?;
    print(&format!(
        "{tick:9.3} ms CPU a pass  orszem, the same as a group of Prometheus' rules, {:.0} times as much",
        tick / own
    ))?;
    if with_peers {
        match prometheus(scratch.path(), count).await? {
            Some(peer) => {
                print(&format!(
                    "{peer:9.3} ms CPU a pass  prometheus, the same group, {:.0} times as much, {:.1} times our group",
                    peer / own,
                    peer / tick
                ))?;
            }
            None => print("prometheus is not installed")?,
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn labels(at: usize) -> Labels {
    Labels::from([("__name__", "m"), ("id", &at.to_string()), ("instance", "bench"), ("job", "bench")])
}

fn read(text: &str) -> anyhow::Result<RuleFile> {
    Ok(orszem_rules::read(text, ParseOptions { is_experimental: false })?)
}

fn used() -> anyhow::Result<f64> {
    Ok(Usage::of(std::process::id())?.cpu_s * 1e3)
}

fn samples(count: usize) -> anyhow::Result<f64> {
    let rule = |at: usize| format!("- {{alert: A{at}, value: 'm{{id=\"{at}\"}}', warning: {{above: 1e9, for: 5m}}}}\n");
    let file = read(&format!("thresholds:\n{}", (0..count).map(rule).collect::<String>()))?;
    let mut thresholds = Thresholds::new(file.own.thresholds, Timestamp(0));
    let series: Vec<Labels> = (0..count).map(labels).collect();
    let mut pass = |turn: i64| {
        let at_ms = turn * STEP_MS;
        for (labels, number) in series.iter().zip(0..) {
            let value = if turn % 2 == 0 { 1.0 } else { 2.0 };
            thresholds.sample(number, || Some(labels.clone()), at_ms, value, Timestamp(at_ms * 1_000_000));
        }
    };
    pass(1);
    let before = used()?;
    (2..2 + SAMPLE_PASSES).for_each(&mut pass);
    Ok((used()? - before) / SAMPLE_PASSES as f64)
}

fn groups(count: usize) -> anyhow::Result<f64> {
    let file = read(&group(count))?;
    let group = file.groups.into_iter().next().context("one group")?;
    let mut group = GroupState::new(group, false);
    let mut memory = Memory::default();
    for at in 0..count {
        for step in 0..=PASSES + 1 {
            if let Err(error) = memory.push(&labels(at), step * STEP_MS, &Point::Float(step as f64)) {
                bail!("{error}");
            }
        }
    }
    let environment = Environment::default();
    let mut pass = |turn: i64| evaluate(&mut [&mut group], &memory, &environment, &Never, turn * STEP_MS);
    pass(1);
    let before = used()?;
    for turn in 2..2 + PASSES {
        pass(turn);
    }
    Ok((used()? - before) / PASSES as f64)
}

/// The rules as Prometheus has them.
fn group(count: usize) -> String {
    let rule = |at: usize| format!("  - {{alert: A{at}, expr: 'm{{id=\"{at}\"}} > 1e9', for: 5m}}\n");
    format!("groups:\n- name: bench\n  rules:\n{}", (0..count).map(rule).collect::<String>())
}

/// The difference that the rules make to a Prometheus that scrapes their series; `None` where there is none.
async fn prometheus(folder: &Path, count: usize) -> anyhow::Result<Option<f64>> {
    if Command::new("prometheus").arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().await.is_err() {
        return Ok(None);
    }
    let listener = TcpListener::bind("127.0.0.1:0").await.context("can't listen")?;
    let target = listener.local_addr()?.to_string();
    let mut page = String::new();
    for at in 0..count {
        writeln!(page, "m{{id=\"{at}\"}} {at}")?;
    }
    let serving = tokio::spawn(serve(listener, page));
    std::fs::write(folder.join("rules.yml"), group(count)).context("can't write rules")?;
    let without = peer(folder, "without", "", &target).await?;
    let with = peer(folder, "with", "rule_files: [rules.yml]\n", &target).await?;
    serving.abort();
    Ok(Some((with - without) / PEER_PASSES as f64))
}

/// Answers every request with the page.
async fn serve(listener: TcpListener, page: String) {
    let head =
        format!("HTTP/1.1 200 OK\r\ncontent-type: text/plain; version=0.0.4\r\ncontent-length: {}\r\n\r\n", page.len());
    let answer = format!("{head}{page}");
    while let Ok((mut connection, _)) = listener.accept().await {
        let mut request = [0; 8_192];
        // Whoever goes away is not answered.
        while connection.read(&mut request).await.is_ok_and(|read| read > 0) {
            if connection.write_all(answer.as_bytes()).await.is_err() {
                break;
            }
        }
    }
}

/// CPU milliseconds of the measured passes.
async fn peer(folder: &Path, name: &str, rules: &str, target: &str) -> anyhow::Result<f64> {
    let config = folder.join(format!("{name}.yml"));
    let text = format!(
        "global: {{scrape_interval: {PEER_EVERY_S}s, evaluation_interval: {PEER_EVERY_S}s}}\n{rules}\
         scrape_configs: [{{job_name: bench, static_configs: [{{targets: ['{target}']}}]}}]\n"
    );
    std::fs::write(&config, text).context("can't write a configuration")?;
    let mut child = Command::new("prometheus")
        .arg(format!("--config.file={}", config.display()))
        .arg(format!("--storage.tsdb.path={}", folder.join(name).display()))
        .args(["--web.listen-address=127.0.0.1:0", "--log.level=error"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .context("can't start prometheus")?;
    let pid = child.id().context("prometheus ended at once")?;
    tokio::time::sleep(PEER_SETTLES).await;
    let before = Usage::of(pid)?;
    tokio::time::sleep(Duration::from_secs(PEER_EVERY_S * PEER_PASSES)).await;
    let used = Usage::of(pid)?.since(&before).cpu_s * 1e3;
    child.kill().await.context("can't stop prometheus")?;
    Ok(used)
}
