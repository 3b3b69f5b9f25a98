//! The configuration of a cluster: the CIB as `cibadmin --query` writes it.

mod edges;
mod read;
#[cfg(test)]
pub(super) mod tests;

use std::collections::BTreeMap;

pub use edges::EDGES_ORIGIN;

use crate::xml::XmlError;

/// Why a document is no configuration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CibError {
    #[error("the configuration can't be read")]
    Xml(#[from] XmlError),
    #[error("the document is a `{root}`, not a cluster's configuration")]
    NotCib { root: String },
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Configuration {
    /// Empty where it is not set.
    pub cluster_name: String,
    /// `admin_epoch.epoch.num_updates`
    pub version: String,
    /// The properties of the cluster, such as `stonith-enabled`.
    pub properties: BTreeMap<String, String>,
    pub nodes: Vec<Node>,
    pub primitives: Vec<Primitive>,
    pub groups: Vec<Group>,
    pub clones: Vec<Cloned>,
    pub bundles: Vec<Bundle>,
    pub orders: Vec<Order>,
    pub colocations: Vec<Colocation>,
    pub locations: Vec<Location>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Node {
    pub id: String,
    pub name: String,
    /// `member`, `remote`, `ping`.
    pub kind: String,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Primitive {
    pub id: String,
    /// `ocf:heartbeat:IPaddr2`, `systemd:chronyd`.
    pub agent: String,
    pub parameters: BTreeMap<String, String>,
    /// The group, clone or bundle that it stands in; empty for none.
    pub parent: String,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Group {
    pub id: String,
    /// In the order in which they start.
    pub members: Vec<String>,
    /// The clone that it stands in; empty for none.
    pub parent: String,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cloned {
    pub id: String,
    pub is_promotable: bool,
    /// The primitive or group.
    pub child: String,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bundle {
    pub id: String,
    pub image: String,
    /// The primitive in it; empty for none.
    pub child: String,
}

/// Sets of resources are taken apart into pairs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Order {
    pub id: String,
    pub first: String,
    pub first_action: String,
    pub then: String,
    pub then_action: String,
    /// The second can't be active without the first.
    pub is_mandatory: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Colocation {
    pub id: String,
    pub resource: String,
    /// `Promoted`, `Unpromoted`, `Started`; empty for any.
    pub role: String,
    pub with: String,
    pub with_role: String,
    pub score: i32,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Location {
    pub id: String,
    pub resource: String,
    /// Empty where a rule selects them.
    pub node: String,
    pub role: String,
    /// ±1,000,000 for `INFINITY`.
    pub score: i32,
}

impl Configuration {
    /// Reads a CIB, or a part of one that is rooted in `<configuration>`.
    pub fn read(text: &str) -> Result<Self, CibError> {
        read::configuration(text)
    }
}
