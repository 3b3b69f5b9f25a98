//! The matcher against the oracle, over random records and queries; and each required literal and word against what
//! the store narrows by.

use orszem_model::wire::{Batch, encode_records};
use orszem_model::{Attribute, AttributeValue, Kind, Labels, Record, Severity, Stream, Timestamp};
use orszem_search::{Expr, FieldMatcher, Query, TextPattern, fold_text, highlight, oracle, required_tokens};
use proptest::prelude::*;
use proptest::sample::select;

/// Small, so that literals meet; with letters that fold across lengths, and what log lines are spoilt by.
const TEXTS: &[&[u8]] = &[
    b"a",
    b"A",
    b"b",
    b"B",
    b"ab",
    b"k",
    b"K",
    "\u{212A}".as_bytes(),
    b"s",
    "ſ".as_bytes(),
    "ő".as_bytes(),
    "Ő".as_bytes(),
    "İ".as_bytes(),
    "i\u{307}".as_bytes(),
    "Ω".as_bytes(),
    "\u{2126}".as_bytes(),
    "ß".as_bytes(),
    b"1",
    b"10.0.0.1",
    b"_",
    b"-",
    b".",
    b"=",
    b"/",
    b" ",
    b" ",
    b"\t",
    b"\r",
    b"\n",
    b"\0",
    b"\x1b[31m",
    b"\xFF",
    b"\xC5",
    b"\x91",
    b"\xE2\x84",
    "\u{a0}".as_bytes(),
    "😀".as_bytes(),
    b"error",
    b"Error",
    b"errors",
    b"*",
    b"?",
    b"the quick brown fox jumps over it ",
    b"\\",
    b"\"",
    b":",
];

const LITERALS: &[&str] = &[
    "a", "A", "b", "ab", "k", "K", "\u{212A}", "kk", "ak", "ka", "s", "ſ", "ő", "Őa", "İ", "i", "ω", "Ω", "ß", "1",
    "10.0.0.1", "0.0", "_", "a_b", "=a", "a=", "-", "error", "ERROR", "rror", "erro", "x", "😀",
];

fn text() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(select(TEXTS), 0..14).prop_map(|parts| parts.concat())
}

fn word() -> impl Strategy<Value = String> {
    let part = select(LITERALS).prop_map(|literal| {
        let escape = |c: char| if c.is_ascii_punctuation() { format!("\\{c}") } else { c.to_string() };
        literal.chars().map(escape).collect::<String>()
    });
    let piece = prop_oneof![6 => part, 1 => Just("*".to_owned()), 1 => Just("?".to_owned())];
    prop::collection::vec(piece, 1..4).prop_map(|pieces| pieces.concat())
}

fn quoted() -> impl Strategy<Value = String> {
    let part = prop_oneof![select(LITERALS), Just(" "), Just("\t"), Just("*"), Just("\\\""), Just("\\\\")];
    prop::collection::vec(part, 1..4).prop_map(|parts| format!("\"{}\"", parts.concat()))
}

fn regex() -> impl Strategy<Value = String> {
    select(
        &[
            "/a/",
            "/(?i)ERROR/",
            "/err(or|s)+/",
            "/a.*b/",
            "/[Aa]b?/",
            "/(?-u:\\xFF)/",
            "/^a/",
            "/b$/",
            "/\\ba\\b/",
            "/(?i)k/",
            "/ő+a/",
            "/(a|b)k{2,}/",
            "/\\d+\\.\\d+/",
            "/(?i)s/",
            "/(ab)+c?/",
            "/ab+k/",
            "/(a|b)(ab){2,}a?k/",
            "/\\x1b\\[/",
        ][..],
    )
    .prop_map(str::to_owned)
}

/// Regular expressions over three letters, which short texts of those letters match often.
fn dense_regex() -> impl Strategy<Value = String> {
    let atom = || select(&["a", "b", "k", "ab", "ba", "[ab]", "(?i:K)"][..]).prop_map(str::to_owned);
    let sequence = |piece: BoxedStrategy<String>| prop::collection::vec(piece, 1..4).prop_map(|parts| parts.concat());
    let piece = |inner: BoxedStrategy<String>| {
        let times = select(&["+", "*", "?", "{2}", "{2,}", "{1,2}"][..]);
        prop_oneof![
            4 => atom(),
            1 => select(&["^", "$", r"\b", "."][..]).prop_map(str::to_owned),
            1 => (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("(?:{a}|{b})")),
            3 => (inner, times).prop_map(|(a, times)| format!("({a}){times}")),
        ]
        .boxed()
    };
    sequence(piece(sequence(piece(atom().boxed())).boxed()))
}

