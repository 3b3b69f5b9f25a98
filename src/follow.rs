//! Hands what this host's collector read to the store in the same process.

use std::time::Duration;

use orszem_collector::{OutboundBatch, OutputError};
use orszem_indexer::ingest::http::{Identity, Submission, SubmitError, SubmitFn};
use tokio::sync::mpsc;
use tracing::debug;

/// Batches on their way from the collector. It sends one at a time, so more room would stay empty.
pub const QUEUE_BATCHES: usize = 1;

/// Submits every batch of `batches` for `tenant` and answers the collector, until the collector is gone.
pub async fn submit_all(mut batches: mpsc::Receiver<OutboundBatch>, submit: SubmitFn, tenant: u32) {
    while let Some(OutboundBatch { batch, source, epoch, seq, done }) = batches.recv().await {
        let identity = Some(Identity { source, epoch, seq });
        let submission = Submission { tenant, identity, idempotency_key: None, batches: vec![batch] };
        let answer = submit(submission).await.map(|_| ()).map_err(|error| output_error(&error));
        if done.send(answer).is_err() {
            debug!("the collector stopped before its batch was acknowledged; it sends it again at its next start");
        }
    }
}

fn output_error(error: &SubmitError) -> OutputError {
    match error {
        SubmitError::Overloaded { retry_after_s } => {
            OutputError::Busy { retry_after: Duration::from_secs(*retry_after_s) }
        }
        SubmitError::DiskFull | SubmitError::ShuttingDown | SubmitError::Io(_) => {
            OutputError::Unavailable { reason: error.to_string() }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use orszem_indexer::ingest::http::Accepted;
    use tokio::sync::oneshot;

    use super::*;

    #[tokio::test]
    async fn each_batch_is_submitted_under_its_identity_and_answered() {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&seen);
        let submit: SubmitFn = Arc::new(move |submission: Submission| {
            let is_first = submission.identity.as_ref().is_some_and(|identity| identity.seq == 0);
            kept.lock().expect("not poisoned").push(submission);
            let answer =
                if is_first { Ok(Accepted::default()) } else { Err(SubmitError::Overloaded { retry_after_s: 3 }) };
            Box::pin(async move { answer })
        });
        let (sender, receiver) = mpsc::channel(QUEUE_BATCHES);
        let task = tokio::spawn(submit_all(receiver, submit, 4));
        let mut answers = Vec::new();
        for seq in 0..2 {
            let (done, answer) = oneshot::channel();
            let batch = OutboundBatch { batch: vec![9], source: "s".into(), epoch: 1, seq, done };
            sender.send(batch).await.expect("running");
            answers.push(answer.await.expect("answered"));
        }
        drop(sender);
        task.await.expect("ends");
        assert_eq!(answers, [Ok(()), Err(OutputError::Busy { retry_after: Duration::from_secs(3) })]);
        let expected = |seq| Submission {
            tenant: 4,
            identity: Some(Identity { source: "s".into(), epoch: 1, seq }),
            idempotency_key: None,
            batches: vec![vec![9]],
        };
        assert_eq!(*seen.lock().expect("not poisoned"), [expected(0), expected(1)]);
    }
}
