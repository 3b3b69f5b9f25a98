//! `/proc/drbd`: all of 8.4's state, and the version alone with 9.
//!
//! It knows minors, not resources. Source: drbd 8.4, `drbd_proc.c`.

use super::read::percent;
use super::row::{ConnectionRow, DeviceRow, Key, Part, PeerDeviceRow, ResourceRow, Row};
use super::snapshot::Snapshot;
use super::word::{PEER_OF_84, connection_of_84};

/// The longest text; a minor takes about 300 bytes.
pub const PROC_BYTES_MAX: usize = 1024 * 1024;
/// Why input and output are suspended is not told here.
pub const SUSPENDED: &str = "unknown";

/// Why a text is not `/proc/drbd`'s.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProcError {
    #[error("text of {bytes} bytes; at most {PROC_BYTES_MAX} are read")]
    TooLong { bytes: usize },
    #[error("first line has no `version:`")]
    NoVersion,
    #[error("`{line}` does not tell a device")]
    Device { line: String },
    #[error("`{line}` does not tell the counters of a device")]
    Counters { line: String },
    #[error("`{line}` does not tell how far a device is")]
    Progress { line: String },
}

/// The text.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Proc {
    /// Of the kernel module: `8.4.11`.
    pub version: String,
    /// Those that are configured; none with DRBD 9.
    pub devices: Vec<Device>,
}

/// A minor, in DRBD 9's words.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Device {
    pub minor: u32,
    pub connection: String,
    pub role: String,
    pub peer_role: String,
    pub is_suspended: bool,
    /// The volume and the peer's, with all that is told of them.
    pub device: DeviceRow,
    pub peer_device: PeerDeviceRow,
}

/// Reads the text.
pub fn parse(text: &str) -> Result<Proc, ProcError> {
    if text.len() > PROC_BYTES_MAX {
        return Err(ProcError::TooLong { bytes: text.len() });
    }
    let mut lines = text.lines();
    let version = lines.next().and_then(|line| line.strip_prefix("version:")).ok_or(ProcError::NoVersion)?;
    let version = version.split_ascii_whitespace().next().ok_or(ProcError::NoVersion)?.to_owned();
    let mut devices: Vec<Device> = Vec::new();
    let mut is_configured = false;
    for line in lines {
        let told = line.trim_ascii();
        if let Some((minor, state)) = minor(told) {
            let read = device(minor, state).ok_or_else(|| ProcError::Device { line: shortened(told) })?;
            is_configured = read.is_some();
            devices.extend(read);
        } else if let Some(device) = devices.last_mut().filter(|_| is_configured) {
            if told.starts_with("ns:") {
                counters(told, device).ok_or_else(|| ProcError::Counters { line: shortened(told) })?;
            } else if told.starts_with('[') || told.starts_with("finish:") || told.starts_with("stalled") {
                progress(told, device).ok_or_else(|| ProcError::Progress { line: shortened(told) })?;
            }
        }
    }
    Ok(Proc { version, devices })
}

impl Proc {
    /// All of it, with the resource and the volume that `volume_of` has for a minor. Where it has none, the resource is
    /// called `minor-N` as DRBD's kernel messages do.
    pub fn snapshot<'a>(&self, volume_of: impl Fn(u32) -> Option<(&'a str, u32)>) -> Snapshot {
        let mut snapshot = Snapshot::default();
        for device in &self.devices {
            let (resource, volume) = match volume_of(device.minor) {
                Some((resource, volume)) => (resource.to_owned(), volume),
                None => (nameless(device.minor), 0),
            };
            device.rows(&resource, volume, &mut snapshot);
        }
        snapshot
    }
}

/// What a resource is called of which only the minor is known.
pub fn nameless(minor: u32) -> String {
    format!("minor-{minor}")
}

impl Device {
    fn rows(&self, resource: &str, volume: u32, snapshot: &mut Snapshot) {
        let key = |part| Key { resource: resource.to_owned(), part };
        let peer = || PEER_OF_84.to_owned();
        let suspended = if self.is_suspended { vec![SUSPENDED.to_owned()] } else { Vec::new() };
        let rows = [
            (
                Part::Resource,
                Row::Resource(ResourceRow {
                    role: Some(self.role.clone()),
                    suspended: Some(suspended),
                    ..ResourceRow::default()
                }),
            ),
            (Part::Device { volume }, Row::Device(self.device.clone())),
            (
                Part::Connection { peer: peer() },
                Row::Connection(ConnectionRow {
                    connection: Some(self.connection.clone()),
                    peer_role: Some(self.peer_role.clone()),
                    ..ConnectionRow::default()
                }),
            ),
            (Part::PeerDevice { peer: peer(), volume }, Row::PeerDevice(self.peer_device.clone())),
        ];
        snapshot.rows.extend(rows.into_iter().map(|(part, row)| (key(part), row)));
    }
}

