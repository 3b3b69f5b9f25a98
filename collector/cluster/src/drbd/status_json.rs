//! `drbdsetup status --json` of DRBD 9.
//!
//! Keys are written with `-` or `_` by turns, and some states are called otherwise than in events2.

use serde_json::{Map, Value};

use super::read::hundredths;
use super::row::{ConnectionRow, DeviceRow, Key, Part, PeerDeviceRow, ResourceRow, Row};
use super::snapshot::Snapshot;
use super::word::list;

/// The longest status; one of a thousand volumes has two megabytes.
pub const STATUS_BYTES_MAX: usize = 32 * 1024 * 1024;
/// Why input and output may be suspended.
const SUSPENDED: [&str; 4] = ["user", "no-data", "fencing", "quorum"];

/// Why a text is no status.
#[derive(Debug, thiserror::Error)]
pub enum StatusError {
    #[error("status of {bytes} bytes; at most {STATUS_BYTES_MAX} are read")]
    TooLong { bytes: usize },
    #[error("status is not JSON")]
    Json(#[source] serde_json::Error),
    #[error("status is not a list of resources")]
    NotAList,
    #[error("`{key}` of {of} is missing or of the wrong kind")]
    Field { key: &'static str, of: &'static str },
}

/// Reads a status.
pub fn parse(text: &[u8]) -> Result<Snapshot, StatusError> {
    if text.len() > STATUS_BYTES_MAX {
        return Err(StatusError::TooLong { bytes: text.len() });
    }
    let status: Value = serde_json::from_slice(text).map_err(StatusError::Json)?;
    let Value::Array(resources) = status else { return Err(StatusError::NotAList) };
    let mut snapshot = Snapshot::default();
    for it in &resources {
        resource(Object::of(it, "a resource")?, &mut snapshot.rows)?;
    }
    Ok(snapshot)
}

fn resource(it: Object<'_>, rows: &mut Vec<(Key, Row)>) -> Result<(), StatusError> {
    let name = it.needed_text("name")?;
    let key = |part| Key { resource: name.to_owned(), part };
    rows.push((
        key(Part::Resource),
        Row::Resource(ResourceRow {
            role: it.text("role")?,
            suspended: suspended(it)?,
            has_forced_io_failures: it.yes("force-io-failures")?,
            write_ordering: it.text("write-ordering")?,
            ..ResourceRow::default()
        }),
    ));
    for it in it.list("devices", "a device")? {
        rows.push((key(Part::Device { volume: it.needed_number("volume")? }), Row::Device(device(it)?)));
    }
    for it in it.list("connections", "a connection")? {
        let peer = it.needed_text("name")?.to_owned();
        let row = ConnectionRow {
            peer_node_id: it.number("peer-node-id")?.and_then(|id| u32::try_from(id).ok()),
            connection: it.text("connection-state")?,
            peer_role: it.text("peer-role")?,
            sync_state: it.text("sync-state")?,
            is_congested: it.yes("congested")?,
            ap_in_flight_bytes: it.scaled("ap-in-flight", 512)?,
            rs_in_flight_bytes: it.scaled("rs-in-flight", 512)?,
        };
        rows.push((key(Part::Connection { peer: peer.clone() }), Row::Connection(row)));
        for it in it.list("peer-devices", "a peer device")? {
            let part = Part::PeerDevice { peer: peer.clone(), volume: it.needed_number("volume")? };
            rows.push((key(part), Row::PeerDevice(peer_device(it)?)));
        }
    }
    Ok(())
}

fn suspended(it: Object<'_>) -> Result<Option<Vec<String>>, StatusError> {
    let mut kinds = Vec::new();
    for (kind, key) in
        SUSPENDED.iter().zip(["suspended-user", "suspended-no-data", "suspended-fencing", "suspended-quorum"])
    {
        if it.yes(key)? == Some(true) {
            kinds.push((*kind).to_owned());
        }
    }
    Ok(it.yes("suspended")?.map(|_| kinds))
}

fn device(it: Object<'_>) -> Result<DeviceRow, StatusError> {
    Ok(DeviceRow {
        minor: it.number("minor")?.and_then(|minor| u32::try_from(minor).ok()),
        backing_device: it.text("backing-dev")?.map(|device| if device == "none" { String::new() } else { device }),
        disk: it.text("disk-state")?,
        is_client: it.yes("client")?,
        has_quorum: it.yes("quorum")?,
        is_open: it.yes("open")?,
        size_bytes: it.scaled("size", 1024)?,
        read_bytes: it.scaled("read", 1024)?,
        written_bytes: it.scaled("written", 1024)?,
        al_writes: it.number("al-writes")?,
        bm_writes: it.number("bm-writes")?,
        upper_pending: it.number("upper-pending")?,
        lower_pending: it.number("lower-pending")?,
        is_al_suspended: it.yes("al-suspended")?,
        blocked: it.text("blocked")?,
    })
}

fn peer_device(it: Object<'_>) -> Result<PeerDeviceRow, StatusError> {
    Ok(PeerDeviceRow {
        replication: it.text("replication-state")?,
        peer_disk: it.text("peer-disk-state")?,
        is_peer_client: it.yes("peer-client")?,
        resync_suspended: it.text("resync-suspended")?.map(|kinds| list(&kinds)),
        received_bytes: it.scaled("received", 1024)?,
        sent_bytes: it.scaled("sent", 1024)?,
        out_of_sync_bytes: it.scaled("out-of-sync", 1024)?,
        pending: it.number("pending")?,
        unacked: it.number("unacked")?,
        done: it.get("percent-resync-done").and_then(Value::as_f64).and_then(hundredths),
        eta_s: it
            .get("estimated-seconds-to-finish")
            .and_then(Value::as_f64)
            .filter(|eta| *eta >= 0.0)
            .map(|eta| eta as u64),
    })
}

/// An object of the status, with what it is for errors.
#[derive(Clone, Copy)]
struct Object<'a> {
    fields: &'a Map<String, Value>,
    of: &'static str,
}

