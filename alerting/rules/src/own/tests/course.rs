//! What comes of rules over time: history, restarts, series that come and go.

use orszem_alerting::{AlertKey, Input, Level, State};
use orszem_model::wire::{Batch, encode_records};
use orszem_model::{Fact, FactKind, Labels, Record, STALE, Stream, Timestamp};

use super::rules;
use crate::own::{Events, Logs, Thresholds};

const LIMIT: &str = "thresholds: [{alert: Hot, value: t, warning: {above: 80, for: 1m}}]";

fn at(seconds: i64) -> Timestamp {
    Timestamp(seconds * 1_000_000_000)
}

/// State changes as text.
fn shown(inputs: &[Input]) -> Vec<String> {
    let text = |input: &Input| match input {
        Input::Level { key, state, at, .. } => format!("{} {state} {}", key.rule, at.0 / 1_000_000_000),
        other => format!("{other:?}"),
    };
    inputs.iter().map(text).collect()
}

fn feed(thresholds: &mut Thresholds, seconds: i64, value: f64, now: i64) -> Vec<String> {
    let labels = || Some(Labels::from([("__name__", "t"), ("host", "a")]));
    thresholds.sample(7, labels, seconds * 1_000, value, at(now));
    shown(&thresholds.drain())
}

#[test]
fn history_is_told_and_taken_back_unless_it_still_holds() {
    let new = || Thresholds::new(rules(LIMIT).thresholds, at(100_000));
    let mut thresholds = new();
    assert_eq!(feed(&mut thresholds, 10, 90.0, 100_000), ["Hot pending warning 10"]);
    assert_eq!(feed(&mut thresholds, 70, 90.0, 100_000), ["Hot firing warning 70"]);
    thresholds.tick(at(100_001));
    assert_eq!(shown(&thresholds.drain()), ["Hot ok 70"], "nobody knows how it is now");
    // What is of now says that it is still so, after as long a wait.
    assert_eq!(feed(&mut thresholds, 99_950, 90.0, 100_002), ["Hot firing warning 99950"]);
    thresholds.tick(at(100_003));
    assert_eq!(shown(&thresholds.drain()), [""; 0]);
    // A bad twin: what is of now all along is not taken back.
    let mut thresholds = new();
    feed(&mut thresholds, 99_900, 90.0, 100_000);
    assert_eq!(feed(&mut thresholds, 99_960, 90.0, 100_000), ["Hot firing warning 99960"]);
    thresholds.tick(at(100_500));
    assert_eq!(shown(&thresholds.drain()), [""; 0]);
}

#[test]
fn what_is_pending_goes_on_after_a_restart() {
    let mut before = Thresholds::new(rules(LIMIT).thresholds, at(0));
    assert_eq!(feed(&mut before, 10, 90.0, 10), ["Hot pending warning 10"]);
    let kept = before.encode();
    let mut after = Thresholds::new(rules(LIMIT).thresholds, at(20));
    assert!(!after.restore(&kept[..kept.len() - 1]) && !after.restore(&[]) && !after.restore(&[9, 0]));
    assert!(after.restore(&kept));
    assert_eq!(after.encode(), kept, "it is kept until its series comes");
    assert_eq!(feed(&mut after, 40, 90.0, 40), [""; 0]);
    assert_eq!(feed(&mut after, 70, 90.0, 70), ["Hot firing warning 70"]);
    // The engine lost the last of it.
    let key = AlertKey { rule: "Hot".to_owned(), labels: Labels::from([("host", "a")]) };
    after.reconcile(&[(key.clone(), State::Pending(Level::Warning))], at(71));
    assert_eq!(shown(&after.drain()), ["Hot firing warning 70"]);
    after.reconcile(&[(key, State::Firing(Level::Warning))], at(72));
    assert_eq!(shown(&after.drain()), [""; 0]);
}

