//! Who is a member of the cluster: the views of the reporters, and what follows from the best of them.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use orszem_model::fact::FactKind;
use orszem_model::{RecordId, Timestamp};

use crate::code::{coded, coded_enum};
use crate::engine::{Facts, Timer};
use crate::input::Source;
use crate::partition::Partition;
use crate::settings::NODES_MAX;
use crate::words::{Draft, between, earlier, host, later, list, span};

/// A reporter whose last word on membership is older than this has no say in who is lost now.
const FRESH_MS: u64 = 10_000;
/// Unless anything else was heard from it so lately: then what it said holds.
const HEARD_MS: u64 = 15_000;
/// Two sides of a split know of it this close to each other.
const OUTDATED_MS: u64 = 2_000;
/// A node that said so long ago that it leaves did leave.
const LEAVING_MS: u64 = 1_800_000;
/// A token is lost at most so long before the node is.
const TOKEN_MS: u64 = 30_000;
/// With nothing to send corosync holds the token for up to a quarter of the time after which it says that none came: on
/// the average a node ends in the middle of that.
const HELD: u64 = 8;
/// What comes later than this from a node that was cut off was not seen by anybody when it happened.
const LATE_MS: u64 = 2_500;
/// One loss is noticed by all within this.
const ROUND_MS: u64 = 1_000;
/// Signs of a node so long after the last token show that it lives without corosync.
const ALIVE_MS: u64 = 1_000;

/// What is thought of a node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Standing {
    #[default]
    Unknown,
    Up,
    Left,
    Lost,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Node {
    standing: Standing,
    since: Timestamp,
    /// It said that it goes.
    leaving: Option<(Timestamp, RecordId)>,
    pub(crate) fenced: Option<Timestamp>,
    /// When that fencing was asked for.
    asked: Option<Timestamp>,
    /// Since when it is there again after it was away.
    back: Option<Timestamp>,
}

/// What a reporter says of another node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct View {
    pub(crate) is_member: bool,
    since: Timestamp,
    id: RecordId,
    is_initial: bool,
    /// The last time that it was no member, the reporter had been away and just started: it had not met it yet.
    pub(crate) is_starting: bool,
    /// The last time that it was no member, from when until when.
    pub(crate) out_from: Option<Timestamp>,
    pub(crate) out_until: Option<Timestamp>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Members {
    pub(crate) nodes: BTreeMap<String, Node>,
    /// By reporter and node.
    pub(crate) views: BTreeMap<(String, String), View>,
    /// When each reporter last spoke of membership.
    told_at: BTreeMap<String, Timestamp>,
    /// Since when a reporter had no token, and when it said so.
    no_token: BTreeMap<String, (Timestamp, Timestamp)>,
    /// Reporters whose last word on that came late: nobody reached them then.
    unreached: BTreeSet<String>,
    pub(crate) partition: Option<Partition>,
    /// Up to when it was decided who is there.
    decided: Timestamp,
}

coded_enum!(Standing { 0 = Unknown, 1 = Up, 2 = Left, 3 = Lost });
coded! {
    Node { standing, since, leaving, fenced, asked, back }
    View { is_member, since, id, is_initial, is_starting, out_from, out_until }
    Members { nodes, views, told_at, no_token, unreached, partition, decided }
}

impl View {
    pub(crate) fn id(&self) -> RecordId {
        self.id
    }
}

impl Members {
    pub(crate) fn standing(&self, node: &str) -> Standing {
        self.nodes.get(node).map_or(Standing::Unknown, |node| node.standing)
    }

    pub(crate) fn is_away(&self, node: &str) -> bool {
        matches!(self.standing(node), Standing::Lost | Standing::Left)
    }

    /// Since when a node is there again after it was away: what it said before is a view of its own.
    pub(crate) fn back(&self, node: &str) -> Option<Timestamp> {
        self.nodes.get(node)?.back
    }

    /// When a node said that it leaves, if it did before `at`.
    pub(crate) fn leaving(&self, node: &str, at: Timestamp) -> Option<(Timestamp, RecordId)> {
        self.nodes.get(node)?.leaving.filter(|(said, _)| *said <= at && between(*said, at) <= LEAVING_MS)
    }

    /// The members that a reporter had at a moment.
    pub(crate) fn seen_by(&self, reporter: &str, at: Timestamp) -> Vec<String> {
        let is_out = |node: &String| {
            let view = self.views.get(&(reporter.to_owned(), node.clone()));
            match view {
                Some(view) if view.out_from.is_some_and(|from| from <= at) => view.out_until.is_none_or(|end| end > at),
                Some(_) => false,
                None => self.is_away(node),
            }
        };
        self.nodes.keys().filter(|node| *node == reporter || !is_out(node)).cloned().collect()
    }

