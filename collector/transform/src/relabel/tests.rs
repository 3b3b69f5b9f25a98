use super::*;
use crate::Wrong;

fn labels(text: &str) -> LabelBuilder {
    text.split_whitespace().map(|pair| pair.split_once('=').expect("name=value")).collect()
}

fn compile(json: &str, names: NameValidation) -> (Relabel, Vec<Wrong>) {
    let rules: Vec<RelabelConfig> = serde_json::from_str(json).expect(json);
    let mut wrongs = Vec::new();
    (Relabel::new(&rules, names, "r", &mut wrongs), wrongs)
}

/// `expected` is `None` where the target is dropped.
fn check(json: &str, before: &str, expected: Option<&str>) {
    let (relabel, wrongs) = compile(json, NameValidation::Utf8);
    assert_eq!(wrongs, [], "{json}");
    let mut after = labels(before);
    let is_kept = relabel.apply(&mut after);
    assert_eq!(is_kept.then_some(after), expected.map(labels), "{json} on {before}");
}

fn check_wrong(json: &str, names: NameValidation, expected: &[(&str, &str)]) {
    let (_, wrongs) = compile(json, names);
    let found: Vec<_> = wrongs.iter().map(|wrong| (wrong.key.as_str(), wrong.wrong.as_str())).collect();
    assert_eq!(found, expected, "{json}");
}

