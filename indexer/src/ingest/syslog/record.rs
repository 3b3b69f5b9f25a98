//! What becomes of a message: its body as it was sent, labels and attributes from what it says of itself.

use std::net::IpAddr;

use orszem_model::wire::{RecordParts, ValueType, put_attribute};
use orszem_model::{Kind, Severity, Timestamp, varint};
use orszem_parse::{Layer, Moment, Parsed, Value, Zone, label};

use super::super::batcher::Batcher;
use super::super::error::IngestError;
use super::super::normalise::check_time;
use super::super::{Context, Decoded, TIME_INFERRED};
use super::chunk::{Chunk, Mark};

/// The attribute with the address that a message came from.
const PEER: &str = "peer";
/// The attribute of messages whose end is missing.
const TRUNCATED: &str = "line.truncated";
/// The attribute of pieces of a line that was too long.
const SPLIT: &str = "line.split";

/// The records of the chunks in batches, and how many messages had neither a priority nor a stamp.
pub(super) fn encode(chunks: &[Chunk], context: &Context<'_>, zone: &Zone) -> Result<(Decoded, usize), IngestError> {
    let moment = Moment { now: context.now, zone };
    let mut writer = Writer { batcher: Batcher::new(context), attributes: Vec::new(), entities: Vec::new() };
    let mut malformed = 0;
    for (number, (message, peer, mark)) in chunks.iter().flat_map(Chunk::messages).enumerate() {
        let read = Read::new(message, &moment);
        malformed += usize::from(read.priority.is_none() && read.parsed.timestamp.is_none());
        writer.push(&read, message, peer, mark, context, number)?;
    }
    let bytes = chunks.iter().map(Chunk::byte_len).sum();
    Ok((writer.batcher.finish(bytes, 0), malformed))
}

/// What a message says.
struct Read<'a> {
    priority: Option<u8>,
    parsed: Parsed<'a>,
}

impl<'a> Read<'a> {
    fn new(message: &'a [u8], moment: &Moment<'_>) -> Self {
        let (priority, rest) = take_priority(message);
        let mut parsed = orszem_parse::parse(message, moment);
        let knows_priority = parsed.attributes.iter().any(|(key, _)| key == "facility");
        if priority.is_some() && !knows_priority {
            // No format of syslog: whatever stands behind the priority may still be known.
            parsed = orszem_parse::parse(rest, moment);
        }
        if parsed.service.is_none()
            && priority.is_some()
            && let Some((program, pid)) = tag(without_stamp(rest))
        {
            parsed.service = Some(program.into());
            let pid = pid.and_then(|pid| pid.parse().ok());
            parsed.attributes.extend(pid.map(|pid| ("pid".into(), Value::Integer(pid))));
        }
        Self { priority, parsed }
    }
}

/// `<n>`, 0 to 191, and what follows it.
fn take_priority(message: &[u8]) -> (Option<u8>, &[u8]) {
    let taken = || {
        let rest = message.strip_prefix(b"<")?;
        let end = rest.iter().take(4).position(|byte| *byte == b'>')?;
        let digits = rest.get(..end).filter(|digits| digits.iter().all(u8::is_ascii_digit))?;
        let priority = std::str::from_utf8(digits).ok()?.parse().ok().filter(|priority| *priority <= 191)?;
        Some((Some(priority), rest.get(end + 1..)?))
    };
    taken().unwrap_or((None, message))
}

/// What follows a stamp of RFC 3164, `Nov 22 10:00:00 `.
fn without_stamp(text: &[u8]) -> &[u8] {
    let is_stamp = |stamp: &&[u8]| {
        let byte = |at: usize| stamp.get(at).copied().unwrap_or(0);
        byte(3) == b' ' && byte(6) == b' ' && byte(9) == b':' && byte(12) == b':' && byte(15) == b' '
    };
    text.get(..16).filter(is_stamp).and_then(|_| text.get(16..)).unwrap_or(text)
}

