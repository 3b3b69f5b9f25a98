//! What good texts mean.

use orszem_model::{METRIC_NAME, MatchOp, Matcher};

use super::{tree_of, without_places};
use crate::ast::{
    AggregateOp, At, Cardinality, Duration, DurationExpr, ExprKind, Extension, Matching, Modifiers, Selector, Span,
    ValueType,
};
use crate::functions::Function;
use crate::parse::{ParseOptions, format_duration_ms, parse, parse_duration_ms, parse_selector};

fn selector_of(text: &str) -> Selector {
    match tree_of(text).kind {
        ExprKind::Selector(selector) | ExprKind::Matrix { selector, .. } => selector,
        other => panic!("{text} is no selector: {other:?}"),
    }
}

fn matching_of(text: &str) -> (bool, Matching) {
    match tree_of(text).kind {
        ExprKind::Binary(binary) => (binary.returns_bool, binary.matching),
        other => panic!("{text} is no operation: {other:?}"),
    }
}

#[test]
fn numbers_and_strings() {
    for (text, kind) in [
        ("1", ExprKind::Number(1.0)),
        ("-0x1F", ExprKind::Number(-31.0)),
        ("+ 1e3", ExprKind::Number(1000.0)),
        ("--2", ExprKind::Number(2.0)),
        ("-inF", ExprKind::Number(f64::NEG_INFINITY)),
        ("1h30m", ExprKind::Duration(5400.0)),
        ("-5ms", ExprKind::Duration(-0.005)),
        (r#""a\tb""#, ExprKind::String("a\tb".to_owned())),
        ("'\\''", ExprKind::String("'".to_owned())),
        ("`\\t`", ExprKind::String("\\t".to_owned())),
        ("\"é\" # behind", ExprKind::String("é".to_owned())),
    ] {
        assert_eq!(tree_of(text).kind, kind, "{text}");
    }
}

#[test]
fn precedence_and_grouping() {
    for (text, grouped) in [
        ("1 + 2 * 3", "1 + (2 * 3)"),
        ("1 * 2 + 3", "(1 * 2) + 3"),
        ("1 - 2 - 3", "(1 - 2) - 3"),
        ("2 ^ 3 ^ 4", "2 ^ (3 ^ 4)"),
        ("-a ^ 2", "-(a ^ 2)"),
        ("-a * 2", "(-a) * 2"),
        ("2 ^ -a", "2 ^ (-a)"),
        ("a or b and c unless d", "a or ((b and c) unless d)"),
        ("a == b + c", "a == (b + c)"),
        ("a > b < c", "(a > b) < c"),
        ("a </ 1 + 1", "a </ (1 + 1)"),
        ("a atan2 b / c", "(a atan2 b) / c"),
        ("a offset 5m + 1", "(a offset 5m) + 1"),
        ("a offset -2 ^ 2", "(a offset -2) ^ 2"),
        ("a offset step() * 2", "(a offset step()) * 2"),
        ("a offset -min_of(1, 2) + 8", "(a offset -min_of(1, 2)) + 8"),
    ] {
        let strip = |text: &str| without_places(text).replace("Paren(Expr { kind: ", "").replace([')', '}', ' '], "");
        assert_eq!(strip(text), strip(grouped), "{text}");
    }
}

#[test]
fn selectors_with_names_and_matchers() {
    let matcher = |name: &str, op, value: &str| Matcher::new(name, op, value).expect("a matcher");
    for (text, name, matchers) in [
        ("up", Some("up"), vec![Matcher::equal(METRIC_NAME, "up")]),
        ("a:b", Some("a:b"), vec![Matcher::equal(METRIC_NAME, "a:b")]),
        ("up{}", Some("up"), vec![Matcher::equal(METRIC_NAME, "up")]),
        (
            "up{a=\"1\",b!='2',c=~`3`,d!~\"4\",}",
            Some("up"),
            vec![
                matcher("a", MatchOp::Equal, "1"),
                matcher("b", MatchOp::NotEqual, "2"),
                matcher("c", MatchOp::Regex, "3"),
                matcher("d", MatchOp::NotRegex, "4"),
                Matcher::equal(METRIC_NAME, "up"),
            ],
        ),
        (
            "{\"http.status\", \"a.b\"=\"x\"}",
            None,
            vec![Matcher::equal(METRIC_NAME, "http.status"), Matcher::equal("a.b", "x")],
        ),
        ("{on=\"\", by=\"x\"}", None, vec![Matcher::equal("on", ""), Matcher::equal("by", "x")]),
    ] {
        let selector = selector_of(text);
        assert_eq!((selector.name.as_deref(), &selector.matchers), (name, &matchers), "{text}");
        assert_eq!(parse_selector(text), Ok(matchers), "{text}");
    }
    assert_eq!(parse_selector("{a=\"\"}"), Ok(vec![Matcher::equal("a", "")]));
}

#[test]
fn keywords_are_names_where_names_stand() {
    for word in [
        "sum",
        "count_values",
        "by",
        "without",
        "offset",
        "and",
        "or",
        "unless",
        "start",
        "end",
        "step",
        "range",
        "fill",
        "fill_left",
        "anchored",
        "smoothed",
        "min_of",
        "limitk",
        "SUM",
    ] {
        assert_eq!(selector_of(word).name.as_deref(), Some(word));
        assert_eq!(selector_of(&format!("{word}{{a=\"b\"}} offset 5m")).name.as_deref(), Some(word));
        assert_eq!(tree_of(&format!("a + {word} + b")).to_string(), format!("a + {word} + b"));
    }
    for word in ["bool", "on", "ignoring", "group_left", "atan2", "sum", "by", "step"] {
        assert_eq!(tree_of(&format!("sum by ({word}) (a)")).to_string(), format!("sum by ({word}) (a)"));
        assert_eq!(matching_of(&format!("a + on({word}) b")).1.labels, [word]);
    }
}

#[test]
fn modifiers_in_any_order() {
    let of = |offset: i64, at| Modifiers { offset: Some(Duration::Milliseconds(offset)), at };
    for (text, modifiers) in [
        ("a offset 5m", of(300_000, None)),
        ("a offset -1.5", of(-1500, None)),
        ("a[1m] offset 1m @ 10", of(60_000, Some(At::Time(10_000)))),
        ("a @ -1.0005 offset 1m", of(60_000, Some(At::Time(-1001)))),
        ("a @ start() offset 1m", of(60_000, Some(At::Start))),
        ("a OFFSET 1m @ END()", of(60_000, Some(At::End))),
        ("a @ 1h", Modifiers { offset: None, at: Some(At::Time(3_600_000)) }),
        ("a offset 0s offset 1m", of(60_000, None)),
        ("a offset 0s", Modifiers::default()),
    ] {
        assert_eq!(selector_of(text).modifiers, modifiers, "{text}");
    }
    assert_eq!(selector_of("a[1m] anchored @ 1").extension, Some(Extension::Anchored));
    assert_eq!(selector_of("a smoothed [1m]").extension, Some(Extension::Smoothed));
}

#[test]
fn ranges_and_subqueries() {
    let range_of = |text: &str| match tree_of(text).kind {
        ExprKind::Matrix { range, .. } => range,
        other => panic!("{text} is no range: {other:?}"),
    };
    assert_eq!(range_of("a[ 1h30m ]"), Duration::Milliseconds(5_400_000));
    assert_eq!(range_of("a[0.5]"), Duration::Milliseconds(500));
    for (text, printed) in [
        ("a[-5m+35m]", "a[-5m + 35m]"),
        ("a[1+(STep()-5)*2]", "a[1 + (step() - 5) * 2]"),
        ("a[max_of(min_of(step()+1,1h),1ms)]", "a[max_of(min_of(step() + 1, 1h), 1ms)]"),
        ("a[(30m)]", "a[(30m)]"),
        ("a[step():range()]", "a[step():range()]"),
        ("rate(a[5m])[1h:]", "rate(a[5m])[1h:]"),
        ("a[1h:5m] @ 1 offset 1m", "a[1h:5m] @ 1.000 offset 1m"),
        ("a[29s+1s:20*500ms] offset -(20*8000ms)", "a[29s + 1s:20 * 500ms] offset -(20 * 8s)"),
        ("a[2^3^2s]", "a[2 ^ 3 ^ 2s]"),
        ("a[1y2w]", "a[379d]"),
        ("a @ start() [5m] offset 1m", "a[5m] @ start() offset 1m"),
    ] {
        assert_eq!(tree_of(text).to_string(), printed, "{text}");
    }
    let square = DurationExpr::Binary {
        op: crate::ast::DurationOp::Pow,
        left: Box::new(DurationExpr::Seconds(2.0)),
        right: Box::new(DurationExpr::Seconds(2.0)),
    };
    let offset = DurationExpr::Paren(Box::new(DurationExpr::Negate(Box::new(square))));
    let modifiers = selector_of("a offset (-2 ^ 2)").modifiers;
    assert_eq!(modifiers.offset, Some(Duration::Expr(Box::new(offset))));
}

#[test]
fn vector_matching() {
    let labels = |labels: &[&str]| labels.iter().map(|label| (*label).to_owned()).collect::<Vec<_>>();
    let on = |names: &[&str]| Matching { labels: labels(names), is_on: true, ..Matching::default() };
    for (text, returns_bool, matching) in [
        ("a + b", false, Matching::default()),
        ("a == bool b", true, Matching::default()),
        ("a + ignoring(x, y,) b", false, Matching { labels: labels(&["x", "y"]), ..Matching::default() }),
        ("a + on() b", false, on(&[])),
        (
            "a > bool on(x) group_left(y) b",
            true,
            Matching { cardinality: Cardinality::ManyToOne, include: labels(&["y"]), ..on(&["x"]) },
        ),
        ("a * on(\"x.y\") group_right b", false, Matching { cardinality: Cardinality::OneToMany, ..on(&["x.y"]) }),
        ("a and on(x) b", false, Matching { cardinality: Cardinality::ManyToMany, ..on(&["x"]) }),
        (
            "a + on(x) fill_right(-7) fill_left(5) b",
            false,
            Matching { fill_left: Some(5.0), fill_right: Some(-7.0), ..on(&["x"]) },
        ),
        (
            "fill + fill (Inf) fill",
            false,
            Matching { fill_left: Some(f64::INFINITY), fill_right: Some(f64::INFINITY), ..Matching::default() },
        ),
        // Nothing is matched with a scalar.
        ("a + on() 1", false, Matching::default()),
    ] {
        assert_eq!(matching_of(text), (returns_bool, matching), "{text}");
    }
}

#[test]
fn aggregations_and_calls() {
    for text in ["sum by (x, \"y.z\") (a)", "sum(a) by (x, 'y.z',)", "SUM BY (x, `y.z`) ((a))"] {
        let ExprKind::Aggregate(aggregate) = tree_of(text).kind else { panic!("{text}") };
        assert_eq!((aggregate.op, aggregate.is_without), (AggregateOp::Sum, false), "{text}");
        assert_eq!(aggregate.grouping, ["x", "y.z"], "{text}");
    }
    for (text, printed) in [
        ("topk(3, a) without ()", "topk without () (3, a)"),
        ("count_values(\"x\", a)", "count_values(\"x\", a)"),
        ("max_of(1, 2)", "max_of(1, 2)"),
        ("step() + range()", "step() + range()"),
        ("info(a, {b=~\".*\"})", "info(a, {b=~\".*\"})"),
        ("label_join(a, 'x', '', \"y\", \"z\")", "label_join(a, \"x\", \"\", \"y\", \"z\")"),
        ("time()", "time()"),
    ] {
        assert_eq!(tree_of(text).to_string(), printed, "{text}");
    }
    assert!(matches!(tree_of("pi()").kind, ExprKind::Call { function: Function::Pi, .. }));
}

#[test]
fn types() {
    for (text, found) in [
        ("1 + 5m", ValueType::Scalar),
        ("-(a)", ValueType::Vector),
        ("1 + a", ValueType::Vector),
        ("\"a\"", ValueType::String),
        ("a[5m]", ValueType::Matrix),
        ("(a)[5m:]", ValueType::Matrix),
        ("scalar(a) == bool time()", ValueType::Scalar),
    ] {
        assert_eq!(tree_of(text).value_type(), found, "{text}");
    }
}

#[test]
fn places_are_those_of_prometheus() {
    let span = |start, end| Span { start, end };
    for (text, place) in [
        (" up ", span(1, 3)),
        ("up{a=\"é\"} offset 5m ", span(0, 20)),
        ("a[5m] @ 12 ", span(0, 10)),
        ("a @ start () ", span(0, 12)),
        ("a[5m] anchored ", span(0, 5)),
        ("( a ) ", span(0, 5)),
        ("- 1 ", span(0, 3)),
        ("- a ", span(0, 3)),
        (" a + sum (b) ", span(1, 12)),
        ("sum (b) by (c) ", span(0, 14)),
        ("rate ( b[5m] ) ", span(0, 14)),
        ("rate(b[5m])[1h : ] ", span(0, 18)),
        ("a offset (1m + 1m) ", span(0, 18)),
    ] {
        assert_eq!(tree_of(text).span, place, "{text}");
    }
}

#[test]
fn lengths() {
    for (text, milliseconds) in [
        ("0", 0),
        ("0s", 0),
        ("1ms", 1),
        ("1h30m", 5_400_000),
        ("1y1w1d1h1m1s1ms", 32_230_861_001),
        ("106751d", 9_223_286_400_000),
    ] {
        assert_eq!(parse_duration_ms(text), Ok(milliseconds), "{text}");
    }
    for (text, message) in [
        ("", "empty duration string"),
        ("1", "not a valid duration string: \"1\""),
        ("-1s", "not a valid duration string: \"-1s\""),
        ("1s1m", "not a valid duration string: \"1s1m\""),
        ("1s1s", "not a valid duration string: \"1s1s\""),
        ("1.5s", "unknown unit \".\" in duration \"1.5s\""),
        ("1x", "unknown unit \"x\" in duration \"1x\""),
        ("106752d", "duration out of range"),
        ("99999999999999999999s", "not a valid duration string: \"99999999999999999999s\""),
    ] {
        assert_eq!(parse_duration_ms(text), Err(message.to_owned()), "{text}");
    }
    for (milliseconds, text) in [
        (0, "0s"),
        (1, "1ms"),
        (60_000, "1m"),
        (90_061_001, "1d1h1m1s1ms"),
        (86_400_000 * 7, "1w"),
        (86_400_000 * 365, "1y"),
        (86_400_000 * 372, "372d"),
    ] {
        assert_eq!(format_duration_ms(milliseconds), text);
    }
}

#[test]
fn an_infinity_keeps_its_operator_when_it_is_printed() {
    let printed = |text: &str| parse(text, &ParseOptions::default()).expect("reads").to_string();
    for (text, expected) in [("Inf ^ x", "Inf ^ x"), ("Inf + x", "+Inf + x"), ("x ^ Inf", "x ^ +Inf")] {
        assert_eq!(printed(text), expected);
        assert_eq!(printed(&printed(text)), expected);
    }
    let long = format!("Inf ^ {}", "x".repeat(120));
    let pretty = crate::pretty(&parse(&long, &ParseOptions::default()).expect("reads"));
    assert_eq!(printed(&pretty), long);
}
