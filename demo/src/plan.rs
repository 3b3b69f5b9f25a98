//! One story before it happens: its items, and the conditions under which everything else goes on.

use orszem_model::Timestamp;

use crate::hosts::Node;
use crate::item::Item;
use crate::truth::Truth;

/// A span of time, its end not included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) from: Timestamp,
    pub(crate) until: Timestamp,
}

impl Span {
    pub(crate) fn has(self, at: Timestamp) -> bool {
        self.from <= at && at < self.until
    }

    /// How far it is at a moment, 0 to 1.
    pub(crate) fn share(self, at: Timestamp) -> f64 {
        (at.0 - self.from.0) as f64 / (self.until.0 - self.from.0).max(1) as f64
    }
}

/// A resync of `bytes` to a node.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Resync {
    pub(crate) to: Node,
    pub(crate) span: Span,
    pub(crate) bytes: u64,
}

#[derive(Clone, Debug)]
pub(crate) struct Plan {
    /// By time.
    pub(crate) items: Vec<Item>,
    pub(crate) truth: Truth,
    /// The service has another node from this moment on.
    pub(crate) moves: Option<(Timestamp, Node)>,
    /// Users get errors.
    pub(crate) outage: Option<Span>,
    /// A host has no power, or boots.
    pub(crate) down: Option<(Node, Span)>,
    /// A disk gets slow: how slow at the end, in seconds an operation.
    pub(crate) slow: Option<(Node, Span, f64)>,
    pub(crate) diskless: Option<(Node, Span)>,
    pub(crate) standby: Option<(Node, Span)>,
    pub(crate) resync: Option<Resync>,
    /// A backup reads.
    pub(crate) backup: Option<(Node, Span)>,
}

impl Plan {
    /// Of nothing but a truth.
    pub(crate) fn quiet(truth: Truth) -> Self {
        Self {
            items: Vec::new(),
            truth,
            moves: None,
            outage: None,
            down: None,
            slow: None,
            diskless: None,
            standby: None,
            resync: None,
            backup: None,
        }
    }

    pub(crate) fn is_out(&self, at: Timestamp) -> bool {
        self.outage.is_some_and(|span| span.has(at))
    }

    pub(crate) fn is_down(&self, host: &str, at: Timestamp) -> bool {
        self.down.is_some_and(|(node, span)| node.name() == host && span.has(at))
    }

    /// What an operation on a host's disk takes, in seconds.
    pub(crate) fn latency(&self, host: &str, at: Timestamp) -> f64 {
        let slow = self.slow.filter(|(node, span, _)| node.name() == host && span.has(at));
        let backup = self.backup.filter(|(node, span)| node.name() == host && span.has(at));
        match (slow, backup) {
            (Some((_, span, worst)), _) => 0.002 + (worst - 0.002) * span.share(at).powi(2),
            (None, Some(_)) => 0.011,
            (None, None) => 0.002,
        }
    }

    /// Bytes that a resync has still to copy, and to which node.
    pub(crate) fn out_of_sync(&self, at: Timestamp) -> Option<(Node, u64)> {
        let resync = self.resync.filter(|resync| resync.span.has(at))?;
        Some((resync.to, (resync.bytes as f64 * (1.0 - resync.span.share(at))) as u64))
    }
}
