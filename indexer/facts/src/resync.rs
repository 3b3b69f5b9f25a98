//! DRBD's copies: how many are up to date, and how far the others are on their way.

use std::collections::BTreeMap;

use orszem_model::fact::FactKind;
use orszem_model::observation::DrbdPeerDevice;
use orszem_model::{RecordId, Timestamp};

use crate::code::coded;
use crate::drbd::{Disk, is_copy, pair};
use crate::engine::{Facts, Timer};
use crate::input::Source;
use crate::words::{Draft, between, host, later, list, span};

/// The two ends begin and end a resync this close to each other.
const ENDS_MS: u64 = 2_000;
/// A node says of its own disk what the others see so close to it.
const OWN_MS: u64 = 5_000;
/// How much longer a resync's beginning waits for the first figures of it.
const FIGURES_MS: u64 = 700;

/// A resync between two nodes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sync {
    /// What each end last said.
    replication: BTreeMap<String, String>,
    pub(crate) is_running: bool,
    since: Timestamp,
    ended: Timestamp,
    id: Option<RecordId>,
    /// Bytes to go, or hundredths of a percent done, and when that last changed for the better.
    first: Option<(u64, Timestamp)>,
    left: Option<u64>,
    done: Option<u32>,
    progressed: Timestamp,
}

coded! { Sync { replication, is_running, since, ended, id, first, left, done, progressed } }

fn is_sync(replication: &str) -> bool {
    matches!(replication, "SyncSource" | "SyncTarget" | "PausedSyncS" | "PausedSyncT")
}

impl Facts {
    pub(crate) fn drbd_peer_device(&mut self, source: &Source, told: DrbdPeerDevice) {
        let (name, reporter) = (told.resource.clone(), source.reporter.clone());
        let key = (name.clone(), told.volume, (reporter.clone(), told.peer.clone()));
        if told.is_gone {
            self.drbd.peer_disks.remove(&key);
            return;
        }
        if !self.drbd.has_room() {
            self.ignored += 1;
            return;
        }
        let before = self.drbd.peer_disks.get(&key).cloned().unwrap_or_default();
        if source.at < before.at {
            return;
        }
        let is_copy = before.is_copy || is_copy(&told.peer_disk);
        let at = if before.state == told.peer_disk { before.at } else { source.at };
        let disk = Disk { state: told.peer_disk.clone(), is_copy, at, ..before };
        self.drbd.peer_disks.insert(key, disk);
        if (is_sync(&told.replication) || told.replication == "Established") && !source.is_initial {
            self.split_healed(source, &name, &pair(&reporter, &told.peer));
        }
        self.look_again(source.at, self.settings.settle_ms, Timer::DrbdRedundancy(name));
        self.synced(source, told);
    }

    fn synced(&mut self, source: &Source, told: DrbdPeerDevice) {
        let DrbdPeerDevice { resource: name, peer, volume, replication, done, eta_s, out_of_sync_bytes, .. } = told;
        let pair = pair(&source.reporter, &peer);
        let key = (name.clone(), volume, pair.clone());
        if !self.drbd.syncs.contains_key(&key) && !is_sync(&replication) {
            return;
        }
        let evidence = format!("resync:{name}:{volume}:{pair}");
        let sync = self.drbd.syncs.entry(key).or_default();
        let was = sync.replication.insert(source.reporter.clone(), replication.clone());
        let was_sync = was.as_deref().is_some_and(is_sync);
        if is_sync(&replication) {
            // The other end, which is a little behind.
            let is_tail = sync.ended.0 > 0 && between(sync.ended, source.at) < ENDS_MS && sync.replication.len() > 1;
            if !sync.is_running && !was_sync && !is_tail {
                *sync = Sync {
                    replication: std::mem::take(&mut sync.replication),
                    is_running: true,
                    since: source.at,
                    id: Some(source.id),
                    progressed: source.at,
                    ..Sync::default()
                };
                self.tell_resync(source, &name, volume, &peer, &replication, &evidence);
                let timer = Timer::Resync(name.clone(), volume, pair.clone());
                self.look_again(source.at, self.settings.stalled_after_ms, timer);
            }
            self.progress(source, &name, volume, &pair, (done, out_of_sync_bytes, eta_s), &evidence);
        } else if sync.is_running && was_sync {
            sync.is_running = false;
            sync.ended = source.at;
            let since = sync.since;
            self.tell_resync_over(source, &name, volume, &peer, &replication, since);
        } else {
            self.outbox.also(&format!("{evidence}:done"), source.id);
        }
    }

