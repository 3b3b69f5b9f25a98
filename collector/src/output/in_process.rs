//! Handing batches to a server in the same process.

use tokio::sync::{mpsc, oneshot};

use super::reply::Reply;
use super::sender::Piece;
use super::{OutboundBatch, OutputError, Signal, Undelivered};

/// Hands a piece over and waits for what becomes of it.
pub(super) async fn hand_over(
    sender: &mpsc::Sender<OutboundBatch>,
    signal: Signal,
    piece: &Piece<'_>,
) -> Result<Reply, Undelivered> {
    let (done, answer) = oneshot::channel();
    let batch = OutboundBatch {
        signal,
        payload: piece.payload.clone(),
        hash: piece.hash,
        source: piece.source.to_owned(),
        epoch: piece.epoch,
        seq: piece.seq,
        skipped: piece.skipped,
        records: piece.records,
        done,
    };
    sender.send(batch).await.map_err(|_gone| Undelivered::Closed)?;
    let dropped = |_| Err(OutputError::Unavailable { reason: "the batch was dropped without an answer".to_owned() });
    Ok(match answer.await.unwrap_or_else(dropped) {
        Ok(accepted) => Reply::Accepted(accepted),
        Err(OutputError::Busy { retry_after }) => Reply::Busy("the receiver is full".to_owned(), Some(retry_after)),
        Err(OutputError::Unavailable { reason }) => Reply::Failed(reason, None),
        Err(OutputError::Refused { reason }) => Reply::Refused(reason),
    })
}
