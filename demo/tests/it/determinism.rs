//! The same seed and start give the same site, however time is let pass.

use orszem_demo::{Item, Site};
use orszem_model::Timestamp;

/// 2026-11-22T10:00:00Z
const START: Timestamp = Timestamp(1_795_341_600_000_000_000);
const NS: i64 = 1_000_000_000;

fn after(seconds: i64) -> Timestamp {
    Timestamp(START.0 + seconds * NS)
}

fn at_once(seed: u64) -> Vec<Item> {
    Site::new(seed, START, 300).advance(after(700))
}

#[test]
fn the_same_seed_gives_the_same_items_in_steps_of_any_size() {
    let expected = at_once(7);
    assert!(expected.len() > 7_000, "some tens of items a second: {}", expected.len());
    let mut site = Site::new(7, START, 300);
    let mut stepped = Vec::new();
    for step in 1..=1_400 {
        stepped.extend(site.advance(Timestamp(START.0 + step * NS / 2)));
    }
    assert_eq!(stepped, expected);
    assert_eq!(site.now(), after(700));
    assert_ne!(at_once(8), expected);
}

#[test]
fn items_come_by_time_and_never_from_what_has_not_been() {
    let items = at_once(7);
    assert!(items.windows(2).all(|pair| pair[0].at() <= pair[1].at()));
    assert!(items.iter().all(|item| item.at() < after(700)));
    assert_eq!(Site::new(7, START, 300).turn_after(after(301)), after(600));
    assert_eq!(Site::new(7, START, 300).turn_after(after(300)), after(300));
}

#[test]
fn a_host_without_power_says_nothing() {
    let mut site = Site::new(7, START, 300);
    let items = site.advance(after(600));
    let truth = site.truths().into_iter().nth(1).expect("a second story");
    let (from, _) = truth.moved.expect("a failover");
    let host = |item: &Item| match item {
        Item::Line { host, .. } => (*host).to_owned(),
        Item::Seen(seen) => seen.reporter.clone(),
        Item::Probe(probe) => probe.host.to_owned(),
        Item::Sample(_) => String::new(),
    };
    let (_, outage_ends) = truth.outage.expect("an outage");
    // The node was lost at least ten seconds before the service was back, and boots half a minute after that.
    let silent =
        items.iter().filter(|item| item.at().0 > outage_ends.0 - 15 * NS && item.at().0 < outage_ends.0 + 10 * NS);
    assert_eq!(silent.filter(|item| host(item) == from).count(), 0);
}
