//! Orders to the store as they stand in the journal. Versions so far: 1.

use orszem_logs::Range;
use orszem_model::varint;

const VERSION: u64 = 1;
const MARK: u64 = 1;
const DELETE: u64 = 2;

/// What a command frame says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Command {
    /// Nothing to do: it carries the identity of a batch whose records were all rejected.
    Mark,
    /// Remove what matches of everything before it.
    Delete(Deletion),
}

/// Which records to remove.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Deletion {
    pub(crate) tenant: u32,
    pub(crate) range: Range,
    /// As `orszem_search::Query` parses it.
    pub(crate) query: String,
}

impl Command {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        varint::put(&mut out, VERSION);
        match self {
            Self::Mark => varint::put(&mut out, MARK),
            Self::Delete(Deletion { tenant, range, query }) => {
                varint::put(&mut out, DELETE);
                varint::put(&mut out, u64::from(*tenant));
                varint::put_signed(&mut out, range.from);
                varint::put_signed(&mut out, range.to);
                varint::put_bytes(&mut out, query.as_bytes());
            }
        }
        out
    }

    /// `None` when it is of another version, unknown, or not exactly used up.
    pub(crate) fn decode(mut input: &[u8]) -> Option<Self> {
        let input = &mut input;
        if varint::take(input)? != VERSION {
            return None;
        }
        let command = match varint::take(input)? {
            MARK => Self::Mark,
            DELETE => Self::Delete(Deletion {
                tenant: u32::try_from(varint::take(input)?).ok()?,
                range: Range { from: varint::take_signed(input)?, to: varint::take_signed(input)? },
                query: str::from_utf8(varint::take_bytes(input)?).ok()?.to_owned(),
            }),
            _ => return None,
        };
        input.is_empty().then_some(command)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn deletion() -> Command {
        let range = Range { from: i64::MIN, to: 5 };
        Command::Delete(Deletion { tenant: 3, range, query: "host:db1 \"á\"".into() })
    }

    #[test]
    fn commands_round_trip() {
        for command in [Command::Mark, deletion()] {
            assert_eq!(Command::decode(&command.encode()), Some(command));
        }
    }

    /// What version 1 looks like on disk; it must be readable for ever.
    #[test]
    fn version_1_is_frozen() {
        let query = b"a".as_slice();
        let bytes = [&[1, 2, 3, 1, 10, 1], query].concat();
        let range = Range { from: -1, to: 5 };
        assert_eq!(Command::decode(&bytes), Some(Command::Delete(Deletion { tenant: 3, range, query: "a".into() })));
        assert_eq!(Command::decode(&[1, 1]), Some(Command::Mark));
    }

    #[test]
    fn cut_long_and_foreign_commands_are_refused() {
        let good = deletion().encode();
        for length in 0..good.len() {
            assert_eq!(Command::decode(&good[..length]), None, "cut to {length}");
        }
        assert_eq!(Command::decode(&[good.as_slice(), &[0]].concat()), None);
        assert_eq!(Command::decode(&[2, 1]), None);
        assert_eq!(Command::decode(&[1, 9]), None);
    }
}
