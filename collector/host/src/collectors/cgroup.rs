//! CPU, memory, I/O and pressure of each systemd service, from cgroup v2.
//!
//! Only running units have a cgroup; states such as `failed` are systemd's alone, told over D-Bus.

use std::path::{Path, PathBuf};

use super::pressure::total_seconds;
use crate::error::CollectError;
use crate::family::Family;
use crate::fields::{named, number};
use crate::files::{garbled, names_if_there};
use crate::pass::Pass;

/// The most units that are measured; the others are counted in `orszem_host_cgroup_units_dropped`.
const UNITS_MAX: usize = 500;
/// Slices in slices that are followed.
const DEPTH_MAX: usize = 4;

const DROPPED: Family<'static> =
    Family::gauge("orszem_host_cgroup_units_dropped", "Units that are too many to be measured.");
const CPU: Family<'static> = Family::counter("orszem_host_cgroup_cpu_seconds_total", "CPU time of the unit.");
const THROTTLED: Family<'static> = Family::counter(
    "orszem_host_cgroup_cpu_throttled_seconds_total",
    "Time that the unit was held back by its limit of CPU time.",
);
const OOM_KILLS: Family<'static> =
    Family::counter("orszem_host_cgroup_oom_kills_total", "Processes of the unit that were killed for want of memory.");
const WAITING: Family<'static> = Family::counter(
    "orszem_host_cgroup_pressure_waiting_seconds_total",
    "Time in which a task of the unit waited for the resource.",
);
const STALLED: Family<'static> = Family::counter(
    "orszem_host_cgroup_pressure_stalled_seconds_total",
    "Time in which all tasks of the unit waited for the resource.",
);

/// Files that are one number; `max` in them is no limit, and no sample.
const NUMBERS: [(&str, Family<'static>); 5] = [
    ("memory.current", Family::gauge("orszem_host_cgroup_memory_bytes", "Memory of the unit, page cache included.")),
    ("memory.max", Family::gauge("orszem_host_cgroup_memory_max_bytes", "Limit of the unit's memory.")),
    ("memory.swap.current", Family::gauge("orszem_host_cgroup_swap_bytes", "Swap of the unit.")),
    ("pids.current", Family::gauge("orszem_host_cgroup_tasks", "Processes and threads of the unit.")),
    ("pids.max", Family::gauge("orszem_host_cgroup_tasks_max", "Limit of the unit's processes and threads.")),
];

/// Fields of `io.stat`, which has a line for each device.
const IO: [(&str, Family<'static>); 4] = [
    ("rbytes=", Family::counter("orszem_host_cgroup_io_read_bytes_total", "Bytes that the unit read from disks.")),
    ("wbytes=", Family::counter("orszem_host_cgroup_io_written_bytes_total", "Bytes that the unit wrote to disks.")),
    ("rios=", Family::counter("orszem_host_cgroup_io_reads_total", "Reads of the unit from disks.")),
    ("wios=", Family::counter("orszem_host_cgroup_io_writes_total", "Writes of the unit to disks.")),
];

pub(super) fn collect(pass: &mut Pass<'_>) -> Result<(), CollectError> {
    let root = pass.files.sys("fs/cgroup");
    // Where version 1 rules, version 2 may be beside it.
    let roots = [root.clone(), root.join("unified")];
    let Some(root) = roots.into_iter().find(|root| root.join("cgroup.controllers").is_file()) else {
        return Err(CollectError::Missing { path: root.join("cgroup.controllers") });
    };
    let mut units = Vec::new();
    find_units(&root.join("system.slice"), DEPTH_MAX, &mut units)?;
    let dropped = units.len().saturating_sub(UNITS_MAX);
    for (unit, directory) in units.iter().take(UNITS_MAX) {
        put_unit(pass, unit, directory)?;
    }
    if dropped > 0 {
        pass.sink.put(&DROPPED, &[], dropped as f64);
    }
    Ok(())
}

fn find_units(slice: &Path, depth: usize, units: &mut Vec<(String, PathBuf)>) -> Result<(), CollectError> {
    for name in names_if_there(slice)? {
        let directory = slice.join(&name);
        if name.ends_with(".slice") && depth > 0 {
            find_units(&directory, depth - 1, units)?;
        } else if name.ends_with(".service") {
            units.push((name, directory));
        }
    }
    Ok(())
}

/// A unit that ends meanwhile, or lacks a controller, lacks the samples.
fn put_unit(pass: &mut Pass<'_>, unit: &str, directory: &Path) -> Result<(), CollectError> {
    let labels = [("unit", unit)];
    let path = directory.join("cpu.stat");
    if let Some(text) = pass.page.read_if_there(&path)? {
        let used = named(text, "usage_usec").ok_or_else(|| garbled(&path, "no usage"))?;
        let throttled = named(text, "throttled_usec");
        pass.sink.put(&CPU, &labels, used / 1e6);
        if let Some(throttled) = throttled {
            pass.sink.put(&THROTTLED, &labels, throttled / 1e6);
        }
    }
    for (file, family) in &NUMBERS {
        let path = directory.join(file);
        let Some(text) = pass.page.read_if_there(&path)?.map(str::trim) else { continue };
        if text != "max" {
            let value = number(text).ok_or_else(|| garbled(&path, "no number"))?;
            pass.sink.put(family, &labels, value);
        }
    }
    let path = directory.join("memory.events");
    if let Some(text) = pass.page.read_if_there(&path)? {
        let kills = named(text, "oom_kill").ok_or_else(|| garbled(&path, "no oom_kill"))?;
        pass.sink.put(&OOM_KILLS, &labels, kills);
    }
    let path = directory.join("io.stat");
    if let Some(text) = pass.page.read_if_there(&path)? {
        for (field, family) in &IO {
            let values = text.split_ascii_whitespace().filter_map(|word| word.strip_prefix(field)).map(number);
            let sum = values.sum::<Option<f64>>().ok_or_else(|| garbled(&path, format!("no number for {field}")))?;
            pass.sink.put(family, &labels, sum);
        }
    }
    for resource in ["cpu", "memory", "io"] {
        let path = directory.join(format!("{resource}.pressure"));
        let Some(text) = pass.page.read_if_there(&path)? else { continue };
        let labels = [("unit", unit), ("resource", resource)];
        let waiting = total_seconds(text, "some").ok_or_else(|| garbled(&path, "no total of `some`"))?;
        pass.sink.put(&WAITING, &labels, waiting);
        // Kernels before 5.13 have none for the CPU.
        if let Some(stalled) = total_seconds(text, "full") {
            pass.sink.put(&STALLED, &labels, stalled);
        }
    }
    Ok(())
}
