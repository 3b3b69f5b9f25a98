//! `/v1/logs`: OTLP/HTTP logs, protobuf or JSON.
//!
//! Source: OpenTelemetry protocol 1.x, "OTLP/HTTP", and the log data model.

mod answer;
mod json;
mod labels;
mod value;

pub use answer::{export_response, status_message};

use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::logs::v1::LogRecord;
use opentelemetry_proto::tonic::resource::v1::Resource;
use orszem_model::varint::put_bytes;
use orszem_model::wire::{RecordParts, ValueType, put_attribute};
use orszem_model::{Kind, Severity, Timestamp};
use prost::Message;

use super::batcher::Batcher;
use super::error::IngestError;
use super::limits::BATCH_BYTES_MAX;
use super::normalise::is_too_far_ahead;
use super::protobuf::{last_message, messages};
use super::rejection::{Reason, Rejected};
use super::{Context, Decoded, TIME_INFERRED, TIME_WRITTEN};
use value::{put_value, text_of};

/// The record attribute that says which kind it is (`log`, `event`, `span`, `probe`).
pub const KIND: &str = "orszem.kind";
/// The record attribute with the entities that the record tells of: a string or an array of them.
pub const ENTITIES: &str = "orszem.entities";

/// Decodes an `ExportLogsServiceRequest` in protobuf.
pub fn decode(body: &[u8], context: &Context<'_>) -> Result<Decoded, IngestError> {
    let mut writer = Writer::new(context);
    for resource_logs in messages(body, 1) {
        let resource_logs = resource_logs?;
        writer.resource(&last_message(resource_logs, 1)?.map(message::<Resource>).transpose()?.unwrap_or_default());
        for scope_logs in messages(resource_logs, 2) {
            let scope_logs = scope_logs?;
            writer.scope(
                &last_message(scope_logs, 1)?.map(message::<InstrumentationScope>).transpose()?.unwrap_or_default(),
            );
            for record in messages(scope_logs, 2) {
                let record = record?;
                if writer.is_too_large(record) {
                    continue;
                }
                writer.record(&LogRecord::decode(record).map_err(IngestError::bad_protobuf)?)?;
            }
        }
    }
    Ok(writer.batcher.finish(body.len(), 0))
}

/// Decodes an `ExportLogsServiceRequest` in JSON: ids in hex, numbers as strings or numbers, enums as names or numbers.
pub fn decode_json(body: &[u8], context: &Context<'_>) -> Result<Decoded, IngestError> {
    let mut writer = Writer::new(context);
    for resource_logs in json::resource_logs(body)? {
        let (resource, scope_logs) = json::resource_and_scopes(resource_logs)?;
        writer.resource(&resource);
        for scope_logs in scope_logs {
            let (scope, records) = json::scope_and_records(scope_logs)?;
            writer.scope(&scope);
            for record in records {
                if !writer.is_too_large(record.get().as_bytes()) {
                    writer.record(&json::record(record)?)?;
                }
            }
        }
    }
    Ok(writer.batcher.finish(body.len(), 0))
}

/// Decodes what all records of a group share; more than a batch holds is refused.
fn message<M: Message + Default>(bytes: &[u8]) -> Result<M, IngestError> {
    if bytes.len() > BATCH_BYTES_MAX {
        return Err(IngestError::bad_protobuf(format!("a resource or scope is over {BATCH_BYTES_MAX} bytes")));
    }
    M::decode(bytes).map_err(IngestError::bad_protobuf)
}

/// Writes records; its buffers are reused from one to the next.
struct Writer<'c> {
    context: &'c Context<'c>,
    batcher: Batcher<'c>,
    /// The records so far.
    number: usize,
    /// The record's own attributes.
    own: Vec<u8>,
    /// The attributes of its resource, as far as `of_resource`, and scope.
    inherited: Vec<u8>,
    of_resource: usize,
    entities: Vec<u8>,
    body: Vec<u8>,
}

impl<'c> Writer<'c> {
    fn new(context: &'c Context<'c>) -> Self {
        Self {
            context,
            batcher: Batcher::new(context),
            number: 0,
            own: Vec::new(),
            inherited: Vec::new(),
            of_resource: 0,
            entities: Vec::new(),
            body: Vec::new(),
        }
    }

    /// Starts a resource: identifying attributes become labels, the others attributes of every record.
    fn resource(&mut self, resource: &Resource) {
        self.batcher.clear_labels();
        self.inherited.clear();
        let mut taken: Vec<&str> = Vec::new();
        for (key, label) in labels::in_order(&resource.attributes) {
            let value = key.value.as_ref().and_then(|value| value.value.as_ref());
            match (label, value) {
                (Some(label), Some(value)) if !taken.contains(&label) && labels::is_plain(value) => {
                    self.body.clear();
                    text_of(value, &mut self.body);
                    self.batcher.label(label, &String::from_utf8_lossy(&self.body));
                    taken.push(label);
                }
                _ => put_value(&mut self.inherited, &key.key, value),
            }
        }
        self.of_resource = self.inherited.len();
    }

    /// Starts a scope of the resource.
    fn scope(&mut self, scope: &InstrumentationScope) {
        self.inherited.truncate(self.of_resource);
        for (key, text) in [("otel.scope.name", &scope.name), ("otel.scope.version", &scope.version)] {
            if !text.is_empty() {
                put_attribute(&mut self.inherited, key, ValueType::String, text.as_bytes());
            }
        }
        for key in &scope.attributes {
            put_value(&mut self.inherited, &key.key, key.value.as_ref().and_then(|value| value.value.as_ref()));
        }
    }

