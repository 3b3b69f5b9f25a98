//! Rule files and unit tests by a seed: some in order, some wrong in one of many ways.

use std::fmt::Write;

use orszem_promql::ParseOptions;
use orszem_rules::unit::{self, Alerted, Failure, RuleSource};

pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) rules: String,
    pub(crate) tests: String,
}

/// Xorshift.
struct Dice(u64);

impl Dice {
    fn below(&mut self, count: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % count
    }

    fn one<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[self.below(of.len())]
    }

    fn comes(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }
}

const EXPRS: [&str; 27] = [
    "m0 > #",
    "m1{a=\"x\"} >= #",
    "# < m0",
    "m0{a=~\"x|y\"} != #",
    "(m1) <= -#",
    "sum by (a) (m0) > #",
    "sum(m1) without (a) > #",
    "rate(m0[4m30s]) * 60 > #",
    "increase(m0[3m30s]) > #",
    "absent(m9)",
    "absent(m1)",
    "rec:0 > #",
    "rec:1",
    "m0 == bool #",
    "m0 and on (a) m1 > #",
    "m0 unless on (a) (m1 > #)",
    "max_over_time(m0[3m30s]) - m1",
    "count(ALERTS{alertstate=\"firing\"}) > 0",
    "ALERTS_FOR_STATE",
    "vector(#)",
    "#",
    "m0 offset 2m > #",
    "label_replace(m0, \"b\", \"$1-b\", \"a\", \"(.*)\") > #",
    "topk(1, m1) > #",
    "count by (job) (m0 > #)",
    "time() > 60 * #",
    "avg_over_time((m0 > #)[3m30s:1m])",
];

/// They are read, and fail when they are evaluated.
const FAILING: [&str; 4] = ["m0 * on () m1", "\"text\"", "m0[5m]", "m0 + on (job) group_left () m1"];

const TEXTS: [&str; 24] = [
    "plain",
    "{{ $value }}",
    "{{ $labels.a }} is {{ .Value | humanize }}",
    "{{ $labels.missing }}|{{ $labels.instance }}",
    "{{ $value | humanizeDuration }} {{ $value | humanize1024 }} {{ $value | humanizePercentage }}",
    "{{ printf \"%.2f %5d %-5s|%q %v\" $value 7 \"s\" \"q\" true }}",
    "{{ if gt $value 5.0 }}high{{ else if eq $labels.a \"x\" }}x{{ else }}low{{ end }}",
    "{{ range $k, $v := $labels }}{{ $k }}={{ $v }};{{ end }}",
    "{{ with query \"m1\" | sortByLabel \"a\" }}{{ . | first | value }}{{ len . }}{{ else }}none{{ end }}",
    "{{ range query \"m0\" | sortByLabel \"a\" }}{{ label \"a\" . }}:{{ .Value }} {{ end }}",
    "{{ $externalLabels.site }} {{ .ExternalLabels.nope }}",
    "{{ $labels.a | toUpper | printf \"%s!\" }} {{ title \"one two\" }}",
    "{{ reReplaceAll \"(x|y)\" \"<$1>\" $labels.a }} {{ match \"^x\" $labels.a }}",
    "{{ humanizeTimestamp 1.5e9 }} {{ parseDuration \"1h30m\" }} {{ 1e6 }} {{ 1234567.5 }}",
    "{{ define \"t\" }}[{{ . }}]{{ end }}{{ template \"t\" $labels.a }}",
    "  {{- /* gone */ -}} trimmed {{- 3 -}} !",
    "{{ args 1 \"a\" }} {{ (args 1 2).arg1 }} {{ len $labels }} {{ index $labels \"a\" }} {{ index $labels \"no\" }}",
    "{{ and $labels.a \"yes\" }} {{ or $labels.no \"default\" }} {{ not $labels.a }} {{ html \"<&>\" }} {{ slice \"abcd\" 1 3 }}",
    "{{ stripPort \"host:9100\" }} {{ graphLink \"up{a=\\\"b\\\"}\" }} {{ tableLink \"up\" }} {{ safeHtml \"<b>\" }}",
    "{{ $x := 1 }}{{ range $i, $s := query \"m0\" }}{{ $x = $i }}{{ end }}{{ $x }} {{ print 1 2 \"a\" 3 }}",
    "{{ .Labels }} {{ humanize \"1234\" }} {{ humanize 0.00012 }} {{ 0x10 }} {{ 'a' }} {{ -3 }} {{ le 1 2 }} {{ ne \"a\" \"b\" }}",
    "{{ $labels }} {{ . }}",
    "{{ printf \"%d %s %f\" \"x\" 1.5 \"y\" }} {{ printf \"%d\" }} {{ printf \"a\" 1 }} {{ printf \"%05.1f|%+d|%x|%e\" 2.5 3 255 12345.678 }}",
    "{{ if and (gt $value 1.0) (lt $value 8.0) }}mid{{ end }}{{ with $labels.a }}{{ . }}{{ end }}{{ break_free }}",
];