    /// Whether a reporter says that it lost a node, and not only that it has not met it yet.
    pub(crate) fn has_lost(&self, reporter: &str, node: &str) -> bool {
        let view = self.views.get(&(reporter.to_owned(), node.to_owned()));
        view.is_some_and(|view| !view.is_member && !view.is_starting)
    }

    /// Whether others lost a reporter after its last word, so that its view is from before.
    fn is_outdated(&self, reporter: &str, told_at: Timestamp) -> bool {
        let mut about = self.views.iter().filter(|((by, node), _)| node == reporter && self.has_lost(by, node));
        about.any(|(_, view)| view.out_from.is_some_and(|from| from > later(told_at, OUTDATED_MS)))
    }

    /// Whether a node says itself that it was cut off from all others about a moment.
    fn is_cut_off(&self, node: &str, since: Timestamp) -> bool {
        let mut views = self.views.iter().filter(|((reporter, _), _)| reporter == node).peekable();
        views.peek().is_some() && views.all(|(_, view)| view.out_from.is_some_and(|from| from >= earlier(since, 1_000)))
    }
}

impl Facts {
    /// Takes a name in; `false` where there are too many.
    pub(crate) fn know_node(&mut self, node: &str) -> bool {
        if self.members.nodes.contains_key(node) {
            return true;
        }
        if node.is_empty() || self.members.nodes.len() >= NODES_MAX {
            self.ignored += 1;
            return false;
        }
        self.members.nodes.insert(node.to_owned(), Node::default());
        true
    }

    /// A reporter says that a node is a member, or is not.
    pub(crate) fn member(&mut self, source: &Source, node: &str, is_member: bool) {
        if !self.know_node(node) || !self.know_node(&source.reporter) || source.reporter == node {
            return;
        }
        let key = (source.reporter.clone(), node.to_owned());
        let (at, id) = (source.at, source.id);
        let is_starting = source.is_initial && self.members.is_away(&source.reporter);
        match self.members.views.get_mut(&key) {
            Some(view) if at < view.since => return,
            Some(view) if view.is_member == is_member => {
                self.outbox.also(&evidence(node, is_member), id);
                return;
            }
            Some(view) => {
                view.is_member = is_member;
                view.since = at;
                view.id = id;
                view.is_initial = source.is_initial;
                if is_member {
                    view.out_until = Some(at);
                } else {
                    view.is_starting = is_starting;
                    view.out_from = Some(at);
                    view.out_until = None;
                }
            }
            None => {
                let out_from = (!is_member).then_some(at);
                let is_initial = source.is_initial;
                let view = View { is_member, since: at, id, is_initial, is_starting, out_from, out_until: None };
                self.members.views.insert(key, view);
            }
        }
        self.outbox.also(&evidence(node, is_member), id);
        self.members.told_at.insert(source.reporter.clone(), at);
        self.look_again(at, self.settings.settle_ms, Timer::Members);
    }

    /// A node was removed from the cluster for good.
    pub(crate) fn forget_node(&mut self, node: &str) {
        self.members.nodes.remove(node);
        self.members.told_at.remove(node);
        self.members.no_token.remove(node);
        self.members.unreached.remove(node);
        self.members.views.retain(|(reporter, about), _| reporter != node && about != node);
        for left in [FactKind::NodeLost, FactKind::NodeLeft] {
            self.outbox.end(left, &host(node), "");
        }
    }

    /// A reporter has had no token for so long.
    pub(crate) fn no_token(&mut self, source: &Source, ms: u64) {
        if self.know_node(&source.reporter) {
            let since = earlier(source.at, ms - ms / HELD);
            self.members.no_token.insert(source.reporter.clone(), (since, source.at));
            if source.lag_ms > LATE_MS {
                self.members.unreached.insert(source.reporter.clone());
            } else {
                self.members.unreached.remove(&source.reporter);
            }
        }
    }

    /// A node said that it leaves, or that it does not.
    pub(crate) fn set_leaving(&mut self, source: &Source, node: &str, is_leaving: bool) {
        if !self.know_node(node) {
            return;
        }
        if let Some(entry) = self.members.nodes.get_mut(node) {
            match (entry.leaving, is_leaving) {
                (None, true) => entry.leaving = Some((source.at, source.id)),
                (Some((since, _)), false) if since < source.at => entry.leaving = None,
                _ => {}
            }
        }
    }

