//! One JSON object a line, as structured loggers write it.

use std::borrow::Cow;

use orszem_model::time::{parse_json_number, parse_timestamp};
use orszem_model::{Severity, Timestamp};
use serde_json::{Map, Value};

use super::value::Value as Given;
use super::{Moment, Parsed, name, time};

const TIME_KEYS: [&str; 7] = ["timestamp", "time", "ts", "@timestamp", "date", "datetime", "t"];
const LEVEL_KEYS: [&str; 6] = ["level", "severity", "lvl", "loglevel", "log.level", "levelname"];
const SERVICE_KEYS: [&str; 5] = ["service", "service.name", "app", "application", "program"];
const HOST_KEYS: [&str; 3] = ["host", "hostname", "host.name"];
const MESSAGE_KEYS: [&str; 2] = ["message", "msg"];
const TRACE_KEYS: [&str; 3] = ["trace_id", "traceid", "trace.id"];
const SPAN_KEYS: [&str; 3] = ["span_id", "spanid", "span.id"];

/// Keys beyond these limits stay in the body only.
const ATTRIBUTES_MAX: usize = 64;
const ATTRIBUTE_BYTES_MAX: usize = 16 << 10;
const DEPTH_MAX: usize = 8;

pub(super) fn parse<'a>(line: &'a [u8], moment: &Moment<'_>) -> Option<Parsed<'a>> {
    let object: Map<String, Value> = serde_json::from_slice(line).ok()?;
    let mut parsed = Parsed::default();
    let mut left = Left { attributes: ATTRIBUTES_MAX, bytes: ATTRIBUTE_BYTES_MAX };
    for (key, value) in &object {
        let key_low = key.to_ascii_lowercase();
        if !claim(&key_low, value, &mut parsed, moment) {
            flatten(key, value, DEPTH_MAX, &mut left, &mut parsed.attributes);
        }
    }
    Some(parsed)
}

/// Takes a key that has a place of its own in the record.
fn claim(key: &str, value: &Value, parsed: &mut Parsed<'_>, moment: &Moment<'_>) -> bool {
    let text = value.as_str();
    if TIME_KEYS.contains(&key) && parsed.timestamp.is_none() {
        parsed.timestamp = stamp(value, moment);
        return parsed.timestamp.is_some();
    }
    if LEVEL_KEYS.contains(&key)
        && let Some(word) = text
        && let Some(severity) = Severity::from_text(word)
    {
        parsed.severity = severity;
        parsed.severity_text = Some(Cow::Owned(word.to_owned()));
        return true;
    }
    let label = text.and_then(|t| name(t.as_bytes()));
    if SERVICE_KEYS.contains(&key) && label.is_some() && parsed.service.is_none() {
        parsed.service = label.map(|t| Cow::Owned(t.to_owned()));
        return true;
    }
    if HOST_KEYS.contains(&key) && label.is_some() && parsed.host.is_none() {
        parsed.host = label.map(|t| Cow::Owned(t.to_owned()));
        return true;
    }
    if TRACE_KEYS.contains(&key) {
        parsed.trace_id = text.and_then(hex);
        return parsed.trace_id.is_some();
    }
    if SPAN_KEYS.contains(&key) {
        parsed.span_id = text.and_then(hex);
        return parsed.span_id.is_some();
    }
    MESSAGE_KEYS.contains(&key) && text.is_some()
}

/// Below this a number is more likely a duration or a counter than a time (1973 in seconds).
const EPOCH_MIN: f64 = 1e8;

/// A time in any common form, or an epoch number.
fn stamp(value: &Value, moment: &Moment<'_>) -> Option<Timestamp> {
    match value {
        Value::String(text) => time::iso(text.as_bytes(), moment.zone)
            .map(|(stamp, _)| stamp)
            .or_else(|| parse_timestamp(text, moment.now).ok()),
        Value::Number(number) if number.as_f64()? >= EPOCH_MIN => parse_json_number(&number.to_string()).ok(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

fn hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digits = text.as_bytes();
    if digits.len() != N * 2 {
        return None;
    }
    let mut out = [0; N];
    for (byte, pair) in out.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(out).filter(|id| id.iter().any(|b| *b != 0))
}

struct Left {
    attributes: usize,
    bytes: usize,
}

fn flatten(
    key: &str,
    value: &Value,
    depth: usize,
    left: &mut Left,
    out: &mut Vec<(Cow<'static, str>, Given<'static>)>,
) {
    if let Value::Object(inner) = value
        && depth > 0
    {
        for (name, value) in inner {
            flatten(&format!("{key}.{name}"), value, depth - 1, left, out);
        }
        return;
    }
    let value = match value {
        Value::Null => Given::Null,
        Value::Bool(flag) => Given::Bool(*flag),
        Value::Number(n) => n.as_i64().map_or_else(|| n.as_f64().map_or(Given::Null, Given::Float), Given::Integer),
        Value::String(text) => Given::Text(Cow::Owned(text.clone())),
        Value::Array(_) | Value::Object(_) => Given::Json(Cow::Owned(value.to_string())),
    };
    let size = key.len() + value.text_len();
    if left.attributes > 0 && size <= left.bytes {
        left.attributes -= 1;
        left.bytes -= size;
        out.push((Cow::Owned(key.to_owned()), value));
    }
}
