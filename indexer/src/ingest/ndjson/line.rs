//! One JSON line: its keys sorted into a record's parts, borrowed from the line wherever possible.

use std::fmt;

use orszem_model::time::{parse_json_number, parse_timestamp};
use orszem_model::varint::put_bytes;
use orszem_model::wire::{RecordParts, ValueType, put_attribute};
use orszem_model::{Kind, Severity, Timestamp};
use serde::de::{Deserialize, DeserializeSeed, Deserializer, Error, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::super::batcher::{Batcher, Refused};
use super::super::error::IngestError;
use super::super::hex::hex;
use super::super::limits::Limits;
use super::super::rejection::{Reason, Rejected};
use super::super::{Context, TIME_INFERRED};
use super::fields::{Fields, Role};
use super::string::{Text, text_of};

/// The parts of a line, reused from line to line so that a line costs no allocation.
#[derive(Debug)]
pub(super) struct Line<'b, 'f> {
    fields: &'f Fields,
    limits: &'f Limits,
    /// The keys of the line before, in order, with their fields: the next line mostly has the same.
    shape: Vec<(String, Option<u16>)>,
    /// Which key of `shape` comes next.
    at: usize,
    keys: usize,
    slots: Slots<'b>,
    labels: Vec<(u16, &'b str)>,
    attributes: Vec<u8>,
    entities: Vec<u8>,
    /// Strings that had escapes.
    buffer: String,
    /// For the dotted keys of nested objects.
    path: String,
    rejected: Option<Rejected>,
}

/// The values of fields that a line has once: the field and the JSON as written.
#[derive(Debug, Default)]
struct Slots<'b> {
    time: Slot<'b>,
    body: Slot<'b>,
    severity: Slot<'b>,
    severity_number: Slot<'b>,
    trace_id: Slot<'b>,
    span_id: Slot<'b>,
    kind: Slot<'b>,
}

type Slot<'b> = Option<(u16, &'b str)>;

impl<'b, 'f> Line<'b, 'f> {
    pub(super) fn new(fields: &'f Fields, limits: &'f Limits) -> Self {
        Self {
            fields,
            limits,
            shape: Vec::new(),
            at: 0,
            keys: 0,
            slots: Slots::default(),
            labels: Vec::new(),
            attributes: Vec::new(),
            entities: Vec::new(),
            buffer: String::new(),
            path: String::new(),
            rejected: None,
        }
    }

    /// Reads the object in `text`, forgetting the line before.
    pub(super) fn read(&mut self, text: &'b str) -> Result<(), Rejected> {
        self.at = 0;
        self.keys = 0;
        self.slots = Slots::default();
        self.labels.clear();
        self.attributes.clear();
        self.entities.clear();
        self.buffer.clear();
        self.path.clear();
        let mut json = serde_json::Deserializer::from_str(text);
        let read =
            Object { line: self, depth: 0, path: &mut String::new() }.deserialize(&mut json).and_then(|()| json.end());
        match (self.rejected.take(), read) {
            (Some(rejected), _) => Err(rejected),
            (None, Err(error)) => Err(Rejected::new(Reason::Malformed, format!("no JSON object: {error}"))),
            (None, Ok(())) => Ok(()),
        }
    }

    /// Pushes the record that was read.
    pub(super) fn push(
        &mut self,
        batcher: &mut Batcher<'_>,
        text: &str,
        number: usize,
        context: &Context<'_>,
    ) -> Result<(), IngestError> {
        match self.try_push(batcher, text, context, &[], &[]) {
            Ok(()) => Ok(()),
            Err(Refused::Record(rejected)) => {
                batcher.reject(&rejected, format_args!("line {number}"), text.as_bytes());
                Ok(())
            }
            Err(Refused::Request(error)) => Err(error),
        }
    }

    /// Pushes the record that was read, with more labels and text attributes, or tells why not; nothing is counted.
    #[inline]
    pub(super) fn try_push(
        &mut self,
        batcher: &mut Batcher<'_>,
        text: &str,
        context: &Context<'_>,
        labels: &[(&str, &str)],
        attributes: &[(&str, &str)],
    ) -> Result<(), Refused> {
        batcher.clear_labels();
        let (mut parts, body) = self.parts(batcher, context)?;
        for (name, value) in labels {
            batcher.label(name, value);
        }
        for (key, value) in attributes {
            put_attribute(&mut self.attributes, key, ValueType::String, value.as_bytes());
        }
        parts.attributes = &self.attributes;
        parts.entities = &self.entities;
        let severity_text = self.slots.severity.and_then(|(_, raw)| text_of(raw, &mut self.buffer));
        parts.severity_text = severity_text.as_ref().map(|text| text.get(&self.buffer));
        parts.body = body.as_ref().map_or(text, |body| body.get(&self.buffer)).as_bytes();
        batcher.try_push(&parts)
    }