/// ` 0: cs:…`
fn minor(line: &str) -> Option<(u32, &str)> {
    let (minor, state) = line.split_once(": ")?;
    Some((minor.parse().ok()?, state))
}

/// `cs:Connected ro:Primary/Secondary ds:UpToDate/UpToDate C r-----`; `Some(None)` for a minor that is not configured.
fn device(minor: u32, state: &str) -> Option<Option<Device>> {
    let mut words = state.split_ascii_whitespace();
    let cs = words.next()?.strip_prefix("cs:").filter(|cs| !cs.is_empty())?;
    if cs == "Unconfigured" {
        return Some(None);
    }
    let (connection, replication) = connection_of_84(cs);
    // 8.0 to 8.2 say `st:`.
    let roles = words.next()?;
    let (role, peer_role) = roles.strip_prefix("ro:").or_else(|| roles.strip_prefix("st:"))?.split_once('/')?;
    let (disk, peer_disk) = words.next()?.strip_prefix("ds:")?.split_once('/')?;
    let flags = words.nth(1).unwrap_or_default().as_bytes();
    let flag = |at: usize, is: u8| flags.get(at) == Some(&is);
    let suspended = [(1, b'a', "dependency"), (2, b'p', "peer"), (3, b'u', "user")];
    let suspended = suspended.iter().filter(|(at, is, _)| flag(*at, *is)).map(|(.., kind)| (*kind).to_owned());
    Some(Some(Device {
        minor,
        connection: connection.to_owned(),
        role: role.to_owned(),
        peer_role: peer_role.to_owned(),
        is_suspended: flag(0, b's'),
        device: DeviceRow {
            minor: Some(minor),
            disk: Some(disk.to_owned()),
            is_al_suspended: flags.get(5).map(|flag| *flag == b's'),
            ..DeviceRow::default()
        },
        peer_device: PeerDeviceRow {
            replication: Some(replication.to_owned()),
            peer_disk: Some(peer_disk.to_owned()),
            resync_suspended: Some(suspended.collect()),
            ..PeerDeviceRow::default()
        },
    }))
}

/// `ns:0 nr:8192 dw:8192 dr:0 al:10 bm:0 lo:0 pe:0 ua:0 ap:0 ep:1 wo:f oos:0`, in KiB or requests.
fn counters(line: &str, to: &mut Device) -> Option<()> {
    let Device { device, peer_device, .. } = to;
    for word in line.split_ascii_whitespace() {
        let (key, value) = word.split_once(':')?;
        if matches!(key, "ep" | "wo") {
            continue;
        }
        let number: u64 = value.parse().ok()?;
        let bytes = Some(number.saturating_mul(1024));
        let number = Some(number);
        match key {
            "ns" => peer_device.sent_bytes = bytes,
            "nr" => peer_device.received_bytes = bytes,
            "dw" => device.written_bytes = bytes,
            "dr" => device.read_bytes = bytes,
            "al" => device.al_writes = number,
            "bm" => device.bm_writes = number,
            "lo" => device.lower_pending = number,
            "pe" => peer_device.pending = number,
            "ua" => peer_device.unacked = number,
            "ap" => device.upper_pending = number,
            "oos" => peer_device.out_of_sync_bytes = bytes,
            _ => {}
        }
    }
    Some(())
}

/// `[==>…] sync'ed: 18.8% (55304/65496)K`, `finish: 0:01:09 speed: 784 (784) want: 2,048 K/sec`, and ` (stalled)` behind
/// it, or `stalled` in its place.
fn progress(line: &str, to: &mut Device) -> Option<()> {
    if line.starts_with('[') {
        let (_, told) = line.split_once("] ")?;
        let (_, told) = told.split_once(':')?;
        let (done, _) = told.split_once('%')?;
        to.peer_device.done = Some(percent(done.trim_ascii())?);
        // Older ones tell the rest in the same line.
        return match told.split_once("finish:") {
            Some((_, rest)) => finish(rest, to),
            None => Some(()),
        };
    }
    match line.strip_prefix("finish:") {
        Some(rest) => finish(rest, to),
        None => Some(()),
    }
}

fn finish(rest: &str, to: &mut Device) -> Option<()> {
    let mut parts = rest.split_ascii_whitespace().next()?.splitn(3, ':');
    let mut part = || parts.next()?.replace(',', "").parse::<u64>().ok();
    let (hours, minutes, seconds) = (part()?, part()?, part()?);
    let eta_s = hours.checked_mul(3600)?.checked_add(minutes.checked_mul(60)?)?.checked_add(seconds)?;
    to.peer_device.eta_s = (!rest.contains("stalled")).then_some(eta_s);
    Some(())
}

fn shortened(line: &str) -> String {
    line.chars().take(80).collect()
}

#[cfg(test)]
mod tests;
