//! All collectors that the server knows, by tenant and host.

use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use orszem_model::Timestamp;

use super::canary::canaries;
use super::saved;
use super::status::CollectorReport;
use super::track::{Track, Tracks};
use crate::error::Error;
use crate::maintenance;
use crate::wake::lock;

/// Collectors that are followed; further ones are counted and otherwise overlooked until another is forgotten.
pub const COLLECTORS_MAX: usize = 10_000;
/// A collector that was not heard of for this long is forgotten.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(30 * 86_400);
/// What stands before the host in a collector's `X-Orszem-Source`.
const SOURCE_PREFIX: &str = "collector/";
/// The longest host name that a request may bring in.
const HOST_BYTES_MAX: usize = 256;

/// What the ingest routes learn of a sender from one request.
#[derive(Clone, Copy, Debug)]
pub struct Arrival<'a> {
    pub tenant: u32,
    /// `X-Orszem-Source`.
    pub source: &'a str,
    /// `X-Orszem-Sent`, by the sender's clock.
    pub sent: Option<Timestamp>,
    pub received: Timestamp,
    /// Records left out by reason, or the code under which the whole request was refused with a count of 1.
    pub rejected: &'a [(&'static str, u64)],
}

/// The collectors of a server. All methods are quick.
#[derive(Debug, Default)]
pub struct Collectors {
    known: Mutex<Known>,
    /// Off while the journal is replayed, when nobody can tell how long canaries were under way.
    is_live: AtomicBool,
    overlooked: AtomicU64,
}

/// What is kept, and up to where in the journal it is.
#[derive(Debug, Default)]
pub(super) struct Known {
    /// Groups that begin before this are in it.
    pub(super) position: u64,
    pub(super) tracks: Tracks,
    /// Something to save has come since the last time.
    is_changed: bool,
}

impl Collectors {
    /// What was saved in `data_dir`; nothing if there is no file, or if it can't be read, which is logged: the
    /// collectors come back with their next canaries.
    pub(crate) fn load(data_dir: &Path) -> Self {
        let (position, tracks) = saved::load(data_dir);
        let known = Known { position, tracks, is_changed: false };
        Self { known: Mutex::new(known), ..Self::default() }
    }

    /// From here on canaries are as old as they say.
    pub(crate) fn go_live(&self) {
        self.is_live.store(true, Ordering::Release);
    }

    /// Looks at the new batches of the journal's group from `first` to `end`, unless they were seen before.
    pub(crate) fn applied(&self, first: u64, end: u64, batches: &[(u64, Bytes)]) {
        let found: Vec<_> = batches.iter().flat_map(|(_, payload)| canaries(payload)).collect();
        let mut known = lock(&self.known);
        if first < known.position {
            return;
        }
        known.position = end;
        for canary in found {
            let applied = if self.is_live.load(Ordering::Acquire) { maintenance::now() } else { canary.received };
            if let Some(track) = self.track(&mut known, canary.tenant, &canary.host) {
                track.canary(canary, applied);
            }
        }
    }

    /// Takes in what a request of a collector tells; other sources are not looked at.
    pub fn arrived(&self, arrival: &Arrival<'_>) {
        let Some(host) = arrival.source.strip_prefix(SOURCE_PREFIX) else { return };
        if host.is_empty() || host.len() > HOST_BYTES_MAX {
            return;
        }
        let mut known = lock(&self.known);
        if let Some(track) = self.track(&mut known, arrival.tenant, host) {
            track.arrival(arrival);
        }
    }

    fn track<'k>(&self, known: &'k mut Known, tenant: u32, host: &str) -> Option<&'k mut Track> {
        known.is_changed = true;
        let key = (tenant, host.to_owned());
        if known.tracks.len() >= COLLECTORS_MAX && !known.tracks.contains_key(&key) {
            self.overlooked.fetch_add(1, Ordering::Relaxed);
            return None;
        }
        Some(known.tracks.entry(key).or_default())
    }

    /// What is known of the tenant's collectors at `now`, by host.
    pub fn list(&self, tenant: u32, now: Timestamp) -> Vec<CollectorReport> {
        let known = lock(&self.known);
        let from = (tenant, String::new());
        let own = known.tracks.range(from..).take_while(|((owner, _), _)| *owner == tenant);
        own.map(|((_, host), track)| CollectorReport::new(host, track, now)).collect()
    }

    /// What is known of one collector.
    pub fn get(&self, tenant: u32, host: &str, now: Timestamp) -> Option<CollectorReport> {
        let known = lock(&self.known);
        known.tracks.get(&(tenant, host.to_owned())).map(|track| CollectorReport::new(host, track, now))
    }

    /// Shows every collector to `look`.
    pub(super) fn each(&self, mut look: impl FnMut(u32, &str, &Track)) {
        for ((tenant, host), track) in &lock(&self.known).tracks {
            look(*tenant, host, track);
        }
    }

    /// Canaries and requests of collectors beyond [`COLLECTORS_MAX`].
    pub(super) fn overlooked(&self) -> u64 {
        self.overlooked.load(Ordering::Relaxed)
    }

    /// Saves what has changed, without the collectors that are forgotten at `now`. Blocks on the disk.
    pub(crate) fn save(&self, data_dir: &Path, now: Timestamp) -> Result<(), Error> {
        let mut known = lock(&self.known);
        if !known.is_changed {
            return Ok(());
        }
        let oldest = now.before(FORGOTTEN_AFTER);
        known.tracks.retain(|_, track| track.last_heard() >= Some(oldest));
        let encoded = saved::encode(&known);
        known.is_changed = false;
        drop(known);
        let written = saved::write(data_dir, &encoded);
        if written.is_err() {
            lock(&self.known).is_changed = true;
        }
        written
    }
}
