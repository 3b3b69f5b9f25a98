//! Services that go from one node to another: a group, or what goes along with one another, how long it was away, and
//! whether it was meant to.

use std::collections::{BTreeMap, BTreeSet};

use orszem_model::fact::FactKind;
use orszem_model::{RecordId, Timestamp};

use crate::chain::Chain;
use crate::code::coded;
use crate::engine::{Facts, Timer};
use crate::input::Source;
use crate::settings::RESOURCES_MAX;
use crate::words::{Draft, between, earlier, host, later, resource, span};

/// A service that is not back after this is forgotten as one that moves.
const AWAY_MS: u64 = 3_600_000;
/// A promotion so long after a service moved the same way goes along with it.
const ALONG_MS: u64 = 15_000;
/// A disk that failed so long before the first failure of a service is what that began with.
const DISK_MS: u64 = 60_000;
/// Quorum that is back for so long is not why a service stops.
const QUORUM_MS: u64 = 2_000;
/// A constraint or a standby that is so old is not why a service moves now.
const PLANNED_MS: u64 = 60_000;

/// A service that is away: a group by its name, or a resource by its own.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Away {
    from: String,
    began: Timestamp,
    is_lost: bool,
    down: BTreeSet<String>,
    up: BTreeMap<String, String>,
    back: Timestamp,
    records: Vec<RecordId>,
}

/// A service that is back elsewhere, before it is told.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Back {
    service: String,
    is_group: bool,
    members: Vec<String>,
    began: Timestamp,
    is_lost: bool,
    at: Timestamp,
    records: Vec<RecordId>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Services {
    away: BTreeMap<String, Away>,
    back: BTreeMap<(String, String), Vec<Back>>,
    /// The failures of each service that is not whole again since.
    failed: BTreeMap<String, Chain>,
    /// Promotions that may be failovers: from, to, when it was away, when it was back.
    promotions: BTreeMap<String, (String, String, Timestamp, RecordId)>,
    /// When services last moved between two nodes.
    moved: BTreeMap<(String, String), Timestamp>,
}

coded! {
    Away { from, began, is_lost, down, up, back, records }
    Back { service, is_group, members, began, is_lost, at, records }
    Services { away, back, failed, promotions, moved }
}

impl Facts {
    /// The service that a resource is part of, and whether that is a group.
    fn service_of(&self, name: &str) -> (String, bool) {
        let parent = self.resources.known.get(name).map(|known| known.parent.clone()).unwrap_or_default();
        if parent.is_empty() { (name.to_owned(), false) } else { (parent, true) }
    }

    pub(crate) fn service_failed(&mut self, source: &Source, name: &str, node: &str, cause: &str, is_down: bool) {
        let (service, _) = self.service_of(name);
        let is_full = self.services.failed.len() >= RESOURCES_MAX;
        match self.services.failed.get_mut(&service) {
            Some(chain) if chain.goes_on(node, source.at) => chain.add(source.at, cause, is_down),
            Some(chain) => *chain = Chain::new(node, source.at, cause, is_down),
            None if is_full => self.ignored += 1,
            None => {
                self.services.failed.insert(service, Chain::new(node, source.at, cause, is_down));
            }
        }
    }

    /// A resource works again on a node, without the service having left it.
    pub(crate) fn service_works(&mut self, name: &str, node: &str) {
        let (service, _) = self.service_of(name);
        let is_failing = |known: &crate::resources::Resource| known.parent == service && known.is_failing();
        if self.services.failed.get(&service).is_some_and(|chain| chain.node() == node)
            && !self.services.away.contains_key(&service)
            && !self.resources.known.values().any(is_failing)
        {
            self.services.failed.remove(&service);
        }
    }

    /// A resource stopped on a node, or was lost with it.
    pub(crate) fn service_down(&mut self, source: &Source, name: &str, node: &str, began: Timestamp, is_lost: bool) {
        let (service, _) = self.service_of(name);
        if self.services.away.len() >= RESOURCES_MAX && !self.services.away.contains_key(&service) {
            self.ignored += 1;
            return;
        }
        let failed = self.services.failed.get(&service).filter(|chain| chain.is_why(node, began, source.at));
        let began = failed.and_then(Chain::down).map_or(began, |down| began.min(down));
        let away = self.services.away.entry(service).or_insert_with(|| Away {
            from: node.to_owned(),
            began,
            is_lost,
            down: BTreeSet::new(),
            up: BTreeMap::new(),
            back: source.at,
            records: Vec::new(),
        });
        if away.from != node || between(away.began, source.at) > AWAY_MS {
            // It moved on before it was whole again: it is away since it first was.
            away.from = node.to_owned();
        }
        // Its orderly stop is known now, and not only its node's loss.
        if !is_lost && away.is_lost {
            away.is_lost = false;
            away.began = began;
        } else {
            away.began = away.began.min(began);
        }
        away.down.insert(name.to_owned());
        away.up.remove(name);
        if source.id.seq > 0 || source.id.timestamp != source.at {
            away.records.push(source.id);
        }
    }

