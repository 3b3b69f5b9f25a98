use orszem_promql::ParseOptions;

use super::{Failure, RuleSource, TestReport, read, run};

const OPTIONS: ParseOptions = ParseOptions { is_experimental: false };

const RULES: &str = "\
groups:
- name: g
  rules:
  - alert: High
    expr: m > 3
    for: 1m
    annotations: {summary: '{{ $labels.a }} at {{ $value }} in {{ $externalLabels.site }}'}
  - record: half
    expr: m / 2
";

fn reports(tests: &str) -> Vec<TestReport> {
    let file = read(tests, OPTIONS).expect("tests");
    run(&file, &[RuleSource { path: "r.yml".into(), text: RULES.into() }], OPTIONS)
}

fn check(test: &str, is_fine: bool) {
    let text = format!("rule_files: [r.yml]\ntests:\n- interval: 1m\n{test}");
    let reports = reports(&text);
    assert_eq!(reports.iter().all(|report| report.failures.is_empty()), is_fine, "{test}\n{reports:#?}");
}

const INPUT: &str = "  external_labels: {site: north}\n  input_series:\n  - {series: 'm{a=\"x\"}', values: '0+1x10'}\n";

#[test]
fn alerts_are_compared_with_labels_and_annotations() {
    let test = |time: &str, expected: &str| {
        format!("{INPUT}  alert_rule_test:\n  - {{eval_time: {time}, alertname: High, exp_alerts: {expected}}}\n")
    };
    let right = "[{exp_labels: {a: x}, exp_annotations: {summary: x at 5 in north}}]";
    check(&test("5m", right), true);
    check(&test("5m30s", right), true);
    check(&test("4m", "[]"), true);
    check(&test("5m", "[]"), false);
    check(&test("6m", right), false);
    check(&test("5m", "[{exp_labels: {a: y}, exp_annotations: {summary: x at 5 in north}}]"), false);
    check(&test("5m", "[{exp_labels: {a: x}}]"), false);
    check(&test("4m", right), false);
}

#[test]
fn queries_are_compared_with_their_numbers_and_histograms() {
    let test = |expr: &str, expected: &str| {
        format!(
            "{INPUT}  - {{series: h, values: '{{{{count:3 sum:4 buckets:[3]}}}}x5'}}\n  promql_expr_test:\n  - {{expr: '{expr}', eval_time: 3m, exp_samples: {expected}}}\n"
        )
    };
    check(&test("half", "[{labels: 'half{a=\"x\"}', value: 1.5}]"), true);
    check(&test("half", "[{labels: 'half{a=\"x\"}', value: 1.6}]"), false);
    check(&test("half", "[{labels: half, value: 1.5}]"), false);
    check(&test("1 + 1", "[{value: 2}]"), true);
    check(&test("m[5m]", "[]"), false);
    check(&test("h", "[{labels: h, histogram: '{{count:3 sum:4 buckets:[3]}}'}]"), true);
    check(&test("h", "[{labels: h, histogram: '{{count:4 sum:4 buckets:[4]}}'}]"), false);
    check(&test("h", "[{labels: h, value: 3}]"), false);
    check(&test("nothing", "[]"), true);
}

#[test]
fn a_start_moves_all_times_and_neighbours_may_count_as_equal() {
    let dated = "  start_timestamp: 2024-01-01T00:00:00Z\n  promql_expr_test:\n";
    check(&format!("{INPUT}{dated}  - {{expr: time(), eval_time: 1m, exp_samples: [{{value: 1704067260}}]}}\n"), true);
    check(&format!("{INPUT}{dated}  - {{expr: time(), eval_time: 1m, exp_samples: [{{value: 60}}]}}\n"), false);
    check(
        &format!(
            "{INPUT}  start_timestamp: 1000\n  promql_expr_test:\n  - {{expr: m, eval_time: 2m, exp_samples: [{{labels: 'm{{a=\"x\"}}', value: 2}}]}}\n"
        ),
        true,
    );
    let sum = "tests:\n- interval: 1m\n  promql_expr_test:\n  - {expr: 0.1 + 0.2, exp_samples: [{value: 0.3}]}\n";
    let failures = |text: &str| reports(text).iter().map(|report| report.failures.len()).sum::<usize>();
    assert_eq!((failures(sum), failures(&format!("fuzzy_compare: true\n{sum}"))), (1, 0));
}

#[test]
fn what_is_wrong_with_files_is_told() {
    let told = |text: &str| {
        read(text, OPTIONS).map_err(|problems| problems.0.iter().map(ToString::to_string).collect::<Vec<_>>())
    };
    let series = "tests:\n- input_series:\n  - {series: 'm{', values: '1 2'}\n";
    assert_eq!(told(series).map_err(|told| told.len()), Err(1));
    let order = told("group_eval_order: [a, a]\nfile: x\n").expect_err("wrong");
    assert_eq!(
        order,
        [
            "1:19: group_eval_order[1]: \"a\" is there already; leave it out",
            "2:1: file: there is no such key; known here are rule_files, evaluation_interval, group_eval_order, tests, fuzzy_compare"
        ]
    );
    let reports = reports("tests:\n- name: n\n  alert_rule_test: [{eval_time: 1m}]\n");
    assert_eq!(reports, [TestReport { name: "n".into(), failures: vec![Failure::NoAlertname { time_ms: 60_000 }] }]);
    let file = read("tests: [{}]\n", OPTIONS).expect("tests");
    let broken = RuleSource { path: "b.yml".into(), text: "groups: 5\n".into() };
    assert!(matches!(run(&file, &[broken], OPTIONS)[0].failures[..], [Failure::RuleFile { .. }]));
}
