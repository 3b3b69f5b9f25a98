//! Rows as observations, and which of them are worth telling again.

use std::time::Duration;

use orszem_model::observation::{DrbdConnection, DrbdDevice, DrbdPeerDevice, DrbdResource};
use orszem_model::{Observation, Timestamp};

use super::super::eta::Slope;
use super::super::row::{Key, Part, PeerDeviceRow, Row};
use super::super::word::{Pass, pass};
use super::has_rest;

/// Between two tellings of mere progress.
const PROGRESS_EVERY: Duration = Duration::from_secs(5);

/// The row's observation; `None` as long as its state is not known, and for paths.
pub(super) fn observation(key: &Key, row: &Row, slope: &Slope, now: Timestamp) -> Option<Observation> {
    let resource = key.resource.clone();
    Some(match (&key.part, row) {
        (Part::Resource, Row::Resource(row)) => Observation::DrbdResource(DrbdResource {
            resource,
            role: row.role.clone()?,
            suspended: row.suspended.clone().unwrap_or_default(),
            is_gone: false,
        }),
        (Part::Device { volume }, Row::Device(row)) => Observation::DrbdDevice(DrbdDevice {
            resource,
            volume: *volume,
            minor: row.minor,
            backing_device: row.backing_device.clone().unwrap_or_default(),
            disk: row.disk.clone()?,
            is_client: row.is_client.unwrap_or(false),
            // 8.4 knows no quorum, so it is never lost.
            has_quorum: row.has_quorum.unwrap_or(true),
            is_gone: false,
        }),
        (Part::Connection { peer }, Row::Connection(row)) => Observation::DrbdConnection(DrbdConnection {
            resource,
            peer: peer.clone(),
            connection: row.connection.clone()?,
            peer_role: row.peer_role.clone().unwrap_or_default(),
            is_gone: false,
        }),
        (Part::PeerDevice { peer, volume }, Row::PeerDevice(row)) => {
            let (done, eta_s) = progress(row, slope, now);
            Observation::DrbdPeerDevice(DrbdPeerDevice {
                resource,
                peer: peer.clone(),
                volume: *volume,
                replication: row.replication.clone()?,
                peer_disk: row.peer_disk.clone().unwrap_or_default(),
                done,
                eta_s,
                out_of_sync_bytes: row.out_of_sync_bytes,
                is_gone: false,
            })
        }
        _ => return None,
    })
}

/// How much of a running pass is done, and the seconds for the rest: DRBD's own if it tells them, else from the slope.
pub(super) fn progress(row: &PeerDeviceRow, slope: &Slope, now: Timestamp) -> (Option<u32>, Option<u64>) {
    let pass = row.replication.as_deref().map_or(Pass::None, pass);
    let own = || slope.done(row.out_of_sync_bytes?);
    let done = match pass {
        Pass::None => None,
        Pass::Resync | Pass::Paused => row.done.or_else(own),
        Pass::Verify => row.done,
    };
    let own = || slope.eta_s().filter(|_| pass == Pass::Resync);
    // What a comparison of all blocks finds says nothing of how far it is.
    let is_stalled = pass == Pass::Resync && slope.is_stalled(now);
    let eta_s = if has_rest(row) && !is_stalled { row.eta_s.or_else(own) } else { None };
    (done, eta_s)
}

/// The last that was told, with what it is about gone.
pub(super) fn gone(mut told: Observation) -> Option<Observation> {
    match &mut told {
        Observation::DrbdResource(it) => it.is_gone = true,
        Observation::DrbdDevice(it) => it.is_gone = true,
        Observation::DrbdConnection(it) => it.is_gone = true,
        Observation::DrbdPeerDevice(it) => {
            (it.done, it.eta_s) = (None, None);
            it.is_gone = true;
        }
        _ => return None,
    }
    Some(told)
}

/// Whether `now` is to be told after `told`. Progress alone is told every few seconds, and what is out of sync without
/// any resync only when it begins or ends.
pub(super) fn is_news(told: &Observation, now: &Observation, told_at: Timestamp, at: Timestamp) -> bool {
    let (Observation::DrbdPeerDevice(a), Observation::DrbdPeerDevice(b)) = (told, now) else { return told != now };
    if (&a.replication, &a.peer_disk) != (&b.replication, &b.peer_disk) {
        return true;
    }
    let is_out = |bytes: Option<u64>| bytes.unwrap_or_default() > 0;
    if pass(&b.replication) == Pass::None {
        return is_out(a.out_of_sync_bytes) != is_out(b.out_of_sync_bytes);
    }
    // That there is a rest now, or none any more, is not mere progress.
    if a.eta_s.is_some() != b.eta_s.is_some() {
        return true;
    }
    a != b && (at >= told_at.after(PROGRESS_EVERY) || at < told_at)
}
