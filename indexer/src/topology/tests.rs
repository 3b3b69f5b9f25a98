//! Edges at any moment, whatever happened since.

use orszem_model::topology::Relation;

use super::*;
use crate::collectors::Arrival;
use crate::tests::{directory, open};

fn edge(from: &str, to: &str) -> Edge {
    let (origin, detail) = ("pacemaker".to_owned(), "Started".to_owned());
    Edge { from: from.to_owned(), relation: Relation::RunsOn, to: to.to_owned(), detail, origin }
}

fn set(reporter: &str, at: i64, edges: &[Edge]) -> EdgeSet {
    let origin = Some("pacemaker".to_owned());
    EdgeSet { tenant: 0, reporter: reporter.to_owned(), origin, at: Timestamp(at), edges: edges.to_vec() }
}

fn held(indexer: &Indexer, at: i64) -> Vec<(String, i64)> {
    let held = indexer.topology().at(0, Timestamp(at)).expect("reads");
    held.into_iter().map(|held| (format!("{}>{}", held.edge.from, held.edge.to), held.since.0)).collect()
}

fn known(edges: &[(&str, i64)]) -> Vec<(String, i64)> {
    edges.iter().map(|(edge, since)| ((*edge).to_owned(), *since)).collect()
}

#[tokio::test]
async fn a_set_replaces_the_one_before_and_the_past_stays() {
    let directory = directory();
    let indexer = open(&directory);
    let topology = indexer.topology();
    let (one, two) = (edge("vip", "n1"), edge("vip", "n2"));
    let tally = |added, removed| EdgeTally { added, removed };
    let both = [one.clone(), edge("db", "n1")];
    assert_eq!(topology.replace(set("n1", 10, &both)).await.expect("replaces"), tally(2, 0));
    assert_eq!(topology.replace(set("n1", 15, &both)).await.expect("replaces"), tally(0, 0), "a repeat");
    let moved = [two.clone(), edge("db", "n1")];
    assert_eq!(topology.replace(set("n1", 20, &moved)).await.expect("replaces"), tally(1, 1));
    // Another reporter, and another origin, have edges of their own.
    assert_eq!(topology.replace(set("n2", 25, std::slice::from_ref(&two))).await.expect("replaces"), tally(1, 0));
    let other = EdgeSet { origin: Some("drbd".to_owned()), ..set("n1", 30, &[]) };
    assert_eq!(topology.replace(other).await.expect("replaces"), tally(0, 0));
    assert_eq!(topology.replace(set("n1", 40, &[])).await.expect("replaces"), tally(0, 2));

    let all = |indexer: &Indexer| {
        assert_eq!(held(indexer, 9), known(&[]));
        assert_eq!(held(indexer, 10), known(&[("db>n1", 10), ("vip>n1", 10)]));
        assert_eq!(held(indexer, 19), known(&[("db>n1", 10), ("vip>n1", 10)]));
        assert_eq!(held(indexer, 20), known(&[("db>n1", 10), ("vip>n2", 20)]));
        assert_eq!(held(indexer, 39), known(&[("db>n1", 10), ("vip>n2", 20)]));
        assert_eq!(held(indexer, 40), known(&[("vip>n2", 25)]));
        assert_eq!(indexer.topology().at(1, Timestamp(20)).expect("reads"), Vec::new(), "another tenant's");
        let change = |at, edge: &Edge, is_there| EdgeChange { at: Timestamp(at), edge: edge.clone(), is_there };
        assert_eq!(
            indexer.topology().changes(0, Timestamp(11), Timestamp(26)).expect("reads"),
            [change(20, &one, false), change(20, &two, true), change(25, &two, true)]
        );
    };
    all(&indexer);
    drop(topology);
    drop(indexer);
    let indexer = open(&directory);
    all(&indexer);
    indexer.shutdown().await.expect("stops");
    drop(indexer);
    all(&open(&directory));
}

#[tokio::test]
async fn what_the_catalogue_lost_comes_from_the_journal() {
    let directory = directory();
    let indexer = open(&directory);
    indexer.topology().replace(set("n1", 10, &[edge("vip", "n1")])).await.expect("replaces");
    drop(indexer);
    let path = super::directory(directory.path());
    let file = path.join("topology.sqlite");
    let mut bytes = std::fs::read(&file).expect("reads");
    bytes.iter_mut().skip(100).for_each(|byte| *byte ^= 0x55);
    bytes.iter_mut().take(16).for_each(|byte| *byte ^= 0x55);
    std::fs::write(&file, &bytes).expect("writes");
    for rest in ["topology.sqlite-wal", "topology.sqlite-shm"] {
        if path.join(rest).try_exists().expect("looks") {
            std::fs::remove_file(path.join(rest)).expect("removes");
        }
    }
    let indexer = open(&directory);
    assert_eq!(held(&indexer, 10), known(&[("vip>n1", 10)]));
    assert_eq!(std::fs::read(path.join("quarantine/topology.sqlite.0")).expect("is kept"), bytes);
    indexer.topology().replace(set("n1", 20, &[])).await.expect("replaces");
    assert_eq!((held(&indexer, 19), held(&indexer, 20)), (known(&[("vip>n1", 10)]), known(&[])));
}

