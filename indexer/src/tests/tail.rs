//! Live tail shows what was applied since, and says what it could not show.

use super::*;
use crate::TailItem;

fn shown(item: Option<TailItem>) -> Vec<String> {
    match item {
        Some(TailItem::Records(rows)) => {
            rows.into_iter().map(|row| String::from_utf8(row.record.body).expect("text")).collect()
        }
        other => panic!("no records: {other:?}"),
    }
}

fn query(text: &str) -> Query {
    Query::parse(text).expect("parses")
}

#[tokio::test]
async fn a_client_gets_its_tenants_matches_from_now_on() {
    let directory = directory();
    let indexer = open(&directory);
    submit(&indexer, submission(&["error before"])).await;
    let mut errors = indexer.tail(query("error"), 0);
    let mut all = indexer.tail(query(""), 0);
    submit(&indexer, submission(&["fine"])).await;
    let other = encode_records(Timestamp(NOON), &[record(1, 0, "error elsewhere")]);
    submit(&indexer, Submission { tenant: 1, batches: vec![other], ..submission(&[]) }).await;
    submit(&indexer, numbered(1, &["error a", "fine", "error b"])).await;
    submit(&indexer, numbered(1, &["error a", "fine", "error b"])).await;
    submit(&indexer, submission(&["error c"])).await;
    assert_eq!(shown(errors.next().await), ["error a", "error b"]);
    assert_eq!(shown(errors.next().await), ["error c"]);
    assert_eq!(shown(all.next().await), ["fine"]);
    assert_eq!(shown(all.next().await), ["error a", "fine", "error b"]);
    indexer.shutdown().await.expect("stops");
    assert_eq!(errors.next().await, None);
    assert_eq!(shown(all.next().await), ["error c"], "what was waiting is still given");
    assert_eq!(all.next().await, None);
}

#[tokio::test]
async fn rows_are_those_of_the_store() {
    let directory = directory();
    let indexer = open(&directory);
    let mut tail = indexer.tail(query(""), 0);
    submit(&indexer, submission(&["a", "b"])).await;
    let page = Page { range: Range::ALL, order: Order::OldestFirst, limit: 10, after: None, stream: None };
    let found = indexer.snapshot().search(&query(""), 0, &page, &Budget::default()).expect("searches");
    assert_eq!(tail.next().await, Some(TailItem::Records(found.rows)));
}

#[tokio::test]
async fn a_slow_client_is_told_how_much_it_missed() {
    let directory = directory();
    let indexer = open(&directory);
    let mut slow = indexer.tail(query(""), 0);
    let long = "x".repeat(10_000);
    for _ in 0..10 {
        submit(&indexer, submission(&[&long, "short"])).await;
    }
    // Three submissions of 10 KB fit.
    assert_eq!(slow.next().await, Some(TailItem::Dropped(14)));
    for _ in 0..3 {
        assert_eq!(shown(slow.next().await), [long.as_str(), "short"]);
    }
    submit(&indexer, submission(&["after"])).await;
    assert_eq!(shown(slow.next().await), ["after"]);
    assert_eq!(indexer.shared().metrics.tail_dropped.get(), 14);
    drop(slow);
    assert_eq!(indexer.shared().tail.clients(), 0);
}

#[tokio::test]
async fn a_large_batch_is_searched_off_the_async_thread() {
    let directory = directory();
    let indexer = open(&directory);
    let mut tail = indexer.tail(query("needle"), 0);
    let long = "x".repeat(100_000);
    submit(&indexer, submission(&[&long, "needle"])).await;
    assert_eq!(shown(tail.next().await), ["needle"]);
}
