//! Which protocol a request speaks, by its path and its `Content-Type`.

use axum::extract::Query;
use http::{HeaderMap, Uri, header};

use super::super::error::IngestError;
use super::super::{Context, Decoded, loki, ndjson, otlp};

/// A path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Surface {
    Lines,
    Otlp,
    Loki,
}

/// A decoder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Protocol {
    JsonLines,
    TextLines,
    OtlpProtobuf,
    OtlpJson,
    LokiProtobuf,
    LokiJson,
}

impl Surface {
    /// Its name in metrics when the protocol is not known.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Lines => "ndjson",
            Self::Otlp => "otlp",
            Self::Loki => "loki",
        }
    }

    /// Whether an error to this request is told in protobuf.
    pub(super) fn in_protobuf(self, headers: &HeaderMap) -> bool {
        self == Self::Otlp && media_type(headers).ends_with("protobuf")
    }
}

impl Protocol {
    /// The decoder for a request; refuses (415) a content type that the path does not take.
    pub(super) fn of(surface: Surface, headers: &HeaderMap) -> Result<Self, IngestError> {
        let media_type = media_type(headers);
        let expected = match (surface, media_type.as_str()) {
            (
                Surface::Lines,
                ""
                | "application/x-ndjson"
                | "application/ndjson"
                | "application/jsonl"
                | "application/x-jsonlines"
                | "application/jsonlines"
                | "application/json"
                | "application/stream+json",
            ) => return Ok(Self::JsonLines),
            (Surface::Lines, "text/plain") => return Ok(Self::TextLines),
            (Surface::Otlp, "application/x-protobuf" | "application/protobuf") => return Ok(Self::OtlpProtobuf),
            (Surface::Otlp, "application/json") => return Ok(Self::OtlpJson),
            (
                Surface::Loki,
                "" | "application/x-protobuf" | "application/protobuf" | "application/vnd.google.protobuf",
            ) => return Ok(Self::LokiProtobuf),
            (Surface::Loki, "application/json") => return Ok(Self::LokiJson),
            (Surface::Lines, _) => "application/x-ndjson or text/plain",
            (Surface::Otlp | Surface::Loki, _) => "application/x-protobuf or application/json",
        };
        let shown: String = media_type.chars().take(64).collect();
        let message = format!("content type `{shown}` is not taken here; send the header Content-Type: {expected}");
        Err(IngestError::new("ingest.unsupported_content_type", 415, message))
    }

    /// Its name in metrics.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::JsonLines => "ndjson",
            Self::TextLines => "text",
            Self::OtlpProtobuf | Self::OtlpJson => "otlp",
            Self::LokiProtobuf | Self::LokiJson => "loki",
        }
    }

    /// What the query says; only lines have options.
    pub(super) fn options(self, uri: &Uri) -> Result<ndjson::Options, IngestError> {
        let is_text = match self {
            Self::JsonLines => false,
            Self::TextLines => true,
            Self::OtlpProtobuf | Self::OtlpJson | Self::LokiProtobuf | Self::LokiJson => {
                return Ok(ndjson::Options::default());
            }
        };
        let Query(pairs) = Query::<Vec<(String, String)>>::try_from_uri(uri).map_err(|error| {
            IngestError::new("ingest.bad_parameter", 400, format!("the query cannot be read: {error}"))
        })?;
        ndjson::Options::from_query(&pairs, is_text)
    }

    /// Decodes a decompressed body.
    pub(super) fn decode(
        self,
        body: &[u8],
        context: &Context<'_>,
        options: &ndjson::Options,
    ) -> Result<Decoded, IngestError> {
        match self {
            Self::JsonLines => ndjson::decode(body, context, options),
            Self::TextLines => ndjson::decode_text(body, context, options),
            Self::OtlpProtobuf => otlp::decode(body, context),
            Self::OtlpJson => otlp::decode_json(body, context),
            Self::LokiProtobuf => loki::decode(body, context),
            Self::LokiJson => loki::decode_json(body, context),
        }
    }
}

/// The media type without parameters, in lower case; empty without the header.
fn media_type(headers: &HeaderMap) -> String {
    let value = headers.get(header::CONTENT_TYPE).map(|value| String::from_utf8_lossy(value.as_bytes()));
    let value = value.unwrap_or_default();
    value.split(';').next().unwrap_or("").trim_ascii().to_ascii_lowercase()
}
