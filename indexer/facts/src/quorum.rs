//! Who may act: quorum as each reporter has it.

use std::collections::BTreeMap;

use orszem_model::fact::FactKind;
use orszem_model::observation::{QuorumState, WitnessState};
use orszem_model::{RecordId, Timestamp};

use crate::code::coded;
use crate::engine::{Facts, Timer};
use crate::flags::FlagFacts;
use crate::input::Source;
use crate::words::{Draft, between, earlier, host, list, span};

/// What a reporter says of its partition.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Vote {
    is_quorate: bool,
    at: Timestamp,
    id: RecordId,
    is_initial: bool,
    /// It had quorum before and said so.
    was_quorate: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Quorum {
    votes: BTreeMap<String, Vote>,
    /// When the cluster as a whole lost it, and got it back.
    pub(crate) lost: Option<(Timestamp, Option<Timestamp>)>,
    /// The entity that lost it: the cluster may not have said its name then.
    lost_by: String,
}

coded! {
    Vote { is_quorate, at, id, is_initial, was_quorate }
    Quorum { votes, lost, lost_by }
}

impl Quorum {
    pub(crate) fn says(&self, reporter: &str) -> Option<bool> {
        self.votes.get(reporter).map(|vote| vote.is_quorate)
    }

    /// Whether the cluster was without quorum at some time of a span.
    pub(crate) fn is_lost_within(&self, from: Timestamp, until: Timestamp) -> bool {
        self.lost.is_some_and(|(lost, back)| lost <= until && back.is_none_or(|back| back >= from))
    }
}

impl Facts {
    pub(crate) fn quorum_state(&mut self, source: &Source, state: &QuorumState) {
        self.quorate(source, state.is_quorate);
        if state.members.is_empty() {
            return;
        }
        for member in &state.members {
            self.member(source, member, true);
        }
        let known: Vec<String> = self.members.nodes.keys().cloned().collect();
        for node in known.iter().filter(|node| !state.members.contains(node)) {
            self.member(source, node, false);
        }
    }

    pub(crate) fn quorate(&mut self, source: &Source, is_quorate: bool) {
        if !self.know_node(&source.reporter) {
            return;
        }
        let before = self.quorum.votes.get(&source.reporter);
        if before.is_some_and(|vote| source.at < vote.at) {
            return;
        }
        if before.is_some_and(|vote| vote.is_quorate == is_quorate) {
            let key = if is_quorate { "quorum:true" } else { "quorum:false" };
            self.outbox.also(key, source.id);
            return;
        }
        let was_quorate = before.is_some_and(|vote| vote.is_quorate);
        let vote = Vote { is_quorate, at: source.at, id: source.id, is_initial: source.is_initial, was_quorate };
        self.quorum.votes.insert(source.reporter.clone(), vote);
        self.look_again(source.at, self.settings.settle_ms, Timer::Quorum);
    }

