//! Temperatures and cooling, from `/sys/class/thermal`.

use crate::error::CollectError;
use crate::family::Family;
use crate::fields::numbered;
use crate::files::names;
use crate::pass::Pass;

const TEMPERATURE: Family<'static> = Family::gauge("node_thermal_zone_temp", "Zone temperature in Celsius");
const COOLING: [(&str, Family<'static>); 2] = [
    ("cur_state", Family::gauge("node_cooling_device_cur_state", "Current throttle state of the cooling device")),
    ("max_state", Family::gauge("node_cooling_device_max_state", "Maximum throttle state of the cooling device")),
];
const MILLIDEGREES: f64 = 1000.0;

pub(super) fn collect(pass: &mut Pass<'_>) -> Result<(), CollectError> {
    let root = pass.files.sys("class/thermal");
    for name in names(&root)? {
        let directory = root.join(&name);
        let kind = pass.page.attribute(&directory.join("type")).unwrap_or_default().to_owned();
        if let Some(zone) = numbered(&name, "thermal_zone")
            // A sensor that sleeps refuses to be read.
            && let Some(temperature) = pass.page.attribute_number(&directory.join("temp"))
        {
            pass.sink.put(&TEMPERATURE, &[("zone", zone), ("type", &kind)], temperature / MILLIDEGREES);
        }
        if let Some(device) = numbered(&name, "cooling_device") {
            for (file, family) in &COOLING {
                if let Some(state) = pass.page.attribute_number(&directory.join(file)) {
                    pass.sink.put(family, &[("name", device), ("type", &kind)], state);
                }
            }
        }
    }
    Ok(())
}
