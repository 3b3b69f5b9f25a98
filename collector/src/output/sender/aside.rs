//! What a server refused is set aside as a dead letter.

use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use orszem_model::Timestamp;
use tracing::{error, warn};

use super::super::counts::add;
use super::super::dead_letter::{About, DeadLetter};
use super::super::pause::LONGEST_MISCONFIGURED;
use super::super::{Refused, Undelivered};
use super::{Piece, Sender};
use crate::error::chain;

impl Sender {
    /// Keeps a piece as a dead letter, however long that takes.
    pub(super) async fn set_aside(
        &mut self,
        piece: &Piece<'_>,
        path: &str,
        reason: String,
        refused: &mut Refused,
    ) -> Result<(), Undelivered> {
        let dash = if path.is_empty() { "" } else { "-" };
        let server = self.status.endpoints().get(self.status.current()).map_or(String::new(), |e| e.url.clone());
        let nanos = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos());
        let about = About {
            reason: reason.clone(),
            server,
            time: Timestamp(i64::try_from(nanos).unwrap_or(i64::MAX)).to_string(),
            source: piece.source.to_owned(),
            epoch: piece.epoch,
            seq: piece.seq,
            records: piece.records.into(),
        };
        let name = format!("{}-{}{dash}{path}", piece.epoch, piece.seq);
        let letter = DeadLetter { name, payload: piece.payload.clone(), about };
        let (path, removed) = loop {
            let (letters, letter) = (self.dead_letters.clone(), letter.clone());
            match tokio::task::spawn_blocking(move || letters.keep(&letter)).await {
                Ok(Ok(kept)) => break kept,
                Ok(Err(error)) => {
                    error!(error = chain(&error), "a refused batch can't be set aside; it is tried again")
                }
                Err(error) => error!(%error, "setting a refused batch aside broke off; it is tried again"),
            }
            self.pause(None, LONGEST_MISCONFIGURED).await?;
        };
        error!(seq = piece.seq, records = piece.records, reason, path = %path.display(), "a batch was refused and is set aside");
        let counts = self.status.counting();
        add(&counts.dead_lettered, 1);
        add(&counts.dead_letters_removed, removed);
        refused.records += u64::from(piece.records);
        refused.reason = reason;
        refused.dead_letters.push(path);
        Ok(())
    }

    /// Removes the dead letters again.
    pub(super) async fn take_back(&self, refused: &Refused) {
        for path in &refused.dead_letters {
            let (letters, path): (_, PathBuf) = (self.dead_letters.clone(), path.clone());
            match tokio::task::spawn_blocking(move || letters.remove(&path)).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => warn!(error = chain(&error), "a needless dead letter stays"),
                Err(error) => warn!(%error, "a needless dead letter stays"),
            }
        }
    }
}
