//! Deletions take what came before them, once, and nothing else.

use super::*;

async fn delete(indexer: &Indexer, query: &str, range: Range) -> u64 {
    let query = Query::parse(query).expect("parses");
    indexer.delete(&query, 0, range).await.expect("deletes")
}

#[tokio::test]
async fn a_deletion_takes_what_matches_of_its_tenant_and_range() {
    let directory = directory();
    let indexer = open(&directory);
    submit(&indexer, submission(&["error one", "fine", "error two", "error three"])).await;
    let other = encode_records(Timestamp(NOON), &[record(1, 0, "error elsewhere")]);
    submit(&indexer, Submission { tenant: 1, batches: vec![other], ..submission(&[]) }).await;
    indexer.flush().expect("flushes");
    submit(&indexer, submission(&["error four"])).await;
    assert_eq!(delete(&indexer, "nothing", Range::ALL).await, 0);
    // Records lie a nanosecond apart: `error three` is out of the range.
    assert_eq!(delete(&indexer, "error", Range { from: NOON, to: NOON + 3 }).await, 3);
    assert_eq!(bodies(&indexer), ["error three", "fine"]);
    assert_eq!(bodies_of(&indexer, 1), ["error elsewhere"]);
}

#[tokio::test]
async fn a_deletion_survives_restarts_and_spares_what_came_after_it() {
    let directory = directory();
    let indexer = open(&directory);
    submit(&indexer, submission(&["secret", "kept"])).await;
    assert_eq!(delete(&indexer, "secret", Range::ALL).await, 1);
    submit(&indexer, submission(&["secret again"])).await;
    assert_eq!(bodies(&indexer), ["kept", "secret again"]);
    drop(indexer);
    for _ in 0..2 {
        assert_eq!(bodies(&open(&directory)), ["kept", "secret again"]);
    }
}

/// A slow subscriber makes replay begin before a deletion that is long done with.
#[tokio::test]
async fn a_deletion_that_is_replayed_spares_later_records_in_segments() {
    let directory = directory();
    let indexer = open(&directory);
    drop(indexer.subscribe("slow").expect("subscribes"));
    submit(&indexer, submission(&["secret", "kept"])).await;
    assert_eq!(delete(&indexer, "secret", Range::ALL).await, 1);
    submit(&indexer, submission(&["secret again"])).await;
    indexer.flush().expect("flushes");
    drop(indexer);
    let (indexer, report) = open_reported(&directory);
    assert_eq!(report, replayed(3, 0));
    assert_eq!(bodies(&indexer), ["kept", "secret again"]);
}
