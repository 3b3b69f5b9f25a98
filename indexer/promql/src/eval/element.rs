//! Binary operators between two numbers, two histograms, or one of each.

use std::sync::Arc;

use orszem_model::{CounterReset, Histogram};

use super::math;
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
                (Value::Float(a), math::holds(op, a, b))
            } else {
                (Value::Float(math::number(op, a, b)), true)
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
