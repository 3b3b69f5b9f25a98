//! Entries of the ARP table for each interface, from `/proc/net/arp`.

use std::collections::BTreeMap;

use crate::error::CollectError;
use crate::family::Family;
use crate::files::garbled;
use crate::pass::Pass;

const ENTRIES: Family<'static> = Family::gauge("node_arp_entries", "ARP entries by device");
/// The column of the interface.
const DEVICE_COLUMN: usize = 5;

pub(super) fn collect(pass: &mut Pass<'_>) -> Result<(), CollectError> {
    let path = pass.files.proc("net/arp");
    let mut counts = BTreeMap::<&str, u32>::new();
    for line in pass.page.read(&path)?.lines().skip(1) {
        let device = line.split_ascii_whitespace().nth(DEVICE_COLUMN);
        *counts.entry(device.ok_or_else(|| garbled(&path, format!("no entry: {line:?}")))?).or_default() += 1;
    }
    for (device, count) in counts {
        pass.sink.put(&ENTRIES, &[("device", device)], f64::from(count));
    }
    Ok(())
}
