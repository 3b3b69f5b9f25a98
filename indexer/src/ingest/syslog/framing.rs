//! Messages in a stream of bytes: octet-counted or a line each, told apart message by message (RFC 6587 §3.4).

use std::net::IpAddr;

use super::chunk::{Chunk, Mark};

/// A message's length has at most this many digits; a line may begin with more.
const DIGITS_MAX: usize = 9;

/// Splits one connection's bytes. Holds at most one message of the longest size.
#[derive(Debug)]
pub(super) struct Framer {
    peer: IpAddr,
    message_bytes_max: usize,
    pending: Vec<u8>,
    /// Bytes of a message that was cut, which are still to come.
    skip: usize,
    /// Whether the next bytes go on with a line of which pieces were taken already.
    in_piece: bool,
}

/// How a message begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Head {
    /// `length` bytes follow after `head` bytes.
    Counted {
        head: usize,
        length: usize,
    },
    Line,
    /// It may be either yet.
    Open,
}

impl Framer {
    /// For messages from `peer`; longer ones are cut (octet-counted) or split (lines).
    pub(super) fn new(peer: IpAddr, message_bytes_max: usize) -> Self {
        Self { peer, message_bytes_max, pending: Vec::new(), skip: 0, in_piece: false }
    }

    /// Takes the connection's next bytes and adds the messages that are complete with them.
    pub(super) fn push(&mut self, bytes: &[u8], chunk: &mut Chunk) {
        self.pending.extend_from_slice(bytes);
        let mut at = 0;
        while let Some(taken) = self.take(at, chunk) {
            at += taken;
        }
        self.pending.drain(..at.min(self.pending.len()));
    }

    /// Adds what is left when the connection has ended; a message whose end did not come is marked.
    pub(super) fn finish(self, chunk: &mut Chunk) {
        match self.head(&self.pending) {
            _ if self.in_piece => chunk.add(&self.pending, self.peer, Mark::Piece),
            Head::Counted { head, .. } => {
                chunk.add(self.pending.get(head..).unwrap_or(&[]), self.peer, Mark::Truncated);
            }
            Head::Line | Head::Open => chunk.add(&self.pending, self.peer, Mark::Whole),
        }
    }

    /// Takes one message, or what stands between two, from `pending` at `at`: the bytes taken, `None` if more must come.
    fn take(&mut self, at: usize, chunk: &mut Chunk) -> Option<usize> {
        let rest = self.pending.get(at..).filter(|rest| !rest.is_empty())?;
        if self.skip > 0 {
            let skipped = self.skip.min(rest.len());
            self.skip -= skipped;
            return Some(skipped);
        }
        if !self.in_piece && rest.first().is_some_and(|byte| matches!(byte, b'\n' | b'\r' | 0)) {
            return Some(1);
        }
        let max = self.message_bytes_max;
        match self.head(rest) {
            Head::Open => None,
            Head::Counted { head, length } => {
                let kept = length.min(max);
                let message = rest.get(head..head + kept)?;
                chunk.add(message, self.peer, if kept < length { Mark::Truncated } else { Mark::Whole });
                self.skip = length - kept;
                Some(head + kept)
            }
            Head::Line => {
                let looked_at = rest.get(..=max).unwrap_or(rest);
                let mark = if self.in_piece { Mark::Piece } else { Mark::Whole };
                if let Some(end) = memchr::memchr(b'\n', looked_at) {
                    chunk.add(rest.get(..end)?, self.peer, mark);
                    self.in_piece = false;
                    return Some(end + 1);
                }
                chunk.add(rest.get(..=max)?.get(..max)?, self.peer, Mark::Piece);
                self.in_piece = true;
                Some(max)
            }
        }
    }

