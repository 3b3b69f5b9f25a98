//! drbd-reactor's metrics, as its prometheus plugin has them.

use super::super::row::{ConnectionRow, DeviceRow, Key, Part, PeerDeviceRow, ResourceRow, Row};
use super::super::table::Table;
use super::super::word::{CONNECTIONS, DISKS, ROLES};
use super::{Labels, Metric, Options, Samples};

const UP: Metric = Metric::gauge("drbdreactor_up", "Whether DRBD's events are followed");
const VERSION: Metric = Metric::gauge("drbd_version", "Versions of the DRBD kernel module and of drbd-utils");
const RESOURCES: Metric = Metric::gauge("drbd_resource_resources", "Number of resources");
const ROLE: Metric = Metric::gauge("drbd_resource_role", "Role of the resource");
const SUSPENDED: Metric = Metric::gauge("drbd_resource_suspended", "Whether the resource is suspended");
const MAY_PROMOTE: Metric = Metric::gauge("drbd_resource_maypromote", "Whether the resource may become Primary");
const SCORE: Metric = Metric::gauge("drbd_resource_promotionscore", "Promotion score of the resource; more is better");
const FAILURES: Metric =
    Metric::gauge("drbd_resource_forceiofailures", "Whether input and output of the resource are made to fail");
const CONNECTION: Metric = Metric::gauge("drbd_connection_state", "State of the connection");
const CONGESTED: Metric =
    Metric::gauge("drbd_connection_congested", "Whether the send buffer of the data connection is more than 80 % full");
const AP_IN_FLIGHT: Metric =
    Metric::gauge("drbd_connection_apinflight_bytes", "Application requests in flight, not completed");
const RS_IN_FLIGHT: Metric = Metric::gauge("drbd_connection_rsinflight_bytes", "Resync requests in flight");
const OUT_OF_SYNC: Metric =
    Metric::gauge("drbd_peerdevice_outofsync_bytes", "Bytes that are out of sync with this peer");
const SENT: Metric = Metric::counter("drbd_peerdevice_sent_bytes", "Bytes sent to this peer");
const RECEIVED: Metric = Metric::counter("drbd_peerdevice_received_bytes", "Bytes received from this peer");
const DISK: Metric = Metric::gauge("drbd_device_state", "State of the disk");
const CLIENT: Metric = Metric::gauge("drbd_device_client", "Whether the device is meant to have no disk");
const DISKLESS: Metric =
    Metric::gauge("drbd_device_unintentionaldiskless", "Whether the device has no disk, and is meant to have one");
const QUORUM: Metric = Metric::gauge("drbd_device_quorum", "Whether the device has quorum");
const OPEN: Metric = Metric::gauge("drbd_device_open", "Whether the device is open");
const SIZE: Metric = Metric::gauge("drbd_device_size_bytes", "Size of the device");
const READ: Metric = Metric::counter("drbd_device_read_bytes_total", "Bytes read from the local disk");
const WRITTEN: Metric = Metric::counter("drbd_device_written_bytes_total", "Bytes written to the local disk");
const AL_WRITES: Metric = Metric::counter("drbd_device_alwrites_total", "Updates of the activity log");
const BM_WRITES: Metric = Metric::counter("drbd_device_bmwrites_total", "Updates of the bitmap");
const UPPER: Metric = Metric::gauge("drbd_device_upperpending", "Requests to DRBD that it has not answered yet");
const LOWER: Metric = Metric::gauge("drbd_device_lowerpending", "Requests of DRBD that the disk has not answered yet");
const AL_SUSPENDED: Metric = Metric::gauge("drbd_device_alsuspended", "Whether the activity log is suspended");

