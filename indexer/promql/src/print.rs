//! Syntax trees as text: what is read again as the same tree (Prometheus, `promql/parser/printer.go`).

use std::fmt::{self, Display, Formatter};

use orszem_model::{METRIC_NAME, MatchOp, Matcher};

use crate::ast::{
    Aggregate, At, Binary, BinaryOp, Cardinality, Duration, DurationExpr, DurationOp, Expr, ExprKind, Extension,
    Matching, Modifiers, Selector, Subquery,
};
use crate::parse::format_duration_ms;
use crate::quote::quote;

impl Display for Expr {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match &self.kind {
            ExprKind::Number(value) => f.write_str(&number(*value)),
            ExprKind::Duration(seconds) => write_length(f, *seconds),
            ExprKind::String(text) => f.write_str(&quote(text)),
            ExprKind::Selector(selector) => selector.fmt(f),
            ExprKind::Matrix { selector, range } => write_matrix(f, selector, range),
            ExprKind::Subquery(subquery) => write!(f, "{}{}", subquery.operand, Suffix(subquery)),
            ExprKind::Paren(inner) => write!(f, "({inner})"),
            ExprKind::Unary { negates, operand } => write!(f, "{}{operand}", if *negates { '-' } else { '+' }),
            ExprKind::Binary(binary) => write!(f, "{} {} {}", Left(binary), Operator(binary), binary.right),
            ExprKind::Aggregate(aggregate) => {
                write!(f, "{}(", Head(aggregate))?;
                if let Some(parameter) = &aggregate.parameter {
                    write!(f, "{parameter}, ")?;
                }
                write!(f, "{})", aggregate.operand)
            }
            ExprKind::Call { function, arguments } => {
                write!(f, "{}(", function.signature().name)?;
                for (at, argument) in arguments.iter().enumerate() {
                    write!(f, "{}{argument}", if at > 0 { ", " } else { "" })?;
                }
                f.write_str(")")
            }
        }
    }
}

/// The left operand of a binary operator.
pub(crate) struct Left<'a>(pub(crate) &'a Binary);

impl Display for Left<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.0.left.kind {
            // A sign would bind less tightly than `^` does.
            ExprKind::Number(f64::INFINITY) if self.0.op == BinaryOp::Pow => f.write_str("Inf"),
            _ => self.0.left.fmt(f),
        }
    }
}

/// Without an exponent; infinities with their sign.
pub(crate) fn number(value: f64) -> String {
    if value.is_infinite() { format!("{}Inf", if value > 0.0 { '+' } else { '-' }) } else { value.to_string() }
}

fn write_length(f: &mut Formatter<'_>, seconds: f64) -> fmt::Result {
    #[expect(clippy::cast_possible_truncation, reason = "lengths fit into 64 bits")]
    let milliseconds = (seconds * 1000.0).round() as i64;
    write_milliseconds(f, milliseconds)
}

fn write_milliseconds(f: &mut Formatter<'_>, milliseconds: i64) -> fmt::Result {
    if milliseconds < 0 {
        f.write_str("-")?;
    }
    f.write_str(&format_duration_ms(milliseconds.saturating_abs()))
}

impl Display for Selector {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write_matchers(f, self)?;
        write_at(f, &self.modifiers)?;
        write_extension(f, self.extension)?;
        write_offset(f, &self.modifiers)
    }
}

fn write_matrix(f: &mut Formatter<'_>, selector: &Selector, range: &Duration) -> fmt::Result {
    write_matchers(f, selector)?;
    write!(f, "[{range}]")?;
    write_extension(f, selector.extension)?;
    write_at(f, &selector.modifiers)?;
    write_offset(f, &selector.modifiers)
}

/// The name, and the other matchers sorted.
fn write_matchers(f: &mut Formatter<'_>, selector: &Selector) -> fmt::Result {
    let name = selector.name.as_deref().unwrap_or_default();
    f.write_str(name)?;
    let is_name = |matcher: &Matcher| {
        matcher.name == METRIC_NAME && matcher.op == MatchOp::Equal && matcher.value == name && !name.is_empty()
    };
    let mut texts: Vec<String> =
        selector.matchers.iter().filter(|matcher| !is_name(matcher)).map(matcher_text).collect();
    texts.sort();
    if texts.is_empty() && !name.is_empty() {
        return Ok(());
    }
    write!(f, "{{{}}}", texts.join(","))
}

fn matcher_text(matcher: &Matcher) -> String {
    format!("{}{}{}", label(&matcher.name), matcher.op.symbol(), quote(&matcher.value))
}

/// Quoted where it is more than letters, digits and underscores.
fn label(name: &str) -> String {
    let is_plain = name.chars().all(|character| character == '_' || character.is_ascii_alphanumeric())
        && name.chars().next().is_some_and(|first| !first.is_ascii_digit());
    if is_plain { name.to_owned() } else { quote(name) }
}