    /// Tells whether the cluster, or one side of it, has quorum.
    pub(crate) fn decide_quorum(&mut self, due: Timestamp) {
        let entity = self.cluster_entity();
        let without: Vec<(String, Vote)> = self
            .quorum
            .votes
            .iter()
            .filter(|(_, vote)| !vote.is_quorate)
            .map(|(n, v)| (n.clone(), v.clone()))
            .collect();
        let first = without.iter().map(|(_, vote)| vote.at).min();
        let with: Vec<(String, Vote)> = self
            .quorum
            .votes
            .iter()
            .filter(|(_, vote)| vote.is_quorate)
            .filter(|(node, vote)| self.is_quorum_credible(node, vote, &without, first))
            .map(|(n, v)| (n.clone(), v.clone()))
            .collect();
        if let Some(first) = first.filter(|_| with.is_empty()) {
            if self.outbox.begin(FactKind::QuorumLost, &entity, "", first) {
                self.quorum.lost = Some((first, None));
                self.quorum.lost_by.clone_from(&entity);
                let by: Vec<&str> = without.iter().map(|(node, _)| node.as_str()).collect();
                let is_holding = without.iter().all(|(_, vote)| vote.is_initial);
                let text = format!("The cluster lost quorum, say {}: no partition may run resources", list(&by));
                let draft = Draft::new(FactKind::QuorumLost, first, entity, text)
                    .change("quorate", "not quorate")
                    .detail("reported_by", by.join(" "))
                    .records(&without.iter().map(|(_, vote)| vote.id).collect::<Vec<_>>())
                    .holding(is_holding);
                let draft = by.iter().fold(draft, |draft, node| draft.other(host(node)));
                self.tell(due, "quorum:false", draft);
            }
            return;
        }
        let lost_by = self.quorum.lost_by.clone();
        if let Some(since) = self.outbox.since(FactKind::QuorumLost, &lost_by, "") {
            let back = with.iter().filter(|(_, vote)| vote.at >= since).min_by_key(|(_, vote)| vote.at);
            let Some((by, vote)) = back else { return };
            self.outbox.end(FactKind::QuorumLost, &lost_by, "");
            self.quorum.lost = Some((since, Some(vote.at)));
            let ms = between(since, vote.at);
            let text = format!("The cluster has quorum again, says {by}, after {}", span(ms));
            let draft = Draft::new(FactKind::QuorumRegained, vote.at, entity, text)
                .change("not quorate", "quorate")
                .other(host(by))
                .lasting(ms)
                .records(&with.iter().map(|(_, vote)| vote.id).collect::<Vec<_>>());
            self.tell(due, "quorum:true", draft);
        }
        self.decide_quorum_of_sides(&without, &with, due);
    }

    /// Others have quorum: whoever lost it is cut off from them.
    fn decide_quorum_of_sides(&mut self, without: &[(String, Vote)], with: &[(String, Vote)], due: Timestamp) {
        for (node, vote) in without.iter().filter(|(_, vote)| vote.was_quorate && !vote.is_initial) {
            // Where none had it for a while, others have it since then.
            let back = self.quorum.lost.and_then(|(lost, back)| back.filter(|_| lost <= vote.at));
            let at = back.map_or(vote.at, |back| back.max(vote.at));
            if self.outbox.begin(FactKind::QuorumLost, &host(node), "", at) {
                let text = format!("{node} is in a partition without quorum, while others have it");
                let draft = Draft::new(FactKind::QuorumLost, at, host(node), text)
                    .change("quorate", "not quorate")
                    .other(self.cluster_entity())
                    .record(vote.id);
                self.tell(due, "", draft);
            }
        }
        for (node, vote) in with {
            if let Some(since) = self.outbox.end(FactKind::QuorumLost, &host(node), "") {
                let ms = between(since, vote.at);
                let text = format!("{node} is in a partition with quorum again, after {}", span(ms));
                let draft = Draft::new(FactKind::QuorumRegained, vote.at, host(node), text)
                    .change("not quorate", "quorate")
                    .lasting(ms)
                    .record(vote.id);
                self.tell(due, "", draft);
            }
        }
    }

    /// A reporter that others have lost, and that was not heard since, says nothing about now.
    fn is_quorum_credible(
        &self,
        node: &str,
        vote: &Vote,
        without: &[(String, Vote)],
        first: Option<Timestamp>,
    ) -> bool {
        let Some(first) = first else { return true };
        let since = earlier(first, 500);
        let is_lost =
            self.members.is_away(node) || without.iter().any(|(reporter, _)| self.members.has_lost(reporter, node));
        vote.at >= since || !is_lost || self.is_heard_since(node, since)
    }

    pub(crate) fn witness(&mut self, source: &Source, state: &WitnessState) {
        if !state.is_configured {
            return;
        }
        let is_lost = !(state.is_connected && state.is_voting);
        let why = if state.is_connected { "it does not vote" } else { "it cannot be reached" };
        let facts = FlagFacts {
            begin: FactKind::WitnessLost,
            end: FactKind::WitnessBack,
            entity: self.cluster_entity(),
            others: vec![host(&source.reporter)],
            begun: format!("The quorum device has no vote, says {}: {why}", source.reporter),
            ended: "The quorum device votes again".to_owned(),
            cause: why.to_owned(),
        };
        self.flag(source, "", is_lost, &facts);
    }
}
