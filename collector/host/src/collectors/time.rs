//! The time of the pass, and what the kernel counts it with, from `/sys/devices/system/clocksource`.

use crate::error::CollectError;
use crate::family::Family;
use crate::fields::numbered;
use crate::files::names_if_there;
use crate::pass::Pass;

const SECONDS: Family<'static> = Family::gauge("node_time_seconds", "System time in seconds since epoch (1970).");
const AVAILABLE: Family<'static> = Family::gauge(
    "node_time_clocksource_available_info",
    "Available clocksources read from '/sys/devices/system/clocksource'.",
);
const CURRENT: Family<'static> = Family::gauge(
    "node_time_clocksource_current_info",
    "Current clocksource read from '/sys/devices/system/clocksource'.",
);

pub(super) fn collect(pass: &mut Pass<'_>) -> Result<(), CollectError> {
    pass.sink.put(&SECONDS, &[], pass.now_ms as f64 / 1000.0);
    let root = pass.files.sys("devices/system/clocksource");
    for name in names_if_there(&root)? {
        let Some(device) = numbered(&name, "clocksource") else { continue };
        for (file, family) in [("available_clocksource", &AVAILABLE), ("current_clocksource", &CURRENT)] {
            for source in pass.page.read(&root.join(&name).join(file))?.split_ascii_whitespace() {
                pass.sink.put(family, &[("device", device), ("clocksource", source)], 1.0);
            }
        }
    }
    Ok(())
}
