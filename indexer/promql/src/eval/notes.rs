//! Annotations of an evaluation, in Prometheus' words (`util/annotations/annotations.go`).

use std::collections::BTreeMap;

use crate::ast::Span;
use crate::quote::quote;
use crate::{Annotation, Level};

/// Annotations, each text once.
#[derive(Debug, Default)]
pub(super) struct Notes {
    notes: BTreeMap<(Level, String), Span>,
    /// The name for which there was a remark that is made series by series.
    last_name: String,
}

impl Notes {
    pub(super) fn add(&mut self, note: Annotation) {
        self.notes.insert((note.level, note.message), note.span);
    }

    pub(super) fn merge(&mut self, other: Self) {
        self.notes.extend(other.notes);
    }

    pub(super) fn into_sorted(self) -> Vec<Annotation> {
        let mut notes: Vec<Annotation> =
            self.notes.into_iter().map(|((level, message), span)| Annotation { level, span, message }).collect();
        notes.sort();
        notes
    }

    /// Remarks that `name`, of which a rate is asked, does not sound like a counter.
    pub(super) fn check_counter_name(&mut self, name: &str, span: Span) {
        let is_counter = ["_total", "_sum", "_count", "_bucket"].iter().any(|end| name.ends_with(end));
        if name.is_empty() || is_counter || self.last_name == name {
            return;
        }
        name.clone_into(&mut self.last_name);
        let text = "metric might not be a counter, name does not end in _total/_sum/_count/_bucket:";
        self.add(info(span, &format!("{text} {}", quote(name))));
    }
}

fn info(span: Span, message: &str) -> Annotation {
    Annotation { level: Level::Info, span, message: format!("PromQL info: {message}") }
}

fn warning(span: Span, message: &str) -> Annotation {
    Annotation { level: Level::Warning, span, message: format!("PromQL warning: {message}") }
}

fn with_name(text: &str, name: &str) -> String {
    if name.is_empty() { text.to_owned() } else { format!("{text} for metric name {}", quote(name)) }
}

/// What was done to histograms when something was found.
#[derive(Clone, Copy, Debug)]
pub(super) enum Doing {
    Addition,
    Subtraction,
    Aggregation,
}

impl Doing {
    fn name(self) -> &'static str {
        match self {
            Self::Addition => "addition",
            Self::Subtraction => "subtraction",
            Self::Aggregation => "aggregation",
        }
    }
}

pub(super) fn invalid_quantile(q: f64, span: Span) -> Annotation {
    warning(span, &format!("quantile value should be between 0 and 1, got {}", general(q)))
}

pub(super) fn sort_in_range(span: Span) -> Annotation {
    warning(span, "sort is ineffective for range queries since results are always ordered by labels")
}

pub(super) fn invalid_ratio(ratio: f64, to: f64, span: Span) -> Annotation {
    let text = "ratio value should be between -1 and 1, got";
    warning(span, &format!("{text} {}, capping to {}", general(ratio), general(to)))
}

pub(super) fn bad_bucket_label(name: &str, label: &str, span: Span) -> Annotation {
    let text = format!("bucket label \"le\" is missing or has a malformed value of {}", quote(label));
    warning(span, &with_name(&text, name))
}

pub(super) fn mixed_floats_histograms(name: &str, span: Span) -> Annotation {
    warning(span, &format!("encountered a mix of histograms and floats for metric name {}", quote(name)))
}

pub(super) fn mixed_floats_histograms_aggregation(span: Span) -> Annotation {
    warning(span, "encountered a mix of histograms and floats for aggregation")
}

pub(super) fn mixed_classic_native(name: &str, span: Span) -> Annotation {
    warning(span, &with_name("vector contains a mix of classic and native histograms", name))
}

pub(super) fn not_counter(name: &str, span: Span) -> Annotation {
    warning(span, &format!("this native histogram metric is not a counter: {}", quote(name)))
}

pub(super) fn not_gauge(name: &str, span: Span) -> Annotation {
    warning(span, &format!("this native histogram metric is not a gauge: {}", quote(name)))
}

