//! ha_cluster_exporter's metrics of DRBD. They count in KiB.

use super::super::row::{ConnectionRow, Part, PeerDeviceRow, ResourceRow, Row};
use super::super::table::Table;
use super::reactor::peer_node_id;
use super::{Metric, Samples};

const RESOURCES: Metric = Metric::gauge("ha_cluster_drbd_resources", "The DRBD resources; 1 line per name, per volume");
const WRITTEN: Metric = Metric::gauge("ha_cluster_drbd_written", "KiB written to the disk");
const READ: Metric = Metric::gauge("ha_cluster_drbd_read", "KiB read from the disk");
const AL_WRITES: Metric = Metric::gauge("ha_cluster_drbd_al_writes", "Writes to the activity log");
const BM_WRITES: Metric = Metric::gauge("ha_cluster_drbd_bm_writes", "Writes to the bitmap");
const UPPER: Metric = Metric::gauge("ha_cluster_drbd_upper_pending", "Requests that DRBD has not answered yet");
const LOWER: Metric = Metric::gauge("ha_cluster_drbd_lower_pending", "Requests that the disk has not answered yet");
const QUORUM: Metric = Metric::gauge("ha_cluster_drbd_quorum", "Whether the volume has quorum");
const CONNECTIONS: Metric =
    Metric::gauge("ha_cluster_drbd_connections", "The DRBD connections; 1 line per resource, per peer, per volume");
const SYNC: Metric = Metric::gauge("ha_cluster_drbd_connections_sync", "Percent of the volume in sync with the peer");
const RECEIVED: Metric = Metric::gauge("ha_cluster_drbd_connections_received", "KiB received from the peer");
const SENT: Metric = Metric::gauge("ha_cluster_drbd_connections_sent", "KiB sent to the peer");
const PENDING: Metric =
    Metric::gauge("ha_cluster_drbd_connections_pending", "Requests that the peer has not answered yet");
const UNACKED: Metric =
    Metric::gauge("ha_cluster_drbd_connections_unacked", "Requests of the peer that are not answered yet");
const SPLIT_BRAIN: Metric = Metric::gauge(
    "ha_cluster_drbd_split_brain",
    "Whether a split brain has been detected that was not resolved; 1 line per resource, per volume",
);

pub(super) fn put(table: &Table, out: &mut Samples) {
    let kib = |bytes: Option<u64>| bytes.map(|bytes| bytes / 1024);
    for (key, row) in table.rows() {
        let resource = key.resource.as_str();
        match (&key.part, row) {
            (Part::Device { volume }, Row::Device(row)) => {
                let volume = volume.to_string();
                let labels = [("resource", resource), ("volume", volume.as_str())];
                if let (Some(disk), Some(Row::Resource(ResourceRow { role: Some(role), .. }))) =
                    (&row.disk, table.row(resource, Part::Resource))
                {
                    let disk = disk.to_lowercase();
                    let labels = [("resource", resource), ("role", role), ("volume", &volume), ("disk_state", &disk)];
                    out.put(RESOURCES, &labels, 1.0);
                }
                out.number(WRITTEN, &labels, kib(row.written_bytes));
                out.number(READ, &labels, kib(row.read_bytes));
                out.number(AL_WRITES, &labels, row.al_writes);
                out.number(BM_WRITES, &labels, row.bm_writes);
                out.number(UPPER, &labels, row.upper_pending);
                out.number(LOWER, &labels, row.lower_pending);
                out.yes(QUORUM, &labels, row.has_quorum);
            }
            (Part::PeerDevice { peer, volume }, Row::PeerDevice(row)) => {
                let id = peer_node_id(table, key, peer);
                let number = volume.to_string();
                let labels = [("resource", resource), ("peer_node_id", id.as_str()), ("volume", number.as_str())];
                if let (Some(disk), Some(role)) = (&row.peer_disk, peer_role(table, resource, peer)) {
                    let disk = disk.to_lowercase();
                    let labels = [
                        ("resource", resource),
                        ("peer_node_id", &id),
                        ("peer_role", role),
                        ("volume", &number),
                        ("peer_disk_state", &disk),
                    ];
                    out.put(CONNECTIONS, &labels, 1.0);
                }
                if let Some(percent) = in_sync(table, resource, *volume, row) {
                    out.put(SYNC, &labels, percent);
                }
                out.number(RECEIVED, &labels, kib(row.received_bytes));
                out.number(SENT, &labels, kib(row.sent_bytes));
                out.number(PENDING, &labels, row.pending);
                out.number(UNACKED, &labels, row.unacked);
            }
            _ => {}
        }
    }
    for (resource, volume) in table.split_brains() {
        out.put(SPLIT_BRAIN, &[("resource", resource), ("volume", &volume.to_string())], 1.0);
    }
}

fn peer_role<'t>(table: &'t Table, resource: &str, peer: &str) -> Option<&'t str> {
    match table.row(resource, Part::Connection { peer: peer.to_owned() }) {
        Some(Row::Connection(ConnectionRow { peer_role: Some(role), .. })) => Some(role),
        _ => None,
    }
}

/// Of the size that the device has here, with the two digits that DRBD gives.
fn in_sync(table: &Table, resource: &str, volume: u32, row: &PeerDeviceRow) -> Option<f64> {
    let Some(Row::Device(device)) = table.row(resource, Part::Device { volume }) else { return None };
    let size = device.size_bytes.filter(|size| *size > 0)?;
    let in_sync = size.saturating_sub(row.out_of_sync_bytes?);
    Some((in_sync as f64 / size as f64 * 10_000.0).floor() / 100.0)
}
