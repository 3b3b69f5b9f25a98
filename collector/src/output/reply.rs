//! What a server's answer means for the batch.

use std::time::{Duration, SystemTime};

use ::http::header::RETRY_AFTER;
use orszem_client::Answer;

use super::Accepted;
use super::pause;
use super::protobuf::{Wire, fields};
use super::signal::Signal;

const ACCEPTED_SEQ: &str = "x-orszem-accepted-seq";
const HORIZON_SEQ: &str = "x-orszem-horizon-seq";
/// What a receiver of remote write 2.0 took of a request, also where it answers 400 for the rest.
const WRITTEN: [&str; 3] = [
    "x-prometheus-remote-write-samples-written",
    "x-prometheus-remote-write-histograms-written",
    "x-prometheus-remote-write-exemplars-written",
];
/// How much of a server's sentence is kept.
const MESSAGE_CHARS_MAX: usize = 500;

/// What became of one attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Reply {
    Accepted(Accepted),
    /// 413: fewer records may pass.
    TooLarge(String),
    /// 400 and 422: this batch, and perhaps only this one.
    Refused(String),
    /// 408 and 429: the server is there and full.
    Busy(String, Option<Duration>),
    /// 5xx.
    Failed(String, Option<Duration>),
    /// Any other answer: somebody has to put something right.
    Misconfigured(u16, String),
    /// No answer.
    Unreachable(String),
}

/// What an answer is about.
#[derive(Clone, Copy, Debug)]
pub(super) struct About {
    pub(super) signal: Signal,
    pub(super) seq: u64,
    pub(super) records: u64,
    pub(super) now: SystemTime,
}

/// Reads the answer to a batch. A server that tells no numbers keeps what it acknowledges.
pub(super) fn reply(answer: &Answer, about: About) -> Reply {
    let About { signal, seq, records, now } = about;
    let status = answer.status.as_u16();
    let number = |name: &str| answer.headers.get(name).and_then(|value| value.to_str().ok()?.parse().ok());
    let accepted = |rejected, message| {
        Reply::Accepted(Accepted {
            accepted_seq: number(ACCEPTED_SEQ).unwrap_or(seq),
            horizon_seq: number(HORIZON_SEQ).unwrap_or(seq),
            rejected,
            message,
        })
    };
    if answer.status.is_success() {
        let (rejected, why) = match signal {
            Signal::Logs => partial_success(body(answer)),
            Signal::Metrics => unwritten(number, records),
        };
        return accepted(rejected, if rejected > 0 { why } else { String::new() });
    }
    let message = format!("{status}: {}", message(answer));
    if signal == Signal::Metrics && status == 400 {
        // Partly written: what is good is kept, and the rest never will be.
        let (rejected, _) = unwritten(number, records);
        let is_told = WRITTEN.iter().any(|name| answer.headers.contains_key(*name));
        if answer.headers.contains_key(ACCEPTED_SEQ) || (is_told && rejected < records) {
            return accepted(rejected, message);
        }
    }
    let asked = || answer.headers.get(RETRY_AFTER).and_then(|value| pause::asked(value.to_str().ok()?, now));
    match status {
        413 => Reply::TooLarge(message),
        400 | 422 => Reply::Refused(message),
        408 | 429 => Reply::Busy(message, asked()),
        500..600 => Reply::Failed(message, asked()),
        _ => Reply::Misconfigured(status, message),
    }
}

/// How many of `records` the server says it did not write. One that tells nothing wrote all.
fn unwritten(number: impl Fn(&str) -> Option<u64>, records: u64) -> (u64, String) {
    let told: Vec<u64> = WRITTEN.iter().filter_map(|name| number(name)).collect();
    if told.is_empty() {
        return (0, String::new());
    }
    let written = told.into_iter().fold(0, u64::saturating_add);
    (records.saturating_sub(written), "the server's own metrics and log tell why".to_owned())
}

/// Rejected records and why, of an `ExportLogsServiceResponse`.
fn partial_success(body: &[u8]) -> (u64, String) {
    let (mut rejected, mut why) = (0, String::new());
    for outer in fields(body).flatten() {
        let (1, Wire::Bytes(partial)) = (outer.number, outer.value) else { continue };
        for field in fields(partial).flatten() {
            match (field.number, field.value) {
                (1, Wire::Varint(number)) => rejected = i64::try_from(number).map_or(0, i64::unsigned_abs),
                (2, Wire::Bytes(text)) => why = shortened(&String::from_utf8_lossy(text)),
                _ => {}
            }
        }
    }
    (rejected, why)
}

/// Empty where it was too long.
fn body(answer: &Answer) -> &[u8] {
    answer.body.as_deref().unwrap_or_default()
}

