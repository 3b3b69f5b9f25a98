//! A replay says what the live evaluation said.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use orszem_alerting::Level;
use orszem_model::{FactKind, Timestamp};

use super::*;
use crate::alerting::AlertingConfig;
use crate::alerting::own::tests::{Server, fact, file, line, start_with};
use crate::maintenance;

const RULES: &str = "\
groups:
- name: load
  interval: 1s
  rules:
  - {record: load:double, expr: load * 2}
  - {alert: Loaded, expr: 'load:double > 10', for: 2s, labels: {severity: critical}}
thresholds:
- {alert: Hot, value: temperature, warning: {above: 80}, critical: {above: 90}, entity: 'host/{{ $labels.host }}'}
- {alert: Double, value: 'load:double', warning: {above: 10}}
logs: [{alert: Broken, query: broken, kind: frequency, count: 2, window: 1m, by: [host], clear_after: 10s}]
events: [{alert: Lost, fact: node.lost, for: 1s}]
";

const FIRING: [&str; 5] = [
    r#"Broken{"host": "a"} firing warning"#,
    r#"Double{"host": "a"} firing warning"#,
    r#"Hot{"entity": "host/a", "host": "a"} firing critical"#,
    r#"Loaded{"host": "a", "severity": "critical"} firing critical"#,
    r#"Lost{"cluster": "lab", "entity": "host/b", "host": "b"} firing warning"#,
];

fn ask(from: Timestamp, to: Timestamp) -> ReplayAsk {
    let mut rules = AlertingConfig::default().sources(0, false, "").expect("no files");
    rules.files.push(("rules.yml".to_owned(), file(RULES)));
    ReplayAsk { rules, from, to }
}

fn patience() -> ReplayPatience {
    ReplayPatience { until: Instant::now() + Duration::from_secs(60), cancel: Arc::new(AtomicBool::new(false)) }
}

fn soon() -> i64 {
    // Applied before any evaluation looks at it: what is in time is not a matter of who was quicker.
    maintenance::now().0 / 1_000_000 + 700
}

/// As live transitions are shown.
fn shown(change: &Change) -> (String, Timestamp) {
    let labels: BTreeMap<&str, &str> = change.key.labels.iter().collect();
    let labels = serde_json::to_string(&labels).expect("labels");
    (format!("{} {labels} {}", change.key.rule, change.state), change.at)
}

