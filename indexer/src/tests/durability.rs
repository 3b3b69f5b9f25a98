//! What was acknowledged is found exactly once, whatever happened since.

use std::fs;

use super::*;

const FRESH: Accepted = Accepted { accepted_seq: 0, horizon_seq: 0, duplicate: false };

fn accepted(accepted_seq: u64, horizon_seq: u64, duplicate: bool) -> Accepted {
    Accepted { accepted_seq, horizon_seq, duplicate }
}

#[tokio::test]
async fn what_was_acknowledged_is_visible_and_survives_a_stop_and_a_crash() {
    let directory = directory();
    let (indexer, report) = open_reported(&directory);
    assert_eq!((report, bodies(&indexer)), (nothing(), vec![]));
    assert_eq!(submit(&indexer, submission(&["a", "b"])).await, FRESH);
    assert_eq!(bodies(&indexer), ["a", "b"]);
    indexer.shutdown().await.expect("stops");
    assert_eq!(indexer.sizes().memtable_rows, 0);
    drop(indexer);

    let (indexer, report) = open_reported(&directory);
    assert_eq!((report, bodies(&indexer)), (nothing(), vec!["a".to_owned(), "b".to_owned()]));
    submit(&indexer, submission(&["c"])).await;
    drop(indexer);

    let (indexer, report) = open_reported(&directory);
    assert_eq!(report, replayed(1, 1));
    assert_eq!(bodies(&indexer), ["a", "b", "c"]);
    indexer.flush().expect("flushes");
    submit(&indexer, submission(&["c"])).await;
    drop(indexer);

    let (indexer, report) = open_reported(&directory);
    assert_eq!(report, replayed(1, 1));
    assert_eq!(bodies(&indexer), ["a", "b", "c", "c"], "equal records without identity are no repeats");
}

#[tokio::test]
async fn repeats_are_known_by_identity_also_after_a_restart() {
    let directory = directory();
    let indexer = open(&directory);
    assert_eq!(submit(&indexer, numbered(5, &["a"])).await, accepted(5, 5, false));
    assert_eq!(submit(&indexer, numbered(7, &["c"])).await, accepted(7, 5, false));
    assert_eq!(submit(&indexer, numbered(5, &["a"])).await, accepted(7, 5, true));
    assert_eq!(submit(&indexer, keyed("k", &["k"])).await, FRESH);
    drop(indexer);

    // The verdicts come from replay.
    let indexer = open(&directory);
    assert_eq!(submit(&indexer, numbered(7, &["c"])).await, accepted(7, 5, true));
    assert_eq!(submit(&indexer, keyed("k", &["k"])).await, accepted(0, 0, true));
    assert_eq!(submit(&indexer, Submission { tenant: 1, ..keyed("k", &["other tenant"]) }).await, FRESH);
    indexer.shutdown().await.expect("stops");
    drop(indexer);

    // They come from the checkpoint.
    let (indexer, report) = open_reported(&directory);
    assert_eq!(report, nothing());
    assert_eq!(submit(&indexer, numbered(7, &["c"])).await, accepted(7, 5, true));
    assert_eq!(submit(&indexer, keyed("k", &["k"])).await, accepted(0, 0, true));
    assert_eq!(submit(&indexer, numbered(6, &["b"])).await, accepted(7, 7, false));
    assert_eq!(bodies(&indexer), ["a", "b", "c", "k", "other tenant"]);
}