    /// Everything but attributes, entities, severity text and body, which are borrowed last; the body apart, `None`
    /// when the line has none and is itself the body.
    fn parts(
        &mut self,
        batcher: &mut Batcher<'_>,
        context: &Context<'_>,
    ) -> Result<(RecordParts<'static>, Option<Text<'b>>), Rejected> {
        let timestamp = self.timestamp(context.now)?;
        let trace_id = self.id(self.slots.trace_id)?;
        let span_id = self.id(self.slots.span_id)?;
        let kind = self.kind()?;
        let severity = self.severity()?;
        for at in 0..self.labels.len() {
            let Some((field, raw)) = self.labels.get(at).copied() else { break };
            let value = self.text(raw)?;
            if let Some(field) = self.fields.get(field) {
                batcher.label(&field.label, value.get(&self.buffer));
            }
        }
        let body = match self.slots.body {
            Some((_, raw)) => Some(self.text(raw)?),
            None => None,
        };
        let parts = RecordParts {
            timestamp,
            observed: None,
            severity,
            severity_text: None,
            trace_id,
            span_id,
            kind,
            attributes: &[],
            entities: &[],
            body: &[],
        };
        Ok((parts, body))
    }

    fn text(&mut self, raw: &'b str) -> Result<Text<'b>, Rejected> {
        text_of(raw, &mut self.buffer).ok_or_else(|| Rejected::new(Reason::Malformed, "a string has a bad escape"))
    }

    fn timestamp(&mut self, now: Timestamp) -> Result<Timestamp, Rejected> {
        let Some((_, raw)) = self.slots.time else {
            put_attribute(&mut self.attributes, TIME_INFERRED, ValueType::Bool, b"true");
            return Ok(now);
        };
        let text = self.text(raw)?;
        let text = text.get(&self.buffer);
        let parsed = if raw.starts_with('"') { parse_timestamp(text, now) } else { parse_json_number(text) };
        parsed.map_err(|error| Rejected::new(Reason::BadTimestamp, error.to_string()))
    }

    /// The bytes of a hexadecimal id; a value that is none becomes an attribute.
    fn id<const N: usize>(&mut self, slot: Slot<'b>) -> Result<Option<[u8; N]>, Rejected> {
        let Some((field, raw)) = slot else { return Ok(None) };
        let text = self.text(raw)?;
        let id = hex(text.get(&self.buffer));
        if id.is_none() && raw != "\"\"" {
            self.keep(field, raw)?;
        }
        Ok(id)
    }

    fn kind(&mut self) -> Result<Kind, Rejected> {
        let Some((field, raw)) = self.slots.kind else { return Ok(Kind::Log) };
        let text = self.text(raw)?;
        let text = text.get(&self.buffer);
        if let Some(kind) = Kind::ALL.into_iter().find(|kind| text.eq_ignore_ascii_case(kind.name())) {
            return Ok(kind);
        }
        self.keep(field, raw)?;
        Ok(Kind::Log)
    }

    fn severity(&mut self) -> Result<Severity, Rejected> {
        if let Some((_, raw)) = self.slots.severity_number {
            let number = self.text(raw)?.get(&self.buffer).parse().ok();
            if let Some(severity) = number.and_then(Severity::from_number) {
                return Ok(severity);
            }
        }
        let Some((_, raw)) = self.slots.severity else { return Ok(Severity::UNSET) };
        let text = self.text(raw)?;
        Ok(severity_of(text.get(&self.buffer)))
    }

    /// Sorts one value in. `field` is the key's, `None` for an attribute; `key` may be dotted.
    fn value(&mut self, key: &str, field: Option<u16>, raw: &'b str, depth: usize) -> Result<(), Rejected> {
        let first = raw.as_bytes().first().copied().unwrap_or(b' ');
        if first == b'{' {
            return self.object(key, raw, depth);
        }
        self.keys += 1;
        if self.keys > self.limits.keys_max {
            let detail = format!("more than {} keys", self.limits.keys_max);
            return Err(Rejected::new(Reason::TooManyKeys, detail));
        }
        let Some((at, known)) = field.and_then(|at| Some((at, self.fields.get(at)?))) else {
            return self.attribute(key, raw);
        };
        let is_list = first == b'[';
        match known.role {
            Role::Label if is_list || first == b'n' => self.attribute(key, raw),
            Role::Label => self.label(at, raw),
            Role::Entities => self.entities(key, raw),
            Role::Body if first == b'n' => Ok(()),
            Role::Body => self.once(at, raw, |slots| &mut slots.body),
            Role::Time if first == b'n' || raw == "\"\"" => Ok(()),
            Role::Time => self.once(at, raw, |slots| &mut slots.time),
            _ if is_list || first == b'n' => self.attribute(key, raw),
            Role::Severity => self.once(at, raw, |slots| &mut slots.severity),
            Role::SeverityNumber => self.once(at, raw, |slots| &mut slots.severity_number),
            Role::TraceId => self.once(at, raw, |slots| &mut slots.trace_id),
            Role::SpanId => self.once(at, raw, |slots| &mut slots.span_id),
            Role::Kind => self.once(at, raw, |slots| &mut slots.kind),
        }
    }

    /// Fills a slot; of two values the one whose key comes first in the table stays, the other becomes an attribute.
    fn once(
        &mut self,
        field: u16,
        raw: &'b str,
        slot: impl for<'s> FnOnce(&'s mut Slots<'b>) -> &'s mut Slot<'b>,
    ) -> Result<(), Rejected> {
        let slot = slot(&mut self.slots);
        match *slot {
            None => {
                *slot = Some((field, raw));
                Ok(())
            }
            Some((known, _)) if known <= field => self.keep(field, raw),
            Some((known, earlier)) => {
                *slot = Some((field, raw));
                self.keep(known, earlier)
            }
        }
    }

    fn label(&mut self, field: u16, raw: &'b str) -> Result<(), Rejected> {
        let name = self.fields.get(field).map(|field| &field.label);
        let same = self.labels.iter_mut().find(|(known, _)| self.fields.get(*known).map(|field| &field.label) == name);
        let Some(same) = same else {
            self.labels.push((field, raw));
            return Ok(());
        };
        let (other, other_raw) = if same.0 <= field { (field, raw) } else { std::mem::replace(same, (field, raw)) };
        self.keep(other, other_raw)
    }

    /// Keeps the value of a known key as an attribute.
    fn keep(&mut self, field: u16, raw: &str) -> Result<(), Rejected> {
        let fields = self.fields;
        fields.get(field).map_or(Ok(()), |field| self.attribute(&field.key, raw))
    }

    fn attribute(&mut self, key: &str, raw: &str) -> Result<(), Rejected> {
        if key.len() > self.limits.name_bytes_max {
            let start: String = key.chars().take(32).collect();
            let detail = format!("key {start}… is longer than {} bytes", self.limits.name_bytes_max);
            return Err(Rejected::new(Reason::KeyTooLong, detail));
        }
        let kind = match raw.as_bytes().first() {
            Some(b'"') => ValueType::String,
            Some(b'{' | b'[') => ValueType::Json,
            Some(b't' | b'f') => ValueType::Bool,
            Some(b'n') | None => ValueType::Null,
            Some(_) if raw.bytes().any(|byte| matches!(byte, b'.' | b'e' | b'E')) => ValueType::Float,
            Some(_) => ValueType::Integer,
        };
        let mark = self.buffer.len();
        let bad_escape = || Rejected::new(Reason::Malformed, "a string has a bad escape");
        let text = text_of(raw, &mut self.buffer).ok_or_else(bad_escape)?;
        let value = if kind == ValueType::Null { "" } else { text.get(&self.buffer) };
        put_attribute(&mut self.attributes, key, kind, value.as_bytes());
        self.buffer.truncate(mark);
        Ok(())
    }

    /// Flattens an object whose keys begin with `path`; an empty one, or one beyond the depth limit, stays JSON text.
    fn object(&mut self, path: &str, raw: &'b str, depth: usize) -> Result<(), Rejected> {
        if depth >= self.limits.depth_max || raw == "{}" {
            self.keys += 1;
            return self.attribute(path, raw);
        }
        let mut own = std::mem::take(&mut self.path);
        own.clear();
        own.push_str(path);
        let mut json = serde_json::Deserializer::from_str(raw);
        let read = Object { line: self, depth: depth + 1, path: &mut own }.deserialize(&mut json);
        self.path = own;
        match (self.rejected.take(), read) {
            (Some(rejected), _) => Err(rejected),
            (None, Err(error)) => Err(Rejected::new(Reason::Malformed, error.to_string())),
            (None, Ok(())) => Ok(()),
        }
    }

    /// Takes a string, or a list of strings, as entities; anything else stays an attribute.
    fn entities(&mut self, key: &str, raw: &str) -> Result<(), Rejected> {
        if raw.starts_with('"') {
            let mark = self.buffer.len();
            if let Some(text) = text_of(raw, &mut self.buffer) {
                put_bytes(&mut self.entities, text.get(&self.buffer).as_bytes());
            }
            self.buffer.truncate(mark);
            return Ok(());
        }
        match serde_json::from_str::<Vec<String>>(raw) {
            Ok(list) => list.iter().for_each(|entity| put_bytes(&mut self.entities, entity.as_bytes())),
            Err(_) => self.attribute(key, raw)?,
        }
        Ok(())
    }

    /// The field of the next top-level key, remembered from the line before when the key is the same.
    #[inline]
    fn field(&mut self, key: &str) -> Option<u16> {
        let at = self.at;
        self.at += 1;
        if let Some((known, field)) = self.shape.get(at)
            && known == key
        {
            return *field;
        }
        let field = self.fields.find(key);
        if let Some(entry) = self.shape.get_mut(at) {
            entry.0.clear();
            entry.0.push_str(key);
            entry.1 = field;
        } else if at == self.shape.len() && at < 64 {
            self.shape.push((key.to_owned(), field));
        }
        field
    }
}

/// The severity of a word, of OpenTelemetry's number, or of the numbers that pino and bunyan write.
fn severity_of(text: &str) -> Severity {
    let by_number = |number: u8| match number {
        10 => Some(Severity::TRACE),
        20 => Some(Severity::DEBUG),
        30 => Some(Severity::INFO),
        40 => Some(Severity::WARN),
        50 => Some(Severity::ERROR),
        60 => Some(Severity::FATAL),
        other => Severity::from_number(other),
    };
    Severity::from_text(text).or_else(|| by_number(text.parse().ok()?)).unwrap_or(Severity::UNSET)
}

/// Reads a JSON object into a line.
struct Object<'l, 'b, 'f> {
    line: &'l mut Line<'b, 'f>,
    depth: usize,
    /// What the object's keys begin with; unused at the top.
    path: &'l mut String,
}

