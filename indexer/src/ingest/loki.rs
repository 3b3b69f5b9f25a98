//! `/loki/api/v1/push`: Loki's push API, JSON or snappy-compressed protobuf, with structured metadata.
//!
//! Source: Grafana Loki 3, `pkg/push/push.proto` and "Ingest logs" of its HTTP API.

mod json;
mod labels;
mod proto;

use std::borrow::Cow;

use orszem_model::wire::{RecordParts, ValueType, put_attribute};
use orszem_model::{Kind, Severity, Timestamp};
use prost::Message;

use super::batcher::Batcher;
use super::error::IngestError;
use super::hex::hex;
use super::limits::BATCH_BYTES_MAX;
use super::protobuf::{last_message, messages};
use super::rejection::{Reason, Rejected};
use super::{Context, Decoded, level};
use labels::parse_labels;

/// Metadata keys and labels that tell the severity, the first that is there counts.
const LEVELS: [&str; 4] = ["level", "detected_level", "severity", "severity_text"];

/// Decodes a decompressed protobuf `PushRequest`.
pub fn decode(body: &[u8], context: &Context<'_>) -> Result<Decoded, IngestError> {
    let mut writer = Writer::new(context);
    for stream in messages(body, 1) {
        let stream = stream?;
        let labels = std::str::from_utf8(last_message(stream, 1)?.unwrap_or_default());
        writer.stream(parse_labels(labels.map_err(IngestError::bad_protobuf)?)?)?;
        for entry in messages(stream, 2) {
            let entry = entry?;
            if entry.len() > 2 * BATCH_BYTES_MAX {
                writer.number += 1;
                let rejected =
                    Rejected::new(Reason::RecordTooLarge, format!("an entry of {} bytes fits no batch", entry.len()));
                writer.batcher.reject(&rejected, format_args!("entry {}", writer.number), &[]);
                continue;
            }
            let entry = proto::Entry::decode(entry).map_err(IngestError::bad_protobuf)?;
            let metadata = entry.structured_metadata.iter().map(|pair| (pair.name.as_str(), pair.value.as_str()));
            writer.entry(entry.timestamp.and_then(|time| time.nanos()), entry.line.as_bytes(), metadata)?;
        }
    }
    Ok(writer.batcher.finish(body.len(), 0))
}

/// Decodes `{"streams":[{"stream":{…},"values":[["ns","line",{…}]]}]}`.
pub fn decode_json(body: &[u8], context: &Context<'_>) -> Result<Decoded, IngestError> {
    let request: json::Request<'_> = serde_json::from_slice(body).map_err(|error| IngestError::bad_json(&error))?;
    let mut writer = Writer::new(context);
    for stream in &request.streams {
        writer.stream(stream.labels()?)?;
        for entry in &stream.values {
            let metadata = entry.metadata.iter().map(|(name, value)| (name.0.as_ref(), value.0.as_ref()));
            writer.entry(entry.nanos(), entry.line.0.as_bytes(), metadata)?;
        }
    }
    Ok(writer.batcher.finish(body.len(), 0))
}

/// A label as pushed.
type Label<'a> = (Cow<'a, str>, Cow<'a, str>);

struct Writer<'c> {
    context: &'c Context<'c>,
    batcher: Batcher<'c>,
    /// The severity that the stream's labels tell.
    level: Severity,
    attributes: Vec<u8>,
    number: usize,
}

impl<'c> Writer<'c> {
    fn new(context: &'c Context<'c>) -> Self {
        Self { context, batcher: Batcher::new(context), level: Severity::UNSET, attributes: Vec::new(), number: 0 }
    }

    /// Starts a stream with exactly these labels. Label sets over a limit refuse the request, as Loki does.
    fn stream(&mut self, labels: Vec<Label<'_>>) -> Result<(), IngestError> {
        let owned: Vec<(String, String)> =
            labels.into_iter().map(|(name, value)| (name.into_owned(), value.into_owned())).collect();
        super::normalise::check_labels(&owned, self.context.limits)
            .map_err(|rejected| IngestError::new(rejected.reason.code(), 400, rejected.detail))?;
        self.batcher.clear_labels();
        for (name, value) in &owned {
            self.batcher.label(name, value);
        }
        let of_label =
            |key: &&str| owned.iter().find(|(name, _)| name == key).and_then(|(_, word)| Severity::from_text(word));
        self.level = LEVELS.iter().find_map(of_label).unwrap_or(Severity::UNSET);
        Ok(())
    }

    /// Adds an entry of the stream; a time that is `None` cannot be told in nanoseconds.
    fn entry<'m>(
        &mut self,
        nanos: Option<i64>,
        line: &[u8],
        metadata: impl Iterator<Item = (&'m str, &'m str)>,
    ) -> Result<(), IngestError> {
        self.number += 1;
        self.attributes.clear();
        let limits = self.context.limits;
        let mut level = None;
        let mut trace_id = None;
        let mut span_id = None;
        let mut rejected = None;
        for (at, (name, value)) in metadata.enumerate() {
            if at >= limits.keys_max {
                let detail = format!("more than {} keys of structured metadata", limits.keys_max);
                rejected = Some(Rejected::new(Reason::TooManyKeys, detail));
                break;
            }
            if name.len() > limits.name_bytes_max {
                let detail = format!("a key of structured metadata is longer than {} bytes", limits.name_bytes_max);
                rejected = Some(Rejected::new(Reason::KeyTooLong, detail));
                break;
            }
            if let Some(rank) = LEVELS.iter().position(|key| *key == name)
                && let Some(severity) = Severity::from_text(value)
                && level.is_none_or(|(known, _)| rank < known)
            {
                level = Some((rank, severity));
            }
            match name {
                "trace_id" | "traceID" | "traceId" => trace_id = trace_id.or_else(|| hex(value)),
                "span_id" | "spanID" | "spanId" => span_id = span_id.or_else(|| hex(value)),
                _ => {}
            }
            put_attribute(&mut self.attributes, name, ValueType::String, value.as_bytes());
        }
        let place = format_args!("entry {}", self.number);
        let timestamp = match nanos {
            Some(nanos) => Timestamp(nanos),
            None => {
                rejected = Some(Rejected::new(Reason::BadTimestamp, "the entry has no time in nanoseconds since 1970"));
                self.context.now
            }
        };
        if let Some(rejected) = rejected {
            self.batcher.reject(&rejected, place, line);
            return Ok(());
        }
        let severity = match level {
            Some((_, severity)) => severity,
            None if self.level != Severity::UNSET => self.level,
            None => level::detect(line),
        };
        let parts = RecordParts {
            timestamp,
            observed: None,
            severity,
            severity_text: None,
            trace_id,
            span_id,
            kind: Kind::Log,
            attributes: &self.attributes,
            entities: &[],
            body: line,
        };
        self.batcher.push(&parts, place, line)
    }
}
