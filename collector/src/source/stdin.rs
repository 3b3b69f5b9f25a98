//! Lines from standard input, or from anything else that can be read.

use std::io::{self, BufRead, BufReader, Read};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

/// Lines that wait between the reader and the batch; the reader is held up when they are full.
const QUEUE_LINES: usize = 1024;
/// The longest line; longer ones are cut into pieces.
pub(crate) const LINE_BYTES_MAX: usize = 1_000_000;

/// A line without its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) bytes: Vec<u8>,
    /// It is a piece of a line that was too long.
    pub(crate) is_split: bool,
}

/// Reads `input` in a thread of its own until it ends or nobody listens. What was read but not queued when the process
/// dies is lost: there is nothing to read it again from.
pub(crate) fn follow(name: &str, input: impl Read + Send + 'static) -> io::Result<Receiver<Line>> {
    let (lines, receiver) = sync_channel(QUEUE_LINES);
    std::thread::Builder::new().name(format!("read {name}")).spawn(move || {
        if let Err(error) = read(input, &lines, LINE_BYTES_MAX) {
            tracing::warn!(%error, "input ended with an error");
        }
    })?;
    Ok(receiver)
}

/// Sends the lines of `input`, in pieces where they are longer than `bytes_max`.
pub(super) fn read(input: impl Read, lines: &SyncSender<Line>, bytes_max: usize) -> io::Result<()> {
    let mut input = BufReader::with_capacity(64 << 10, input);
    let mut is_piece = false;
    loop {
        let mut bytes = Vec::new();
        let len = (&mut input).take(bytes_max as u64).read_until(b'\n', &mut bytes)?;
        if len == 0 {
            return Ok(());
        }
        let is_whole = bytes.last() == Some(&b'\n');
        if is_whole {
            bytes.pop();
            if bytes.last() == Some(&b'\r') {
                bytes.pop();
            }
        }
        let is_split = is_piece || (!is_whole && len == bytes_max);
        is_piece = !is_whole && len == bytes_max;
        if lines.send(Line { bytes, is_split }).is_err() {
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_come_without_their_ends_and_long_ones_in_pieces() {
        let mut text = b"a\r\n\nb".to_vec();
        text.push(b'\n');
        text.extend(vec![b'x'; LINE_BYTES_MAX + 2]);
        let lines: Vec<Line> = follow("test", io::Cursor::new(text)).expect("starts").iter().collect();
        let got: Vec<(usize, bool)> = lines.iter().map(|line| (line.bytes.len(), line.is_split)).collect();
        assert_eq!(got, [(1, false), (0, false), (1, false), (LINE_BYTES_MAX, true), (2, true)]);
        assert_eq!((lines[0].bytes.as_slice(), lines[2].bytes.as_slice()), (&b"a"[..], &b"b"[..]));
    }
}
