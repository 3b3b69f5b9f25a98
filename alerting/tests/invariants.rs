//! The promises, under random inputs, restarts and senders.

#[expect(dead_code, reason = "each test file uses a part of it")]
mod common;

use common::{World, at, config, edge, observed, rate, secs};
use orszem_alerting::{
    Alerting, Band, Bands, Comparison, Config, Contact, Delivery, External, Graph, Input, Interval, Level, Maintenance,
    NoData, NoDataPolicy, Origin, Outcome, Period, Plan, Policy, Route, Rule, Schedule, Silence, Table, Timing, When,
};
use orszem_model::topology::{Edge, Relation};
use orszem_model::{Labels, Matcher};
use proptest::prelude::*;

const HOSTS: [&str; 4] = ["db1", "db2", "web1", "far"];
const RULES: [&str; 4] = ["HostDown", "Slow", "Failed", "Disk"];

#[derive(Clone, Debug)]
enum Op {
    Condition { rule: usize, host: usize, fires: bool, age: i64 },
    Value { host: usize, value: f64 },
    External { host: usize, seconds: i64 },
    Error { rule: usize },
    Silence { host: usize, seconds: i64 },
    EndSilence { host: usize },
    Maintenance { host: usize, seconds: i64 },
    Acknowledge { incident: u64 },
    Snooze { incident: u64, seconds: i64 },
    Escalate { incident: u64 },
    Merge { from: u64, into: u64 },
    Pass { seconds: i64 },
    Deliver { place: usize, outcome: Delivery },
    Lease { place: usize },
    Started,
    Restart,
    Test,
}

fn an_op() -> impl Strategy<Value = Op> {
    let host = 0..HOSTS.len();
    let incident = 1..12_u64;
    prop_oneof![
        6 => (0..3_usize, host.clone(), any::<bool>(), prop_oneof![9 => Just(0_i64), 1 => 301..9_000_i64])
            .prop_map(|(rule, host, fires, age)| Op::Condition { rule, host, fires, age }),
        3 => (host.clone(), 60..100_i32).prop_map(|(host, value)| Op::Value { host, value: value.into() }),
        2 => (host.clone(), -10..600_i64).prop_map(|(host, seconds)| Op::External { host, seconds }),
        1 => (0..4_usize).prop_map(|rule| Op::Error { rule }),
        1 => (host.clone(), 1..5_000_i64).prop_map(|(host, seconds)| Op::Silence { host, seconds }),
        1 => host.clone().prop_map(|host| Op::EndSilence { host }),
        1 => (host, 1..5_000_i64).prop_map(|(host, seconds)| Op::Maintenance { host, seconds }),
        1 => incident.clone().prop_map(|incident| Op::Acknowledge { incident }),
        1 => (incident.clone(), 1..3_000_i64).prop_map(|(incident, seconds)| Op::Snooze { incident, seconds }),
        1 => incident.clone().prop_map(|incident| Op::Escalate { incident }),
        1 => (incident.clone(), incident).prop_map(|(from, into)| Op::Merge { from, into }),
        8 => prop_oneof![1..5_i64, 5..400_i64, 400..20_000_i64].prop_map(|seconds| Op::Pass { seconds }),
        4 => (0..8_usize, prop_oneof![4 => Just(Delivery::Sent), 1 => Just(Delivery::Refused), 1 => Just(Delivery::Expired)])
            .prop_map(|(place, outcome)| Op::Deliver { place, outcome }),
        1 => (0..8_usize).prop_map(|place| Op::Lease { place }),
        1 => Just(Op::Started),
        2 => Just(Op::Restart),
        1 => Just(Op::Test),
    ]
}

