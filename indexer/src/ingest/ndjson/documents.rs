//! Documents of another protocol whose fields are sorted as those of JSON lines are.

use std::fmt::Display;

use super::super::batcher::{Batcher, Refused};
use super::super::error::IngestError;
use super::super::rejection::Rejected;
use super::super::{Context, Decoded};
use super::fields::Fields;
use super::line::Line;

/// The known keys of documents, made once a request.
#[derive(Debug)]
pub(in super::super) struct Documents(Fields);

impl Documents {
    /// The keys of the Elastic Common Schema before those of JSON lines.
    pub(in super::super) fn new() -> Self {
        Self(Fields::of_documents())
    }

    /// Begins the records of one request.
    pub(in super::super) fn writer<'b, 'c>(&'c self, context: &'c Context<'c>) -> Writer<'b, 'c> {
        Writer {
            fields: &self.0,
            context,
            batcher: Batcher::new(context),
            line: Line::new(&self.0, context.limits),
            repaired: 0,
        }
    }
}

/// Writes one document after the other into batches.
#[derive(Debug)]
pub(in super::super) struct Writer<'b, 'c> {
    fields: &'c Fields,
    context: &'c Context<'c>,
    batcher: Batcher<'c>,
    line: Line<'b, 'c>,
    repaired: usize,
}

impl<'b> Writer<'b, '_> {
    /// Adds a document, one JSON object, with more labels and text attributes. A rejected one is counted and told.
    /// Invalid UTF-8 is replaced by U+FFFD and counted.
    pub(in super::super) fn add(
        &mut self,
        document: &'b [u8],
        labels: &[(&str, &str)],
        attributes: &[(&str, &str)],
        place: impl Display,
    ) -> Result<Result<(), Rejected>, IngestError> {
        let Self { fields, context, batcher, line, repaired } = self;
        let pushed = match std::str::from_utf8(document) {
            Ok(text) => push(line, batcher, text, context, labels, attributes),
            Err(_) => {
                let text = String::from_utf8_lossy(document);
                let pushed = push(&mut Line::new(fields, context.limits), batcher, &text, context, labels, attributes);
                *repaired += usize::from(pushed.is_ok());
                pushed
            }
        };
        match pushed {
            Ok(()) => Ok(Ok(())),
            Err(Refused::Record(rejected)) => {
                batcher.reject(&rejected, place, document);
                Ok(Err(rejected))
            }
            Err(Refused::Request(error)) => Err(error),
        }
    }

    /// Counts a document that is not taken in whatever it holds.
    pub(in super::super) fn reject(&mut self, rejected: &Rejected, document: &[u8], place: impl Display) {
        self.batcher.reject(rejected, place, document);
    }

    /// The batches and counts of the request.
    pub(in super::super) fn finish(self, body_bytes: usize) -> Decoded {
        self.batcher.finish(body_bytes, self.repaired)
    }
}

fn push<'t>(
    line: &mut Line<'t, '_>,
    batcher: &mut Batcher<'_>,
    text: &'t str,
    context: &Context<'_>,
    labels: &[(&str, &str)],
    attributes: &[(&str, &str)],
) -> Result<(), Refused> {
    line.read(text)?;
    line.try_push(batcher, text, context, labels, attributes)
}