pub(super) fn put(table: &Table, options: &Options, out: &mut Samples) {
    out.yes(UP, &[], Some(table.is_complete()));
    if let Some((kernel, utils)) = &options.versions {
        out.put(VERSION, &[("kmod", kernel), ("utils", utils)], 1.0);
    }
    let resources = table.rows().filter(|(key, _)| key.part == Part::Resource).count();
    out.put(RESOURCES, &[], resources as f64);
    for (key, row) in table.rows() {
        let name = key.resource.as_str();
        match (&key.part, row) {
            (Part::Resource, Row::Resource(row)) => resource(name, row, options, out),
            (Part::Device { volume }, Row::Device(row)) => device(name, *volume, row, options, out),
            (Part::Connection { peer }, Row::Connection(row)) => connection(name, peer, row, options, out),
            (Part::PeerDevice { peer, volume }, Row::PeerDevice(row)) => {
                let id = peer_node_id(table, key, peer);
                let volume = volume.to_string();
                let labels = [("name", name), ("conn_name", peer), ("peer_node_id", &id), ("volume", &volume)];
                peer_device(&labels, row, out);
            }
            _ => {}
        }
    }
}

/// The number of the peer behind a connection; empty if it is not told.
pub(super) fn peer_node_id(table: &Table, key: &Key, peer: &str) -> String {
    match table.row(&key.resource, Part::Connection { peer: peer.to_owned() }) {
        Some(Row::Connection(ConnectionRow { peer_node_id: Some(id), .. })) => id.to_string(),
        _ => String::new(),
    }
}

fn resource(name: &str, row: &ResourceRow, options: &Options, out: &mut Samples) {
    let labels = [("name", name)];
    states(ROLE, &labels, &ROLES, row.role.as_deref(), options, out);
    out.yes(SUSPENDED, &labels, row.suspended.as_ref().map(|kinds| !kinds.is_empty()));
    out.yes(MAY_PROMOTE, &labels, row.may_promote);
    out.number(SCORE, &labels, row.promotion_score);
    out.yes(FAILURES, &labels, row.has_forced_io_failures);
}

fn device(name: &str, volume: u32, row: &DeviceRow, options: &Options, out: &mut Samples) {
    let volume = volume.to_string();
    let minor = row.minor.map(|minor| minor.to_string()).unwrap_or_default();
    let labels = [("name", name), ("volume", volume.as_str()), ("minor", minor.as_str())];
    states(DISK, &labels, &DISKS, row.disk.as_deref(), options, out);
    out.yes(CLIENT, &labels, row.is_client);
    let is_client = row.is_client == Some(true);
    out.yes(DISKLESS, &labels, row.disk.as_ref().map(|disk| disk == "Diskless" && !is_client));
    out.yes(QUORUM, &labels, row.has_quorum);
    out.yes(OPEN, &labels, row.is_open);
    out.number(SIZE, &labels, row.size_bytes);
    out.number(READ, &labels, row.read_bytes);
    out.number(WRITTEN, &labels, row.written_bytes);
    out.number(AL_WRITES, &labels, row.al_writes);
    out.number(BM_WRITES, &labels, row.bm_writes);
    out.number(UPPER, &labels, row.upper_pending);
    out.number(LOWER, &labels, row.lower_pending);
    out.yes(AL_SUSPENDED, &labels, row.is_al_suspended);
}

fn connection(name: &str, peer: &str, row: &ConnectionRow, options: &Options, out: &mut Samples) {
    let id = row.peer_node_id.map(|id| id.to_string()).unwrap_or_default();
    let labels = [("name", name), ("conn_name", peer), ("peer_node_id", id.as_str())];
    states(CONNECTION, &labels, &CONNECTIONS, row.connection.as_deref(), options, out);
    out.yes(CONGESTED, &labels, row.is_congested);
    out.number(AP_IN_FLIGHT, &labels, row.ap_in_flight_bytes);
    out.number(RS_IN_FLIGHT, &labels, row.rs_in_flight_bytes);
}

fn peer_device(labels: Labels<'_>, row: &PeerDeviceRow, out: &mut Samples) {
    out.number(OUT_OF_SYNC, labels, row.out_of_sync_bytes);
    out.number(SENT, labels, row.sent_bytes);
    out.number(RECEIVED, labels, row.received_bytes);
}

/// 1 for the state that is, 0 for all others; the label is called as the metric.
fn states(metric: Metric, labels: Labels<'_>, all: &[&str], now: Option<&str>, options: &Options, out: &mut Samples) {
    let Some(now) = now.filter(|_| options.has_states) else { return };
    for state in all {
        let labels: Vec<_> = labels.iter().copied().chain([(metric.name, *state)]).collect();
        out.yes(metric, &labels, Some(*state == now));
    }
}
