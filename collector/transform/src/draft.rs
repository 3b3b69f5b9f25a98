//! A record on its way from the parser to the queue.

use std::borrow::Cow;

use orszem_model::Severity;
use orszem_parse::Value;

/// What the rules look at and change. Text is borrowed from the line until something is redacted in it.
#[derive(Clone, Debug, PartialEq)]
pub struct Draft<'a> {
    /// The line as written.
    pub body: Cow<'a, [u8]>,
    pub severity: Severity,
    pub service: &'a str,
    pub layer: &'a str,
    /// The stream's labels, after relabelling.
    pub labels: &'a [(String, String)],
    /// In the order of the line; a key may come twice.
    pub attributes: Vec<(Cow<'a, str>, Value<'a>)>,
    pub trace_id: Option<[u8; 16]>,
}

impl<'a> Draft<'a> {
    /// Text that nothing is known of yet.
    pub fn of_body(body: &'a [u8]) -> Self {
        Self {
            body: Cow::Borrowed(body),
            severity: Severity::UNSET,
            service: "",
            layer: "",
            labels: &[],
            attributes: Vec::new(),
            trace_id: None,
        }
    }
}