#[test]
fn a_flipped_bit_in_the_version_is_damage_and_a_newer_one_is_told() {
    let directory = directory();
    let file = directory.path().join("topology.sqlite");
    let set = |version: &str| {
        drop(Store::open(directory.path()).expect("opens"));
        let connection = rusqlite::Connection::open(&file).expect("opens");
        connection.execute(&format!("UPDATE meta SET value = {version} WHERE key = 'version'"), []).expect("writes");
    };
    set("1");
    let whole = std::fs::read(&file).expect("reads");
    let key = whole.windows(7).rposition(|bytes| bytes == b"version").expect("the key of the version");
    // SQLite keeps a value of 1 in the type of the cell, which stands before the key.
    for bit in 0..8 {
        let mut flipped = whole.clone();
        flipped[key - 1] ^= 1 << bit;
        std::fs::write(&file, &flipped).expect("writes");
        let store = Store::open(directory.path()).unwrap_or_else(|error| panic!("bit {bit}: {error:?}"));
        assert_eq!(store.position().expect("reads"), 0);
        let kept = std::fs::read(directory.path().join(format!("quarantine/topology.sqlite.{bit}"))).expect("is kept");
        assert!(kept == flipped, "bit {bit}");
    }
    set("2");
    let refused = Store::open(directory.path()).map(|_| ());
    assert!(matches!(refused, Err(Error::DatabaseVersion { found: 2, known: 1, .. })), "{refused:?}");
}

#[tokio::test]
async fn too_many_edges_are_refused_and_nothing_changes() {
    let directory = directory();
    let indexer = open(&directory);
    let many: Vec<Edge> = (0..=EDGES_MAX).map(|number| edge(&format!("r{number}"), "n1")).collect();
    indexer.topology().replace(set("n1", 10, &many[..1])).await.expect("replaces");
    let refused = indexer.topology().replace(set("n1", 20, &many)).await;
    assert!(matches!(refused, Err(Error::TooManyEdges { limit: EDGES_MAX })), "{refused:?}");
    assert_eq!(held(&indexer, 30), known(&[("r0>n1", 10)]));
}

#[test]
fn a_command_that_is_repeated_changes_nothing() {
    let directory = directory();
    let store = Store::open(directory.path()).expect("opens");
    let changes = |at, is_there| EdgeChanges {
        tenant: 0,
        reporter: "n1".to_owned(),
        changes: vec![EdgeChange { at: Timestamp(at), edge: edge("vip", "n1"), is_there }],
    };
    let since =
        |at| -> Vec<i64> { store.at(0, Timestamp(at)).expect("reads").iter().map(|held| held.since.0).collect() };
    store.apply(0, &changes(10, true)).expect("applies");
    store.apply(5, &changes(20, false)).expect("applies");
    // Replay begins before what is in it.
    store.apply(0, &changes(10, true)).expect("leaves it out");
    assert_eq!((since(15), since(20)), (vec![10], vec![]));
    // An end before the beginning, by a clock that is behind, is an end at once.
    store.apply(6, &changes(30, true)).expect("applies");
    store.apply(7, &changes(29, false)).expect("applies");
    assert_eq!((since(29), since(30), store.position().expect("reads")), (vec![], vec![], 8));
    // What is long over is forgotten.
    store.apply(8, &changes(31 + HISTORY_DAYS * 86_400 * 1_000_000_000, true)).expect("applies");
    assert_eq!(since(15), Vec::<i64>::new());
}

#[tokio::test]
async fn what_a_collector_told_ends_a_week_after_it_was_heard_last() {
    const DAY: i64 = 86_400_000_000_000;
    let directory = directory();
    let indexer = open(&directory);
    let topology = indexer.topology();
    let heard = |source, at| Arrival { tenant: 0, source, sent: None, received: Timestamp(at), rejected: &[] };
    for (reporter, source, at) in [("n1", "collector/n1", 2 * DAY), ("n2", "collector/n2", 3 * DAY)] {
        topology.replace(set(reporter, DAY, &[edge("vip", reporter)])).await.expect("replaces");
        indexer.collectors().arrived(&heard(source, at));
    }
    // No collector: it tells when it knows better.
    topology.replace(set("cmdb", DAY, &[edge("vip", "n3")])).await.expect("replaces");
    assert_eq!(topology.end_silent(Timestamp(9 * DAY - 1)).await.expect("looks"), 0);
    assert_eq!(topology.end_silent(Timestamp(9 * DAY)).await.expect("looks"), 1);
    assert_eq!(topology.end_silent(Timestamp(9 * DAY)).await.expect("looks"), 0, "once");
    let all = [("vip>n1", DAY), ("vip>n2", DAY), ("vip>n3", DAY)];
    assert_eq!(held(&indexer, 9 * DAY - 1), known(&all));
    assert_eq!(held(&indexer, 9 * DAY), known(&all[1..]));
    // It is back, and tells.
    indexer.collectors().arrived(&heard("collector/n1", 20 * DAY));
    topology.replace(set("n1", 20 * DAY, &[edge("vip", "n1")])).await.expect("replaces");
    assert_eq!(topology.end_silent(Timestamp(20 * DAY)).await.expect("looks"), 1, "the other one");
    assert_eq!(held(&indexer, 20 * DAY), known(&[("vip>n1", 20 * DAY), ("vip>n3", DAY)]));
}
