//! Which message a request holds, by its headers.

use crate::ingest::error::IngestError;

/// A version of the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Version {
    /// 1.0: `prometheus.WriteRequest`.
    V1,
    /// 2.0: `io.prometheus.write.v2.Request`.
    V2,
}

const MEDIA_TYPE: &str = "application/x-protobuf";
const V1_MESSAGE: &str = "prometheus.WriteRequest";
const V2_MESSAGE: &str = "io.prometheus.write.v2.Request";

impl Version {
    /// The version that a `Content-Type` names; without a header it is 1.0. Others are refused (415).
    pub fn from_content_type(value: Option<&str>) -> Result<Self, IngestError> {
        let value = value.unwrap_or_default().trim();
        if value.is_empty() {
            return Ok(Self::V1);
        }
        let mut parts = value.split(';');
        if !parts.next().is_some_and(|media_type| media_type.trim().eq_ignore_ascii_case(MEDIA_TYPE)) {
            let message = format!("expected {MEDIA_TYPE} as the first (media) part, got {value} content-type");
            return Err(unsupported(message));
        }
        for part in parts {
            let Some((name, message)) = part.split_once('=') else {
                return Err(unsupported(format!(
                    "as per https://www.rfc-editor.org/rfc/rfc9110#parameter expected parameters to be key-values, got \
                     {part} in {value} content-type"
                )));
            };
            if name.trim().eq_ignore_ascii_case("proto") {
                return match message.trim().trim_matches('"') {
                    V1_MESSAGE => Ok(Self::V1),
                    V2_MESSAGE => Ok(Self::V2),
                    other => Err(unsupported(format!(
                        "got {value} content type; unknown remote write protobuf message {other}, supported: \
                         {V1_MESSAGE}, {V2_MESSAGE}"
                    ))),
                };
            }
        }
        Ok(Self::V1)
    }
}

/// Refuses (415) every `Content-Encoding` but snappy, which is also meant where there is none.
pub fn check_encoding(value: Option<&str>) -> Result<(), IngestError> {
    let value = value.unwrap_or_default().trim();
    if value.is_empty() || value.eq_ignore_ascii_case("snappy") {
        return Ok(());
    }
    let message = format!("{value} encoding (compression) is not accepted by this server; only snappy is acceptable");
    Err(unsupported(message))
}

fn unsupported(message: String) -> IngestError {
    IngestError::new("ingest.unsupported_media_type", 415, message)
}