impl<'b> DeserializeSeed<'b> for Object<'_, 'b, '_> {
    type Value = ();

    #[inline]
    fn deserialize<D: Deserializer<'b>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'b> Visitor<'b> for Object<'_, 'b, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    #[inline]
    fn visit_map<A: MapAccess<'b>>(self, mut map: A) -> Result<(), A::Error> {
        let Self { line, depth, path } = self;
        while let Some(Key(key)) = map.next_key()? {
            let raw: &'b RawValue = map.next_value()?;
            let sorted = if depth == 0 {
                let field = line.field(&key);
                line.value(&key, field, raw.get(), 0)
            } else {
                let outer = path.len();
                path.push('.');
                path.push_str(&key);
                let field = line.fields.find(path);
                let sorted = line.value(path, field, raw.get(), depth);
                path.truncate(outer);
                sorted
            };
            if let Err(rejected) = sorted {
                line.rejected = Some(rejected);
                return Err(A::Error::custom("rejected"));
            }
        }
        Ok(())
    }
}

/// A key, borrowed unless it has escapes.
struct Key<'b>(std::borrow::Cow<'b, str>);

impl<'b> Deserialize<'b> for Key<'b> {
    #[inline]
    fn deserialize<D: Deserializer<'b>>(deserializer: D) -> Result<Self, D::Error> {
        struct KeyVisitor;
        impl<'b> Visitor<'b> for KeyVisitor {
            type Value = Key<'b>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a key")
            }

            fn visit_borrowed_str<E: Error>(self, key: &'b str) -> Result<Key<'b>, E> {
                Ok(Key(key.into()))
            }

            fn visit_str<E: Error>(self, key: &str) -> Result<Key<'b>, E> {
                Ok(Key(key.to_owned().into()))
            }
        }
        deserializer.deserialize_str(KeyVisitor)
    }
}
