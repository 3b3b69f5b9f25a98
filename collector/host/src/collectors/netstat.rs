//! Counters of the network protocols, from `/proc/net/{netstat,snmp,snmp6}`.

use std::path::Path;

use crate::error::CollectError;
use crate::family::{Family, Sink};
use crate::fields::number;
use crate::files::garbled;
use crate::filters::is_match;
use crate::pass::Pass;

pub(super) fn collect(pass: &mut Pass<'_>) -> Result<(), CollectError> {
    for name in ["net/netstat", "net/snmp"] {
        let path = pass.files.proc(name);
        let mut lines = pass.page.read(&path)?.lines();
        while let (Some(header), Some(row)) = (lines.next(), lines.next()) {
            let mismatch = || garbled(&path, format!("lines that do not belong together: {header:?}"));
            let (protocol, fields) = header.split_once(':').ok_or_else(mismatch)?;
            let (same, values) = row.split_once(':').ok_or_else(mismatch)?;
            let (fields, values) = (fields.split_ascii_whitespace(), values.split_ascii_whitespace());
            if protocol != same || fields.clone().count() != values.clone().count() {
                return Err(mismatch());
            }
            for (field, value) in fields.zip(values) {
                put(pass.sink, &pass.filters.netstat_fields, &path, [protocol, field, value])?;
            }
        }
    }
    // Without IPv6 there is no such file.
    let path = pass.files.proc("net/snmp6");
    for line in pass.page.read_if_there(&path)?.unwrap_or_default().lines() {
        let row = line.split_once(|letter: char| letter.is_ascii_whitespace());
        let (name, value) = row.ok_or_else(|| garbled(&path, format!("no field: {line:?}")))?;
        // `Icmp6InErrors` is the field `InErrors` of `Icmp6`.
        if let Some(at) = name.find('6') {
            let (protocol, field) = name.split_at(at + 1);
            put(pass.sink, &pass.filters.netstat_fields, &path, [protocol, field, value])?;
        }
    }
    Ok(())
}

fn put(
    sink: &mut dyn Sink,
    fields: &Option<regex::Regex>,
    path: &Path,
    [protocol, field, value]: [&str; 3],
) -> Result<(), CollectError> {
    let key = format!("{protocol}_{field}");
    let is_name = key.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if !is_name || !is_match(fields, &key) {
        return Ok(());
    }
    let value = number(value).ok_or_else(|| garbled(path, format!("no number for {key}")))?;
    let (name, help) = (format!("node_netstat_{key}"), format!("Statistic {protocol}{field}."));
    sink.put(&Family::unknown(&name, &help), &[], value);
    Ok(())
}