    /// A resource was started on a node.
    pub(crate) fn service_up(&mut self, source: &Source, name: &str, node: &str) {
        let (service, is_group) = self.service_of(name);
        let Some(away) = self.services.away.get_mut(&service) else { return };
        away.down.remove(name);
        away.up.insert(name.to_owned(), node.to_owned());
        away.back = source.at;
        away.records.push(source.id);
        if !away.down.is_empty() {
            return;
        }
        let Some(away) = self.services.away.remove(&service) else { return };
        if away.up.values().all(|to| *to == away.from) {
            // Whole again where it was: nothing moves for that failure any more.
            self.services.failed.remove(&service);
            return;
        }
        let back = Back {
            service,
            is_group,
            members: away.up.keys().cloned().collect(),
            began: away.began,
            is_lost: away.is_lost,
            at: away.back,
            records: away.records,
        };
        let pair = (away.from.clone(), node.to_owned());
        self.services.back.entry(pair.clone()).or_default().push(back);
        self.services.moved.insert(pair, source.at);
        self.look_again(source.at, self.settings.settle_ms, Timer::Service(away.from, node.to_owned()));
    }

    /// Tells of services that went from one node to another.
    pub(crate) fn tell_service(&mut self, from: &str, to: &str, due: Timestamp) {
        let pair = (from.to_owned(), to.to_owned());
        let Some(backs) = self.services.back.get(&pair) else { return };
        let newest = backs.iter().map(|back| back.at).max().unwrap_or(due);
        if later(newest, self.settings.settle_ms) > due {
            return;
        }
        let Some(backs) = self.services.back.remove(&pair) else { return };
        let (groups, single): (Vec<Back>, Vec<Back>) = backs.into_iter().partition(|back| back.is_group);
        for group in groups {
            self.tell_moved(group, from, to, due);
        }
        // What belongs to no group but goes along is one service, by the name of what was last.
        let Some(last) = single.iter().max_by_key(|back| back.at).cloned() else { return };
        let mut all = last;
        for back in single {
            all.began = all.began.min(back.began);
            all.is_lost |= back.is_lost;
            for (member, id) in back.members.iter().zip(&back.records) {
                if !all.members.contains(member) {
                    all.members.push(member.clone());
                    all.records.push(*id);
                }
            }
        }
        self.tell_moved(all, from, to, due);
    }

    fn tell_moved(&mut self, back: Back, from: &str, to: &str, due: Timestamp) {
        let mut began = back.began;
        if back.is_lost {
            // Now it is known how long the node was heard.
            let lost_at = self.outbox.since(FactKind::NodeLost, &host(from), "").unwrap_or(began);
            began = self.end_of(from, lost_at, back.at).min(back.at);
        }
        let mut names = back.members.clone();
        names.push(back.service.clone());
        if let Some(down) = self.failed_of(&names, from, began, back.at).and_then(Chain::down) {
            began = began.min(down);
        }
        let ms = between(began, back.at);
        let why = self.why_moved(&names, from, to, began, back.at);
        self.services.failed.remove(&back.service);
        let (cause, is_planned) = why.unwrap_or_else(|| (String::new(), true));
        let name = &back.service;
        let (kind, verb) =
            if is_planned { (FactKind::Switchover, "was switched over") } else { (FactKind::Failover, "failed over") };
        let said = if cause.is_empty() { "in order; no failure was seen".to_owned() } else { cause.clone() };
        let text = format!("{name} {verb} from {from} to {to}, away for {}: {said}", span(ms));
        let mut records = back.records;
        records.sort_unstable();
        records.dedup();
        let mut members = back.members;
        members.sort();
        let draft = Draft::new(kind, back.at, resource(name), text)
            .change(from, to)
            .cause(cause)
            .lasting(ms)
            .other(host(from))
            .other(host(to))
            .detail("began", began)
            .detail("members", members.join(" "))
            .records(&records);
        let draft = members.iter().fold(draft, |draft, member| draft.other(resource(member)));
        self.outbox.hold("", due, draft.0);
    }

    /// A promoted instance changed its node; a failover of its own unless a service goes along.
    pub(crate) fn promoted_elsewhere(&mut self, source: &Source, name: &str, from: &str, to: &str) {
        if from.is_empty() || from == to {
            return;
        }
        let known = (from.to_owned(), to.to_owned(), source.at, source.id);
        self.services.promotions.insert(name.to_owned(), known);
        self.look_again(source.at, self.settings.settle_ms, Timer::Promoted(name.to_owned()));
    }

