//! `orszem rules replay`: what rules would have done over the history that a server has.

use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};
use bytes::Bytes;
use orszem_model::time::parse_point;
use orszem_model::{Span, Timestamp};
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize};

use super::super::table::table;
use super::timeline;
use crate::cli::Global;
use crate::collecting;
use crate::lines::harmless;

/// Episodes that are listed; the rest is counted.
const LISTED_MAX: usize = 50;

/// Replay rules over stored history: what would have fired
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The server evaluates the rules over what it has stored, with the evaluators that run live; nothing is stored, nobody is
told. Without files the rules in force are replayed. Limits are in docs/rules.md; an answer that is not all says so.
Exits 0 if something would have fired, 1 if nothing, 2 on an error.

EXAMPLES
  orszem rules replay new.yml --last 7d
  orszem rules replay /etc/orszem/rules/*.yml --from 2026-11-20T00:00:00Z --to 2026-11-21T00:00:00Z
  orszem rules replay --last 1h --json | jq '.rules[] | select(.fired > 10) | .rule'")]
pub struct Args {
    /// Rule files [default: the rules that the server has in force]
    pub files: Vec<PathBuf>,
    /// From this moment on, such as 2026-11-22T10:00:00Z or now-2h
    #[arg(long, value_name = "TIME", conflicts_with = "last")]
    pub from: Option<String>,
    /// Up to this moment [default: now]
    #[arg(long, value_name = "TIME")]
    pub to: Option<String>,
    /// In place of --from: this long before --to [default: 1d]
    #[arg(long, value_name = "SPAN")]
    pub last: Option<Span>,
    /// How often groups are evaluated that do not say [default: the server's]
    #[arg(long, value_name = "SPAN")]
    pub interval: Option<Span>,
    /// How long it may take; what was found by then is shown [default: 1m]
    #[arg(long, value_name = "SPAN")]
    pub timeout: Option<Span>,
    /// Write the server's answer
    #[arg(long)]
    pub json: bool,
}

#[derive(Serialize)]
struct Ask {
    files: Vec<File>,
    from: String,
    to: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    interval: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    timeout: Option<String>,
}

#[derive(Serialize)]
struct File {
    name: String,
    text: String,
}

/// The server's answer.
#[derive(Debug, Deserialize)]
pub(super) struct Answer {
    #[serde(deserialize_with = "time")]
    from: Timestamp,
    #[serde(deserialize_with = "time")]
    to: Timestamp,
    rules: Vec<RuleLine>,
    episodes: Vec<Episode>,
    looked_at: LookedAt,
    partial: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct RuleLine {
    rule: String,
    kind: String,
    fired: u64,
    warning: u64,
    critical: u64,
    pended: u64,
    alerts: u64,
    total_ms: u64,
    longest_ms: u64,
    #[serde(deserialize_with = "some_time")]
    first: Option<Timestamp>,
    #[serde(deserialize_with = "some_time")]
    last: Option<Timestamp>,
    failing: Option<Failing>,
}

#[derive(Debug, Deserialize)]
struct Failing {
    error: String,
    times: u64,
}

/// From when to when an alert fired, or only pended.
#[derive(Debug, Deserialize)]
pub(super) struct Episode {
    pub(super) rule: String,
    pub(super) labels: std::collections::BTreeMap<String, String>,
    pub(super) level: Option<String>,
    #[serde(deserialize_with = "time")]
    pub(super) from: Timestamp,
    #[serde(deserialize_with = "some_time")]
    pub(super) to: Option<Timestamp>,
}

fn time<'d, D: Deserializer<'d>>(from: D) -> Result<Timestamp, D::Error> {
    String::deserialize(from)?.parse().map_err(D::Error::custom)
}

fn some_time<'d, D: Deserializer<'d>>(from: D) -> Result<Option<Timestamp>, D::Error> {
    let text = Option::<String>::deserialize(from)?;
    text.map(|text| text.parse().map_err(D::Error::custom)).transpose()
}

#[derive(Debug, Deserialize)]
struct LookedAt {
    evaluations: u64,
    samples: u64,
    records: u64,
}

pub(super) async fn run(global: &Global, args: Args) -> anyhow::Result<ExitCode> {
    let Args { files, from, to, last, interval, timeout, json } = args;
    let now = collecting::now();
    let to = to.map_or(Ok(now), |to| parse_point(&to, now)).context("--to")?;
    let from = match from {
        Some(from) => parse_point(&from, now).context("--from")?,
        None => to.before(last.unwrap_or(Span::days(1)).duration()),
    };
    if from >= to {
        bail!("the range is empty: its end must be after its begin");
    }
    let text = |span: Span| span.to_string();
    let files = files.iter().map(|path| file(path)).collect::<anyhow::Result<Vec<File>>>()?;
    let (from, to) = (from.to_string(), to.to_string());
    let ask = Ask { files, from, to, interval: interval.map(text), timeout: timeout.map(text) };
    let body = Bytes::from(serde_json::to_vec(&ask)?);
    let answer = global.client()?.post("/app/v1/rules/replay", "application/json", body).await?;
    let told: Answer =
        serde_json::from_slice(&answer).context("the server's answer is not one that this version expects")?;
    let mut out = std::io::stdout().lock();
    if json {
        out.write_all(&answer)?;
        writeln!(out)?;
    } else {
        let is_coloured = std::io::stdout().is_terminal();
        out.write_all(shown(&told, timeline::columns(), is_coloured).as_bytes())?;
    }
    let has_fired = told.rules.iter().any(|rule| rule.fired > 0);
    Ok(if has_fired { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn file(path: &Path) -> anyhow::Result<File> {
    Ok(File { name: path.display().to_string(), text: super::read(path)? })
}

/// The table of rules, the picture, and what fired.
fn shown(answer: &Answer, columns: usize, is_coloured: bool) -> String {
    let rows = answer.rules.iter().map(|line| {
        [
            line.rule.clone(),
            line.kind.clone(),
            line.fired.to_string(),
            levels(line),
            line.alerts.to_string(),
            line.pended.to_string(),
            span(line.total_ms),
            span(line.longest_ms),
            line.first.map(moment).unwrap_or_default(),
            line.last.map(moment).unwrap_or_default(),
        ]
    });
    let head = ["RULE", "KIND", "FIRED", "LEVELS", "ALERTS", "PENDED", "TOTAL", "LONGEST", "FIRST", "LAST"];
    let mut text = table(head, rows.collect());
    for line in &answer.rules {
        if let Some(Failing { error, times }) = &line.failing {
            text.push_str(&harmless(&format!("{} can't be evaluated ({times} times): {error}", line.rule)));
            text.push('\n');
        }
    }
    let names: Vec<&str> = answer.rules.iter().filter(|line| line.fired + line.pended > 0).map(name).collect();
    if !names.is_empty() {
        text.push('\n');
        text.push_str(&timeline::picture(&names, &answer.episodes, (answer.from, answer.to), columns, is_coloured));
        text.push('\n');
        text.push_str(&listed(answer));
    }
    let LookedAt { evaluations, samples, records } = answer.looked_at;
    text.push_str(&format!("\nlooked at: {evaluations} evaluations of groups, {samples} samples, {records} records\n"));
    for reason in &answer.partial {
        text.push_str(&harmless(&format!("not all of it: {reason}")));
        text.push('\n');
    }
    text
}

fn name(line: &RuleLine) -> &str {
    &line.rule
}

fn levels(line: &RuleLine) -> String {
    match (line.warning, line.critical) {
        (0, 0) => String::new(),
        (warning, 0) => format!("{warning} warning"),
        (0, critical) => format!("{critical} critical"),
        (warning, critical) => format!("{warning} warning, {critical} critical"),
    }
}

/// The first that fired, each with its labels.
fn listed(answer: &Answer) -> String {
    let fired: Vec<&Episode> = answer.episodes.iter().filter(|episode| episode.level.is_some()).collect();
    let rows = fired.iter().take(LISTED_MAX).map(|episode| {
        let labels: Vec<String> = episode.labels.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let lasted = episode.to.unwrap_or(answer.to).0.saturating_sub(episode.from.0) / 1_000_000;
        let lasted = span(u64::try_from(lasted).unwrap_or(0));
        [
            moment(episode.from),
            if episode.to.is_none() { format!("{lasted}, goes on") } else { lasted },
            episode.level.clone().unwrap_or_default(),
            episode.rule.clone(),
            labels.join(","),
        ]
    });
    let mut text = table(["FROM", "LASTED", "LEVEL", "RULE", "LABELS"], rows.collect());
    if fired.len() > LISTED_MAX {
        text.push_str(&format!("and {} more; --json has them\n", fired.len() - LISTED_MAX));
    }
    text
}

/// In whole seconds, or milliseconds where it is less than one.
fn span(ms: u64) -> String {
    let rounded = if ms >= 1_000 { ms - ms % 1_000 } else { ms };
    Span::millis(rounded).to_string()
}

/// To the second.
fn moment(at: Timestamp) -> String {
    let second = at.0 - at.0.rem_euclid(1_000_000_000);
    Timestamp(second).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_a_picture_and_what_fired() {
        let answer = r#"{
            "status": "ok", "from": "2026-11-22T10:00:00Z", "to": "2026-11-22T11:00:00Z",
            "rules": [
                {"rule": "Hot", "kind": "threshold", "file": "a.yml", "fired": 2, "warning": 1, "critical": 1,
                 "pended": 0, "alerts": 1, "total_ms": 900000, "longest_ms": 600000,
                 "first": "2026-11-22T10:10:00Z", "last": "2026-11-22T10:55:00Z", "failing": null},
                {"rule": "Quiet", "kind": "log", "file": "a.yml", "fired": 0, "warning": 0, "critical": 0,
                 "pended": 0, "alerts": 0, "total_ms": 0, "longest_ms": 0, "first": null, "last": null,
                 "failing": {"error": "no", "times": 3, "first": "2026-11-22T10:00:00Z"}}
            ],
            "episodes": [
                {"rule": "Hot", "labels": {"host": "a"}, "level": "critical", "from": "2026-11-22T10:10:00Z",
                 "to": "2026-11-22T10:20:00Z", "annotations": {}},
                {"rule": "Hot", "labels": {"host": "a"}, "level": "warning", "from": "2026-11-22T10:55:00Z",
                 "to": null, "annotations": {}}
            ],
            "looked_at": {"evaluations": 0, "samples": 60, "records": 0},
            "partial": ["its time was over"]
        }"#;
        let answer: Answer = serde_json::from_str(answer).expect("an answer");
        let expected = "\
RULE   KIND       FIRED  LEVELS                 ALERTS  PENDED  TOTAL  LONGEST  FIRST                 LAST
Hot    threshold  2      1 warning, 1 critical  1       0       15m    10m      2026-11-22T10:10:00Z  2026-11-22T10:55:00Z
Quiet  log        0                             0       0       0s     0s
Quiet can't be evaluated (3 times): no

Hot  ··██········▒
     2026-11-22T10:00:00Z … 2026-11-22T11:00:00Z, 5m a character: █ critical ▒ warning ░ pending

FROM                  LASTED       LEVEL     RULE  LABELS
2026-11-22T10:10:00Z  10m          critical  Hot   host=a
2026-11-22T10:55:00Z  5m, goes on  warning   Hot   host=a

looked at: 0 evaluations of groups, 60 samples, 0 records
not all of it: its time was over
";
        assert_eq!(shown(&answer, 17, false), expected.replace("··██········▒", "  ██       ▒"));
    }
}
