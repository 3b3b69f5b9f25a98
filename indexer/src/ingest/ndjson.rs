//! `/app/v1/ingest`: newline-delimited JSON, one object a line, or plain text, one record a line.

mod documents;
mod fields;
mod line;
mod options;
mod string;

pub(super) use documents::Documents;
pub use options::Options;

use std::borrow::Cow;

use orszem_model::Kind;
use orszem_model::wire::{RecordParts, ValueType, put_attribute};

use super::batcher::Batcher;
use super::error::IngestError;
use super::{Context, Decoded, TIME_INFERRED, level};
use fields::Fields;
use line::Line;

/// Decodes JSON lines. A line that is no object, or breaks a limit, is rejected and counted; the others are taken.
/// Invalid UTF-8 in a line is replaced by U+FFFD and counted. Empty lines are skipped.
pub fn decode(body: &[u8], context: &Context<'_>, options: &Options) -> Result<Decoded, IngestError> {
    let fields = Fields::new(options);
    let mut batcher = Batcher::new(context);
    let mut line = Line::new(&fields, context.limits);
    let mut repaired = 0;
    for (number, bytes) in lines(body) {
        match std::str::from_utf8(bytes) {
            Ok(text) => push(&mut batcher, &mut line, text, number, context)?,
            Err(_) => {
                let text = String::from_utf8_lossy(bytes);
                let before = batcher.accepted();
                push(&mut batcher, &mut Line::new(&fields, context.limits), &text, number, context)?;
                repaired += batcher.accepted() - before;
            }
        }
    }
    Ok(batcher.finish(body.len(), repaired))
}

#[inline]
fn push<'b>(
    batcher: &mut Batcher<'_>,
    line: &mut Line<'b, '_>,
    text: &'b str,
    number: usize,
    context: &Context<'_>,
) -> Result<(), IngestError> {
    match line.read(text) {
        Ok(()) => line.push(batcher, text, number, context),
        Err(rejected) => {
            batcher.reject(&rejected, format_args!("line {number}"), text.as_bytes());
            Ok(())
        }
    }
}

/// Decodes plain text: each line is a record of the stream that `options` describe, taken in as it is, at the moment
/// of the request.
pub fn decode_text(body: &[u8], context: &Context<'_>, options: &Options) -> Result<Decoded, IngestError> {
    let mut batcher = Batcher::new(context);
    for (name, value) in &options.constants {
        batcher.label(name, value);
    }
    let mut attributes = Vec::new();
    put_attribute(&mut attributes, TIME_INFERRED, ValueType::Bool, b"true");
    for (number, line) in lines(body) {
        let parts = RecordParts {
            timestamp: context.now,
            observed: None,
            severity: level::detect(line),
            severity_text: None,
            trace_id: None,
            span_id: None,
            kind: Kind::Log,
            attributes: &attributes,
            entities: &[],
            body: line,
        };
        batcher.push(&parts, format_args!("line {number}"), line)?;
    }
    Ok(batcher.finish(body.len(), 0))
}

/// The lines that are not empty, without their ends, numbered from 1.
fn lines(body: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    let mut rest = Some(body);
    let mut number = 0;
    std::iter::from_fn(move || {
        loop {
            let text = rest?;
            let line = match memchr::memchr(b'\n', text) {
                Some(at) => {
                    rest = text.get(at + 1..);
                    text.get(..at)?
                }
                None => {
                    rest = None;
                    text
                }
            };
            number += 1;
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            if !line.trim_ascii().is_empty() {
                return Some((number, line));
            }
        }
    })
}

/// A text from the query or the table of field names.
type Name = Cow<'static, str>;