    pub(crate) fn decide_promotion(&mut self, name: &str, due: Timestamp) {
        let Some((from, to, at, id)) = self.services.promotions.remove(name) else { return };
        let pair = (from.clone(), to.clone());
        let goes_along = self.services.away.values().any(|away| away.from == from)
            || self.services.back.contains_key(&pair)
            || self.services.moved.get(&pair).is_some_and(|moved| between(*moved, at) < ALONG_MS);
        if goes_along {
            return;
        }
        let lost_at = self.outbox.since(FactKind::NodeLost, &host(&from), "");
        let began = lost_at.map_or(at, |lost_at| self.end_of(&from, lost_at, at));
        let (service, is_group) = self.service_of(name);
        let back = Back {
            service: if is_group { name.to_owned() } else { service },
            is_group: true,
            members: vec![name.to_owned()],
            began,
            is_lost: lost_at.is_some(),
            at,
            records: vec![id],
        };
        self.tell_moved(back, &from, &to, due);
    }

    /// Why something left a node, and whether that was meant.
    pub(crate) fn why_moved(
        &self,
        names: &[String],
        from: &str,
        to: &str,
        began: Timestamp,
        until: Timestamp,
    ) -> Option<(String, bool)> {
        if let Some(lost) = self.outbox.since(FactKind::NodeLost, &host(from), "")
            && lost <= until
        {
            let failed = self.failed_of(names, from, began, until).map(|chain| self.said_of_failures(chain));
            let what = if self.members.nodes.get(from).is_some_and(|node| node.fenced.is_some()) {
                format!("{from} was lost and fenced")
            } else {
                format!("{from} was lost")
            };
            return Some((failed.map_or(what.clone(), |failed| format!("{failed}; {what}")), false));
        }
        if self.quorum.is_lost_within(earlier(began, QUORUM_MS), until) {
            return Some(("the cluster had lost quorum".to_owned(), false));
        }
        if let Some(failed) = self.failed_of(names, from, began, until).map(|chain| self.said_of_failures(chain)) {
            let is_over = names.iter().any(|name| self.is_count_exceeded(name, from));
            let over = if is_over { "; it failed there as often as it may" } else { "" };
            return Some((format!("{failed}{over}"), false));
        }
        if self.members.leaving(from, until).is_some() {
            return Some((format!("{from} was shut down"), true));
        }
        let near = |since: Timestamp| between(since, began) < PLANNED_MS;
        if self.flags.set_since(FactKind::NodeStandby, from).is_some_and(near) {
            return Some((format!("{from} was set to standby"), true));
        }
        let mut bans = self.flags.all_set(FactKind::ConstraintAdded).filter(|(_, since)| near(*since));
        let ban = bans.find_map(|(subject, _)| {
            let words: Vec<&str> = subject.split(' ').collect();
            let [id, name, node, weight] = words.as_slice() else { return None };
            let is_away = *node == from && weight.starts_with('-');
            let is_to = *node == to && !weight.starts_with('-');
            let is_ours = names.iter().any(|ours| ours == name);
            (is_ours && (is_away || is_to)).then(|| format!("the constraint {id} was made"))
        });
        if let Some(ban) = ban {
            return Some((ban, true));
        }
        let maintenance = [FactKind::NodeMaintenance, FactKind::ClusterMaintenance];
        let subjects = [from, ""];
        if maintenance.iter().zip(subjects).any(|(kind, subject)| self.flags.is_set(*kind, subject)) {
            return Some(("maintenance".to_owned(), true));
        }
        None
    }

    /// The failures for which one of these went away from a node at `began` and was back at `until`: of several those
    /// that began first.
    fn failed_of(&self, names: &[String], node: &str, began: Timestamp, until: Timestamp) -> Option<&Chain> {
        let failed = names.iter().filter_map(|name| self.services.failed.get(&self.service_of(name).0));
        failed.filter(|chain| chain.is_why(node, began, until)).min_by_key(|chain| chain.since())
    }

    /// What a service failed for, from the beginning: a disk of its node may have failed before anything noticed.
    fn said_of_failures(&self, chain: &Chain) -> String {
        let failed = self.outbox.holding(FactKind::DrbdDiskFailed).filter(|(_, on, _)| *on == chain.node());
        let before = failed.filter(|(.., at)| *at <= chain.since() && between(*at, chain.since()) < DISK_MS);
        match before.min_by_key(|(.., at)| *at) {
            Some((volume, node, _)) => {
                let volume = volume.strip_prefix("drbd/").unwrap_or(volume);
                format!("the disk of {volume} on {node} failed, then {}", chain.said())
            }
            None => chain.said(),
        }
    }

    /// The node that a service runs on is known by a status: it is not away.
    pub(crate) fn service_is_there(&mut self, name: &str) {
        let (service, _) = self.service_of(name);
        if let Some(away) = self.services.away.get_mut(&service) {
            away.down.remove(name);
            if away.down.is_empty() {
                self.services.away.remove(&service);
            }
        }
    }
}
