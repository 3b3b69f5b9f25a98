//! `orszem alerts`: what is alarming, who was told, and why or why not.

use std::io::Write;
use std::process::ExitCode;

use clap::Subcommand;
use serde_json::Value;

use super::table::table;
use crate::cli::Global;
use crate::lines::harmless;

/// Show alerts, incidents with their timelines, and what was sent to whom
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Exits 0 if there is something to show, 1 if there is nothing, 2 on an error.

EXAMPLES
  orszem alerts list
  orszem alerts incidents --open
  orszem alerts incident 42
  orszem alerts deliveries --incident 42
  orszem alerts why 'alertname=\"DiskFull\",host=\"db1\"'
  orszem alerts list --output json | jq '.[].labels.alertname'")]
pub struct Args {
    #[command(subcommand)]
    what: What,
    /// How it is printed
    #[arg(long, value_enum, default_value_t, global = true)]
    output: Output,
}

/// How it is printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Output {
    #[default]
    Table,
    Json,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Alerts that fire
    List {
        /// Only those that match, such as severity="critical"
        #[arg(value_name = "MATCHER")]
        filter: Vec<String>,
    },
    /// Incidents, the newest first
    Incidents {
        /// Only those that are open
        #[arg(long)]
        open: bool,
        /// At most so many
        #[arg(long, default_value_t = 50)]
        limit: u32,
    },
    /// An incident with its timeline and who was told
    Incident {
        /// Its number
        id: u64,
    },
    /// What was or is to be sent, the newest first
    Deliveries {
        /// Of this incident
        #[arg(long, value_name = "ID")]
        incident: Option<u64>,
        /// At most so many
        #[arg(long, default_value_t = 50)]
        limit: u32,
    },
    /// Why somebody was told of an alert, or was not
    Why {
        /// Matchers, such as 'alertname="DiskFull"'
        #[arg(value_name = "MATCHERS")]
        alert: String,
    },
}

/// Asks and prints.
pub async fn run(global: &Global, Args { what, output }: Args) -> anyhow::Result<ExitCode> {
    let client = global.client()?;
    let (answer, list, text): (Value, &str, String) = match what {
        What::List { filter } => {
            let parameters: Vec<(&str, String)> = filter.into_iter().map(|matcher| ("filter", matcher)).collect();
            let alerts: Value = client.get("/api/v2/alerts", &parameters).await?;
            let text = shown_alerts(&alerts);
            (alerts, "", text)
        }
        What::Incidents { open, limit } => {
            let parameters = [("open", open.to_string()), ("limit", limit.to_string())];
            let answer: Value = client.get("/app/v1/incidents", &parameters).await?;
            let text = shown_incidents(&answer["incidents"]);
            (answer, "incidents", text)
        }
        What::Incident { id } => {
            let answer: Value = client.get(&format!("/app/v1/incidents/{id}"), &[]).await?;
            let text = shown_incident(&answer);
            (answer, "timeline", text)
        }
        What::Deliveries { incident, limit } => {
            let mut parameters = vec![("limit", limit.to_string())];
            parameters.extend(incident.map(|incident| ("incident", incident.to_string())));
            let answer: Value = client.get("/app/v1/deliveries", &parameters).await?;
            let text = shown_deliveries(&answer["deliveries"]);
            (answer, "deliveries", text)
        }
        What::Why { alert } => {
            let answer: Value = client.get("/app/v1/why", &[("alert", alert)]).await?;
            let texts: Vec<&str> = items(&answer["alerts"]).iter().map(|alert| text(&alert["text"])).collect();
            let text = texts.join("\n");
            (answer, "alerts", text)
        }
    };
    let shown = if list.is_empty() { &answer } else { &answer[list] };
    let is_empty = items(shown).is_empty();
    let mut out = std::io::stdout().lock();
    match output {
        Output::Json => writeln!(out, "{answer}")?,
        Output::Table => out.write_all(text.as_bytes())?,
    }
    Ok(if is_empty { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn items(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or("")
}

fn shown_alerts(alerts: &Value) -> String {
    let rows = items(alerts).iter().map(|alert| {
        let labels = &alert["labels"];
        let others = labels.as_object().into_iter().flatten();
        let others = others.filter(|(name, _)| !matches!(name.as_str(), "alertname" | "severity"));
        let others: Vec<String> = others.map(|(name, value)| format!("{name}={}", text(value))).collect();
        [
            text(&labels["alertname"]).to_owned(),
            text(&labels["severity"]).to_owned(),
            text(&alert["status"]["state"]).to_owned(),
            text(&alert["startsAt"]).to_owned(),
            others.join(","),
        ]
    });
    table(["ALERT", "SEVERITY", "STATE", "SINCE", "LABELS"], rows.collect())
}

fn shown_incidents(incidents: &Value) -> String {
    let rows = items(incidents).iter().map(|incident| {
        let mut names: Vec<&str> = items(&incident["alerts"]).iter().map(name_of).collect();
        names.sort_unstable();
        names.dedup();
        [
            incident["id"].to_string(),
            text(&incident["state"]).to_owned(),
            text(&incident["level"]).to_owned(),
            text(&incident["started_at"]).to_owned(),
            text(&incident["acknowledged_by"]).to_owned(),
            items(&incident["alerts"]).len().to_string(),
            names.join(","),
        ]
    });
    table(["ID", "STATE", "LEVEL", "SINCE", "ACK", "ALERTS", "WHAT"], rows.collect())
}

fn name_of(member: &Value) -> &str {
    let name = text(&member["labels"]["alertname"]);
    if name.is_empty() { text(&member["rule"]) } else { name }
}

fn shown_incident(answer: &Value) -> String {
    let mut shown = shown_incidents(&Value::Array(vec![answer["incident"].clone()]));
    shown.push('\n');
    for event in items(&answer["timeline"]) {
        shown.push_str(&format!("{}  {}\n", text(&event["at"]), harmless(text(&event["text"]))));
    }
    if !items(&answer["deliveries"]).is_empty() {
        shown.push('\n');
        shown.push_str(&shown_deliveries(&answer["deliveries"]));
    }
    shown
}

fn shown_deliveries(deliveries: &Value) -> String {
    let rows = items(deliveries).iter().map(|delivery| {
        let attempts = items(&delivery["attempts"]);
        let last = attempts.last().map_or("", |attempt| text(&attempt["detail"]));
        [
            text(&delivery["created_at"]).to_owned(),
            delivery["incident"].to_string(),
            text(&delivery["kind"]).to_owned(),
            text(&delivery["contact"]).to_owned(),
            text(&delivery["channel"]).to_owned(),
            text(&delivery["state"]).to_owned(),
            attempts.len().to_string(),
            last.to_owned(),
        ]
    });
    table(["AT", "INCIDENT", "KIND", "CONTACT", "CHANNEL", "STATE", "TRIES", "SAID"], rows.collect())
}
