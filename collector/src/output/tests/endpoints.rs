//! Moving on to another server, and back.

use super::*;

const FAILOVERS: fn(&OutputStatus) -> (u64, u64) = |status| (status.counts().failovers, status.counts().failbacks);

#[tokio::test(start_paused = true)]
async fn sending_moves_on_after_two_failures_and_back_after_a_minute() {
    let mut f = fixture(config(&["a", "b"]));
    f.network.host("a", |host| host.is_down = true);
    let begun = Instant::now();
    assert_eq!(f.sender.deliver(&batch(1, 1)).await, delivered(1, 1));
    assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
    assert_eq!((f.network.seen("a").len(), f.network.seen("b").len()), (0, 1));
    assert_eq!(f.sender.status().retries(), RetryCounts { unreachable: 2, ..RetryCounts::default() });
    assert_eq!(states(&f.sender), [EndpointState::Unreachable, EndpointState::Sending]);

    // It comes back, goes again, and only then stays.
    f.network.host("a", |host| host.is_down = false);
    tokio::time::sleep(Duration::from_secs(40)).await;
    f.network.host("a", |host| host.is_down = true);
    tokio::time::sleep(Duration::from_secs(20)).await;
    f.network.host("a", |host| host.is_down = false);
    tokio::time::sleep(Duration::from_secs(45)).await;
    assert_eq!(f.sender.deliver(&batch(2, 1)).await, delivered(2, 2));
    assert_eq!(FAILOVERS(&f.sender.status()), (1, 0));
    tokio::time::sleep(Duration::from_secs(45)).await;
    assert_eq!(f.sender.deliver(&batch(3, 1)).await, delivered(3, 3));
    assert_eq!(FAILOVERS(&f.sender.status()), (1, 1));
    let seqs =
        |name| f.network.seen(name).iter().map(|s| s.header("x-orszem-seq").map(str::to_owned)).collect::<Vec<_>>();
    assert_eq!((seqs("a"), seqs("b")), (vec![Some("3".into())], vec![Some("1".into()), Some("2".into())]));
    assert_eq!(states(&f.sender), [EndpointState::Sending, EndpointState::Standby]);
}

#[tokio::test(start_paused = true)]
async fn a_full_server_is_waited_for_and_a_failing_one_is_left() {
    let mut f = fixture(config(&["a", "b"]));
    let full = Answer::Status(429, vec![("retry-after", "5")], Vec::new());
    f.network.script("a", [full.clone(), full.clone(), full]);
    let begun = Instant::now();
    assert_eq!(f.sender.deliver(&batch(1, 1)).await, delivered(1, 1));
    assert_eq!((begun.elapsed().as_secs(), f.network.seen("b").len()), (15, 0));
    f.network.script("a", [status(500), status(503)]);
    assert_eq!(f.sender.deliver(&batch(2, 1)).await, delivered(2, 2));
    assert_eq!((f.network.seen("a").len(), f.network.seen("b").len()), (6, 1));
}

#[tokio::test(start_paused = true)]
async fn with_all_servers_away_the_rounds_get_slower() {
    let mut f = fixture(config(&["a", "b"]));
    f.network.host("a", |host| host.is_down = true);
    f.network.host("b", |host| host.is_down = true);
    let hour = tokio::time::timeout(Duration::from_secs(3600), f.sender.deliver(&batch(1, 1))).await;
    assert!(hour.is_err());
    let tries = f.sender.status().retries().unreachable;
    assert!((700..2500).contains(&tries), "{tries} tries in an hour");
    f.network.host("b", |host| host.is_down = false);
    assert_eq!(f.sender.deliver(&batch(1, 1)).await, delivered(1, 1));
    assert_eq!(f.network.seen("b").len(), 1);
}
