//! The frame header: what a payload is, its place in the group, and who sent it.

use orszem_model::varint;

/// The longest source name or idempotency key, in bytes.
pub const IDENTITY_TEXT_BYTES_MAX: usize = 256;

/// The version of the header's encoding.
const VERSION: u64 = 1;
const FLAG_LAST: u64 = 1;

/// What a frame's payload holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Normalised records.
    Records,
    /// Normalised samples.
    Samples,
    /// An order to the store, such as a delete by query.
    Command,
}

/// Which of a source's numbered flows a batch belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Signal {
    Logs,
    Metrics,
    Traces,
}

/// Who sent a batch, as far as needed to tell a repeat from a new one.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Identity {
    /// A sender that numbers its batches without holes within an epoch.
    Sequenced {
        source: String,
        epoch: u64,
        signal: Signal,
        seq: u64,
        /// How many numbers directly before `seq` the sender gave up and will never send.
        skipped: u64,
    },
    /// A sender that names every batch. The key must already be unique across tenants.
    Idempotent { key: String },
}

/// The header of one frame.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Header {
    pub(crate) kind: Kind,
    /// The frame's index in its group, from 0.
    pub(crate) part: u32,
    /// Whether this frame ends its group.
    pub(crate) is_last: bool,
    /// The same in every frame of a group; `None` when the sender can't be deduplicated.
    pub(crate) identity: Option<Identity>,
}

impl Header {
    /// Reads a whole header; `None` when it is of another version, unknown content or not exactly used up.
    pub(crate) fn decode(mut input: &[u8]) -> Option<Header> {
        let input = &mut input;
        if varint::take(input)? != VERSION {
            return None;
        }
        let kind = kind_from(varint::take(input)?)?;
        let flags = varint::take(input)?;
        let part = u32::try_from(varint::take(input)?).ok()?;
        let identity = take_identity(input)?;
        let is_known = flags & !FLAG_LAST == 0 && input.is_empty();
        is_known.then_some(Header { kind, part, is_last: flags & FLAG_LAST != 0, identity })
    }
}

/// Appends a header in its version 1 encoding.
pub(crate) fn encode(out: &mut Vec<u8>, kind: Kind, part: u32, is_last: bool, identity: Option<&Identity>) {
    varint::put(out, VERSION);
    varint::put(out, kind_code(kind));
    varint::put(out, if is_last { FLAG_LAST } else { 0 });
    varint::put(out, u64::from(part));
    put_identity(out, identity);
}

fn put_identity(out: &mut Vec<u8>, identity: Option<&Identity>) {
    match identity {
        None => varint::put(out, 0),
        Some(Identity::Sequenced { source, epoch, signal, seq, skipped }) => {
            varint::put(out, 1);
            varint::put_bytes(out, source.as_bytes());
            varint::put(out, *epoch);
            varint::put(out, signal_code(*signal));
            varint::put(out, *seq);
            varint::put(out, *skipped);
        }
        Some(Identity::Idempotent { key }) => {
            varint::put(out, 2);
            varint::put_bytes(out, key.as_bytes());
        }
    }
}

/// The outer `None` is an error, the inner one a header without identity.
fn take_identity(input: &mut &[u8]) -> Option<Option<Identity>> {
    let identity = match varint::take(input)? {
        0 => None,
        1 => Some(Identity::Sequenced {
            source: take_text(input)?,
            epoch: varint::take(input)?,
            signal: signal_from(varint::take(input)?)?,
            seq: varint::take(input)?,
            skipped: varint::take(input)?,
        }),
        2 => Some(Identity::Idempotent { key: take_text(input)? }),
        _ => return None,
    };
    Some(identity)
}

pub(crate) fn take_text(input: &mut &[u8]) -> Option<String> {
    let bytes = varint::take_bytes(input)?;
    str::from_utf8(bytes).ok().map(str::to_owned)
}

fn kind_code(kind: Kind) -> u64 {
    match kind {
        Kind::Records => 1,
        Kind::Samples => 2,
        Kind::Command => 3,
    }
}

fn kind_from(code: u64) -> Option<Kind> {
    match code {
        1 => Some(Kind::Records),
        2 => Some(Kind::Samples),
        3 => Some(Kind::Command),
        _ => None,
    }
}

pub(crate) fn signal_code(signal: Signal) -> u64 {
    match signal {
        Signal::Logs => 1,
        Signal::Metrics => 2,
        Signal::Traces => 3,
    }
}

pub(crate) fn signal_from(code: u64) -> Option<Signal> {
    match code {
        1 => Some(Signal::Logs),
        2 => Some(Signal::Metrics),
        3 => Some(Signal::Traces),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sequenced() -> Header {
        Header {
            kind: Kind::Samples,
            part: 300,
            is_last: true,
            identity: Some(Identity::Sequenced {
                source: "node-á".to_owned(),
                epoch: u64::MAX,
                signal: Signal::Traces,
                seq: 7,
                skipped: 2,
            }),
        }
    }

    fn encoded(header: &Header) -> Vec<u8> {
        let mut out = Vec::new();
        encode(&mut out, header.kind, header.part, header.is_last, header.identity.as_ref());
        out
    }

    #[test]
    fn headers_round_trip() {
        let idempotent = Some(Identity::Idempotent { key: "t1/abc".to_owned() });
        for header in [
            sequenced(),
            Header { kind: Kind::Records, part: 0, is_last: false, identity: None },
            Header { kind: Kind::Command, part: u32::MAX, is_last: true, identity: idempotent },
        ] {
            assert_eq!(Header::decode(&encoded(&header)), Some(header));
        }
    }

    #[test]
    fn cut_long_and_foreign_headers_are_refused() {
        let good = encoded(&sequenced());
        for length in 0..good.len() {
            assert_eq!(Header::decode(good.get(..length).expect("in range")), None, "cut to {length}");
        }
        let mut long = good.clone();
        long.push(0);
        assert_eq!(Header::decode(&long), None);
        let mut version_2 = good;
        version_2[0] = 2;
        assert_eq!(Header::decode(&version_2), None);
    }
}
