use orszem_model::{Labels, is_stale};
use orszem_promql::memory::Memory;
use orszem_promql::notation::series;
use orszem_promql::{Never, ParseOptions, Point};

use super::*;

const MINUTE: i64 = 60_000;

/// Series with a sample a minute.
fn memory(lines: &[&str]) -> Memory {
    let mut memory = Memory::default();
    for line in lines {
        let (labels, values) = series(line).expect("a series");
        for (at, number) in (0..).zip(values) {
            if let Some(number) = number {
                memory.push(&labels, at * MINUTE, &number).expect("in order");
            }
        }
    }
    memory
}

fn group(rules: &str) -> GroupState {
    grouped(&format!("groups:\n- name: g\n  rules:\n{rules}"), false)
}

fn grouped(text: &str, restores: bool) -> GroupState {
    let file = crate::read(text, ParseOptions { is_experimental: false }).expect("rules");
    GroupState::new(file.groups.into_iter().next().expect("a group"), restores)
}

fn pass(group: &mut GroupState, memory: &Memory, at: i64) -> GroupOutcome {
    evaluate(&mut [group], memory, &Environment::default(), &Never, at).pop().expect("one outcome")
}

/// Stores what a pass gave.
fn store(memory: &mut Memory, outcome: &GroupOutcome) {
    for sample in &outcome.samples {
        assert!(matches!(sample.point, Point::Float(_)), "a number");
        memory.push(&sample.labels, sample.time, &sample.point).expect("in order");
    }
}

/// Samples as text; `-` marks the end of a series.
fn shown(outcome: &GroupOutcome) -> Vec<String> {
    let sample = |sample: &NewSample| {
        let labels: Vec<String> = sample.labels.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let value = match sample.point {
            Point::Float(value) if is_stale(value) => "-".to_owned(),
            Point::Float(value) => value.to_string(),
            Point::Histogram(_) => "histogram".to_owned(),
        };
        format!("{} {value}", labels.join(","))
    };
    outcome.samples.iter().map(sample).collect()
}

fn error(outcome: &GroupOutcome) -> String {
    outcome.rules.iter().map(RuleOutcome::last_error).collect::<Vec<_>>().join(";")
}

#[test]
fn an_alert_pends_fires_keeps_firing_resolves_and_is_forgotten() {
    let memory = memory(&["m{a=\"x\"} 0 1 1 1 0 0 0 1 0x30"]);
    let mut group = group("  - alert: A\n    expr: m > 0\n    for: 2m\n    keep_firing_for: 2m\n");
    let states: Vec<Option<AlertState>> = (0..26)
        .map(|minute| {
            pass(&mut group, &memory, minute * MINUTE);
            group.alerts(0).next().map(|alert| alert.state)
        })
        .collect();
    let mut expected = vec![None, Some(AlertState::Pending), Some(AlertState::Pending), Some(AlertState::Firing)];
    // Without an element for less than two minutes.
    expected.extend([Some(AlertState::Firing), Some(AlertState::Firing), Some(AlertState::Inactive)]);
    // Pending again, and gone at once.
    expected.extend([Some(AlertState::Pending), None]);
    expected.resize(26, None);
    assert_eq!(states, expected);
}

#[test]
fn a_resolved_alert_is_kept_for_a_quarter_of_an_hour() {
    let memory = memory(&["m 1 0x40"]);
    let mut group = group("  - alert: A\n    expr: m > 0\n");
    let kept = (0..40).filter(|minute| {
        pass(&mut group, &memory, minute * MINUTE);
        group.alerts(0).next().is_some()
    });
    // Resolved at 1, and older than 15 minutes at 17.
    assert_eq!(kept.collect::<Vec<_>>(), (0..17).collect::<Vec<_>>());
}

#[test]
fn observations_tell_of_what_is_active_and_of_what_ends() {
    let memory = memory(&["m{a=\"x\"} 3 3 0 0"]);
    let mut group = group("  - alert: A\n    expr: m > 0\n    annotations: {s: 'at {{ $value }}'}\n");
    let observed = |outcome: GroupOutcome| {
        let observations = outcome.rules.into_iter().flat_map(|rule| rule.observations);
        observations.map(|seen| (seen.state, seen.value, seen.active_at)).collect::<Vec<_>>()
    };
    assert_eq!(observed(pass(&mut group, &memory, 0)), [(AlertState::Firing, Some(3.0), 0)]);
    assert_eq!(observed(pass(&mut group, &memory, MINUTE)), [(AlertState::Firing, Some(3.0), 0)]);
    assert_eq!(observed(pass(&mut group, &memory, 2 * MINUTE)), [(AlertState::Inactive, None, 0)]);
    assert_eq!(observed(pass(&mut group, &memory, 3 * MINUTE)), []);
    let alert = group.alerts(0).next().expect("kept");
    assert_eq!(
        (&alert.labels, &alert.annotations, alert.resolved_at),
        (&Labels::from([("a", "x"), ("alertname", "A")]), &Labels::from([("s", "at 3")]), Some(2 * MINUTE))
    );
}

