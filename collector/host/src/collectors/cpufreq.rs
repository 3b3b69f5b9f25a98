//! Clock frequencies of the CPUs, from sysfs.

use crate::error::CollectError;
use crate::family::Family;
use crate::fields::numbered;
use crate::files::{garbled, names};
use crate::pass::Pass;

const FREQUENCIES: [(&str, Family<'static>); 6] = [
    ("cpuinfo_cur_freq", Family::gauge("node_cpu_frequency_hertz", "Current CPU thread frequency in hertz.")),
    ("cpuinfo_min_freq", Family::gauge("node_cpu_frequency_min_hertz", "Minimum CPU thread frequency in hertz.")),
    ("cpuinfo_max_freq", Family::gauge("node_cpu_frequency_max_hertz", "Maximum CPU thread frequency in hertz.")),
    (
        "scaling_cur_freq",
        Family::gauge("node_cpu_scaling_frequency_hertz", "Current scaled CPU thread frequency in hertz."),
    ),
    (
        "scaling_min_freq",
        Family::gauge("node_cpu_scaling_frequency_min_hertz", "Minimum scaled CPU thread frequency in hertz."),
    ),
    (
        "scaling_max_freq",
        Family::gauge("node_cpu_scaling_frequency_max_hertz", "Maximum scaled CPU thread frequency in hertz."),
    ),
];
const HERTZ_PER_KILOHERTZ: f64 = 1000.0;

pub(super) fn collect(pass: &mut Pass<'_>) -> Result<(), CollectError> {
    let root = pass.files.sys("devices/system/cpu");
    for name in names(&root)? {
        let Some(cpu) = numbered(&name, "cpu") else { continue };
        let directory = root.join(&name).join("cpufreq");
        if !directory.is_dir() {
            continue;
        }
        for (file, family) in &FREQUENCIES {
            let path = directory.join(file);
            // The hardware's own frequency may be root's alone, and a sleeping CPU tells `<unknown>`.
            let Some(text) = pass.page.attribute(&path) else { continue };
            if text.is_empty() || text.starts_with('<') {
                continue;
            }
            let kilohertz = crate::fields::number(text).ok_or_else(|| garbled(&path, "no number"))?;
            pass.sink.put(family, &[("cpu", cpu)], kilohertz * HERTZ_PER_KILOHERTZ);
        }
    }
    Ok(())
}
