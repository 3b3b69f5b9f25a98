//! Answers in Elasticsearch's own shapes.

use serde::Serialize;
use serde_json::Value;

use super::super::error::IngestError;
use super::super::rejection::{Reason, Rejected};
use super::FilterPath;

/// Why a document or a request was not taken in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in super::super) struct Failure {
    pub(in super::super) status: u16,
    pub(in super::super) cause: Cause,
}

/// Elasticsearch's name for an error, and the sentence that says what was wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(in super::super) struct Cause {
    #[serde(rename = "type")]
    kind: &'static str,
    reason: String,
}

impl Failure {
    pub(in super::super) fn new(status: u16, kind: &'static str, reason: impl Into<String>) -> Self {
        Self { status, cause: Cause { kind, reason: reason.into() } }
    }

    /// The failure of one document.
    pub(super) fn of(rejected: &Rejected) -> Self {
        let kind = match rejected.reason {
            Reason::Malformed | Reason::BadTimestamp => "mapper_parsing_exception",
            Reason::TooFarInFuture
            | Reason::TooOld
            | Reason::RecordTooLarge
            | Reason::TooManyKeys
            | Reason::KeyTooLong
            | Reason::TooManyLabels
            | Reason::LabelNameTooLong
            | Reason::LabelValueTooLong => "illegal_argument_exception",
        };
        Self::new(400, kind, format!("failed to parse: {}", rejected.detail))
    }

    /// The failure of a whole request.
    pub(in super::super) fn of_request(error: &IngestError) -> Self {
        let kind = match error.status {
            408 => "receive_timeout_transport_exception",
            413 => "content_too_long_exception",
            429 => "es_rejected_execution_exception",
            503 => "unavailable_shards_exception",
            507 => "cluster_block_exception",
            500 => "exception",
            _ if error.code == "ingest.empty_body" => "parse_exception",
            _ => "illegal_argument_exception",
        };
        Self::new(error.status, kind, error.message.as_str())
    }
}

#[derive(Serialize)]
struct Refusal<'a> {
    error: RootCause<'a>,
    status: u16,
}

#[derive(Serialize)]
struct RootCause<'a> {
    root_cause: [&'a Cause; 1],
    #[serde(flatten)]
    cause: &'a Cause,
}

/// `{"error":{"root_cause":[…],"type":…,"reason":…},"status":…}`.
pub(in super::super) fn error_text(failure: &Failure) -> Result<Vec<u8>, IngestError> {
    let cause = &failure.cause;
    to_text(&Refusal { error: RootCause { root_cause: [cause], cause }, status: failure.status })
}

/// What became of an item.
pub(super) enum Outcome<'a> {
    Created { seq: usize },
    Failed(&'a Failure),
}

#[derive(Serialize)]
struct Shards {
    total: u8,
    successful: u8,
    failed: u8,
}

#[derive(Serialize)]
struct Created<'a> {
    _index: &'a str,
    _id: &'a str,
    _version: u8,
    result: &'static str,
    _shards: Shards,
    _seq_no: usize,
    _primary_term: u8,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
}

impl<'a> Created<'a> {
    fn new(index: &'a str, id: &'a str, seq: usize, status: Option<u16>) -> Self {
        let shards = Shards { total: 1, successful: 1, failed: 0 };
        Self {
            _index: index,
            _id: id,
            _version: 1,
            result: "created",
            _shards: shards,
            _seq_no: seq,
            _primary_term: 1,
            status,
        }
    }
}

#[derive(Serialize)]
struct Failed<'a> {
    _index: &'a str,
    _id: &'a str,
    status: u16,
    error: &'a Cause,
}

/// The answer to a single document that was taken in.
pub(super) fn created(index: &str, id: &str, filter: &FilterPath) -> Result<Vec<u8>, IngestError> {
    let created = Created::new(index, id, 0, None);
    if filter.is_empty() {
        return to_text(&created);
    }
    let value = serde_json::to_value(&created).map_err(|error| unwritable(&error))?;
    to_text(&filter.apply(&mut Vec::new(), value).unwrap_or_else(|| Value::Object(serde_json::Map::new())))
}

/// Writes the items of a bulk answer.
pub(super) struct Items<'f> {
    text: Vec<u8>,
    has_errors: bool,
    filter: &'f FilterPath,
}

impl<'f> Items<'f> {
    pub(super) fn new(filter: &'f FilterPath) -> Self {
        Self { text: Vec::new(), has_errors: false, filter }
    }

    /// Adds the answer to the next item.
    pub(super) fn add(
        &mut self,
        action: &'static str,
        index: &str,
        id: &str,
        outcome: &Outcome<'_>,
    ) -> Result<(), IngestError> {
        match outcome {
            Outcome::Created { seq } => self.write(action, &Created::new(index, id, *seq, Some(201))),
            Outcome::Failed(failure) => {
                self.has_errors = true;
                let failed = Failed { _index: index, _id: id, status: failure.status, error: &failure.cause };
                self.write(action, &failed)
            }
        }
    }

    fn write(&mut self, action: &'static str, answer: &impl Serialize) -> Result<(), IngestError> {
        if self.filter.is_empty() {
            self.separate();
            self.text.extend_from_slice(format!("{{\"{action}\":").as_bytes());
            serde_json::to_writer(&mut self.text, answer).map_err(|error| unwritable(&error))?;
            self.text.push(b'}');
            return Ok(());
        }
        let value = serde_json::to_value(answer).map_err(|error| unwritable(&error))?;
        let item = Value::Object([(action.to_owned(), value)].into_iter().collect());
        if let Some(item) = self.filter.apply(&mut vec!["items".to_owned()], item) {
            self.separate();
            serde_json::to_writer(&mut self.text, &item).map_err(|error| unwritable(&error))?;
        }
        Ok(())
    }

    fn separate(&mut self) {
        if !self.text.is_empty() {
            self.text.push(b',');
        }
    }

    /// The items with commas between them, and whether any failed.
    pub(super) fn finish(self) -> (Vec<u8>, bool) {
        (self.text, self.has_errors)
    }
}

/// The whole answer to a bulk request.
pub(in super::super) fn bulk_text(items: &[u8], has_errors: bool, took_ms: u64, filter: &FilterPath) -> Vec<u8> {
    let mut parts = Vec::new();
    for (name, value) in [("errors", Value::Bool(has_errors)), ("took", Value::from(took_ms))] {
        if let Some(value) = filter.apply(&mut vec![name.to_owned()], value) {
            parts.push(format!("\"{name}\":{value}"));
        }
    }
    let mut text = format!("{{{}", parts.join(",")).into_bytes();
    if !items.is_empty() {
        text.extend_from_slice(if parts.is_empty() { b"\"items\":[" } else { b",\"items\":[" });
        text.extend_from_slice(items);
        text.push(b']');
    }
    text.push(b'}');
    text
}

fn to_text(answer: &impl Serialize) -> Result<Vec<u8>, IngestError> {
    serde_json::to_vec(answer).map_err(|error| unwritable(&error))
}

fn unwritable(error: &serde_json::Error) -> IngestError {
    IngestError::new("ingest.internal", 500, format!("an answer could not be written: {error}"))
}
