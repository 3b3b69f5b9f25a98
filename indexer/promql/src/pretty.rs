//! Syntax trees as text over several lines, as `/api/v1/format_query` answers (Prometheus, `promql/parser/prettier.go`).

use crate::ast::{Expr, ExprKind};
use crate::print::{Head, Left, Operator, Suffix};

/// Longer expressions are split, in bytes.
const LINE_BYTES_MAX: usize = 100;

const INDENT: &str = "  ";

/// `expr` as text; what is longer than 100 bytes is split over lines of their own, two spaces deeper.
pub fn pretty(expr: &Expr) -> String {
    indented(expr, 0)
}

fn indented(expr: &Expr, level: usize) -> String {
    let line = expr.to_string();
    let is_short = line.len() <= LINE_BYTES_MAX;
    let indent = INDENT.repeat(level);
    match &expr.kind {
        // Prometheus leaves these at the margin.
        ExprKind::Subquery(_) if is_short => line,
        ExprKind::Subquery(subquery) => format!("{}{}", indented(&subquery.operand, level), Suffix(subquery)),
        ExprKind::Unary { negates, operand } => {
            let operand = indented(operand, level);
            format!("{indent}{}{}", if *negates { '-' } else { '+' }, operand.trim())
        }
        _ if is_short => format!("{indent}{line}"),
        ExprKind::Paren(inner) => format!("{indent}(\n{}\n{indent})", indented(inner, level + 1)),
        ExprKind::Binary(binary) => {
            let right = indented(&binary.right, level + 1);
            let left = match binary.left.kind {
                ExprKind::Number(_) => format!("{}{}", INDENT.repeat(level + 1), Left(binary)),
                _ => indented(&binary.left, level + 1),
            };
            format!("{left}\n{indent}{}\n{right}", Operator(binary))
        }
        ExprKind::Aggregate(aggregate) => {
            let arguments = aggregate.parameter.iter().chain([&aggregate.operand]);
            format!("{indent}{}(\n{}\n{indent})", Head(aggregate), list(arguments, level + 1))
        }
        ExprKind::Call { function, arguments } => {
            format!("{indent}{}(\n{}\n{indent})", function.signature().name, list(arguments.iter(), level + 1))
        }
        ExprKind::Number(_)
        | ExprKind::Duration(_)
        | ExprKind::String(_)
        | ExprKind::Selector(_)
        | ExprKind::Matrix { .. } => format!("{indent}{line}"),
    }
}

fn list<'a>(exprs: impl Iterator<Item = &'a Expr>, level: usize) -> String {
    exprs.map(|expr| indented(expr, level)).collect::<Vec<_>>().join(",\n")
}

#[cfg(test)]
mod tests {
    use crate::parse::{ParseOptions, parse};

    fn check(text: &str, lines: &[&str]) {
        let expr = parse(text, &ParseOptions { is_experimental: true }).expect("a query");
        assert_eq!(super::pretty(&expr), lines.join("\n"));
    }

    #[test]
    fn what_fits_stays_on_one_line() {
        check("sum( up{b='1',a='2'} )by(job)", &[r#"sum by (job) (up{a="2",b="1"})"#]);
        check("a+bool_name # why", &["a + bool_name"]);
    }

    #[test]
    fn what_is_too_long_is_split() {
        let long = "a".repeat(60);
        let sum = format!("(sum(rate({long}[5m])) / on(x) group_left() topk(3, {long}))");
        check(
            &sum,
            &[
                "(",
                &format!("    sum(rate({long}[5m]))"),
                "  / on (x) group_left ()",
                &format!("    topk(3, {long})"),
                ")",
            ],
        );
        let clamped = format!("-clamp(quantile by (x) (0.5, {long} + {long}), 1, 2)");
        check(
            &clamped,
            &[
                "-clamp(",
                "  quantile by (x) (",
                "    0.5,",
                &format!("      {long}"),
                "    +",
                &format!("      {long}"),
                "  ),",
                "  1,",
                "  2",
                ")",
            ],
        );
        let subquery = format!("max_over_time(({long} + {long})[5m:1m] offset 1h)");
        check(
            &subquery,
            &[
                "max_over_time(",
                "  (",
                &format!("      {long}"),
                "    +",
                &format!("      {long}"),
                "  )[5m:1m] offset 1h",
                ")",
            ],
        );
    }
}
