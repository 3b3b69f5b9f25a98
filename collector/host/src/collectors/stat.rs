//! Interrupts, context switches, forks, boot and runnable processes, from `/proc/stat`.

use crate::error::CollectError;
use crate::family::Family;
use crate::fields::named;
use crate::files::garbled;
use crate::pass::Pass;

const FIELDS: [(&str, Family<'static>); 6] = [
    ("intr", Family::counter("node_intr_total", "Total number of interrupts serviced.")),
    ("ctxt", Family::counter("node_context_switches_total", "Total number of context switches.")),
    ("btime", Family::gauge("node_boot_time_seconds", "Node boot time, in unixtime.")),
    ("processes", Family::counter("node_forks_total", "Total number of forks.")),
    ("procs_running", Family::gauge("node_procs_running", "Number of processes in runnable state.")),
    ("procs_blocked", Family::gauge("node_procs_blocked", "Number of processes blocked waiting for I/O to complete.")),
];

pub(super) fn collect(pass: &mut Pass<'_>) -> Result<(), CollectError> {
    let path = pass.files.proc("stat");
    let text = pass.page.read(&path)?;
    for (name, family) in &FIELDS {
        let value = named(text, name).ok_or_else(|| garbled(&path, format!("no number for {name}")))?;
        pass.sink.put(family, &[], value);
    }
    Ok(())
}
