//! Which protocol a request speaks, by its path and its `Content-Type`.

use axum::extract::Query;
use http::request::Parts;
use http::{HeaderMap, header};

use super::super::error::IngestError;
use super::super::{Context, Decoded, elastic, loki, ndjson, otlp};

/// A path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Surface {
    Lines,
    Otlp,
    Loki,
    Elastic,
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
    Elastic,
}

/// What a request says beside its body; each protocol reads its own.
#[derive(Debug, Default)]
pub(super) struct Options {
    pub(super) lines: ndjson::Options,
    pub(super) elastic: elastic::Target,
}

/// In which shape a refusal is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    Json,
    Protobuf,
    Elastic,
}

impl Surface {
    /// Its name in metrics when the protocol is not known.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Lines => "ndjson",
            Self::Otlp => "otlp",
            Self::Loki => "loki",
            Self::Elastic => "elasticsearch",
        }
    }

    /// How an error to this request is told when the protocol is not known.
    pub(super) fn shape(self, headers: &HeaderMap) -> Shape {
        match self {
            Self::Otlp if media_type(headers).ends_with("protobuf") => Shape::Protobuf,
            Self::Lines | Self::Otlp | Self::Loki => Shape::Json,
            Self::Elastic => Shape::Elastic,
        }
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
            // Its clients name the type in a dozen ways, some not at all; the path says enough.
            (Surface::Elastic, _) => return Ok(Self::Elastic),
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
            Self::Elastic => "elasticsearch",
        }
    }

    /// In which shape a refusal is told.
    pub(super) fn shape(self) -> Shape {
        match self {
            Self::OtlpProtobuf => Shape::Protobuf,
            Self::JsonLines | Self::TextLines | Self::OtlpJson | Self::LokiProtobuf | Self::LokiJson => Shape::Json,
            Self::Elastic => Shape::Elastic,
        }
    }

    /// What path and query say; only lines and documents have options.
    pub(super) fn options(self, parts: &Parts) -> Result<Options, IngestError> {
        let pairs = || {
            Query::<Vec<(String, String)>>::try_from_uri(&parts.uri).map(|Query(pairs)| pairs).map_err(|error| {
                IngestError::new("ingest.bad_parameter", 400, format!("the query cannot be read: {error}"))
            })
        };
        let lines =
            |is_text| Ok(Options { lines: ndjson::Options::from_query(&pairs()?, is_text)?, ..Options::default() });
        match self {
            Self::JsonLines => lines(false),
            Self::TextLines => lines(true),
            Self::Elastic => {
                let target = parts.extensions.get::<elastic::Target>().cloned().unwrap_or_default();
                let filter = pairs()?.into_iter().find(|(name, _)| name == "filter_path");
                let filter = filter.map(|(_, value)| elastic::FilterPath::new(&value)).unwrap_or_default();
                Ok(Options { elastic: elastic::Target { filter, ..target }, ..Options::default() })
            }
            Self::OtlpProtobuf | Self::OtlpJson | Self::LokiProtobuf | Self::LokiJson => Ok(Options::default()),
        }
    }

    /// Decodes a decompressed body; for Elasticsearch's protocol with what is answered of each document.
    pub(super) fn decode(
        self,
        body: &[u8],
        context: &Context<'_>,
        options: &Options,
    ) -> Result<(Decoded, Option<elastic::Answer>), IngestError> {
        let decoded = match self {
            Self::JsonLines => ndjson::decode(body, context, &options.lines),
            Self::TextLines => ndjson::decode_text(body, context, &options.lines),
            Self::OtlpProtobuf => otlp::decode(body, context),
            Self::OtlpJson => otlp::decode_json(body, context),
            Self::LokiProtobuf => loki::decode(body, context),
            Self::LokiJson => loki::decode_json(body, context),
            Self::Elastic => {
                let (decoded, answer) = elastic::decode(body, context, &options.elastic)?;
                return Ok((decoded, Some(answer)));
            }
        };
        Ok((decoded?, None))
    }
}

/// The media type without parameters, in lower case; empty without the header.
fn media_type(headers: &HeaderMap) -> String {
    let value = headers.get(header::CONTENT_TYPE).map(|value| String::from_utf8_lossy(value.as_bytes()));
    let value = value.unwrap_or_default();
    value.split(';').next().unwrap_or("").trim_ascii().to_ascii_lowercase()
}
