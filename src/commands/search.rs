//! `orszem search`: asks a server and prints lines, counts, histograms or top values.

mod rows;

use std::io::{IsTerminal, Write};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use serde::Deserialize;

use super::{explain, tail};
use crate::cli::Global;
use crate::client::{Client, Refused};
use crate::lines::harmless;

/// How long a question runs before progress is shown on a terminal.
const PROGRESS_AFTER: Duration = Duration::from_secs(1);
/// The widest bar of a histogram.
const BAR_WIDTH: u64 = 60;

/// Search records
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Exits 0 if something was found, 1 if nothing was, 2 on an error.

Of events (kind:event) the facts come first, which the server concluded from what the nodes of a cluster report: what
happened, each once, with times and causes. After them comes what the nodes saw, each for itself.

EXAMPLES
  orszem search kind:event --since 10m
  orszem search 'layer:storage error' --since 1h
  orszem search '\"link down\" host:db*' --from 2026-11-22T10:00:00Z --to 2026-11-22T11:00:00Z --order oldest
  orszem search 'error' --since 24h --histogram 5m
  orszem search 'severity:>=warn' --since 1h --top host
  orszem search 'out of memory' --context 20
  orszem search 'error' --count --server http://logs.example:7450
  orszem search 'error' --json | jq .body")]
pub struct Args {
    /// The query; docs/search.md has the language
    #[arg(default_value = "")]
    pub query: String,
    #[command(flatten)]
    pub range: Range,
    /// Lines at most
    #[arg(long, default_value_t = 100, value_name = "N")]
    pub limit: u64,
    /// Which lines come first
    #[arg(long, value_enum, default_value_t)]
    pub order: Order,
    /// One JSON object a line
    #[arg(long)]
    pub json: bool,
    /// Only how many there are
    #[arg(long, conflicts_with_all = ["histogram", "top", "context", "follow", "explain"])]
    pub count: bool,
    /// How many there are in each span of time, such as 5m
    #[arg(long, value_name = "STEP", conflicts_with_all = ["top", "context", "follow", "explain"])]
    pub histogram: Option<String>,
    /// The most frequent values of a field
    #[arg(long, value_name = "FIELD", conflicts_with_all = ["context", "follow", "explain"])]
    pub top: Option<String>,
    /// Lines before and after each, of its stream
    #[arg(long, value_name = "N", conflicts_with_all = ["follow", "explain"])]
    pub context: Option<u64>,
    /// Go on with what comes
    #[arg(long, conflicts_with = "explain")]
    pub follow: bool,
    /// How the query is answered instead of its answer
    #[arg(long)]
    pub explain: bool,
}

/// The span of time that is looked at; all of it where nothing is said.
#[derive(Debug, clap::Args)]
pub struct Range {
    /// From this long ago, such as 1h or 14d
    #[arg(long, value_name = "SPAN", conflicts_with_all = ["from", "to"])]
    pub since: Option<String>,
    /// From this moment on, such as 2026-11-22T10:00:00Z or now-2h
    #[arg(long, value_name = "TIME")]
    pub from: Option<String>,
    /// Up to this moment
    #[arg(long, value_name = "TIME")]
    pub to: Option<String>,
}

impl Range {
    /// Adds the range to a request's parameters.
    pub fn push_to(self, parameters: &mut Vec<(&'static str, String)>) {
        let Self { since, from, to } = self;
        let given = [("since", since), ("from", from), ("to", to)];
        parameters.extend(given.into_iter().filter_map(|(name, value)| Some((name, value?))));
    }
}

/// Which lines come first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Order {
    #[default]
    Newest,
    Oldest,
}

#[derive(Deserialize)]
struct Count {
    count: u64,
    partial: bool,
}

#[derive(Deserialize)]
struct Histogram {
    buckets: Vec<Bucket>,
    partial: bool,
}

#[derive(Deserialize)]
struct Bucket {
    ts: String,
    counts: Vec<u64>,
}

#[derive(Deserialize)]
struct Top {
    values: Vec<TopValue>,
    other: u64,
    missing: u64,
    partial: bool,
}

#[derive(Deserialize)]
struct TopValue {
    value: String,
    count: u64,
}

