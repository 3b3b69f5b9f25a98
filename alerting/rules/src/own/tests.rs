//! Rules and what comes of them, as files of unit tests; and their mistakes.

mod course;

use orszem_promql::ParseOptions;

use super::{EventRule, OwnRules};
use crate::read;
use crate::unit::{self, RuleSource};

const OPTIONS: ParseOptions = ParseOptions { is_experimental: false };

fn rules(text: &str) -> OwnRules {
    match read(text, OPTIONS) {
        Ok(file) => file.own,
        Err(problems) => panic!("{problems}"),
    }
}

fn told(text: &str) -> Vec<String> {
    match read(text, OPTIONS) {
        Ok(_) => Vec::new(),
        Err(problems) => problems.0.iter().map(ToString::to_string).collect(),
    }
}

/// Runs `tests` on `rules`; what fails.
fn run(rules: &str, tests: &str) -> Vec<String> {
    let file = unit::read(&format!("evaluation_interval: 15s\ntests:\n{tests}"), OPTIONS);
    let file = file.unwrap_or_else(|problems| panic!("{problems}"));
    let source = RuleSource { path: "rules.yml".to_owned(), text: rules.to_owned() };
    let reports = unit::run(&file, &[source], OPTIONS);
    reports.iter().flat_map(|report| report.failures.iter().map(|failure| format!("{failure:?}"))).collect()
}

#[track_caller]
fn passes(rules: &str, tests: &str) {
    assert_eq!(run(rules, tests), [""; 0]);
}