/// The sentence of a `google.rpc.Status`, else the body as text, else the status' own name.
fn message(answer: &Answer) -> String {
    let of_status = fields(body(answer)).flatten().find_map(|field| match (field.number, field.value) {
        (2, Wire::Bytes(text)) => std::str::from_utf8(text).ok(),
        _ => None,
    });
    let text = of_status.or_else(|| std::str::from_utf8(body(answer)).ok()).map(str::trim_ascii).unwrap_or("");
    let text = if text.is_empty() { answer.status.canonical_reason().unwrap_or("no reason given") } else { text };
    shortened(text)
}

/// One line of it, in bounds.
fn shortened(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(MESSAGE_CHARS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use ::http::{HeaderMap, HeaderValue, StatusCode};
    use opentelemetry_proto::tonic::collector::logs::v1::{ExportLogsPartialSuccess, ExportLogsServiceResponse};
    use prost::Message;

    use super::*;

    fn check(status: u16, headers: &[(&'static str, &'static str)], body: &[u8], expected: &Reply) {
        check_of(Signal::Logs, status, headers, body, expected);
    }

    fn check_of(signal: Signal, status: u16, headers: &[(&'static str, &'static str)], body: &[u8], expected: &Reply) {
        let mut map = HeaderMap::new();
        headers.iter().for_each(|(name, value)| drop(map.insert(*name, HeaderValue::from_static(value))));
        let status = StatusCode::from_u16(status).expect("a status");
        let answer = Answer { status, headers: map, body: Some(body.to_vec().into()) };
        let about = About { signal, seq: 7, records: 10, now: SystemTime::UNIX_EPOCH };
        assert_eq!(&reply(&answer, about), expected, "{status}");
    }

    #[test]
    fn a_request_that_was_partly_written_is_done() {
        let check = |status: u16, headers: &[(&'static str, &'static str)], expected: &Reply| {
            check_of(Signal::Metrics, status, headers, b"out of bounds", expected);
        };
        let accepted = |accepted_seq, horizon_seq, rejected, message: &str| {
            Reply::Accepted(Accepted { accepted_seq, horizon_seq, rejected, message: message.to_owned() })
        };
        check(204, &[], &accepted(7, 7, 0, ""));
        check(200, &[(ACCEPTED_SEQ, "9"), (HORIZON_SEQ, "5")], &accepted(9, 5, 0, ""));
        let [samples, histograms, exemplars] = WRITTEN;
        let written = [(samples, "4"), (histograms, "2"), (exemplars, "1"), (ACCEPTED_SEQ, "7"), (HORIZON_SEQ, "3")];
        check(204, &written, &accepted(7, 3, 3, "the server's own metrics and log tell why"));
        check(400, &written, &accepted(7, 3, 3, "400: out of bounds"));
        check(400, &[(samples, "0"), (ACCEPTED_SEQ, "7")], &accepted(7, 7, 10, "400: out of bounds"));
        // Nothing of it was taken: it may have been damaged on its way.
        check(400, &[(samples, "0")], &Reply::Refused("400: out of bounds".into()));
        check(413, &written, &Reply::TooLarge("413: out of bounds".into()));
    }

    #[test]
    fn each_class_of_answer() {
        let accepted = |accepted_seq, horizon_seq| Accepted { accepted_seq, horizon_seq, ..Accepted::default() };
        let numbers = [(ACCEPTED_SEQ, "9"), (HORIZON_SEQ, "5")];
        check(200, &numbers, b"", &Reply::Accepted(accepted(9, 5)));
        check(202, &[], b"", &Reply::Accepted(accepted(7, 7)));
        let partial = ExportLogsPartialSuccess { rejected_log_records: 3, error_message: "3 bad_time".into() };
        let partial = ExportLogsServiceResponse { partial_success: Some(partial) }.encode_to_vec();
        let expected = Accepted { rejected: 3, message: "3 bad_time".into(), ..accepted(9, 5) };
        check(200, &numbers, &partial, &Reply::Accepted(expected));
        let rpc = b"\x08\x08\x12\x0bingest.x: y";
        check(413, &[], rpc, &Reply::TooLarge("413: ingest.x: y".into()));
        check(400, &[], b"no\nway", &Reply::Refused("400: no way".into()));
        check(422, &[], b"", &Reply::Refused("422: Unprocessable Entity".into()));
        let seven = Some(Duration::from_secs(7));
        check(429, &[("retry-after", "7")], rpc, &Reply::Busy("429: ingest.x: y".into(), seven));
        check(408, &[], rpc, &Reply::Busy("408: ingest.x: y".into(), None));
        check(503, &[("retry-after", "7")], rpc, &Reply::Failed("503: ingest.x: y".into(), seven));
        check(507, &[], rpc, &Reply::Failed("507: ingest.x: y".into(), None));
        for status in [301, 401, 403, 404, 405, 415] {
            check(status, &[], rpc, &Reply::Misconfigured(status, format!("{status}: ingest.x: y")));
        }
    }
}
