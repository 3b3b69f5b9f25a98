//! Each story through the real parser and the facts engine: what is told is what really happened.

use std::collections::BTreeSet;

use orszem_demo::{CLUSTER, Item, Site, Story, Truth};
use orszem_facts::{Facts, LogSight, Settings};
use orszem_model::{AttributeValue, Fact, FactKind, RecordId, Timestamp};
use orszem_parse::{Moment, Value, Zone, parse};

/// 2026-11-22T10:00:00Z
const START: Timestamp = Timestamp(1_795_341_600_000_000_000);
const NS: i64 = 1_000_000_000;
const EVERY_S: u64 = 300;
const TURNS: i64 = 12;

/// What the engine tells of the cluster's items, with a tick every half second.
fn told(items: &[Item], until: Timestamp) -> Vec<Fact> {
    let mut facts = Facts::new(Settings { cluster: CLUSTER.to_owned(), ..Settings::default() });
    let mut told = Vec::new();
    let mut now = START;
    for (seq, item) in (0..).zip(items.iter().filter(|item| item.is_of_cluster())) {
        while now.0 + NS / 2 <= item.at().0 {
            now = Timestamp(now.0 + NS / 2);
            told.extend(facts.tick(now));
        }
        let id = RecordId { timestamp: item.at(), seq };
        match item {
            Item::Seen(seen) => told.extend(facts.step(seen, id)),
            Item::Line { at, host, text, .. } => told.extend(line(&mut facts, *at, host, text, id)),
            Item::Probe(_) | Item::Sample(_) => {}
        }
    }
    while now < until {
        now = Timestamp(now.0 + NS / 2);
        told.extend(facts.tick(now));
    }
    assert_eq!(facts.ignored(), 0);
    told
}

/// A line as it is kept: read by the parser.
fn line(facts: &mut Facts, at: Timestamp, host: &str, text: &str, id: RecordId) -> Vec<Fact> {
    let zone = Zone::utc();
    let parsed = parse(text.as_bytes(), &Moment { now: at, zone: &zone });
    assert_eq!(parsed.timestamp.map(|own| own.0 / 1_000), Some(at.0 / 1_000), "{text}");
    assert_eq!(parsed.host.as_deref(), Some(host), "{text}");
    let get = |key: &str| {
        parsed.attributes.iter().find(|(known, _)| known == key).map(|(_, value)| match value {
            Value::Text(text) | Value::Json(text) => AttributeValue::String(text.to_string()),
            Value::Integer(number) => AttributeValue::Integer(number.to_string()),
            Value::Float(number) => AttributeValue::Float(number.to_string()),
            Value::Bool(is) => AttributeValue::Bool(*is),
            Value::Null => AttributeValue::Null,
        })
    };
    let body = text.get(parsed.message..).expect("a whole message");
    let service = parsed.service.as_deref().expect("a program");
    facts.line(&LogSight { at, host, service, body, get: &get }, id)
}

fn site(seed: u64) -> (Vec<Item>, Vec<Truth>) {
    let mut site = Site::new(seed, START, EVERY_S);
    let items = site.advance(Timestamp(START.0 + TURNS * EVERY_S as i64 * NS));
    (items, site.truths())
}

/// Facts within the turn of a story. That a resource is steady again is told five minutes after it failed, in the next one.
fn of_story<'a>(facts: &'a [Fact], truth: &Truth) -> Vec<&'a Fact> {
    let turn = (truth.from.0 - START.0) / (EVERY_S as i64 * NS);
    let later = FactKind::ResourceSteady;
    facts.iter().filter(|fact| fact.kind != later && (fact.at.0 - START.0) / (EVERY_S as i64 * NS) == turn).collect()
}

/// The times of the first failed and of the last failed probe of a turn.
fn failed_probes(items: &[Item], truth: &Truth) -> Option<(Timestamp, Timestamp)> {
    let turn = (truth.from.0 - START.0) / (EVERY_S as i64 * NS);
    let mut failed = items.iter().filter_map(|item| match item {
        Item::Probe(probe) if !probe.is_ok && (probe.at.0 - START.0) / (EVERY_S as i64 * NS) == turn => Some(probe.at),
        _ => None,
    });
    let first = failed.next()?;
    Some((first, failed.next_back().unwrap_or(first)))
}

fn kinds(facts: &[&Fact]) -> Vec<String> {
    facts.iter().map(|fact| format!("{} {} {}", fact.kind.name(), fact.entity, fact.text)).collect()
}

#[test]
fn each_story_tells_what_happened_and_no_failover_that_did_not() {
    let mut stories = BTreeSet::new();
    for seed in 1..=4 {
        let (items, truths) = site(seed);
        let facts = told(&items, Timestamp(START.0 + (TURNS * EVERY_S as i64 + 10) * NS));
        assert_eq!(truths.len() as i64, TURNS);
        for truth in &truths {
            stories.insert(truth.story);
            let here = of_story(&facts, truth);
            for (kind, entity) in &truth.expected {
                let is_told = here.iter().any(|fact| fact.kind == *kind && fact.entity == *entity);
                assert!(
                    is_told,
                    "seed {seed}: {} without {} {entity}: {:#?}",
                    truth.story.name(),
                    kind.name(),
                    kinds(&here)
                );
            }
            let bad = [
                FactKind::Failover,
                FactKind::FencingDone,
                FactKind::NodeLost,
                FactKind::QuorumLost,
                FactKind::DrbdSplitBrain,
                FactKind::DrbdDualPrimary,
            ];
            for fact in &here {
                let is_expected = truth.expected.iter().any(|(kind, _)| *kind == fact.kind);
                assert!(
                    is_expected || !bad.contains(&fact.kind),
                    "seed {seed}: {} told {}",
                    truth.story.name(),
                    fact.text
                );
            }
            if truth.expected.is_empty() {
                assert_eq!(kinds(&here), Vec::<String>::new(), "seed {seed}: {}", truth.story.name());
            }
        }
    }
    let all =
        [Story::DiskDetach, Story::DiskFailover, Story::PowerLoss, Story::Standby, Story::Backup, Story::CronRestart];
    assert_eq!(stories, BTreeSet::from(all), "four seeds tell every story");
}

#[test]
fn a_failover_takes_as_long_as_the_truth_and_the_probe_say() {
    let (items, truths) = site(3);
    let facts = told(&items, Timestamp(START.0 + (TURNS * EVERY_S as i64 + 10) * NS));
    let mut failovers = 0;
    for truth in &truths {
        let here = of_story(&facts, truth);
        if let Some((from, until)) = truth.outage {
            let (first, last) = failed_probes(&items, truth).expect("probes fail in an outage");
            assert!(first.0 - from.0 <= 2 * NS && until.0 - last.0 <= 2 * NS, "{}", truth.story.name());
        } else {
            assert_eq!(failed_probes(&items, truth), None, "{}", truth.story.name());
        }
        if let Some(fact) = here.iter().find(|fact| fact.kind == FactKind::Failover) {
            failovers += 1;
            let (from, to) = truth.moved.expect("a move");
            assert_eq!((fact.from.as_str(), fact.to.as_str()), (from, to));
            let truly = truth.service_away_ms.expect("a failover takes time");
            let said = fact.duration_ms.expect("a duration");
            assert!(
                said.abs_diff(truly) < 1_000,
                "{}: {said} ms told, {truly} ms true: {}",
                truth.story.name(),
                fact.text
            );
        }
    }
    assert_eq!(failovers, TURNS / 2, "every second story is a failover");
}