fn a_config() -> Config {
    let mut config = config();
    let disk = Bands {
        warning: Some(Band { clear: 75.0, hold: secs(20), ..Band::at(Comparison::AtLeast, 80.0) }),
        critical: Some(Band { clear: 87.0, clear_hold: secs(60), ..Band::at(Comparison::AtLeast, 90.0) }),
    };
    let mut disk = Rule::threshold("Disk", disk);
    disk.no_data = Some(NoData { after: secs(600), policy: NoDataPolicy::Alert(Level::Warning) });
    config.rules.push(disk);
    config.rules[1].no_data = Some(NoData { after: secs(300), policy: NoDataPolicy::Ok });
    let night = Interval { minutes: vec![(0, 360), (1_320, 1_440)], ..Interval::default() };
    config.times.insert("night".into(), Schedule { zone: "Europe/Budapest".into(), when: When::Weekly(vec![night]) });
    config.contacts[0].quiet = vec!["night".into()];
    config.contacts[0].rate = rate(3, 120);
    config.contacts.push(Contact::new("db", "push", "phone"));
    config.policies.push(Policy::at_once("db", &["db", "eva"]));
    config.route.routes.push(Route {
        matchers: vec![Matcher::equal("host", "db1")],
        policy: Some("db".into()),
        continues: true,
        timing: Some(Timing { remind: Some(secs(900)), ..Timing::default() }),
        ..Route::default()
    });
    config.route.routes.push(Route { mute_times: vec!["night".into()], ..Route::default() });
    config
}

fn edges() -> Vec<Edge> {
    vec![edge("host/web1", Relation::DependsOn, "host/db1"), edge("host/db1", Relation::ReplicatesTo, "host/db2")]
}

fn input_of(op: &Op, second: i64) -> Option<Input> {
    let labels = |host: usize| Labels::from([("host", HOSTS[host])]);
    Some(match *op {
        Op::Condition { rule, host, fires, age } => {
            let outcome = if fires { Outcome::Match } else { Outcome::NoMatch };
            observed(RULES[rule], &[("host", HOSTS[host])], outcome, second - age)
        }
        Op::Value { host, value } => observed("Disk", &[("host", HOSTS[host])], Outcome::Value(value), second),
        Op::External { host, seconds } => Input::External(External {
            labels: labels(host).with("alertname", "Theirs"),
            annotations: Labels::default(),
            starts_at: at(second - 5),
            ends_at: at(second + seconds),
            generator: String::new(),
        }),
        Op::Error { rule } => observed(RULES[rule], &[], Outcome::Error("broken".into()), second),
        Op::Silence { host, seconds } => Input::Silence(Silence {
            id: HOSTS[host].to_owned(),
            matchers: vec![Matcher::equal("host", HOSTS[host])],
            period: Period::once(at(second), at(second + seconds)),
            author: "eva".into(),
            comment: String::new(),
            created_at: at(second),
        }),
        Op::EndSilence { host } => Input::EndSilence { id: HOSTS[host].to_owned() },
        Op::Maintenance { host, seconds } => Input::Maintenance(Maintenance {
            id: HOSTS[host].to_owned(),
            entities: vec![format!("host/{}", HOSTS[host])],
            matchers: Vec::new(),
            period: Period::once(at(second), at(second + seconds)),
            origin: Origin::Person("eva".into()),
            comment: String::new(),
        }),
        Op::Acknowledge { incident } => {
            Input::Acknowledge { incident, by: "eva".into(), note: String::new(), until: None }
        }
        Op::Snooze { incident, seconds } => Input::Snooze { incident, by: "eva".into(), until: at(second + seconds) },
        Op::Escalate { incident } => Input::EscalateNow { incident, by: "eva".into() },
        Op::Merge { from, into } => Input::Merge { from, into, why: "so it is".into() },
        Op::Started => Input::Started,
        Op::Test => Input::Test { contact: "eva".into(), by: "tom".into() },
        Op::Pass { .. } | Op::Deliver { .. } | Op::Lease { .. } | Op::Restart => return None,
    })
}

fn apply(world: &mut World, op: &Op) {
    match op {
        Op::Pass { seconds } => world.tick_until(world.second + seconds, false),
        Op::Deliver { place, outcome } => {
            if *place < world.pending.len() {
                // In the order in which they were written, as far as it matters: what one follows may follow another.
                let (mut first, mut at) = (*place, *place);
                while at > 0 {
                    at -= 1;
                    if world.pending[first].follows(&world.pending[at]) {
                        first = at;
                    }
                }
                let intent = world.pending[first].clone();
                // All-clears and digests arrive in the end; what opens may fail.
                let outcome = if intent.kind.tells_open() { outcome.clone() } else { Delivery::Sent };
                world.finish(&intent, outcome);
            }
        }
        Op::Lease { place } => {
            if let Some(intent) = world.pending.get(*place).cloned()
                && world.leased.insert(intent.key)
            {
                world.step(Input::Leased(intent.key));
            }
        }
        Op::Restart => world.restart(),
        _ => {
            if let Some(input) = input_of(op, world.second) {
                world.step(input);
            }
        }
    }
}

