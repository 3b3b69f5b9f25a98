//! Observations as attributes of event records, and back.

use super::{
    Ban, ClusterState, DrbdConnection, DrbdDevice, DrbdHelper, DrbdPeerDevice, DrbdResource, FailCount, Fencing,
    FencingState, LinkState, Member, NodeAttribute, NodeState, Observation, Operation, Origin, Placement, QuorumState,
    WitnessState,
};
use crate::{Attribute, AttributeValue};

/// The attribute with the name of an event.
pub const EVENT_NAME: &str = "event.name";
/// The attribute with the way in which it was seen.
const ORIGIN: &str = "observation.origin";
/// The attribute of a state that was there when looking began.
const INITIAL: &str = "observation.initial";

/// What can be the value of a field. What is empty is left out.
trait Word: Sized {
    fn put(&self) -> Option<AttributeValue>;
    fn take(value: Option<&AttributeValue>) -> Option<Self>;
}

impl Word for String {
    fn put(&self) -> Option<AttributeValue> {
        (!self.is_empty()).then(|| AttributeValue::String(self.clone()))
    }

    fn take(value: Option<&AttributeValue>) -> Option<Self> {
        match value {
            None => Some(Self::new()),
            Some(AttributeValue::String(text) | AttributeValue::Integer(text) | AttributeValue::Float(text)) => {
                Some(text.clone())
            }
            Some(_) => None,
        }
    }
}

impl Word for bool {
    fn put(&self) -> Option<AttributeValue> {
        Some(AttributeValue::Bool(*self))
    }

    fn take(value: Option<&AttributeValue>) -> Option<Self> {
        match value {
            None => Some(false),
            Some(AttributeValue::Bool(is)) => Some(*is),
            Some(_) => None,
        }
    }
}

macro_rules! numbers {
    ($($number:ty)*) => {$(
        impl Word for $number {
            fn put(&self) -> Option<AttributeValue> {
                Some(AttributeValue::Integer(self.to_string()))
            }

            fn take(value: Option<&AttributeValue>) -> Option<Self> {
                match value? {
                    AttributeValue::Integer(text) | AttributeValue::String(text) => text.parse().ok(),
                    _ => None,
                }
            }
        }
    )*};
}

numbers!(u32 u64 i32);

impl<W: Word> Word for Option<W> {
    fn put(&self) -> Option<AttributeValue> {
        self.as_ref().and_then(Word::put)
    }

    fn take(value: Option<&AttributeValue>) -> Option<Self> {
        match value {
            None => Some(None),
            Some(_) => W::take(value).map(Some),
        }
    }
}

/// Words with a blank between them.
impl Word for Vec<String> {
    fn put(&self) -> Option<AttributeValue> {
        self.join(" ").put()
    }

    fn take(value: Option<&AttributeValue>) -> Option<Self> {
        Some(String::take(value)?.split_ascii_whitespace().map(str::to_owned).collect())
    }
}

/// `node1=Promoted node2=Unpromoted`
impl Word for Vec<(String, String)> {
    fn put(&self) -> Option<AttributeValue> {
        self.iter().map(|(name, word)| format!("{name}={word}")).collect::<Vec<_>>().put()
    }

    fn take(value: Option<&AttributeValue>) -> Option<Self> {
        let words = Vec::<String>::take(value)?;
        words.iter().map(|word| word.split_once('=').map(|(name, word)| (name.to_owned(), word.to_owned()))).collect()
    }
}

macro_rules! words {
    ($kind:ident { $($variant:ident = $word:literal,)* }) => {
        impl $kind {
            /// Its name.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $word,)* }
            }

            /// The one of this name.
            pub fn from_name(name: &str) -> Option<Self> {
                match name { $($word => Some(Self::$variant),)* _ => None }
            }
        }

        impl Word for $kind {
            fn put(&self) -> Option<AttributeValue> {
                self.name().to_owned().put()
            }

            fn take(value: Option<&AttributeValue>) -> Option<Self> {
                Self::from_name(&String::take(value)?)
            }
        }
    };
}