async fn lived(server: &Server) {
    server.sample_at(soon(), &[("temperature", 85.0), ("load", 8.0)]).await;
    server.record(fact(FactKind::NodeLost)).await;
    server.sample_at(soon(), &[("temperature", 95.0)]).await;
    let [broken, rest @ ..] = FIRING;
    server.until(&rest).await;
    // It ends by itself, and so comes last.
    server.record(line("broken")).await;
    server.record(line("broken again")).await;
    server.until(&[&[broken], &rest[..]].concat()).await;
    server.record(fact(FactKind::NodeJoined)).await;
    server.sample_at(soon(), &[("temperature", 20.0), ("load", 1.0)]).await;
    server.until(&[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn replay_says_what_the_live_evaluation_said() {
    let directory = tempfile::tempdir().expect("a directory");
    let from = maintenance::now();
    let begun = ask(from, from.after(Duration::from_secs(1)));
    let server = start_with(directory.path(), begun.rules);
    lived(&server).await;
    let handle = server.alerting.handle();
    let mut live = handle.store.transitions();
    let missed: u64 = handle.groups.borrow().iter().map(|group| group.missed).sum();
    let to = maintenance::now();

    let asked = ask(from, to);
    let (indexer, samples) = (server.indexer.clone(), server.samples.clone());
    let run = move || (replay(&indexer, &samples, &asked, &patience()), asked);
    let (replayed, asked) = tokio::task::spawn_blocking(run).await.expect("ends");
    let replayed = replayed.expect("a replay");
    let mut said: Vec<(String, Timestamp)> = replayed.changes.iter().map(shown).collect();
    live.sort();
    said.sort();
    let words = |all: &[(String, Timestamp)]| all.iter().map(|(what, _)| what.clone()).collect::<Vec<_>>();
    assert_eq!(words(&said), words(&live));
    assert_eq!(live.len(), 13, "{live:?}");
    // An evaluation that was missed live is there in a replay, and sees the same earlier.
    if missed == 0 {
        assert_eq!(said, live);
    }
    assert_eq!((&replayed.failing, &replayed.partial), (&Vec::new(), &Vec::new()));

    let episodes = episodes(&asked, &replayed);
    let told: Vec<(&str, Option<Level>, bool)> =
        episodes.iter().map(|episode| (episode.key.rule.as_str(), episode.level, episode.to.is_some())).collect();
    let mut told = told;
    told.sort_by_key(|(rule, ..)| *rule);
    assert_eq!(
        told,
        [
            ("Broken", Some(Level::Warning), true),
            ("Double", Some(Level::Warning), true),
            ("Hot", Some(Level::Critical), true),
            ("Loaded", Some(Level::Critical), true),
            ("Lost", Some(Level::Warning), true),
        ]
    );
    let lines = summaries(&asked, &episodes);
    let fired: Vec<(&str, &str, u64, u64)> =
        lines.iter().map(|line| (line.rule.as_str(), line.kind, line.fired, line.critical)).collect();
    assert_eq!(
        fired,
        [
            ("Loaded", "alert", 1, 1),
            ("Hot", "threshold", 1, 1),
            ("Double", "threshold", 1, 0),
            ("Broken", "log", 1, 0),
            ("Lost", "event", 1, 0)
        ]
    );
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn limits_are_said_and_nothing_is_stored() {
    let directory = tempfile::tempdir().expect("a directory");
    let now = maintenance::now();
    let server = start_with(directory.path(), AlertingConfig::default().sources(0, false, "").expect("no files"));
    let second = now.0 / 1_000_000 - 60_000;
    server.sample_at(second, &[("load", 9.0), ("temperature", 99.0)]).await;
    let (indexer, samples) = (server.indexer.clone(), server.samples.clone());
    let run = move || {
        let run = |ask: &ReplayAsk, patience: &ReplayPatience| replay(&indexer, &samples, ask, patience);
        let hour = ask(now.before(Duration::from_secs(3_600)), now);
        let all = run(&hour, &patience()).expect("a replay");
        let over = ReplayPatience { until: Instant::now(), ..patience() };
        let cut = run(&hour, &over).expect("a part");
        let gone = ReplayPatience { cancel: Arc::new(AtomicBool::new(true)), ..patience() };
        let errors = [
            run(&ask(now, now), &patience()),
            run(&ask(now.before(REPLAY_RANGE_MAX * 2), now), &patience()),
            run(&ask(now.before(REPLAY_RANGE_MAX), now), &patience()),
            run(&hour, &gone),
        ];
        let recorded = samples.store().report(0, 10).series;
        (all, cut, errors.map(|error| error.expect_err("an error").to_string()), recorded)
    };
    let (all, cut, errors, recorded) = tokio::task::spawn_blocking(run).await.expect("ends");
    let fires = |replayed: &Replayed| {
        let firing = replayed.changes.iter().filter(|change| change.state.is_active());
        firing.map(|change| change.key.rule.clone()).collect::<Vec<_>>()
    };
    assert_eq!(fires(&all), ["Loaded", "Hot", "Double"]);
    assert_eq!(fires(&cut), Vec::<String>::new());
    let reasons: Vec<&str> = cut.partial.iter().filter_map(|reason| reason.split(" end at ").next()).collect();
    let over = "its time was over:";
    let expected =
        ["Prometheus' rules", "thresholds", "records of Broken", "facts"].map(|what| format!("{over} {what}"));
    assert_eq!(reasons, expected);
    // How many evaluations there are depends on the moment.
    let errors = errors.map(|error| error.replace(|c: char| c.is_ascii_digit() && error.starts_with("the groups"), ""));
    assert_eq!(
        errors,
        [
            "the range ends before it begins",
            "the range is longer than 31d",
            "the groups would be evaluated  times, of which  are allowed: take a shorter range or a longer interval",
            "nobody waits for it any more",
        ]
    );
    assert_eq!(recorded, 2, "nothing is stored");
    server.stop().await;
}
