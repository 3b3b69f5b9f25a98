//! A year of a site in seconds.

#[expect(dead_code, reason = "each test file uses a part of it")]
mod common;

use common::{World, at, config, observed};
use orszem_alerting::{Input, Interval, Maintenance, Origin, Outcome, Period, Schedule, When};

const HOSTS: i64 = 20;
const DAY: i64 = 86_400;

#[test]
fn a_year_of_failures_with_weekly_maintenance_leaves_nothing_behind() {
    let mut config = config();
    let night = Interval { minutes: vec![(0, 360)], ..Interval::default() };
    config.times.insert("night".into(), Schedule { zone: "Europe/Budapest".into(), when: When::Weekly(vec![night]) });
    config.contacts[0].quiet = vec!["night".into()];
    let mut world = World::new(config, &[]);
    // Sundays from two to four in the morning, for host h0.
    let sundays = Interval { minutes: vec![(120, 240)], weekdays: vec![(0, 0)], ..Interval::default() };
    let recurs = Some(Schedule { zone: "Europe/Budapest".into(), when: When::Weekly(vec![sundays]) });
    world.step(Input::Maintenance(Maintenance {
        id: "patches".into(),
        entities: vec!["host/h0".into()],
        matchers: Vec::new(),
        period: Period { from: at(0), until: None, recurs },
        origin: Origin::Person("eva".into()),
        comment: "patches".into(),
    }));
    let mut failures = 0_usize;
    for day in 0..365 {
        for host in 0..HOSTS {
            if (day * 7 + host * 3) % 5 != 0 {
                continue;
            }
            failures += 1;
            let name = format!("h{host}");
            let labels = [("host", name.as_str())];
            let begin = day * DAY + 39_400 + host * 2_000;
            world.pass(begin - world.second);
            let rule = if host % 2 == 0 { "Failed" } else { "Slow" };
            world.step(observed(rule, &labels, Outcome::Match, world.second));
            world.pass(600);
            world.step(observed(rule, &labels, Outcome::NoMatch, world.second));
        }
    }
    world.pass(2 * DAY);
    assert_eq!(world.transitions.len(), failures * 2);
    assert_eq!(
        (world.engine.alerts().count(), world.engine.incidents().count(), world.engine.outstanding()),
        (0, 0, 0)
    );
    world.assert_all_resolved();
    world.assert_all_accounted();
    let incidents: std::collections::BTreeSet<u64> = world.stories().keys().map(|(_, incident)| *incident).collect();
    let suppressed = failures - incidents.len();
    // h0 fails at ten past one UTC of every fifth day, which is in the window on some Sundays.
    assert!((1..20).contains(&suppressed), "{suppressed} of {failures}");
    assert!(world.rows.len() < 200, "nothing piles up: {}", world.rows.len());
}
