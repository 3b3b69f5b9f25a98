//! Load averages, from `/proc/loadavg`.

use crate::error::CollectError;
use crate::family::Family;
use crate::fields::{number, words};
use crate::files::garbled;
use crate::pass::Pass;

const LOADS: [Family<'static>; 3] = [
    Family::gauge("node_load1", "1m load average."),
    Family::gauge("node_load5", "5m load average."),
    Family::gauge("node_load15", "15m load average."),
];

pub(super) fn collect(pass: &mut Pass<'_>) -> Result<(), CollectError> {
    let path = pass.files.proc("loadavg");
    let loads = words::<3>(pass.page.read(&path)?).ok_or_else(|| garbled(&path, "too few loads"))?;
    for (family, load) in LOADS.iter().zip(loads) {
        let load = number(load).ok_or_else(|| garbled(&path, format!("a load that is no number: {load:?}")))?;
        pass.sink.put(family, &[], load);
    }
    Ok(())
}
