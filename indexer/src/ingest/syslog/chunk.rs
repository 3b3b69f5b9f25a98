//! Messages that were received together, on their way from a socket to the store.

use std::net::IpAddr;

/// What is received at once is handed on once it has so many bytes.
pub(super) const BYTES_MAX: usize = 64 << 10;

/// Messages in the order they came, their bytes one behind the other.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Chunk {
    bytes: Vec<u8>,
    messages: Vec<Message>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Message {
    /// Where it ends in the chunk's bytes; it begins where the one before ends.
    end: usize,
    peer: IpAddr,
    mark: Mark,
}

/// Whether a message is all that was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mark {
    Whole,
    /// Its end is missing.
    Truncated,
    /// One piece of a line that was too long; the other pieces are messages too.
    Piece,
}

impl Chunk {
    /// Adds a message without line ends and NULs behind it; an empty one is none.
    pub(super) fn add(&mut self, message: &[u8], peer: IpAddr, mark: Mark) {
        let kept = message.iter().rposition(|byte| !matches!(byte, b'\n' | b'\r' | 0)).map_or(0, |last| last + 1);
        if let Some(message) = message.get(..kept).filter(|message| !message.is_empty()) {
            self.bytes.extend_from_slice(message);
            self.messages.push(Message { end: self.bytes.len(), peer, mark });
        }
    }

    /// Bytes of all messages.
    pub(super) fn byte_len(&self) -> usize {
        self.bytes.len()
    }

    /// Messages.
    pub(super) fn len(&self) -> usize {
        self.messages.len()
    }

    /// Each message with its sender's address.
    pub(super) fn messages(&self) -> impl Iterator<Item = (&[u8], IpAddr, Mark)> {
        let mut start = 0;
        self.messages.iter().filter_map(move |Message { end, peer, mark }| {
            let message = self.bytes.get(start..*end)?;
            start = *end;
            Some((message, *peer, *mark))
        })
    }
}