#[test]
fn what_comes_back_no_more_is_over() {
    let mut before = Thresholds::new(rules(LIMIT).thresholds, at(0));
    feed(&mut before, 10, 90.0, 10);
    let mut after = Thresholds::new(rules(LIMIT).thresholds, at(20));
    assert!(after.restore(&before.encode()));
    after.give_up_waiting(at(400));
    assert_eq!(shown(&after.drain()), ["Hot ok 400"]);
    // What the engine knows and nobody here does is over, too.
    let key = AlertKey { rule: "Hot".to_owned(), labels: Labels::from([("host", "b")]) };
    after.reconcile(&[(key, State::Firing(Level::Warning))], at(401));
    assert_eq!(shown(&after.drain()), ["Hot ok 401"]);
}

#[test]
fn what_facts_and_records_began_goes_on_after_a_restart() {
    let text = "\
events: [{alert: NodeLost, fact: node.lost, for: 30s}]
logs: [{alert: Oom, query: '*', by: [host], clear_after: 2m}]
";
    let (mut events, mut logs) = (Events::new(rules(text).events), Logs::new(rules(text).logs, at(0)));
    events.fact(&fact(FactKind::NodeLost, "host/a", 10), &Labels::default(), at(10));
    let stream = Stream { tenant: 0, class: "default".into(), labels: Labels::from([("host", "a")]) };
    let encoded = encode_records(at(10), &[Record::line(at(10), stream, b"Out of memory")]);
    let batch = Batch::decode(&encoded).expect("a batch");
    for (raw, stream) in batch.records().zip(&batch.streams) {
        logs.record(&raw.view(stream, 0), at(10));
    }
    assert_eq!(shown(&events.drain()), ["NodeLost pending warning 10"]);
    assert_eq!(shown(&logs.drain()), ["Oom firing warning 10"]);
    let (kept_events, kept_logs) = (events.encode(), logs.encode());
    let (mut events, mut logs) = (Events::new(rules(text).events), Logs::new(rules(text).logs, at(20)));
    assert!(!events.restore(&kept_events[..kept_events.len() - 1]) && !logs.restore(&[9, 0]));
    assert!(events.restore(&kept_events) && logs.restore(&kept_logs));
    assert_eq!((events.encode(), logs.encode()), (kept_events, kept_logs));
    // The engine knows nothing of the one, and something that is over.
    let known = |rule: &str, host: &str, entity: &str| {
        let labels = Labels::from([("host", host), ("entity", entity)]);
        AlertKey { rule: rule.to_owned(), labels: labels.without(|name| labels.get(name) == Some("")) }
    };
    let over = [
        (known("NodeLost", "b", "host/b"), State::Firing(Level::Warning)),
        (known("Oom", "b", ""), State::Firing(Level::Warning)),
    ];
    events.reconcile(&over, at(21));
    logs.reconcile(&over, at(21));
    assert_eq!(shown(&events.drain()), ["NodeLost ok 21", "NodeLost pending warning 10"]);
    assert_eq!(shown(&logs.drain()), ["Oom ok 21", "Oom firing warning 10"]);
    // A good twin: it knows all.
    let all = [
        (known("NodeLost", "a", "host/a"), State::Pending(Level::Warning)),
        (known("Oom", "a", ""), State::Firing(Level::Warning)),
    ];
    events.reconcile(&all, at(22));
    logs.reconcile(&all, at(22));
    assert_eq!(shown(&[events.drain(), logs.drain()].concat()), [""; 0]);
}

#[test]
fn an_end_that_does_not_last_is_none() {
    let text = "events: [{alert: NodeLost, fact: node.lost, clear_for: 30s}]";
    let mut events = Events::new(rules(text).events);
    let mut shown_at = |kind: Option<FactKind>, seconds: i64| {
        if let Some(kind) = kind {
            events.fact(&fact(kind, "host/a", seconds), &Labels::default(), at(seconds));
        }
        events.tick(at(seconds));
        shown(&events.drain())
    };
    use FactKind::{NodeJoined, NodeLost};
    assert_eq!(shown_at(Some(NodeLost), 10), ["NodeLost firing warning 10"]);
    assert_eq!(shown_at(Some(NodeJoined), 20), ["NodeLost recovering warning 20"]);
    assert_eq!(shown_at(Some(NodeJoined), 30), [""; 0]);
    assert_eq!(shown_at(None, 49), [""; 0]);
    assert_eq!(shown_at(Some(NodeLost), 49), ["NodeLost firing warning 49"], "it goes on");
    assert_eq!(shown_at(Some(NodeJoined), 60), ["NodeLost recovering warning 60"]);
    assert_eq!(shown_at(None, 90), ["NodeLost ok 90"]);
}

