//! State, speed and carrier of network interfaces, from `/sys/class/net`.

use crate::error::CollectError;
use crate::family::Family;
use crate::fields::{hex, number};
use crate::files::names;
use crate::filters::is_match;
use crate::pass::Pass;

const UP: Family<'static> = Family::gauge("node_network_up", "Value is 1 if operstate is 'up', 0 otherwise.");
const INFO: Family<'static> =
    Family::gauge("node_network_info", "Non-numeric data from /sys/class/net/<iface>, value is always 1.");

/// The labels of `node_network_info` and the attributes they are from.
const WORDS: [&str; 5] = ["address", "broadcast", "duplex", "operstate", "ifalias"];

/// Attribute and family.
const NUMBERS: [(&str, Family<'static>); 17] = [
    ("addr_assign_type", property("node_network_address_assign_type", "Network device property: address_assign_type")),
    ("carrier", property("node_network_carrier", "Network device property: carrier")),
    ("carrier_changes", count("node_network_carrier_changes_total", "Network device property: carrier_changes_total")),
    (
        "carrier_up_count",
        count("node_network_carrier_up_changes_total", "Network device property: carrier_up_changes_total"),
    ),
    (
        "carrier_down_count",
        count("node_network_carrier_down_changes_total", "Network device property: carrier_down_changes_total"),
    ),
    ("dev_id", property("node_network_device_id", "Network device property: device_id")),
    ("dormant", property("node_network_dormant", "Network device property: dormant")),
    ("flags", property("node_network_flags", "Network device property: flags")),
    ("ifindex", property("node_network_iface_id", "Network device property: iface_id")),
    ("iflink", property("node_network_iface_link", "Network device property: iface_link")),
    ("link_mode", property("node_network_iface_link_mode", "Network device property: iface_link_mode")),
    ("mtu", property("node_network_mtu_bytes", "Network device property: mtu_bytes")),
    ("name_assign_type", property("node_network_name_assign_type", "Network device property: name_assign_type")),
    ("netdev_group", property("node_network_net_dev_group", "Network device property: net_dev_group")),
    ("speed", property("node_network_speed_bytes", "Network device property: speed_bytes")),
    ("tx_queue_len", property("node_network_transmit_queue_length", "Network device property: transmit_queue_length")),
    ("type", property("node_network_protocol_type", "Network device property: protocol_type")),
];
/// Speed is in megabits per second.
const BYTES_PER_MEGABIT: f64 = 125_000.0;

const fn property(name: &'static str, help: &'static str) -> Family<'static> {
    Family::gauge(name, help)
}

const fn count(name: &'static str, help: &'static str) -> Family<'static> {
    Family::counter(name, help)
}

pub(super) fn collect(pass: &mut Pass<'_>) -> Result<(), CollectError> {
    let root = pass.files.sys("class/net");
    for device in names(&root)? {
        let directory = root.join(&device);
        // `bonding_masters` is a file among them.
        if is_match(&pass.filters.netclass_exclude, &device) || !directory.is_dir() {
            continue;
        }
        let values = WORDS.map(|word| pass.page.attribute(&directory.join(word)).unwrap_or_default().to_owned());
        let [address, broadcast, duplex, operstate, ifalias] = &values;
        pass.sink.put(&UP, &[("device", &device)], f64::from(u8::from(operstate == "up")));
        let labels = [
            ("device", device.as_str()),
            ("address", address),
            ("broadcast", broadcast),
            ("duplex", duplex),
            ("operstate", operstate),
            ("ifalias", ifalias),
        ];
        pass.sink.put(&INFO, &labels, 1.0);
        for (attribute, family) in &NUMBERS {
            // Many refuse to be read while the interface is down.
            let Some(text) = pass.page.attribute(&directory.join(attribute)) else { continue };
            let value = if text.starts_with("0x") { hex(text) } else { number(text) };
            let factor = if *attribute == "speed" { BYTES_PER_MEGABIT } else { 1.0 };
            if let Some(value) = value {
                pass.sink.put(family, &[("device", &device)], value * factor);
            }
        }
    }
    Ok(())
}
