//! Whatever a text is, it is read or refused.

use proptest::prelude::*;

use super::EXPERIMENTAL;
use crate::parse::{parse, parse_selector};

const TOKENS: &[&str] = &[
    "a",
    "b:c",
    "1",
    "5m",
    "0x1f",
    "inf",
    "\"x\"",
    "'y",
    "`z`",
    "(",
    ")",
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "=",
    "=~",
    "!=",
    "!~",
    "==",
    "<",
    ">=",
    "</",
    "+",
    "-",
    "*",
    "/",
    "%",
    "^",
    "@",
    "and",
    "or",
    "unless",
    "atan2",
    "sum",
    "topk",
    "by",
    "without",
    "on",
    "ignoring",
    "group_left",
    "group_right",
    "bool",
    "fill",
    "fill_left",
    "offset",
    "anchored",
    "smoothed",
    "start",
    "end",
    "step",
    "range",
    "min_of",
    "max_of",
    "rate",
    "time",
    "info",
    "#",
    "\n",
    "é",
    "\\",
    ".",
    "_",
];

/// Reads `text` both ways; what is read prints to what is read as the same again.
fn check(text: &str) {
    if let Ok(expr) = parse(text, &EXPERIMENTAL) {
        let printed = expr.to_string();
        let again = parse(&printed, &EXPERIMENTAL).unwrap_or_else(|error| panic!("{text}: {printed}: {error}"));
        assert_eq!(again.to_string(), printed, "{text}");
        assert!(crate::tree(&expr).is_object() && !crate::pretty(&expr).is_empty());
    }
    if let Err(error) = parse_selector(text) {
        assert!(error.span.start <= error.span.end && error.span.end <= text.len(), "{text}: {error:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn any_text(text in ".{0,60}") {
        check(&text);
    }

    #[test]
    fn any_tokens(tokens in prop::collection::vec(prop::sample::select(TOKENS), 0..24), separator in "[ ]?") {
        check(&tokens.join(&separator));
    }
}
