//! Where a cluster manager says that resources run, and how it treats them.

use orszem_model::Timestamp;
use orszem_model::fact::FactKind;
use orszem_model::observation::{Operation, Placement};

use crate::cluster::AGREED_MS;
use crate::engine::{Facts, Timer};
use crate::flags::FlagFacts;
use crate::input::Source;
use crate::words::{host, resource};

/// A status that comes so shortly after an operation may be from before it.
const LAG_MS: u64 = 3_000;
impl Facts {
    pub(crate) fn placement(&mut self, source: &Source, told: &Placement) {
        if !self.is_trusted(source) || !self.know_resource(&told.resource) {
            return;
        }
        let name = &told.resource;
        if told.is_gone {
            self.forget_resource(source, told);
            return;
        }
        let active: Vec<(String, String)> = told.nodes.iter().filter(|(_, role)| is_steady(role)).cloned().collect();
        if let Some(known) = self.resources.known.get_mut(name) {
            known.parent.clone_from(&told.parent);
            known.agent.clone_from(&told.agent);
            known.target_role.clone_from(&told.target_role);
            known.is_placed = true;
            known.is_clone |=
                active.len() > 1 || active.iter().any(|(_, role)| role == "Promoted" || role == "Unpromoted");
        }
        self.blocked(source, told);
        if self.flags.change(source, FactKind::ResourceUnmanaged, name, !told.is_managed) {
            // In maintenance nothing is managed, and that is told of the cluster or the node.
            self.look_again(source.at, self.settings.settle_ms / 2, Timer::Managed(name.clone()));
        }
        let is_moving = told.nodes.len() != active.len();
        let Some(known) = self.resources.known.get(name) else { return };
        if self.is_of_before(source) && self.has_alerts(source.at) {
            return;
        }
        let is_fresh = source.at > known.operated && crate::words::between(known.operated, source.at) > LAG_MS;
        if is_moving || !is_fresh {
            return;
        }
        self.take_placement(source, name, &active);
    }

    /// It was removed from the configuration: what was so of it ends.
    fn forget_resource(&mut self, source: &Source, told: &Placement) {
        let name = &told.resource;
        self.blocked(source, &Placement { is_blocked: false, ..told.clone() });
        if self.flags.change(source, FactKind::ResourceUnmanaged, name, false) {
            self.look_again(source.at, self.settings.settle_ms / 2, Timer::Managed(name.clone()));
        }
        for begun in [FactKind::ResourceFailed, FactKind::ResourceStopped] {
            self.outbox.end(begun, &resource(name), "");
        }
        self.service_is_there(name);
        self.resources.known.remove(name);
    }

    /// A resource is where a status says that it is, if no operation told of it.
    fn take_placement(&mut self, source: &Source, name: &str, active: &[(String, String)]) {
        let known = self.resources.known.get(name);
        let is_doubtful = known.is_some_and(|known| known.active.keys().any(|node| self.is_doubtful(node)));
        if is_doubtful && !active.is_empty() {
            self.decide_members(source.at);
        }
        let has_alerts = self.has_alerts(source.at);
        let is_alerting = has_alerts && active.iter().all(|(node, _)| self.operations.is_alerting(node));
        let Some(known) = self.resources.known.get_mut(name) else { return };
        if !active.is_empty() {
            known.gone = None;
        }
        if known.there.as_ref().is_some_and(|(_, _, node)| active.iter().all(|(now, _)| now != node)) {
            known.there = None;
        }
        let is_known = known.operated.0 > 0 || !known.active.is_empty() || known.stop.is_some();
        if !is_known || known.is_clone {
            let before = known.active.clone();
            known.active = active.iter().map(|(node, role)| (node.clone(), (role.clone(), source.at))).collect();
            let was = before.iter().find(|(_, (role, _))| role == "Promoted").map(|(node, _)| node.clone());
            let now = active.iter().find(|(_, role)| role == "Promoted").map(|(node, _)| node.clone());
            if let (true, Some(was), Some(now)) = (is_known, was, now)
                && was != now
                && !source.is_initial
            {
                let operation = Operation { node: now, resource: name.to_owned(), ..Operation::default() };
                self.promoted(source, &operation, "");
            }
            return;
        }
        let before: Vec<String> = known.active.keys().cloned().collect();
        let operation =
            |node: &str| Operation { node: node.to_owned(), resource: name.to_owned(), ..Operation::default() };
        match (before.as_slice(), active) {
            // A node that is lost takes it along: that is told when it is back.
            ([_], []) if is_doubtful => {}
            // Its history is empty for a moment while the cluster looks at it anew; a stop would be alerted.
            ([_], []) if has_alerts => self.look_whether_gone(source, name),
            ([was], []) => {
                let was = was.clone();
                self.stopped(source, &operation(&was), "");
            }
            ([was], [(now, _)]) if was != now => {
                let was = was.clone();
                self.stopped(source, &operation(&was), "");
                self.started(source, &operation(now), "");
            }
            ([], [(now, _)]) => {
                let is_same = known.stop.as_ref().is_some_and(|stop| stop.is_lost && stop.node == *now);
                if is_same {
                    // Its node was lost for a while only.
                    known.stop = None;
                    known.active.insert(now.clone(), ("Started".to_owned(), source.at));
                    self.service_is_there(name);
                } else if known.stop.is_some() && is_alerting {
                    // It may be a status from before, by which the cluster is put together again.
                    self.look_whether_there(source, name, now);
                } else {
                    self.started(source, &operation(now), "");
                }
            }
            ([_, _, ..], [(now, _)]) => {
                let others: Vec<String> = before.into_iter().filter(|node| node != now).collect();
                known.active.remove(now);
                for was in others {
                    self.stopped(source, &operation(&was), "");
                }
                self.started(source, &operation(now), "");
            }
            _ => {}
        }
    }

