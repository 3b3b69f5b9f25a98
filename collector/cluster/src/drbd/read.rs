//! An event's keys as the row they tell.

use super::events2::{Event, Object};
use super::row::{ConnectionRow, DeviceRow, Key, Part, PathRow, PeerDeviceRow, ResourceRow, Row};
use super::table::TableError;
use super::word::list;

/// `drbdsetup` counts in KiB.
const KIB: u64 = 1024;
/// And what is in flight in sectors.
const SECTOR: u64 = 512;

/// The object of an event; `None` for one that has no row.
pub(crate) fn key(event: &Event) -> Result<Option<Key>, TableError> {
    let part = match &event.object {
        Object::Resource => Part::Resource,
        Object::Device => Part::Device { volume: volume(event)? },
        Object::Connection => Part::Connection { peer: peer(event)? },
        Object::PeerDevice => Part::PeerDevice { peer: peer(event)?, volume: volume(event)? },
        Object::Path => {
            Part::Path { peer: peer(event)?, local: needed(event, "local")?, remote: needed(event, "peer")? }
        }
        Object::Helper | Object::End | Object::Other(_) => return Ok(None),
    };
    Ok(Some(Key { resource: needed(event, "name")?, part }))
}

/// The row of an event with this key.
pub(crate) fn row(event: &Event, part: &Part) -> Result<Row, TableError> {
    // A state counts, whatever a later DRBD writes for its counters.
    let number = |key| event.get(key).and_then(|text| text.parse::<u64>().ok());
    let kib = |key| number(key).map(|kib| kib.saturating_mul(KIB));
    let sectors = |key| number(key).map(|sectors| sectors.saturating_mul(SECTOR));
    let text = |key| event.get(key).map(str::to_owned);
    Ok(match part {
        Part::Resource => Row::Resource(ResourceRow {
            role: text("role"),
            suspended: event.get("suspended").map(list),
            has_forced_io_failures: yes(event, "force-io-failures")?,
            may_promote: yes(event, "may_promote")?,
            promotion_score: number("promotion_score"),
            write_ordering: text("write-ordering"),
        }),
        Part::Device { .. } => Row::Device(DeviceRow {
            minor: minor(event)?,
            backing_device: event
                .get("backing_dev")
                .map(|device| if device == "none" { "" } else { device }.to_owned()),
            disk: text("disk"),
            is_client: yes(event, "client")?,
            has_quorum: yes(event, "quorum")?,
            is_open: yes(event, "open")?,
            size_bytes: kib("size"),
            read_bytes: kib("read"),
            written_bytes: kib("written"),
            al_writes: number("al-writes"),
            bm_writes: number("bm-writes"),
            upper_pending: number("upper-pending"),
            lower_pending: number("lower-pending"),
            is_al_suspended: yes(event, "al-suspended")?,
            blocked: text("blocked"),
        }),
        Part::Connection { .. } => Row::Connection(ConnectionRow {
            peer_node_id: self::number(event, "peer-node-id")?,
            connection: text("connection"),
            peer_role: text("role"),
            sync_state: text("sync-state"),
            is_congested: yes(event, "congested")?,
            ap_in_flight_bytes: sectors("ap-in-flight"),
            rs_in_flight_bytes: sectors("rs-in-flight"),
        }),
        Part::PeerDevice { .. } => Row::PeerDevice(PeerDeviceRow {
            replication: text("replication"),
            peer_disk: text("peer-disk"),
            is_peer_client: yes(event, "peer-client")?,
            resync_suspended: event.get("resync-suspended").map(list),
            received_bytes: kib("received"),
            sent_bytes: kib("sent"),
            out_of_sync_bytes: kib("out-of-sync"),
            pending: number("pending"),
            unacked: number("unacked"),
            done: event.get("done").and_then(percent),
            eta_s: event.get("eta").and_then(seconds),
        }),
        Part::Path { .. } => Row::Path(PathRow { is_established: yes(event, "established")? }),
    })
}

/// The value of a key that has to be there.
pub(crate) fn needed(event: &Event, key: &'static str) -> Result<String, TableError> {
    event.get(key).map(str::to_owned).ok_or(TableError::Missing { key })
}

/// A number; `None` if it is not told.
pub(crate) fn number<T: std::str::FromStr>(event: &Event, key: &'static str) -> Result<Option<T>, TableError> {
    event.get(key).map(|text| text.parse().map_err(|_| wrong(key, text))).transpose()
}

/// Hundredths of a percent.
pub(crate) fn percent(text: &str) -> Option<u32> {
    hundredths(text.parse().ok()?)
}

/// Hundredths of a percent from 0 to 100.
pub(crate) fn hundredths(percent: f64) -> Option<u32> {
    (0.0..=100.0).contains(&percent).then(|| (percent * 100.0).round() as u32)
}

/// Whole seconds; none for `nan`, `inf`, and what cannot be.
pub(crate) fn seconds(text: &str) -> Option<u64> {
    let seconds: f64 = text.parse().ok()?;
    (0.0..1e15).contains(&seconds).then(|| seconds.round() as u64)
}

fn volume(event: &Event) -> Result<u32, TableError> {
    number(event, "volume")?.ok_or(TableError::Missing { key: "volume" })
}

/// A device that is being made may have none yet: `-1`, or all bits set.
fn minor(event: &Event) -> Result<Option<u32>, TableError> {
    if event.get("minor") == Some("-1") {
        return Ok(None);
    }
    Ok(number(event, "minor")?.filter(|minor| *minor != u32::MAX))
}

fn peer(event: &Event) -> Result<String, TableError> {
    match (event.get("conn-name"), event.get("peer-node-id")) {
        (Some(name), _) => Ok(name.to_owned()),
        (None, Some(id)) => Ok(id.to_owned()),
        (None, None) => Err(TableError::Missing { key: "conn-name" }),
    }
}

/// `None` as well for `unknown`.
fn yes(event: &Event, key: &'static str) -> Result<Option<bool>, TableError> {
    match event.get(key) {
        None | Some("unknown") => Ok(None),
        Some("yes") => Ok(Some(true)),
        Some("no") => Ok(Some(false)),
        Some(text) => Err(wrong(key, text)),
    }
}

fn wrong(key: &'static str, text: &str) -> TableError {
    TableError::Value { key, value: text.chars().take(64).collect() }
}
