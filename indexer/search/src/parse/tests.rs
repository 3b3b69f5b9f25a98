//! Queries and the trees they are, mistakes and what they are answered with.

use super::*;
use crate::Query;
use proptest::prelude::*;

/// The tree, without the line of the kinds.
fn tree(query: &str) -> String {
    let plan = Query::parse(query).map_err(|error| format!("{query}: {error}")).expect("valid").to_string();
    plan.split_once('\n').expect("a line of kinds").1.trim_end().to_owned()
}

fn check(cases: &[(&str, &str)]) {
    for (query, expected) in cases {
        assert_eq!(tree(query), *expected, "{query}");
    }
}

/// The literals of the one condition on the body, as `explain` shows them: stars where there is no boundary.
fn literals(query: &str) -> Vec<String> {
    match Query::parse(query).map_err(|error| format!("{query}: {error}")).expect("valid").expr {
        Expr::Text(pattern) => pattern.required.iter().map(ToString::to_string).collect(),
        other => vec![format!("no text but {other}")],
    }
}

#[test]
fn words_phrases_and_stars() {
    for (query, expected) in [
        ("Error", r#""error""#),
        ("two-part.word/1", r#""two-part.word/1""#),
        (r#""Failed  password""#, r#""failed  password""#),
        ("pre*", r#""pre"*"#),
        ("*fix", r#"*"fix""#),
        ("**infix**", r#"*"infix"*"#),
        (r"\*x\?\:\\\ y\a", r#""*x?:\\ y\\a""#),
        (r#""a\"*\\b\c""#, r#""a\"*\\b\\c""#),
        ("12:30:45", r#""12:30:45""#),
        ("10.0.0.1:8080", r#""10.0.0.1:8080""#),
        ("std::io::Error", r#""std::io::error""#),
        ("https://example.org/a", r#""https://example.org/a""#),
        ("::1", r#""::1""#),
        ("[error]", r#""[error]""#),
        (">5", r#"">5""#),
        ("and", r#""and""#),
        ("ANDROID", r#""android""#),
        (r#""AND""#, r#""and""#),
        ("body:x*", r#""x"*"#),
        (r#"msg:"a b""#, r#""a b""#),
        ("message:/a.b/", r#"*"a"* *"b"*"#),
        ("a*b", r#""a"* *"b""#),
    ] {
        assert_eq!(literals(query).join(" "), expected, "{query}");
    }
}

#[test]
fn operators_bind_as_documented() {
    check(&[
        ("", "everything"),
        (" \t", "everything"),
        ("*", "everything"),
        ("(*)", "everything"),
        ("* a", "body has a"),
        ("-*", "not\n  everything"),
        ("a b OR c", "any of\n  all of\n    body has a\n    body has b\n  body has c"),
        ("a AND b", "all of\n  body has a\n  body has b"),
        ("a (b OR c)", "all of\n  body has a\n  any of\n    body has b\n    body has c"),
        ("NOT a b", "all of\n  not\n    body has a\n  body has b"),
        ("-a !b", "all of\n  not\n    body has a\n  not\n    body has b"),
        ("NOT NOT a", "not\n  not\n    body has a"),
        ("-(a b)", "not\n  all of\n    body has a\n    body has b"),
        ("a NOT b", "all of\n  body has a\n  not\n    body has b"),
        ("NOT(a)OR(b)", "any of\n  not\n    body has a\n  body has b"),
        ("\u{a0}a\u{2003}b", "all of\n  body has a\n  body has b"),
    ]);
}

#[test]
fn fields_and_their_values() {
    check(&[
        ("user:Root", "user = \"root\""),
        ("user:\"Root X*\"", "user = \"root x*\""),
        ("user:\"\"", "user = \"\""),
        ("\"my field\":x", "my field = \"x\""),
        ("host:db1", "host|host.name|hostname|host_name = \"db1\""),
        ("app.kubernetes.io/name:x", "app.kubernetes.io/name = \"x\""),
        ("user:a*", "user matches wildcards a*, needs \"a\"*"),
        ("user:*b", "user matches wildcards *b, needs *\"b\""),
        ("user:/B+/", "user matches expression /B+/, needs *\"b\"*"),
        ("user:*", "user exists"),
        ("body:*", "body exists"),
        ("status:>=500", "status >= 500"),
        ("status:<-5", "status < -5"),
        ("status:>\"500\"", "status > \"500\""),
        ("v:[1 TO b}", "v >= 1 and < \"b\""),
        ("v:{ \"a b\" TO * ]", "v > \"a b\" and <= *"),
        ("v:-5", "v = \"-5\""),
        ("addr:dead:beef::1", "addr = \"dead:beef::1\""),
        ("v:(a OR -\"b c\" OR >=5)", "any of\n  v = \"a\"\n  not\n    v = \"b c\"\n  v >= 5"),
        ("v:(a:b (c))", "all of\n  v = \"a:b\"\n  v = \"c\""),
        ("body:(a b*)", "all of\n  body has a\n  body has b*"),
        ("trace.id:AB*", "trace_id matches wildcards AB*, needs \"ab\"*"),
        ("entity:svc/web", "entity = \"svc/web\""),
    ]);
}

#[test]
fn severities_and_kinds() {
    check(&[
        ("level:Error", "severity in {17 18 19 20}"),
        ("level:critical", "severity in {18}"),
        ("severity:>=warn", "severity in {13 14 15 16 17 18 19 20 21 22 23 24}"),
        ("level:[debug TO info]", "severity in {5 6 7 8 9 10 11 12}"),
        ("level:{debug TO *}", "severity in {9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24}"),
        ("level:(unset OR 24)", "any of\n  severity in {0}\n  severity in {24}"),
        ("level:*", "severity exists"),
        ("level:crit*", "severity matches wildcards crit*, needs \"crit\"*"),
        ("kind:Span", "kind = \"span\""),
    ]);
    for (query, kinds) in [
        ("a", crate::KINDS_DEFAULT),
        ("a (b OR -kind:span)", crate::KINDS_ALL),
        ("kind:(log)", crate::KINDS_ALL),
        ("\"kind:span\"", crate::KINDS_DEFAULT),
    ] {
        assert_eq!(Query::parse(query).expect(query).kinds, kinds, "{query}");
    }
}

#[test]
fn mistakes_are_told_with_their_place() {
    for (query, character, message, expected, found) in [
        ("AND", 0, "`AND` stands where a term should", "a word", "`AND`"),
        ("a AND", 5, "a term is missing here", "a word", "the end of the query"),
        ("a OR OR b", 5, "`OR` stands where", "a word", "`OR`"),
        ("OR b", 0, "`OR` stands where", "a word", "`OR`"),
        ("a NOT", 5, "a term is missing", "a word", "the end"),
        ("ő (b", 2, "this parenthesis is not closed", "a closing `)`", "`(b`"),
        ("ő b)", 3, "this parenthesis closes nothing", "a word", "`)`"),
        ("a ()", 2, "this group is empty", "a word", "`()`"),
        ("a \"b c", 2, "this quote is not closed", "a closing `\"`", "`\"b`"),
        ("\"\"", 0, "an empty phrase", "a text", "`\"\"`"),
        ("\"a\"b", 3, "something is stuck", "a space", "`b`"),
        ("a\"b", 1, "in the middle of a word", "a space", "`\"b`"),
        ("main(x)", 4, "in the middle of a word", "a space", "`(x)`"),
        ("host: db1", 5, "the value follows the colon without a space", "a value of the field `host`", "a space"),
        ("host:", 5, "the value follows", "a value of the field `host`", "the end"),
        ("(host:)", 6, "the value follows", "a value of the field `host`", "`)`"),
        ("- a", 0, "a negation is attached", "`-term`", "`-`"),
        ("--verbose", 0, "a negation is attached", "`-term`", "`--verbose`"),
        ("/a", 0, "this regular expression is not closed", "a closing `/`", "`/a`"),
        ("//", 0, "this regular expression is empty", "an expression", "`//`"),
        ("/var/log/x", 5, "a regular expression ends here; write a path in quotes", "a space", "`log/x`"),
        ("ő /a(b/", 4, "the regular expression is not valid: unclosed group", "an expression", "`(b/`"),
        ("level:loud", 6, "`loud` is no severity", "unset, trace", "`loud`"),
        ("level:>=loud", 8, "`loud` is no severity", "unset, trace", "`loud`"),
        ("level:[a TO warn]", 7, "`a` is no severity", "unset, trace", "`a`"),
        ("kind:metric", 5, "there is no such kind", "log, event, span or probe", "`metric`"),
        ("kind:>log", 5, "there is no such kind", "log, event", "`>log`"),
        ("body:>5", 5, "a body cannot be compared", "a word", "`>5`"),
        ("v:>", 3, "a bound is missing", "a number", "the end"),
        ("v:>=a*", 4, "a bound has no wildcards", "a number", "`a*`"),
        ("v:[1 2]", 5, "this is no range", "a range", "`2]`"),
        ("v:[1 TO 2", 2, "this range is not closed", "`]`", "`[1`"),
        ("v:[1 TO 2]x", 10, "something is stuck", "a space", "`x`"),
        ("v:[TO 2]", 6, "this is no range", "a range", "`2]`"),
    ] {
        let error = Query::parse(query).err().ok_or(query).expect("a mistake");
        let told = (error.character, error.message.as_str(), error.expected.as_str(), error.found.as_str());
        let right = error.character == character
            && error.message.starts_with(message)
            && error.expected.starts_with(expected)
            && error.found.starts_with(found);
        assert!(right, "{query}: {told:?}");
        assert_eq!(query.get(..error.byte).map(|before| before.chars().count()), Some(character), "{query}");
    }
}

#[test]
fn limits_hold_and_what_is_within_them_passes() {
    let failure = |query: &str| Query::parse(query).err().map(|error| error.message);
    assert_eq!(failure(&"(".repeat(100)).as_deref(), Some("a term is missing here"));
    assert_eq!(failure(&format!("{}a{}", "(".repeat(100), ")".repeat(100))), None);
    assert_eq!(failure(&"(".repeat(60_000)).as_deref(), Some("the query is nested too deeply"));
    assert_eq!(failure(&format!("{}a", "NOT ".repeat(101))).as_deref(), Some("the query is nested too deeply"));
    assert_eq!(failure(&"a ".repeat(1_000)), None);
    assert_eq!(failure(&"a ".repeat(1_001)).as_deref(), Some("the query has too many terms"));
    assert_eq!(failure(&"a".repeat(QUERY_BYTES_MAX)), None);
    assert_eq!(failure(&"ő".repeat(QUERY_BYTES_MAX / 2 + 1)).as_deref(), Some("the query is too long"));
    assert_eq!(failure(&format!("a*{}", "b".repeat(254))), None);
    assert!(
        failure(&format!("a*{}", "b".repeat(255)))
            .is_some_and(|message| message.starts_with("a pattern with wildcards"))
    );
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2_000) })]

    #[test]
    fn no_query_makes_the_parser_panic(query in r#"([ab:*?"\\/()\[\]{}<>=!\-ő \n]|AND|OR|NOT|TO|level:|kind:|\PC){0,40}"#) {
        match Query::parse(&query) {
            Ok(parsed) => prop_assert!(!parsed.to_string().is_empty()),
            Err(error) => {
                prop_assert!(query.get(error.byte..).is_some(), "{query:?} at {}", error.byte);
                prop_assert!(error.caret(&query).ends_with('^'));
            }
        }
    }
}
