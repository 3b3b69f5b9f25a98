//! `orszem tail`: matching lines as they are stored.

use std::io::{IsTerminal, Write};
use std::process::ExitCode;

use anyhow::{Context, bail};
use futures_util::StreamExt;
use serde::Deserialize;
use tokio_tungstenite::tungstenite::Message;

use crate::cli::Global;
use crate::client::Client;
use crate::lines::{Row, line};

/// Show matching lines as they come
#[derive(Debug, clap::Args)]
#[command(after_help = "\
EXAMPLES
  orszem tail
  orszem tail 'layer:storage error'
  orszem tail 'host:db1' --json")]
pub struct Args {
    /// The query; docs/search.md has the language
    #[arg(default_value = "")]
    pub query: String,
    /// One JSON object a line
    #[arg(long)]
    pub json: bool,
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
enum Event {
    Rows { rows: Vec<serde_json::Value> },
    Overload { dropped: u64 },
}

/// Prints until Ctrl-C.
pub async fn run(global: &Global, Args { query, json }: Args) -> anyhow::Result<ExitCode> {
    let client = global.client()?;
    tokio::select! {
        followed = follow(&client, query, json) => followed.map(|()| ExitCode::SUCCESS),
        stopped = tokio::signal::ctrl_c() => stopped.map(|()| ExitCode::SUCCESS).context("can't listen to signals"),
    }
}

/// Prints matching lines until the server ends the connection, which is an error.
pub async fn follow(client: &Client, query: String, json: bool) -> anyhow::Result<()> {
    let colour = std::io::stdout().is_terminal();
    let mut socket = client.socket("/app/v1/tail", &[("q", query)]).await?;
    while let Some(message) = socket.next().await {
        match message.context("the live connection broke off")? {
            Message::Text(text) => print(&text, json, colour)?,
            Message::Close(_) => break,
            Message::Binary(_) | Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => {}
        }
    }
    bail!("the server ended the live connection")
}

fn print(text: &str, json: bool, colour: bool) -> anyhow::Result<()> {
    let event: Event = serde_json::from_str(text).context("the server sent what this version does not understand")?;
    let mut out = std::io::stdout().lock();
    match event {
        Event::Rows { rows } => {
            for row in rows {
                if json {
                    writeln!(out, "{row}")?;
                } else {
                    let row: Row = serde_json::from_value(row).context("the server sent a row that is none")?;
                    writeln!(out, "{}", line(&row, colour))?;
                }
            }
        }
        Event::Overload { dropped } => {
            eprintln!("orszem: {dropped} lines were left out, as they come faster than they are shown");
        }
    }
    out.flush().context("can't write")
}