#[test]
fn rules_see_what_rules_before_them_gave_and_series_that_go_are_ended() {
    let mut memory = memory(&["m{a=\"x\"} 1 2 0 0", "m{a=\"y\"} 3 3 3 3"]);
    let mut group = group(
        "  - record: r\n    expr: sum by (a) (m > 0)\n    labels: {b: c}\n  - alert: A\n    expr: r > 1\n    for: 1m\n    labels: {sev: '{{ $labels.a }}'}\n",
    );
    let first = pass(&mut group, &memory, 0);
    store(&mut memory, &first);
    assert_eq!(
        shown(&first),
        [
            "__name__=r,a=x,b=c 1",
            "__name__=r,a=y,b=c 3",
            "__name__=ALERTS,a=y,alertname=A,alertstate=pending,b=c,sev=y 1",
            "__name__=ALERTS_FOR_STATE,a=y,alertname=A,b=c,sev=y 0"
        ]
    );
    let second = pass(&mut group, &memory, MINUTE);
    store(&mut memory, &second);
    assert_eq!(
        shown(&second),
        [
            "__name__=r,a=x,b=c 2",
            "__name__=r,a=y,b=c 3",
            "__name__=ALERTS,a=y,alertname=A,alertstate=firing,b=c,sev=y 1",
            "__name__=ALERTS_FOR_STATE,a=y,alertname=A,b=c,sev=y 0",
            "__name__=ALERTS,a=x,alertname=A,alertstate=pending,b=c,sev=x 1",
            "__name__=ALERTS_FOR_STATE,a=x,alertname=A,b=c,sev=x 60",
            "__name__=ALERTS,a=y,alertname=A,alertstate=pending,b=c,sev=y -"
        ]
    );
    let third = pass(&mut group, &memory, 2 * MINUTE);
    assert_eq!(
        shown(&third),
        [
            "__name__=r,a=y,b=c 3",
            "__name__=r,a=x,b=c -",
            "__name__=ALERTS,a=y,alertname=A,alertstate=firing,b=c,sev=y 1",
            "__name__=ALERTS_FOR_STATE,a=y,alertname=A,b=c,sev=y 0",
            "__name__=ALERTS,a=x,alertname=A,alertstate=pending,b=c,sev=x -",
            "__name__=ALERTS_FOR_STATE,a=x,alertname=A,b=c,sev=x -"
        ]
    );
}

#[test]
fn rules_that_fail_say_why_and_keep_their_alerts() {
    let memory = memory(&["m{a=\"x\"} 1 1 1", "m{a=\"y\"} 0 1 1"]);
    let mut group = group("  - alert: A\n    expr: m > 0\n    labels: {a: ''}\n");
    assert_eq!(error(&pass(&mut group, &memory, 0)), "");
    let second = pass(&mut group, &memory, MINUTE);
    assert_eq!(error(&second), "vector contains metrics with the same labelset after applying alert labels");
    assert_eq!((second.samples, group.alerts(0).count()), (vec![], 1));
    for (rule, expected) in [
        (
            "  - record: r\n    expr: m\n    labels: {a: b}\n",
            "vector contains metrics with the same labelset after applying rule labels",
        ),
        ("  - alert: A\n    expr: m[5m]\n", "rule result is not a vector or scalar"),
        ("  - record: r\n    expr: '\"text\"'\n", "rule result is not a vector or scalar"),
        ("  - record: r\n    expr: '4'\n", ""),
    ] {
        assert_eq!(error(&pass(&mut self::group(rule), &memory, MINUTE)), expected, "{rule}");
    }
}

#[test]
fn beyond_its_limit_a_rule_fails_and_has_no_alerts() {
    let memory = memory(&["m{a=\"x\"} 1 1", "m{a=\"y\"} 0 1"]);
    let of = |rule: &str| grouped(&format!("groups:\n- name: g\n  limit: 1\n  rules:\n{rule}"), false);
    let mut alerts = of("  - alert: A\n    expr: m > 0\n");
    assert_eq!(error(&pass(&mut alerts, &memory, 0)), "");
    assert_eq!(error(&pass(&mut alerts, &memory, MINUTE)), "exceeded limit of 1 with 2 alerts");
    assert_eq!(alerts.alerts(0).count(), 0);
    let mut series = of("  - record: r\n    expr: m > 0\n");
    assert_eq!(error(&pass(&mut series, &memory, MINUTE)), "exceeded limit of 1 with 2 series");
}

