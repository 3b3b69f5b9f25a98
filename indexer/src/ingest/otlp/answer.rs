//! What OTLP clients are told, in protobuf or JSON as they asked.

use opentelemetry_proto::tonic::collector::logs::v1::{ExportLogsPartialSuccess, ExportLogsServiceResponse};
use prost::Message;

use super::super::Decoded;

/// The `ExportLogsServiceResponse` for a request that was taken in, perhaps in part.
pub fn export_response(decoded: &Decoded, as_json: bool) -> Vec<u8> {
    let rejected = i64::try_from(decoded.rejected_count()).unwrap_or(i64::MAX);
    let error_message = decoded
        .rejected
        .iter()
        .map(|r| format!("{} {}: {}", r.count, r.reason.name(), r.sample))
        .collect::<Vec<_>>()
        .join("; ");
    if !as_json {
        let partial = ExportLogsPartialSuccess { rejected_log_records: rejected, error_message };
        let partial_success = (rejected > 0).then_some(partial);
        return ExportLogsServiceResponse { partial_success }.encode_to_vec();
    }
    if rejected == 0 {
        return b"{}".to_vec();
    }
    let partial = serde_json::json!({ "rejectedLogRecords": rejected.to_string(), "errorMessage": error_message });
    serde_json::json!({ "partialSuccess": partial }).to_string().into_bytes()
}

/// `google.rpc.Status`, which OTLP/HTTP wants as the body of an error in protobuf.
#[derive(Clone, PartialEq, prost::Message)]
struct Status {
    #[prost(int32, tag = "1")]
    code: i32,
    #[prost(string, tag = "2")]
    message: String,
}

/// The protobuf body of a refusal: the stable code and the sentence.
pub fn status_message(http_status: u16, code: &str, message: &str) -> Vec<u8> {
    // The numbers of google.rpc.Code.
    let grpc = match http_status {
        408 => 4,
        413 | 429 | 507 => 8,
        400..500 => 3,
        _ => 14,
    };
    Status { code: grpc, message: format!("{code}: {message}") }.encode_to_vec()
}
