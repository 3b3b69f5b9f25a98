//! Gathers parsed lines into one encoded batch.

use std::collections::HashMap;
use std::path::Path;

use orszem_model::record::{Attribute, AttributeValue};
use orszem_model::wire::BatchBuilder;
use orszem_model::{Labels, Record, Stream, Timestamp};

use orszem_parse::label;
use orszem_parse::{Parsed, Value};

/// The most bytes of a batch: what fits a journal frame with room for its header.
pub(crate) const BATCH_BYTES_MAX: usize = (1 << 20) - (16 << 10);

/// What a record needs beside its line: attributes, labels, lengths. The rest of the parser's limits see to it.
const OVERHEAD_BYTES: usize = 28 << 10;

/// Where a line was read.
pub(crate) struct Origin<'a> {
    /// This host's name.
    pub(crate) host: &'a str,
    /// The file, or `None` for the journal.
    pub(crate) path: Option<&'a Path>,
    /// The program, if the line names none.
    pub(crate) service: &'a str,
    /// The systemd unit.
    pub(crate) unit: Option<&'a str>,
    /// Whether the line is one piece of a longer one.
    pub(crate) is_piece: bool,
}

/// A batch that is being filled.
pub(crate) struct Filling {
    builder: BatchBuilder,
    streams: HashMap<Stream, u32>,
}

impl Filling {
    pub(crate) fn new(received: Timestamp) -> Self {
        Self { builder: BatchBuilder::new(received), streams: HashMap::new() }
    }

    /// Whether a line of `len` bytes still fits. An empty batch takes any line up to the line limit.
    pub(crate) fn fits(&self, len: usize) -> bool {
        self.builder.is_empty() || self.builder.encoded_len() + len + OVERHEAD_BYTES <= BATCH_BYTES_MAX
    }

    /// Adds one line; `timestamp` is what stands in the record.
    pub(crate) fn push(&mut self, origin: &Origin<'_>, line: &[u8], parsed: Parsed<'_>, timestamp: Timestamp) {
        let service = parsed.service.as_deref().unwrap_or(origin.service);
        let host = match parsed.host.as_deref() {
            Some(named) if short(named) != short(origin.host) && named != "localhost" => named,
            _ => origin.host,
        };
        let layer = label::layer(service, origin.path, line);
        let mut labels: Vec<(String, String)> =
            [("host", host), ("service", service), ("layer", layer)].map(|(n, v)| (n.to_owned(), v.to_owned())).into();
        labels.extend(origin.path.map(|path| ("file".to_owned(), path.to_string_lossy().into_owned())));
        labels.extend(origin.unit.map(|unit| ("unit".to_owned(), unit.to_owned())));
        let stream = Stream { tenant: 0, class: "default".to_owned(), labels: Labels::new(labels) };
        let index = match self.streams.get(&stream) {
            Some(index) => *index,
            None => {
                let index = self.builder.add_stream(&stream);
                self.streams.insert(stream.clone(), index);
                index
            }
        };
        let mut record = Record::line(timestamp, stream, line);
        record.severity = parsed.severity;
        record.severity_text = parsed.severity_text.map(std::borrow::Cow::into_owned);
        record.attributes = parsed.attributes.into_iter().map(attribute).collect();
        record.trace_id = parsed.trace_id;
        record.span_id = parsed.span_id;
        if origin.is_piece {
            record.attributes.push(Attribute { key: "line.split".to_owned(), value: AttributeValue::Bool(true) });
        }
        self.builder.push_record(index, &record);
    }

    /// The encoded batch, `None` if nothing was added.
    pub(crate) fn finish(self) -> Option<Vec<u8>> {
        (!self.builder.is_empty()).then(|| self.builder.finish())
    }
}

/// The attribute as a record keeps it.
pub(crate) fn attribute((key, value): (std::borrow::Cow<'_, str>, Value<'_>)) -> Attribute {
    let value = match value {
        Value::Text(text) => AttributeValue::String(text.into_owned()),
        Value::Integer(number) => AttributeValue::Integer(number.to_string()),
        Value::Float(number) => AttributeValue::Float(number.to_string()),
        Value::Bool(flag) => AttributeValue::Bool(flag),
        Value::Null => AttributeValue::Null,
        Value::Json(text) => AttributeValue::Json(text.into_owned()),
    };
    Attribute { key: key.into_owned(), value }
}

/// A host's name without its domain.
fn short(host: &str) -> &str {
    let is_address = host.bytes().all(|b| b.is_ascii_digit() || b == b'.' || b == b':');
    if is_address { host } else { host.split('.').next().unwrap_or(host) }
}
