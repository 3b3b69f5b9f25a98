//! Whether a record's fields satisfy a condition, in the pieces that the store decides apart: labels once for each
//! stream, attributes and the rest for each record.

use std::cmp::Ordering;

use orszem_model::wire::{AttributeView, RecordView};
use orszem_model::{Labels, Severity};

use crate::ast::{Bound, Comparison, FieldMatcher, FieldName, FieldPattern};
use crate::fold::{compare_folded, equals_folded, fold_text};

impl FieldPattern {
    /// Whether some value of the field matches.
    pub fn matches(&self, record: &RecordView<'_>) -> bool {
        match &self.field {
            FieldName::Severity => self.matcher.matches_severity(record.severity, record.severity_text),
            FieldName::TraceId => record.trace_id.is_some_and(|id| self.matcher.matches_id(&id)),
            FieldName::SpanId => record.span_id.is_some_and(|id| self.matcher.matches_id(&id)),
            FieldName::Kind => self.matcher.matches_value(record.kind.name().as_bytes()),
            FieldName::Entity => {
                record.entities.into_iter().any(|entity| self.matcher.matches_value(entity.as_bytes()))
            }
            FieldName::Body => match self.matcher {
                FieldMatcher::Exists => !record.body.is_empty(),
                _ => self.matcher.matches_value(record.body),
            },
            FieldName::Named(_) => {
                self.matches_labels(&record.stream.labels)
                    || record.attributes.into_iter().any(|attribute| self.matches_attribute(&attribute))
            }
        }
    }

    /// Whether a label of one of the names matches; never for the fields that are no labels.
    pub fn matches_labels(&self, labels: &Labels) -> bool {
        let FieldName::Named(names) = &self.field else {
            return false;
        };
        names.iter().filter_map(|name| labels.get(name)).any(|value| self.matcher.matches_value(value.as_bytes()))
    }

    /// Whether the attribute has one of the names and matches; never for the fields that are no attributes.
    pub fn matches_attribute(&self, attribute: &AttributeView<'_>) -> bool {
        let FieldName::Named(names) = &self.field else {
            return false;
        };
        names.iter().any(|name| name == attribute.key) && self.matcher.matches_value(attribute.value)
    }
}

impl FieldMatcher {
    /// Whether a value that is there matches. `Severities` matches no value but a severity.
    pub fn matches_value(&self, value: &[u8]) -> bool {
        match self {
            Self::Exists => true,
            Self::Equals(folded) => equals_folded(value, folded),
            Self::Pattern(pattern) => pattern.is_match(value),
            Self::Compare(comparison, bound) => bound_accepts(value, *comparison, bound),
            Self::Range { lower, upper } => {
                bound_accepts(value, lower.0, &lower.1) && bound_accepts(value, upper.0, &upper.1)
            }
            Self::Severities(_) => false,
        }
    }

    /// Whether a severity matches. `text` is the sender's own word; patterns and equality look at it and at the band's
    /// name, comparisons at the number.
    pub fn matches_severity(&self, severity: Severity, text: Option<&str>) -> bool {
        match self {
            Self::Exists => severity != Severity::UNSET,
            Self::Severities(mask) => mask >> severity.number() & 1 == 1,
            Self::Equals(_) | Self::Pattern(_) => {
                self.matches_value(severity.name().as_bytes())
                    || text.is_some_and(|text| self.matches_value(text.as_bytes()))
            }
            Self::Compare(..) | Self::Range { .. } => {
                severity != Severity::UNSET && self.matches_value(two_digits(severity.number()).trim_ascii_start())
            }
        }
    }

    /// Whether an id matches, as lower-case hexadecimal digits.
    fn matches_id<const BYTES: usize>(&self, id: &[u8; BYTES]) -> bool {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let mut text = [0; 32];
        for (two, byte) in text.chunks_exact_mut(2).zip(id) {
            two.copy_from_slice(&[DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]);
        }
        text.get(..2 * BYTES).is_some_and(|text| self.matches_value(text))
    }
}

