//! Lines of a conversation.

use std::io;

use orszem_client::Stream;
use tokio::io::AsyncReadExt;

/// A longer line breaks the conversation off.
const LINE_BYTES_MAX: usize = 64 << 10;

/// Reads lines from a connection; what is read beyond a line is kept.
#[derive(Debug, Default)]
pub(super) struct Lines {
    held: Vec<u8>,
    has_ended: bool,
}

impl Lines {
    /// The next line without its end; `None` at the end of the stream, where what is left is a line, too.
    pub(super) async fn next(&mut self, stream: &mut dyn Stream) -> io::Result<Option<Vec<u8>>> {
        loop {
            if let Some(end) = self.held.iter().position(|byte| *byte == b'\n') {
                let mut line: Vec<u8> = self.held.drain(..=end).collect();
                line.pop();
                line.pop_if(|byte| *byte == b'\r');
                return Ok(Some(line));
            }
            if self.has_ended {
                let mut line = std::mem::take(&mut self.held);
                line.pop_if(|byte| *byte == b'\r');
                return Ok(if line.is_empty() { None } else { Some(line) });
            }
            if self.held.len() > LINE_BYTES_MAX {
                return Err(io::Error::other("a line of more than 64 KiB"));
            }
            self.fill(stream).await?;
        }
    }

    /// Whether the next bytes are these.
    pub(super) async fn are_next(&mut self, stream: &mut dyn Stream, expected: &[u8]) -> io::Result<bool> {
        while self.held.len() < expected.len() && expected.starts_with(&self.held) && !self.has_ended {
            self.fill(stream).await?;
        }
        if !self.held.starts_with(expected) {
            return Ok(false);
        }
        self.held.drain(..expected.len());
        Ok(true)
    }

    async fn fill(&mut self, stream: &mut dyn Stream) -> io::Result<()> {
        let mut chunk = [0; 4096];
        let count = stream.read(&mut chunk).await?;
        self.has_ended = count == 0;
        self.held.extend_from_slice(chunk.get(..count).unwrap_or_default());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn lines_end_with_their_stream() {
        let (mut near, mut far) = tokio::io::duplex(64);
        let text = b"220 mx\r\n\nrest";
        tokio::io::AsyncWriteExt::write_all(&mut far, text).await.expect("writes");
        drop(far);
        let mut lines = Lines::default();
        let mut all = Vec::new();
        while let Some(line) = lines.next(&mut near).await.expect("reads") {
            all.push(line);
        }
        assert_eq!(all, [b"220 mx".to_vec(), Vec::new(), b"rest".to_vec()]);
    }

    #[tokio::test]
    async fn bytes_are_compared_as_they_come() {
        for (expected, is_next) in [("ab", true), ("abc", false), ("b", false), ("", true)] {
            let (mut near, mut far) = tokio::io::duplex(64);
            tokio::io::AsyncWriteExt::write_all(&mut far, b"ab").await.expect("writes");
            drop(far);
            let found = Lines::default().are_next(&mut near, expected.as_bytes()).await.expect("reads");
            assert_eq!(found, is_next, "{expected}");
        }
    }
}
