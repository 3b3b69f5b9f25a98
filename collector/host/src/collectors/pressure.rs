//! Pressure stall information, from `/proc/pressure`.

use crate::error::CollectError;
use crate::family::Family;
use crate::fields::number;
use crate::files::garbled;
use crate::pass::Pass;

/// File, line and family.
const TOTALS: [(&str, &str, Family<'static>); 6] = [
    (
        "cpu",
        "some",
        Family::counter(
            "node_pressure_cpu_waiting_seconds_total",
            "Total time in seconds that processes have waited for CPU time",
        ),
    ),
    (
        "io",
        "some",
        Family::counter(
            "node_pressure_io_waiting_seconds_total",
            "Total time in seconds that processes have waited due to IO congestion",
        ),
    ),
    (
        "io",
        "full",
        Family::counter(
            "node_pressure_io_stalled_seconds_total",
            "Total time in seconds no process could make progress due to IO congestion",
        ),
    ),
    (
        "memory",
        "some",
        Family::counter(
            "node_pressure_memory_waiting_seconds_total",
            "Total time in seconds that processes have waited for memory",
        ),
    ),
    (
        "memory",
        "full",
        Family::counter(
            "node_pressure_memory_stalled_seconds_total",
            "Total time in seconds no process could make progress due to memory congestion",
        ),
    ),
    (
        "irq",
        "full",
        Family::counter(
            "node_pressure_irq_stalled_seconds_total",
            "Total time in seconds no process could make progress due to IRQ congestion",
        ),
    ),
];

pub(super) fn collect(pass: &mut Pass<'_>) -> Result<(), CollectError> {
    for (resource, line, family) in &TOTALS {
        let path = pass.files.proc("pressure").join(resource);
        // Only some kernels account interrupts.
        let text = if *resource == "irq" { pass.page.read_if_there(&path)? } else { Some(pass.page.read(&path)?) };
        let Some(text) = text else { continue };
        let seconds = total_seconds(text, line).ok_or_else(|| garbled(&path, format!("no total of `{line}`")))?;
        pass.sink.put(family, &[], seconds);
    }
    Ok(())
}

/// The `total` of the line `some` or `full`, which is in microseconds.
pub(super) fn total_seconds(text: &str, line: &str) -> Option<f64> {
    let line = text.lines().find_map(|text| text.strip_prefix(line)?.strip_prefix(' '))?;
    let total = line.split(' ').find_map(|word| word.strip_prefix("total="))?;
    number(total).map(|microseconds| microseconds / 1e6)
}
