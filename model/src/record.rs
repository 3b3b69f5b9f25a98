//! A record as whoever produces one writes it: owned, complete, independent of any batch.

use crate::{Severity, Stream, Timestamp};

/// What a record tells. Search looks at logs and events unless the others are asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Kind {
    #[default]
    Log = 0,
    Event = 1,
    Span = 2,
    Probe = 3,
}

impl Kind {
    /// All kinds, in the order of their codes.
    pub const ALL: [Self; 4] = [Self::Log, Self::Event, Self::Span, Self::Probe];

    /// The kind with this code, 0 to 3.
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.get(usize::from(code)).copied()
    }

    /// Its name in queries and answers.
    pub fn name(self) -> &'static str {
        match self {
            Self::Log => "log",
            Self::Event => "event",
            Self::Span => "span",
            Self::Probe => "probe",
        }
    }
}

/// The value of an attribute. Numbers are kept as their text, so nothing is rounded.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AttributeValue {
    String(String),
    /// A JSON number without fraction and exponent, as written.
    Integer(String),
    /// Any other JSON number, as written.
    Float(String),
    Bool(bool),
    Null,
    /// An array, as JSON text. Objects are flattened into dotted keys before they come here.
    Json(String),
    Bytes(Vec<u8>),
}

/// One attribute; keys of nested objects are joined with dots.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Attribute {
    pub key: String,
    pub value: AttributeValue,
}

/// A log record (OpenTelemetry log data model, extended by kind and entities), without the sequence
/// number that the journal gives it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    pub timestamp: Timestamp,
    /// When the source saw it; `None` for the moment its batch was taken in.
    pub observed: Option<Timestamp>,
    pub stream: Stream,
    pub severity: Severity,
    /// The sender's own word for the severity.
    pub severity_text: Option<String>,
    /// The line's original bytes; need not be UTF-8.
    pub body: Vec<u8>,
    pub attributes: Vec<Attribute>,
    pub trace_id: Option<[u8; 16]>,
    pub span_id: Option<[u8; 8]>,
    pub kind: Kind,
    pub entities: Vec<String>,
}

impl Record {
    /// A plain log line of `stream`.
    pub fn line(timestamp: Timestamp, stream: Stream, body: impl Into<Vec<u8>>) -> Self {
        Self {
            timestamp,
            observed: None,
            stream,
            severity: Severity::UNSET,
            severity_text: None,
            body: body.into(),
            attributes: Vec::new(),
            trace_id: None,
            span_id: None,
            kind: Kind::Log,
            entities: Vec::new(),
        }
    }
}