/// What is computed once for many rules is what each would get alone.
#[test]
fn shared_results_are_those_of_each_rule_alone() {
    let memory = memory(&[
        "m{a=\"x\",i=\"1\"} 1 2 3 4 5",
        "m{a=\"x\",i=\"2\"} 5 4 3 2 stale",
        "m{a=\"y\",i=\"3\"} {{count:2 sum:3 buckets:[2]}}x5",
        "m{i=\"4\"} -1x5",
        "n 7x5",
    ]);
    let exprs = [
        "m{i=\"1\"} > 2",
        "m{i=\"2\"} > 2",
        "2 < m{i=\"1\"}",
        "m{a=\"x\"}",
        "m{a=\"\"} < 0",
        "m",
        "m{i=~\"1|4\"} != 5",
        "-2 <= m",
        "m{i=\"1\"} offset 2m > 1",
        "m{i=\"9\"}",
        "n == 7",
        "n == bool 7",
        "(((n))) >= 7",
        "sum by (a) (m) > 1",
        "sum by (a) (m) > 3",
        "sum by (a) (m)",
        "m{i=\"4\"} @ 60 < 0",
        "n{} > 8",
    ];
    let rule = |at: usize, expr: &str| format!("  - record: r{at}\n    expr: '{expr}'\n");
    let rules: String = exprs.iter().enumerate().map(|(at, expr)| rule(at, expr)).collect();
    let mut many = group(&rules);
    let mut alone: Vec<GroupState> = exprs.iter().enumerate().map(|(at, expr)| group(&rule(at, expr))).collect();
    for minute in 0..6 {
        let together = pass(&mut many, &memory, minute * MINUTE);
        let each: Vec<NewSample> =
            alone.iter_mut().flat_map(|group| pass(group, &memory, minute * MINUTE).samples).collect();
        // Stale markers are no numbers, and so not equal to each other.
        assert_eq!(format!("{:?}", together.samples), format!("{each:?}"), "minute {minute}");
        assert!(!each.is_empty());
    }
}

#[test]
fn times_are_taken_up_again_after_a_restart() {
    let hour = 60 * MINUTE;
    // The alert was active from 0 on, and is seen last at 20 minutes.
    let memory = |value: &str| memory(&["m 1x200", &format!("ALERTS_FOR_STATE{{alertname=\"A\"}} {value}")]);
    let active_at = |for_minutes: i64, value: &str, now: i64| {
        let rules = format!("groups:\n- name: g\n  rules:\n  - alert: A\n    expr: m > 0\n    for: {for_minutes}m\n");
        let (mut group, memory) = (grouped(&rules, true), memory(value));
        assert_eq!(pass(&mut group, &memory, now - MINUTE).samples, [], "nothing is written before");
        group.restore(&memory, Restoring::default(), now).expect("restores");
        assert_eq!(pass(&mut group, &memory, now).samples.len(), 2);
        group.alerts(0).next().expect("active").active_at
    };
    let now = 50 * MINUTE;
    // It was firing.
    assert_eq!(active_at(15, "0x20", now), 0);
    // It has less than 10 minutes to go: those.
    assert_eq!(active_at(25, "0x20", now) + 25 * MINUTE, now + 10 * MINUTE);
    // It has more: the time away does not count.
    assert_eq!(active_at(60, "0x20", now), 30 * MINUTE);
    // Too short to wait for, ended, or too long ago.
    assert_eq!(active_at(5, "0x20", now), now - MINUTE);
    assert_eq!(active_at(15, "0x19 stale", now), now - MINUTE);
    assert_eq!(active_at(15, "0x20", 20 * MINUTE + hour + MINUTE), 20 * MINUTE + hour);
}

#[test]
fn a_group_that_is_read_anew_goes_on_where_rules_are_the_same() {
    let memory = memory(&["m 1x20"]);
    let old = "  - alert: A\n    expr: m > 0\n    for: 5m\n  - record: gone\n    expr: m\n";
    let new = "  - record: other\n    expr: m\n  - alert: A\n    expr: m >= 1\n    for: 5m\n";
    let mut before = group(old);
    pass(&mut before, &memory, 0);
    let mut after = group(new);
    after.take_over(before);
    assert_eq!(after.alerts(1).map(|alert| alert.active_at).collect::<Vec<_>>(), [0]);
    let outcome = pass(&mut after, &memory, MINUTE);
    assert_eq!(shown(&outcome).last().map(String::as_str), Some("__name__=gone -"));
    assert_eq!(after.into_series().len(), 3);
}

#[test]
fn an_offset_moves_what_is_asked_and_what_is_written() {
    let memory = memory(&["m 0 1 2 3"]);
    let mut group = grouped("groups:\n- name: g\n  query_offset: 1m\n  rules:\n  - record: r\n    expr: m\n", false);
    let samples = pass(&mut group, &memory, 3 * MINUTE).samples;
    assert_eq!(
        samples.iter().map(|sample| (sample.time, sample.point.clone())).collect::<Vec<_>>(),
        [(2 * MINUTE, Point::Float(2.0))]
    );
}
