//! Sockets in use, from `/proc/net/{sockstat,sockstat6}`.

use crate::error::CollectError;
use crate::family::{Family, Sink};
use crate::fields::number;
use crate::files::garbled;
use crate::pass::Pass;

const USED: Family<'static> = Family::gauge("node_sockstat_sockets_used", "Number of IPv4 sockets in use.");

pub(super) fn collect(pass: &mut Pass<'_>) -> Result<(), CollectError> {
    let page_bytes = rustix::param::page_size() as f64;
    for name in ["net/sockstat", "net/sockstat6"] {
        let path = pass.files.proc(name);
        // Without IPv6 there is no second file.
        let text = match pass.page.read_if_there(&path)? {
            None if name == "net/sockstat" => return Err(CollectError::Missing { path }),
            text => text.unwrap_or_default(),
        };
        for line in text.lines() {
            let bad = || garbled(&path, format!("no sockets: {line:?}"));
            let (protocol, rest) = line.split_once(':').ok_or_else(bad)?;
            let mut words = rest.split_ascii_whitespace();
            while let (Some(state), Some(value)) = (words.next(), words.next()) {
                let value = number(value).ok_or_else(bad)?;
                if protocol == "sockets" {
                    pass.sink.put(&USED, &[], value);
                    continue;
                }
                let is_name = |name: &str| name.bytes().all(|byte| byte.is_ascii_alphanumeric());
                if !is_name(protocol) || !is_name(state) {
                    return Err(bad());
                }
                put(pass.sink, protocol, state, value);
                // Memory is counted in pages.
                if state == "mem" {
                    put(pass.sink, protocol, "mem_bytes", value * page_bytes);
                }
            }
        }
    }
    Ok(())
}

fn put(sink: &mut dyn Sink, protocol: &str, state: &str, value: f64) {
    let name = format!("node_sockstat_{protocol}_{state}");
    let help = format!("Number of {protocol} sockets in state {state}.");
    sink.put(&Family::gauge(&name, &help), &[], value);
}