#[test]
fn replace() {
    let abc = "a=foo b=bar c=baz";
    check(r#"[{"source_labels":["a"],"target_label":"d"}]"#, abc, Some("a=foo b=bar c=baz d=foo"));
    check(
        r#"[{"source_labels":["a"],"regex":"f(.*)","target_label":"d","replacement":"ch${1}-ch${1}"}]"#,
        abc,
        Some("a=foo b=bar c=baz d=choo-choo"),
    );
    check(
        r#"[{"source_labels":["a","b"],"regex":"f(.*);(.*)r","target_label":"a","replacement":"b${1}${2}m"},
            {"source_labels":["c","a"],"regex":"(b).*b(.*)ba(.*)","target_label":"d","replacement":"$1$2$2$3"}]"#,
        abc,
        Some("a=boobam b=bar c=baz d=boooom"),
    );
    // Anchored at both ends, alternatives included.
    check(r#"[{"source_labels":["a"],"regex":"o$","target_label":"d","replacement":"x"}]"#, abc, Some(abc));
    check(r#"[{"source_labels":["a"],"regex":"x|fo","target_label":"d","replacement":"x"}]"#, abc, Some(abc));
    // An empty result removes the label.
    check(r#"[{"source_labels":["a"],"regex":"f(x)?.*","target_label":"a"}]"#, "a=foo b=bar", Some("b=bar"));
    check(r#"[{"target_label":"site","replacement":"eu"}]"#, "a=foo", Some("a=foo site=eu"));
    // The target may come from the value; where it becomes no name, nothing happens.
    check(
        r#"[{"source_labels":["a"],"regex":"some-([^-]+)-([^,]+)","target_label":"${1}","replacement":"${2}"}]"#,
        "a=some-name-value",
        Some("a=some-name-value name=value"),
    );
    check(
        r#"[{"source_labels":["a"],"regex":"(x)?.*","target_label":"$1","replacement":"y"}]"#,
        "a=foo",
        Some("a=foo"),
    );
    // `$1x` is the group named `1x`, which there is none of; `$$` is a dollar, and so is one before no name.
    check(r#"[{"source_labels":["a"],"target_label":"b","replacement":"$1x"}]"#, "a=foo", Some("a=foo"));
    check(r#"[{"source_labels":["a"],"target_label":"b","replacement":"$$1-${-$"}]"#, "a=foo", Some("a=foo b=$1-${-$"));
    check(
        r#"[{"source_labels":["a"],"regex":"(?P<n>.)(.*)","target_label":"b","replacement":"$n${2}x"}]"#,
        "a=foo",
        Some("a=foo b=foox"),
    );
    check(
        r#"[{"source_labels":["a","b"],"separator":"","target_label":"c"}]"#,
        "a=foo b=bar",
        Some("a=foo b=bar c=foobar"),
    );
    check(r#"[{"source_labels":["a"],"target_label":"a.b/ő"}]"#, "a=1", Some("a=1 a.b/ő=1"));
}

#[test]
fn line_ends_are_matched_by_dots() {
    let (relabel, _) = compile(r#"[{"source_labels":["a"],"regex":"x.*z","action":"drop"}]"#, NameValidation::Utf8);
    assert!(!relabel.apply(&mut [("a", "x\ny\nz")].into_iter().collect()));
    assert!(relabel.apply(&mut [("a", "x\ny\nz\n")].into_iter().collect()));
}

#[test]
fn keep_and_drop() {
    for (json, matching, other) in [
        (r#"[{"source_labels":["a"],"regex":"foo|ba.*","action":"keep"}]"#, Some("a=bar"), None),
        (r#"[{"source_labels":["a"],"regex":"foo|ba.*","action":"drop"}]"#, None, Some("a=xbar")),
    ] {
        check(json, "a=bar", matching);
        check(json, "a=xbar", other);
    }
    check(r#"[{"source_labels":["a"],"target_label":"b","action":"keepequal"}]"#, "a=x b=x", Some("a=x b=x"));
    check(r#"[{"source_labels":["a"],"target_label":"b","action":"KeepEqual"}]"#, "a=x b=y", None);
    check(r#"[{"source_labels":["a"],"target_label":"b","action":"dropequal"}]"#, "a=x b=x", None);
    check(r#"[{"source_labels":["a"],"target_label":"b","action":"dropequal"}]"#, "a=x b=y", Some("a=x b=y"));
    check(r#"[{"source_labels":["a"],"regex":"","action":"keep"}]"#, "b=x", Some("b=x"));
}

#[test]
fn names_and_values() {
    check(
        r#"[{"regex":"__meta_(.+)","replacement":"k_$1","action":"labelmap"}]"#,
        "__meta_pod=p __meta_node=n host=h",
        Some("__meta_pod=p __meta_node=n host=h k_pod=p k_node=n"),
    );
    check(r#"[{"regex":"b1|b2","replacement":"x","action":"labelmap"}]"#, "b2=2 b1=1", Some("b1=1 b2=2 x=2"));
    check(r#"[{"regex":"tmp_.*","action":"labeldrop"}]"#, "tmp_a=1 b=2 xtmp_c=3", Some("b=2 xtmp_c=3"));
    check(r#"[{"regex":"a|b","action":"labelkeep"}]"#, "a=1 b=2 ab=3", Some("a=1 b=2"));
    check(r#"[{"source_labels":["a"],"target_label":"b","action":"lowercase"}]"#, "a=FooÁ", Some("a=FooÁ b=fooá"));
    check(r#"[{"source_labels":["a","b"],"target_label":"c","action":"uppercase"}]"#, "a=x b=y", Some("a=x b=y c=X;Y"));
    // RFC 1321's digest of "foo" is acbd18db4cc2f85cedef654fccc4a4d8.
    assert_eq!(hash("foo"), 0xedef_654f_ccc4_a4d8);
    check(
        r#"[{"source_labels":["c"],"target_label":"d","action":"hashmod","modulus":1000}]"#,
        "c=baz",
        Some("c=baz d=976"),
    );
    check(
        r#"[{"source_labels":["a"],"target_label":"d","action":"hashmod","modulus":1000}]"#,
        "a=foo\n",
        Some("a=foo d=696"),
    );
}

#[test]
fn every_problem_is_told() {
    let missing = "is missing, and lowercase needs it";
    check_wrong(
        r#"[{"source_labels":["a"],"target_label":"t","regex":"("},
            {"action":"hashmod","target_label":"s"},
            {"action":"lowercase","replacement":"x"},
            {"action":"labeldrop","regex":"a","source_labels":["a"],"target_label":"t"},
            {"action":"labelmap","replacement":""},
            {"action":"keepequal","target_label":"t","regex":"x","modulus":3},
            {"target_label":"t","regex":"a)(b"}]"#,
        NameValidation::Utf8,
        &[
            ("r[0].regex", "is no regular expression: unclosed group"),
            ("r[1].modulus", "is missing or 0"),
            ("r[2].target_label", missing),
            ("r[2].replacement", "has no meaning for lowercase"),
            ("r[3].source_labels", "has no meaning for labeldrop"),
            ("r[3].target_label", "has no meaning for labeldrop"),
            ("r[4].replacement", "is no label name"),
            ("r[5].regex", "has no meaning for keepequal"),
            ("r[5].modulus", "has no meaning for keepequal"),
            ("r[6].regex", "is no regular expression: unopened group"),
        ],
    );
    let legacy = r#"[{"target_label":"a.b"},
            {"target_label":"${1"},
            {"action":"labelmap","replacement":"a-$1"},
            {"target_label":"a_${1}_$2"}]"#;
    check_wrong(
        legacy,
        NameValidation::Legacy,
        &[
            ("r[0].target_label", "is no label name"),
            ("r[1].target_label", "is no label name"),
            ("r[2].replacement", "is no label name"),
        ],
    );
    check_wrong(legacy, NameValidation::Utf8, &[]);
    assert!(serde_json::from_str::<RelabelConfig>(r#"{"targetLabel": "t"}"#).is_err());
    assert!(serde_json::from_str::<RelabelConfig>(r#"{"action": "replaced"}"#).is_err());
}