/// What `query` gives has no order in promtool, which is why templates sort it first.
/// In order but for the one that asks for a function that is not there.
fn text(dice: &mut Dice) -> &'static str {
    TEXTS[dice.below(TEXTS.len() - 1)]
}

const BAD_TEXTS: [&str; 16] = [
    "{{ if true }}x",
    "{{ nofunc 1 }}",
    "{{ $x }}",
    "{{ end }}",
    "{{ range $a, $b, $c := .Labels }}{{ end }}",
    "{{ \"abc }}",
    "{{ 1 | 2 }}",
    "{{ break }}",
    "{{ }}",
    "{{ (1 }}",
    "{{ 1) }}",
    "{{ .Labels.x y }}",
    "{{ else }}",
    "{{ true.x }}",
    "{{ \"a\"\"b\" }}",
    "{{ unclosed",
];

const BAD_GROUPS: [&str; 15] = [
    "  - record: r\n    expr: m0\n    for: 5m\n",
    "  - record: r\n    expr: m0\n    annotations: {a: b}\n",
    "  - record: r\n    alert: A\n    expr: m0\n",
    "  - expr: m0\n",
    "  - alert: A\n",
    "  - alert: A\n    expr: 'm0 >'\n",
    "  - alert: A\n    expr: sum(m0\n",
    "  - alert: A\n    expr: m0\n    unknown: 1\n",
    "  - alert: A\n    expr: m0\n    for: 5\n",
    "  - alert: A\n    expr: m0\n    for: [5m]\n",
    "  - alert: A\n    expr: m0\n    labels: {__name__: x}\n",
    "  - alert: A\n    expr: m0\n    labels: [a]\n",
    "  - alert: A\n    expr: rate(m0)\n",
    "  - record: r\n    expr: m0\n    keep_firing_for: 5m\n",
    "  - alert: A\n    alert: B\n    expr: m0\n",
];

const VALUES: [&str; 14] = [
    "0+1x30",
    "10-1x30",
    "1 2 3 4 5 6 7 8 9 10",
    "5x30",
    "1 _ 3 _ 5 _ 7 8 9 10x20",
    "1x5 stale 7x20",
    "0 0 0 9x3 0x20",
    "0x4 8x2 0x2 8x10 0x10",
    "3+2x10 stale _x3 4x12",
    "-1-1x20",
    "0+0.5x30",
    "2 2 2 stale",
    "1e2x5 .5x5 +3x5 7.",
    "0+10x4 5+10x20",
];

pub(crate) fn cases(count: usize) -> Vec<Case> {
    (0..count).map(case).collect()
}

fn case(at: usize) -> Case {
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15 ^ (at as u64 + 1).wrapping_mul(0xd134_2543_de82_ef95));
    for _ in 0..8 {
        dice.below(2);
    }
    let name = format!("case{at:03}");
    let rules = rules(&mut dice);
    let tests = tests(&mut dice, &name, &rules);
    Case { name, rules, tests }
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