fn value() -> impl Strategy<Value = String> {
    let bound = || {
        prop_oneof![select(&["1", "2.5", "-1", "10", "a", "b", "error", "\"1\"", "1.2"][..]).prop_map(str::to_owned)]
    };
    let comparison = (select(&[">=", ">", "<", "<="][..]), bound()).prop_map(|(sign, bound)| format!("{sign}{bound}"));
    let range = (select(&["[", "{"][..]), bound(), prop_oneof![bound(), Just("*".to_owned())], select(&["]", "}"][..]))
        .prop_map(|(open, a, b, close)| format!("{open}{a} TO {b}{close}"));
    prop_oneof![4 => word(), 2 => quoted(), 1 => regex(), 2 => comparison, 2 => range, 1 => Just("*".to_owned())]
}

fn condition() -> impl Strategy<Value = String> {
    let named = (select(&["host", "hostname", "n", "absent", "entity", "trace_id", "span_id"][..]), value())
        .prop_map(|(field, value)| format!("{field}:{value}"));
    let group = (value(), value()).prop_map(|(a, b)| format!("n:({a} OR NOT {b})"));
    let fixed = select(
        &[
            "level:error",
            "level:>=warn",
            "level:<warn",
            "level:*",
            "level:unset",
            "level:18",
            "level:err*",
            "kind:span",
            "kind:(log OR probe)",
            "kind:*",
            "trace_id:*",
            "span_id:00ff*",
            "entity:svc/a",
            "body:*",
            "*",
        ][..],
    )
    .prop_map(str::to_owned);
    prop_oneof![6 => word(), 3 => quoted(), 2 => regex(), 3 => named, 1 => group, 2 => fixed]
}

fn query() -> impl Strategy<Value = String> {
    condition().prop_recursive(4, 16, 3, |inner| {
        prop_oneof![
            inner.clone().prop_map(|a| format!("NOT ({a})")),
            inner.clone().prop_map(|a| format!("-({a})")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a}) {b}")),
            (inner.clone(), inner).prop_map(|(a, b)| format!("({a} OR {b})")),
        ]
    })
}

fn attribute_value() -> impl Strategy<Value = AttributeValue> {
    prop_oneof![
        text().prop_map(AttributeValue::Bytes),
        text().prop_map(|text| AttributeValue::String(String::from_utf8_lossy(&text).into_owned())),
        select(&["1", "10", "-3"][..]).prop_map(|number| AttributeValue::Integer(number.to_owned())),
        select(&["2.5", "1e1"][..]).prop_map(|number| AttributeValue::Float(number.to_owned())),
        Just(AttributeValue::Bool(true)),
        Just(AttributeValue::Null),
    ]
}

prop_compose! {
    fn record()(
        body in text(),
        host in prop::option::of(select(LITERALS)),
        attributes in prop::collection::vec((select(&["host.name", "n", "other"][..]), attribute_value()), 0..3),
        severity in 0..=24u8,
        severity_text in prop::option::of(select(&["ERR", "loud", "error"][..])),
        kind in select(&Kind::ALL[..]),
        trace in any::<Option<bool>>(),
        span in any::<Option<bool>>(),
        entities in prop::collection::vec(select(&["svc/a", "a", "error"][..]), 0..3),
    ) -> Record {
        let labels = host.map(|host| Labels::from([("host", host)])).unwrap_or_default();
        Record {
            attributes: attributes.into_iter().map(|(key, value)| Attribute { key: key.to_owned(), value }).collect(),
            severity: Severity::from_number(severity).expect("at most 24"),
            severity_text: severity_text.map(str::to_owned),
            kind,
            trace_id: trace.map(|trace| [if trace { 0xAB } else { 0x12 }; 16]),
            span_id: span.map(|span| if span { [0, 0xFF, 1, 2, 3, 4, 5, 6] } else { [7; 8] }),
            entities: entities.into_iter().map(str::to_owned).collect(),
            ..Record::line(Timestamp(1), Stream { tenant: 1, class: "default".to_owned(), labels }, body)
        }
    }
}