    /// Counts a record as rejected when no batch could hold it, before it is decoded.
    fn is_too_large(&mut self, encoded: &[u8]) -> bool {
        // JSON may write a byte in six.
        let is_too_large = encoded.len() > 6 * BATCH_BYTES_MAX;
        if is_too_large {
            self.number += 1;
            let detail = format!("a record of {} bytes fits no batch", encoded.len());
            let rejected = Rejected::new(Reason::RecordTooLarge, detail);
            self.batcher.reject(&rejected, format_args!("record {}", self.number), encoded);
        }
        is_too_large
    }

    fn record(&mut self, record: &LogRecord) -> Result<(), IngestError> {
        self.number += 1;
        self.body.clear();
        if let Some(value) = record.body.as_ref().and_then(|body| body.value.as_ref()) {
            text_of(value, &mut self.body);
        }
        let number = self.number;
        let place = format_args!("record {number}");
        match self.times(record).and_then(|times| self.attributes(record).map(|kind| (times, kind))) {
            Ok(((timestamp, observed), kind)) => {
                let parts = RecordParts {
                    timestamp,
                    observed,
                    severity: severity_of(record),
                    severity_text: (!record.severity_text.is_empty()).then_some(record.severity_text.as_str()),
                    trace_id: id(&record.trace_id),
                    span_id: id(&record.span_id),
                    kind,
                    attributes: &self.own,
                    entities: &self.entities,
                    body: &self.body,
                };
                self.batcher.push(&parts, place, &self.body)
            }
            Err(rejected) => {
                self.batcher.reject(&rejected, place, &self.body);
                Ok(())
            }
        }
    }

    /// The record's time, else when it was observed, else now (marked); and when it was observed.
    fn times(&mut self, record: &LogRecord) -> Result<(Timestamp, Option<Timestamp>), Rejected> {
        self.own.clear();
        let point = |nanos: u64| match (nanos, i64::try_from(nanos)) {
            (0, _) => Ok(None),
            (_, Ok(nanos)) => Ok(Some(Timestamp(nanos))),
            (_, Err(_)) => Err(Rejected::new(Reason::BadTimestamp, format!("{nanos} ns is beyond the year 2262"))),
        };
        let observed = point(record.observed_time_unix_nano)?;
        let timestamp = match point(record.time_unix_nano)? {
            Some(timestamp) => self.corrected(timestamp),
            None => {
                put_attribute(&mut self.own, TIME_INFERRED, ValueType::Bool, b"true");
                observed.unwrap_or(self.context.now)
            }
        };
        Ok((timestamp, observed))
    }

    /// A time that the store takes, where its sender wants that rather than a refusal.
    fn corrected(&mut self, timestamp: Timestamp) -> Timestamp {
        let Context { now, limits, corrects_times, .. } = *self.context;
        if !corrects_times || !is_too_far_ahead(timestamp, now, limits) {
            return timestamp;
        }
        put_attribute(&mut self.own, TIME_WRITTEN, ValueType::String, timestamp.to_string().as_bytes());
        now
    }

    /// Encodes the attributes and entities; the record's kind.
    fn attributes(&mut self, record: &LogRecord) -> Result<Kind, Rejected> {
        let limits = self.context.limits;
        if record.attributes.len() > limits.keys_max {
            let detail = format!("{} attributes are more than {}", record.attributes.len(), limits.keys_max);
            return Err(Rejected::new(Reason::TooManyKeys, detail));
        }
        self.entities.clear();
        let mut kind = if record.event_name.is_empty() { Kind::Log } else { Kind::Event };
        for KeyValue { key, value, .. } in &record.attributes {
            if key.len() > limits.name_bytes_max {
                let detail = format!("an attribute's key is longer than {} bytes", limits.name_bytes_max);
                return Err(Rejected::new(Reason::KeyTooLong, detail));
            }
            let value = value.as_ref().and_then(|value| value.value.as_ref());
            match (key.as_str(), value) {
                (KIND, Some(Value::StringValue(text))) if kind_of(text).is_some() => {
                    kind = kind_of(text).unwrap_or(kind)
                }
                (ENTITIES, Some(value)) => self.entities(value),
                _ => put_value(&mut self.own, key, value),
            }
        }
        if !record.event_name.is_empty() {
            put_attribute(&mut self.own, "event.name", ValueType::String, record.event_name.as_bytes());
        }
        for (key, bytes, length) in [("trace_id", &record.trace_id, 16), ("span_id", &record.span_id, 8)] {
            if !bytes.is_empty() && bytes.len() != length {
                put_attribute(&mut self.own, key, ValueType::Bytes, bytes);
            }
        }
        self.own.extend_from_slice(&self.inherited);
        Ok(kind)
    }

    fn entities(&mut self, value: &Value) {
        match value {
            Value::StringValue(text) => put_bytes(&mut self.entities, text.as_bytes()),
            Value::ArrayValue(list) => {
                let values = list.values.iter().filter_map(|value| value.value.as_ref());
                values.for_each(|value| {
                    let mut text = Vec::new();
                    text_of(value, &mut text);
                    put_bytes(&mut self.entities, String::from_utf8_lossy(&text).as_bytes());
                });
            }
            other => put_value(&mut self.own, ENTITIES, Some(other)),
        }
    }
}

fn kind_of(text: &str) -> Option<Kind> {
    Kind::ALL.into_iter().find(|kind| kind.name() == text)
}

/// The number, else what the word says.
fn severity_of(record: &LogRecord) -> Severity {
    let number = u8::try_from(record.severity_number).ok().and_then(Severity::from_number);
    number
        .filter(|severity| *severity != Severity::UNSET)
        .or_else(|| Severity::from_text(&record.severity_text))
        .unwrap_or(Severity::UNSET)
}

fn id<const N: usize>(bytes: &[u8]) -> Option<[u8; N]> {
    bytes.try_into().ok().filter(|id| *id != [0; N])
}
