//! Changes of edges as they stand in the journal.

use orszem_model::topology::{Edge, EdgeChange, Relation};
use orszem_model::{Timestamp, varint};

/// The most changes that are read back of one command.
const CHANGES_MAX: u64 = 1 << 16;

/// Changes that one reporter's account brings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct EdgeChanges {
    pub(crate) tenant: u32,
    pub(crate) reporter: String,
    pub(crate) changes: Vec<EdgeChange>,
}

impl EdgeChanges {
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        let Self { tenant, reporter, changes } = self;
        varint::put(out, u64::from(*tenant));
        varint::put_bytes(out, reporter.as_bytes());
        varint::put(out, changes.len() as u64);
        for EdgeChange { at, edge, is_there } in changes {
            let Edge { from, relation, to, detail, origin } = edge;
            varint::put_signed(out, at.0);
            varint::put(out, u64::from(*is_there));
            varint::put(out, *relation as u64);
            for text in [from, to, detail, origin] {
                varint::put_bytes(out, text.as_bytes());
            }
        }
    }

    pub(crate) fn decode(input: &mut &[u8]) -> Option<Self> {
        let tenant = u32::try_from(varint::take(input)?).ok()?;
        let reporter = text(input)?;
        let count = varint::take(input).filter(|count| *count <= CHANGES_MAX)?;
        let changes = (0..count).map(|_| change(input)).collect::<Option<_>>()?;
        Some(Self { tenant, reporter, changes })
    }
}

fn change(input: &mut &[u8]) -> Option<EdgeChange> {
    let at = Timestamp(varint::take_signed(input)?);
    let is_there = match varint::take(input)? {
        0 => false,
        1 => true,
        _ => return None,
    };
    let relation = Relation::from_code(varint::take(input)?)?;
    let (from, to, detail, origin) = (text(input)?, text(input)?, text(input)?, text(input)?);
    Some(EdgeChange { at, edge: Edge { from, relation, to, detail, origin }, is_there })
}

fn text(input: &mut &[u8]) -> Option<String> {
    str::from_utf8(varint::take_bytes(input)?).ok().map(str::to_owned)
}