    fn tell_resync(&mut self, source: &Source, name: &str, volume: u32, peer: &str, replication: &str, key: &str) {
        let volume_entity = format!("drbd/{name}/{volume}");
        let reporter = &source.reporter;
        let (from, to) = match replication {
            "SyncSource" | "PausedSyncS" => (reporter.as_str(), peer),
            _ => (peer, reporter.as_str()),
        };
        let text = format!("Resync of {name}/{volume} from {from} to {to} began");
        let draft = Draft::new(FactKind::DrbdResyncStarted, source.at, volume_entity, text)
            .change(from, to)
            .other(format!("drbd/{name}"))
            .other(host(from))
            .other(host(to))
            .detail("peer", peer)
            .record(source.id)
            .holding(source.is_initial);
        self.tell(later(source.at, FIGURES_MS), key, draft);
    }

    fn tell_resync_over(
        &mut self,
        source: &Source,
        name: &str,
        volume: u32,
        peer: &str,
        replication: &str,
        since: Timestamp,
    ) {
        let entity = format!("drbd/{name}/{volume}");
        let pair = pair(&source.reporter, peer);
        self.outbox.end(FactKind::DrbdResyncStalled, &entity, &pair);
        // Cut off, it begins again some time: that is told then.
        if replication != "Established" {
            return;
        }
        let ms = between(since, source.at);
        let text = format!("Resync of {name}/{volume} between {} and {peer} is done, in {}", source.reporter, span(ms));
        let draft = Draft::new(FactKind::DrbdResyncDone, source.at, entity, text)
            .lasting(ms)
            .other(format!("drbd/{name}"))
            .other(host(&source.reporter))
            .other(host(peer))
            .detail("peer", peer)
            .record(source.id);
        self.tell(source.at, &format!("resync:{name}:{volume}:{pair}:done"), draft);
    }

    /// Figures of a resync that runs.
    fn progress(
        &mut self,
        source: &Source,
        name: &str,
        volume: u32,
        pair: &str,
        (done, left, eta_s): (Option<u32>, Option<u64>, Option<u64>),
        evidence: &str,
    ) {
        let key = (name.to_owned(), volume, pair.to_owned());
        let Some(sync) = self.drbd.syncs.get_mut(&key) else { return };
        let is_further = match (sync.left, left, sync.done, done) {
            (Some(before), Some(now), ..) => now < before,
            (_, _, Some(before), Some(now)) => now > before,
            (None, Some(_), ..) | (_, _, None, Some(_)) => true,
            _ => false,
        };
        if is_further {
            sync.progressed = source.at;
            self.outbox.end(FactKind::DrbdResyncStalled, &format!("drbd/{name}/{volume}"), pair);
        }
        let first = match (sync.first, left) {
            (None, Some(left)) => Some((left, source.at)),
            (first, _) => first,
        };
        sync.first = first;
        sync.left = left.or(sync.left);
        sync.done = done.or(sync.done);
        let own = first.zip(left).and_then(|((at_first, since), left)| {
            let gone = at_first.checked_sub(left).filter(|gone| *gone > 0)?;
            Some((between(since, source.at)).saturating_mul(left / 1_024) / (gone / 1_024).max(1) / 1_000)
        });
        let eta = eta_s.or(own);
        self.outbox.amend(evidence, |fact| {
            fact.details.retain(|(name, _)| !matches!(name.as_str(), "eta_s" | "out_of_sync_bytes"));
            if let Some(eta) = eta {
                fact.details.push(("eta_s".to_owned(), eta.to_string()));
            }
            if let Some(left) = left {
                fact.details.push(("out_of_sync_bytes".to_owned(), left.to_string()));
            }
            let about = eta.map(|eta| format!(", about {} to go", span(eta.saturating_mul(1_000)))).unwrap_or_default();
            if let Some((head, _)) = fact.text.clone().split_once(" began") {
                fact.text = format!("{head} began{about}");
            }
        });
    }