/// The program and process of `program[pid]: ` and `program: `, as senders write that leave out the host.
fn tag(text: &[u8]) -> Option<(&str, Option<&str>)> {
    let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || b"._-/".contains(byte);
    let end = text.iter().take(49).position(|byte| !is_name(byte)).filter(|end| (1..=48).contains(end))?;
    let program = std::str::from_utf8(text.get(..end)?).ok()?;
    let rest = text.get(end..)?;
    let (pid, rest) = match rest.strip_prefix(b"[") {
        Some(inner) => {
            let close = inner.iter().take(20).position(|byte| *byte == b']')?;
            let pid = inner.get(..close).filter(|pid| !pid.is_empty() && pid.iter().all(u8::is_ascii_digit))?;
            (Some(std::str::from_utf8(pid).ok()?), inner.get(close + 1..)?)
        }
        None => (None, rest),
    };
    let is_level = Severity::from_text(program).is_some();
    let behind = rest.strip_prefix(b":")?;
    (!is_level && matches!(behind.first(), None | Some(b' '))).then_some((program, pid))
}

struct Writer<'c> {
    batcher: Batcher<'c>,
    attributes: Vec<u8>,
    entities: Vec<u8>,
}

impl Writer<'_> {
    fn push(
        &mut self,
        read: &Read<'_>,
        message: &[u8],
        peer: IpAddr,
        mark: Mark,
        context: &Context<'_>,
        number: usize,
    ) -> Result<(), IngestError> {
        let Read { priority, parsed } = read;
        let peer = peer.to_canonical().to_string();
        let service = parsed.service.as_deref().unwrap_or("");
        let layer = parsed.layer.map_or_else(|| label::layer(service, None, message), Layer::name);
        let host = parsed.host.as_deref().filter(|host| *host != "localhost").unwrap_or(&peer);
        self.batcher.clear_labels();
        for (name, value) in [("host", host), ("service", service), ("layer", layer)] {
            self.batcher.label(name, value);
        }

        self.attributes.clear();
        if let Some(priority) = priority {
            self.attribute("facility", ValueType::Integer, &(priority >> 3).to_string());
        }
        for (key, value) in parsed.attributes.iter().filter(|(key, _)| priority.is_none() || key != "facility") {
            match value {
                Value::Text(text) => self.attribute(key, ValueType::String, text),
                Value::Json(text) => self.attribute(key, ValueType::Json, text),
                Value::Integer(number) => self.attribute(key, ValueType::Integer, &number.to_string()),
                Value::Float(number) => self.attribute(key, ValueType::Float, &number.to_string()),
                Value::Bool(truth) => self.attribute(key, ValueType::Bool, if *truth { "true" } else { "false" }),
                Value::Null => self.attribute(key, ValueType::Null, ""),
            }
        }
        // There is nobody to tell that a sender's clock is wrong: the message is kept at the time it came.
        let told = parsed.timestamp.filter(|time| check_time(*time, context.now, context.limits).is_ok());
        if told.is_none() {
            self.attribute(TIME_INFERRED, ValueType::Bool, "true");
        }
        self.attribute(PEER, ValueType::String, &peer);
        match mark {
            Mark::Whole => {}
            Mark::Truncated => self.attribute(TRUNCATED, ValueType::Bool, "true"),
            Mark::Piece => self.attribute(SPLIT, ValueType::Bool, "true"),
        }
        self.entities.clear();
        for entity in &parsed.entities {
            varint::put_bytes(&mut self.entities, entity.as_bytes());
        }
        let parts = RecordParts {
            timestamp: told.unwrap_or(context.now),
            observed: None,
            severity: priority.map_or(parsed.severity, Severity::from_syslog),
            severity_text: parsed.severity_text.as_deref(),
            trace_id: parsed.trace_id,
            span_id: parsed.span_id,
            kind: Kind::Log,
            attributes: &self.attributes,
            entities: &self.entities,
            body: message,
        };
        self.batcher.push(&parts, format_args!("message {}", number + 1), message)
    }

    fn attribute(&mut self, key: &str, kind: ValueType, value: &str) {
        put_attribute(&mut self.attributes, key, kind, value.as_bytes());
    }
}

/// The moment of a batch, for those who have only a clock.
pub(super) fn context<'a>(ingest: &'a super::super::http::IngestState, tenant: u32, now: Timestamp) -> Context<'a> {
    Context { tenant, now, corrects_times: false, limits: &ingest.limits, streams: &ingest.streams }
}
