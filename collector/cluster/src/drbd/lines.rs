//! Output of a child that comes in pieces, cut into events.

use super::events2::{Event, EventError, LINE_BYTES_MAX, parse};

/// The rest of a line that has not ended. Never holds more than [`LINE_BYTES_MAX`].
#[derive(Debug, Default)]
pub struct Lines {
    partial: Vec<u8>,
    /// Bytes of a line that is too long, of which nothing is kept.
    dropped: usize,
}

impl Lines {
    /// Reads a piece of output; each line that ends in it is given to `each`. Empty lines are left out.
    pub fn push(&mut self, piece: &[u8], mut each: impl FnMut(Result<Event, EventError>)) {
        let mut pieces = piece.split(|b| *b == b'\n').peekable();
        while let Some(part) = pieces.next() {
            self.extend(part);
            if pieces.peek().is_some()
                && let Some(result) = self.take()
            {
                each(result);
            }
        }
    }

    /// Bytes of the line that has not ended, beyond what is kept of one.
    pub fn dropped(&self) -> usize {
        self.dropped
    }

    /// The output has ended: a line that did not is told as truncated.
    pub fn end(&mut self) -> Result<(), EventError> {
        let is_clean = self.partial.is_empty() && self.dropped == 0;
        self.partial.clear();
        self.dropped = 0;
        if is_clean { Ok(()) } else { Err(EventError::Truncated) }
    }

    fn extend(&mut self, part: &[u8]) {
        if self.dropped > 0 || self.partial.len() + part.len() > LINE_BYTES_MAX {
            self.dropped = self.dropped.saturating_add(self.partial.len()).saturating_add(part.len());
            self.partial = Vec::new();
        } else {
            self.partial.extend_from_slice(part);
        }
    }

    fn take(&mut self) -> Option<Result<Event, EventError>> {
        if self.dropped > 0 {
            return Some(Err(EventError::TooLong { bytes: std::mem::take(&mut self.dropped) }));
        }
        let result = parse(&self.partial);
        self.partial.clear();
        result.transpose()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn all(pieces: &[&[u8]]) -> Vec<Result<Event, EventError>> {
        let mut lines = Lines::default();
        let mut out = Vec::new();
        for piece in pieces {
            lines.push(piece, |result| out.push(result));
        }
        if let Err(error) = lines.end() {
            out.push(Err(error));
        }
        out
    }

    #[test]
    fn an_endless_line_is_one_error_and_the_next_is_read() {
        let piece = vec![b'x'; 40_000];
        let dump = parse(b"exists -").unwrap().unwrap();
        assert_eq!(
            all(&[&piece, &piece, &piece, b"\nexists -\n"]),
            [Err(EventError::TooLong { bytes: 120_000 }), Ok(dump)]
        );
        let mut lines = Lines::default();
        for _ in 0..1000 {
            lines.push(&piece, |_| panic!("no line has ended"));
            assert!(lines.partial.len() <= LINE_BYTES_MAX);
        }
        assert_eq!(lines.dropped(), 40_000_000);
        assert_eq!(lines.end(), Err(EventError::Truncated));
        assert_eq!(lines.end(), Ok(()));
    }

    proptest! {
        #[test]
        fn pieces_make_no_difference(
            text in "(exists -|change resource name:r0 role:Primary|x|\n|\r\n|:|é){0,40}",
            cuts in prop::collection::vec(0_usize..200, 0..10),
        ) {
            let bytes = text.as_bytes();
            let mut cuts: Vec<_> = cuts.iter().map(|cut| cut % (bytes.len() + 1)).collect();
            cuts.extend([0, bytes.len()]);
            cuts.sort_unstable();
            let pieces: Vec<_> = cuts.windows(2).map(|cut| &bytes[cut[0]..cut[1]]).collect();
            prop_assert_eq!(all(&pieces), all(&[bytes]));
        }
    }
}
