use orszem_promql::ParseOptions;

use super::read;

fn told(text: &str) -> Vec<String> {
    match read(text, ParseOptions { is_experimental: false }) {
        Ok(_) => Vec::new(),
        Err(problems) => problems.0.iter().map(ToString::to_string).collect(),
    }
}

#[test]
fn a_file_with_all_there_is_is_read() {
    let text = "\
groups:
- name: node
  interval: 30s
  query_offset: 1m
  limit: 5
  labels: {team: ops, severity: none}
  rules:
  - record: job:up:sum
    expr: sum by (job) (up)
  - alert: Down
    expr: up == 0
    for: 5m
    keep_firing_for: 10m
    labels: {severity: critical, empty: ''}
    annotations: {summary: '{{ $labels.instance }} is down'}
- name: empty
";
    let file = read(text, ParseOptions { is_experimental: false }).expect("in order");
    let [node, empty] = file.groups.as_slice() else { panic!("two groups") };
    assert_eq!((node.interval_ms, node.query_offset_ms, node.limit), (Some(30_000), Some(60_000), 5));
    assert_eq!((empty.interval_ms, empty.rules.len()), (None, 0));
    let alert = node.rules[1].alert().expect("an alert");
    assert_eq!((alert.for_ms, alert.keep_firing_for_ms, node.rules[1].mark.line), (300_000, 600_000, 10));
    let labels: Vec<(&str, &str)> =
        node.rules[1].labels.iter().map(|(name, template)| (name.as_str(), template.text())).collect();
    assert_eq!(labels, [("empty", ""), ("severity", "critical"), ("team", "ops")]);
    assert_eq!(node.rules[1].raw_labels().len(), 2);
    assert_eq!(told(""), [""; 0]);
    assert_eq!(told("groups:\n"), [""; 0]);
}

#[test]
fn all_problems_are_told_with_their_places() {
    let text = "\
group: x
groups:
- name: a
  interval: 5
  rules:
  - record: r{x}
    expr: sum(
    for: 1m
  - alert: A
    expr: up
    labels: {__name__: x}
    annotations: {a: '{{ $nope }}'}
  - {}
- name: a
";
    assert_eq!(
        told(text),
        [
            "1:1: group: there is no such key; known here are groups, thresholds, logs, events",
            "4:13: groups[0].interval: not a valid duration string: \"5\"; write a length such as 30s, 5m or 1h30m",
            "6:13: groups[0].rules[0].record: braces in the name \"r{x}\"; selectors belong in expr, labels in labels",
            "7:11: groups[0].rules[0].expr: could not parse expression: 1:5: parse error: unclosed left parenthesis; mend the PromQL there",
            "8:5: groups[0].rules[0].for: rules that record have no such key; leave it out, or make the rule an alert",
            "11:14: groups[0].rules[1].labels: \"__name__\" is no label's name; leave it out: rules name the metric",
            "12:22: groups[0].rules[1].annotations.a: template: undefined variable \"$nope\"; mend the template there",
            "13:5: groups[0].rules[2].expr: the rule has no expression; write `expr: …`",
            "13:5: groups[0].rules[2]: the rule has no name; write `alert: Name` or `record: name`",
            "14:3: groups[1].name: the group \"a\" is there already, at line 3; give it another name",
        ]
    );
}

#[test]
fn each_wrong_file_has_one_problem() {
    for (rule, place) in [
        ("- name: ''\n", "1:3"),
        ("- name: g\n  rules: {a: b}\n", "2:10"),
        ("- name: g\n  limit: many\n", "2:10"),
        ("- name: g\n  limit: '5'\n", "2:10"),
        ("- name: g\n  name: h\n", "2:3"),
        ("- name: g\n  rules:\n  - {alert: A, record: b, expr: up}\n", "3:24"),
        ("- name: g\n  rules:\n  - {alert: A, expr: up, annotations: {'': x}}\n", "3:40"),
        ("- name: g\n  rules:\n  - {alert: A, expr: up, for: -5m}\n", "3:31"),
        ("- name: g\n  rules:\n  - {record: a, expr: up, annotations: {b: c}}\n", "3:27"),
        ("- name: g\n  rules:\n  - {alert: A, expr: up, severity: x}\n", "3:26"),
        ("- {name: g", "1:1"),
    ] {
        let told = told(&format!("groups:\n{rule}"));
        assert_eq!(told.len(), 1, "{rule}: {told:?}");
        let (line, column) = place.split_once(':').expect("a place");
        let line = line.parse::<usize>().expect("a line") + 1;
        if !rule.ends_with("{name: g") {
            assert!(told[0].starts_with(&format!("{line}:{column}: ")), "{rule}: {told:?}");
        }
    }
}