fn rules(dice: &mut Dice) -> String {
    let mut out = "groups:\n".to_owned();
    let is_bad = dice.comes(18);
    for group in 0..1 + dice.below(2) {
        let name = if is_bad && dice.comes(15) { String::new() } else { format!("g{group}") };
        let name = if is_bad && group == 1 && dice.comes(20) { "g0".to_owned() } else { name };
        writeln!(out, "- name: '{name}'").expect("writes");
        if dice.comes(15) {
            writeln!(out, "  limit: {}", dice.below(3)).expect("writes");
        }
        if dice.comes(20) {
            writeln!(out, "  interval: {}", dice.one(&["30s", "1m", "2m"])).expect("writes");
        }
        out.push_str("  rules:\n");
        for at in 0..1 + dice.below(3) {
            rule(dice, at, &mut out, is_bad);
        }
        if is_bad && dice.comes(70) {
            out.push_str(dice.one(&BAD_GROUPS));
        }
    }
    out
}

fn rule(dice: &mut Dice, at: usize, out: &mut String, is_bad: bool) {
    let mut expr = dice.one(&EXPRS).replace('#', &dice.below(9).to_string());
    if dice.comes(4) {
        expr = dice.one(&FAILING).to_owned();
    }
    if dice.comes(30) {
        writeln!(out, "  - record: rec:{at}\n    expr: {}", quoted(&expr)).expect("writes");
        if dice.comes(40) {
            out.push_str(dice.one(&[
                "    labels: {job: fixed}\n",
                "    labels: {a: ''}\n",
                "    labels: {a: '{{ $value }}', z: z}\n",
            ]));
        }
        return;
    }
    writeln!(out, "  - alert: A{at}\n    expr: {}", quoted(&expr)).expect("writes");
    if dice.comes(50) {
        writeln!(out, "    for: {}", dice.one(&["0s", "1m", "90s", "2m", "5m", "0"])).expect("writes");
    }
    if dice.comes(30) {
        writeln!(out, "    keep_firing_for: {}", dice.one(&["1m", "2m", "150s"])).expect("writes");
    }
    if dice.comes(50) {
        out.push_str("    labels:\n");
        writeln!(out, "      severity: {}", dice.one(&["warning", "critical", "7", "'{{ $labels.a }}'"]))
            .expect("writes");
        if dice.comes(25) {
            out.push_str(dice.one(&[
                "      a: ''\n",
                "      a: same\n",
                "      extra: '{{ $value }}'\n",
                "      site: '{{ $externalLabels.site }}'\n",
            ]));
        }
    }
    if dice.comes(80) {
        out.push_str("    annotations:\n");
        writeln!(out, "      summary: {}", quoted(text(dice))).expect("writes");
        if dice.comes(40) {
            writeln!(out, "      more: {}", quoted(text(dice))).expect("writes");
        }
        if is_bad && dice.comes(30) {
            writeln!(out, "      broken: {}", quoted(dice.one(&BAD_TEXTS))).expect("writes");
        }
    }
}

