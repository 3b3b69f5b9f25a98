//! Whether a condition holds.

use std::time::Duration;

use serde_json::Value;

use super::{Condition, Operand, Operator, Placeholder, duration, path};
use crate::facts::Facts;

/// What is known of a target.
#[derive(Clone, Copy, Debug)]
pub struct Known<'f> {
    pub facts: &'f Facts,
    /// How long it took.
    pub took: Duration,
    /// Seconds since 1970, to which the end of a certificate is compared.
    pub now: i64,
}

impl Condition {
    /// Whether it holds.
    pub fn holds(&self, known: Known<'_>) -> bool {
        let Self { text: _, left, operator, right } = self;
        match operator {
            Operator::Equal => equal(left, right, known),
            Operator::NotEqual => !equal(left, right, known),
            Operator::Less => compare(left, right, known, |a, b| a < b),
            Operator::LessOrEqual => compare(left, right, known, |a, b| a <= b),
            Operator::Greater => compare(left, right, known, |a, b| a > b),
            Operator::GreaterOrEqual => compare(left, right, known, |a, b| a >= b),
        }
    }
}

fn equal(left: &Operand, right: &Operand, known: Known<'_>) -> bool {
    match (left, right) {
        (Operand::Any(several), other) | (other, Operand::Any(several)) => {
            several.iter().any(|one| equal(one, other, known))
        }
        (Operand::Like(pattern), other) | (other, Operand::Like(pattern)) => {
            value(other, known).is_some_and(|text| is_like(pattern, &text))
        }
        (left, right) => {
            let (Some(left), Some(right)) = (value(left, known), value(right, known)) else { return false };
            match (integer(&left), integer(&right)) {
                (Some(left), Some(right)) => left == right,
                _ => left == right,
            }
        }
    }
}

/// Numbers, and durations as milliseconds.
fn compare(left: &Operand, right: &Operand, known: Known<'_>, holds: fn(f64, f64) -> bool) -> bool {
    let number = |operand| value(operand, known).and_then(|text| number(&text));
    number(left).zip(number(right)).is_some_and(|(left, right)| holds(left, right))
}

fn number(text: &str) -> Option<f64> {
    let whole = integer(text).map(|number| number as f64);
    whole.or_else(|| text.parse().ok()).or_else(|| duration(text).map(|span| span.as_secs_f64() * 1000.0))
}

/// With a base where one is written.
fn integer(text: &str) -> Option<i64> {
    let (sign, digits) = text.strip_prefix('-').map_or((1, text), |digits| (-1, digits));
    let bases = [("0x", 16), ("0X", 16), ("0b", 2), ("0o", 8)];
    let based = bases.iter().find_map(|(prefix, base)| Some((digits.strip_prefix(prefix)?, *base)));
    let (digits, base) = based.unwrap_or((digits, 10));
    let is_digit = digits.bytes().next().is_some_and(|byte| byte.is_ascii_hexdigit());
    if is_digit { i64::from_str_radix(digits, base).ok()?.checked_mul(sign) } else { None }
}

/// What an operand stands for; `None` if there is no such thing.
fn value(operand: &Operand, known: Known<'_>) -> Option<String> {
    match operand {
        Operand::Literal(text) => Some(text.clone()),
        Operand::Placeholder(placeholder) => resolve(placeholder, known),
        Operand::Length(placeholder) => length(placeholder, known).map(|length| length.to_string()),
        Operand::Has(placeholder) => {
            let has = match placeholder {
                Placeholder::Body(steps) if !steps.is_empty() => {
                    json(known).is_some_and(|root| path::find(&root, steps).is_some())
                }
                other => resolve(other, known).is_some_and(|text| !text.is_empty()),
            };
            Some(has.to_string())
        }
        // Stand alone, on neither side of a comparison of values.
        Operand::Any(_) | Operand::Like(_) => None,
    }
}

fn resolve(placeholder: &Placeholder, known: Known<'_>) -> Option<String> {
    let Known { facts, took, now } = known;
    match placeholder {
        Placeholder::Status => Some(facts.status.unwrap_or_default().to_string()),
        Placeholder::ResponseTime => Some(took.as_millis().to_string()),
        Placeholder::Connected => Some(facts.is_connected.to_string()),
        Placeholder::Ip => facts.ip.map(|ip| ip.to_string()),
        Placeholder::DnsRcode => facts.rcode.clone(),
        Placeholder::CertificateExpiration => {
            facts.certificate_expiry.map(|end| end.saturating_sub(now).saturating_mul(1000).to_string())
        }
        Placeholder::Body(steps) if steps.is_empty() => Some(body(known).trim().to_owned()),
        Placeholder::Body(steps) => path::find(&json(known)?, steps).map(shown),
    }
}

fn length(placeholder: &Placeholder, known: Known<'_>) -> Option<usize> {
    let Placeholder::Body(steps) = placeholder else {
        return resolve(placeholder, known).map(|text| text.chars().count());
    };
    let Some(root) = json(known) else {
        return if steps.is_empty() { Some(body(known).trim().chars().count()) } else { None };
    };
    path::find(&root, steps).map(|found| match found {
        Value::Array(elements) => elements.len(),
        Value::Object(members) => members.len(),
        other => shown(other).chars().count(),
    })
}

fn body(known: Known<'_>) -> String {
    known.facts.body.as_deref().map(String::from_utf8_lossy).unwrap_or_default().into_owned()
}

fn json(known: Known<'_>) -> Option<Value> {
    serde_json::from_slice(known.facts.body.as_deref()?).ok()
}

/// Texts without quotes, everything else as JSON.
fn shown(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// `*` stands for any characters.
fn is_like(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else { return false };
    let mut parts = parts.peekable();
    if parts.peek().is_none() {
        return rest.is_empty();
    }
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return rest.ends_with(part);
        }
        match rest.split_once(part) {
            Some((_, behind)) => rest = behind,
            None => return false,
        }
    }
    true
}
