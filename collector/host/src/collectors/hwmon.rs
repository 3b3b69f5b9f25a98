//! Temperatures, fans, voltages and power, from `/sys/class/hwmon`.

use std::collections::BTreeMap;
use std::path::Path;

use crate::error::CollectError;
use crate::family::{Family, Sink};
use crate::fields::number;
use crate::files::{link_name, names, names_if_there};
use crate::pass::Pass;

const CHIP_NAMES: Family<'static> =
    Family::gauge("node_hwmon_chip_names", "Annotation metric for human-readable chip names");
const SENSOR_LABEL: Family<'static> = Family::gauge("node_hwmon_sensor_label", "Label for given chip and sensor");
const BEEP_ENABLED: Family<'static> = Family::gauge("node_hwmon_beep_enabled", "Hardware beep enabled");
const REGULATOR: Family<'static> = Family::gauge("node_hwmon_voltage_regulator_version", "Hardware voltage regulator");
const INTERVAL: Family<'static> =
    Family::gauge("node_hwmon_update_interval_seconds", "Hardware monitor update interval");

/// What sensors there are (`Documentation/hwmon/sysfs-interface.rst` of the kernel).
const TYPES: [&str; 13] = [
    "vrm",
    "beep_enable",
    "update_interval",
    "in",
    "cpu",
    "fan",
    "pwm",
    "temp",
    "curr",
    "power",
    "energy",
    "humidity",
    "intrusion",
];
const MILLI: f64 = 1e-3;
const MICRO: f64 = 1e-6;

