//! What operators expect, one story a test.

mod common;

use common::{World, at, config, edge, fact, observed, plan, rate, secs};
use orszem_alerting::{
    AlertKey, Config, Contact, Delivery, External, Graph, Input, Level, NoData, NoDataPolicy, Outcome, Refusal,
    RuleKind, State,
};
use orszem_model::topology::Relation;
use orszem_model::{Fact, FactKind, Labels};

const DB1: &[(&str, &str)] = &[("host", "db1")];
const WEB: &[(&str, &str)] = &[("service", "web")];

#[test]
fn one_failover_is_one_message_that_is_edited_and_an_all_clear_with_the_timeline() {
    let edges =
        [edge("service/web", Relation::DependsOn, "resource/db"), edge("resource/db", Relation::RunsOn, "host/db1")];
    let mut world = World::new(config(), &edges);
    world.observe("HostDown", DB1, true);
    world.pass(2);
    assert_eq!(world.told(), ["open! eva mail: host/db1: HostDown host=db1"]);
    world.observe("Failed", &[("resource", "db")], true);
    world.observe("Slow", WEB, true);
    world.pass(40);
    assert_eq!(world.told(), ["update eva mail: host/db1: HostDown host=db1 and 2 more"]);
    assert_eq!(world.engine.incidents().count(), 1);
    for (rule, labels) in [("HostDown", DB1), ("Failed", &[("resource", "db")]), ("Slow", WEB)] {
        world.observe(rule, labels, false);
    }
    world.tick_until(world.second + 40, false);
    let resolve = world.pending[0].message.clone();
    assert_eq!((resolve.firing, resolve.ended, resolve.root.as_str()), (0, 3, "host/db1"));
    let events: Vec<&str> = resolve.events.iter().map(|event| event.text.as_str()).collect();
    assert_eq!(
        events,
        [
            "HostDown host=db1 fires (critical): it is the first",
            "step 1 of ops: eva (mail) is told",
            "Failed resource=db fires (critical): near in time and topology: resource/db – runs_on – host/db1",
            "Slow service=web fires (warning): near in time and topology: service/web – depends_on – resource/db",
            "HostDown host=db1 is over",
            "Failed resource=db is over",
            "Slow service=web is over",
            "it is over after 42s",
        ]
    );
    world.pass(200);
    assert_eq!(world.told(), ["resolve! eva mail: host/db1: HostDown host=db1 and 2 more"]);
    assert_eq!((world.engine.incidents().count(), world.engine.alerts().count()), (0, 3));
    world.pass(1_300);
    assert_eq!(world.engine.alerts().count(), 0, "they are remembered for 20 quiet minutes, for flapping");
}

#[test]
fn nobody_acknowledges_and_the_next_is_told_on_all_channels_and_resolved_there() {
    let mut world = World::new(config(), &[]);
    world.observe("Failed", DB1, true);
    world.pass(305);
    assert_eq!(
        world.told(),
        [
            "open! eva mail: host/db1: Failed host=db1",
            "escalate! lead mail: host/db1: Failed host=db1",
            "escalate! lead sms: host/db1: Failed host=db1"
        ]
    );
    world.observe("Failed", DB1, false);
    world.pass(60);
    assert_eq!(world.told().iter().filter(|told| told.starts_with("resolve!")).count(), 3);
}

#[test]
fn an_acknowledgement_stops_escalation_until_it_gets_worse() {
    let mut world = World::new(config(), &[]);
    world.observe("Slow", DB1, true);
    world.pass(10);
    let ack = || Input::Acknowledge { incident: 1, by: "eva".into(), note: String::new(), until: None };
    assert_eq!(world.step(ack()).refused, []);
    world.pass(1_000);
    assert_eq!(world.told(), ["open! eva mail: host/db1: Slow host=db1", "update eva mail: host/db1: Slow host=db1"]);
    world.observe("Failed", DB1, true);
    world.pass(400);
    let told = world.told();
    assert_eq!(told[0], "escalate! lead mail: host/db1: Failed host=db1 and 1 more", "what was held back goes on");
    assert!(told.contains(&"update! eva mail: host/db1: Failed host=db1 and 1 more".to_owned()), "{told:?}");
    world.step(ack());
    world.observe("Slow", DB1, false);
    world.observe("Failed", DB1, false);
    assert_eq!(world.engine.incident(1).expect("it is live").ack, None);
    assert_eq!(world.step(ack()).refused, [(0, Refusal::IncidentEnded(1))]);
}