/// All patterns of the tree that are over bodies.
fn patterns<'a>(expr: &'a Expr, found: &mut Vec<&'a TextPattern>) {
    match expr {
        Expr::All => {}
        Expr::And(parts) | Expr::Or(parts) => parts.iter().for_each(|part| patterns(part, found)),
        Expr::Not(part) => patterns(part, found),
        Expr::Text(pattern) => found.push(pattern),
        Expr::Field(field) => {
            if let FieldMatcher::Pattern(pattern) = &field.matcher {
                found.push(pattern);
            }
        }
    }
}

/// The maximal runs of word characters of the folded text.
fn words(text: &[u8]) -> Vec<String> {
    let folded: Vec<String> = text.utf8_chunks().map(|chunk| fold_text(chunk.valid())).collect();
    folded
        .iter()
        .flat_map(|text| text.split(|c: char| !c.is_alphanumeric()))
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect()
}

fn config(cases: u32) -> ProptestConfig {
    ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(cases) }
}

proptest! {
    #![proptest_config(config(6_000))]

    #[test]
    fn the_matcher_and_the_oracle_agree(source in query(), records in prop::collection::vec(record(), 1..6)) {
        let query = Query::parse(&source).map_err(|error| TestCaseError::fail(format!("{source}: {error}")))?;
        let encoded = encode_records(Timestamp(2), &records);
        let batch = Batch::decode(&encoded).expect("a batch");
        let mut seen = 0;
        for raw in batch.records() {
            let view = raw.view(&batch.streams[raw.stream as usize], seen as u64);
            seen += 1;
            prop_assert_eq!(query.matches(&view), oracle::matches(&query, &view), "{} on {:?}", source, view);
        }
        prop_assert_eq!(seen, records.len());
    }

    #[test]
    fn a_literal_is_found_exactly_where_the_oracle_finds_it(
        literal in prop::collection::vec(select(LITERALS), 1..3), left: bool, right: bool, text in text(),
    ) {
        let pattern = TextPattern::literal(&literal.concat(), left, right);
        let required = pattern.required.first().expect("one literal");
        let occurs = oracle::literal_occurs(required, &text);
        prop_assert_eq!(pattern.is_match(&text), occurs, "{:?} in {:?}", required, text);
        let ranges = highlight(&Expr::Text(pattern.clone()), &text, 100);
        prop_assert_eq!(!ranges.is_empty(), occurs);
        for range in ranges {
            let shown = text.get(range).expect("a range of the text");
            prop_assert!(TextPattern::literal(&literal.concat(), false, false).is_match(shown), "{:?} in {:?}", shown, text);
        }
    }

    #[test]
    fn no_match_of_a_regular_expression_can_do_without_its_required_literals(
        regex in dense_regex(), texts in prop::collection::vec("[abk]{0,9}", 24),
    ) {
        let pattern = TextPattern::regex(&regex).map_err(|error| TestCaseError::fail(format!("{regex}: {error}")))?;
        for text in texts.iter().filter(|text| oracle::text_matches(&pattern, text.as_bytes())) {
            prop_assert!(pattern.is_match(text.as_bytes()), "{} needs {:?}, not in {:?}", regex, pattern.required, text);
        }
    }

    #[test]
    fn whatever_matches_has_the_required_literals_and_their_words(source in value(), text in text()) {
        for source in [format!("n:{source}"), source] {
            let Ok(query) = Query::parse(&source) else { continue };
            let mut found = Vec::new();
            patterns(&query.expr, &mut found);
            for pattern in found.into_iter().filter(|pattern| oracle::text_matches(pattern, &text)) {
                for required in &pattern.required {
                    prop_assert!(oracle::literal_occurs(required, &text), "{:?} of {} in {:?}", required, source, text);
                    let words = words(&text);
                    for (token, complete) in required_tokens(required) {
                        let has = words.iter().any(|word| if complete { word == token } else { word.contains(token) });
                        prop_assert!(has, "{} of {:?} in {:?}", token, required, text);
                    }
                }
            }
        }
    }
}
