//! Binary operators between two numbers, two histograms, or one of each.

use std::sync::Arc;

use orszem_model::{CounterReset, Histogram};

use super::mixed::Value;
use super::notes::{self, Doing, Notes};
use crate::ast::{BinaryOp, Span};
use crate::histogram::{self, Findings, Incompatible};

/// One side of an operator.
#[derive(Clone, Copy, Debug)]
pub(super) enum Side<'a> {
    Float(f64),
    Histogram(&'a Arc<Histogram>),
}

impl Side<'_> {
    fn name(self) -> &'static str {
        match self {
            Self::Float(_) => "float",
            Self::Histogram(_) => "histogram",
        }
    }

    fn value(self) -> Value {
        match self {
            Self::Float(value) => Value::Float(value),
            Self::Histogram(histogram) => Value::Histogram(Arc::clone(histogram)),
        }
    }
}

/// The number that an arithmetic operator gives; 1 or 0 of a comparison.
#[inline]
pub(super) fn number(op: BinaryOp, left: f64, right: f64) -> f64 {
    match op {
        BinaryOp::Add => left + right,
        BinaryOp::Sub => left - right,
        BinaryOp::Mul => left * right,
        BinaryOp::Div => left / right,
        BinaryOp::Mod => left % right,
        BinaryOp::Pow => left.powf(right),
        BinaryOp::Atan2 => left.atan2(right),
        BinaryOp::Equal
        | BinaryOp::NotEqual
        | BinaryOp::Greater
        | BinaryOp::Less
        | BinaryOp::GreaterOrEqual
        | BinaryOp::LessOrEqual => f64::from(u8::from(holds(op, left, right))),
        BinaryOp::And | BinaryOp::Or | BinaryOp::Unless | BinaryOp::TrimUpper | BinaryOp::TrimLower => f64::NAN,
    }
}

/// Whether a comparison holds.
#[inline]
pub(super) fn holds(op: BinaryOp, left: f64, right: f64) -> bool {
    match op {
        BinaryOp::Equal => left == right,
        BinaryOp::NotEqual => left != right,
        BinaryOp::Greater => left > right,
        BinaryOp::Less => left < right,
        BinaryOp::GreaterOrEqual => left >= right,
        BinaryOp::LessOrEqual => left <= right,
        _ => true,
    }
}

/// Whether the result is no longer what the name says.
pub(super) fn changes_meaning(op: BinaryOp) -> bool {
    matches!(
        op,
        BinaryOp::Add | BinaryOp::Sub | BinaryOp::Mul | BinaryOp::Div | BinaryOp::Mod | BinaryOp::Pow | BinaryOp::Atan2
    )
}

/// The result, and whether it stays: a comparison gives its left side. `None`, and a remark, when there is none.
pub(super) fn apply(
    op: BinaryOp,
    left: Side<'_>,
    right: Side<'_>,
    span: Span,
    notes: &mut Notes,
) -> Option<(Value, bool)> {
    let result = |histogram: Histogram| Some((Value::Histogram(Arc::new(histogram)), true));
    match (left, right) {
        (Side::Float(a), Side::Float(b)) if !matches!(op, BinaryOp::TrimUpper | BinaryOp::TrimLower) => {
            return Some(if op.is_comparison() {
                (Value::Float(a), holds(op, a, b))
            } else {
                (Value::Float(number(op, a, b)), true)
            });
        }
        (Side::Float(factor), Side::Histogram(histogram)) | (Side::Histogram(histogram), Side::Float(factor))
            if op == BinaryOp::Mul =>
        {
            return result(with(histogram, |histogram| histogram::mul(histogram, factor)));
        }
        (Side::Histogram(histogram), Side::Float(bound)) => match op {
            BinaryOp::Div => return result(with(histogram, |histogram| histogram::div(histogram, bound))),
            BinaryOp::TrimUpper => return result(histogram::trim_upper(histogram, bound)),
            BinaryOp::TrimLower => return result(histogram::trim_lower(histogram, bound)),
            _ => {}
        },
        (Side::Histogram(a), Side::Histogram(b)) => match op {
            BinaryOp::Equal => return Some((left.value(), histogram::equals(a, b))),
            BinaryOp::NotEqual => return Some((left.value(), !histogram::equals(a, b))),
            BinaryOp::Add | BinaryOp::Sub => {
                return sum(op, a, b, span, notes).map(|sum| (Value::Histogram(Arc::new(sum)), true));
            }
            _ => {}
        },
        (Side::Float(_), _) => {}
    }
    notes.add(notes::incompatible_types(left.name(), op.symbol(), right.name(), span));
    None
}

fn with(histogram: &Histogram, change: impl Fn(&mut Histogram)) -> Histogram {
    let mut histogram = histogram.clone();
    change(&mut histogram);
    histogram::compact(&mut histogram, 0);
    histogram
}

fn sum(op: BinaryOp, left: &Histogram, right: &Histogram, span: Span, notes: &mut Notes) -> Option<Histogram> {
    let mut result = left.clone();
    let (found, doing) = if op == BinaryOp::Add {
        (histogram::add(&mut result, right), Doing::Addition)
    } else {
        (histogram::sub(&mut result, right), Doing::Subtraction)
    };
    let Findings { conflicting_resets, bounds_reconciled } = match found {
        Ok(findings) => findings,
        Err(Incompatible) => {
            notes.add(notes::incompatible_buckets(op.symbol(), span));
            return None;
        }
    };
    if op == BinaryOp::Sub {
        result.counter_reset = CounterReset::Gauge;
    }
    if conflicting_resets {
        notes.add(notes::conflicting_resets(doing, span));
    }
    if bounds_reconciled {
        notes.add(notes::bounds_reconciled(doing, span));
    }
    histogram::compact(&mut result, 0);
    Some(result)
}