    /// Compares what the reporters say, and tells what follows.
    pub(crate) fn decide_members(&mut self, due: Timestamp) {
        self.decide_partition(due);
        // What comes late says nothing of who is there now.
        let due = due.max(self.members.decided);
        self.members.decided = due;
        let fresh = self.members.told_at.iter().filter(|(reporter, told_at)| {
            let fenced = self.members.nodes.get(*reporter).and_then(|node| node.fenced);
            let is_there = **told_at >= earlier(due, FRESH_MS) || self.is_heard_since(reporter, earlier(due, HEARD_MS));
            is_there && fenced.is_none_or(|fenced| fenced < **told_at) && !self.members.is_outdated(reporter, **told_at)
        });
        let views = fresh.map(|(reporter, _)| (reporter.clone(), self.members.seen_by(reporter, due)));
        let weight = |(reporter, members): &(String, Vec<String>)| {
            let has_quorum = self.quorum.says(reporter) != Some(false);
            // One that was lost and starts alone is believed when it has found the others.
            (has_quorum, !self.members.is_away(reporter), members.len(), Reverse(members.first().cloned()))
        };
        let Some((_, best)) = views.max_by_key(weight) else { return };
        let best: BTreeSet<String> = best.into_iter().collect();
        let nodes: Vec<String> = self.members.nodes.keys().cloned().collect();
        for node in nodes {
            let standing = self.members.standing(&node);
            if best.contains(&node) {
                if standing != Standing::Up {
                    self.rejoin(&node, &best, due);
                }
            } else if !matches!(standing, Standing::Lost | Standing::Left) {
                self.lose(&node, &best, due);
            }
        }
    }

    /// What the members of a view say of a node, earliest first.
    fn said_of(&self, node: &str, by: &BTreeSet<String>, is_member: bool) -> Vec<(Timestamp, RecordId, String, bool)> {
        let views = self.members.views.iter();
        let views = views
            .filter(|((reporter, about), view)| about == node && by.contains(reporter) && view.is_member == is_member);
        let mut said: Vec<_> =
            views.map(|((reporter, _), view)| (view.since, view.id, reporter.clone(), view.is_initial)).collect();
        said.sort_by(|a, b| (a.0, &a.2).cmp(&(b.0, &b.2)));
        said
    }

    fn rejoin(&mut self, node: &str, best: &BTreeSet<String>, due: Timestamp) {
        let said = self.said_of(node, best, true);
        let Some(entry) = self.members.nodes.get_mut(node) else { return };
        let (before, since) = (entry.standing, entry.since);
        let is_told = said.iter().any(|(.., is_initial)| !is_initial);
        // One that is there when looking began, or speaks for itself, did not just come.
        let recent = said.iter().find(|(at, ..)| before == Standing::Unknown || *at >= since);
        let at = recent.map_or(due, |(at, ..)| *at);
        entry.standing = Standing::Up;
        entry.since = at;
        entry.leaving = None;
        entry.fenced = None;
        entry.asked = None;
        if before != Standing::Unknown {
            entry.back = Some(at);
        }
        self.thaw_signs(node);
        self.look_at_links_of(node, at);
        if before == Standing::Unknown && !is_told {
            return;
        }
        let was = if before == Standing::Left { FactKind::NodeLeft } else { FactKind::NodeLost };
        let since = self.outbox.end(was, &host(node), "");
        let away_ms = since.map(|since| between(since, at));
        let after = away_ms.map(|ms| format!(" after {}", span(ms))).unwrap_or_default();
        let records: Vec<RecordId> = said.iter().map(|(_, id, ..)| *id).collect();
        let mut draft =
            Draft::new(FactKind::NodeJoined, at, host(node), format!("{node} is a member of the cluster{after}"))
                .change(if before == Standing::Unknown { "" } else { "lost" }, "member")
                .other(self.cluster_entity())
                .records(&records);
        draft.0.duration_ms = away_ms;
        self.tell(due, &evidence(node, true), draft);
    }

