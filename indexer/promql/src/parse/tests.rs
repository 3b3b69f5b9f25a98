//! Texts that are queries, and texts that are none.

mod bad;
mod good;
mod round_trip;
mod scripts;
mod soup;

use super::{ParseOptions, parse};
use crate::ast::Expr;

const EXPERIMENTAL: ParseOptions = ParseOptions { is_experimental: true };

/// The tree of a good text.
fn tree_of(text: &str) -> Expr {
    parse(text, &EXPERIMENTAL).unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// A copy without places.
fn without_places(text: &str) -> String {
    let mut expr = format!("{:?}", tree_of(text));
    while let Some(start) = expr.find("span: Span {") {
        let end = start + expr.get(start..).and_then(|rest| rest.find("}, ")).expect("the end of the span") + 3;
        expr.replace_range(start..end, "");
    }
    expr
}