words!(FencingState { Pending = "pending", Done = "done", Failed = "failed", });
words!(Origin {
    Alert = "alert",
    Notify = "notify",
    Status = "status",
    Corosync = "corosync",
    Drbd = "drbd",
    Handler = "handler",
    Log = "log",
});

macro_rules! observations {
    ($($kind:ident = $name:literal, $prefix:literal { $($field:ident $key:literal,)* })*) => {
        impl Observation {
            /// Its name as an event.
            pub fn name(&self) -> &'static str {
                match self { $(Self::$kind(_) => $name,)* }
            }

            fn fields(&self) -> Vec<(&'static str, Option<AttributeValue>)> {
                match self {
                    $(Self::$kind($kind { $($field,)* }) => vec![$((concat!($prefix, $key), $field.put()),)*],)*
                }
            }

            fn of(name: &str, get: &dyn Fn(&str) -> Option<AttributeValue>) -> Option<Self> {
                match name {
                    $($name => Some(Self::$kind($kind {
                        $($field: Word::take(get(concat!($prefix, $key)).as_ref())?,)*
                    })),)*
                    _ => None,
                }
            }
        }
    };
}

observations! {
    Member = "pacemaker.member", "pacemaker." { node "node", is_member "member", }
    Operation = "pacemaker.operation", "pacemaker." {
        node "node", resource "resource", task "task", interval_ms "interval_ms", rc "rc", expected_rc "expected_rc",
        status "status", duration_ms "duration_ms", result "result", reason "reason",
    }
    Fencing = "pacemaker.fencing", "pacemaker." {
        reference "reference", target "target", action "action", delegate "delegate", client "client",
        origin "origin", state "state", reason "reason",
    }
    NodeAttribute = "pacemaker.attribute", "pacemaker." { node "node", attribute "attribute", value "value", }
    NodeState = "pacemaker.node", "pacemaker." {
        node "node", kind "kind", is_online "online", is_standby "standby", is_maintenance "maintenance",
        is_pending "pending", is_unclean "unclean", is_shutdown "shutdown", is_dc "dc", health "health",
        is_gone "gone",
    }
    Placement = "pacemaker.placement", "pacemaker." {
        resource "resource", parent "parent", agent "agent", nodes "nodes", is_managed "managed", is_blocked "blocked",
        is_failed "failed", is_orphaned "orphaned", target_role "target_role",
        is_gone "gone",
    }
    FailCount = "pacemaker.fail_count", "pacemaker." {
        node "node", resource "resource", count "count", threshold "threshold",
    }
    ClusterState = "pacemaker.cluster", "pacemaker." {
        name "cluster", dc "dc", has_quorum "quorum", is_maintenance "maintenance", is_fencing_enabled "fencing_enabled",
        changed "changed", changed_by "changed_by", version "version",
    }
    Ban = "pacemaker.ban", "pacemaker." {
        id "id", resource "resource", node "node", weight "weight", is_there "there",
    }
    QuorumState = "corosync.quorum", "corosync." {
        is_quorate "quorate", votes "votes", expected_votes "expected_votes", quorum "quorum", ring "ring",
        members "members",
    }
    LinkState = "corosync.link", "corosync." { peer "peer", link "link", is_connected "connected", is_gone "gone", }
    WitnessState = "corosync.witness", "corosync." {
        is_configured "configured", is_connected "connected", is_voting "voting",
    }
    DrbdResource = "drbd.resource", "drbd." { resource "resource", role "role", suspended "suspended", is_gone "gone", }
    DrbdDevice = "drbd.device", "drbd." {
        resource "resource", volume "volume", minor "minor", backing_device "backing_device", disk "disk",
        is_client "client", has_quorum "quorum", is_gone "gone",
    }
    DrbdConnection = "drbd.connection", "drbd." {
        resource "resource", peer "peer", connection "connection", peer_role "peer_role", is_gone "gone",
    }
    DrbdPeerDevice = "drbd.peer_device", "drbd." {
        resource "resource", peer "peer", volume "volume", replication "replication", peer_disk "peer_disk",
        done "done", eta_s "eta_s", out_of_sync_bytes "out_of_sync_bytes", is_gone "gone",
    }
    DrbdHelper = "drbd.helper", "drbd." {
        resource "resource", peer "peer", volume "volume", helper "helper", exit "exit",
    }
}