const DISK: &str = "\
thresholds:
- alert: DiskUsed
  value: 100 - 100 * avail{fstype!=\"tmpfs\"} / size
  warning: {above: 80, for: 1m, clear: 75, clear_for: 30s}
  critical: {above: 90, clear: 87}
  entity: host/{{ $labels.host }}
  labels: {team: storage}
  annotations: {summary: '{{ $labels.device }} is {{ printf \"%.0f\" $value }} % full ({{ $labels.severity }})'}
  runbook: |
    Look at what grows.
";

const DISK_TEST: &str = "\
- interval: 15s
  input_series:
  - {series: 'avail{host=\"a\",device=\"sda\",fstype=\"ext4\"}', values: '50 15x8 5x3 11 12 13 16x2 30x6'}
  - {series: 'size{host=\"a\",device=\"sda\",fstype=\"ext4\"}', values: '100x40'}
  - {series: 'avail{host=\"a\",device=\"shm\",fstype=\"tmpfs\"}', values: '1x40'}
  - {series: 'size{host=\"a\",device=\"shm\",fstype=\"tmpfs\"}', values: '100x40'}
  alert_rule_test:
";

fn expect(at: &str, level: &str) -> String {
    let head = format!("  - eval_time: {at}\n    alertname: DiskUsed\n");
    if level.is_empty() {
        return head;
    }
    let labels = "device: sda, entity: host/a, fstype: ext4, host: a, team: storage";
    format!("{head}    exp_alerts:\n    - exp_labels: {{severity: {level}, {labels}}}\n")
}

#[test]
fn a_ratio_has_levels_and_hysteresis() {
    let cases = [
        ("1m", ""),
        ("1m15s", "warning"),
        ("2m15s", "warning"),
        ("2m30s", "critical"),
        // 88 % is still above 87, and 87 % is not.
        ("3m45s", "critical"),
        ("4m", "warning"),
        // 70 % is below 75, and is so for half a minute.
        ("5m15s", "warning"),
        ("5m30s", ""),
    ];
    let tests: String = cases.iter().map(|(at, level)| expect(at, level)).collect();
    passes(DISK, &format!("{DISK_TEST}{tests}"));
    assert_eq!(run(DISK, &format!("{DISK_TEST}{}", expect("1m15s", "critical"))).len(), 1);
    let summary = "      exp_annotations: {summary: sda is 85 % full (warning), runbook: Look at what grows.}\n";
    passes(DISK, &format!("{DISK_TEST}{}{summary}", expect("1m15s", "warning")));
    assert_eq!(
        run(DISK, &format!("{DISK_TEST}{}{}", expect("1m15s", "warning"), summary.replace("85", "86"))).len(),
        1
    );
}

#[test]
fn series_are_aggregated_and_matched() {
    let rules = "\
thresholds:
- alert: Cpu
  value: 100 * (1 - avg without (cpu, mode) (rate(cpu_seconds_total{mode=\"idle\"}[1m])))
  warning: {above: 80}
- alert: Load
  value: load / count by (host) (cpu_seconds_total{mode=\"idle\"})
  warning: {at_least: 2}
- alert: Queue
  value: sum by (host) (queued) + on (host) waiting
  critical: {above: 10}
";
    let tests = "\
- interval: 15s
  input_series:
  - {series: 'cpu_seconds_total{host=\"a\",cpu=\"0\",mode=\"idle\"}', values: '0+15x4 60+1x4'}
  - {series: 'cpu_seconds_total{host=\"a\",cpu=\"1\",mode=\"idle\"}', values: '0+15x4 60+1x4'}
  - {series: 'load{host=\"a\"}', values: '1x4 4x4'}
  - {series: 'queued{host=\"a\",queue=\"x\"}', values: '3x8'}
  - {series: 'queued{host=\"a\",queue=\"y\"}', values: '3x8'}
  - {series: 'waiting{host=\"a\",kind=\"k\"}', values: '4x5 5x3'}
  alert_rule_test:
  - {eval_time: 1m, alertname: Cpu}
  - {eval_time: 1m, alertname: Load}
  - {eval_time: 1m15s, alertname: Queue}
  - {eval_time: 2m15s, alertname: Cpu, exp_alerts: [{exp_labels: {severity: warning, host: a}}]}
  - {eval_time: 2m, alertname: Load, exp_alerts: [{exp_labels: {severity: warning, host: a}}]}
  - {eval_time: 2m, alertname: Queue, exp_alerts: [{exp_labels: {severity: critical, host: a}}]}
";
    passes(rules, tests);
}

#[test]
fn what_is_no_number_stays_none() {
    let rules = "thresholds: [{alert: Free, value: 'clamp(clamp_min(free / size, 0), 0, 1)', warning: {below: 0.1}}]";
    let tests = |size: u32, expected: &str| {
        format!(
            "- interval: 15s\n  input_series:\n  - {{series: free, values: 0x4}}\n  - {{series: size, values: {size}x4}}\n  \
             alert_rule_test: [{{eval_time: 30s, alertname: Free{expected}}}]\n"
        )
    };
    passes(rules, &tests(0, ""));
    passes(rules, &tests(1, ", exp_alerts: [{exp_labels: {severity: warning}}]"));
}

#[test]
fn two_series_where_one_is_meant_are_an_error() {
    let rules = "thresholds: [{alert: A, value: a / on (host) b, warning: {above: 1}}]";
    let tests = "\
- interval: 15s
  input_series:
  - {series: 'a{host=\"a\",x=\"1\"}', values: '1x4'}
  - {series: 'a{host=\"a\",x=\"2\"}', values: '1x4'}
  - {series: 'b{host=\"a\"}', values: '1x4'}
  alert_rule_test: [{eval_time: 1m, alertname: A}]
";
    let failures = run(rules, tests);
    assert_eq!(failures.len(), 1, "{failures:?}");
    assert!(failures[0].contains("a finds several series for {\\\"host\\\": \\\"a\\\"}"), "{failures:?}");
}

#[test]
fn silence_is_what_the_rule_says() {
    let rules =
        |policy: &str| format!("thresholds: [{{alert: A, value: a, warning: {{above: 1}}, no_data: {policy}}}]");
    let tests = |values: &str, expected: &str| {
        format!("- interval: 15s\n  input_series: [{{series: a, values: '{values}'}}]\n  alert_rule_test:\n{expected}")
    };
    let fires = |at: &str, level: &str| {
        format!("  - {{eval_time: {at}, alertname: A, exp_alerts: [{{exp_labels: {{severity: {level}}}}}]}}\n")
    };
    let quiet = |at: &str| format!("  - {{eval_time: {at}, alertname: A}}\n");
    let ended = [fires("15s", "warning"), quiet("20m")].concat();
    passes(&rules("{after: 5m, policy: ok}"), &tests("5 5", &ended));
    passes(&rules("{after: 5m, policy: keep}"), &tests("5 5", &fires("20m", "warning")));
    let silent = [quiet("4m45s"), fires("5m30s", "critical"), fires("9m", "critical"), quiet("10m")].concat();
    passes(&rules("{after: 5m, policy: alert, severity: critical}"), &tests("0 0 _x37 0x3", &silent));
    // A series that was ended is over at once.
    passes(&rules("{after: 5m, policy: keep}"), &tests("5 5 stale", &[fires("15s", "warning"), quiet("30s")].concat()));
}

#[test]
fn logs_are_counted_by_group() {
    let rules = "\
logs:
- alert: Guessing
  query: '\"Failed password\" service:sshd'
  kind: frequency
  count: 5
  window: 1m
  by: [host, user]
  severity: critical
  annotations: {summary: '{{ $value }} failed logins of {{ $labels.user }}'}
- {alert: Oom, query: '\"Out of memory\"', clear_after: 2m, by: [host]}
- {alert: Quiet, query: 'service:backup', kind: flatline, count: 1, window: 5m}
- {alert: NewUser, query: 'service:sshd', kind: new_term, field: user, known_for: 7d, learn: 1m, clear_after: 1m}
";
    let tests = "\
- log_lines:
  - {at: 30s, times: 5, every: 1s, line: 'Failed password for eve', labels: {host: a, service: sshd}, fields: {user: eve}}
  - {at: 30s, times: 4, every: 1s, line: 'Failed password for bob', labels: {host: a, service: sshd}, fields: {user: bob}}
  - {at: 30s, times: 9, every: 1s, line: 'Accepted password for eve', labels: {host: b, service: sshd}, fields: {user: eve}}
  - {at: 2m, line: 'Out of memory: Killed process 1', labels: {host: a}}
  - {at: 2m, line: 'session opened', labels: {host: a, service: sshd}, fields: {user: mallory}}
  - {at: 6m30s, line: done, labels: {service: backup}}
  alert_rule_test:
  - {eval_time: 30s, alertname: Guessing}
  - eval_time: 45s
    alertname: Guessing
    exp_alerts: [{exp_labels: {severity: critical, host: a, user: eve}, exp_annotations: {summary: 5 failed logins of eve}}]
  - {eval_time: 1m30s, alertname: Guessing, exp_alerts: [{exp_labels: {severity: critical, host: a, user: eve}}]}
  - {eval_time: 1m45s, alertname: Guessing}
  - eval_time: 3m45s
    alertname: Oom
    exp_alerts: [{exp_labels: {severity: warning, host: a}, exp_annotations: {record: 'Out of memory: Killed process 1'}}]
  - {eval_time: 4m, alertname: Oom}
  - {eval_time: 4m45s, alertname: Quiet}
  - {eval_time: 5m, alertname: Quiet, exp_alerts: [{exp_labels: {severity: warning}}]}
  - {eval_time: 6m30s, alertname: Quiet}
  - {eval_time: 11m30s, alertname: Quiet, exp_alerts: [{exp_labels: {severity: warning}}]}
  - {eval_time: 1m45s, alertname: NewUser}
  - {eval_time: 2m, alertname: NewUser, exp_alerts: [{exp_labels: {severity: warning, user: mallory}}]}
  - {eval_time: 3m, alertname: NewUser}
";
    passes(rules, tests);
}

#[test]
fn facts_begin_and_end_alerts() {
    let text = "\
events:
- {alert: NodeLost, fact: node.lost, severity: critical, for: 30s}
- {alert: Failover, fact: service.failover, clear_after: 10m}
- {alert: Drbd, fact: [drbd.degraded, drbd.connection_lost], entity_prefix: drbd/}
";
    let tests = "\
- facts:
  - {at: 1m, fact: node.lost, entity: host/b, labels: {cluster: lab}, text: b is gone}
  - {at: 1m, fact: node.lost, entity: host/c, labels: {cluster: lab}}
  - {at: 1m15s, fact: node.joined, entity: host/c, labels: {cluster: lab}}
  - {at: 3m, fact: node.joined, entity: host/b, labels: {cluster: lab}}
  - {at: 1m, fact: service.failover, entity: service/db}
  - {at: 1m, fact: drbd.connection_lost, entity: drbd/r0/0}
  - {at: 4m, fact: drbd.connected, entity: drbd/r0/0}
  alert_rule_test:
  - {eval_time: 1m15s, alertname: NodeLost}
  - eval_time: 1m30s
    alertname: NodeLost
    exp_alerts:
    - exp_labels: {severity: critical, cluster: lab, entity: host/b, host: b}
      exp_annotations: {fact: b is gone}
  - {eval_time: 2m45s, alertname: NodeLost, exp_alerts: [{exp_labels: {severity: critical, cluster: lab, entity: host/b, host: b}}]}
  - {eval_time: 3m, alertname: NodeLost}
  - {eval_time: 10m45s, alertname: Failover, exp_alerts: [{exp_labels: {severity: warning, entity: service/db}}]}
  - {eval_time: 11m, alertname: Failover}
  - {eval_time: 3m45s, alertname: Drbd, exp_alerts: [{exp_labels: {severity: warning, entity: drbd/r0/0, drbd: r0/0}}]}
  - {eval_time: 4m, alertname: Drbd}
";
    passes(text, tests);
    let EventRule { until, .. } = &rules(text).events[2];
    let names: Vec<&str> = until.iter().map(|fact| fact.name()).collect();
    assert_eq!(names, ["drbd.restored", "drbd.connected"]);
}

#[test]
fn mistakes_are_told_with_place_and_remedy() {
    let text = "\
thresholds:
- alert: A
  value: a > 5
  warning: {above: 1}
- alert: B
  value: topk(3, a)
  warning: {above: 1, below: 2}
- alert: C
  value: rate(a[5m] offset 1h)
  critical: {above: 80, clear: 85}
- alert: D
  value: a
- {alert: E, value: absent(a), warning: {above: 80}, critical: {above: 70}}
- {alert: A, value: a * on (x) group_left b, warning: {for: 5m}, labels: {severity: page}}
- {value: 'quantile_over_time(0.9, a[1h])', warning: {above: 1}, no_data: {policy: perhaps}}
logs:
- {alert: L, query: 'a AND', kind: sometimes}
- {alert: M, query: a, kind: frequency, field: user}
- {alert: N, kind: new_term}
events:
- {alert: O, fact: node.vanished}
- {alert: P, fact: service.failover}
";
    let expected = [
        "3:10: thresholds[0].value: `a > 5` compares; give the value alone, and the bound in `warning` or `critical`; or write it as a Prometheus rule, in `groups:`",
        "6:10: thresholds[1].value: `topk(3, a)` aggregates by topk; write it as a Prometheus rule, in `groups:`",
        "7:23: thresholds[1].warning.below: the level has two bounds; leave one of them out",
        "9:10: thresholds[2].value: `rate(a[5m] offset 1h)` looks at another time than that of the sample; write it as a Prometheus rule, in `groups:`",
        "10:32: thresholds[2].critical.clear: it clears at 85, which is not on the calm side of 80; write 80 or less",
        "11:3: thresholds[3]: the rule has no level; write `warning: {above: …}` or `critical: …`",
        "13:3: thresholds[4].critical: critical begins at 70 and warning at 80; exchange the two bounds",
        "13:21: thresholds[4].value: `absent(a)` calls absent, which can't be computed for each sample; write it as a Prometheus rule, in `groups:`",
        "14:21: thresholds[5].value: `a * on (x) group_left b` matches many with one; write it as a Prometheus rule, in `groups:`",
        "14:55: thresholds[5].warning: the level has no bound; write `above: 90` or `below: 10`",
        "14:75: thresholds[5].labels: \"severity\" is not to be set; the levels say it",
        "15:3: thresholds[6].alert: the rule has no name; write `alert: Name`",
        "15:11: thresholds[6].value: `quantile_over_time(0.9, a[1h])` calls quantile_over_time, which can't be computed for each sample; write it as a Prometheus rule, in `groups:`",
        "15:75: thresholds[6].no_data.policy: \"perhaps\" is no policy; write ok, keep or alert",
        "17:3: logs[0].kind: \"sometimes\" is no kind of log rule; write any, frequency, flatline or new_term",
        "18:3: logs[1].window: the rule has no window; write `window: 5m`",
        "18:41: logs[1].field: rules of kind frequency have no such key; leave it out, or change the kind",
        "19:3: logs[2].query: the rule has no query; write `query: …`, `'*'` for all records",
        "19:3: logs[2].field: the rule has no field; write `field: user`",
        "21:20: events[0].fact: there is no fact \"node.vanished\"; of this family are node.lost, node.left, node.joined, node.standby, node.active, node.maintenance, node.maintenance_ended, node.unclean, node.clean",
        "22:3: events[1]: no fact ends service.failover; write `clear_after: 1h`, or name one in `until`",
    ];
    let told = told(text);
    let told: Vec<&String> = told.iter().filter(|line| !line.contains("logs[0].query")).collect();
    assert_eq!(told, expected);
}

#[test]
fn a_name_is_there_once() {
    let text = "thresholds: [{alert: A, value: a, warning: {above: 1}}]\nevents:\n- {alert: A, fact: node.lost}\n";
    assert_eq!(told(text), ["3:3: alert: the rule \"A\" is there already, at line 1; give it another name"]);
}
