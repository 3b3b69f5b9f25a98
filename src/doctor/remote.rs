//! What the server knows of a host: its collector, what was rejected, and the last record of each of its services.

use orszem_indexer::collectors::{CollectorReport, CollectorStatus};
use serde::Deserialize;

use super::Finding;
use crate::cli::chain;
use crate::client::{Client, Refused};
use crate::lines::Row;

/// Services whose last record is looked up.
const SERVICES_MAX: usize = 20;

#[derive(Deserialize)]
struct One {
    collector: CollectorReport,
}

#[derive(Deserialize)]
struct Top {
    values: Vec<TopValue>,
}

#[derive(Deserialize)]
struct TopValue {
    value: String,
    count: u64,
}

#[derive(Deserialize)]
struct Page {
    rows: Vec<Row>,
}

/// Asks the server about `host`.
pub async fn check(client: &Client, server: &str, host: &str) -> Vec<Finding> {
    let what = format!("{host} at {server}");
    let path = format!("/app/v1/collectors/{}", escaped(host));
    let mut findings = match client.get::<One>(&path, &[]).await {
        Ok(One { collector }) => judge(host, &collector),
        Err(error) => match error.downcast_ref::<Refused>().map(|refused| refused.code.as_str()) {
            Some("collectors.no_such_host") => vec![Finding::fail(
                what.clone(),
                "the server never heard of a collector there",
                format!("orszem collector install on {host}; `orszem collectors` lists the names that it knows"),
            )],
            Some(code) if code.starts_with("access.") => {
                let fix =
                    format!("orszem doctor {host} --server {server} --token-file FILE, with a token of the role read");
                return vec![Finding::warn(
                    what,
                    format!("the server's side was not looked at: {}", chain(&error)),
                    fix,
                )];
            }
            _ => {
                let fix = "name the server with --server, and its authority with --ca-file";
                return vec![Finding::fail(what, chain(&error), fix)];
            }
        },
    };
    match services(client, host).await {
        Ok(found) => findings.extend(found),
        Err(error) => findings.push(Finding::warn(what, chain(&error), "look at the server's log")),
    }
    findings
}

fn judge(host: &str, collector: &CollectorReport) -> Vec<Finding> {
    let what = format!("collector of {host} at the server");
    let sentence = collector.sentence.as_str();
    let mut findings = vec![match collector.status {
        CollectorStatus::Ok => Finding::ok(what, sentence),
        CollectorStatus::Skewed => Finding::warn(what, sentence, "timedatectl set-ntp true, on both"),
        CollectorStatus::Unsupported => Finding::warn(what, sentence, "install the version of the server"),
        CollectorStatus::Losing => Finding::fail(what, sentence, "see queue, gaps and disk on the host: orszem doctor"),
        CollectorStatus::Late | CollectorStatus::Lost => {
            Finding::fail(what, sentence, format!("on {host}: systemctl status orszem-collector; orszem doctor"))
        }
    }];
    for (reason, count) in &collector.rejected_by_reason {
        let fix = match reason.as_str() {
            "too_far_in_future" | "too_old" => {
                "correct the host's clock, or change ingest.future_max_s and ingest.age_max_s"
            }
            "record_too_large" => "raise ingest.record_bytes_max at the server",
            _ => "docs/ingest.md says what is rejected, and why",
        };
        findings.push(Finding::warn(format!("rejected of {host}"), format!("{reason}: {count}"), fix));
    }
    findings.extend(collector.problems.iter().map(|problem| {
        let (why, fix) = problem.split_once("; fix: ").unwrap_or((problem, ""));
        Finding::fail(format!("{host} complains"), why, fix)
    }));
    findings
}

/// The host's services of the last day, each with its last record.
async fn services(client: &Client, host: &str) -> anyhow::Result<Vec<Finding>> {
    let query = format!("host:{}", quoted(host));
    let limit = SERVICES_MAX.to_string();
    let asked = [("q", query.clone()), ("since", "24h".to_owned()), ("field", "service".to_owned()), ("limit", limit)];
    let Top { values } = client.get("/app/v1/facets", &asked).await?;
    let mut findings = Vec::new();
    for TopValue { value, count } in values {
        let narrowed = format!("{query} service:{}", quoted(&value));
        let asked = [("q", narrowed), ("since", "24h".to_owned()), ("limit", "1".to_owned())];
        let Page { rows } = client.get("/app/v1/search", &asked).await?;
        let last = rows.first().map_or("-", |row| row.ts.as_str());
        findings.push(Finding::ok(format!("service {value}"), format!("{count} records in 24 h, the last at {last}")));
    }
    if findings.is_empty() {
        let fix = format!("orszem search 'host:{host}' --limit 1 shows whether there ever was one");
        findings.push(Finding::fail(format!("records of {host}"), "none in the last 24 h", fix));
    }
    Ok(findings)
}

/// As a quoted value of the query language.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// As one segment of a path.
fn escaped(text: &str) -> String {
    let escape = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    text.bytes().map(escape).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_quoted_for_queries_and_paths() {
        assert_eq!((quoted("a\"b\\"), escaped("a/b ő")), ("\"a\\\"b\\\\\"".to_owned(), "a%2Fb%20%C5%91".to_owned()));
    }
}