#[tokio::test]
async fn the_horizon_passes_what_the_sender_gave_up_also_after_a_restart() {
    let directory = directory();
    let indexer = open(&directory);
    let after_gap = |seq, skipped, body: &str| {
        let identity = Some(Identity { source: "node".into(), epoch: 1, seq, skipped });
        Submission { identity, ..submission(&[body]) }
    };
    assert_eq!(submit(&indexer, numbered(5, &["a"])).await, accepted(5, 5, false));
    assert_eq!(submit(&indexer, after_gap(9, 2, "b")).await, accepted(9, 5, false));
    assert_eq!(submit(&indexer, numbered(8, &["given up"])).await, accepted(9, 5, true));
    drop(indexer);
    let indexer = open(&directory);
    assert_eq!(submit(&indexer, numbered(6, &["c"])).await, accepted(9, 9, false));
    assert_eq!(submit(&indexer, after_gap(12, 2, "d")).await, accepted(12, 12, false));
    assert_eq!(bodies(&indexer), ["a", "b", "c", "d"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn repeats_in_flight_together_are_stored_once_also_by_replay() {
    let directory = directory();
    let indexer = open(&directory);
    for round in 0..20 {
        let body = format!("body {round:02}");
        let together: Vec<_> = (0..6)
            .map(|_| {
                let (indexer, submission) = (indexer.clone(), numbered(round, &[&body]));
                tokio::spawn(async move { submit(&indexer, submission).await.duplicate })
            })
            .collect();
        let mut fresh = 0;
        for task in together {
            fresh += usize::from(!task.await.expect("ends"));
        }
        assert_eq!(fresh, 1, "round {round}");
    }
    let expected: Vec<String> = (0..20).map(|round| format!("body {round:02}")).collect();
    assert_eq!(bodies(&indexer), expected);
    drop(indexer);
    let (indexer, report) = open_reported(&directory);
    assert_eq!((report.replayed_records, report.replayed_groups - report.repeats), (20, 20));
    assert_eq!(bodies(&indexer), expected);
}

#[tokio::test]
async fn an_identity_whose_records_were_all_rejected_counts() {
    let directory = directory();
    let indexer = open(&directory);
    let empty = || Submission { batches: Vec::new(), ..numbered(1, &[]) };
    assert_eq!(submit(&indexer, empty()).await, accepted(1, 1, false));
    assert_eq!(submit(&indexer, numbered(2, &["b"])).await, accepted(2, 2, false));
    drop(indexer);
    let (indexer, report) = open_reported(&directory);
    assert_eq!(report, replayed(2, 1));
    assert_eq!(submit(&indexer, empty()).await, accepted(2, 2, true));
    assert_eq!(bodies(&indexer), ["b"]);
    let without = Submission { identity: None, ..empty() };
    assert_eq!(submit(&indexer, without).await, FRESH);
}

#[tokio::test]
async fn a_lost_journal_costs_only_what_was_not_written_out() {
    let directory = directory();
    let indexer = open(&directory);
    submit(&indexer, submission(&["written out"])).await;
    indexer.flush().expect("flushes");
    submit(&indexer, submission(&["lost"])).await;
    drop(indexer);
    fs::remove_dir_all(directory.path().join("journal")).expect("removes");

    let (indexer, report) = open_reported(&directory);
    assert_eq!((report, bodies(&indexer)), (nothing(), vec!["written out".to_owned()]));
    submit(&indexer, submission(&["later"])).await;
    drop(indexer);
    let (indexer, report) = open_reported(&directory);
    assert_eq!(report, replayed(1, 1), "positions went on behind those of the store");
    assert_eq!(bodies(&indexer), ["later", "written out"]);
}

#[tokio::test]
async fn damage_in_the_journal_is_named_and_costs_only_its_group() {
    let directory = directory();
    let indexer = open(&directory);
    for body in ["first", "second", "third"] {
        submit(&indexer, submission(&[body])).await;
    }
    drop(indexer);
    let journal = directory.path().join("journal/logs");
    let segments: Vec<_> = fs::read_dir(&journal)
        .expect("lists")
        .map(|entry| entry.expect("entry").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "journal"))
        .collect();
    let [segment] = segments.as_slice() else { panic!("one segment, not {segments:?}") };
    let mut bytes = fs::read(segment).expect("reads");
    let at = bytes.windows(6).position(|window| window == b"second").expect("there");
    bytes[at] ^= 1;
    fs::write(segment, bytes).expect("writes");

    let (indexer, report) = open_reported(&directory);
    assert_eq!((report.damaged.len(), report.damaged_more), (1, 0));
    assert_eq!(report.damaged[0].reason, orszem_journal::Reason::Checksum);
    assert_eq!(bodies(&indexer), ["first", "third"]);
}

#[tokio::test]
async fn the_directory_is_used_by_one_at_a_time() {
    let directory = directory();
    let indexer = open(&directory);
    let second = Indexer::open(directory.path(), options()).map(|_| ());
    let is_locked = matches!(second, Err(crate::Error::OpenStore { source: orszem_logs::Error::Locked { .. }, .. }));
    assert!(is_locked);
    indexer.shutdown().await.expect("stops");
    drop(indexer);
    open(&directory);
}
