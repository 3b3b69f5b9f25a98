use std::collections::BTreeMap;

use serde::Deserialize;

use super::*;

#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Sample {
    name: String,
    flag: bool,
    count: Option<u64>,
    share: f64,
    list: Vec<Sample>,
    labels: BTreeMap<String, String>,
}

#[test]
fn scalars_become_what_is_asked_for() {
    let text = "name: 1.0\nflag: yes\ncount: 0x10\nshare: 1e3\nlabels: {a: 010, 'b': true, c: ~, d: \"x\\ny\"}\n";
    let labels = [("a", "010"), ("b", "true"), ("c", ""), ("d", "x\ny")];
    let expected = Sample {
        name: "1.0".into(),
        flag: true,
        count: Some(16),
        share: 1000.0,
        list: vec![],
        labels: labels.map(|(name, value)| (name.to_owned(), value.to_owned())).into_iter().collect(),
    };
    assert_eq!(from_str::<Sample>(text), Ok(expected));
    assert_eq!(from_str::<Sample>("list:\ncount:\n"), Ok(Sample::default()));
    let json = r#"{"a": [1, -2, 1.5, true, null, "1"]}"#;
    let value: serde_json::Value = from_str(json).expect("reads");
    assert_eq!(value, serde_json::from_str::<serde_json::Value>(json).expect("reads"));
}

#[test]
fn aliases_and_merge_keys_are_resolved() {
    let text = "list:\n- &one {name: a, flag: true}\n- <<: *one\n  name: b\n- *one\n";
    let sample = |name: &str| Sample { name: name.into(), flag: true, ..Sample::default() };
    let read: Sample = from_str(text).expect("reads");
    assert_eq!(read.list, [sample("a"), sample("b"), sample("a")]);
}

#[test]
fn all_problems_are_told_with_their_places() {
    let text = "nme: x\nflag: maybe\nlist:\n- count: -1\n- list: [{share: [], name: {}}]\n  name: fine\n";
    let (read, problems) = read_all::<Sample>(Node::parse(text).expect("parses"));
    let told: Vec<_> = problems.iter().map(|problem| (problem.to_string(), problem.value.as_str())).collect();
    let expected = [
        ("nme: there is no such key", "x"),
        ("flag: must be a boolean", "maybe"),
        ("list[0].count: must be u64", "-1"),
        ("list[1].list[0].share: must be f64", ""),
        ("list[1].list[0].name: must be a string", ""),
    ];
    assert_eq!(told, expected.map(|(told, value)| (told.to_owned(), value)));
    assert_eq!(read.map(|read| read.list.len()), Some(2));
}

#[test]
fn broken_syntax_is_refused_with_its_line() {
    let told = |text: &str| Node::parse(text).map_err(|error| (error.mark.line, error.reason));
    assert_eq!(told("a: 1\nb: 2\na: 3\n"), Err((3, "the key `a` is there already, at line 1".to_owned())));
    assert_eq!(told("a: [1,\nb: {").map_err(|error| error.0), Err(2));
    let deep = "[".repeat(80) + &"]".repeat(80);
    assert_eq!(told(&deep), Err((1, "nested deeper than 64 levels".to_owned())));
    let mut laughs = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n".to_owned();
    for at in 1..9 {
        laughs += &format!("a{at}: &a{at} [{}]\n", vec![format!("*a{}", at - 1); 10].join(","));
    }
    assert_eq!(told(&laughs).map_err(|error| error.1), Err("more than 1048576 values".to_owned()));
}

#[test]
fn values_and_keys_know_where_they_stand() {
    let root = Node::parse("a: &one {b: 1}\nlist:\n  - x\n  - *one\n").expect("parses");
    let Content::Mapping(pairs) = &root.content else { panic!("{root:?}") };
    let mark = |line, column| Mark { line, column };
    let keys: Vec<(&str, Mark)> = pairs.iter().map(|(key, _)| (key.text.as_str(), key.mark)).collect();
    assert_eq!(keys, [("a", mark(1, 1)), ("list", mark(2, 1))]);
    let Some(Content::Sequence(items)) = root.get("list").map(|list| &list.content) else { panic!("{root:?}") };
    let items: Vec<(Mark, Option<Mark>)> =
        items.iter().map(|item| (item.mark, item.get("b").map(|inner| inner.mark))).collect();
    // An alias stands where it is written, what is in it where that is.
    assert_eq!(items, [(mark(3, 5), None), (mark(4, 5), Some(mark(1, 13)))]);
}
