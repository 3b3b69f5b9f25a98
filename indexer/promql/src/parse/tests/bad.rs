//! What Prometheus says of texts that are no queries.

use super::{EXPERIMENTAL, tree_of};
use crate::parse::{ParseOptions, parse, parse_selector};

/// Each text is refused with `line:column: parse error: ` and the message.
fn check(options: ParseOptions, cases: &[(&str, &str)]) {
    for (text, message) in cases {
        let found = parse(text, &options).map(|expr| expr.to_string()).map_err(|error| error.to_string());
        assert_eq!(found, Err((*message).to_owned()), "{text}");
    }
}

#[test]
fn tokens_that_cannot_be_read() {
    check(
        EXPERIMENTAL,
        &[
            ("", "unknown position: parse error: no expression found in input"),
            (" # nothing", "1:1: parse error: no expression found in input"),
            ("up $ 1", "1:4: parse error: unexpected character: '$'"),
            ("a\n+ ?", "2:3: parse error: unexpected character: '?'"),
            ("(1", "1:3: parse error: unclosed left parenthesis"),
            ("1)", "1:3: parse error: unexpected right parenthesis ')'"),
            ("sum(up", "1:7: parse error: unclosed left parenthesis"),
            ("up]", "1:3: parse error: unexpected right bracket ']'"),
            ("up[5m", "1:6: parse error: unclosed left bracket"),
            ("up[", "1:4: parse error: unexpected end of input in duration expression"),
            ("up[5m[", "1:6: parse error: unexpected left bracket '['"),
            ("up[\"5m\"]", "1:4: parse error: unexpected character in duration expression: '\"'"),
            ("up[:5m]", "1:5: parse error: unexpected colon before duration in duration expression"),
            ("up[5m:1m:1m]", "1:9: parse error: unexpected colon ':'"),
            ("up[5m x]", "1:7: parse error: unexpected character: 'x', expected ':'"),
            ("up[5mm]", "1:4: parse error: bad number or duration syntax: \"5mm\""),
            ("up[5q]", "1:4: parse error: bad number or duration syntax: \"5\""),
            ("up offset 1mm", "1:11: parse error: bad number or duration syntax: \"1mm\""),
            ("1.2.3", "1:1: parse error: bad number or duration syntax: \"1.2.\""),
            ("0xg", "1:1: parse error: bad number or duration syntax: \"0x\""),
            ("\"a", "1:1: parse error: unterminated quoted string"),
            ("\"a\n\"", "1:1: parse error: unterminated quoted string"),
            ("`a", "1:1: parse error: unterminated raw string"),
            (r#""\q""#, "1:1: parse error: unknown escape sequence U+0071 'q'"),
            (r#""\xz0""#, "1:1: parse error: illegal character U+007A 'z' in escape sequence"),
            (r#""\ud800""#, "1:1: parse error: escape sequence is an invalid Unicode code point"),
            (r#""\x"#, "1:1: parse error: escape sequence not terminated"),
            ("a =~ 1", "1:3: parse error: unexpected character after '=': '~'"),
            ("a ! 1", "1:3: parse error: unexpected character after '!': ' '"),
            ("up{", "1:4: parse error: unexpected end of input inside braces"),
            ("up{a!b}", "1:5: parse error: unexpected character after '!' inside braces: 'b'"),
            ("up{a{", "1:5: parse error: unexpected left brace '{'"),
            ("up{1", "1:4: parse error: unexpected character inside braces: '1'"),
        ],
    );
}

#[test]
fn tokens_in_the_wrong_place() {
    check(
        EXPERIMENTAL,
        &[
            ("1 +", "1:4: parse error: unexpected end of input"),
            ("*1", "1:1: parse error: unexpected <op:*>"),
            ("a b", "1:3: parse error: unexpected identifier \"b\""),
            ("a a:b", "1:3: parse error: unexpected metric identifier \"a:b\""),
            ("a 1", "1:3: parse error: unexpected number \"1\""),
            ("a 5m", "1:3: parse error: unexpected duration \"5m\""),
            ("a \"01234567890\"", "1:3: parse error: unexpected string \"\\\"012345678\"..."),
            ("a = 1", "1:3: parse error: unexpected \"=\""),
            ("a bool", "1:3: parse error: unexpected <bool>"),
            ("a sum", "1:3: parse error: unexpected <aggr:sum>"),
            ("()", "1:2: parse error: unexpected \")\""),
            ("a:b(1)", "1:4: parse error: unexpected \"(\""),
            ("up{a=}", "1:6: parse error: unexpected \"}\" in label matching, expected string"),
            ("up{a=b}", "1:6: parse error: unexpected identifier \"b\" in label matching, expected string"),
            ("up{a}", "1:5: parse error: unexpected \"}\" in label matching, expected label matching operator"),
            ("up{,}", "1:4: parse error: unexpected \",\" in label matching, expected identifier or \"}\""),
            (
                "up{a=\"b\" c=\"d\"}",
                "1:10: parse error: unexpected identifier \"c\" in label matching, expected \",\" or \"}\"",
            ),
            ("sum by a (b)", "1:8: parse error: unexpected identifier \"a\" in grouping opts, expected \"(\""),
            ("sum by (,) (b)", "1:9: parse error: unexpected \",\" in grouping opts, expected label"),
            (
                "sum by (a b) (b)",
                "1:11: parse error: unexpected identifier \"b\" in grouping opts, expected \",\" or \")\"",
            ),
            ("sum by (\"\") (b)", "1:9: parse error: invalid label name for grouping: \"\""),
            ("sum by (a) b", "1:12: parse error: unexpected identifier \"b\" in aggregation"),
            ("sum(", "1:5: parse error: unclosed left parenthesis"),
            ("sum(a +)", "1:8: parse error: unexpected \")\" in aggregation"),
            ("rate(a[5m],)", "1:11: parse error: trailing commas not allowed in function call args"),
            (
                "up[]",
                "1:4: parse error: unexpected \"]\" in subquery or range selector, expected number, duration, step(), or range()",
            ),
            ("up[5m 5m]", "1:7: parse error: unexpected duration \"5m\" in subquery or range, expected \":\" or \"]\""),
            ("up[5m:1m 1m]", "1:10: parse error: unexpected duration \"1m\" in subquery selector, expected \"]\""),
            (
                "up[5m:*]",
                "1:7: parse error: unexpected <op:*> in subquery selector, expected number, duration, step(), range(), or \"]\"",
            ),
            (
                "up offset",
                "1:10: parse error: unexpected end of input in offset, expected number, duration, step(), or range()",
            ),
            ("up @", "1:5: parse error: unexpected end of input in @, expected timestamp"),
            ("up @ a", "1:6: parse error: unexpected identifier \"a\" in @, expected timestamp"),
            ("up @ start", "1:11: parse error: unexpected end of input in @, expected timestamp"),
            ("a + fill(b) c", "1:10: parse error: unexpected identifier \"b\""),
        ],
    );
}

#[test]
fn texts_without_meaning() {
    check(
        EXPERIMENTAL,
        &[
            ("nope(1)", "1:1: parse error: unknown function with name \"nope\""),
            ("Rate(a[5m])", "1:1: parse error: unknown function with name \"Rate\""),
            ("sum()", "1:1: parse error: no arguments for aggregate expression provided"),
            (
                "1 + topk(a)",
                "1:5: parse error: wrong number of arguments for aggregate expression provided, expected 2, got 1",
            ),
            (
                "sum(a, b)",
                "1:1: parse error: wrong number of arguments for aggregate expression provided, expected 1, got 2",
            ),
            ("sum(1)", "1:5: parse error: expected type instant vector in aggregation expression, got scalar"),
            ("topk(a, a)", "1:6: parse error: expected type scalar in aggregation parameter, got instant vector"),
            ("count_values(1, a)", "1:14: parse error: expected type string in aggregation parameter, got scalar"),
            (
                "rate(a)",
                "1:6: parse error: expected type range vector in call to function \"rate\", got instant vector",
            ),
            ("rate()", "1:1: parse error: expected 1 argument(s) in call to \"rate\", got 0"),
            ("round(a, 1, 2)", "1:1: parse error: expected at most 2 argument(s) in call to \"round\", got 3"),
            ("label_join(a)", "1:1: parse error: expected at least 3 argument(s) in call to \"label_join\", got 1"),
            (
                "label_join(a, \"b\", \"c\", 1)",
                "1:25: parse error: expected type string in call to function \"label_join\", got scalar",
            ),
            ("{}", "1:1: parse error: vector selector must contain at least one non-empty matcher"),
            ("{a=~\".*\"}", "1:1: parse error: vector selector must contain at least one non-empty matcher"),
            ("a{__name__=\"b\"}", "1:1: parse error: metric name must not be set twice: \"a\" or \"b\""),
            ("1 == 1", "1:3: parse error: comparisons between scalars must use BOOL modifier"),
            ("a + bool b", "1:3: parse error: bool modifier can only be used on comparison operators"),
            ("1 and a", "1:1: parse error: set operator \"and\" not allowed in binary scalar expression"),
            ("a + on(b) 1", "1:1: parse error: vector matching only allowed between instant vectors"),
            ("a + fill(0) 1", "1:1: parse error: filling in missing series only allowed between instant vectors"),
            ("a or fill(0) b", "1:1: parse error: filling in missing series not allowed for set operators"),
            ("a and on(b) group_left c", "1:1: parse error: no grouping allowed for \"and\" operation"),
            (
                "a + on(b) group_left(b) c",
                "1:3: parse error: label \"b\" must not occur in ON and GROUP clause at once",
            ),
            ("\"a\" + 1", "1:1: parse error: binary expression must contain only scalar and instant vector types"),
            ("1 + a[5m]", "1:5: parse error: binary expression must contain only scalar and instant vector types"),
            (
                "-\"a\"",
                "1:1: parse error: unary expression only allowed on expressions of type scalar or instant vector, got \"string\"",
            ),
            (
                "-a[5m]",
                "1:1: parse error: unary expression only allowed on expressions of type scalar or instant vector, got \"range vector\"",
            ),
            ("1[5m:]", "1:1: parse error: subquery is only allowed on instant vector, got scalar instead"),
            ("a[5m][5m:]", "1:1: parse error: subquery is only allowed on instant vector, got matrix instead"),
            ("(a)[5m]", "1:4: parse error: ranges only allowed for vector selectors"),
            ("a offset 1m [5m]", "1:13: parse error: no offset modifiers allowed before range"),
            ("a @ 1 [5m]", "1:7: parse error: no @ modifiers allowed before range"),
            ("a[0]", "1:3: parse error: duration must be greater than 0"),
            ("a[-5m]", "1:3: parse error: duration must be greater than 0"),
            ("a[5m:0]", "1:6: parse error: duration must be greater than 0"),
            ("a[5m / 0]", "1:6: parse error: division by zero"),
            ("a[5m % 0s]", "1:6: parse error: modulo by zero"),
            ("a[300y]", "1:3: parse error: duration out of range"),
            ("a[1m1h]", "1:3: parse error: not a valid duration string: \"1m1h\""),
            ("a[1hs]", "1:3: parse error: unknown unit \"hs\" in duration \"1hs\""),
            ("a offset 1m offset 2m", "1:1: parse error: offset may not be set multiple times"),
            ("a @ 1 @ end()", "1:1: parse error: @ <timestamp> may not be set multiple times"),
            ("a @ Inf", "1:1: parse error: timestamp out of bounds for @ modifier: +Inf"),
            (
                "1 offset 1m",
                "1:1: parse error: offset modifier must be preceded by an instant vector selector or range vector selector or a subquery",
            ),
            (
                "(a) @ 1",
                "1:1: parse error: @ modifier must be preceded by an instant vector selector or range vector selector or a subquery",
            ),
            ("a anchored smoothed", "1:1: parse error: anchored and smoothed modifiers cannot be used together"),
            ("a[5m:] anchored", "1:1: parse error: anchored modifier is not supported for subqueries"),
            ("info(a, b)", "1:9: parse error: expected label selectors only, got vector selector instead"),
            ("info(a, -{b=\"c\"})", "1:9: parse error: expected label selectors only"),
            (
                "1e999",
                "1:1: parse error: error parsing number: strconv.ParseFloat: parsing \"1e999\": value out of range",
            ),
            ("a{b=~\"(\"}", "1:3: parse error: error parsing regexp: unclosed group"),
        ],
    );
}

#[test]
fn experiments_are_refused_unless_they_are_asked_for() {
    let cases = [
        (
            "limitk(1, a)",
            "limitk() is experimental and must be enabled with --enable-feature=promql-experimental-functions",
        ),
        ("mad_over_time(a[5m])", "function \"mad_over_time\" is not enabled"),
        ("a[5m] anchored", "anchored modifier is experimental and not enabled"),
        ("a smoothed", "smoothed modifier is experimental and not enabled"),
        ("a + fill(0) b", "binop fill modifiers are experimental and not enabled"),
    ];
    for (text, message) in cases {
        check(ParseOptions::default(), &[(text, &format!("1:1: parse error: {message}"))]);
        tree_of(text);
    }
    // Durations that are expressions, and what trims histograms, are no experiments any more.
    for text in ["a[5m+step()] offset -min_of(1m, range())", "a </ 1"] {
        assert_eq!(parse(text, &ParseOptions::default()), Ok(tree_of(text)));
    }
}

#[test]
fn selectors_alone_take_nothing_else() {
    for (text, message) in [
        ("", "unknown position: parse error: unexpected end of input"),
        ("1", "1:1: parse error: unexpected number \"1\""),
        ("a offset 5m", "1:3: parse error: unexpected <offset>"),
        ("a[5m]", "1:2: parse error: unexpected \"[\""),
        ("a{b=~\"[\"}", "1:3: parse error: error parsing regexp: unclosed character class"),
    ] {
        assert_eq!(parse_selector(text).map_err(|error| error.to_string()), Err(message.to_owned()), "{text}");
    }
}

#[test]
fn texts_beyond_the_limits_are_refused_before_they_take_the_stack() {
    let message = |text: String| parse(&text, &EXPERIMENTAL).map(|_| ()).map_err(|error| error.message);
    let nested = Err("expression is nested more than 128 levels deep".to_owned());
    let many = 60_000;
    for part in ["(", "-", "sum(", "2^", "a[1m:] * rate(", "a + (", "sum by (a) ("] {
        assert_eq!(message(part.repeat(many)), nested, "{part}");
    }
    for (head, part) in [("a[", "("), ("a[", "-"), ("a[", "min_of("), ("a offset ", "-("), ("a[1:", "1^")] {
        assert_eq!(message(format!("{head}{}", part.repeat(many))), nested, "{head}{part}");
    }
    let chained = Err("expression is a chain of more than 512 operations".to_owned());
    assert_eq!(message("1 + ".repeat(many)), chained);
    assert_eq!(message(format!("a{}", "[1m:]".repeat(many))), chained);
    assert_eq!(message(format!("a[1{}]", "+1".repeat(many))), Err("duration of more than 128 operations".to_owned()));
    assert_eq!(message(" ".repeat((1 << 20) + 1)), Err("query is longer than 1048576 bytes".to_owned()));
}

#[test]
fn texts_at_the_limits_are_read() {
    let nested = format!("{}1{}", "(".repeat(127), ")".repeat(127));
    assert_eq!(tree_of(&nested).to_string(), nested);
    let chained = format!("1{}", " + 1".repeat(511));
    assert_eq!(tree_of(&chained).to_string(), chained);
}