pub(super) fn mixed_schemas(name: &str, span: Span) -> Annotation {
    let text = "vector contains a mix of histograms with exponential and custom buckets schemas for metric name";
    warning(span, &format!("{text} {}", quote(name)))
}

pub(super) fn incompatible_buckets(operator: &str, span: Span) -> Annotation {
    warning(span, &format!("incompatible bucket layout encountered for binary operator {operator}"))
}

pub(super) fn conflicting_resets(doing: Doing, span: Span) -> Annotation {
    warning(span, &format!("conflicting counter resets during histogram {}", doing.name()))
}

pub(super) fn bounds_reconciled(doing: Doing, span: Span) -> Annotation {
    info(span, &format!("mismatched custom buckets were reconciled during {}", doing.name()))
}

pub(super) fn incompatible_types(left: &str, operator: &str, right: &str, span: Span) -> Annotation {
    let text = format!("incompatible sample types encountered for binary operator {}", quote(operator));
    info(span, &format!("{text}: {left} {operator} {right}"))
}

pub(super) fn histogram_ignored(aggregation: &str, span: Span) -> Annotation {
    info(span, &format!("ignored histogram in {aggregation} aggregation"))
}

pub(super) fn histogram_ignored_in_range(name: &str, span: Span) -> Annotation {
    let text = "ignored histograms in a range containing both floats and histograms for metric name";
    info(span, &format!("{text} {}", quote(name)))
}

pub(super) fn forced_monotonicity(name: &str, span: Span) -> Annotation {
    let link = "https://prometheus.io/docs/prometheus/latest/querying/functions/#histogram_quantile";
    let text = format!("input to histogram_quantile needed to be fixed for monotonicity (see {link})");
    info(span, &with_name(&text, name))
}

pub(super) fn quantile_nan(name: &str, span: Span) -> Annotation {
    info(span, &with_name("input to histogram_quantile has NaN observations, result is NaN", name))
}

pub(super) fn quantile_skewed(name: &str, span: Span) -> Annotation {
    info(span, &with_name("input to histogram_quantile has NaN observations, result is skewed higher", name))
}

pub(super) fn fraction_nan(name: &str, span: Span) -> Annotation {
    let text = "input to histogram_fraction has NaN observations, which are excluded from all fractions";
    info(span, &with_name(text, name))
}

/// As Go's `%g` prints a number.
pub(super) fn general(value: f64) -> String {
    if value.is_nan() {
        return "NaN".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "+Inf" } else { "-Inf" }.to_owned();
    }
    let magnitude = value.abs();
    if value != 0.0 && !(1e-4..1e21).contains(&magnitude) {
        let text = format!("{value:e}");
        let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        let (sign, digits) = exponent.strip_prefix('-').map_or(('+', exponent), |digits| ('-', digits));
        return format!("{mantissa}e{sign}{digits:0>2}");
    }
    format!("{value}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_print_as_go_prints_them() {
        let values = [1.5, 0.0, -1.1, 1e21, 123_456_789.0, 0.000_01, f64::NAN, f64::NEG_INFINITY, f64::INFINITY];
        let texts = ["1.5", "0", "-1.1", "1e+21", "123456789", "1e-05", "NaN", "-Inf", "+Inf"];
        assert_eq!(values.map(general), texts);
    }

    #[test]
    fn a_text_is_said_once_and_a_counter_not_at_all() {
        let mut notes = Notes::default();
        let span = Span { start: 5, end: 8 };
        for name in ["a_total", "up", "up", "b_bucket", ""] {
            notes.check_counter_name(name, span);
        }
        notes.add(invalid_quantile(2.0, span));
        let texts: Vec<String> = notes.into_sorted().into_iter().map(|note| note.message).collect();
        assert_eq!(
            texts,
            [
                "PromQL info: metric might not be a counter, name does not end in _total/_sum/_count/_bucket: \"up\"",
                "PromQL warning: quantile value should be between 0 and 1, got 2",
            ]
        );
    }
}
