//! Seconds of each CPU in each mode, from `/proc/stat`, and how often heat throttled it, from sysfs.

use std::collections::BTreeMap;

use super::Collect;
use crate::error::CollectError;
use crate::family::Family;
use crate::fields::{number, numbered};
use crate::files::{garbled, names_if_there};
use crate::pass::Pass;

const SECONDS: Family<'static> = Family::counter("node_cpu_seconds_total", "Seconds the CPUs spent in each mode.");
const GUEST: Family<'static> =
    Family::counter("node_cpu_guest_seconds_total", "Seconds the CPUs spent in guests (VMs) for each mode.");
const CORE_THROTTLES: Family<'static> =
    Family::counter("node_cpu_core_throttles_total", "Number of times this CPU core has been throttled.");
const PACKAGE_THROTTLES: Family<'static> =
    Family::counter("node_cpu_package_throttles_total", "Number of times this CPU package has been throttled.");

/// The columns of `/proc/stat`.
const MODES: [&str; 8] = ["user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal"];
const GUEST_MODES: [&str; 2] = ["user", "nice"];
const COLUMNS: usize = MODES.len() + GUEST_MODES.len();
const IDLE: usize = 3;
/// `USER_HZ`, which Linux fixes for user space.
const TICKS_PER_SECOND: f64 = 100.0;
/// If idle time falls by more, the CPU was taken away and came back, and all its counters begin anew.
const JUMP_BACK_SECONDS: f64 = 3.0;

/// The highest values so far: `iowait` and others may fall a little, which a counter must not.
#[derive(Debug, Default)]
pub(super) struct Cpu {
    seconds: BTreeMap<String, [f64; COLUMNS]>,
}

impl Collect for Cpu {
    fn collect(&mut self, pass: &mut Pass<'_>) -> Result<(), CollectError> {
        let path = pass.files.proc("stat");
        let text = pass.page.read(&path)?;
        let mut count = 0;
        for line in text.lines() {
            let mut words = line.split_ascii_whitespace();
            let Some(cpu) = words.next().and_then(|word| numbered(word, "cpu")) else { continue };
            let mut now = [0.0; COLUMNS];
            // Old kernels lack the last columns.
            for (place, word) in now.iter_mut().zip(words) {
                let ticks =
                    number(word).ok_or_else(|| garbled(&path, format!("ticks that are no number: {word:?}")))?;
                *place = ticks / TICKS_PER_SECOND;
            }
            let seconds = self.advance(cpu, now);
            for (mode, seconds) in MODES.iter().zip(seconds) {
                pass.sink.put(&SECONDS, &[("cpu", cpu), ("mode", mode)], *seconds);
            }
            for (mode, seconds) in GUEST_MODES.iter().zip(&seconds[MODES.len()..]) {
                pass.sink.put(&GUEST, &[("cpu", cpu), ("mode", mode)], *seconds);
            }
            count += 1;
        }
        if count == 0 {
            return Err(garbled(&path, "no CPU"));
        }
        put_throttles(pass)
    }
}

impl Cpu {
    fn advance(&mut self, cpu: &str, now: [f64; COLUMNS]) -> &[f64; COLUMNS] {
        let kept = self.seconds.entry(cpu.to_owned()).or_insert(now);
        if kept[IDLE] - now[IDLE] >= JUMP_BACK_SECONDS {
            *kept = now;
        }
        for (kept, now) in kept.iter_mut().zip(now) {
            *kept = kept.max(now);
        }
        kept
    }
}

fn put_throttles(pass: &mut Pass<'_>) -> Result<(), CollectError> {
    let (mut cores, mut packages) = (BTreeMap::new(), BTreeMap::new());
    for name in names_if_there(&pass.files.sys("devices/system/cpu"))? {
        if numbered(&name, "cpu").is_none() {
            continue;
        }
        let directory = pass.files.sys("devices/system/cpu").join(&name);
        if !directory.join("thermal_throttle").is_dir() {
            continue;
        }
        let mut read = |path: &str| pass.page.attribute_number(&directory.join(path));
        let (Some(package), Some(core)) = (read("topology/physical_package_id"), read("topology/core_id")) else {
            continue;
        };
        // Threads of a core tell the same number.
        if let Some(count) = read("thermal_throttle/core_throttle_count") {
            cores.entry((package as i64, core as i64)).or_insert(count);
        }
        if let Some(count) = read("thermal_throttle/package_throttle_count") {
            packages.entry(package as i64).or_insert(count);
        }
    }
    for (package, count) in packages {
        pass.sink.put(&PACKAGE_THROTTLES, &[("package", &package.to_string())], count);
    }
    for ((package, core), count) in cores {
        let labels = [("package", &*package.to_string()), ("core", &*core.to_string())];
        pass.sink.put(&CORE_THROTTLES, &labels, count);
    }
    Ok(())
}
