use super::*;

type Labels = Vec<(String, String)>;

fn labels(text: &str) -> Labels {
    let pair = |p: &str| p.split_once('=').map(|(n, v)| (n.to_owned(), v.to_owned())).expect("name=value");
    text.split_whitespace().map(pair).collect()
}

fn rules(json: &str) -> Vec<RelabelRule> {
    serde_json::from_str(json).expect(json)
}

/// `expected` is `None` for a dropped stream.
fn check(json: &str, before: &str, expected: Option<&str>) {
    let relabel = Relabel::new(&rules(json)).expect(json);
    let mut after = labels(before);
    let is_kept = relabel.apply(&mut after);
    assert_eq!(is_kept.then_some(after), expected.map(labels), "{json} on {before}");
}

fn check_wrong(json: &str, expected: &[(&str, &str)]) {
    let wrongs = Relabel::new(&rules(json)).expect_err(json);
    let found: Vec<_> = wrongs.iter().map(|w| (w.key.as_str(), w.wrong.as_str())).collect();
    assert_eq!(found, expected, "{json}");
}

#[test]
fn replace() {
    check(r#"[{"source_labels":["a"],"target_label":"b"}]"#, "a=foo", Some("a=foo b=foo"));
    check(
        r#"[{"source_labels":["a"],"regex":"f(.*)","target_label":"b","replacement":"x${1}y"}]"#,
        "a=foo",
        Some("a=foo b=xooy"),
    );
    // Anchored at both ends.
    check(r#"[{"source_labels":["a"],"regex":"fo","target_label":"b","replacement":"x"}]"#, "a=foo", Some("a=foo"));
    check(
        r#"[{"source_labels":["a"],"regex":"x|foo","target_label":"b","replacement":"y"}]"#,
        "a=foo",
        Some("a=foo b=y"),
    );
    check(r#"[{"source_labels":["a"],"regex":"x|fo","target_label":"b","replacement":"y"}]"#, "a=foo", Some("a=foo"));
    check(
        r#"[{"source_labels":["a","b","c"],"regex":"f(.*);(.*)r;","target_label":"d","replacement":"$1-$2"}]"#,
        "a=foo b=bar",
        Some("a=foo b=bar d=oo-ba"),
    );
    check(
        r#"[{"source_labels":["a","b"],"separator":"/","target_label":"a"}]"#,
        "a=foo b=bar",
        Some("a=foo/bar b=bar"),
    );
    // An empty result removes the label; the target may come from the value, and is skipped if it is no name.
    check(r#"[{"source_labels":["a"],"target_label":"a","replacement":""}]"#, "a=foo b=bar", Some("b=bar"));
    check(
        r#"[{"source_labels":["a"],"regex":"(.*):(.*)","target_label":"t_$1","replacement":"$2"}]"#,
        "a=k:v",
        Some("a=k:v t_k=v"),
    );
    check(
        r#"[{"source_labels":["a"],"regex":"(.*):(.*)","target_label":"${1}","replacement":"$2"}]"#,
        "a=k-k:v",
        Some("a=k-k:v"),
    );
    // `$1x` is the group named `1x`, which there is none of.
    check(r#"[{"source_labels":["a"],"target_label":"b","replacement":"$1x"}]"#, "a=foo", Some("a=foo"));
    check(
        r#"[{"source_labels":["a"],"regex":"(?P<n>.*)","target_label":"b","replacement":"${n}x"}]"#,
        "a=foo",
        Some("a=foo b=foox"),
    );
    check(r#"[{"target_label":"site","replacement":"budapest"}]"#, "a=foo", Some("a=foo site=budapest"));
}

#[test]
fn keep_and_drop() {
    let keep = r#"[{"source_labels":["a"],"regex":"foo|bar.*","action":"keep"}]"#;
    check(keep, "a=foo", Some("a=foo"));
    check(keep, "a=barn", Some("a=barn"));
    check(keep, "a=food", None);
    check(keep, "b=foo", None);
    let drop = r#"[{"source_labels":["a"],"regex":"foo|bar.*","action":"drop"}]"#;
    check(drop, "a=foo", None);
    check(drop, "a=food", Some("a=food"));
    check(drop, "b=foo", Some("b=foo"));
    let equal = r#"[{"source_labels":["a"],"target_label":"b","action":"keepequal"}]"#;
    check(equal, "a=x b=x", Some("a=x b=x"));
    check(equal, "a=x b=y", None);
    let differ = r#"[{"source_labels":["a"],"target_label":"b","action":"dropequal"}]"#;
    check(differ, "a=x b=x", None);
    check(differ, "a=x b=y", Some("a=x b=y"));
}

#[test]
fn names() {
    check(
        r#"[{"regex":"__meta_(.+)","replacement":"k8s_$1","action":"labelmap"}]"#,
        "__meta_pod=p1 __meta_node=n1 host=h",
        Some("host=h k8s_node=n1 k8s_pod=p1"),
    );
    check(r#"[{"regex":"tmp_.*","action":"labeldrop"}]"#, "tmp_a=1 b=2 xtmp_c=3", Some("b=2 xtmp_c=3"));
    check(r#"[{"regex":"a|b","action":"labelkeep"}]"#, "a=1 b=2 ab=3", Some("a=1 b=2"));
}

#[test]
fn values() {
    check(r#"[{"source_labels":["a"],"target_label":"a","action":"lowercase"}]"#, "a=FooÁ", Some("a=fooá"));
    check(r#"[{"source_labels":["a","b"],"target_label":"c","action":"uppercase"}]"#, "a=x b=y", Some("a=x b=y c=X;Y"));
    // RFC 1321's digest of "foo" is acbd18db4cc2f85cedef654fccc4a4d8.
    assert_eq!(hash("foo"), 0xedef_654f_ccc4_a4d8);
    check(
        r#"[{"source_labels":["a"],"target_label":"shard","modulus":1000,"action":"hashmod"}]"#,
        "a=foo",
        Some("a=foo shard=696"),
    );
}

#[test]
fn hidden_labels_are_inputs() {
    check(
        r#"[{"source_labels":["__file__"],"regex":"/srv/([^/]+)/.*","target_label":"customer"},
            {"source_labels":["customer"],"regex":"test","action":"drop"}]"#,
        "host=h __file__=/srv/acme/app.log __unit__=x",
        Some("host=h customer=acme"),
    );
    check("[]", "host=h __file__=/x", Some("host=h"));
}

#[test]
fn every_problem_is_told() {
    check_wrong(
        r#"[{"source_labels":["a-b"],"target_label":"1x","regex":"("},
            {"action":"hashmod","target_label":"s"},
            {"action":"lowercase","replacement":"x"},
            {"action":"labeldrop","regex":"a","source_labels":["a"],"target_label":"t"},
            {"action":"labelmap","replacement":"-$1"},
            {"action":"keepequal","target_label":"t","regex":"x","modulus":3},
            {"target_label":"${1"}]"#,
        &[
            ("relabel[0].source_labels[0]", "is no label name"),
            ("relabel[0].target_label", "is no label name"),
            ("relabel[0].regex", "is no regular expression: unclosed group"),
            ("relabel[1].modulus", "is missing or 0"),
            ("relabel[2].target_label", "is missing, and lowercase needs it"),
            ("relabel[2].replacement", "has no meaning for lowercase"),
            ("relabel[3].source_labels", "has no meaning for labeldrop"),
            ("relabel[3].target_label", "has no meaning for labeldrop"),
            ("relabel[4].replacement", "is no label name"),
            ("relabel[5].regex", "has no meaning for keepequal"),
            ("relabel[5].modulus", "has no meaning for keepequal"),
            ("relabel[6].target_label", "is no label name"),
        ],
    );
    check_wrong(
        r#"[{"target_label":"t","regex":"a)(b"}]"#,
        &[("relabel[0].regex", "is no regular expression: unopened group")],
    );
    assert!(serde_json::from_str::<RelabelRule>(r#"{"targetLabel":"t"}"#).is_err());
    assert!(serde_json::from_str::<RelabelRule>(r#"{"action":"Replace"}"#).is_err());
}