fn fact(kind: FactKind, entity: &str, seconds: i64) -> Fact {
    Fact {
        at: at(seconds),
        kind,
        entity: entity.to_owned(),
        others: Vec::new(),
        from: String::new(),
        to: String::new(),
        cause: String::new(),
        duration_ms: None,
        details: Vec::new(),
        text: String::new(),
        records: Vec::new(),
    }
}

#[test]
fn quiet_series_are_forgotten_and_found_again() {
    let mut thresholds = Thresholds::new(rules(LIMIT).thresholds, at(0));
    feed(&mut thresholds, 10, 1.0, 10);
    assert_eq!(thresholds.counts(), (1, 0));
    thresholds.tick(at(1_000));
    assert_eq!(thresholds.counts(), (1, 0));
    thresholds.tick(at(5_000));
    assert_eq!(thresholds.counts(), (0, 0));
    assert_eq!(feed(&mut thresholds, 5_010, 90.0, 5_010), ["Hot pending warning 5010"]);
    assert_eq!(thresholds.counts(), (1, 0));
    assert_eq!(feed(&mut thresholds, 5_020, STALE, 5_020), ["Hot ok 5020"]);
}

#[test]
fn a_series_under_another_number_is_the_same() {
    let rule = "thresholds: [{alert: Sum, value: sum by (host) (t), warning: {above: 15}}]";
    let mut thresholds = Thresholds::new(rules(rule).thresholds, at(0));
    let labels = Labels::from([("__name__", "t"), ("host", "a")]);
    thresholds.history(&labels, 1_000, 10.0, at(1));
    thresholds.sample(1, || Some(labels.clone()), 2_000, 10.0, at(2));
    thresholds.sample(2, || Some(labels.clone()), 3_000, 10.0, at(3));
    thresholds.sample(2, || None, 4_000, 10.0, at(4));
    assert_eq!(shown(&thresholds.drain()), [""; 0]);
    thresholds.sample(2, || None, 5_000, 16.0, at(5));
    assert_eq!(shown(&thresholds.drain()), ["Sum firing warning 5"]);
}

#[test]
fn the_first_samples_of_series_that_belong_together_make_a_value() {
    let rule = "thresholds: [{alert: Ratio, value: used / size, warning: {above: 0.8}}]";
    let mut thresholds = Thresholds::new(rules(rule).thresholds, at(0));
    let labels = |name: &str| Labels::from([("__name__", name), ("host", "a")]);
    thresholds.sample(1, || Some(labels("used")), 1_000, 90.0, at(1));
    assert_eq!(shown(&thresholds.drain()), [""; 0]);
    thresholds.sample(2, || Some(labels("size")), 1_000, 100.0, at(1));
    assert_eq!(shown(&thresholds.drain()), ["Ratio firing warning 1"]);
    // Those of one time are computed with each other.
    thresholds.sample(1, || None, 2_000, 10.0, at(2));
    thresholds.sample(2, || None, 2_000, 10.0, at(2));
    assert_eq!(shown(&thresholds.drain()), [""; 0]);
    thresholds.sample(2, || None, 3_000, 100.0, at(3));
    thresholds.sample(1, || None, 3_000, 10.0, at(3));
    assert_eq!(shown(&thresholds.drain()), ["Ratio ok 3"]);
}

#[test]
fn members_that_are_new_count_with_those_of_their_time() {
    let rule = "thresholds: [{alert: Spread, value: max by (host) (t) - min by (host) (t), warning: {above: 5}}]";
    let mut thresholds = Thresholds::new(rules(rule).thresholds, at(0));
    let labels = |cpu: &str| Labels::from([("__name__", "t"), ("cpu", cpu), ("host", "a")]);
    for second in 1..5 {
        for cpu in 0..3 {
            // All rise by ten a second, so that only those of different times are apart.
            let name = cpu.to_string();
            thresholds.sample(cpu, || Some(labels(&name)), second * 1_000, second as f64 * 10.0, at(second));
        }
    }
    assert_eq!(shown(&thresholds.drain()), [""; 0]);
}