/// Everything ends and everything is delivered.
fn wind_down(world: &mut World) {
    world.tick_until(world.second + 1, false);
    for rule in &RULES[..3] {
        for host in HOSTS {
            world.observe(rule, &[("host", host)], false);
        }
    }
    for host in HOSTS {
        world.step(observed("Disk", &[("host", host)], Outcome::Value(0.0), world.second));
        world.step(observed("Disk", &[("host", host)], Outcome::Value(0.0), world.second + 61));
    }
    // Nothing more is heard of `Disk` on purpose: it is not to be an alert.
    let mut config = a_config();
    config.rules[3].no_data = None;
    let now = world.now();
    let effects = world.engine.reconfigure(common::plan(config), now);
    world.take(&effects);
    world.pass(200_000);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn whoever_was_told_is_told_the_end_and_every_intent_is_accounted_for(
        ops in proptest::collection::vec(an_op(), 1..80),
    ) {
        let mut world = World::new(a_config(), &edges());
        for op in &ops {
            apply(&mut world, op);
            world.assert_all_accounted();
        }
        wind_down(&mut world);
        prop_assert_eq!(world.engine.incidents().count(), 0);
        prop_assert_eq!(world.engine.alerts().count(), 0);
        world.assert_all_accounted();
        world.assert_all_resolved();
    }

    #[test]
    fn a_restart_at_any_moment_changes_nothing(ops in proptest::collection::vec(an_op(), 1..60)) {
        let mut world = World::new(a_config(), &edges());
        let mut twin = Alerting::new(common::plan(a_config()), Graph::of(&edges()));
        for op in &ops {
            if let Op::Pass { seconds } = op {
                world.second += seconds;
            }
            let now = world.now();
            let input = input_of(op, world.second).unwrap_or(Input::Tick);
            let effects = world.engine.step(input.clone(), now);
            let of_twin = twin.step(input, now);
            prop_assert_eq!(format!("{effects:?}"), format!("{of_twin:?}"));
            world.take(&effects);
            // The twin goes on from its rows after every step.
            let rows = twin.rows();
            let rows: Vec<(Table, &[u8], &[u8])> = rows
                .iter()
                .filter_map(|row| Some((row.table, row.key.as_slice(), row.value.as_deref()?)))
                .collect();
            // What the steps wrote is all there is, but for the times of the last samples.
            let is_exact = |table: Table| table != Table::Alert;
            let written: Vec<(Table, &[u8], &[u8])> = world
                .rows
                .iter()
                .map(|((table, key), value)| (*table, key.as_slice(), value.as_slice()))
                .collect();
            let exact = |rows: &[(Table, &[u8], &[u8])]| {
                let mut rows: Vec<_> = rows.iter().filter(|row| is_exact(row.0)).map(|row| (row.0, row.1.to_vec(), row.2.to_vec())).collect();
                rows.sort();
                rows
            };
            prop_assert_eq!(exact(&written), exact(&rows));
            let alerts = |rows: &[(Table, &[u8], &[u8])]| {
                rows.iter().filter(|row| row.0 == Table::Alert).map(|row| row.1.to_vec()).collect::<std::collections::BTreeSet<_>>()
            };
            prop_assert_eq!(alerts(&written), alerts(&rows));
            let plan: Plan = common::plan(a_config());
            twin = Alerting::restore(plan, Graph::of(&edges()), rows).expect("its own rows");
        }
    }

    #[test]
    fn suppression_changes_no_state(ops in proptest::collection::vec(an_op(), 1..60)) {
        let mut loud = World::new(a_config(), &edges());
        let mut silent = World::new(a_config(), &edges());
        silent.step(Input::Silence(Silence {
            id: "all".into(),
            matchers: vec![Matcher::new("alertname", orszem_model::MatchOp::Regex, ".+").expect("a regex")],
            period: Period { from: at(-1), until: None, recurs: None },
            author: "eva".into(),
            comment: String::new(),
            created_at: at(0),
        }));
        for op in &ops {
            if matches!(op, Op::Deliver { .. } | Op::Lease { .. }) {
                continue;
            }
            apply(&mut loud, op);
            apply(&mut silent, op);
        }
        prop_assert_eq!(format!("{:?}", loud.transitions), format!("{:?}", silent.transitions));
        let told = silent.pending.iter().filter(|intent| intent.kind.tells_open());
        prop_assert_eq!(told.count(), 0);
    }
}
