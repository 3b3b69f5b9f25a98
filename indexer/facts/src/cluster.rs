//! What cluster managers say of nodes and of the cluster as a whole.

use orszem_model::Timestamp;
use orszem_model::fact::FactKind;
use orszem_model::observation::{Ban, ClusterState, LinkState, NodeAttribute, NodeState};

use crate::engine::{Facts, Timer};
use crate::flags::FlagFacts;
use crate::input::Source;
use crate::words::{Draft, between, host, later, resource};

/// So long after a node is back its links as they were before count no more, unless they are told to be so still.
const ANEW_MS: u64 = 15_000;
/// How long a node that is back may have a status from before.
pub(crate) const AGREED_MS: u64 = 10_000;
/// The cluster's own daemons, which write down in the configuration what they need.
const DAEMONS: [&str; 6] = ["crmd", "pacemaker-controld", "attrd", "pacemaker-attrd", "cib", "pacemaker-based"];

impl Facts {
    /// What began under the name of the settings, before anybody had told one, ends under it.
    pub(crate) fn cluster_name(&self) -> String {
        let (told, fallback) = (&self.resources.cluster_name, &self.settings.cluster);
        let is_used = || self.outbox.is_any_holding_of(&format!("cluster/{fallback}"));
        if told.is_empty() || (told != fallback && is_used()) { fallback.clone() } else { told.clone() }
    }

    pub(crate) fn cluster_entity(&self) -> String {
        format!("cluster/{}", self.cluster_name())
    }

    /// Whether a reporter's account counts: a node that is lost has its own view of everything, and may tell of it when
    /// it is back.
    pub(crate) fn is_trusted(&self, source: &Source) -> bool {
        let reporter = &source.reporter;
        !self.members.is_away(reporter) && self.members.back(reporter).is_none_or(|back| back <= source.at)
    }

    /// One that was away has what it knew then, until the cluster has agreed on what is so now.
    pub(crate) fn is_of_before(&self, source: &Source) -> bool {
        let back = self.members.back(&source.reporter);
        back.is_some_and(|back| between(back, source.at) < AGREED_MS)
    }

    pub(crate) fn node_state(&mut self, source: &Source, state: &NodeState) {
        if !state.kind.is_empty() && state.kind != "member" {
            return;
        }
        if !self.is_trusted(source) || !self.know_node(&state.node) {
            return;
        }
        let node = &state.node;
        // One that has just come takes for unclean whom it has not met.
        let is_unclean = state.is_unclean && !self.is_of_before(source);
        let flags = [
            (
                is_unclean && !state.is_gone,
                FactKind::NodeUnclean,
                FactKind::NodeClean,
                format!("{node} is unclean: the cluster does not know what it does, and has to fence it"),
                format!("{node} is clean again"),
            ),
            (
                // One that is just starting is not asked to do anything yet.
                state.is_standby && state.is_online && !state.is_pending && !state.is_gone,
                FactKind::NodeStandby,
                FactKind::NodeActive,
                format!("{node} is in standby: it runs no resources"),
                format!("{node} is active again"),
            ),
            (
                state.is_maintenance && !self.flags.is_set(FactKind::ClusterMaintenance, ""),
                FactKind::NodeMaintenance,
                FactKind::NodeMaintenanceEnded,
                format!("{node} is in maintenance: the cluster does not touch what runs there"),
                format!("The maintenance of {node} is over"),
            ),
        ];
        for (is_set, begin, end, begun, ended) in flags {
            let others = vec![self.cluster_entity()];
            let facts = FlagFacts { begin, end, entity: host(node), others, begun, ended, cause: String::new() };
            self.flag(source, node, is_set, &facts);
        }
        if state.is_shutdown {
            self.set_leaving(source, node, true);
        }
        if state.is_gone {
            self.forget_node(node);
            return;
        }
        // One that is starting is no member yet, and was not lost. Of one that is unclean nobody knows whether it is there.
        let is_told_of = !state.is_unclean || !state.is_online;
        if is_told_of && !state.is_pending {
            self.member(source, node, state.is_online);
        }
    }

    pub(crate) fn cluster_state(&mut self, source: &Source, state: &ClusterState) {
        if !state.name.is_empty() && self.resources.cluster_name.is_empty() {
            self.resources.cluster_name.clone_from(&state.name);
        }
        // Without a controller nobody says whether there is quorum: the cluster is about to elect one.
        if state.has_quorum || !state.dc.is_empty() {
            self.quorate(source, state.has_quorum);
        }
        if !self.is_trusted(source) {
            return;
        }
        let entity = self.cluster_entity();
        let maintenance = FlagFacts {
            begin: FactKind::ClusterMaintenance,
            end: FactKind::ClusterMaintenanceEnded,
            entity: entity.clone(),
            others: Vec::new(),
            begun: "The cluster is in maintenance: it manages no resource".to_owned(),
            ended: "The cluster's maintenance is over".to_owned(),
            cause: String::new(),
        };
        self.flag(source, "", state.is_maintenance, &maintenance);
        if !state.dc.is_empty() && self.resources.dc.change(source, &state.dc) {
            let before = self.resources.dc.before.clone();
            if !before.is_empty() {
                let text = format!("{} is the designated controller, after {before}", state.dc);
                let draft = Draft::new(FactKind::DcChanged, source.at, entity.clone(), text)
                    .change(&before, &state.dc)
                    .other(host(&state.dc))
                    .record(source.id);
                self.tell(source.at, &format!("dc:{}", state.dc), draft);
            }
        }
        if !state.changed.is_empty() && self.resources.configuration.change(source, &state.changed) {
            let before = self.resources.configuration.before.clone();
            let client = state.changed_by.split(' ').skip_while(|word| *word != "via").nth(1);
            let is_by_daemon = client.is_some_and(|client| DAEMONS.contains(&client));
            if !before.is_empty() && !is_by_daemon {
                let by = if state.changed_by.is_empty() { "somebody" } else { &state.changed_by };
                let draft = Draft::new(
                    FactKind::ConfigurationChanged,
                    source.at,
                    entity,
                    format!("The configuration of the cluster was changed by {by}"),
                )
                .change(&before, &state.changed)
                .record(source.id);
                self.tell(source.at, &format!("changed:{}", state.changed), draft);
            }
        }
    }

