//! Entities and how they depend on each other, with the time for which each edge held.

use crate::Timestamp;

/// What one entity is to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Relation {
    /// `resource/vip` runs on `host/node1`; `host/node1` is a member of `cluster/prod`.
    RunsOn,
    /// The first needs the second: order, colocation, group, file system on a DRBD device.
    DependsOn,
    /// `drbd/r0` is replicated to `host/node2`.
    ReplicatesTo,
    Calls,
    Probes,
    PartOf,
}

impl Relation {
    /// All of them; the place of each is its code, which never changes.
    pub const ALL: [Self; 6] =
        [Self::RunsOn, Self::DependsOn, Self::ReplicatesTo, Self::Calls, Self::Probes, Self::PartOf];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::RunsOn => "runs_on",
            Self::DependsOn => "depends_on",
            Self::ReplicatesTo => "replicates_to",
            Self::Calls => "calls",
            Self::Probes => "probes",
            Self::PartOf => "part_of",
        }
    }

    /// The one of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|relation| relation.name() == name)
    }

    /// The one of this code.
    pub fn from_code(code: u64) -> Option<Self> {
        Self::ALL.get(usize::try_from(code).ok()?).copied()
    }
}

/// One edge.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Edge {
    pub from: String,
    pub relation: Relation,
    pub to: String,
    /// More about it: a role (`Promoted`), `order`, `colocation`.
    pub detail: String,
    /// Where it is known from: `pacemaker`, `drbd`, `configuration`.
    pub origin: String,
}

/// An edge from a moment on, or until one: what is journaled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EdgeChange {
    pub at: Timestamp,
    pub edge: Edge,
    pub is_there: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_codes_lead_back() {
        for (code, relation) in (0..).zip(Relation::ALL) {
            assert_eq!((relation as u64, Relation::from_code(code)), (code, Some(relation)));
            assert_eq!(Relation::from_name(relation.name()), Some(relation));
        }
        assert_eq!((Relation::from_code(6), Relation::from_name("RunsOn")), (None, None));
    }
}
