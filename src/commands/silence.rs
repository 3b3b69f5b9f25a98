//! `orszem silence`: alerts that notify nobody for a while.

use std::io::Write;
use std::process::ExitCode;

use anyhow::Context;
use bytes::Bytes;
use clap::Subcommand;
use orszem_indexer::alerting::parse_matchers;
use orszem_model::time::{parse_duration, parse_point};
use orszem_model::{MatchOp, Timestamp};
use serde_json::{Value, json};

use super::alerts::Output;
use super::table::table;
use crate::cli::Global;
use crate::collecting;

/// Silence alerts for a while, list silences, end them
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Exits 0 if it is done, or if there is something to list; 1 if there is nothing, 2 on an error.

EXAMPLES
  orszem silence add 'host=\"db1\"' --for 2h --comment 'new disks'
  orszem silence add 'alertname=~\"Disk.*\"' 'env=\"lab\"' --for 1d --by eva --comment lab
  orszem silence list
  orszem silence expire 2d1c5b52-8c0e-4f0e-9a1b-0d6a0f0b7a11")]
pub struct Args {
    #[command(subcommand)]
    what: What,
    /// How it is printed
    #[arg(long, value_enum, default_value_t, global = true)]
    output: Output,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Add one; alerts that match all of its matchers notify nobody, and who was told before still hears the end
    Add {
        /// Such as 'host="db1"'
        #[arg(required = true, value_name = "MATCHER")]
        matchers: Vec<String>,
        /// For how long
        #[arg(long = "for", value_name = "SPAN", default_value = "1h")]
        span: String,
        /// From when on [default: now]
        #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
        from: Option<String>,
        /// Who adds it
        #[arg(long, env = "USER", default_value = "somebody")]
        by: String,
        /// Why
        #[arg(long)]
        comment: String,
    },
    /// List them
    List {
        /// Ended ones, too
        #[arg(long)]
        expired: bool,
        /// Only those that have this matcher
        #[arg(value_name = "MATCHER")]
        filter: Vec<String>,
    },
    /// End them
    Expire {
        /// Their ids
        #[arg(required = true, value_name = "ID")]
        ids: Vec<String>,
    },
}

/// Asks and prints.
pub async fn run(global: &Global, Args { what, output }: Args) -> anyhow::Result<ExitCode> {
    let client = global.client()?;
    match what {
        What::Add { matchers, span, from, by, comment } => {
            let now = collecting::now();
            let from = from.map_or(Ok(now), |from| parse_point(&from, now)).context("--from")?;
            let until = from.after(parse_duration(&span).context("--for")?);
            let body = silence(&matchers, from, until, &by, &comment)?;
            let answer = client.post("/api/v2/silences", "application/json", Bytes::from(body.to_string())).await?;
            let answer: Value = serde_json::from_slice(&answer).context("the server's answer is no JSON")?;
            let mut out = std::io::stdout().lock();
            match output {
                Output::Json => writeln!(out, "{answer}")?,
                Output::Table => writeln!(out, "{}", answer["silenceID"].as_str().unwrap_or(""))?,
            }
            Ok(ExitCode::SUCCESS)
        }
        What::List { expired, filter } => {
            let parameters: Vec<(&str, String)> = filter.into_iter().map(|matcher| ("filter", matcher)).collect();
            let mut silences: Vec<Value> = client.get("/api/v2/silences", &parameters).await?;
            silences.retain(|silence| expired || silence["status"]["state"] != "expired");
            let mut out = std::io::stdout().lock();
            match output {
                Output::Json => writeln!(out, "{}", Value::Array(silences.clone()))?,
                Output::Table => out.write_all(shown(&silences).as_bytes())?,
            }
            Ok(if silences.is_empty() { ExitCode::FAILURE } else { ExitCode::SUCCESS })
        }
        What::Expire { ids } => {
            for id in ids {
                client.delete(&format!("/api/v2/silence/{id}")).await.with_context(|| format!("silence {id}"))?;
            }
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn silence(texts: &[String], from: Timestamp, until: Timestamp, by: &str, comment: &str) -> anyhow::Result<Value> {
    let mut matchers = Vec::new();
    for text in texts {
        for matcher in parse_matchers(text)? {
            let is_regex = matches!(matcher.op, MatchOp::Regex | MatchOp::NotRegex);
            let is_equal = matches!(matcher.op, MatchOp::Equal | MatchOp::Regex);
            let (name, value) = (matcher.name, matcher.value);
            matchers.push(json!({ "name": name, "value": value, "isRegex": is_regex, "isEqual": is_equal }));
        }
    }
    let (from, until) = (from.to_string(), until.to_string());
    Ok(json!({ "matchers": matchers, "startsAt": from, "endsAt": until, "createdBy": by, "comment": comment }))
}

fn shown(silences: &[Value]) -> String {
    let text = |value: &Value| value.as_str().unwrap_or("").to_owned();
    let matcher = |matcher: &Value| {
        let op = match (matcher["isEqual"].as_bool(), matcher["isRegex"].as_bool()) {
            (Some(false), Some(true)) => "!~",
            (Some(false), _) => "!=",
            (_, Some(true)) => "=~",
            _ => "=",
        };
        format!("{}{op}{:?}", text(&matcher["name"]), text(&matcher["value"]))
    };
    let rows = silences.iter().map(|silence| {
        let matchers = silence["matchers"].as_array().map(Vec::as_slice).unwrap_or_default();
        [
            text(&silence["id"]),
            text(&silence["status"]["state"]),
            text(&silence["endsAt"]),
            text(&silence["createdBy"]),
            matchers.iter().map(matcher).collect::<Vec<_>>().join(","),
            text(&silence["comment"]),
        ]
    });
    table(["ID", "STATE", "UNTIL", "BY", "MATCHERS", "COMMENT"], rows.collect())
}
