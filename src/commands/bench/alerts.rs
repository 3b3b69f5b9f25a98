//! `orszem bench alerts`: the time from a sample that crosses a threshold to the webhook that tells of it, beside
//! Prometheus with Alertmanager where they are installed. All of them work at the same time and tell the same receiver.

mod board;
mod own;
mod peer;

use std::fmt;
use std::process::ExitCode;
use std::str::FromStr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::bail;
use orszem_model::time::{format_duration, parse_duration};
use serde::Serialize;

use super::{Scratch, print};
use board::{Board, Served};
use own::Own;
use peer::Peer;

/// Who has not told by then has lost it: more than twice what Prometheus' and Alertmanager's defaults take.
const TELLS_WITHIN: Duration = Duration::from_secs(300);
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// How often Prometheus scrapes and evaluates, and how long Alertmanager waits for the rest of a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Setting {
    pub scrape: Duration,
    pub evaluation: Duration,
    pub group_wait: Duration,
}

impl FromStr for Setting {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let spans: Result<Vec<Duration>, _> = text.split('/').map(parse_duration).collect();
        match spans.map_err(|error| error.to_string())?[..] {
            [scrape, evaluation, group_wait] if !scrape.is_zero() && !evaluation.is_zero() => {
                Ok(Self { scrape, evaluation, group_wait })
            }
            _ => Err("write scrape, evaluation and group wait, such as 15s/1m/30s".to_owned()),
        }
    }
}

impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { scrape, evaluation, group_wait } = self;
        let [scrape, evaluation, group_wait] = [scrape, evaluation, group_wait].map(|span| format_duration(*span));
        write!(f, "{scrape}/{evaluation}/{group_wait}")
    }
}

/// What is measured.
pub(super) struct Plan {
    /// Series, each of which crosses once.
    pub(super) crossings: usize,
    /// The time over which they cross, evenly, in no order.
    pub(super) spread: Duration,
    /// Of the peers; none where only this program is measured.
    pub(super) settings: Vec<Setting>,
    pub(super) is_json: bool,
}

/// An alert that is measured: of which system, and of which way of evaluating.
struct Row {
    /// What it is to the reader.
    shown: String,
    /// The name of its alerts.
    alert: String,
    /// Under which name its samples are noted.
    samples: String,
}

/// The times of a row, in seconds.
#[derive(Debug, Serialize)]
struct Measured {
    name: String,
    crossings: usize,
    told: usize,
    /// From the sample that crosses: the write of it, or the scrape that found it.
    sample_to_webhook: Option<Spread>,
    /// From the change itself, which for a peer waits to be scraped.
    change_to_webhook: Option<Spread>,
}

#[derive(Debug, Serialize)]
struct Spread {
    p50_s: f64,
    p95_s: f64,
    max_s: f64,
}

impl Spread {
    fn of(mut times: Vec<Duration>) -> Option<Self> {
        times.sort();
        // The nearest rank.
        let at =
            |percent: usize| times.get((times.len() * percent).div_ceil(100).max(1) - 1).map(Duration::as_secs_f64);
        Some(Self { p50_s: at(50)?, p95_s: at(95)?, max_s: at(100)? })
    }
}

/// Measures and prints.
pub(super) async fn run(scratch: &Scratch, plan: &Plan) -> anyhow::Result<ExitCode> {
    let board = Arc::new(Board::new(plan.crossings, plan.spread));
    let served = Served::start(&board).await?;
    let own = Own::start(&scratch.path().join("orszem"), &served).await?;
    let mut rows = own::rows();
    let mut peers = Vec::new();
    if plan.settings.is_empty() || peer::are_installed() {
        for (setting, number) in plan.settings.iter().zip(0..) {
            let name = format!("Peer{number}");
            let folder = scratch.path().join(&name);
            peers.push(Peer::start(&folder, &name, *setting, &served)?);
            let shown = format!("prometheus and alertmanager, {setting}");
            rows.push(Row { shown, alert: name.clone(), samples: name });
        }
    } else {
        let said = "prometheus, prometheus-alertmanager: not in PATH; Debian has packages of these names";
        if !plan.is_json {
            print(said)?;
        }
    }
    own.calm(&board).await?;
    for peer in &mut peers {
        peer.ready(&board).await?;
    }
    board.begin();
    own.cross(&board).await?;
    wait(&board, &rows, &mut peers).await?;
    let measured: Vec<Measured> = rows.iter().map(|row| measure(&board, row)).collect();
    own.stop().await?;
    report(plan, &measured)?;
    Ok(ExitCode::from(u8::from(measured.iter().any(|row| row.told < row.crossings))))
}

