//! When nobody is told, and what is told after all, one story a test.

#[expect(dead_code, reason = "each test file uses a part of it")]
mod common;

use common::{World, at, config, edge, fact, plan, secs};
use orszem_alerting::{
    AlertKey, Graph, GroupBy, Inhibition, Input, Interval, Period, Route, Schedule, Silence, Timing, When,
};
use orszem_model::topology::Relation;
use orszem_model::{FactKind, Labels, Matcher};

const DB1: &[(&str, &str)] = &[("host", "db1")];
const WEB: &[(&str, &str)] = &[("service", "web")];

fn silence(world: &World, name: &str, value: &str, seconds: i64) -> Input {
    Input::Silence(Silence {
        id: "s1".to_owned(),
        matchers: vec![Matcher::equal(name, value)],
        period: Period::once(world.now(), at(world.second + seconds)),
        author: "eva".to_owned(),
        comment: "I know".to_owned(),
        created_at: world.now(),
    })
}

#[test]
fn whoever_was_told_is_told_the_end_in_spite_of_a_silence_and_a_silent_one_tells_nobody() {
    let mut world = World::new(config(), &[]);
    world.observe("Failed", DB1, true);
    world.pass(5);
    let input = silence(&world, "host", "db1", 3_600);
    world.step(input);
    world.pass(400);
    assert_eq!(world.told(), ["open! eva mail: host/db1: Failed host=db1"], "no escalation while it is silent");
    world.observe("Failed", DB1, false);
    world.pass(200);
    assert_eq!(world.told(), ["resolve! eva mail: host/db1: Failed host=db1"]);
    world.observe("Failed", DB1, true);
    world.pass(600);
    assert_eq!(world.told(), Vec::<String>::new());
    let key = AlertKey { rule: "Failed".into(), labels: Labels::new(DB1.to_vec()) };
    let until = at(3_605);
    assert_eq!(world.engine.why(&key, world.now()).answer, format!("silence s1 of eva until {until}: I know"));
    world.pass(3_600);
    assert_eq!(world.told()[0], "open! eva mail: host/db1: Failed host=db1", "it still fires when the silence ends");
    assert_eq!(world.engine.why(&key, world.now()).answer, "it is told");
}

#[test]
fn what_depends_on_a_host_that_is_down_tells_nobody_and_circles_tell_the_first() {
    let mut config = config();
    config.rules.iter_mut().for_each(|rule| rule.is_outage = rule.name != "Slow");
    let edges = [
        edge("service/web", Relation::DependsOn, "host/db1"),
        edge("service/a", Relation::DependsOn, "service/b"),
        edge("service/b", Relation::DependsOn, "service/a"),
    ];
    let mut world = World::new(config, &edges);
    // Within the wait the order does not matter.
    world.observe("Failed", WEB, true);
    world.observe("HostDown", DB1, true);
    world.pass(10);
    assert_eq!(world.told(), ["open! eva mail: host/db1: HostDown host=db1 and 1 more"]);
    let key = AlertKey { rule: "Failed".into(), labels: Labels::new(WEB.to_vec()) };
    assert_eq!(
        world.engine.why(&key, world.now()).answer,
        "service/web needs host/db1, which is down (HostDown); its incident is told"
    );
    for name in ["b", "a"] {
        world.observe("Failed", &[("service", name)], true);
        world.pass(1);
    }
    world.pass(3);
    assert_eq!(world.told(), ["open! eva mail: service/b: Failed service=b"]);
    let of = |name| AlertKey { rule: "Failed".into(), labels: Labels::from([("service", name)]) };
    assert_eq!(world.engine.why(&of("b"), world.now()).answer, "it is told");
    assert_eq!(world.engine.why(&of("a"), world.now()).suppressed.len(), 1);
}

#[test]
fn the_cluster_opens_and_ends_maintenance_by_itself() {
    let mut world = World::new(config(), &[edge("resource/vip", Relation::RunsOn, "host/db1")]);
    world.step(fact(FactKind::NodeStandby, "host/db1", 0));
    world.observe("Failed", &[("resource", "vip")], true);
    world.pass(600);
    assert_eq!(world.told(), Vec::<String>::new());
    world.step(fact(FactKind::NodeActive, "host/db1", world.second));
    world.pass(28);
    assert_eq!(world.told(), Vec::<String>::new(), "what was moved away comes back");
    world.pass(5);
    assert_eq!(world.told(), ["open! eva mail: resource/vip: Failed resource=vip"]);
}

