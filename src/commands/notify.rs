//! `orszem notify`: tries contacts out.

use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;

use bytes::Bytes;
use clap::Subcommand;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::alerts::Output;
use super::table::table;
use crate::cli::Global;

/// How often it is looked at what became of a test.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// Try contacts out
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Exits 0 if every address was reached, 1 if one was not in time, 2 on an error.

EXAMPLES
  orszem notify test eva
  orszem notify test eva --within 30s --output json")]
pub struct Args {
    #[command(subcommand)]
    what: What,
    /// How it is printed
    #[arg(long, value_enum, default_value_t, global = true)]
    output: Output,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Send a message to every address of a contact, and tell what became of it
    Test {
        /// The contact's name
        contact: String,
        /// How long to wait for the outcome
        #[arg(long, value_name = "SPAN", default_value = "20s")]
        within: String,
        /// Who it is
        #[arg(long, env = "USER", default_value = "somebody")]
        by: String,
    },
}

/// Sends and waits.
pub async fn run(global: &Global, Args { what, output }: Args) -> anyhow::Result<ExitCode> {
    let What::Test { contact, within, by } = what;
    let within = orszem_model::time::parse_duration(&within)?;
    let client = global.client()?;
    let before: Vec<String> = keys(&tests(&client.get("/app/v1/deliveries", &[]).await?, &contact));
    let body = json!({ "contact": contact, "by": by });
    client.post("/app/v1/notify/test", "application/json", Bytes::from(body.to_string())).await?;
    let end = Instant::now() + within;
    let sent = loop {
        let mut sent = tests(&client.get("/app/v1/deliveries", &[]).await?, &contact);
        sent.retain(|delivery| !before.contains(&key(delivery)));
        let is_done = !sent.is_empty() && sent.iter().all(|delivery| delivery["state"] != "waiting");
        if is_done || Instant::now() >= end {
            break sent;
        }
        tokio::time::sleep(LOOK_EVERY).await;
    };
    let is_reached = !sent.is_empty() && sent.iter().all(|delivery| delivery["state"] == "delivered");
    let mut out = std::io::stdout().lock();
    match output {
        Output::Json => writeln!(out, "{}", Value::Array(sent))?,
        Output::Table => out.write_all(shown(&sent).as_bytes())?,
    }
    Ok(if is_reached { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The tests of a contact among deliveries.
fn tests(answer: &Value, contact: &str) -> Vec<Value> {
    let deliveries = answer["deliveries"].as_array().map(Vec::as_slice).unwrap_or_default();
    let is_test = |delivery: &&Value| delivery["kind"] == "test" && delivery["contact"] == contact;
    deliveries.iter().filter(is_test).cloned().collect()
}

fn keys(deliveries: &[Value]) -> Vec<String> {
    deliveries.iter().map(key).collect()
}

fn key(delivery: &Value) -> String {
    delivery["key"].as_str().unwrap_or("").to_owned()
}

fn shown(sent: &[Value]) -> String {
    let text = |value: &Value| value.as_str().unwrap_or("").to_owned();
    let rows = sent.iter().map(|delivery| {
        let attempts = delivery["attempts"].as_array().map(Vec::as_slice).unwrap_or_default();
        let said = attempts.last().map(|attempt| text(&attempt["detail"])).unwrap_or_default();
        [text(&delivery["channel"]), text(&delivery["target"]), text(&delivery["state"]), said]
    });
    table(["CHANNEL", "ADDRESS", "STATE", "SAID"], rows.collect())
}