#[test]
fn what_a_failure_tore_apart_is_one_incident_with_what_the_cluster_says() {
    let before = edge("resource/vip", Relation::RunsOn, "host/db1");
    let now = edge("resource/vip", Relation::RunsOn, "host/db2");
    let mut world = World::new(config(), std::slice::from_ref(&before));
    world.observe("HostDown", DB1, true);
    let moved = world.engine.set_graph(Graph::of_both(&[now], &[before]), world.now());
    world.take(&moved);
    world.observe("Failed", &[("resource", "vip")], true);
    for (second, entity, text) in [(1, "host/db1", "db1 was fenced"), (2, "host/db9", "db9 is back")] {
        let Input::Fact(told) = fact(FactKind::FencingDone, entity, second) else { return };
        world.step(Input::Fact(Fact { text: text.to_owned(), ..told }));
    }
    world.observe("Failed", &[("resource", "vip")], false);
    world.observe("HostDown", DB1, false);
    let incidents: Vec<u64> = world.engine.incidents().map(|incident| incident.id).collect();
    assert_eq!(incidents, [1]);
    let events = &world.engine.incident(1).expect("it is live").events;
    let said: Vec<&str> = events.iter().map(|event| event.text.as_str()).collect();
    let way = "near in time and topology: resource/vip – runs_on before – host/db1";
    assert_eq!(said[1], format!("Failed resource=vip fires (critical): {way}"));
    assert!(said.contains(&"db1 was fenced") && !said.contains(&"db9 is back"), "{said:?}");
}

#[test]
fn what_began_with_an_incident_joins_it_however_long_it_was_waited_for() {
    let mut with_wait = config();
    with_wait.rules.iter_mut().filter(|rule| rule.name == "Slow").for_each(|rule| {
        rule.kind = RuleKind::Condition { level: Level::Warning, hold: secs(300), keep: secs(0) };
    });
    let edges =
        [edge("service/web", Relation::DependsOn, "host/db1"), edge("resource/b", Relation::RunsOn, "host/db1")];
    let incident = |slow_too: bool, rule: &str, labels: &[(&str, &str)]| {
        let mut world = World::new(with_wait.clone(), &edges);
        world.observe("HostDown", DB1, true);
        for _ in 0..310 {
            world.observe("Slow", WEB, slow_too);
            world.pass(1);
        }
        world.observe("Failed", &[("resource", "b")], !slow_too);
        let key = AlertKey { rule: rule.to_owned(), labels: Labels::new(labels.to_vec()) };
        world.engine.alert(&key).and_then(|alert| alert.incident)
    };
    assert_eq!(incident(true, "Slow", WEB), Some(1));
    assert_eq!(incident(false, "Failed", &[("resource", "b")]), Some(2), "a bad twin: nothing happened for long");
}

#[test]
fn history_is_one_digest_and_only_what_still_holds_pages() {
    let mut world = World::new(config(), &[]);
    world.second = 100_000;
    for hour in 0..20 {
        let begin = hour * 3_600;
        world.step(observed("Failed", DB1, Outcome::Match, begin));
        world.step(observed("Failed", DB1, Outcome::NoMatch, begin + 60));
    }
    world.step(observed("Slow", WEB, Outcome::Match, 90_000));
    world.pass(60);
    world.sent.sort_by_key(|intent| intent.kind);
    let entries: Vec<usize> = world.sent.iter().map(|intent| intent.message.entries.len()).collect();
    assert_eq!(entries, [0, 2], "{:?}", world.told());
    assert_eq!(
        world.sent[1].message.entries[0].title,
        format!("history: Failed fired 20 times between {} and {}", at(0), at(19 * 3_600 + 60))
    );
    assert_eq!(world.told()[0], "open! eva mail: service/web: Slow service=web");
    assert_eq!(world.transitions.len(), 41, "history is in the states all the same");
}

