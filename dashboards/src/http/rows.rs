//! A record as the API shows it.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use orszem_model::Timestamp;
use orszem_model::record::{Attribute, AttributeValue};
use orszem_search::{Query, highlight};
use serde::Serialize;
use serde_json::value::RawValue;

use super::engine::Row;
use super::params::encode_cursor;

/// The most marks in one row.
const HIGHLIGHTS_MAX: usize = 100;

/// One row of an answer.
#[derive(Debug, Serialize)]
pub(super) struct RowView<'a> {
    /// RFC 3339 in UTC, nanoseconds where there are any.
    ts: String,
    /// The same as nanoseconds since 1970; a text, since JavaScript's numbers can't hold it.
    ts_ns: String,
    seq: String,
    cursor: String,
    stream: BTreeMap<&'a str, &'a str>,
    /// OpenTelemetry's number, 0 to 24.
    severity: u8,
    /// The name of the severity's band.
    level: &'static str,
    severity_text: Option<&'a str>,
    body: String,
    /// The exact bytes, where `body` could not hold them.
    #[serde(skip_serializing_if = "Option::is_none")]
    body_base64: Option<String>,
    attributes: BTreeMap<&'a str, Box<RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    trace_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    span_id: Option<String>,
    kind: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    entities: Vec<&'a str>,
    /// Begin and end of what the query matched in `body`, in UTF-16 units, as JavaScript counts.
    highlights: Vec<[usize; 2]>,
}

/// Shows `row`, with marks where `query` matches.
pub(super) fn view<'a>(row: &'a Row, query: Option<&Query>) -> Result<RowView<'a>, serde_json::Error> {
    let record = &row.record;
    let marks = query.map(|query| highlight(&query.expr, &record.body, HIGHLIGHTS_MAX)).unwrap_or_default();
    let boundaries: Vec<usize> = marks.iter().flat_map(|range| [range.start, range.end]).collect();
    let units = utf16_offsets(&record.body, &boundaries);
    let is_text = std::str::from_utf8(&record.body).is_ok();
    Ok(RowView {
        ts: record.timestamp.to_string(),
        ts_ns: record.timestamp.0.to_string(),
        seq: row.seq.to_string(),
        cursor: encode_cursor(row.cursor()),
        stream: record.stream.labels.iter().collect(),
        severity: record.severity.number(),
        level: record.severity.name(),
        severity_text: record.severity_text.as_deref(),
        body: String::from_utf8_lossy(&record.body).into_owned(),
        body_base64: (!is_text).then(|| STANDARD.encode(&record.body)),
        attributes: record
            .attributes
            .iter()
            .map(|a| Ok((a.key.as_str(), json(a)?)))
            .collect::<Result<_, serde_json::Error>>()?,
        trace_id: record.trace_id.map(|id| hex(&id)),
        span_id: record.span_id.map(|id| hex(&id)),
        kind: record.kind.name(),
        entities: record.entities.iter().map(String::as_str).collect(),
        highlights: units.chunks_exact(2).map(|pair| [pair[0], pair[1]]).collect(),
    })
}

/// Shows rows; see [`view`].
pub(super) fn views<'a>(rows: &'a [Row], query: Option<&Query>) -> Result<Vec<RowView<'a>>, serde_json::Error> {
    rows.iter().map(|row| view(row, query)).collect()
}

/// An attribute's value as JSON: numbers as they were written, bytes in base64.
fn json(attribute: &Attribute) -> Result<Box<RawValue>, serde_json::Error> {
    let string = |text: &str| serde_json::value::to_raw_value(text);
    match &attribute.value {
        AttributeValue::String(text) => string(text),
        AttributeValue::Integer(text) | AttributeValue::Float(text) | AttributeValue::Json(text) => {
            RawValue::from_string(text.clone()).or_else(|_| string(text))
        }
        AttributeValue::Bool(flag) => serde_json::value::to_raw_value(flag),
        AttributeValue::Null => serde_json::value::to_raw_value(&()),
        AttributeValue::Bytes(bytes) => string(&STANDARD.encode(bytes)),
    }
}

/// Where ascending byte offsets of `body` lie in the UTF-16 form of its lossy text. One inside a character moves to
/// the character's end.
fn utf16_offsets(body: &[u8], offsets: &[usize]) -> Vec<usize> {
    let mut out = Vec::with_capacity(offsets.len());
    let (mut byte, mut unit) = (0, 0);
    let mut step = |bytes: usize, units: usize, out: &mut Vec<usize>| {
        while out.len() < offsets.len() && offsets[out.len()] <= byte {
            out.push(unit);
        }
        byte += bytes;
        unit += units;
    };
    for chunk in body.utf8_chunks() {
        if offsets.is_empty() {
            return out;
        }
        for c in chunk.valid().chars() {
            step(c.len_utf8(), c.len_utf16(), &mut out);
        }
        if !chunk.invalid().is_empty() {
            step(chunk.invalid().len(), 1, &mut out);
        }
    }
    step(0, 0, &mut out);
    out.resize(offsets.len(), unit);
    out
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

/// A time as answers show it: RFC 3339 and nanoseconds as text.
pub(super) fn shown_time(nanos: i64) -> (String, String) {
    (Timestamp(nanos).to_string(), nanos.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_count_as_javascript_does() {
        let body = "aő😀b".as_bytes();
        assert_eq!(utf16_offsets(body, &[0, 1, 3, 7, 8]), [0, 1, 2, 4, 5]);
        assert_eq!(utf16_offsets(b"a\xffb", &[1, 2, 3]), [1, 2, 3]);
        assert_eq!(utf16_offsets(b"", &[0, 9]), [0, 0]);
    }
}
