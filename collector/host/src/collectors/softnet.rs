//! Packets that each CPU took off the network, from `/proc/net/softnet_stat`.

use crate::error::CollectError;
use crate::family::Family;
use crate::fields::hex;
use crate::files::garbled;
use crate::pass::Pass;

const COLUMNS: [Family<'static>; 3] = [
    Family::counter("node_softnet_processed_total", "Number of processed packets"),
    Family::counter("node_softnet_dropped_total", "Number of dropped packets"),
    Family::counter("node_softnet_times_squeezed_total", "Number of times processing packets ran out of quota"),
];
/// The column that names the CPU; kernels before 5.10 have none, and a line for each CPU.
const CPU_COLUMN: usize = 12;

pub(super) fn collect(pass: &mut Pass<'_>) -> Result<(), CollectError> {
    let path = pass.files.proc("net/softnet_stat");
    for (at, line) in pass.page.read(&path)?.lines().enumerate() {
        let bad = || garbled(&path, format!("no counts: {line:?}"));
        let cpu = match line.split_ascii_whitespace().nth(CPU_COLUMN) {
            Some(word) => hex(word).ok_or_else(bad)?.to_string(),
            None => at.to_string(),
        };
        let mut words = line.split_ascii_whitespace();
        for family in &COLUMNS {
            let count = words.next().and_then(hex).ok_or_else(bad)?;
            pass.sink.put(family, &[("cpu", &cpu)], count);
        }
    }
    Ok(())
}
