//! Bodies of all formats, good and bad.

mod families;
mod histograms;
mod noise;
mod openmetrics;
mod text;

use crate::{Classic, Entry, Exemplar, Format, Parser};

/// Each entry of `body` as one line, the error last.
fn entries(format: Format, body: &[u8], classic: Classic) -> Vec<String> {
    let mut parser = Parser::new(format, body, classic);
    let mut out = Vec::new();
    while let Some(entry) = parser.next_entry() {
        match entry {
            Ok(entry) => out.push(line(&entry)),
            Err(error) => {
                out.push(format!("error: {error}"));
                break;
            }
        }
    }
    out
}

fn line(entry: &Entry<'_>) -> String {
    match entry {
        Entry::Type { family, kind } => format!("type {family} {}", kind.name()),
        Entry::Help { family, help } => format!("help {family} {help:?}"),
        Entry::Unit { family, unit } => format!("unit {family} {unit:?}"),
        Entry::Sample(sample) => format!(
            "{:?} {}{}{}{}",
            sample.series.labels().expect("labels"),
            sample.value,
            sample.time.map(|time| format!(" @{time}")).unwrap_or_default(),
            sample.created.map(|time| format!(" since {time}")).unwrap_or_default(),
            sample.exemplar.as_ref().map(exemplar).unwrap_or_default(),
        ),
        Entry::Histogram(sample) => {
            let histogram = &sample.histogram;
            format!(
                "{:?} {:?} schema {} zero {} of {} count {} sum {} + {:?} {:?} - {:?} {:?}{}{}{}",
                sample.series.labels().expect("labels"),
                histogram.counter_reset,
                histogram.schema,
                histogram.zero_count,
                histogram.zero_threshold,
                histogram.count,
                histogram.sum,
                histogram.positive.spans.iter().map(|span| (span.offset, span.length)).collect::<Vec<_>>(),
                histogram.positive.counts,
                histogram.negative.spans.iter().map(|span| (span.offset, span.length)).collect::<Vec<_>>(),
                histogram.negative.counts,
                sample.time.map(|time| format!(" @{time}")).unwrap_or_default(),
                sample.created.map(|time| format!(" since {time}")).unwrap_or_default(),
                sample.exemplars.iter().map(exemplar).collect::<String>(),
            )
        }
    }
}

fn exemplar(exemplar: &Exemplar) -> String {
    let time = exemplar.time.map(|time| format!(" @{time}")).unwrap_or_default();
    format!(" # {:?} {}{time}", exemplar.labels, exemplar.value)
}
