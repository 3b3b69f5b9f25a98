//! Under which names batches are sent when the host is renamed, and when the receiver knows more than it can.

use std::io::Cursor;
use std::path::Path;
use std::time::Duration;

use orszem_collector::output::{Accepted, OutboundBatch};
use orszem_collector::{Collector, CollectorConfig, CollectorHandle, CounterValues, Destination, Input};
use tokio::sync::mpsc;

/// What a batch is known by.
type Name = (String, u64, u64);

/// A collector of its own lines, and the batches that it sends.
fn start(state_dir: &Path, host: &str, lines: &str) -> (CollectorHandle, mpsc::Receiver<OutboundBatch>) {
    let config = CollectorConfig { state_dir: state_dir.to_owned(), ..CollectorConfig::default() };
    let (sender, batches) = mpsc::channel(1);
    let input = Input::Reader(Box::new(Cursor::new(lines.as_bytes().to_vec())));
    let handle = Collector::start(config, host.to_owned(), input, Destination::InProcess(sender));
    (handle.expect("starts"), batches)
}

/// Ends it and lets go of its queue.
async fn stop(collector: CollectorHandle, drain: Duration) -> CounterValues {
    collector.stop(drain).await;
    collector.counters()
}

async fn next(batches: &mut mpsc::Receiver<OutboundBatch>) -> (Name, OutboundBatch) {
    let batch = tokio::time::timeout(Duration::from_secs(60), batches.recv()).await;
    let batch = batch.expect("a batch comes").expect("the collector runs");
    ((batch.source.clone(), batch.epoch, batch.seq), batch)
}

fn text(batch: &OutboundBatch) -> String {
    let raw = zstd::decode_all(batch.payload.as_ref()).expect("zstd");
    String::from_utf8_lossy(&raw).into_owned()
}

fn accept(batch: OutboundBatch, accepted_seq: u64) {
    let accepted = Accepted { accepted_seq, horizon_seq: accepted_seq, ..Accepted::default() };
    batch.done.send(Ok(accepted)).expect("is waited for");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_renamed_host_sends_what_is_queued_under_its_old_name() {
    let directory = tempfile::tempdir().expect("a directory");
    let (collector, mut batches) = start(directory.path(), "old", "one\n");
    // Whether the server has it is not known when the collector ends.
    let (first, unanswered) = next(&mut batches).await;
    assert_eq!((first.0.as_str(), first.2), ("collector/old", 1));
    stop(collector, Duration::ZERO).await;
    let body = text(&unanswered);
    assert!(body.contains("one"));
    drop((unanswered, batches));

    let (collector, mut batches) = start(directory.path(), "new", "two\n");
    let (again, batch) = next(&mut batches).await;
    assert_eq!((again, text(&batch)), (first.clone(), body));
    accept(batch, 1);
    let (second, batch) = next(&mut batches).await;
    assert_eq!((second.0.as_str(), second.2), ("collector/new", 2));
    assert_ne!(second.1, first.1, "the old epoch goes with the old name");
    assert!(text(&batch).contains("two"));
    accept(batch, 2);
    stop(collector, Duration::from_secs(60)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_whose_number_is_taken_is_sent_once_more_in_another_epoch() {
    let directory = tempfile::tempdir().expect("a directory");
    let (collector, mut batches) = start(directory.path(), "n", "one\n");
    let (first, batch) = next(&mut batches).await;
    let body = text(&batch);
    accept(batch, 50);
    let (again, batch) = next(&mut batches).await;
    assert_eq!((again.0, again.2, text(&batch)), (first.0, first.2, body));
    assert_ne!(again.1, first.1);
    accept(batch, 1);
    // It is told of in-band, in the same epoch: one set back is one notice.
    assert_eq!(stop(collector, Duration::from_secs(60)).await.set_backs, 1);

    let (collector, mut batches) = start(directory.path(), "n", "two\n");
    let (_, batch) = next(&mut batches).await;
    let seq = batch.seq;
    assert!(text(&batch).contains("two"), "nothing else is queued");
    accept(batch, seq);
    assert_eq!(stop(collector, Duration::from_secs(60)).await.set_backs, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_queued_before_an_older_copy_was_put_back_is_judged_by_its_numbers() {
    let directory = tempfile::tempdir().expect("a directory");
    let (collector, batches) = start(directory.path(), "n", "one\n");
    stop(collector, Duration::ZERO).await;
    drop(batches);
    let (collector, mut batches) = start(directory.path(), "n", "two\n");
    let (first, batch) = next(&mut batches).await;
    // The server has ten batches that this directory knows nothing of.
    accept(batch, 11);
    let (second, batch) = next(&mut batches).await;
    assert_eq!((second.0, second.2), (first.0, 2));
    assert_ne!(second.1, first.1);
    assert!(text(&batch).contains("two"));
    accept(batch, 2);
    // The notice of it may come in the batch of "two", or in one of its own.
    let answering = tokio::spawn(async move {
        while let Some(batch) = batches.recv().await {
            let seq = batch.seq;
            accept(batch, seq);
        }
    });
    assert_eq!(stop(collector, Duration::from_secs(60)).await.set_backs, 1);
    answering.await.expect("ends");
}
