//! Functions and operators of numbers.

use crate::ast::BinaryOp;
use crate::functions::Function;

/// The function of a number that `function` applies to each element; `None` when it is none of these.
pub fn of(function: Function) -> Option<fn(f64) -> f64> {
    Some(match function {
        Function::Abs => f64::abs,
        Function::Acos => f64::acos,
        Function::Acosh => f64::acosh,
        Function::Asin => f64::asin,
        Function::Asinh => f64::asinh,
        Function::Atan => f64::atan,
        Function::Atanh => f64::atanh,
        Function::Ceil => f64::ceil,
        Function::Cos => f64::cos,
        Function::Cosh => f64::cosh,
        Function::Deg => |value| value * 180.0 / std::f64::consts::PI,
        Function::Exp => f64::exp,
        Function::Floor => f64::floor,
        Function::Ln => f64::ln,
        Function::Log10 => f64::log10,
        Function::Log2 => f64::log2,
        Function::Rad => |value| value * std::f64::consts::PI / 180.0,
        Function::Sgn => |value| {
            if value < 0.0 {
                -1.0
            } else if value > 0.0 {
                1.0
            } else {
                value
            }
        },
        Function::Sin => f64::sin,
        Function::Sinh => f64::sinh,
        Function::Sqrt => f64::sqrt,
        Function::Tan => f64::tan,
        Function::Tanh => f64::tanh,
        _ => return None,
    })
}

/// The greater of two; NaN of NaN, unless the other is infinite, as in Go.
pub fn max(a: f64, b: f64) -> f64 {
    if a == f64::INFINITY || b == f64::INFINITY {
        f64::INFINITY
    } else if a.is_nan() || b.is_nan() {
        f64::NAN
    } else if a == 0.0 && b == 0.0 {
        if a.is_sign_negative() { b } else { a }
    } else if a > b {
        a
    } else {
        b
    }
}

/// The lesser of two; see [`max`].
pub fn min(a: f64, b: f64) -> f64 {
    -max(-a, -b)
}

/// The number that an arithmetic operator gives; 1 or 0 of a comparison.
#[inline]
pub fn number(op: BinaryOp, left: f64, right: f64) -> f64 {
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
pub fn holds(op: BinaryOp, left: f64, right: f64) -> bool {
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

/// The multiple of `nearest` next to `value`; the upper one of two.
pub(super) fn round(value: f64, nearest: f64) -> f64 {
    // The inverse loses less.
    let inverse = 1.0 / nearest;
    (value * inverse + 0.5).floor() / inverse
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extremes_treat_nan_and_zero_as_go_does() {
        assert_eq!((max(1.0, 2.0), min(1.0, 2.0)), (2.0, 1.0));
        assert!(max(f64::NAN, 1.0).is_nan() && min(1.0, f64::NAN).is_nan());
        assert_eq!(
            (max(f64::NAN, f64::INFINITY), min(f64::NEG_INFINITY, f64::NAN)),
            (f64::INFINITY, f64::NEG_INFINITY)
        );
        assert!(max(-0.0, 0.0).is_sign_positive() && min(0.0, -0.0).is_sign_negative());
    }

    #[test]
    fn numbers_round_to_multiples_ties_up() {
        assert_eq!([0.5, -0.5, 2.4].map(|value| round(value, 1.0)), [1.0, 0.0, 2.0]);
        assert_eq!([12.0, 7.5].map(|value| round(value, 5.0)), [10.0, 10.0]);
        assert_eq!(round(0.14, 0.1), 0.1);
    }
}
