//! How alerts stand is what the explanation of each says.

#[expect(dead_code, reason = "each test file uses a part of it")]
mod common;

use std::time::Duration;

use common::{World, config, edge, observed};
use orszem_alerting::{GroupBy, Inhibition, Input, Outcome, Period, Route, Silence, Suppression};
use orszem_model::topology::Relation;
use orszem_model::{MatchOp, Matcher, Timestamp};

fn world() -> World {
    let mut config = config();
    let both = Inhibition {
        sources: vec![Matcher::equal("severity", "critical")],
        targets: vec![Matcher::new("alertname", MatchOp::Regex, "Slow|Failed").expect("a regex")],
        equal: vec!["site".to_owned()],
    };
    config.inhibitions = vec![both];
    let team = Route {
        matchers: vec![Matcher::equal("team", "db")],
        continues: true,
        group_by: Some(GroupBy::Alert),
        ..Route::default()
    };
    config.route.routes = vec![team, Route { matchers: vec![Matcher::equal("site", "x")], ..Route::default() }];
    World::new(config, &[edge("service/shop", Relation::RunsOn, "host/a")])
}

#[test]
fn standings_are_what_explanations_say() {
    let mut world = world();
    for (rule, labels) in [
        ("HostDown", vec![("entity", "host/a"), ("site", "x")]),
        ("Slow", vec![("entity", "service/shop"), ("site", "y")]),
        ("Slow", vec![("site", "x"), ("team", "db")]),
        ("Slow", vec![("site", "z"), ("team", "web")]),
        ("Failed", vec![("site", "x"), ("n", "1")]),
        ("Failed", vec![("site", "x"), ("n", "2")]),
        ("Slow", vec![("host", "silent")]),
    ] {
        world.step(observed(rule, &labels, Outcome::Match, 0));
    }
    let silence = Silence {
        id: "s".to_owned(),
        matchers: vec![Matcher::equal("host", "silent")],
        period: Period { from: Timestamp(0), until: None, recurs: None },
        author: "eva".to_owned(),
        comment: String::new(),
        created_at: world.now(),
    };
    world.step(Input::Silence(silence));
    let now = world.now().after(Duration::from_secs(60));
    let mut standings = world.engine.standings(now);
    let mut kinds = Vec::new();
    for alert in world.engine.alerts() {
        let standing = standings.of(alert, &world.engine.labels_of(alert));
        let why = world.engine.why(&alert.key, now);
        let routes: Vec<_> = why.routes.into_iter().map(|route| (route.policy, route.suppressed)).collect();
        assert_eq!((&standing.suppressed, &standing.routes), (&why.suppressed, &routes), "{:?}", alert.key);
        kinds.extend(standing.suppressed.iter().map(|reason| match reason {
            Suppression::Silence { .. } => "silence",
            Suppression::Dependency { .. } => "dependency",
            Suppression::Inhibition { .. } => "inhibition",
            other => panic!("{other}"),
        }));
    }
    kinds.sort_unstable();
    assert_eq!(kinds, ["dependency", "inhibition", "inhibition", "inhibition", "silence"]);
}
