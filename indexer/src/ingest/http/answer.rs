//! What senders are told, in their protocol's own shape.

use axum::body::Body;
use axum::response::Response;
use http::{HeaderValue, StatusCode, header};

use super::super::elastic::{Answer, Failure, bulk_text, error_text};
use super::super::error::IngestError;
use super::super::otlp::{export_response, status_message};
use super::super::{Decoded, RejectionCount};
use super::protocol::{Protocol, Shape};
use super::{Accepted, Taken};

const JSON: &str = "application/json";
const PROTOBUF: &str = "application/x-protobuf";

/// The answer of `/app/v1/ingest`.
#[derive(serde::Serialize)]
struct Lines<'a> {
    status: &'static str,
    accepted: usize,
    rejected: usize,
    overflowed: usize,
    repaired: usize,
    rejections: &'a [RejectionCount],
    #[serde(skip_serializing_if = "Option::is_none")]
    accepted_seq: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    horizon_seq: Option<u64>,
    duplicate: bool,
}

#[derive(serde::Serialize)]
struct Refusal<'a> {
    status: &'static str,
    code: &'a str,
    message: &'a str,
}

/// The answer to a request whose records, or some of them, were taken in.
///
/// A sender with an identity always gets a success, so that it goes on to its next batch. Others are told with 400
/// when no line was left, and over Loki's protocol, as Loki does, when any entry was rejected.
pub(super) fn taken(protocol: Protocol, taken: &Taken, refusal: Option<&IngestError>) -> Response {
    let Taken { decoded, accepted, has_identity: _, documents, took_ms } = taken;
    let mut response = match protocol {
        Protocol::OtlpProtobuf => respond(StatusCode::OK, PROTOBUF, export_response(decoded, false)),
        Protocol::OtlpJson => respond(StatusCode::OK, JSON, export_response(decoded, true)),
        Protocol::JsonLines | Protocol::TextLines => match refusal {
            Some(error) => refused(error, Shape::Json),
            None => lines(decoded, *accepted),
        },
        Protocol::LokiProtobuf | Protocol::LokiJson => match refusal {
            Some(error) => refused(error, Shape::Json),
            None => empty(StatusCode::NO_CONTENT),
        },
        Protocol::Elastic => {
            documents.as_ref().map_or_else(|| empty(StatusCode::OK), |answer| elastic(answer, *took_ms))
        }
    };
    if let Some(accepted) = accepted {
        let headers = response.headers_mut();
        headers.insert("x-orszem-accepted-seq", accepted.accepted_seq.into());
        headers.insert("x-orszem-horizon-seq", accepted.horizon_seq.into());
        headers
            .insert("x-orszem-duplicate", HeaderValue::from_static(if accepted.duplicate { "true" } else { "false" }));
    }
    response
}

/// The answer to a request of which nothing was taken in.
pub(super) fn refused(error: &IngestError, shape: Shape) -> Response {
    let status = StatusCode::from_u16(error.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = match shape {
        Shape::Protobuf => respond(status, PROTOBUF, status_message(error.status, error.code, &error.message)),
        Shape::Json => json(status, &Refusal { status: "error", code: error.code, message: &error.message }),
        Shape::Elastic => failure(&Failure::of_request(error)),
    };
    if let Some(seconds) = error.retry_after_s {
        response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
    }
    response
}

/// The answer to documents for Elasticsearch.
fn elastic(answer: &Answer, took_ms: u64) -> Response {
    let (status, body) = match answer {
        Answer::Bulk { items, has_errors, filter } => (200, bulk_text(items, *has_errors, took_ms, filter)),
        Answer::Single { status, body } => (*status, body.clone()),
    };
    of_elasticsearch(StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR), body)
}

/// An error in Elasticsearch's shape.
pub(super) fn failure(failure: &Failure) -> Response {
    let status = StatusCode::from_u16(failure.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    match error_text(failure) {
        Ok(body) => of_elasticsearch(status, body),
        Err(error) => {
            tracing::error!(error = %error, "an ingest answer could not be written");
            empty(StatusCode::INTERNAL_SERVER_ERROR)
        }
    }
}

/// A body of JSON under the header without which Elasticsearch's own clients stop.
pub(super) fn of_elasticsearch(status: StatusCode, body: Vec<u8>) -> Response {
    let mut response = respond(status, JSON, body);
    response.headers_mut().insert("x-elastic-product", HeaderValue::from_static("Elasticsearch"));
    response
}

fn lines(decoded: &Decoded, accepted: Option<Accepted>) -> Response {
    let answer = Lines {
        status: "success",
        accepted: decoded.accepted,
        rejected: decoded.rejected_count(),
        overflowed: decoded.overflowed,
        repaired: decoded.repaired,
        rejections: &decoded.rejected,
        accepted_seq: accepted.map(|accepted| accepted.accepted_seq),
        horizon_seq: accepted.map(|accepted| accepted.horizon_seq),
        duplicate: accepted.is_some_and(|accepted| accepted.duplicate),
    };
    json(StatusCode::OK, &answer)
}

/// The refusal that a sender without an identity gets for rejected records; OTLP tells of them in its success.
pub(super) fn refusal(protocol: Protocol, taken: &Taken) -> Option<IngestError> {
    if taken.has_identity {
        return None;
    }
    match protocol {
        Protocol::OtlpProtobuf | Protocol::OtlpJson | Protocol::Elastic => None,
        Protocol::JsonLines | Protocol::TextLines => all_rejected(&taken.decoded),
        Protocol::LokiProtobuf | Protocol::LokiJson => partly_rejected(&taken.decoded),
    }
}

fn all_rejected(decoded: &Decoded) -> Option<IngestError> {
    let first = decoded.rejected.first().filter(|_| decoded.accepted == 0)?;
    let message = format!(
        "all {} records were rejected, {} as {}; {}",
        decoded.rejected_count(),
        first.count,
        first.reason.name(),
        first.sample
    );
    Some(IngestError::new(first.reason.code(), 400, message))
}

fn partly_rejected(decoded: &Decoded) -> Option<IngestError> {
    let first = decoded.rejected.first()?;
    let message = format!(
        "{} entries were rejected, {} as {}; {}; {} were taken in",
        decoded.rejected_count(),
        first.count,
        first.reason.name(),
        first.sample,
        decoded.accepted
    );
    Some(IngestError::new(first.reason.code(), 400, message))
}

fn json(status: StatusCode, answer: &impl serde::Serialize) -> Response {
    match serde_json::to_vec(answer) {
        Ok(body) => respond(status, JSON, body),
        Err(error) => {
            tracing::error!(error = %error, "an ingest answer could not be written");
            empty(StatusCode::INTERNAL_SERVER_ERROR)
        }
    }
}

fn respond(status: StatusCode, content_type: &'static str, body: Vec<u8>) -> Response {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

fn empty(status: StatusCode) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}