    fn look_whether_gone(&mut self, source: &Source, name: &str) {
        let Some(known) = self.resources.known.get_mut(name) else { return };
        if known.gone.is_none() {
            known.gone = Some((source.at, source.id));
            self.look_again(source.at, self.settings.stopped_after_ms, Timer::Gone(name.to_owned()));
        }
    }

    fn look_whether_there(&mut self, source: &Source, name: &str, node: &str) {
        let Some(known) = self.resources.known.get_mut(name) else { return };
        if known.there.is_none() {
            known.there = Some((source.at, source.id, node.to_owned()));
            self.look_again(source.at, AGREED_MS, Timer::There(name.to_owned()));
        }
    }

    /// A status said that a resource runs, and neither has one said otherwise since nor has it been operated.
    pub(crate) fn decide_there(&mut self, name: &str) {
        let Some(known) = self.resources.known.get_mut(name) else { return };
        let Some((at, id, node)) = known.there.take() else { return };
        if known.operated < at {
            let operation = Operation { node, resource: name.to_owned(), ..Operation::default() };
            self.started(&Source { id, ..Source::concluded(at) }, &operation, "");
        }
    }

    /// A status said that a resource runs nowhere, and none has said otherwise since.
    pub(crate) fn decide_gone(&mut self, name: &str) {
        let Some(known) = self.resources.known.get_mut(name) else { return };
        let Some((at, id)) = known.gone.take() else { return };
        let Some(node) = known.active.keys().next().cloned().filter(|_| known.operated < at) else { return };
        let operation = Operation { node, resource: name.to_owned(), ..Operation::default() };
        self.stopped(&Source { id, ..Source::concluded(at) }, &operation, "");
    }

    /// What a node does is not known: it is away, or somebody says so, or it is unclean.
    pub(crate) fn is_doubtful(&self, node: &str) -> bool {
        let mut views = self.members.views.keys().filter(|(_, about)| about == node);
        self.members.is_away(node)
            || self.flags.is_set(FactKind::NodeUnclean, node)
            || views.any(|(reporter, _)| self.members.has_lost(reporter, node))
    }

    fn blocked(&mut self, source: &Source, told: &Placement) {
        let name = &told.resource;
        let cause = told.nodes.first().and_then(|(node, _)| self.last_failure_on(node, source.at)).unwrap_or_default();
        let why = if cause.is_empty() { String::new() } else { format!(": {cause}") };
        let facts = FlagFacts {
            begin: FactKind::ResourceBlocked,
            end: FactKind::ResourceUnblocked,
            entity: resource(name),
            others: told.nodes.iter().map(|(node, _)| host(node)).collect(),
            begun: format!("{name} is blocked: the cluster does not touch it until somebody mends it{why}"),
            ended: format!("{name} is not blocked any more"),
            cause,
        };
        self.flag(source, name, told.is_blocked, &facts);
    }

    /// Tells that a resource is not managed, unless all on its node or in the cluster are not.
    pub(crate) fn decide_managed(&mut self, name: &str, due: Timestamp) {
        let entity = resource(name);
        let is_unmanaged = self.flags.is_set(FactKind::ResourceUnmanaged, name);
        let in_maintenance = self.flags.is_set(FactKind::ClusterMaintenance, "")
            || self.resources.known.get(name).is_some_and(|known| {
                known.active.keys().any(|node| self.flags.is_set(FactKind::NodeMaintenance, node))
            });
        let draft = if is_unmanaged {
            if in_maintenance || !self.outbox.begin(FactKind::ResourceUnmanaged, &entity, "", due) {
                return;
            }
            let text = format!("{name} is not managed: the cluster does nothing when it fails");
            crate::words::Draft::new(FactKind::ResourceUnmanaged, due, entity, text)
        } else {
            let Some(since) = self.outbox.end(FactKind::ResourceUnmanaged, &entity, "") else { return };
            let text = format!("{name} is managed again");
            let ms = crate::words::between(since, due);
            crate::words::Draft::new(FactKind::ResourceManaged, due, entity, text).lasting(ms)
        };
        self.tell(due, "", draft);
    }
}

/// A role that it stays in.
fn is_steady(role: &str) -> bool {
    matches!(role, "Started" | "Promoted" | "Unpromoted" | "Master" | "Slave")
}