    pub(crate) fn attribute(&mut self, source: &Source, attribute: &NodeAttribute) {
        let value = attribute.value.as_deref().unwrap_or_default();
        if attribute.attribute == "shutdown" {
            self.set_leaving(source, &attribute.node, !matches!(value, "" | "0"));
        } else if let Some(key) = attribute.attribute.strip_prefix("fail-count-") {
            let (name, operation) = key.split_once('#').unwrap_or((key, ""));
            self.fail_count_attribute(source, &attribute.node, name, operation, value);
        }
    }

    pub(crate) fn ban(&mut self, source: &Source, ban: &Ban) {
        if !self.is_trusted(source) {
            return;
        }
        let keeps = if ban.weight < 0 { "away from" } else { "on" };
        let (name, node) = (&ban.resource, &ban.node);
        let facts = FlagFacts {
            begin: FactKind::ConstraintAdded,
            end: FactKind::ConstraintRemoved,
            entity: resource(name),
            others: vec![host(node)],
            begun: format!("The constraint {} keeps {name} {keeps} {node}", ban.id),
            ended: format!("The constraint {} on {name} and {node} is gone", ban.id),
            cause: format!("a command left {} behind", ban.id),
        };
        // What is remembered of it is asked for when a service moves.
        let subject = format!("{} {name} {node} {}", ban.id, ban.weight);
        self.flag(source, &subject, ban.is_there, &facts);
    }

    pub(crate) fn link(&mut self, source: &Source, link: &LinkState) {
        if link.peer == source.reporter || !self.know_node(&link.peer) {
            return;
        }
        let key = format!("{}/{}", link.peer, link.link);
        let view = format!("{key}/{}", source.reporter);
        if self.flags.change(source, FactKind::LinkDown, &view, !link.is_connected && !link.is_gone) {
            self.resources.links.insert((link.peer.clone(), link.link), (source.at, source.id, source.is_initial));
            // A node that is gone takes its links along: that is told then.
            let ms = self.settings.settle_ms;
            self.look_again(source.at, ms, Timer::Link(link.peer.clone(), link.link));
        }
    }

    /// A node is back: what was said of its links before is looked at again when all had time to see them anew.
    pub(crate) fn look_at_links_of(&mut self, node: &str, at: Timestamp) {
        let links: Vec<u32> =
            self.resources.links.keys().filter(|(peer, _)| peer == node).map(|(_, link)| *link).collect();
        for link in links {
            self.look_again(at, ANEW_MS, Timer::Link(node.to_owned(), link));
        }
    }

    pub(crate) fn decide_link(&mut self, peer: &str, link: u32, due: Timestamp) {
        let Some((at, id, is_initial)) = self.resources.links.get(&(peer.to_owned(), link)).copied() else { return };
        let prefix = format!("{peer}/{link}/");
        let down: Vec<String> = self
            .flags
            .all_set(FactKind::LinkDown)
            .filter(|(_, since)| {
                !self.members.back(peer).is_some_and(|back| *since < back && due < later(back, ANEW_MS))
            })
            .filter_map(|(view, _)| view.strip_prefix(&prefix))
            .filter(|reporter| !self.members.is_away(reporter))
            .map(str::to_owned)
            .collect();
        let sub = link.to_string();
        let entity = host(peer);
        if down.is_empty() {
            self.resources.links.remove(&(peer.to_owned(), link));
            if let Some(since) = self.outbox.end(FactKind::LinkDown, &entity, &sub) {
                let ms = crate::words::between(since, at);
                let text = format!("Link {link} to {peer} is up again");
                let draft = Draft::new(FactKind::LinkUp, at, entity, text).lasting(ms).detail("link", link).record(id);
                self.tell(at, "", draft);
            }
        } else if !self.members.is_away(peer) && self.outbox.begin(FactKind::LinkDown, &entity, &sub, at) {
            let text = format!("Link {link} to {peer} is down, says {}", crate::words::list(&down));
            let draft =
                Draft::new(FactKind::LinkDown, at, entity, text).detail("link", link).record(id).holding(is_initial);
            let draft = down.iter().fold(draft, |draft, node| draft.other(host(node)));
            self.tell(at, "", draft);
        }
    }
}
