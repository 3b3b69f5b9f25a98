//! Operators between the columns of two elements.

use orszem_vector::ABSENT;

use super::element::{self, Side};
use super::math;
use super::mixed::Value;
use super::notes::Notes;
use super::row::Row;
use crate::ast::{Binary, BinaryOp, Span};

pub(super) fn is_trim(op: BinaryOp) -> bool {
    matches!(op, BinaryOp::TrimUpper | BinaryOp::TrimLower)
}

/// What the operator gives of two numbers.
#[inline]
pub(super) fn float_of(binary: &Binary, left: f64, right: f64) -> f64 {
    if !binary.op.is_comparison() || binary.returns_bool {
        math::number(binary.op, left, right)
    } else if math::holds(binary.op, left, right) {
        left
    } else {
        ABSENT
    }
}

/// Fills `result` at the steps of `matched`; a side that is not there is `fill`.
pub(super) fn compute(
    binary: &Binary,
    sides: [Option<&Row>; 2],
    fill: f64,
    matched: &[bool],
    result: &mut Row,
    span: Span,
    notes: &mut Notes,
) {
    let op = binary.op;
    let is_plain = sides.iter().all(|side| side.is_none_or(|row| row.histograms.is_empty())) && !is_trim(op);
    let float = |side: Option<&Row>, step: usize| side.map_or(fill, |row| row.floats[step]);
    for (step, _) in matched.iter().enumerate().filter(|(_, matched)| **matched) {
        if is_plain {
            let (left, right) = (float(sides[0], step), float(sides[1], step));
            result.floats[step] = float_of(binary, left, right);
            continue;
        }
        let [left, right] = sides.map(|side| {
            side.and_then(|row| row.histogram(step)).map_or(Side::Float(float(side, step)), Side::Histogram)
        });
        match element::apply(op, left, right, span, notes) {
            Some((_, holds)) if binary.returns_bool => result.floats[step] = f64::from(u8::from(holds)),
            Some((Value::Float(value), true)) => result.floats[step] = value,
            Some((Value::Histogram(histogram), true)) => result.set_histogram(step, histogram),
            Some((_, false)) | None => {}
        }
    }
}
