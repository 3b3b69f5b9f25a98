//! The failures of a service on a node that follow from one another: the first is why all others came.

use orszem_model::Timestamp;

use crate::code::coded;
use crate::words::between;

/// A failure so long after the last one begins a chain of its own: no operation takes longer.
const GOES_ON_MS: u64 = 1_800_000;
/// A service that leaves its node so long after the last failure leaves it for something else.
const BECAUSE_MS: u64 = 15_000;

/// It ends when the service is whole again, wherever that is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Chain {
    node: String,
    since: Timestamp,
    cause: String,
    /// Since when it is known not to serve; what fails otherwise may serve until it is stopped.
    down: Option<Timestamp>,
    last: Timestamp,
    last_cause: String,
}

coded! {
    Chain { node, since, cause, down, last, last_cause }
}

impl Chain {
    pub(crate) fn new(node: &str, at: Timestamp, cause: &str, is_down: bool) -> Self {
        Self {
            node: node.to_owned(),
            since: at,
            cause: cause.to_owned(),
            down: is_down.then_some(at),
            last: at,
            last_cause: cause.to_owned(),
        }
    }

    pub(crate) fn node(&self) -> &str {
        &self.node
    }

    /// When the first failure was.
    pub(crate) fn since(&self) -> Timestamp {
        self.since
    }

    /// Whether a failure is a further one.
    pub(crate) fn goes_on(&self, node: &str, at: Timestamp) -> bool {
        self.node == node && between(self.last, at) < GOES_ON_MS
    }

    /// Since when it is known not to serve.
    pub(crate) fn down(&self) -> Option<Timestamp> {
        self.down
    }

    pub(crate) fn add(&mut self, at: Timestamp, cause: &str, is_down: bool) {
        if is_down {
            self.down = Some(self.down.map_or(at, |down| down.min(at)));
        }
        if at >= self.last {
            self.last = at;
            cause.clone_into(&mut self.last_cause);
        }
    }

    /// Whether it is why a service that left a node at `began` was away until `until`. What failed while it left, such
    /// as a stop, is of it however long that took.
    pub(crate) fn is_why(&self, node: &str, began: Timestamp, until: Timestamp) -> bool {
        self.node == node && self.since <= until && between(self.last, began) < BECAUSE_MS
    }

    /// The first failure, and the last one where there are several.
    pub(crate) fn said(&self) -> String {
        if self.last_cause == self.cause {
            self.cause.clone()
        } else {
            format!("{}, then {}", self.cause, self.last_cause)
        }
    }
}
