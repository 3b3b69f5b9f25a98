//! Orders to the store as they stand in the journal. Versions so far: 1.

use orszem_logs::Range;
use orszem_model::{MatchOp, Matcher, varint};

use crate::topology::EdgeChanges;

const VERSION: u64 = 1;
const MARK: u64 = 1;
const DELETE: u64 = 2;
const DELETE_SERIES: u64 = 3;
const EDGES: u64 = 4;
/// The most sets and matchers that are read back.
const MATCHERS_MAX: u64 = 1 << 12;

/// What a command frame says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Command {
    /// Nothing to do: it carries the identity of a batch whose records were all rejected.
    Mark,
    /// Remove what matches of everything before it.
    Delete(Deletion),
    /// Remove samples of everything before it.
    DeleteSeries(SeriesDeletion),
    /// Begin and end edges of the topology.
    Edges(EdgeChanges),
}

/// Which records to remove.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Deletion {
    pub(crate) tenant: u32,
    pub(crate) range: Range,
    /// As `orszem_search::Query` parses it.
    pub(crate) query: String,
}

/// Which samples to remove.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SeriesDeletion {
    pub(crate) tenant: u32,
    /// Milliseconds since 1970, both included.
    pub(crate) start: i64,
    pub(crate) end: i64,
    /// Name, operator and value; series that match all of one set are concerned.
    pub(crate) sets: Vec<Vec<(String, MatchOp, String)>>,
}

impl SeriesDeletion {
    pub(crate) fn new(tenant: u32, start: i64, end: i64, sets: &[Vec<Matcher>]) -> Self {
        let plain = |matcher: &Matcher| (matcher.name.clone(), matcher.op, matcher.value.clone());
        Self { tenant, start, end, sets: sets.iter().map(|set| set.iter().map(plain).collect()).collect() }
    }

    /// The sets, ready to be used; `None` when one is no regex for this build.
    pub(crate) fn matchers(&self) -> Option<Vec<Vec<Matcher>>> {
        let matcher = |(name, op, value): &(String, MatchOp, String)| Matcher::new(name, *op, value).ok();
        self.sets.iter().map(|set| set.iter().map(matcher).collect()).collect()
    }

    fn encode(&self, out: &mut Vec<u8>) {
        let Self { tenant, start, end, sets } = self;
        varint::put(out, u64::from(*tenant));
        varint::put_signed(out, *start);
        varint::put_signed(out, *end);
        varint::put(out, sets.len() as u64);
        for set in sets {
            varint::put(out, set.len() as u64);
            for (name, op, value) in set {
                varint::put_bytes(out, name.as_bytes());
                varint::put(out, *op as u64);
                varint::put_bytes(out, value.as_bytes());
            }
        }
    }

    fn decode(input: &mut &[u8]) -> Option<Self> {
        let tenant = u32::try_from(varint::take(input)?).ok()?;
        let (start, end) = (varint::take_signed(input)?, varint::take_signed(input)?);
        let sets = list(input, |input| {
            list(input, |input| {
                let name = text(input)?;
                let op = usize::try_from(varint::take(input)?).ok()?;
                let op = [MatchOp::Equal, MatchOp::NotEqual, MatchOp::Regex, MatchOp::NotRegex].get(op).copied()?;
                Some((name, op, text(input)?))
            })
        })?;
        Some(Self { tenant, start, end, sets })
    }
}

fn text(input: &mut &[u8]) -> Option<String> {
    str::from_utf8(varint::take_bytes(input)?).ok().map(str::to_owned)
}

fn list<T>(input: &mut &[u8], take: impl Fn(&mut &[u8]) -> Option<T>) -> Option<Vec<T>> {
    let count = varint::take(input).filter(|count| *count <= MATCHERS_MAX)?;
    (0..count).map(|_| take(input)).collect()
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
            Self::DeleteSeries(deletion) => {
                varint::put(&mut out, DELETE_SERIES);
                deletion.encode(&mut out);
            }
            Self::Edges(changes) => {
                varint::put(&mut out, EDGES);
                changes.encode(&mut out);
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
            DELETE_SERIES => Self::DeleteSeries(SeriesDeletion::decode(input)?),
            EDGES => Self::Edges(EdgeChanges::decode(input)?),
            _ => return None,
        };
        input.is_empty().then_some(command)
    }
}

#[cfg(test)]
mod tests {
    use orszem_model::Timestamp;
    use orszem_model::topology::{Edge, EdgeChange, Relation};

    use super::*;

    fn edges() -> Command {
        let word = String::from;
        let (from, to, detail, origin) = (word("a"), word("b"), word("c"), word("d"));
        let edge = Edge { from, relation: Relation::DependsOn, to, detail, origin };
        let changes = vec![EdgeChange { at: Timestamp(-3), edge, is_there: true }];
        Command::Edges(EdgeChanges { tenant: 7, reporter: word("r"), changes })
    }

    fn deletion() -> Command {
        let range = Range { from: i64::MIN, to: 5 };
        Command::Delete(Deletion { tenant: 3, range, query: "host:db1 \"á\"".into() })
    }

    fn series_deletion() -> Command {
        let regex = Matcher::new("job", MatchOp::NotRegex, "a|b").expect("a regex");
        let sets = [vec![Matcher::equal("__name__", "up"), regex], Vec::new()];
        Command::DeleteSeries(SeriesDeletion::new(7, i64::MIN, -3, &sets))
    }

    #[test]
    fn commands_round_trip() {
        for command in [Command::Mark, deletion(), series_deletion(), edges()] {
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
        let bytes = [1, 3, 7, 1, 10, 1, 1, 1, b'a', 2, 1, b'b'];
        let sets = [vec![Matcher::new("a", MatchOp::Regex, "b").expect("a regex")]];
        assert_eq!(Command::decode(&bytes), Some(Command::DeleteSeries(SeriesDeletion::new(7, -1, 5, &sets))));
        let bytes = [1, 4, 7, 1, b'r', 1, 5, 1, 1, 1, b'a', 1, b'b', 1, b'c', 1, b'd'];
        assert_eq!(Command::decode(&bytes), Some(edges()));
    }

    #[test]
    fn cut_long_and_foreign_commands_are_refused() {
        for good in [deletion().encode(), series_deletion().encode(), edges().encode()] {
            for length in 0..good.len() {
                assert_eq!(Command::decode(&good[..length]), None, "cut to {length}");
            }
            assert_eq!(Command::decode(&[good.as_slice(), &[0]].concat()), None);
        }
        assert_eq!(Command::decode(&[2, 1]), None);
        assert_eq!(Command::decode(&[1, 9]), None);
    }
}
