//! `orszem query`: asks a server with PromQL and shows the answer as a plot, a table, JSON or CSV.

mod explain;
mod plot;
mod table;

use std::io::{IsTerminal, Write};
use std::process::ExitCode;

use anyhow::{Context, bail};
use orszem_model::time::parse_point;
use orszem_model::{Span, Timestamp};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::cli::Global;
use crate::client::Client;

/// Points of a range that names no step.
const POINTS: u64 = 240;
const NOT_UNDERSTOOD: &str = "the server's answer is not one that this version expects";

/// Query metrics with PromQL
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Without --range, --from and --to the moment now is asked for (or --time), and a table is shown; with one of them the
answer is plotted on a terminal and printed as CSV elsewhere. Exits 0 if something was found, 1 if nothing was, 2 on an
error.

EXAMPLES
  orszem query up
  orszem query 'topk(5, rate(node_cpu_seconds_total{mode!=\"idle\"}[5m]))' --range 1h
  orszem query 'node_filesystem_avail_bytes' --time 2026-11-22T10:00:00Z --output json
  orszem query 'sum by (instance) (rate(http_requests_total[5m]))' --range 1d --step 5m --output csv > requests.csv
  orszem query 'rate(x[5m])' --range 1h --stats
  orszem query --explain 'sum by (job) (rate(x[5m]))' --range 1d
  orszem query --explain --analyze 'sum by (job) (rate(x[5m]))' --output json")]
pub struct Args {
    /// The expression
    pub expr: String,
    /// The moment to ask for [default: now]
    #[arg(long, value_name = "TIME", conflicts_with_all = ["range", "from", "to", "step"])]
    pub time: Option<String>,
    /// From this long ago until now, such as 1h
    #[arg(long, value_name = "SPAN", conflicts_with_all = ["from", "to"])]
    pub range: Option<Span>,
    /// From this moment on, such as 2026-11-22T10:00:00Z or now-2h
    #[arg(long, value_name = "TIME")]
    pub from: Option<String>,
    /// Up to this moment [default: now]
    #[arg(long, value_name = "TIME", requires = "from")]
    pub to: Option<String>,
    /// The time between two points [default: a 240th of the range, at least 1s]
    #[arg(long, value_name = "SPAN")]
    pub step: Option<Span>,
    /// How the answer is shown [default: a plot or table on a terminal, CSV elsewhere]
    #[arg(long, short, value_enum)]
    pub output: Option<Output>,
    /// Also tell what the query took
    #[arg(long)]
    pub stats: bool,
    /// Instead of the answer tell what the query reads: a tree with the series and samples of each selector
    #[arg(long, conflicts_with = "stats")]
    pub explain: bool,
    /// With --explain also run the query, and tell what each part gave and took
    #[arg(long, requires = "explain")]
    pub analyze: bool,
}

/// How an answer is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Output {
    Plot,
    Table,
    /// The server's answer as it is
    Json,
    Csv,
}

#[derive(Deserialize)]
struct Answer {
    data: Box<RawValue>,
    #[serde(default)]
    warnings: Vec<String>,
    #[serde(default)]
    infos: Vec<String>,
}

#[derive(Deserialize)]
struct Stats {
    stats: Option<serde_json::Value>,
}

/// The data of an answer.
#[derive(Debug, Deserialize)]
#[serde(tag = "resultType", content = "result", rename_all = "lowercase")]
enum Data {
    Scalar((f64, String)),
    String((f64, String)),
    Vector(Vec<Element>),
    Matrix(Vec<Series>),
}

#[derive(Debug, Deserialize)]
struct Element {
    metric: std::collections::BTreeMap<String, String>,
    value: Option<(f64, String)>,
    histogram: Option<(f64, Histogram)>,
}

#[derive(Debug, Deserialize)]
struct Series {
    metric: std::collections::BTreeMap<String, String>,
    #[serde(default)]
    values: Vec<(f64, String)>,
    #[serde(default)]
    histograms: Vec<(f64, Histogram)>,
}

#[derive(Debug, Deserialize)]
struct Histogram {
    count: String,
    sum: String,
}

impl Histogram {
    fn text(&self) -> String {
        format!("count {} sum {}", self.count, self.sum)
    }
}