/// Waits until all is told, or will not be any more.
async fn wait(board: &Board, rows: &[Row], peers: &mut [Peer]) -> anyhow::Result<()> {
    let begun = Instant::now();
    while rows.iter().any(|row| board.told(&row.alert) < board.len()) {
        if begun.elapsed() > TELLS_WITHIN {
            break;
        }
        for peer in &mut *peers {
            peer.check()?;
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
    Ok(())
}

fn measure(board: &Board, row: &Row) -> Measured {
    let times = board.times(&row.alert, &row.samples);
    let (samples, changes) = times.into_iter().unzip();
    Measured {
        name: row.shown.clone(),
        crossings: board.len(),
        told: board.told(&row.alert),
        sample_to_webhook: Spread::of(samples),
        change_to_webhook: Spread::of(changes),
    }
}

fn report(plan: &Plan, measured: &[Measured]) -> anyhow::Result<()> {
    if plan.is_json {
        return print(&serde_json::to_string_pretty(measured)?);
    }
    let Plan { crossings, spread, .. } = plan;
    print(&format!(
        "{crossings} series cross a threshold within {}; seconds to the webhook",
        format_duration(*spread)
    ))?;
    print(&format!("{:48} {:^26}   {:^26}  told", "", "from the sample", "from the change"))?;
    let head = format!("{:>8} {:>8} {:>8}", "p50", "p95", "max");
    print(&format!("{:48} {head}   {head}", ""))?;
    for Measured { name, crossings, told, sample_to_webhook, change_to_webhook } in measured {
        let shown = |spread: &Option<Spread>| match spread {
            Some(Spread { p50_s, p95_s, max_s }) => format!("{p50_s:8.3} {p95_s:8.3} {max_s:8.3}"),
            None => format!("{:>26}", "-"),
        };
        let (sample, change) = (shown(sample_to_webhook), shown(change_to_webhook));
        print(&format!("{name:48} {sample}   {change}  {told}/{crossings}"))?;
    }
    Ok(())
}

/// Checks that a child still runs.
fn alive(child: &mut tokio::process::Child, name: &str) -> anyhow::Result<()> {
    match child.try_wait()? {
        Some(status) => bail!("{name} ended with {status}"),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_three_spans() {
        let read = |text: &str| text.parse::<Setting>().map(|setting| setting.to_string());
        assert_eq!(read("15s/1m/30s"), Ok("15s/1m/30s".to_owned()));
        assert_eq!(read("1s/1s/0s"), Ok("1s/1s/0s".to_owned()));
        for wrong in ["15s/1m", "0s/1m/30s", "15s/0s/30s", "1s/1s/1s/1s"] {
            assert_eq!(read(wrong), Err("write scrape, evaluation and group wait, such as 15s/1m/30s".to_owned()));
        }
        assert!(read("15/1m/30s").is_err_and(|said| said.contains("15")));
    }

    #[test]
    fn percentiles_are_of_the_nearest_rank() {
        let of = |count: u64| {
            let spread = Spread::of((1..=count).rev().map(Duration::from_secs).collect())?;
            Some((spread.p50_s, spread.p95_s, spread.max_s))
        };
        assert_eq!(of(0), None);
        assert_eq!(of(1), Some((1.0, 1.0, 1.0)));
        assert_eq!(of(40), Some((20.0, 38.0, 40.0)));
        assert_eq!(of(100), Some((50.0, 95.0, 100.0)));
    }
}