#[test]
fn twenty_changes_in_a_minute_are_three_messages() {
    let mut world = World::new(config(), &[]);
    for change in 0..20 {
        world.observe("Failed", DB1, change % 2 == 0);
        world.pass(3);
    }
    world.observe("Failed", DB1, false);
    world.pass(4_000);
    let told = world.told();
    let kinds: Vec<&str> = told.iter().filter_map(|told| told.split(' ').next()).collect();
    assert_eq!(kinds.first(), Some(&"open!"));
    assert_eq!(kinds.last(), Some(&"resolve!"));
    let of_eva = told.iter().filter(|told| told.contains("eva")).count();
    assert!(of_eva <= 4, "{told:?}");
}

#[test]
fn a_storm_becomes_a_digest_and_its_all_clear_too() {
    let mut config = config();
    config.contacts[0].rate = rate(3, 60);
    config.policies[0].steps.truncate(1);
    let mut world = World::new(config, &[]);
    let hosts: Vec<String> = (0..100).map(|number| format!("h{number:03}")).collect();
    for host in &hosts {
        world.observe("Failed", &[("host", host)], true);
    }
    world.pass(300);
    for host in &hosts {
        world.observe("Failed", &[("host", host)], false);
    }
    world.pass(3_600);
    assert_eq!(world.stories().len(), 100, "everything is told");
    world.assert_all_resolved();
    assert!(world.sent.len() < 20, "{}", world.sent.len());
}

#[test]
fn what_was_over_before_it_was_sent_is_one_message() {
    let mut world = World::new(config(), &[]);
    world.observe("Failed", DB1, true);
    world.tick_until(5, false);
    world.observe("Failed", DB1, false);
    world.tick_until(60, false);
    assert_eq!(world.pending.len(), 1);
    assert_eq!(world.pending[0].message.note, "it was open for 31s before it could be told");
    world.assert_all_accounted();
}

#[test]
fn an_address_that_refuses_is_owed_nothing_and_the_next_is_told_at_once() {
    let mut world = World::new(config(), &[]);
    world.observe("Failed", DB1, true);
    world.tick_until(3, false);
    let open = world.pending[0].clone();
    world.finish(&open, Delivery::Refused);
    world.pass(3);
    assert_eq!(world.told().len(), 2, "mail and sms of the lead");
    world.observe("Failed", DB1, false);
    world.pass(60);
    assert_eq!(
        world.told(),
        ["resolve! lead mail: host/db1: Failed host=db1", "resolve! lead sms: host/db1: Failed host=db1"]
    );
}

#[test]
fn an_address_that_is_gone_hears_nothing_more_over_a_restart_and_until_it_is_written_anew() {
    let mut world = World::new(config(), &[]);
    world.observe("Failed", DB1, true);
    world.pass(3);
    assert_eq!(world.told().len(), 1, "eva");
    world.observe("Slow", DB1, true);
    world.tick_until(60, false);
    let update = world.pending[0].clone();
    assert_eq!(update.recipient.contact, "eva");
    world.finish(&update, Delivery::Gone);
    world.pass(3);
    assert_eq!(world.told().len(), 2, "mail and sms of the lead, at once");
    world.restart();
    let refused = world.step(Input::Test { contact: "eva".into(), by: "me".into() }).refused;
    assert_eq!(refused, [(0, Refusal::NoAddress("eva".into()))]);
    world.observe("Failed", DB1, false);
    world.observe("Slow", DB1, false);
    world.pass(120);
    let told: Vec<String> = world.told();
    assert!(told.len() == 2 && told.iter().all(|told| told.starts_with("resolve! lead ")), "{told:?}");

    // Whoever writes it down anew has it tried again.
    let nobody = Config {
        contacts: vec![Contact { addresses: vec![], ..config().contacts[0].clone() }, config().contacts[1].clone()],
        ..config()
    };
    for (config, count) in [(nobody, 0), (config(), 1)] {
        let now = world.now();
        let effects = world.engine.reconfigure(plan(config), now);
        world.take(&effects);
        let effects = world.step(Input::Test { contact: "eva".into(), by: "me".into() });
        assert_eq!(effects.intents.len(), count);
    }
}

