//! Lengths of time: literals such as `1h30m`, and expressions of them.

use super::{NESTING_MAX, Parser, fault, joined};
use crate::ast::{AggregateOp, BinaryOp, Duration, DurationExpr, DurationOp, Span};
use crate::lex::{Fault, Kind};
use crate::quote::quote;

/// Units from the largest, in which order they must stand, and their milliseconds.
const UNITS: [(&str, i64); 7] = [
    ("y", 365 * 86_400_000),
    ("w", 7 * 86_400_000),
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1000),
    ("ms", 1),
];

/// The longest length, in milliseconds: that of 2⁶³ nanoseconds, about 292 years.
const MILLISECONDS_MAX: i64 = i64::MAX / 1_000_000;

const OUT_OF_RANGE: &str = "duration out of range";

/// Milliseconds of a length such as `1h30m` or `0`; at most about 292 years.
///
/// # Errors
/// When `text` is none, in Prometheus' words.
pub fn parse_duration_ms(text: &str) -> Result<i64, String> {
    match text {
        "0" => return Ok(0),
        "" => return Err("empty duration string".to_owned()),
        _ => {}
    }
    let invalid = || format!("not a valid duration string: {}", quote(text));
    let mut total: i64 = 0;
    let mut units = UNITS.iter();
    let mut rest = text;
    while !rest.is_empty() {
        let (digits, behind) = split(rest, |character| character.is_ascii_digit());
        let (name, behind) = split(behind, |character| !character.is_ascii_digit());
        if digits.is_empty() || name.is_empty() {
            return Err(invalid());
        }
        // What is no number here is one that is too large.
        let count: u64 = digits.parse().map_err(|_| invalid())?;
        if !UNITS.iter().any(|unit| unit.0 == name) {
            return Err(format!("unknown unit {} in duration {}", quote(name), quote(text)));
        }
        let Some((_, unit)) = units.find(|unit| unit.0 == name) else { return Err(invalid()) };
        let length = i64::try_from(count).ok().and_then(|count| count.checked_mul(*unit));
        total = length
            .and_then(|length| total.checked_add(length))
            .filter(|total| *total <= MILLISECONDS_MAX)
            .ok_or_else(|| OUT_OF_RANGE.to_owned())?;
        rest = behind;
    }
    Ok(total)
}

fn split(text: &str, is_in: impl Fn(char) -> bool) -> (&str, &str) {
    text.split_at(text.find(|character| !is_in(character)).unwrap_or(text.len()))
}

/// A length that is not negative, as Prometheus writes it: `1h30m`, `0s`; years and weeks only when they are even.
pub fn format_duration_ms(milliseconds: i64) -> String {
    if milliseconds == 0 {
        return "0s".to_owned();
    }
    let mut out = String::new();
    let mut rest = milliseconds;
    for (name, unit) in UNITS {
        if matches!(name, "y" | "w") && rest % unit != 0 {
            continue;
        }
        let count = rest / unit;
        if count > 0 {
            out.push_str(&format!("{count}{name}"));
            rest -= count * unit;
        }
    }
    out
}

/// Seconds of a literal.
#[expect(clippy::cast_precision_loss, reason = "at most 292 years")]
pub(super) fn seconds_of(text: &str) -> Result<f64, String> {
    parse_duration_ms(text).map(|milliseconds| milliseconds as f64 / 1000.0)
}

/// A literal becomes its milliseconds, rounded to nanoseconds first.
#[expect(clippy::cast_possible_truncation, reason = "literals out of range were refused")]
fn duration_of(expr: DurationExpr) -> Duration {
    match expr {
        DurationExpr::Seconds(seconds) | DurationExpr::Literal(seconds) => {
            Duration::Milliseconds((seconds * 1e9).round() as i64 / 1_000_000)
        }
        other => Duration::Expr(Box::new(other)),
    }
}

fn literal(expr: &DurationExpr) -> Option<f64> {
    match expr {
        DurationExpr::Seconds(seconds) | DurationExpr::Literal(seconds) => Some(*seconds),
        _ => None,
    }
}

/// The operator, and how tightly it binds.
fn operator(kind: Kind) -> Option<(DurationOp, u8)> {
    let Kind::Operator(op) = kind else { return None };
    Some(match op {
        BinaryOp::Add => (DurationOp::Add, 1),
        BinaryOp::Sub => (DurationOp::Sub, 1),
        BinaryOp::Mul => (DurationOp::Mul, 2),
        BinaryOp::Div => (DurationOp::Div, 2),
        BinaryOp::Mod => (DurationOp::Mod, 2),
        BinaryOp::Pow => (DurationOp::Pow, 3),
        _ => return None,
    })
}

/// Only `^` binds tighter than a sign.
const SIGN: u8 = 2;

type Placed = (DurationExpr, Span);