fn two_digits(number: u8) -> [u8; 2] {
    [if number < 10 { b' ' } else { b'0' + number / 10 }, b'0' + number % 10]
}

fn bound_accepts(value: &[u8], comparison: Comparison, bound: &Bound) -> bool {
    let ordering = match bound {
        Bound::Open => return true,
        Bound::Text(folded) => compare_folded(value, folded),
        Bound::Number(bound) => match number(value) {
            Some(value) => value.partial_cmp(bound),
            None => compare_with_number(value, *bound),
        },
    };
    ordering.is_some_and(|ordering| comparison.accepts(ordering))
}

fn compare_with_number(value: &[u8], bound: f64) -> Option<Ordering> {
    compare_folded(value, &fold_text(&bound.to_string()))
}

/// The number that `text` is: decimal digits with optional sign, fraction and exponent, and finite.
pub(crate) fn number(text: &[u8]) -> Option<f64> {
    let has_digit = text.iter().any(u8::is_ascii_digit);
    if !has_digit || !text.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E')) {
        return None;
    }
    // What is left of the syntax of f64 is exactly ours.
    let number: Option<f64> = std::str::from_utf8(text).ok()?.parse().ok();
    number.filter(|number| number.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ast::TextPattern;

    #[test]
    fn numbers_are_decimal_and_finite() {
        for (text, expected) in
            [("500", Some(500.0)), ("-1.5e3", Some(-1500.0)), ("+.5", Some(0.5)), ("5.", Some(5.0)), ("007", Some(7.0))]
        {
            assert_eq!(number(text.as_bytes()), expected, "{text}");
        }
        for text in ["", "e", "1e999", "inf", "nan", "0x10", "1_000", "1 ", "1.2.3", "-", "."] {
            assert_eq!(number(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn values_compare_as_numbers_only_if_both_are() {
        let at_least = |bound: Bound, value: &str| {
            FieldMatcher::Compare(Comparison::GreaterOrEqual, bound).matches_value(value.as_bytes())
        };
        assert!(!at_least(Bound::Number(500.0), "60"));
        assert!(at_least(Bound::Text("500".into()), "60"));
        assert!(at_least(Bound::Number(500.0), "5e2"));
        assert!(at_least(Bound::Number(1.2), "1.2.3"));
        assert!(!at_least(Bound::Number(1.2), "1.1.3"));
        assert!(!FieldMatcher::Compare(Comparison::Less, Bound::Text("b".into())).matches_value(b"a\xFF"));
        let range = FieldMatcher::Range {
            lower: (Comparison::Greater, Bound::Open),
            upper: (Comparison::Less, Bound::Number(3.0)),
        };
        assert_eq!([range.matches_value(b"2"), range.matches_value(b"3")], [true, false]);
    }

    #[test]
    fn ids_are_hexadecimal() {
        let equals = FieldMatcher::Equals("00ff12".to_owned());
        assert!(equals.matches_id(&[0, 0xFF, 0x12]));
        assert!(!equals.matches_id(&[0, 0xFF, 0x12, 0]));
    }

    #[test]
    fn severities_match_by_number_name_or_the_senders_word() {
        let severities = FieldMatcher::Severities(1 << 17);
        assert_eq!(
            [Severity::ERROR, Severity::CRITICAL].map(|severity| severities.matches_severity(severity, None)),
            [true, false]
        );
        let word = FieldMatcher::Pattern(TextPattern::literal("crit", true, false));
        assert!(word.matches_severity(Severity::CRITICAL, Some("CRITICAL")));
        assert!(!word.matches_severity(Severity::CRITICAL, None));
        let below = FieldMatcher::Compare(Comparison::Less, Bound::Number(10.0));
        assert_eq!(
            [0, 9, 10].map(|n| below.matches_severity(Severity::from_number(n).expect("24"), None)),
            [false, true, false]
        );
    }
}
