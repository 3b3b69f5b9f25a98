//! `orszem ack` and `orszem snooze`: somebody takes an incident on, or wants to hear nothing of it for a while.

use std::io::Write;
use std::process::ExitCode;

use anyhow::Context;
use bytes::Bytes;
use serde_json::{Value, json};

use super::alerts::Output;
use crate::cli::Global;

/// Acknowledge an incident: nobody else is told, and the end is told to all who were
#[derive(Debug, clap::Args)]
#[command(after_help = "\
EXAMPLES
  orszem ack 42
  orszem ack 42 --for 8h --note 'the vendor comes at ten'
  orszem ack 42 --undo --output json")]
pub struct AckArgs {
    /// The incident's number; `orszem alerts incidents` lists them
    id: u64,
    /// How long it holds [default: alerting.ack_expires_after]
    #[arg(long = "for", value_name = "SPAN", conflicts_with = "undo")]
    span: Option<String>,
    /// A word for the timeline
    #[arg(long, default_value = "", conflicts_with = "undo")]
    note: String,
    /// Take it back
    #[arg(long)]
    undo: bool,
    /// Who it is
    #[arg(long, env = "USER", default_value = "somebody")]
    by: String,
    /// How it is printed
    #[arg(long, value_enum, default_value_t)]
    output: Output,
}

/// Hear nothing of an incident for a while; its end is told all the same
#[derive(Debug, clap::Args)]
#[command(after_help = "\
EXAMPLES
  orszem snooze 42 30m
  orszem snooze 42 1h --by eva --output json")]
pub struct SnoozeArgs {
    /// The incident's number; `orszem alerts incidents` lists them
    id: u64,
    /// For how long
    #[arg(value_name = "SPAN")]
    span: String,
    /// Who it is
    #[arg(long, env = "USER", default_value = "somebody")]
    by: String,
    /// How it is printed
    #[arg(long, value_enum, default_value_t)]
    output: Output,
}

/// Acknowledges, or takes that back.
pub async fn ack(global: &Global, args: AckArgs) -> anyhow::Result<ExitCode> {
    let AckArgs { id, span, note, undo, by, output } = args;
    if undo {
        return act(global, id, "unack", json!({ "by": by }), output, "is not acknowledged any more").await;
    }
    let mut body = json!({ "by": by, "note": note });
    if let Some(span) = span {
        body["for"] = json!(span);
    }
    act(global, id, "ack", body, output, "is acknowledged").await
}

/// Snoozes.
pub async fn snooze(global: &Global, args: SnoozeArgs) -> anyhow::Result<ExitCode> {
    let SnoozeArgs { id, span, by, output } = args;
    act(global, id, "snooze", json!({ "by": by, "for": span }), output, "is snoozed").await
}

async fn act(
    global: &Global,
    id: u64,
    action: &str,
    body: Value,
    output: Output,
    done: &str,
) -> anyhow::Result<ExitCode> {
    let path = format!("/app/v1/incidents/{id}/{action}");
    let answer = global.client()?.post(&path, "application/json", Bytes::from(body.to_string())).await?;
    let answer: Value = serde_json::from_slice(&answer).context("the server's answer is no JSON")?;
    let mut out = std::io::stdout().lock();
    match output {
        Output::Json => writeln!(out, "{answer}")?,
        Output::Table => writeln!(out, "incident {id} {done}")?,
    }
    Ok(ExitCode::SUCCESS)
}
