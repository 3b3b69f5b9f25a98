//! Software RAID, from `/proc/mdstat`.

use crate::error::CollectError;
use crate::family::{Family, Sink};
use crate::fields::number;
use crate::files::garbled;
use crate::pass::Pass;

const STATE: Family<'static> = Family::gauge("node_md_state", "Indicates the state of md-device.");
const DISKS: Family<'static> = Family::gauge("node_md_disks", "Number of active/failed/spare disks of device.");
const REQUIRED: Family<'static> = Family::gauge("node_md_disks_required", "Total number of disks of device.");
const BLOCKS: Family<'static> = Family::gauge("node_md_blocks", "Total number of blocks on device.");
const SYNCED: Family<'static> = Family::gauge("node_md_blocks_synced", "Number of blocks synced on device.");

const STATES: [&str; 5] = ["active", "inactive", "recovering", "resync", "check"];
/// What a line of progress is called, and the state it means.
const OPERATIONS: [(&str, &str); 4] =
    [("recovery", "recovering"), ("resync", "resync"), ("check", "check"), ("reshape", "recovering")];

/// A RAID device.
#[derive(Debug, Default, PartialEq)]
struct Device<'t> {
    name: &'t str,
    state: &'static str,
    required: f64,
    active: f64,
    failed: f64,
    spare: f64,
    blocks: f64,
    synced: f64,
}

pub(super) fn collect(pass: &mut Pass<'_>) -> Result<(), CollectError> {
    let path = pass.files.proc("mdstat");
    let mut lines = pass.page.read(&path)?.lines().peekable();
    while let Some(line) = lines.next() {
        let is_general = line.starts_with("Personalities") || line.starts_with("unused");
        if is_general || line.trim().is_empty() {
            continue;
        }
        let bad = || garbled(&path, format!("no RAID device: {line:?}"));
        let mut device = device(line).ok_or_else(bad)?;
        let size = lines.next_if(|line| line.starts_with(' ')).ok_or_else(bad)?;
        read_size(&mut device, size).ok_or_else(bad)?;
        while let Some(more) = lines.next_if(|line| line.starts_with([' ', '\t'])) {
            read_progress(&mut device, more).ok_or_else(bad)?;
        }
        put(pass.sink, &device);
    }
    Ok(())
}

/// `md0 : active raid1 sdb1[1] sda1[0] sdc1[2](S)`
fn device(line: &str) -> Option<Device<'_>> {
    let (name, rest) = line.split_once(" : ")?;
    let state = match rest.split_ascii_whitespace().next()? {
        "active" => "active",
        "inactive" => "inactive",
        _ => return None,
    };
    let mut device = Device { name, state, ..Device::default() };
    for disk in rest.split_ascii_whitespace().filter(|word| word.contains('[')) {
        match disk.rsplit_once(']').map(|(_, mark)| mark) {
            Some(mark) if mark.contains("(F)") => device.failed += 1.0,
            Some(mark) if mark.contains("(S)") => device.spare += 1.0,
            _ => device.active += 1.0,
        }
    }
    device.required = device.active;
    if state == "inactive" {
        (device.active, device.required) = (0.0, 0.0);
    }
    Some(device)
}

/// `195310144 blocks super 1.2 [2/1] [U_]`; RAID 0 and linear have no count of disks.
fn read_size(device: &mut Device<'_>, line: &str) -> Option<()> {
    let (blocks, rest) = line.trim().split_once(" blocks")?;
    device.blocks = number(blocks)?;
    device.synced = device.blocks;
    let mut counts =
        rest.split_ascii_whitespace().filter_map(|word| word.strip_prefix('[')?.strip_suffix(']')?.split_once('/'));
    if let Some((required, active)) = counts.next_back() {
        (device.required, device.active) = (number(required)?, number(active)?);
    }
    Some(())
}

/// `[=>....]  resync =  8.5% (16775552/195310144) finish=17.0min` or `resync=DELAYED`.
fn read_progress(device: &mut Device<'_>, line: &str) -> Option<()> {
    let operation = OPERATIONS.iter().find(|(operation, _)| line.contains(&format!("{operation} =")));
    if let Some((_, state)) = operation {
        device.state = state;
        device.synced = number(line.split_once('(')?.1.split_once('/')?.0)?;
    } else if let Some((_, state)) = OPERATIONS.iter().find(|(operation, _)| line.contains(&format!("{operation}="))) {
        device.state = state;
        device.synced = 0.0;
    }
    Some(())
}

fn put(sink: &mut dyn Sink, device: &Device<'_>) {
    let name = device.name;
    for state in STATES {
        let is_so = f64::from(u8::from(state == device.state));
        sink.put(&STATE, &[("device", name), ("state", state)], is_so);
    }
    for (state, count) in [("active", device.active), ("failed", device.failed), ("spare", device.spare)] {
        sink.put(&DISKS, &[("device", name), ("state", state)], count);
    }
    sink.put(&REQUIRED, &[("device", name)], device.required);
    sink.put(&BLOCKS, &[("device", name)], device.blocks);
    sink.put(&SYNCED, &[("device", name)], device.synced);
}