impl super::Seen {
    /// All attributes of the event record. The time is the record's, and the reporter its stream's host.
    pub fn attributes(&self) -> Vec<Attribute> {
        let own = [
            (EVENT_NAME, self.observation.name().to_owned().put()),
            (ORIGIN, self.origin.put()),
            (INITIAL, self.is_initial.then_some(AttributeValue::Bool(true))),
        ];
        let all = own.into_iter().chain(self.observation.fields());
        all.filter_map(|(key, value)| Some(Attribute { key: key.to_owned(), value: value? })).collect()
    }

    /// The observation that a record's attributes tell; `None` for every other record, and for one that lacks a field.
    pub fn of(at: crate::Timestamp, reporter: &str, get: &dyn Fn(&str) -> Option<AttributeValue>) -> Option<Self> {
        let name = String::take(get(EVENT_NAME).as_ref())?;
        Some(Self {
            at,
            reporter: reporter.to_owned(),
            origin: Origin::take(get(ORIGIN).as_ref())?,
            is_initial: bool::take(get(INITIAL).as_ref())?,
            observation: Observation::of(&name, get)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Timestamp;
    use crate::observation::Seen;

    fn samples() -> Vec<Observation> {
        let word = String::from;
        vec![
            Observation::Member(Member { node: word("n1"), is_member: false }),
            Observation::Operation(Operation {
                node: word("n1"),
                resource: word("vip"),
                task: word("monitor"),
                interval_ms: 3_000,
                rc: 7,
                expected_rc: -1,
                result: word("not running"),
                ..Operation::default()
            }),
            Observation::Fencing(Fencing {
                reference: word("8d43"),
                target: word("n1"),
                action: word("reboot"),
                delegate: String::new(),
                client: word("pacemaker-controld.86"),
                origin: word("n2"),
                state: FencingState::Failed,
                reason: word("No data available"),
            }),
            Observation::NodeAttribute(NodeAttribute { node: word("n1"), attribute: word("a"), value: None }),
            Observation::Placement(Placement {
                resource: word("db"),
                nodes: vec![(word("n1"), word("Promoted")), (word("n2"), word("Unpromoted"))],
                ..Placement::default()
            }),
            Observation::QuorumState(QuorumState {
                is_quorate: true,
                members: vec![word("n1"), word("n2")],
                ..QuorumState::default()
            }),
            Observation::DrbdPeerDevice(DrbdPeerDevice { resource: word("r0"), done: Some(1), ..Default::default() }),
            Observation::DrbdHelper(DrbdHelper { helper: word("split-brain"), exit: Some(0), ..Default::default() }),
        ]
    }

    #[test]
    fn what_is_told_is_understood() {
        for observation in samples() {
            let seen =
                Seen { at: Timestamp(5), reporter: "n2".into(), origin: Origin::Alert, is_initial: true, observation };
            let attributes = seen.attributes();
            let get = |key: &str| attributes.iter().find(|a| a.key == key).map(|a| a.value.clone());
            assert_eq!(Seen::of(Timestamp(5), "n2", &get), Some(seen.clone()));
            // Without its name, or with a value of another kind, it is none.
            let nameless = |key: &str| get(key).filter(|_| key != EVENT_NAME);
            assert_eq!(Seen::of(Timestamp(5), "n2", &nameless), None);
            let wrong = |key: &str| get(key).map(|value| if key == ORIGIN { AttributeValue::Null } else { value });
            assert_eq!(Seen::of(Timestamp(5), "n2", &wrong), None);
        }
    }
}
