//! One parser for all formats.

use crate::entry::Entry;
use crate::error::ParseError;
use crate::families::FamilyParser;
use crate::format::Format;
use crate::openmetrics::OpenMetricsParser;
use crate::text::TextParser;

/// What is made of a histogram that is exposed both ways. Only protobuf can.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Classic {
    /// The native histogram alone.
    #[default]
    Unless,
    /// Both (`always_scrape_classic_histograms`).
    Always,
    /// The classic one alone, as if there were no native histograms.
    Only,
}

/// Reads the entries of a body one after the other; what they borrow is valid up to the next.
///
/// After an error the rest of the body is of doubtful meaning: a scrape stops, an import may [`skip`](Self::skip_line).
#[derive(Debug)]
pub struct Parser<'b>(Reader<'b>);

#[derive(Debug)]
enum Reader<'b> {
    Text(TextParser<'b>),
    OpenMetrics(OpenMetricsParser<'b>),
    Protobuf(Box<FamilyParser<'b>>),
}

impl<'b> Parser<'b> {
    /// `classic` matters to protobuf alone.
    pub fn new(format: Format, body: &'b [u8], classic: Classic) -> Self {
        Self(match format {
            Format::Text => Reader::Text(TextParser::new(body)),
            Format::OpenMetrics => Reader::OpenMetrics(OpenMetricsParser::new(body)),
            Format::Protobuf => Reader::Protobuf(Box::new(FamilyParser::new(body, classic))),
        })
    }

    /// The next entry; `None` at the end of the body.
    pub fn next_entry(&mut self) -> Option<Result<Entry<'_>, ParseError>> {
        match &mut self.0 {
            Reader::Text(parser) => parser.next(),
            Reader::OpenMetrics(parser) => parser.next(),
            Reader::Protobuf(parser) => parser.next(),
        }
    }

    /// Goes on behind an error, at the line after the one that has it. Of protobuf nothing is left then.
    pub fn skip_line(&mut self) {
        match &mut self.0 {
            Reader::Text(parser) => parser.skip_line(),
            Reader::OpenMetrics(parser) => parser.skip_line(),
            Reader::Protobuf(parser) => parser.stop(),
        }
    }
}
