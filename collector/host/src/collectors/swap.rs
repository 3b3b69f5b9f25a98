//! Swap devices, from `/proc/swaps`.

use crate::error::CollectError;
use crate::family::Family;
use crate::fields::{number, words};
use crate::files::garbled;
use crate::pass::Pass;

const SIZE: Family<'static> = Family::gauge("node_swap_size_bytes", "Swap device size in bytes.");
const USED: Family<'static> = Family::gauge("node_swap_used_bytes", "Swap device used in bytes.");
const PRIORITY: Family<'static> = Family::gauge("node_swap_priority", "Swap device priority.");
const BYTES_PER_KIB: f64 = 1024.0;

pub(super) fn collect(pass: &mut Pass<'_>) -> Result<(), CollectError> {
    let path = pass.files.proc("swaps");
    for line in pass.page.read(&path)?.lines().skip(1) {
        let row = words::<5>(line).and_then(|[device, kind, size, used, priority]| {
            Some((device, kind, number(size)?, number(used)?, number(priority)?))
        });
        let (device, kind, size, used, priority) =
            row.ok_or_else(|| garbled(&path, format!("no swap device: {line:?}")))?;
        let labels = [("device", device), ("type", kind)];
        pass.sink.put(&SIZE, &labels, size * BYTES_PER_KIB);
        pass.sink.put(&USED, &labels, used * BYTES_PER_KIB);
        pass.sink.put(&PRIORITY, &labels, priority);
    }
    Ok(())
}