/// Asks and prints what the flags say.
pub async fn run(global: &Global, args: Args) -> anyhow::Result<ExitCode> {
    let query = args.query.clone();
    if args.explain {
        return explain::explain_query(global, query, args.range).await.map_err(|error| point_at(error, &args.query));
    }
    let client = global.client()?;
    let found = answer(&client, args).await.map_err(|error| point_at(error, &query))?;
    Ok(if found { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn answer(client: &Client, args: Args) -> anyhow::Result<bool> {
    let Args { query, range, limit, order, json, count, histogram, top, context, follow, explain: _ } = args;
    let is_open = range.since.is_none() && range.from.is_none();
    let mut parameters = vec![("q", query.clone())];
    range.push_to(&mut parameters);
    if count {
        return print_count(client, &parameters, json).await;
    }
    if let Some(step) = histogram {
        parameters.push(("step", step));
        if is_open {
            parameters.push(("since", "24h".to_owned()));
        }
        return print_histogram(client, &parameters, json).await;
    }
    if let Some(field) = top {
        parameters.extend([("field", field), ("limit", limit.min(rows::PAGE_ROWS).to_string())]);
        return print_top(client, &parameters, json).await;
    }
    parameters.push(("order", if order == Order::Oldest { "oldest" } else { "newest" }.to_owned()));
    let found = rows::print(client, &parameters, limit, json, context).await?;
    if follow {
        tokio::select! {
            followed = tail::follow(client, query, json) => followed?,
            stopped = tokio::signal::ctrl_c() => stopped.context("can't listen to signals")?,
        }
    }
    Ok(found > 0)
}

async fn print_count(client: &Client, parameters: &[(&str, String)], json: bool) -> anyhow::Result<bool> {
    let Count { count, partial } = with_progress(client.get("/app/v1/count", parameters)).await?;
    tell_partial(partial);
    let mut out = std::io::stdout().lock();
    if json {
        writeln!(out, "{}", serde_json::json!({ "count": count, "partial": partial }))?;
    } else {
        writeln!(out, "{count}")?;
    }
    Ok(count > 0)
}

async fn print_histogram(client: &Client, parameters: &[(&str, String)], json: bool) -> anyhow::Result<bool> {
    let Histogram { buckets, partial } = with_progress(client.get("/app/v1/histogram", parameters)).await?;
    tell_partial(partial);
    let totals: Vec<u64> = buckets.iter().map(|bucket| bucket.counts.iter().sum()).collect();
    let most = totals.iter().copied().max().unwrap_or(0);
    let mut out = std::io::stdout().lock();
    for (bucket, total) in buckets.iter().zip(&totals) {
        if json {
            writeln!(out, "{}", serde_json::json!({ "ts": bucket.ts, "count": total }))?;
        } else {
            writeln!(out, "{} {total:>10} {}", bucket.ts, bar(*total, most))?;
        }
    }
    Ok(most > 0)
}

async fn print_top(client: &Client, parameters: &[(&str, String)], json: bool) -> anyhow::Result<bool> {
    let Top { values, other, missing, partial } = with_progress(client.get("/app/v1/facets", parameters)).await?;
    tell_partial(partial);
    let mut out = std::io::stdout().lock();
    for TopValue { value, count } in &values {
        if json {
            writeln!(out, "{}", serde_json::json!({ "value": value, "count": count }))?;
        } else {
            writeln!(out, "{count:>10} {}", harmless(value))?;
        }
    }
    if !json && other + missing > 0 {
        writeln!(out, "{other:>10} of other values, {missing} without the field")?;
    }
    Ok(!values.is_empty())
}

fn bar(count: u64, most: u64) -> String {
    let width = if most == 0 { 0 } else { (u128::from(count) * u128::from(BAR_WIDTH)).div_ceil(u128::from(most)) };
    "#".repeat(usize::try_from(width).unwrap_or(0))
}

/// Waits for `work`; on a terminal the seconds are counted once it takes long.
async fn with_progress<T>(work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    if !std::io::stderr().is_terminal() {
        return work.await;
    }
    let mut work = std::pin::pin!(work);
    let mut seconds = 0;
    loop {
        match tokio::time::timeout(PROGRESS_AFTER, work.as_mut()).await {
            Ok(done) => {
                if seconds > 0 {
                    eprint!("\r\x1b[K");
                }
                return done;
            }
            Err(_) => {
                seconds += 1;
                eprint!("\rsearching for {seconds} s …");
            }
        }
    }
}

fn tell_partial(partial: bool) {
    if partial {
        eprintln!("orszem: the answer is partial: the deadline or the memory budget ended it; narrow the range");
    }
}

/// A syntax error with a mark under the place that the server names.
fn point_at(error: anyhow::Error, query: &str) -> anyhow::Error {
    match error.downcast_ref::<Refused>() {
        Some(Refused { code, message, position: Some(position) }) => {
            let before: String = query.chars().take(*position).map(|_| ' ').collect();
            anyhow::anyhow!("{message} ({code})\n  {}\n  {before}^", query.replace(['\n', '\t'], " "))
        }
        _ => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_are_never_empty_for_something() {
        assert_eq!(
            (bar(0, 10).len(), bar(1, 1_000).len(), bar(5, 10).len(), bar(10, 10).len(), bar(0, 0).len()),
            (0, 1, 30, 60, 0)
        );
    }

    #[test]
    fn a_wrong_query_is_pointed_at() {
        let refused = Refused { code: "search.syntax".into(), message: "expected `)`".into(), position: Some(2) };
        assert_eq!(point_at(refused.into(), "(ő").to_string(), "expected `)` (search.syntax)\n  (ő\n    ^");
    }
}
