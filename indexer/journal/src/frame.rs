//! Frames, the journal's unit of writing: `{length u32, crc32c u32, position u64, header length, header, payload}`.
//!
//! Integers are little-endian, the header length is a varint. `length` counts what stands behind the checksum, which
//! covers exactly that. The position is the frame's own, so a frame is known as one wherever reading resumes.

use bytes::Bytes;
use orszem_model::varint;

use crate::header::{self, Header, IDENTITY_TEXT_BYTES_MAX, Identity, Kind};
use crate::{Error, Reason};

/// The largest payload of one frame: 1 MiB, and 64 KiB of slack so that one record with a body of 1 MiB fits.
pub const FRAME_PAYLOAD_MAX: usize = (1 << 20) + (64 << 10);
/// The largest submission with its frame headers. A reader holds one group in memory at a time.
pub const GROUP_BYTES_MAX: u64 = 64 << 20;

/// Length and checksum.
pub(crate) const PREFIX_BYTES: usize = 8;
/// Prefix and position: what must be there before a frame can be told from other bytes.
pub(crate) const INTRODUCTION_BYTES: usize = PREFIX_BYTES + 8;
/// An upper bound of the encoded header: the identity's text and at most seven varints.
const HEADER_BYTES_MAX: usize = IDENTITY_TEXT_BYTES_MAX + 96;
/// The largest `length` that a version 1 frame can have.
const LENGTH_MAX: usize = 8 + 10 + HEADER_BYTES_MAX + FRAME_PAYLOAD_MAX;

/// One frame to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FrameInput {
    pub kind: Kind,
    /// At most [`FRAME_PAYLOAD_MAX`] bytes.
    pub payload: Bytes,
}

/// What is written together, replayed together or not at all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Submission {
    pub identity: Option<Identity>,
    /// At least one frame; together at most [`GROUP_BYTES_MAX`] bytes.
    pub frames: Vec<FrameInput>,
}

/// One frame read back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    pub position: u64,
    pub kind: Kind,
    pub payload: Bytes,
}

/// One submission read back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// The position of the first frame.
    pub first: u64,
    /// The position behind the last frame: where to read on, and what a cursor should hold.
    pub end: u64,
    pub identity: Option<Identity>,
    pub frames: Vec<Frame>,
}

impl Submission {
    /// The payload bytes.
    pub fn payload_bytes(&self) -> u64 {
        self.frames.iter().map(|frame| frame.payload.len() as u64).sum()
    }

    /// Checks the limits and tells an upper bound of the bytes on disk.
    pub(crate) fn check(&self) -> Result<u64, Error> {
        if self.frames.is_empty() {
            return Err(Error::EmptySubmission);
        }
        let text = match &self.identity {
            None => 0,
            Some(Identity::Sequenced { source, .. }) => source.len(),
            Some(Identity::Idempotent { key }) => key.len(),
        };
        if text > IDENTITY_TEXT_BYTES_MAX {
            return Err(Error::IdentityTooLong { bytes: text, limit: IDENTITY_TEXT_BYTES_MAX });
        }
        let largest = self.frames.iter().map(|frame| frame.payload.len()).max().unwrap_or(0);
        if largest > FRAME_PAYLOAD_MAX {
            return Err(Error::PayloadTooLarge { bytes: largest, limit: FRAME_PAYLOAD_MAX });
        }
        let overhead = (INTRODUCTION_BYTES + 96 + text) * self.frames.len();
        let bytes = self.payload_bytes() + overhead as u64;
        if bytes > GROUP_BYTES_MAX {
            return Err(Error::GroupTooLarge { bytes, limit: GROUP_BYTES_MAX });
        }
        Ok(bytes)
    }
}

/// Appends the frame of `input`, which is to stand at `position`, to `out`.
pub(crate) fn encode(
    out: &mut Vec<u8>,
    header_scratch: &mut Vec<u8>,
    position: u64,
    input: &FrameInput,
    part: u32,
    is_last: bool,
    identity: Option<&Identity>,
) {
    header_scratch.clear();
    header::encode(header_scratch, input.kind, part, is_last, identity);
    let start = out.len();
    out.extend_from_slice(&[0; PREFIX_BYTES]);
    out.extend_from_slice(&position.to_le_bytes());
    varint::put_bytes(out, header_scratch);
    let (_, covered) = out.split_at(start + PREFIX_BYTES);
    let checksum = crc32c::crc32c_append(crc32c::crc32c(covered), &input.payload);
    out.extend_from_slice(&input.payload);
    let length = (out.len() - start - PREFIX_BYTES) as u32;
    let (_, frame) = out.split_at_mut(start);
    let (prefix, _) = frame.split_at_mut(PREFIX_BYTES);
    let (length_field, checksum_field) = prefix.split_at_mut(4);
    length_field.copy_from_slice(&length.to_le_bytes());
    checksum_field.copy_from_slice(&checksum.to_le_bytes());
}

