//! The processes that use most CPU, memory, I/O and file descriptors, in groups of one name and one unit.
//!
//! A group's counters go on when one of its processes ends, so that rates over them are right. A process that began
//! and ended between two passes is not seen. Which groups are shown follows from the use of the last minutes, and one
//! that is shown stays until another is clearly ahead: the set of series changes slowly.

use std::collections::BTreeMap;
use std::fs;

use super::processes::Stat;
use crate::family::{Family, Sink};
use crate::fields::named;
use crate::pass::Pass;

mod group;

use group::{Group, Key};

/// The most groups that are kept; processes of further ones are not accounted.
const GROUPS_MAX: usize = 10_000;
/// A group without a process is forgotten after so long.
const FORGET_MS: i64 = 3_600_000;
/// Processes that used no CPU are asked for their I/O and files only every so many passes: it is unlikely to change.
const IDLE_PASSES: u64 = 4;
/// A unit may be told late: systemd moves a process after it began.
const UNIT_PASSES: u64 = 2;

/// Groups, and the processes in them.
#[derive(Debug, Default)]
pub(super) struct Top {
    passes: u64,
    now_ms: i64,
    elapsed_ms: i64,
    seen: BTreeMap<u32, Seen>,
    groups: BTreeMap<Key, Group>,
}

/// A process as it was at the last pass.
#[derive(Debug)]
struct Seen {
    start: u64,
    key: Key,
    first_pass: u64,
    last_pass: u64,
    ticks: u64,
    read_bytes: f64,
    written_bytes: f64,
    fds: Option<f64>,
}

impl Top {
    /// A pass begins.
    pub(super) fn begin(&mut self, now_ms: i64) {
        self.elapsed_ms = if self.passes == 0 { 0 } else { now_ms.saturating_sub(self.now_ms) };
        self.now_ms = now_ms;
        self.passes += 1;
        self.groups.values_mut().for_each(Group::begin);
    }

    /// Adds what a process used since the last pass to its group.
    pub(super) fn observe(&mut self, pass: &mut Pass<'_>, pid: u32, stat: &Stat<'_>) {
        let old = self.seen.remove(&pid).filter(|seen| seen.start == stat.start);
        let first_pass = old.as_ref().map_or(self.passes, |seen| seen.first_pass);
        let key = match &old {
            Some(seen) if seen.key.is_of(stat) && self.passes - first_pass > UNIT_PASSES => seen.key.clone(),
            _ => Key::read(pass, pid, stat),
        };
        let mut seen = Seen {
            start: stat.start,
            first_pass,
            last_pass: self.passes,
            ticks: stat.ticks,
            read_bytes: old.as_ref().map_or(0.0, |seen| seen.read_bytes),
            written_bytes: old.as_ref().map_or(0.0, |seen| seen.written_bytes),
            fds: old.as_ref().and_then(|seen| seen.fds),
            key,
        };
        let old_ticks = old.as_ref().map_or(0, |seen| seen.ticks);
        let is_due =
            old.is_none() || stat.ticks != old_ticks || (u64::from(pid) + self.passes).is_multiple_of(IDLE_PASSES);
        let io = if is_due && !stat.is_kernel { seen.read_files(pass, pid) } else { None };
        if !self.groups.contains_key(&seen.key) && self.groups.len() >= GROUPS_MAX {
            return;
        }
        let group = self.groups.entry(seen.key.clone()).or_default();
        group.add(stat, stat.ticks.saturating_sub(old_ticks), io, seen.fds);
        self.seen.insert(pid, seen);
    }

    /// Ends the pass: forgets what is gone and tells of the groups that are ahead.
    pub(super) fn put(&mut self, sink: &mut dyn Sink, count: usize) {
        let (passes, now_ms) = (self.passes, self.now_ms);
        self.seen.retain(|_, seen| seen.last_pass == passes);
        for group in self.groups.values_mut() {
            group.end(now_ms, self.elapsed_ms);
        }
        self.groups.retain(|_, group| now_ms.saturating_sub(group.last_ms) <= FORGET_MS);
        group::choose(&mut self.groups, count);
        for (key, group) in self.groups.iter().filter(|(_, group)| group.is_shown) {
            group.put(sink, &[("comm", &key.comm), ("unit", &key.unit)]);
        }
    }
}

impl Seen {
    /// Reads I/O and the number of open files; gives the bytes read and written since the last time.
    fn read_files(&mut self, pass: &mut Pass<'_>, pid: u32) -> Option<(f64, f64)> {
        let directory = pass.files.proc(&pid.to_string());
        let open = directory.join("fd");
        self.fds = match fs::metadata(&open) {
            // Since Linux 6.2 the size is the number.
            Ok(metadata) if metadata.len() > 0 => Some(metadata.len() as f64),
            Ok(_) => fs::read_dir(&open).ok().map(|entries| entries.count() as f64),
            Err(_) => None,
        };
        // Only root may read it of other users' processes.
        let text = pass.page.attribute(&directory.join("io"))?;
        let (read, written) = (named(text, "read_bytes:")?, named(text, "write_bytes:")?);
        let since = ((read - self.read_bytes).max(0.0), (written - self.written_bytes).max(0.0));
        (self.read_bytes, self.written_bytes) = (read, written);
        Some(since)
    }
}

const CPU: Family<'static> =
    Family::counter("orszem_host_process_cpu_seconds_total", "CPU time of the group's processes since it is observed.");
const RESIDENT: Family<'static> =
    Family::gauge("orszem_host_process_resident_memory_bytes", "Resident memory of the group's processes.");
const READ: Family<'static> =
    Family::counter("orszem_host_process_read_bytes_total", "Bytes that the group's processes made storage read.");
const WRITTEN: Family<'static> =
    Family::counter("orszem_host_process_written_bytes_total", "Bytes that the group's processes made storage write.");
const FDS: Family<'static> =
    Family::gauge("orszem_host_process_open_fds", "Open file descriptors of the group's processes.");
const COUNT: Family<'static> = Family::gauge("orszem_host_process_count", "Processes of the group.");
const THREADS: Family<'static> = Family::gauge("orszem_host_process_threads", "Threads of the group's processes.");
