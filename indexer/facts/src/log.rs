//! Lines of logs that tell what no tool does, or tell it sooner.

use orszem_model::observation::{Member, Observation, Operation, Origin};
use orszem_model::{AttributeValue, Seen, Timestamp};

use crate::code::coded_enum;

/// A log record as the engine looks at it.
pub struct LogSight<'a> {
    pub at: Timestamp,
    /// The host whose log it is.
    pub host: &'a str,
    /// Who wrote it: `corosync`, `pacemaker-controld`, `kernel`.
    pub service: &'a str,
    /// The message without its header.
    pub body: &'a str,
    /// Its attributes, by the names that the parsers give: `pacemaker.*`, `corosync.*`, `drbd.*`, `node`, `resource`.
    pub get: &'a dyn Fn(&str) -> Option<AttributeValue>,
}

/// What a line says that is no observation of a tool's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Saying {
    /// corosync has had no token for so many milliseconds.
    NoToken(u64),
    /// This node is, or is not, in the partition with quorum.
    Quorum(bool),
    /// Fencing of a node was asked for: the node, and how.
    FencingWanted(String, String),
    /// DRBD's kernel module found a split brain: the resource, the peer, and the minor where only that is known.
    SplitBrain(String, String, u32),
    /// An operation failed: node, resource and what it was.
    Failed(String, String, String),
}

coded_enum!(Saying {
    0 = NoToken(ms),
    1 = Quorum(is_quorate),
    2 = FencingWanted(node, action),
    3 = SplitBrain(resource, peer, minor),
    4 = Failed(node, resource, task),
});

/// What a line is worth.
pub(crate) enum Told {
    Seen(Seen),
    Saying(Saying),
}

/// What a line tells; `None` for nearly all.
pub(crate) fn read(line: &LogSight<'_>) -> Option<Told> {
    if line.service.starts_with("corosync") {
        corosync(line.body).map(Told::Saying)
    } else if line.service.starts_with("pacemaker") || line.service == "crmd" || line.service == "stonith-ng" {
        pacemaker(line)
    } else if line.body.contains("Split-Brain detected") {
        let word = |key| line.word(key).unwrap_or_default();
        let minor = line.number("drbd.minor").unwrap_or_default();
        Some(Told::Saying(Saying::SplitBrain(word("drbd.resource"), word("drbd.peer"), minor)))
    } else {
        None
    }
}

fn corosync(body: &str) -> Option<Saying> {
    // The subsystem may stand before the message.
    let said = body.split_once("] ").filter(|(head, _)| head.starts_with('[')).map_or(body, |(_, said)| said);
    if let Some(rest) = said.strip_prefix("Token has not been received in ") {
        return Some(Saying::NoToken(leading(rest)?));
    }
    if let Some((_, rest)) = said.split_once("token timed out (") {
        return Some(Saying::NoToken(leading(rest)?));
    }
    if said.contains("within the non-primary component") {
        return Some(Saying::Quorum(false));
    }
    said.contains("within the primary component").then_some(Saying::Quorum(true))
}

fn leading(text: &str) -> Option<u64> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    text.get(..end)?.parse().ok()
}

fn pacemaker(line: &LogSight<'_>) -> Option<Told> {
    if line.body.contains("Requesting fencing (") {
        let action = line.body.split_once('(').and_then(|(_, rest)| rest.split_once(')')).map_or("", |(word, _)| word);
        return Some(Told::Saying(Saying::FencingWanted(line.word("node")?, action.to_owned())));
    }
    // Each daemon tells of the nodes; one is enough.
    if let Some(state) = line.word("pacemaker.state") {
        let is_member = match state.as_str() {
            "member" => true,
            "lost" => false,
            _ => return None,
        };
        if !matches!(line.service, "pacemaker-controld" | "crmd") {
            return None;
        }
        return Some(line.seen(Observation::Member(Member { node: line.word("node")?, is_member })));
    }
    if line.body.contains("Result of ") {
        let result = line.word("pacemaker.result")?;
        let (node, resource) = (line.word("node")?, line.word("resource")?);
        let task = line.word("pacemaker.operation")?;
        let is_good = matches!(result.as_str(), "ok" | "promoted" | "master" | "Cancelled");
        if is_good || task == "probe" || task == "notify" {
            return None;
        }
        return Some(Told::Saying(Saying::Failed(node, resource, task)));
    }
    None
}

impl LogSight<'_> {
    /// Whether the line tells anything. Cheap for nearly all.
    pub fn is_telling(&self) -> bool {
        read(self).is_some()
    }

    fn word(&self, key: &str) -> Option<String> {
        match (self.get)(key)? {
            AttributeValue::String(text) | AttributeValue::Integer(text) => Some(text).filter(|text| !text.is_empty()),
            _ => None,
        }
    }

    fn number(&self, key: &str) -> Option<u32> {
        self.word(key)?.parse().ok()
    }

    fn seen(&self, observation: Observation) -> Told {
        Told::Seen(Seen {
            at: self.at,
            reporter: self.host.to_owned(),
            origin: Origin::Log,
            is_initial: false,
            observation,
        })
    }
}

/// An operation that only a log tells of, as far as a line says.
pub(crate) fn operation(node: &str, resource: &str, task: &str) -> Operation {
    Operation {
        node: node.to_owned(),
        resource: resource.to_owned(),
        task: task.to_owned(),
        interval_ms: u64::from(task == "monitor"),
        rc: 1,
        result: "failed".to_owned(),
        ..Operation::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn corosync_is_understood() {
        let timed_out = "A processor failed, forming new configuration: token timed out (2150ms), waiting 2580ms";
        assert_eq!(corosync(timed_out), Some(Saying::NoToken(2150)));
        assert_eq!(corosync("Token has not been received in 1612 ms "), Some(Saying::NoToken(1612)));
        assert_eq!(corosync("Token has not been received in a while"), None);
        let lost = "[QUORUM] This node is within the non-primary component and will NOT provide any services.";
        assert_eq!(corosync(lost), Some(Saying::Quorum(false)));
        let has = "This node is within the primary component and will provide service.";
        assert_eq!(corosync(has), Some(Saying::Quorum(true)));
        assert_eq!(corosync("[QUORUM] Members[2]: 2 3"), None);
    }
}
