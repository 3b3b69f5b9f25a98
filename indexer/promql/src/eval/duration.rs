//! Lengths of time that are computed.

use super::engine::{Bounds, failed};
use crate::EvalError;
use crate::ast::{Duration, DurationExpr, DurationOp};

/// The milliseconds of `duration`.
///
/// # Errors
/// When it is not positive, unless `may_be_negative`, or too large, or a division by zero.
pub(super) fn milliseconds(duration: &Duration, bounds: Bounds, may_be_negative: bool) -> Result<i64, EvalError> {
    match duration {
        Duration::Milliseconds(milliseconds) => Ok(*milliseconds),
        Duration::Expr(expr) => {
            let seconds = evaluate(expr, bounds)?;
            if seconds <= 0.0 && !may_be_negative {
                return failed("duration must be greater than 0");
            }
            // What nanoseconds in 64 bits can say.
            if !(-9_223_372_036.0..=9_223_372_036.0).contains(&seconds) {
                return failed("duration is out of range");
            }
            Ok((seconds * 1000.0) as i64)
        }
    }
}

fn evaluate(expr: &DurationExpr, bounds: Bounds) -> Result<f64, EvalError> {
    Ok(match expr {
        DurationExpr::Seconds(seconds) | DurationExpr::Literal(seconds) => *seconds,
        DurationExpr::Step => bounds.step as f64 / 1000.0,
        DurationExpr::Range => bounds.end.saturating_sub(bounds.start) as f64 / 1000.0,
        DurationExpr::Negate(inner) => -evaluate(inner, bounds)?,
        DurationExpr::Paren(inner) => evaluate(inner, bounds)?,
        DurationExpr::Binary { op, left, right } => {
            let (left, right) = (evaluate(left, bounds)?, evaluate(right, bounds)?);
            match op {
                DurationOp::Add => left + right,
                DurationOp::Sub => left - right,
                DurationOp::Mul => left * right,
                DurationOp::Div if right == 0.0 => return failed("division by zero"),
                DurationOp::Div => left / right,
                DurationOp::Mod if right == 0.0 => return failed("modulo by zero"),
                DurationOp::Mod => left % right,
                DurationOp::Pow => left.powf(right),
            }
        }
        DurationExpr::Min(left, right) => evaluate(left, bounds)?.min(evaluate(right, bounds)?),
        DurationExpr::Max(left, right) => evaluate(left, bounds)?.max(evaluate(right, bounds)?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_know_the_query_and_must_be_positive_but_as_offsets() {
        let bounds = Bounds { start: 50_000, end: 60_000, step: 5_000 };
        let of = |expr: DurationExpr, may_be_negative| {
            milliseconds(&Duration::Expr(Box::new(expr)), bounds, may_be_negative).map_err(|error| error.to_string())
        };
        let binary = |op, left: DurationExpr, right: DurationExpr| DurationExpr::Binary {
            op,
            left: Box::new(left),
            right: Box::new(right),
        };
        assert_eq!(of(binary(DurationOp::Add, DurationExpr::Step, DurationExpr::Seconds(1.5)), false), Ok(6_500));
        assert_eq!(of(binary(DurationOp::Div, DurationExpr::Range, DurationExpr::Literal(4.0)), false), Ok(2_500));
        assert_eq!(of(DurationExpr::Negate(Box::new(DurationExpr::Step)), true), Ok(-5_000));
        let refused = |expr| of(expr, false).expect_err("refused");
        assert_eq!(refused(DurationExpr::Negate(Box::new(DurationExpr::Step))), "duration must be greater than 0");
        assert_eq!(refused(DurationExpr::Seconds(1e300)), "duration is out of range");
        assert_eq!(refused(binary(DurationOp::Mod, DurationExpr::Step, DurationExpr::Seconds(0.0))), "modulo by zero");
    }
}
