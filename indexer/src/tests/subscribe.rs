//! Subscribers get every applied group in order, from where they left off.

use orszem_model::wire::Batch;

use super::*;
use crate::Subscriber;

/// The bodies of the next group.
fn next(subscriber: &mut Subscriber) -> Option<Vec<String>> {
    let group = subscriber.try_next().expect("reads")?;
    let text = |body: &[u8]| String::from_utf8(body.to_vec()).expect("text");
    let bodies = group.batches.iter().flat_map(|(_, batch)| {
        let batch = Batch::decode(batch).expect("decodes");
        batch.records().map(|record| text(record.parts.body)).collect::<Vec<_>>()
    });
    Some(bodies.collect())
}

fn group(bodies: &[&str]) -> Option<Vec<String>> {
    Some(bodies.iter().map(|&body| body.to_owned()).collect())
}

#[tokio::test]
async fn a_subscriber_begins_now_and_resumes_at_its_cursor() {
    let directory = directory();
    let indexer = open(&directory);
    submit(&indexer, submission(&["before"])).await;
    let mut rules = indexer.subscribe("rules").expect("subscribes");
    assert_eq!(next(&mut rules), None);
    submit(&indexer, submission(&["a", "b"])).await;
    submit(&indexer, submission(&["c"])).await;
    rules.changed().await.expect("changes");
    assert_eq!((next(&mut rules), next(&mut rules), next(&mut rules)), (group(&["a", "b"]), group(&["c"]), None));
    drop(rules);

    // It committed nothing, so it gets everything again, also after a crash.
    let mut rules = indexer.subscribe("rules").expect("subscribes");
    assert_eq!(next(&mut rules), group(&["a", "b"]));
    rules.commit(rules.position()).expect("commits");
    drop((rules, indexer));
    let indexer = open(&directory);
    let mut rules = indexer.subscribe("rules").expect("subscribes");
    assert_eq!((next(&mut rules), next(&mut rules)), (group(&["c"]), None));
    submit(&indexer, submission(&["d"])).await;
    rules.changed().await.expect("changes");
    assert_eq!(next(&mut rules), group(&["d"]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn repeats_and_commands_are_left_out_also_after_a_restart() {
    let directory = directory();
    let indexer = open(&directory);
    drop(indexer.subscribe("rules").expect("subscribes"));
    for seq in 0..20 {
        let body = format!("{seq:02}");
        let (one, two) = tokio::join!(indexer.submit(numbered(seq, &[&body])), indexer.submit(numbered(seq, &[&body])));
        assert_ne!(one.expect("accepted").duplicate, two.expect("accepted").duplicate);
    }
    let nothing = Query::parse("nothing").expect("parses");
    assert_eq!(indexer.delete(&nothing, 0, Range::ALL).await.expect("deletes"), 0);
    let expected: Vec<Option<Vec<String>>> = (0..20).map(|seq| Some(vec![format!("{seq:02}")])).chain([None]).collect();
    let all = |indexer: &Indexer| {
        let mut rules = indexer.subscribe("rules").expect("subscribes");
        (0..21).map(|_| next(&mut rules)).collect::<Vec<_>>()
    };
    assert_eq!(all(&indexer), expected);
    indexer.shutdown().await.expect("stops");
    drop(indexer);
    assert_eq!(all(&open(&directory)), expected);
}

#[tokio::test]
async fn the_journal_is_kept_for_a_slow_subscriber() {
    let directory = directory();
    let indexer = open(&directory);
    let mut slow = indexer.subscribe("slow").expect("subscribes");
    let long = "x".repeat(10_000);
    for _ in 0..20 {
        submit(&indexer, submission(&[&long])).await;
    }
    indexer.flush().expect("flushes");
    assert!(indexer.journal_bytes() > 200_000);
    for _ in 0..20 {
        assert_eq!(next(&mut slow), group(&[&long]));
    }
    slow.commit(slow.position()).expect("commits");
    indexer.shared().trim().expect("trims");
    assert!(indexer.journal_bytes() < 40_000);
    slow.unsubscribe().expect("unsubscribes");
    let mut anew = indexer.subscribe("slow").expect("subscribes");
    assert_eq!(next(&mut anew), None);
}

#[tokio::test]
async fn a_stop_ends_the_wait() {
    let directory = directory();
    let indexer = open(&directory);
    let mut rules = indexer.subscribe("rules").expect("subscribes");
    let (changed, stopped) = tokio::join!(rules.changed(), indexer.shutdown());
    stopped.expect("stops");
    assert!(matches!(changed, Err(crate::Error::ShuttingDown)));
}