/// The values of a chip: sensor type and number, then element.
type Sensors = BTreeMap<(&'static str, u32), BTreeMap<String, String>>;

pub(super) fn collect(pass: &mut Pass<'_>) -> Result<(), CollectError> {
    let root = pass.files.sys("class/hwmon");
    for name in names(&root)? {
        let directory = root.join(&name);
        let human = pass.page.attribute(&directory.join("name")).map(clean);
        let human = human.filter(|human| !human.is_empty());
        let chip = chip(&directory).or_else(|| human.clone()).unwrap_or_else(|| clean(&name));
        if let Some(human) = &human {
            pass.sink.put(&CHIP_NAMES, &[("chip", &chip), ("chip_name", human)], 1.0);
        }
        let mut sensors = Sensors::new();
        // Old drivers have the attributes in the device's own directory.
        for directory in [directory.clone(), directory.join("device")] {
            read_sensors(pass, &directory, &mut sensors)?;
        }
        for ((kind, at), elements) in &sensors {
            put_sensor(pass.sink, &chip, kind, &format!("{kind}{at}"), elements);
        }
    }
    Ok(())
}

/// The name that stays over reboots: bus and device (`platform_coretemp_0`).
fn chip(directory: &Path) -> Option<String> {
    let device = std::fs::canonicalize(directory.join("device")).ok()?;
    let name = clean(device.file_name()?.to_str()?);
    let bus = device.parent().and_then(|parent| parent.file_name()?.to_str()).map(clean).unwrap_or_default();
    // Without a link, the device is the directory of that name itself.
    link_name(&directory.join("device"))?;
    match (bus.is_empty(), name.is_empty()) {
        (_, true) => None,
        (true, false) => Some(name),
        (false, false) => Some(format!("{bus}_{name}")),
    }
}

fn read_sensors(pass: &mut Pass<'_>, directory: &Path, sensors: &mut Sensors) -> Result<(), CollectError> {
    for file in names_if_there(directory)? {
        let Some((kind, at, element)) = sensor(&file) else { continue };
        // Sensors that are not wired fail to be read.
        if let Some(value) = pass.page.attribute(&directory.join(&file)) {
            let elements = sensors.entry((kind, at)).or_default();
            elements.insert(element.to_owned(), value.to_owned());
        }
    }
    Ok(())
}

/// `temp1_crit_alarm` is the element `crit_alarm` of `temp` 1.
fn sensor(file: &str) -> Option<(&'static str, u32, &str)> {
    let kind = TYPES.into_iter().filter(|kind| file.starts_with(kind)).max_by_key(|kind| kind.len())?;
    let rest = file.strip_prefix(kind)?;
    let end = rest.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(rest.len());
    let (digits, rest) = rest.split_at(end);
    let at = if digits.is_empty() { 0 } else { digits.parse().ok()? };
    match rest.strip_prefix('_') {
        Some(element) if !element.is_empty() => Some((kind, at, element)),
        Some(_) => None,
        None => rest.is_empty().then_some((kind, at, "")),
    }
}

fn put_sensor(sink: &mut dyn Sink, chip: &str, kind: &str, sensor: &str, elements: &BTreeMap<String, String>) {
    let labels = [("chip", chip), ("sensor", sensor)];
    if let Some(label) = elements.get("label").map(|label| clean(label)).filter(|label| !label.is_empty()) {
        sink.put(&SENSOR_LABEL, &[("chip", chip), ("sensor", sensor), ("label", &label)], 1.0);
    }
    let itself = elements.get("").map(String::as_str);
    match kind {
        "beep_enable" => return sink.put(&BEEP_ENABLED, &labels, f64::from(u8::from(itself == Some("1")))),
        "vrm" | "update_interval" => {
            let (family, factor) = if kind == "vrm" { (&REGULATOR, 1.0) } else { (&INTERVAL, MILLI) };
            if let Some(value) = itself.and_then(number) {
                sink.put(family, &labels, value * factor);
            }
            return;
        }
        _ => {}
    }
    for (element, text) in elements.iter().filter(|(element, _)| *element != "label") {
        let Some(value) = number(text) else { continue };
        let name = match element.as_str() {
            "input" if itself.is_none() => format!("node_hwmon_{kind}"),
            "" => format!("node_hwmon_{kind}"),
            element => format!("node_hwmon_{kind}_{}", clean(element)),
        };
        let (suffix, factor, help) = meaning(kind, element);
        let name = name + suffix;
        let is_total = suffix.ends_with("_total");
        let family = if is_total { Family::counter(&name, &help) } else { Family::gauge(&name, &help) };
        sink.put(&family, &labels, value * factor);
    }
}

/// Suffix of the name, factor to the base unit, and help.
fn meaning(kind: &str, element: &str) -> (&'static str, f64, String) {
    match (kind, element) {
        (_, "fault" | "alarm") => ("", 1.0, format!("Hardware sensor {element} status ({kind})")),
        (_, "beep") => ("_enabled", 1.0, "Hardware monitor sensor has beeping enabled".to_owned()),
        ("in" | "cpu", _) => ("_volts", MILLI, format!("Hardware monitor for voltage ({element})")),
        ("temp", element) if element != "type" => {
            ("_celsius", MILLI, format!("Hardware monitor for temperature ({element})"))
        }
        ("curr", _) => ("_amps", MILLI, format!("Hardware monitor for current ({element})")),
        ("energy", _) => ("_joule_total", MICRO, format!("Hardware monitor for joules used so far ({element})")),
        ("power", "accuracy") => ("", MICRO, "Hardware monitor power meter accuracy, as a ratio".to_owned()),
        ("power", "average_interval" | "average_interval_min" | "average_interval_max") => {
            ("_seconds", MILLI, format!("Hardware monitor power usage update interval ({element})"))
        }
        ("power", _) => ("_watt", MICRO, format!("Hardware monitor for power usage in watts ({element})")),
        ("humidity", _) => {
            let meaning = "as a ratio (multiply with 100.0 to get the humidity as a percentage)";
            ("", MICRO, format!("Hardware monitor for humidity, {meaning} ({element})"))
        }
        ("fan", "input" | "min" | "max" | "target") => {
            ("_rpm", 1.0, format!("Hardware monitor for fan revolutions per minute ({element})"))
        }
        _ => ("", 1.0, format!("Hardware monitor {kind} element {element}")),
    }
}

/// Small letters, with `_` for whatever a name may not have.
fn clean(text: &str) -> String {
    let allowed = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || ":_".contains(letter);
    let replaced: String =
        text.to_lowercase().chars().map(|letter| if allowed(letter) { letter } else { '_' }).collect();
    replaced.trim_matches('_').to_owned()
}
