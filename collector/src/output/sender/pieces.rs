//! A batch that is too large for the server goes in pieces.

use tracing::{error, warn};

use super::super::counts::add;
use super::super::pause::LONGEST_MISCONFIGURED;
use super::super::{Refused, Signal, Undelivered, split};
use super::{Piece, Sender, Verdict};

/// More than any request decompresses to.
const RAW_BYTES_MAX: usize = 64 << 20;

impl Sender {
    /// Sends the records of a batch that is too large in halves, quarters and so on, each under a key of its own.
    pub(super) async fn deliver_in_pieces(
        &mut self,
        whole: &Piece<'_>,
        reason: String,
        refused: &mut Refused,
    ) -> Result<(), Undelivered> {
        let raw = match zstd::bulk::decompress(&whole.payload, RAW_BYTES_MAX) {
            Ok(raw) => raw,
            Err(error) => return self.set_aside(whole, "", format!("{reason}; not to be cut: {error}"), refused).await,
        };
        add(&self.status.counting().batches_split, 1);
        warn!(
            seq = whole.seq,
            records = whole.records,
            reason,
            "a batch is too large for the server; it goes in pieces"
        );
        // The path to a piece: `0` for a first half, `1` for a second one.
        let mut waiting: Vec<(String, Vec<u8>, String)> = vec![(String::new(), raw, reason)];
        while let Some((path, raw, reason)) = waiting.pop() {
            let Some((first, second)) = self.halves(&raw) else {
                let piece = self.piece(whole, &path, &raw).await?;
                self.set_aside(&piece, &path, reason, refused).await?;
                continue;
            };
            let mut halves = Vec::new();
            for (side, half) in [("0", first), ("1", second)] {
                let path = format!("{path}{side}");
                let piece = self.piece(whole, &path, &half).await?;
                match self.settle(&piece).await? {
                    Verdict::Accepted(accepted) => self.note_rejected(&accepted, refused),
                    Verdict::TooLarge(reason) => halves.push((path, half, reason)),
                    Verdict::Refused(reason) => self.set_aside(&piece, &path, reason, refused).await?,
                }
            }
            waiting.extend(halves);
        }
        Ok(())
    }

    fn halves(&self, raw: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
        match self.signal {
            Signal::Logs => split::halves(raw),
            Signal::Metrics => split::series::halves(raw),
        }
    }

    fn count(&self, raw: &[u8]) -> Option<u64> {
        match self.signal {
            Signal::Logs => split::count(raw),
            Signal::Metrics => split::series::count(raw),
        }
    }

    /// A part of a batch, under a key that a repeat will have too.
    async fn piece<'a>(&mut self, whole: &Piece<'a>, path: &str, raw: &[u8]) -> Result<Piece<'a>, Undelivered> {
        let payload = loop {
            match zstd::bulk::compress(raw, 1) {
                Ok(payload) => break payload,
                Err(error) => error!(%error, "a piece of a batch can't be compressed; it is tried again"),
            }
            self.pause(None, LONGEST_MISCONFIGURED).await?;
        };
        let records = self.count(raw).and_then(|count| u32::try_from(count).ok()).unwrap_or(0);
        Ok(Piece {
            payload: payload.into(),
            hash: crc32c::crc32c(raw),
            records,
            key: Some(format!("{}-{}-{}-{path}", whole.source, whole.epoch, whole.seq)),
            ..whole.clone()
        })
    }
}