/// The first bytes of what may be a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Introduction {
    length: u32,
    checksum: u32,
    position: u64,
}

impl Introduction {
    /// `None` when there are fewer than [`INTRODUCTION_BYTES`].
    pub(crate) fn read(bytes: &[u8]) -> Option<Introduction> {
        let (length, rest) = bytes.split_first_chunk()?;
        let (checksum, rest) = rest.split_first_chunk()?;
        let (position, _) = rest.split_first_chunk()?;
        Some(Introduction {
            length: u32::from_le_bytes(*length),
            checksum: u32::from_le_bytes(*checksum),
            position: u64::from_le_bytes(*position),
        })
    }

    /// The bytes of the whole frame, or why this can't be the introduction of a frame at `position`.
    pub(crate) fn frame_bytes(self, position: u64) -> Result<usize, Reason> {
        if self.position != position {
            return Err(Reason::NoFrame);
        }
        let length = self.length as usize;
        if !(INTRODUCTION_BYTES - PREFIX_BYTES..=LENGTH_MAX).contains(&length) {
            return Err(Reason::Length);
        }
        Ok(PREFIX_BYTES + length)
    }

    /// Checks a whole frame (as long as [`Introduction::frame_bytes`] said) and takes it apart.
    pub(crate) fn open(self, frame: &[u8]) -> Result<(Header, &[u8]), Reason> {
        let (_, covered) = frame.split_at_checked(PREFIX_BYTES).ok_or(Reason::Length)?;
        if crc32c::crc32c(covered) != self.checksum {
            return Err(Reason::Checksum);
        }
        let (_, mut content) = covered.split_at_checked(8).ok_or(Reason::Length)?;
        let header = varint::take_bytes(&mut content).and_then(Header::decode).ok_or(Reason::UnknownHeader)?;
        Ok((header, content))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(payload: &'static [u8]) -> Vec<u8> {
        let mut out = Vec::new();
        let input = FrameInput { kind: Kind::Records, payload: Bytes::from_static(payload) };
        encode(&mut out, &mut Vec::new(), 4096, &input, 0, true, None);
        out
    }

    #[test]
    fn a_frame_reads_back_as_written() {
        let bytes = frame(b"hello");
        let introduction = Introduction::read(&bytes).expect("long enough");
        assert_eq!(introduction.frame_bytes(4096), Ok(bytes.len()));
        let header = Header { kind: Kind::Records, part: 0, is_last: true, identity: None };
        assert_eq!(introduction.open(&bytes), Ok((header, b"hello".as_slice())));
    }

    #[test]
    fn a_frame_elsewhere_or_with_any_flipped_bit_is_refused() {
        let good = frame(b"hello");
        assert_eq!(Introduction::read(&good).expect("long enough").frame_bytes(4097), Err(Reason::NoFrame));
        for bit in 0..good.len() * 8 {
            let mut bad = good.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            let introduction = Introduction::read(&bad).expect("long enough");
            let opened = introduction.frame_bytes(4096).and_then(|length| {
                let frame = bad.get(..length).ok_or(Reason::Length)?;
                introduction.open(frame).map(|_| ())
            });
            assert!(opened.is_err(), "bit {bit}");
        }
    }

    #[test]
    fn submissions_over_a_limit_are_refused() {
        let with = |bytes: usize, frames: usize| Submission {
            identity: None,
            frames: vec![FrameInput { kind: Kind::Records, payload: Bytes::from(vec![0; bytes]) }; frames],
        };
        assert!(with(FRAME_PAYLOAD_MAX, 1).check().is_ok());
        assert!(matches!(with(FRAME_PAYLOAD_MAX + 1, 1).check(), Err(Error::PayloadTooLarge { .. })));
        assert!(matches!(with(1, 0).check(), Err(Error::EmptySubmission)));
        assert!(matches!(with(1 << 20, 64).check(), Err(Error::GroupTooLarge { .. })));
        let key = "k".repeat(IDENTITY_TEXT_BYTES_MAX + 1);
        let named = Submission { identity: Some(Identity::Idempotent { key }), ..with(1, 1) };
        assert!(matches!(named.check(), Err(Error::IdentityTooLong { .. })));
    }
}