/// Tests that want what we give, or something else.
fn tests(dice: &mut Dice, name: &str, rules: &str) -> String {
    let mut head = format!("rule_files: [{name}.rules.yml]\nevaluation_interval: {}\n", dice.one(&["1m", "30s", "2m"]));
    // Without it promtool takes groups in any order.
    head.push_str("group_eval_order: [g0, g1]\n");
    if dice.comes(3) {
        head.push_str(dice.one(&["unknown: 1\n", "group_eval_order: [g0, g0]\n", "evaluation_interval: 5m\n"]));
    }
    head.push_str("tests:\n- interval: 1m\n  input_series:\n");
    for metric in 0..2 {
        for label in ["x", "y"] {
            if dice.comes(80) {
                let values = if dice.comes(1) { "1 2 oops" } else { dice.one(&VALUES) };
                writeln!(head, "  - series: 'm{metric}{{a=\"{label}\",job=\"j\"}}'\n    values: '{values}'")
                    .expect("writes");
            }
        }
    }
    if dice.comes(40) {
        head.push_str("  external_labels: {site: north}\n");
    }
    let times: Vec<&str> =
        (0..1 + dice.below(4)).map(|_| dice.one(&["0m", "90s", "3m", "5m", "7m30s", "12m", "20m"])).collect();
    let mut asked = String::from("  alert_rule_test:\n");
    for time in &times {
        for alert in 0..3 {
            writeln!(asked, "  - eval_time: {time}\n    alertname: A{alert}").expect("writes");
        }
    }
    let found = found(&format!("{head}{asked}"), rules);
    let mut out = head;
    out.push_str("  alert_rule_test:\n");
    for time in &times {
        for alert in 0..3 {
            let alert = format!("A{alert}");
            writeln!(out, "  - eval_time: {time}\n    alertname: {alert}").expect("writes");
            let none = Vec::new();
            let key = (orszem_promql::parse_duration_ms(time).expect("a length"), alert);
            let alerts = found.iter().find(|known| known.0 == key).map_or(&none, |known| &known.1);
            expected(dice, alerts, &mut out);
        }
    }
    if dice.comes(50) {
        out.push_str("  promql_expr_test:\n");
        let wanted = dice.one(&[
            "[]",
            "[{labels: '{}', value: 4}]",
            "[{labels: '{}', value: 2}]",
            "[{labels: 'm0{', value: 2}]",
        ]);
        let expr = dice.one(&[
            "count(m0)",
            "count({__name__=~\"m.\"})",
            "count(ALERTS) > 99",
            "1 + 1",
            "count(rec:0) * 0 + 4",
        ]);
        writeln!(out, "  - expr: {}\n    eval_time: 2m\n    exp_samples: {wanted}", quoted(expr)).expect("writes");
    }
    out
}

/// What fires, by time and name.
fn found(tests: &str, rules: &str) -> Vec<((i64, String), Vec<Alerted>)> {
    let options = ParseOptions { is_experimental: false };
    let Ok(file) = unit::read(tests, options) else { return Vec::new() };
    let source = RuleSource { path: "rules".into(), text: rules.to_owned() };
    let reports = unit::run(&file, &[source], options);
    let failures = reports.into_iter().flat_map(|report| report.failures);
    failures
        .filter_map(|failure| match failure {
            Failure::Alerts { alertname, time_ms, got, .. } => Some(((time_ms, alertname), got)),
            _ => None,
        })
        .collect()
}

/// What fires, now and then with a change.
fn expected(dice: &mut Dice, alerts: &[Alerted], out: &mut String) {
    let changed = dice.comes(3);
    if alerts.is_empty() {
        if changed {
            out.push_str("    exp_alerts: [{exp_labels: {a: x}}]\n");
        }
        return;
    }
    out.push_str("    exp_alerts:\n");
    let dropped = if changed && dice.comes(50) { Some(dice.below(alerts.len())) } else { None };
    for (at, alert) in alerts.iter().enumerate() {
        if Some(at) == dropped {
            out.push_str("    - {}\n");
            continue;
        }
        out.push_str("    - exp_labels:\n        alertname: overwritten\n");
        for (name, value) in alert.labels.iter().filter(|(name, _)| *name != "alertname") {
            writeln!(out, "        {name}: {}", quoted(value)).expect("writes");
        }
        out.push_str("      exp_annotations: {");
        for (name, value) in alert.annotations.iter() {
            let value = if changed && dropped.is_none() { format!("{value}!") } else { value.to_owned() };
            write!(out, "{name}: {}, ", quoted(&value)).expect("writes");
        }
        out.push_str("}\n");
    }
}
