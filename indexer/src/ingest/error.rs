//! Why a whole request is refused, with the stable code and the status that its sender sees.

/// A refused request: nothing of it was taken in.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct IngestError {
    /// Stable, for programs: `ingest.…`; listed in `docs/ingest.md`.
    pub code: &'static str,
    /// The HTTP status.
    pub status: u16,
    /// A sentence that names what to change.
    pub message: String,
    /// When to try again, in seconds; only for 429 and 503.
    pub retry_after_s: Option<u64>,
}

impl IngestError {
    pub(super) fn new(code: &'static str, status: u16, message: impl Into<String>) -> Self {
        Self { code, status, message: message.into(), retry_after_s: None }
    }

    pub(super) fn retry_after(mut self, seconds: u64) -> Self {
        self.retry_after_s = Some(seconds);
        self
    }

    pub(super) fn body_too_large(limit: usize) -> Self {
        Self::new(
            "ingest.body_too_large",
            413,
            format!(
                "the body is over {limit} bytes once decompressed; send smaller batches or raise ingest.body_bytes_max"
            ),
        )
    }

    pub(super) fn bad_encoding(encoding: &str, cause: impl std::fmt::Display) -> Self {
        Self::new("ingest.bad_compression", 400, format!("the body is no valid {encoding}: {cause}"))
    }

    pub(super) fn bad_json(cause: &serde_json::Error) -> Self {
        Self::new("ingest.bad_json", 400, format!("the body is no valid JSON of this protocol: {cause}"))
    }

    pub(super) fn bad_protobuf(cause: impl std::fmt::Display) -> Self {
        Self::new("ingest.bad_protobuf", 400, format!("the body is no valid protobuf of this protocol: {cause}"))
    }

    pub(super) fn too_many_streams(limit: usize) -> Self {
        Self::new(
            "ingest.too_many_streams",
            400,
            format!("the request has records of more than {limit} streams; use fewer distinct label values"),
        )
    }
}