/// Asks and prints what the flags say.
pub async fn run(global: &Global, args: Args) -> anyhow::Result<ExitCode> {
    let client = global.client()?;
    let Args { expr, time, range, from, to, step, output, stats, explain, analyze } = args;
    let now = crate::collecting::now();
    let mut parameters = vec![("query", expr)];
    if stats {
        parameters.push(("stats", "true".to_owned()));
    }
    let span = span(range, from.as_deref(), to.as_deref(), now)?;
    let path = match span {
        None => {
            if step.is_some() {
                bail!("--step goes with --range or --from");
            }
            let time = time.as_deref().map_or(Ok(now), |time| point("--time", time, now))?;
            parameters.push(("time", seconds(time)));
            "/api/v1/query"
        }
        Some((from, to)) => {
            let step = step.map_or_else(|| automatic_step(from, to), |step| step.duration().as_secs_f64());
            parameters.extend([("start", seconds(from)), ("end", seconds(to)), ("step", step.to_string())]);
            "/api/v1/query_range"
        }
    };
    if explain {
        if analyze {
            parameters.push(("analyze", "true".to_owned()));
        }
        return explanation(&client, &parameters, output).await;
    }
    let output = output.unwrap_or(match (std::io::stdout().is_terminal(), span) {
        (true, Some(_)) => Output::Plot,
        (true, None) => Output::Table,
        (false, _) => Output::Csv,
    });
    let found = answer(&client, path, &parameters, output).await?;
    Ok(if found { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn explanation(
    client: &Client,
    parameters: &[(&str, String)],
    output: Option<Output>,
) -> anyhow::Result<ExitCode> {
    let is_json = match output {
        None | Some(Output::Table) => false,
        Some(Output::Json) => true,
        Some(Output::Plot | Output::Csv) => bail!("--explain is shown as a tree, or with --output json"),
    };
    let data = told(client, "/api/v1/explain", parameters).await?;
    let explained: explain::Explained = serde_json::from_str(data.get()).context(NOT_UNDERSTOOD)?;
    let mut out = std::io::stdout().lock();
    match is_json {
        true => writeln!(out, "{}", data.get())?,
        false => write!(out, "{}", explain::shown(&explained))?,
    }
    Ok(ExitCode::SUCCESS)
}

/// The data of the answer; what is said beside it goes to standard error.
async fn told(client: &Client, path: &str, parameters: &[(&str, String)]) -> anyhow::Result<Box<RawValue>> {
    let Answer { data, warnings, infos } = client.get(path, parameters).await?;
    for remark in warnings.iter().chain(&infos) {
        eprintln!("orszem: {}", crate::lines::harmless(remark));
    }
    Ok(data)
}

async fn answer(client: &Client, path: &str, parameters: &[(&str, String)], output: Output) -> anyhow::Result<bool> {
    let data = told(client, path, parameters).await?;
    let parsed: Data = serde_json::from_str(data.get()).context(NOT_UNDERSTOOD)?;
    let Stats { stats } = serde_json::from_str(data.get()).context(NOT_UNDERSTOOD)?;
    let mut out = std::io::stdout().lock();
    match output {
        Output::Json => writeln!(out, "{}", data.get())?,
        Output::Csv => write!(out, "{}", table::csv(&parsed))?,
        Output::Table => write!(out, "{}", table::table(&parsed))?,
        Output::Plot => {
            let (columns, rows) = plot::terminal();
            write!(out, "{}", plot::plot(&parsed, columns, rows, std::io::stdout().is_terminal()))?;
        }
    }
    if let Some(stats) = stats {
        eprintln!("orszem: {stats}");
    }
    Ok(match &parsed {
        Data::Scalar(_) | Data::String(_) => true,
        Data::Vector(elements) => !elements.is_empty(),
        Data::Matrix(series) => !series.is_empty(),
    })
}

/// The range that the flags name; `None` for a moment.
fn span(
    range: Option<Span>,
    from: Option<&str>,
    to: Option<&str>,
    now: Timestamp,
) -> anyhow::Result<Option<(Timestamp, Timestamp)>> {
    let span = match (range, from) {
        (Some(range), _) => (now.before(range.duration()), now),
        (None, Some(from)) => (point("--from", from, now)?, to.map_or(Ok(now), |to| point("--to", to, now))?),
        (None, None) => return Ok(None),
    };
    if span.0 >= span.1 {
        bail!("the range is empty: its end must be after its begin");
    }
    Ok(Some(span))
}

fn point(flag: &str, text: &str, now: Timestamp) -> anyhow::Result<Timestamp> {
    parse_point(text, now).with_context(|| format!("{flag} {text}"))
}

fn seconds(time: Timestamp) -> String {
    format!("{:.3}", time.0 as f64 / 1e9)
}

/// A whole number of seconds that gives about [`POINTS`] points.
fn automatic_step(from: Timestamp, to: Timestamp) -> f64 {
    let seconds = (to.0.saturating_sub(from.0)).unsigned_abs() / 1_000_000_000;
    seconds.div_ceil(POINTS).max(1) as f64
}

/// A label set as PromQL writes it.
fn name(metric: &std::collections::BTreeMap<String, String>) -> String {
    let name = metric.get("__name__").map_or("", String::as_str);
    let labels: Vec<String> = metric
        .iter()
        .filter(|(label, _)| label.as_str() != "__name__")
        .map(|(label, value)| format!("{label}={value:?}"))
        .collect();
    crate::lines::harmless(&match (name, labels.is_empty()) {
        (name, true) if !name.is_empty() => name.to_owned(),
        (name, _) => format!("{name}{{{}}}", labels.join(", ")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_whole_seconds() {
        let at = |seconds: i64| Timestamp(seconds * 1_000_000_000);
        assert_eq!(
            [(0, 10), (0, 3_600), (0, 86_400)].map(|(from, to)| automatic_step(at(from), at(to))),
            [1.0, 15.0, 360.0]
        );
    }

    #[test]
    fn ranges_are_checked() {
        let now = Timestamp(1_000_000_000_000);
        assert_eq!(span(None, None, None, now).expect("a moment"), None);
        let hour = span(Some(Span::hours(1)), None, None, now).expect("a range");
        assert_eq!(hour, Some((now.before(std::time::Duration::from_secs(3_600)), now)));
        assert!(span(None, Some("now"), Some("now-1h"), now).is_err());
        assert!(span(None, Some("gestern"), None, now).is_err());
    }
}