#[test]
fn a_merge_tells_where_it_goes_on() {
    let mut world = World::new(config(), &[]);
    world.observe("Failed", DB1, true);
    world.observe("Failed", WEB, true);
    world.pass(5);
    let effects = world.step(Input::Merge { from: 2, into: 1, why: "same rack".into() });
    assert_eq!(
        effects.intents.iter().map(|i| i.message.note.as_str()).collect::<Vec<_>>(),
        ["it goes on in incident 1"]
    );
    world.observe("Failed", DB1, false);
    world.observe("Failed", WEB, false);
    world.pass(300);
    world.assert_all_resolved();
    assert_eq!(world.engine.incidents().count(), 0);
}

#[test]
fn alerts_of_others_end_when_they_are_not_sent_again() {
    let mut world = World::new(config(), &[]);
    let external = |ends: i64| {
        Input::External(External {
            labels: Labels::from([("alertname", "Disk"), ("severity", "page"), ("instance", "db1:9100")]),
            annotations: Labels::default(),
            starts_at: at(-7_200),
            ends_at: at(ends),
            generator: String::new(),
        })
    };
    world.step(external(240));
    world.pass(100);
    assert_eq!(world.told(), ["open! eva mail: host/db1: Disk instance=db1:9100 severity=page"]);
    world.step(external(340));
    world.pass(230);
    assert_eq!(
        world.told(),
        [
            "escalate! lead mail: host/db1: Disk instance=db1:9100 severity=page",
            "escalate! lead sms: host/db1: Disk instance=db1:9100 severity=page"
        ]
    );
    world.pass(30);
    let of_eva: Vec<String> = world.told().into_iter().filter(|told| told.contains("eva")).collect();
    assert_eq!(of_eva, ["resolve! eva mail: host/db1: Disk instance=db1:9100 severity=page"]);
}

#[test]
fn silence_of_a_series_is_an_alert_and_a_source_that_went_for_good_is_forgotten() {
    let mut config = config();
    config.rules[1].no_data = Some(NoData { after: secs(180), policy: NoDataPolicy::Alert(Level::Warning) });
    config.rules[2].no_data = Some(NoData { after: secs(180), policy: NoDataPolicy::Keep });
    let mut world = World::new(config, &[]);
    world.observe("Slow", DB1, false);
    world.observe("Failed", DB1, false);
    world.pass(100);
    world.observe("Slow", DB1, false);
    world.pass(170);
    assert_eq!(world.engine.alerts().map(|alert| alert.state).collect::<Vec<_>>(), [State::Ok]);
    world.pass(20);
    assert_eq!(world.told(), ["open! eva mail: host/db1: Slow host=db1"]);
    world.observe("Slow", DB1, false);
    world.pass(60);
    assert_eq!(world.told(), ["resolve! eva mail: host/db1: Slow host=db1"]);
}

#[test]
fn a_rule_that_fails_is_an_alert_after_five_minutes() {
    let mut world = World::new(config(), &[]);
    for minute in 0..6 {
        world.second = minute * 60;
        world.step(observed("Slow", DB1, Outcome::Error("no such metric".into()), world.second));
    }
    world.pass(5);
    assert_eq!(world.told(), ["open! eva mail: rule-error rule=Slow"]);
    world.observe("Slow", DB1, false);
    world.pass(60);
    assert_eq!(world.told(), ["resolve! eva mail: rule-error rule=Slow"]);
    let effects = world.step(observed("Gone", DB1, Outcome::Match, world.second));
    assert_eq!(effects.refused, [(0, Refusal::UnknownRule("Gone".into()))]);
}