    fn head(&self, rest: &[u8]) -> Head {
        let digits = rest.iter().take(DIGITS_MAX + 1).take_while(|byte| byte.is_ascii_digit()).count();
        if self.in_piece || digits == 0 || digits > DIGITS_MAX || rest.first() == Some(&b'0') {
            return Head::Line;
        }
        match (rest.get(digits), rest.get(digits + 1)) {
            (None, _) | (Some(b' '), None) => Head::Open,
            (Some(b' '), Some(b'<')) => {
                let length = rest.get(..digits).and_then(|text| std::str::from_utf8(text).ok()?.parse().ok());
                length.map_or(Head::Line, |length| Head::Counted { head: digits + 1, length })
            }
            (Some(_), _) => Head::Line,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use proptest::prelude::*;

    use super::*;

    const PEER: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

    /// The messages of a stream that comes in pieces of `step` bytes: `text`, `text…` if cut, `+text` for a piece.
    fn check(stream: &[u8], step: usize, max: usize) -> Vec<String> {
        let mut framer = Framer::new(PEER, max);
        let mut chunk = Chunk::default();
        for bytes in stream.chunks(step) {
            framer.push(bytes, &mut chunk);
            assert!(framer.pending.len() <= max + DIGITS_MAX + 2 + step, "{} bytes wait", framer.pending.len());
        }
        framer.finish(&mut chunk);
        let show = |(message, _, mark): (&[u8], IpAddr, Mark)| {
            let text = String::from_utf8_lossy(message);
            match mark {
                Mark::Whole => text.into_owned(),
                Mark::Truncated => format!("{text}…"),
                Mark::Piece => format!("+{text}"),
            }
        };
        chunk.messages().map(show).collect()
    }

    #[test]
    fn both_framings_are_told_apart_message_by_message() {
        for (stream, expected) in [
            ("6 <13>ab6 <13>cd", &["<13>ab", "<13>cd"][..]),
            ("<13>ab\n<13>cd\r\n\n<13>ef", &["<13>ab", "<13>cd", "<13>ef"]),
            ("<13>ab\n6 <13>cd<13>ef\n7 <13>gh\n\n", &["<13>ab", "<13>cd", "<13>ef", "<13>gh"]),
            ("9 <13>a\nb\n\n<13>x\0\n", &["<13>a\nb", "<13>x"]),
            ("2026-11-22T10:00:00Z db1 app: x\n12 monkeys\n", &["2026-11-22T10:00:00Z db1 app: x", "12 monkeys"]),
            ("06 <13>ab\n1234567890 <13>x\n", &["06 <13>ab", "1234567890 <13>x"]),
            ("60 <13>ab", &["<13>ab…"]),
            ("12", &["12"]),
            ("12 ", &["12 "]),
            ("", &[]),
        ] {
            for step in [1, 2, 3, 1000] {
                assert_eq!(check(stream.as_bytes(), step, 100), expected, "{stream:?} by {step}");
            }
        }
    }

    #[test]
    fn long_messages_are_cut_or_split_and_the_next_is_found() {
        let long = "x".repeat(25);
        for step in [1, 7, 1000] {
            assert_eq!(check(format!("29 <13>{long}6 <13>ab").as_bytes(), step, 10), ["<13>xxxxxx…", "<13>ab"]);
            assert_eq!(
                check(format!("<13>{long}\n<13>ab\n").as_bytes(), step, 10),
                ["+<13>xxxxxx", "+xxxxxxxxxx", "+xxxxxxxxx", "<13>ab"]
            );
            assert_eq!(check(b"<13>789012\n<13>ab\n", step, 10), ["<13>789012", "<13>ab"]);
            assert_eq!(check(b"999999999 <13>ab", step, 10), ["<13>ab…"]);
        }
    }

    proptest! {
        #[test]
        fn no_stream_panics_or_depends_on_its_pieces(stream in "[0-9<> \nx\r\\x00]{0,60}", step in 1_usize..9) {
            prop_assert_eq!(check(stream.as_bytes(), step, 12), check(stream.as_bytes(), 1000, 12));
        }
    }
}
