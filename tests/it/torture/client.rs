//! Requests to a server that may die at any moment.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::Value;

use super::ledger::{Differences, Ledger};

/// Longer than any answer takes.
const ANSWER_WITHIN: Duration = Duration::from_secs(120);
const JSON_LINES: &str = "Content-Type: application/x-ndjson\r\n";

/// What came back.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: String,
    /// Whether the body has the length that the server gave it.
    pub(crate) is_whole: bool,
}

/// Sends one request. An error means that not even a status came back.
pub(crate) fn request(address: SocketAddr, target: &str, headers: &str, body: &str) -> io::Result<Answer> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(ANSWER_WITHIN))?;
    let length = body.len();
    let head = format!("{target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {length}\r\n");
    let sent = stream.write_all(format!("{head}{headers}\r\n{body}").as_bytes());
    let mut bytes = Vec::new();
    // A server may answer and close before it has read everything; what it said counts.
    let read = stream.read_to_end(&mut bytes);
    parse(&String::from_utf8_lossy(&bytes))
        .ok_or_else(|| sent.and(read.map(drop)).err().unwrap_or_else(|| io::Error::from(io::ErrorKind::UnexpectedEof)))
}

fn parse(answer: &str) -> Option<Answer> {
    let status = answer.strip_prefix("HTTP/1.1 ")?.get(..3)?.parse().ok()?;
    let (head, rest) = answer.split_once("\r\n\r\n").unwrap_or((answer, ""));
    let head = head.to_ascii_lowercase();
    let length = head.split("\r\n").find_map(|line| line.strip_prefix("content-length: "));
    let body = match length {
        Some(length) => length.parse().is_ok_and(|length: usize| length == rest.len()).then(|| rest.to_owned()),
        None => joined(rest),
    };
    Some(Answer { status, is_whole: body.is_some(), body: body.unwrap_or_default() })
}

/// The content of a chunked body; `None` when its end is missing.
fn joined(mut rest: &str) -> Option<String> {
    let mut body = String::new();
    loop {
        let (length, after) = rest.split_once("\r\n")?;
        let length = usize::from_str_radix(length, 16).ok()?;
        if length == 0 {
            return Some(body);
        }
        body.push_str(after.get(..length)?);
        rest = after.get(length..)?.strip_prefix("\r\n")?;
    }
}

/// Sends records; `identity` are further header lines.
pub(crate) fn ingest(address: SocketAddr, identity: &str, body: &str) -> io::Result<Answer> {
    request(address, "POST /app/v1/ingest", &format!("{JSON_LINES}{identity}"), body)
}

/// Writes everything out, merges, and with `seal` seals all past days.
pub(crate) fn settle(address: SocketAddr, seal: bool) -> io::Result<Answer> {
    request(address, if seal { "POST /app/v1/admin/seal" } else { "POST /app/v1/admin/flush" }, "", "")
}

/// The texts of all records, oldest first.
pub(crate) fn export(address: SocketAddr) -> Vec<String> {
    let answer = request(address, "GET /app/v1/export?format=text&order=oldest&timeout=5m", "", "").expect("answers");
    assert!(answer.status == 200 && answer.is_whole, "an export failed: {}", answer.status);
    answer.body.lines().map(str::to_owned).collect()
}

/// The number of all records.
pub(crate) fn count(address: SocketAddr) -> u64 {
    count_of(address, "")
}

/// The number of records that `query`, as it stands in a URL, matches.
pub(crate) fn count_of(address: SocketAddr, query: &str) -> u64 {
    let answer = asked(address, &format!("/app/v1/count?timeout=5m&q={query}"));
    assert_eq!(answer["partial"], Value::Bool(false));
    answer["count"].as_u64().expect("a number")
}

/// All rows that `query`, as it stands in a URL, matches.
pub(crate) fn rows(address: SocketAddr, query: &str) -> Vec<Value> {
    let (mut all, mut cursor) = (Vec::new(), String::new());
    loop {
        let mut page = asked(address, &format!("/app/v1/search?limit=5000&timeout=5m&q={query}{cursor}"));
        if let Value::Array(rows) = page["rows"].take() {
            all.extend(rows);
        }
        match page["next"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return all,
        }
    }
}

/// The texts of all records, page by page, and whether the server says that they are not all.
pub(crate) fn pages(address: SocketAddr) -> (Vec<String>, bool) {
    let (mut texts, mut cursor, mut is_partial) = (Vec::new(), String::new(), false);
    loop {
        let page = asked(address, &format!("/app/v1/search?limit=5000&timeout=5m{cursor}"));
        let rows = page["rows"].as_array().expect("rows");
        texts.extend(rows.iter().map(|row| row["body"].as_str().expect("a text").to_owned()));
        is_partial |= page["partial"].as_bool().expect("says whether it is partial");
        match page["next"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return (texts, is_partial),
        }
    }
}

fn asked(address: SocketAddr, path: &str) -> Value {
    let answer = request(address, &format!("GET {path}"), "", "").expect("answers");
    assert!(answer.status == 200 && answer.is_whole, "{path}: {answer:?}");
    serde_json::from_str(&answer.body).expect("is JSON")
}

/// Panics unless the store holds what was acknowledged up to `until` exactly once, and nothing but what was sent.
pub(crate) fn verify(address: SocketAddr, ledger: &Ledger, until: u64, when: &str) {
    let texts = export(address);
    let differences = ledger.compare(texts.iter().map(String::as_str), until);
    let Differences { strange, missing, torn } = &differences;
    assert!(
        differences == Differences::default(),
        "{when}: {} strange, {} missing, {} torn of {}; first {:?} {:?} {:?}",
        strange.len(),
        missing.len(),
        torn.len(),
        texts.len(),
        strange.first(),
        missing.first(),
        torn.first()
    );
    assert_eq!(count(address), texts.len() as u64, "{when}: the count differs from the export");
}