fn labels(names: &[String]) -> String {
    names.iter().map(|name| label(name)).collect::<Vec<_>>().join(", ")
}

fn write_at(f: &mut Formatter<'_>, modifiers: &Modifiers) -> fmt::Result {
    match modifiers.at {
        None => Ok(()),
        Some(At::Start) => f.write_str(" @ start()"),
        Some(At::End) => f.write_str(" @ end()"),
        Some(At::Time(milliseconds)) => {
            let sign = if milliseconds < 0 { "-" } else { "" };
            let (seconds, rest) = (milliseconds.unsigned_abs() / 1000, milliseconds.unsigned_abs() % 1000);
            write!(f, " @ {sign}{seconds}.{rest:03}")
        }
    }
}

fn write_offset(f: &mut Formatter<'_>, modifiers: &Modifiers) -> fmt::Result {
    match &modifiers.offset {
        None => Ok(()),
        Some(offset) => write!(f, " offset {offset}"),
    }
}

fn write_extension(f: &mut Formatter<'_>, extension: Option<Extension>) -> fmt::Result {
    f.write_str(match extension {
        None => "",
        Some(Extension::Anchored) => " anchored",
        Some(Extension::Smoothed) => " smoothed",
    })
}

impl Display for Duration {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Milliseconds(milliseconds) => write_milliseconds(f, *milliseconds),
            Self::Expr(expr) => expr.fmt(f),
        }
    }
}

impl Display for DurationExpr {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Seconds(seconds) => f.write_str(&number(*seconds)),
            Self::Literal(seconds) => write_length(f, *seconds),
            Self::Step => f.write_str("step()"),
            Self::Range => f.write_str("range()"),
            Self::Negate(inner) => write!(f, "-{inner}"),
            Self::Paren(inner) => write!(f, "({inner})"),
            Self::Binary { op, left, right } => write!(f, "{left} {} {right}", op.symbol()),
            Self::Min(left, right) => write!(f, "min_of({left}, {right})"),
            Self::Max(left, right) => write!(f, "max_of({left}, {right})"),
        }
    }
}

impl DurationOp {
    /// As it is written.
    pub fn symbol(self) -> &'static str {
        match self {
            Self::Add => "+",
            Self::Sub => "-",
            Self::Mul => "*",
            Self::Div => "/",
            Self::Mod => "%",
            Self::Pow => "^",
        }
    }
}

/// What stands behind the operand of a subquery.
pub(crate) struct Suffix<'a>(pub(crate) &'a Subquery);

impl Display for Suffix<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "[{}:", self.0.range)?;
        if let Some(step) = &self.0.step {
            step.fmt(f)?;
        }
        f.write_str("]")?;
        write_at(f, &self.0.modifiers)?;
        write_offset(f, &self.0.modifiers)
    }
}

/// The operator and all that stands between the operands.
pub(crate) struct Operator<'a>(pub(crate) &'a Binary);

impl Display for Operator<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let binary = self.0;
        f.write_str(binary.op.symbol())?;
        if binary.returns_bool {
            f.write_str(" bool")?;
        }
        write_matching(f, &binary.matching)
    }
}

fn write_matching(f: &mut Formatter<'_>, matching: &Matching) -> fmt::Result {
    let group = match matching.cardinality {
        Cardinality::ManyToOne => Some("group_left"),
        Cardinality::OneToMany => Some("group_right"),
        Cardinality::OneToOne | Cardinality::ManyToMany => None,
    };
    if !matching.labels.is_empty() || matching.is_on || group.is_some() {
        write!(f, " {} ({})", if matching.is_on { "on" } else { "ignoring" }, labels(&matching.labels))?;
    }
    if let Some(group) = group {
        write!(f, " {group} ({})", labels(&matching.include))?;
    }
    match (matching.fill_left, matching.fill_right) {
        (Some(left), Some(right)) if left.to_bits() == right.to_bits() => write!(f, " fill ({})", number(left)),
        (left, right) => {
            for (word, value) in [("fill_left", left), ("fill_right", right)] {
                if let Some(value) = value {
                    write!(f, " {word} ({})", number(value))?;
                }
            }
            Ok(())
        }
    }
}

/// The aggregation and its labels, before the parenthesis.
pub(crate) struct Head<'a>(pub(crate) &'a Aggregate);

impl Display for Head<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let aggregate = self.0;
        f.write_str(aggregate.op.name())?;
        if aggregate.is_without {
            return write!(f, " without ({}) ", labels(&aggregate.grouping));
        }
        if aggregate.grouping.is_empty() {
            return Ok(());
        }
        write!(f, " by ({}) ", labels(&aggregate.grouping))
    }
}
