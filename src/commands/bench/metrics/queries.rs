//! The metric query set, warm: the median wall time and the mean CPU time of each question.

use std::time::Instant;

use anyhow::bail;

use super::Load;
use super::connection::Connection;
use super::system::{Kind, System};
use crate::commands::bench::print;

/// A question: its name in the report, the expression, the range and step in seconds (none for an instant).
struct Question {
    name: &'static str,
    expr: &'static str,
    range: Option<(i64, i64)>,
}

const DAY: i64 = 86_400;

const QUESTIONS: [Question; 12] = [
    Question {
        name: "instant sum by (host) (rate)",
        expr: r#"sum by (host) (rate({__name__=~"bench_requests_.*"}[5m]))"#,
        range: None,
    },
    Question { name: "instant topk(5, rate)", expr: r#"topk(5, rate(bench_requests_1_total[5m]))"#, range: None },
    Question { name: "instant count of all", expr: r#"count({job="bench"})"#, range: None },
    Question { name: "instant count by name", expr: r#"count by (__name__) ({__name__=~".+"})"#, range: None },
    Question {
        name: "one series, 24 h, 60 s",
        expr: r#"bench_queue_9{host="host-0000",device="device-003"}"#,
        range: Some((DAY, 60)),
    },
    Question {
        name: "sum by (service) (rate), 24 h",
        expr: r#"sum by (service) (rate({job="bench"}[5m]))"#,
        range: Some((DAY, 60)),
    },
    Question {
        name: "topk(5, rate), 24 h",
        expr: r#"topk(5, rate(bench_requests_1_total[5m]))"#,
        range: Some((DAY, 60)),
    },
    Question {
        name: "histogram_quantile, 24 h",
        expr: r"histogram_quantile(0.99, sum by (le) (rate(bench_duration_seconds_bucket[5m])))",
        range: Some((DAY, 60)),
    },
    Question { name: "max_over_time(m[1d:5m])", expr: r"max_over_time(sum(bench_queue_9)[1d:5m])", range: None },
    Question { name: "avg_over_time(m[6h])", expr: r"avg_over_time(bench_queue_9[6h])", range: None },
    Question {
        name: "sum by (x) (rate), 6 h",
        expr: r#"sum by (datacenter) (rate({__name__=~"bench_requests_.*"}[5m]))"#,
        range: Some((DAY / 4, 60)),
    },
    Question { name: "label values of host", expr: "", range: None },
];

/// After so many seconds a question is not repeated more often than [`LEAST_RUNS`] times.
const LONG_S: f64 = 20.0;
const LEAST_RUNS: u32 = 3;

/// Runs all questions `repeat` times after one run to warm up.
pub(super) async fn run(system: &System, load: Load, begin: i64, end: i64, repeat: u32) -> anyhow::Result<()> {
    let mut connection = Connection::open(system.address()).await?;
    if system.kind() == Kind::VictoriaMetrics {
        connection.get("/internal/force_flush").await?;
    }
    print(&format!("{:<18}{:<32} {:>10} {:>10}", "", "query", "wall ms", "CPU ms"))?;
    for question in &QUESTIONS {
        // On few samples ranges are as short as the data, with enough points to be worth a measurement.
        let span = (end - begin) / 1000;
        let range = question.range.map(|(range, step)| if range > span { (span, 15) } else { (range, step) });
        if question.range.is_some() && load.samples < 4 {
            continue;
        }
        let path = path(question, range, end / 1000);
        let kind = system.kind();
        match measured(&mut connection, system, &path, repeat).await {
            Ok((median, cpu_ms)) => {
                print(&format!("{:<18}{:<32} {median:>10.2} {cpu_ms:>10.2}", kind.name(), question.name))?
            }
            Err(error) if kind == Kind::Own => return Err(error),
            Err(error) => {
                // A peer that refuses a question, or hangs up on it, is still asked the others.
                print(&format!("{:<18}{:<32} refused: {error:#}", kind.name(), question.name))?;
                connection = Connection::open(system.address()).await?;
            }
        }
    }
    Ok(())
}

/// The median of the wall times, and the CPU time of one run, both in milliseconds.
async fn measured(connection: &mut Connection, system: &System, path: &str, repeat: u32) -> anyhow::Result<(f64, f64)> {
    ask(connection, path).await?;
    let before = system.usage()?.cpu_s;
    let mut walls = Vec::new();
    let mut runs = 0;
    let begun = Instant::now();
    // Short questions run more often, as the kernel counts hundredths of a second; long ones less often.
    let wants_more = |runs: u32, elapsed: f64| {
        (runs < repeat && (runs < LEAST_RUNS || elapsed < LONG_S)) || (elapsed < 0.5 && runs < 2_000)
    };
    while wants_more(runs, begun.elapsed().as_secs_f64()) {
        let asked = Instant::now();
        ask(connection, path).await?;
        walls.push(asked.elapsed().as_secs_f64() * 1e3);
        runs += 1;
    }
    let cpu_ms = (system.usage()?.cpu_s - before) * 1e3 / f64::from(runs);
    walls.sort_by(f64::total_cmp);
    Ok((walls.get(walls.len() / 2).copied().unwrap_or(0.0), cpu_ms))
}

fn path(question: &Question, range: Option<(i64, i64)>, end: i64) -> String {
    let Question { name: _, expr, range: _ } = question;
    if expr.is_empty() {
        return "/api/v1/label/host/values".to_owned();
    }
    let query: String = form_urlencoded::byte_serialize(expr.as_bytes()).collect();
    match range {
        None => format!("/api/v1/query?query={query}&time={end}"),
        Some((range, step)) => {
            format!("/api/v1/query_range?query={query}&start={}&end={end}&step={step}", end - range)
        }
    }
}

async fn ask(connection: &mut Connection, path: &str) -> anyhow::Result<()> {
    let (status, body) = connection.get(path).await?;
    if !status.is_success() {
        bail!("{path}: {status}: {}", String::from_utf8_lossy(&body));
    }
    Ok(())
}
