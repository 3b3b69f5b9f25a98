//! What the others leave out: how far a resync is, why a resource is suspended, which helpers were called.

use orszem_model::Timestamp;

use super::super::row::{Part, Row};
use super::super::table::Table;
use super::{Metric, Samples};

const DONE: Metric = Metric::gauge("orszem_drbd_resync_ratio", "How much of a running resync or verify is done");
const ETA: Metric = Metric::gauge("orszem_drbd_resync_eta_seconds", "Time that a running resync or verify still takes");
const SPEED: Metric = Metric::gauge("orszem_drbd_resync_bytes_per_second", "How fast what is out of sync becomes less");
const OUT_OF_SYNC: Metric = Metric::gauge("orszem_drbd_out_of_sync_bytes", "Bytes that are out of sync with the peer");
const SUSPENDED: Metric =
    Metric::gauge("orszem_drbd_suspended", "1 for each reason why the resource is suspended: user, no-data, quorum, …");
const PATH: Metric = Metric::gauge("orszem_drbd_path_established", "Whether a path of a connection is established");
const CALLS: Metric =
    Metric::counter("orszem_drbd_helper_calls_total", "Calls of a helper by the kernel since the collector started");

pub(super) fn put(table: &Table, now: Timestamp, out: &mut Samples) {
    for (key, row) in table.rows() {
        let resource = key.resource.as_str();
        match (&key.part, row) {
            (Part::Resource, Row::Resource(row)) => {
                for reason in row.suspended.iter().flatten() {
                    out.put(SUSPENDED, &[("resource", resource), ("reason", reason)], 1.0);
                }
            }
            (Part::PeerDevice { peer, volume }, Row::PeerDevice(row)) => {
                let volume = volume.to_string();
                let labels = [("resource", resource), ("peer", peer.as_str()), ("volume", volume.as_str())];
                out.number(OUT_OF_SYNC, &labels, row.out_of_sync_bytes);
                if let Some((done, eta_s, speed)) = table.progress(key, now) {
                    if let Some(done) = done {
                        out.put(DONE, &labels, f64::from(done) / 10_000.0);
                    }
                    out.number(ETA, &labels, eta_s);
                    if let Some(speed) = speed {
                        out.put(SPEED, &labels, speed);
                    }
                }
            }
            (Part::Path { peer, local, remote }, Row::Path(row)) => {
                let labels = [("resource", resource), ("peer", peer), ("local", local), ("remote", remote)];
                out.yes(PATH, &labels, row.is_established);
            }
            _ => {}
        }
    }
    for (resource, helper, count) in table.helper_calls() {
        out.number(CALLS, &[("resource", resource), ("helper", helper)], Some(count));
    }
}
