//! The lines that a search finds, page after page.

use std::io::{IsTerminal, Write};

use anyhow::Context;
use orszem_indexer::facts::SERVICE;
use orszem_model::Kind;
use orszem_search::Query;
use serde::Deserialize;

use super::{tell_partial, with_progress};
use crate::client::Client;
use crate::lines::{Row, line};

/// Rows of one request, at most.
pub(super) const PAGE_ROWS: u64 = 5_000;

#[derive(Deserialize)]
struct Page {
    rows: Vec<serde_json::Value>,
    next: Option<String>,
    partial: bool,
}

#[derive(Deserialize)]
struct Neighbourhood {
    before: Vec<Row>,
    row: Row,
    after: Vec<Row>,
}

/// Prints what is found, `limit` rows at most, and answers how many there were. Of events the facts come first, as lines.
pub(super) async fn print(
    client: &Client,
    parameters: &[(&'static str, String)],
    limit: u64,
    json: bool,
    context: Option<u64>,
) -> anyhow::Result<u64> {
    let is_of_events = parameters.iter().any(|(name, value)| *name == "q" && is_of_events(value));
    if json || context.is_some() || !is_of_events {
        print_pages(client, parameters, limit, json, context).await
    } else {
        print_events(client, parameters, limit).await
    }
}

/// Whether the query says that it is of events alone. What is no query is the server's to refuse.
fn is_of_events(query: &str) -> bool {
    Query::parse(query).is_ok_and(|query| query.is_only_of(Kind::Event))
}

/// What happened, then what was seen of it.
async fn print_events(client: &Client, parameters: &[(&'static str, String)], limit: u64) -> anyhow::Result<u64> {
    let mut shown = 0;
    for not in ["", "-"] {
        let of_part = |(name, value): &(&'static str, String)| match *name {
            "q" => ("q", format!("({value}) {not}service:{SERVICE}")),
            name => (name, value.clone()),
        };
        let parameters: Vec<_> = parameters.iter().map(of_part).collect();
        shown += print_pages(client, &parameters, limit - shown, false, None).await?;
    }
    Ok(shown)
}

/// Prints what is found, `limit` rows at most; how many there were.
async fn print_pages(
    client: &Client,
    parameters: &[(&'static str, String)],
    limit: u64,
    json: bool,
    context: Option<u64>,
) -> anyhow::Result<u64> {
    let mut left = limit;
    let mut cursor: Option<String> = None;
    while left > 0 {
        let mut page_parameters = parameters.to_vec();
        page_parameters.push(("limit", left.min(PAGE_ROWS).to_string()));
        page_parameters.extend(cursor.take().map(|cursor| ("cursor", cursor)));
        let page: Page = with_progress(client.get("/app/v1/search", &page_parameters)).await?;
        tell_partial(page.partial);
        left = left.saturating_sub(page.rows.len() as u64);
        for row in page.rows {
            print_row(client, row, json, context).await?;
        }
        match page.next {
            Some(next) => cursor = Some(next),
            None => break,
        }
    }
    Ok(limit - left)
}

async fn print_row(client: &Client, row: serde_json::Value, json: bool, context: Option<u64>) -> anyhow::Result<()> {
    let colour = std::io::stdout().is_terminal();
    if json && context.is_none() {
        return Ok(writeln!(std::io::stdout().lock(), "{row}")?);
    }
    let row: Row = serde_json::from_value(row).context("the server sent a row that is none")?;
    let Some(neighbours) = context else {
        return Ok(writeln!(std::io::stdout().lock(), "{}", line(&row, colour))?);
    };
    let parameters =
        [("ts", row.ts_ns), ("seq", row.seq), ("before", neighbours.to_string()), ("after", neighbours.to_string())];
    if json {
        let found: serde_json::Value = client.get("/app/v1/context", &parameters).await?;
        return Ok(writeln!(std::io::stdout().lock(), "{found}")?);
    }
    let Neighbourhood { before, row: at, after } = client.get("/app/v1/context", &parameters).await?;
    let mut out = std::io::stdout().lock();
    for (mark, rows) in [(' ', before), ('>', vec![at]), (' ', after)] {
        for row in rows {
            writeln!(out, "{mark} {}", line(&row, colour))?;
        }
    }
    Ok(writeln!(out, "--")?)
}