impl Parser<'_> {
    /// A range or a step.
    pub(super) fn positive_duration(&mut self) -> Result<Duration, Fault> {
        self.duration_operators = 0;
        let (expr, span) = self.duration_expression(0)?;
        if literal(&expr).is_some_and(|seconds| seconds <= 0.0) {
            return fault(span, "duration must be greater than 0");
        }
        Ok(duration_of(expr))
    }

    /// An offset: operators only between parentheses, for `x offset 5m + 1` adds 1 to the vector.
    pub(super) fn offset_duration(&mut self) -> Result<Duration, Fault> {
        self.duration_operators = 0;
        let (expr, _) = match self.current.kind {
            Kind::Operator(BinaryOp::Add | BinaryOp::Sub) => self.signed_duration(Self::duration_operand)?,
            _ => self.duration_operand()?,
        };
        Ok(duration_of(expr))
    }

    fn duration_expression(&mut self, minimum: u8) -> Result<Placed, Fault> {
        self.nested(|parser| {
            let mut left = match parser.current.kind {
                Kind::Operator(BinaryOp::Add | BinaryOp::Sub) => {
                    parser.signed_duration(|parser| parser.duration_expression(SIGN + 1))?
                }
                _ => parser.duration_operand()?,
            };
            while let Some((op, strength)) = operator(parser.current.kind).filter(|(_, found)| *found >= minimum) {
                left = parser.duration_operation(left, op, strength)?;
            }
            Ok(left)
        })
    }

    fn duration_operation(&mut self, left: Placed, op: DurationOp, strength: u8) -> Result<Placed, Fault> {
        let token = self.take()?;
        self.duration_operators += 1;
        if self.duration_operators > NESTING_MAX {
            return fault(token.span, format!("duration of more than {NESTING_MAX} operations"));
        }
        let right = self.duration_expression(if op == DurationOp::Pow { strength } else { strength + 1 })?;
        if literal(&right.0) == Some(0.0) {
            match op {
                DurationOp::Div => return fault(token.span, "division by zero"),
                DurationOp::Mod => return fault(token.span, "modulo by zero"),
                DurationOp::Add | DurationOp::Sub | DurationOp::Mul | DurationOp::Pow => {}
            }
        }
        let span = joined(left.1, right.1);
        Ok((DurationExpr::Binary { op, left: Box::new(left.0), right: Box::new(right.0) }, span))
    }

    /// A sign, and what `read` finds behind it; literals take the sign in.
    fn signed_duration(&mut self, read: impl FnOnce(&mut Self) -> Result<Placed, Fault>) -> Result<Placed, Fault> {
        let sign = self.take()?;
        let (expr, span) = read(self)?;
        let span = joined(sign.span, span);
        let expr = match expr {
            expr if sign.kind == Kind::Operator(BinaryOp::Add) => expr,
            DurationExpr::Seconds(seconds) => DurationExpr::Seconds(-seconds),
            DurationExpr::Literal(seconds) => DurationExpr::Literal(-seconds),
            expr => DurationExpr::Negate(Box::new(expr)),
        };
        Ok((expr, span))
    }

    fn duration_operand(&mut self) -> Result<Placed, Fault> {
        let start = self.current.span;
        let expr = match self.current.kind {
            Kind::Number | Kind::Duration => return self.duration_literal(),
            Kind::Step => self.empty_call(DurationExpr::Step)?,
            Kind::Range => self.empty_call(DurationExpr::Range)?,
            Kind::MinOf | Kind::Aggregate(AggregateOp::Min) => {
                let (left, right) = self.two_durations()?;
                DurationExpr::Min(left, right)
            }
            Kind::MaxOf | Kind::Aggregate(AggregateOp::Max) => {
                let (left, right) = self.two_durations()?;
                DurationExpr::Max(left, right)
            }
            Kind::LeftParen => {
                self.take()?;
                let (inner, _) = self.duration_expression(0)?;
                self.expect(Kind::RightParen)?;
                DurationExpr::Paren(Box::new(inner))
            }
            _ => return self.unexpected(),
        };
        Ok((expr, Span { start: start.start, end: self.closed }))
    }

    #[expect(clippy::cast_precision_loss, reason = "a bound")]
    fn duration_literal(&mut self) -> Result<Placed, Fault> {
        let (token, seconds) = self.number_value()?;
        if seconds.is_nan() || seconds.abs() > MILLISECONDS_MAX as f64 / 1000.0 {
            return fault(token.span, OUT_OF_RANGE);
        }
        let is_literal = token.kind == Kind::Duration;
        Ok((if is_literal { DurationExpr::Literal(seconds) } else { DurationExpr::Seconds(seconds) }, token.span))
    }

    fn empty_call(&mut self, expr: DurationExpr) -> Result<DurationExpr, Fault> {
        self.take()?;
        self.expect(Kind::LeftParen)?;
        self.expect(Kind::RightParen)?;
        Ok(expr)
    }

    fn two_durations(&mut self) -> Result<(Box<DurationExpr>, Box<DurationExpr>), Fault> {
        self.take()?;
        self.expect(Kind::LeftParen)?;
        let (left, _) = self.duration_expression(0)?;
        self.expect(Kind::Comma)?;
        let (right, _) = self.duration_expression(0)?;
        self.expect(Kind::RightParen)?;
        Ok((Box::new(left), Box::new(right)))
    }
}