    pub(crate) fn decide_stalled(&mut self, name: &str, volume: u32, pair: &str, due: Timestamp) {
        let Some(sync) = self.drbd.syncs.get(&(name.to_owned(), volume, pair.to_owned())) else { return };
        if !sync.is_running {
            return;
        }
        let stalled_after_ms = self.settings.stalled_after_ms;
        let (progressed, left, done) = (sync.progressed, sync.left, sync.done);
        let is_seen = left.is_some() || done.is_some();
        let idle_ms = between(progressed, due);
        let entity = format!("drbd/{name}/{volume}");
        let wait_ms = if idle_ms < stalled_after_ms { stalled_after_ms - idle_ms } else { stalled_after_ms };
        self.look_again(due, wait_ms, Timer::Resync(name.to_owned(), volume, pair.to_owned()));
        // Where no figures come nothing is known.
        if idle_ms < stalled_after_ms
            || !is_seen
            || !self.outbox.begin(FactKind::DrbdResyncStalled, &entity, pair, progressed)
        {
            return;
        }
        let text = format!("The resync of {name}/{volume} makes no progress since {}", span(idle_ms));
        let mut draft = Draft::new(FactKind::DrbdResyncStalled, due, entity, text).detail("nodes", pair);
        if let Some(left) = left {
            draft = draft.detail("out_of_sync_bytes", left);
        }
        self.tell(due, "", draft);
    }

    /// Compares the copies of a resource.
    pub(crate) fn decide_redundancy(&mut self, name: &str, due: Timestamp) {
        let own = self.drbd.disks.iter().filter(|((resource, _, by), _)| resource == name && !self.members.is_away(by));
        let own = own.map(|((_, volume, by), disk)| (by.clone(), *volume, disk));
        let peers = self.drbd.peer_disks.iter().filter(|((resource, volume, (by, peer)), disk)| {
            let own = |of: &str| self.drbd.disks.get(&(name.to_owned(), *volume, of.to_owned()));
            let peer = self.peer_name(name, by, peer);
            // A node knows its own disk best, unless it has said nothing since.
            let is_newer = |own: &Disk| between(own.at, disk.at) < OWN_MS;
            let is_said_by_itself = own(peer).is_some_and(is_newer) && !self.members.is_away(peer);
            let counts = match disk.state.as_str() {
                // Who has no copy itself loses none when it does not see another's.
                "DUnknown" => own(by).is_none_or(|disk| disk.is_copy),
                _ => !is_said_by_itself,
            };
            resource == name && !self.members.is_away(by) && counts
        });
        let peers =
            peers.map(|((_, volume, (by, peer)), disk)| (self.peer_name(name, by, peer).to_owned(), *volume, disk));
        let all: Vec<(String, u32, &Disk)> = own.chain(peers).filter(|(.., disk)| disk.is_copy).collect();
        let bad: Vec<&(String, u32, &Disk)> = all.iter().filter(|(.., disk)| disk.state != "UpToDate").collect();
        let entity = format!("drbd/{name}");
        if let Some(first) = bad.iter().map(|(.., disk)| disk.at).min() {
            let mut said: Vec<String> = bad
                .iter()
                .map(|(node, volume, disk)| {
                    let node = if node == "peer" { "the peer" } else { node };
                    format!("{name}/{volume} on {node} is {}", disk.state)
                })
                .collect();
            said.sort();
            said.dedup();
            let nodes: Vec<String> = bad.iter().map(|(node, ..)| node.clone()).collect();
            if self.outbox.begin(FactKind::DrbdDegraded, &entity, "", first) {
                let cause = list(&said);
                let text = format!("{name} has fewer good copies than it should: {cause}");
                let draft = Draft::new(FactKind::DrbdDegraded, first, entity, text)
                    .change("redundant", "degraded")
                    .cause(cause);
                let draft = nodes.iter().fold(draft, |draft, node| draft.other(host(node)));
                self.tell(due, "", draft);
            }
        } else if all.len() > 1
            && let Some(since) = self.outbox.end(FactKind::DrbdDegraded, &entity, "")
        {
            let at = all.iter().map(|(.., disk)| disk.at).max().unwrap_or(due).max(since);
            let ms = between(since, at);
            let text = format!("All copies of {name} are up to date again, after {}", span(ms));
            let draft =
                Draft::new(FactKind::DrbdRestored, at, entity, text).change("degraded", "redundant").lasting(ms);
            self.tell(due, "", draft);
        }
    }
}
