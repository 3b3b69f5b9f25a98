//! Bytes that wait in the queues of UDP sockets, from `/proc/net/{udp,udp6}`.

use crate::error::CollectError;
use crate::family::Family;
use crate::fields::hex;
use crate::files::garbled;
use crate::pass::Pass;

const QUEUES: Family<'static> =
    Family::gauge("node_udp_queues", "Number of allocated memory in the kernel for UDP datagrams in bytes.");
/// The column `tx_queue:rx_queue`.
const QUEUE_COLUMN: usize = 4;

pub(super) fn collect(pass: &mut Pass<'_>) -> Result<(), CollectError> {
    let mut is_missing = true;
    for (name, ip) in [("net/udp", "v4"), ("net/udp6", "v6")] {
        let path = pass.files.proc(name);
        let Some(text) = pass.page.read_if_there(&path)? else { continue };
        let (mut sent, mut received) = (0.0, 0.0);
        for line in text.lines().skip(1) {
            let queues = line.split_ascii_whitespace().nth(QUEUE_COLUMN).and_then(|word| word.split_once(':'));
            let queues = queues.and_then(|(sent, received)| Some((hex(sent)?, hex(received)?)));
            let queues = queues.ok_or_else(|| garbled(&path, format!("no queues: {line:?}")))?;
            sent += queues.0;
            received += queues.1;
        }
        pass.sink.put(&QUEUES, &[("queue", "tx"), ("ip", ip)], sent);
        pass.sink.put(&QUEUES, &[("queue", "rx"), ("ip", ip)], received);
        is_missing = false;
    }
    if is_missing { Err(CollectError::Missing { path: pass.files.proc("net/udp") }) } else { Ok(()) }
}
