//! Who is owed an all-clear when a later message about the same incident is refused.

#[expect(dead_code, reason = "each test file uses a part of it")]
mod common;

use common::{World, config, rate, secs};
use orszem_alerting::{Delivery, Kind, Timing};

const DB1: &[(&str, &str)] = &[("host", "db1")];

#[test]
fn whoever_heard_of_it_is_told_the_end_though_it_began_again_and_that_was_refused() {
    let mut world = World::new(config(), &[]);
    world.observe("Failed", DB1, true);
    world.pass(3);
    assert_eq!(world.told(), ["open! eva mail: host/db1: Failed host=db1"]);
    world.observe("Failed", DB1, false);
    world.tick_until(40, false);
    assert_eq!(world.pending.iter().map(|intent| intent.kind).collect::<Vec<_>>(), [Kind::Resolve]);
    world.observe("Failed", DB1, true);
    world.tick_until(80, false);
    let again = world.pending[0].clone();
    assert_eq!((world.pending.len(), again.kind), (1, Kind::Open));
    world.finish(&again, Delivery::Refused);
    world.observe("Failed", DB1, false);
    world.pass(60);
    assert_eq!(world.told(), ["resolve! eva mail: host/db1: Failed host=db1"]);
}

#[test]
fn what_a_digest_says_is_owed_its_end_though_another_message_was_refused() {
    let mut config = config();
    config.contacts[0].rate = rate(1, 3_600);
    config.policies[0].steps.truncate(1);
    config.route.timing = Some(Timing { remind: Some(secs(600)), ..Timing::default() });
    let mut world = World::new(config, &[]);
    world.observe("Slow", DB1, true);
    world.tick_until(700, false);
    let open = world.pending[0].clone();
    assert_eq!((world.pending.len(), open.kind), (1, Kind::Open));
    world.finish(&open, Delivery::Refused);
    world.pass(3_600);
    assert_eq!(world.told(), ["digest! eva mail: digest: 6 happenings"]);
    world.observe("Slow", DB1, false);
    world.pass(7_200);
    let end = world.sent.iter().flat_map(|intent| &intent.message.entries).map(|entry| entry.kind);
    let end: Vec<Kind> = end.chain(world.sent.iter().map(|intent| intent.kind)).collect();
    assert!(end.contains(&Kind::Resolve), "{end:?}");
}