#[test]
fn what_is_moved_away_for_work_is_worked_on_for_a_moment_and_a_node_that_is_lost_is_not() {
    let [here, there] = ["host/db1", "host/db2"].map(|host| edge("resource/vip", Relation::RunsOn, host));
    let mut world = World::new(config(), std::slice::from_ref(&here));
    world.step(fact(FactKind::NodeStandby, "host/db1", 0));
    let moved = world.engine.set_graph(Graph::of_both(std::slice::from_ref(&there), &[here]), world.now());
    world.take(&moved);
    world.observe("Failed", &[("resource", "vip")], true);
    world.pass(60);
    assert_eq!(world.told(), Vec::<String>::new());
    world.observe("HostDown", &[("host", "db2")], true);
    world.pass(2);
    assert_eq!(world.told(), ["open! eva mail: host/db2: HostDown host=db2 and 1 more"]);
    let settled = world.engine.set_graph(Graph::of_both(&[there], &[]), world.now());
    world.take(&settled);
    world.observe("HostDown", &[("host", "db2")], false);
    world.pass(60);
    let told = world.told();
    assert_eq!(told.last().map(String::as_str), Some("update eva mail: resource/vip: Failed resource=vip"), "{told:?}");
}

#[test]
fn quiet_hours_let_only_critical_through_and_end_with_a_digest() {
    let mut config = config();
    let night = Interval { minutes: vec![(0, 1_440)], ..Interval::default() };
    config.times.insert("night".into(), Schedule { zone: String::new(), when: When::Weekly(vec![night]) });
    config.contacts[0].quiet = vec!["night".into()];
    config.policies[0].steps.truncate(1);
    let mut world = World::new(config.clone(), &[]);
    world.observe("Slow", DB1, true);
    world.observe("Failed", WEB, true);
    world.pass(30);
    assert_eq!(world.told(), ["open! eva mail: service/web: Failed service=web"]);
    config
        .times
        .insert("night".into(), Schedule { zone: String::new(), when: When::Cron("0 0 1 1 *".into(), secs(1)) });
    let now = world.now();
    let effects = world.engine.reconfigure(plan(config), now);
    world.take(&effects);
    world.pass(86_400);
    assert_eq!(world.told(), ["digest! eva mail: digest: 1 happenings"]);
}

#[test]
fn after_a_start_opening_waits_for_the_sources_and_critical_for_ten_seconds() {
    let mut world = World::new(config(), &[]);
    world.step(Input::Started);
    world.observe("Slow", DB1, true);
    world.observe("Failed", WEB, true);
    world.pass(8);
    assert_eq!(world.told(), Vec::<String>::new());
    world.pass(4);
    assert_eq!(world.told(), ["open! eva mail: service/web: Failed service=web"]);
    world.step(Input::SourcesBack);
    world.pass(2);
    assert_eq!(world.told(), ["open! eva mail: host/db1: Slow host=db1"]);
}

#[test]
fn labels_group_and_routes_mute_and_inhibitions_hold_as_in_alertmanager() {
    let mut config = config();
    let timing = Timing { wait_warning: secs(30), wait_critical: secs(30), interval: secs(300), remind: None };
    config.route = Route {
        group_by: Some(GroupBy::Labels(vec!["cluster".into()])),
        timing: Some(timing),
        routes: vec![Route {
            matchers: vec![Matcher::equal("team", "mute")],
            mute_times: vec!["always".into()],
            ..Route::default()
        }],
        ..Route::to("ops")
    };
    config
        .times
        .insert("always".into(), Schedule { zone: String::new(), when: When::Weekly(vec![Interval::default()]) });
    config.inhibitions.push(Inhibition {
        sources: vec![Matcher::equal("severity", "critical")],
        targets: vec![Matcher::equal("severity", "warning")],
        equal: vec!["cluster".into()],
    });
    let mut world = World::new(config, &[]);
    world.observe("Slow", &[("cluster", "a"), ("host", "x")], true);
    world.observe("Failed", &[("cluster", "a"), ("host", "y")], true);
    world.observe("Slow", &[("cluster", "b"), ("host", "x")], true);
    world.observe("Slow", &[("cluster", "c"), ("team", "mute")], true);
    world.pass(29);
    assert_eq!(world.told(), Vec::<String>::new());
    world.pass(3);
    let told = world.told();
    assert_eq!(told.len(), 2, "{told:?}");
    let key = AlertKey { rule: "Slow".into(), labels: Labels::from([("cluster", "a"), ("host", "x")]) };
    let why = world.engine.why(&key, world.now());
    assert!(why.suppressed.iter().any(|reason| reason.to_string().starts_with("inhibited by Failed")), "{why}");
    let muted = AlertKey { rule: "Slow".into(), labels: Labels::from([("cluster", "c"), ("team", "mute")]) };
    assert_eq!(world.engine.why(&muted, world.now()).answer, "route /0 is mute during always");
}

#[test]
fn snooze_holds_everything_but_the_end() {
    let mut world = World::new(config(), &[]);
    world.observe("Slow", DB1, true);
    world.pass(5);
    world.step(Input::Snooze { incident: 1, by: "eva".into(), until: at(2_000) });
    world.pass(1_000);
    assert_eq!(world.told().len(), 1);
    world.pass(1_010);
    assert_eq!(world.told()[0], "escalate! lead mail: host/db1: Slow host=db1");
    world.step(Input::Snooze { incident: 1, by: "eva".into(), until: at(9_000) });
    world.observe("Slow", DB1, false);
    world.pass(60);
    assert_eq!(world.told().iter().filter(|told| told.starts_with("resolve")).count(), 2);
}