impl<'a> Object<'a> {
    fn of(value: &'a Value, of: &'static str) -> Result<Self, StatusError> {
        let fields = value.as_object().ok_or(StatusError::Field { key: "{}", of })?;
        Ok(Self { fields, of })
    }

    /// The value of a key in which `-` may be written as `_`; none for `null`.
    fn get(self, key: &str) -> Option<&'a Value> {
        let is_key = |name: &str| {
            let dashed = name.bytes().map(|b| if b == b'_' { b'-' } else { b });
            name.len() == key.len() && dashed.eq(key.bytes())
        };
        let found = self.fields.get(key).or_else(|| self.fields.iter().find(|(name, _)| is_key(name)).map(|(_, v)| v));
        found.filter(|value| !value.is_null())
    }

    fn field<T>(self, key: &'static str, of: impl Fn(&'a Value) -> Option<T>) -> Result<Option<T>, StatusError> {
        self.get(key).map(|value| of(value).ok_or(StatusError::Field { key, of: self.of })).transpose()
    }

    fn text(self, key: &'static str) -> Result<Option<String>, StatusError> {
        self.field(key, |value| value.as_str().map(str::to_owned))
    }

    fn needed_text(self, key: &'static str) -> Result<&'a str, StatusError> {
        self.field(key, Value::as_str)?.ok_or(StatusError::Field { key, of: self.of })
    }

    /// `true`, `false`, and what some versions write for them.
    fn yes(self, key: &'static str) -> Result<Option<bool>, StatusError> {
        self.field(key, |value| match value {
            Value::Bool(is) => Some(*is),
            Value::String(text) if text == "yes" => Some(true),
            Value::String(text) if text == "no" => Some(false),
            _ => None,
        })
    }

    fn number(self, key: &'static str) -> Result<Option<u64>, StatusError> {
        self.field(key, Value::as_u64)
    }

    fn scaled(self, key: &'static str, unit: u64) -> Result<Option<u64>, StatusError> {
        Ok(self.number(key)?.map(|number| number.saturating_mul(unit)))
    }

    fn needed_number(self, key: &'static str) -> Result<u32, StatusError> {
        let number = self.number(key)?.and_then(|number| u32::try_from(number).ok());
        number.ok_or(StatusError::Field { key, of: self.of })
    }

    fn list(self, key: &'static str, of: &'static str) -> Result<Vec<Self>, StatusError> {
        let Some(items) = self.field(key, Value::as_array)? else { return Ok(Vec::new()) };
        items.iter().map(|item| Self::of(item, of)).collect()
    }
}

#[cfg(test)]
mod tests;
