//! Nodes that take each other for lost at the same time.

use orszem_model::Timestamp;
use orszem_model::fact::FactKind;

use crate::code::coded;
use crate::engine::Facts;
use crate::words::{Draft, between, earlier, host, later, list, span};

/// Partitions that begin so shortly after one another are one.
const SAME_MS: u64 = 10_000;

/// The last partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Partition {
    from: Timestamp,
    until: Option<Timestamp>,
}

coded! { Partition { from, until } }

impl Facts {
    /// Looks for two nodes that each say the other is lost, at overlapping times.
    pub(crate) fn decide_partition(&mut self, due: Timestamp) {
        let mut found: Option<(Timestamp, Option<Timestamp>)> = None;
        let known = self.members.partition.clone();
        for ((reporter, node), view) in &self.members.views {
            if reporter >= node {
                continue;
            }
            let Some(other) = self.members.views.get(&(node.clone(), reporter.clone())) else { continue };
            let (Some(one), Some(two)) = (view.out_from, other.out_from) else { continue };
            if view.is_starting || other.is_starting {
                continue;
            }
            let from = one.max(two);
            let until = match (view.out_until, other.out_until) {
                (Some(a), Some(b)) => Some(a.min(b)),
                (a, b) => a.or(b),
            };
            // What is over before the last one ended was told.
            let is_old = known
                .as_ref()
                .is_some_and(|known| known.until.is_some_and(|end| from <= end) || from < earlier(known.from, SAME_MS));
            if until.is_some_and(|until| until <= from) || is_old {
                continue;
            }
            found = Some(match found {
                None => (from, until),
                Some((first, last)) => (first.min(from), last.zip(until).map(|(a, b)| a.max(b))),
            });
        }
        let Some((from, until)) = found else { return };
        if known.is_none_or(|known| known.until.is_some()) {
            self.members.partition = Some(Partition { from, until: None });
            self.tell_partition(from, due);
        }
        if let Some(until) = until {
            self.tell_rejoined(until, due);
        }
    }

    fn tell_partition(&mut self, from: Timestamp, due: Timestamp) {
        let at = later(from, self.settings.settle_ms);
        // Who took part says so by a view of those days.
        let mut views: Vec<(Vec<String>, Vec<String>)> = Vec::new();
        let mut records = Vec::new();
        for ((reporter, _), view) in &self.members.views {
            let is_near = |from_or: Option<Timestamp>| from_or.is_some_and(|out| between(out, at) < SAME_MS);
            if !is_near(view.out_from) {
                continue;
            }
            records.push(view.id());
            let members = self.members.seen_by(reporter, at);
            match views.iter_mut().find(|(known, _)| *known == members) {
                Some((_, by)) if by.contains(reporter) => {}
                Some((_, by)) => by.push(reporter.clone()),
                None => views.push((members, vec![reporter.clone()])),
            }
        }
        let said: Vec<String> =
            views.iter().map(|(members, by)| format!("{} see {}", list(by), list(members))).collect();
        let said: Vec<String> = said
            .iter()
            .zip(&views)
            .map(|(said, (members, by))| {
                if by.len() == 1 && members == by {
                    format!("{} sees only itself", list(by))
                } else if by.len() == 1 {
                    format!("{} sees {}", list(by), list(members))
                } else {
                    said.clone()
                }
            })
            .collect();
        let entity = self.cluster_entity();
        self.outbox.begin(FactKind::Partitioned, &entity, "", from);
        let text = format!("The cluster is split: {}", said.join("; "));
        let mut draft = Draft::new(FactKind::Partitioned, from, entity, text).records(&records);
        for (members, by) in &views {
            draft = draft.detail("view", format!("{}: {}", by.join(" "), members.join(" ")));
            draft = by.iter().fold(draft, |draft, node| draft.other(host(node)));
        }
        self.tell(due, "", draft);
    }

    fn tell_rejoined(&mut self, until: Timestamp, due: Timestamp) {
        let entity = self.cluster_entity();
        let Some(partition) = self.members.partition.as_mut().filter(|partition| partition.until.is_none()) else {
            return;
        };
        partition.until = Some(until);
        let ms = between(partition.from, until);
        self.outbox.end(FactKind::Partitioned, &entity, "");
        let text = format!("The cluster is one again, after {}", span(ms));
        let draft = Draft::new(FactKind::Rejoined, until, entity, text).lasting(ms);
        self.tell(due, "", draft);
    }
}