    fn lose(&mut self, node: &str, best: &BTreeSet<String>, due: Timestamp) {
        let said = self.said_of(node, best, false);
        let Some((at, _, _, is_initial)) = said.first().cloned() else { return };
        let leaving = self.members.leaving(node, at);
        let is_unknown = self.members.standing(node) == Standing::Unknown && is_initial;
        let is_unclean = self.flags.is_set(FactKind::NodeUnclean, node);
        let is_clean = leaving.is_some() || (is_unknown && !is_unclean);
        let by: Vec<String> = said.iter().map(|(.., reporter, _)| reporter.clone()).collect();
        let mut records: Vec<RecordId> = said.iter().map(|(_, id, ..)| *id).collect();
        records.extend(leaving.map(|(_, id)| id));
        if let Some(entry) = self.members.nodes.get_mut(node) {
            entry.standing = if is_clean { Standing::Left } else { Standing::Lost };
            entry.since = at;
        }
        self.flags.forget_said_by(node);
        let (kind, cause, text) = if is_clean {
            let cause = if leaving.is_some() { "it was shut down" } else { "" };
            let text = if leaving.is_some() { "left the cluster by itself" } else { "is not in the cluster" };
            (FactKind::NodeLeft, cause.to_owned(), format!("{node} {text}"))
        } else {
            let token = self.token_lost(at);
            let heard = token.map(|since| format!("; the last token came {} before", span(between(since, at))));
            let cause = format!("no answer from it, say {}{}", list(&by), heard.unwrap_or_default());
            (FactKind::NodeLost, cause.clone(), format!("{node} was lost: {cause}"))
        };
        self.outbox.begin(kind, &host(node), "", at);
        let draft = Draft::new(kind, at, host(node), text)
            .change("member", if is_clean { "left" } else { "lost" })
            .cause(cause)
            .other(self.cluster_entity())
            .detail("reported_by", by.join(" "))
            .records(&records)
            .holding(is_unknown);
        self.tell(due, &evidence(node, false), draft);
        self.lose_resources(node, at, !is_clean);
        self.forget_drbd_of(node, at);
    }

    /// A node was fenced: whatever it says of others ends there.
    pub(crate) fn node_fenced(&mut self, node: &str, at: Timestamp) {
        if !self.know_node(node) {
            return;
        }
        self.freeze_signs(node, at);
        let asked = self.fencings.asked(node);
        if let Some(entry) = self.members.nodes.get_mut(node) {
            entry.fenced = Some(at);
            entry.asked = asked;
        }
        for ((reporter, _), view) in &mut self.members.views {
            if reporter == node && view.out_from.is_some() && view.out_until.is_none() {
                view.out_until = Some(at);
            }
        }
        // What ran there starts elsewhere at once: who is lost has to be known before.
        self.decide_members(at);
        self.look_again(at, self.settings.settle_ms, Timer::Members);
    }

    /// Since when there was no token before a node was lost. Who had it from that node has been without it the longest;
    /// others may have had it once more.
    fn token_lost(&self, lost_at: Timestamp) -> Option<Timestamp> {
        let said = self.members.no_token.values();
        let near = said.filter(|(_, at)| *at <= later(lost_at, 500) && between(*at, lost_at) <= TOKEN_MS);
        let near: Vec<Timestamp> = near.map(|(since, _)| *since).collect();
        let newest = near.iter().max()?;
        near.iter().filter(|since| between(**since, *newest) <= ROUND_MS).min().copied()
    }

    /// When a node that is lost stopped to serve, as well as it is known at `until`.
    pub(crate) fn end_of(&self, node: &str, lost_at: Timestamp, until: Timestamp) -> Timestamp {
        let token = self.token_lost(lost_at);
        if let Some(token) = token
            && self.members.is_cut_off(node, token)
        {
            return token;
        }
        let sign = self.sign_of(node, until).filter(|sign| between(*sign, lost_at) <= TOKEN_MS);
        match (token, sign) {
            (Some(token), Some(sign)) if sign > later(token, ALIVE_MS) => self.fenced_alive(node, sign).min(until),
            (Some(token), sign) => sign.map_or(token, |sign| sign.max(token)),
            (None, Some(sign)) => sign,
            (None, None) => lost_at,
        }
    }

    /// When a node that lived until it was fenced ended: between the last sign, or the request, and the result.
    fn fenced_alive(&self, node: &str, sign: Timestamp) -> Timestamp {
        let entry = self.members.nodes.get(node);
        let Some(done) = entry.and_then(|entry| entry.fenced) else { return sign };
        let from = entry.and_then(|entry| entry.asked).map_or(sign, |asked| asked.max(sign));
        later(from, between(from, done) / 2)
    }

    /// Since when a node that reports late, or did when it lost the others, was out of reach.
    pub(crate) fn cut_off_since(&self, source: &Source, node: &str) -> Option<Timestamp> {
        let token = self.token_lost(source.at)?;
        let is_late = source.lag_ms > LATE_MS || self.members.unreached.contains(node);
        let mut views = self.members.views.iter().filter(|((reporter, _), _)| reporter == node);
        let is_still = views.all(|(_, view)| view.out_until.is_none_or(|until| until > source.at));
        (is_late && is_still && self.members.is_cut_off(node, token)).then_some(token)
    }
}

fn evidence(node: &str, is_member: bool) -> String {
    format!("member:{node}:{is_member}")
}
