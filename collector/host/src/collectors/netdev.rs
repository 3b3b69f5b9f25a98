//! Bytes, packets and errors of network interfaces, from `/proc/net/dev`.

use crate::error::CollectError;
use crate::family::Family;
use crate::fields::number;
use crate::files::{Page, garbled};
use crate::filters::is_match;
use crate::pass::Pass;

const NO_HANDLER: Family<'static> =
    Family::counter("node_network_receive_nohandler_total", "Network device statistic receive_nohandler.");

pub(super) fn collect(pass: &mut Pass<'_>) -> Result<(), CollectError> {
    let path = pass.files.proc("net/dev");
    let mut table = Page::default();
    let mut lines = table.read(&path)?.lines().skip(1);
    let columns = lines.next().and_then(columns).ok_or_else(|| garbled(&path, "no header"))?;
    for line in lines {
        let (device, counts) = line.split_once(':').ok_or_else(|| garbled(&path, format!("no interface: {line:?}")))?;
        let device = device.trim();
        if is_match(&pass.filters.netdev_exclude, device) {
            continue;
        }
        let mut words = counts.split_ascii_whitespace();
        for (name, help) in &columns {
            let count = words.next().and_then(number);
            let count = count.ok_or_else(|| garbled(&path, format!("no count for {name} of {device}")))?;
            pass.sink.put(&Family::counter(name, help), &[("device", device)], count);
        }
        // Not in the table, but node_exporter has it through netlink.
        let statistics = pass.files.sys("class/net").join(device).join("statistics/rx_nohandler");
        if let Some(count) = pass.page.attribute_number(&statistics) {
            pass.sink.put(&NO_HANDLER, &[("device", device)], count);
        }
    }
    Ok(())
}

/// Name and help of each column, from the second line: `face |bytes packets …|bytes packets …`.
fn columns(header: &str) -> Option<Vec<(String, String)>> {
    let mut parts = header.split('|').skip(1);
    let mut columns = Vec::new();
    for direction in ["receive", "transmit"] {
        for word in parts.next()?.split_ascii_whitespace() {
            let field = format!("{direction}_{word}");
            let help = format!("Network device statistic {field}.");
            columns.push((format!("node_network_{field}_total"), help));
        }
    }
    let is_name = |name: &str| name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    columns.iter().all(|(name, _)| is_name(name)).then_some(columns)
}
