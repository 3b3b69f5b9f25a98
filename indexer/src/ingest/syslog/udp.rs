//! Syslog over UDP: a message a datagram; what comes faster than it is stored is dropped and counted.

use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::UdpSocket;
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;
use tracing::{debug, warn};

use super::Listener;
use super::chunk::{self, Chunk, Mark};

/// What the system is asked to keep of datagrams that were not read yet; `net.core.rmem_max` may give less.
const RECEIVE_BUFFER_BYTES: usize = 4 << 20;
/// The largest datagram.
const DATAGRAM_BYTES_MAX: usize = 65_536;
/// How often the system's own count of dropped datagrams is read.
const KERNEL_DROPS_EVERY: Duration = Duration::from_secs(5);

/// A socket at `address` with a large receive buffer.
pub(super) fn bind(address: SocketAddr) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_recv_buffer_size(RECEIVE_BUFFER_BYTES)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    UdpSocket::from_std(socket.into())
}

/// Receives until the stop.
pub(super) async fn receive(
    socket: UdpSocket,
    bound: SocketAddr,
    sender: mpsc::Sender<Chunk>,
    listener: Arc<Listener>,
) {
    let mut buffer = vec![0; DATAGRAM_BYTES_MAX];
    let mut tick = tokio::time::interval(KERNEL_DROPS_EVERY);
    let mut kernel_drops = 0;
    loop {
        tokio::select! {
            () = listener.stop.cancelled() => return,
            ready = socket.readable() => {
                if let Err(error) = ready {
                    warn!(listener = listener.name, %error, "datagrams can't be received any more");
                    return;
                }
                hand_on(read(&socket, &mut buffer, &listener), &sender, &listener);
            }
            _ = tick.tick() => {
                let drops = kernel_drops_of(bound).await.unwrap_or(kernel_drops);
                listener.counters.dropped_kernel.inc_by(drops.saturating_sub(kernel_drops));
                kernel_drops = drops;
            }
        }
    }
}

/// The datagrams that are there, as many as go into a chunk.
fn read(socket: &UdpSocket, buffer: &mut [u8], listener: &Listener) -> Chunk {
    let mut chunk = Chunk::default();
    while chunk.byte_len() < chunk::BYTES_MAX {
        match socket.try_recv_from(buffer) {
            Ok((length, peer)) => {
                let kept = length.min(listener.message_bytes_max);
                let mark = if kept < length { Mark::Truncated } else { Mark::Whole };
                chunk.add(buffer.get(..kept).unwrap_or(&[]), peer.ip(), mark);
                listener.counters.truncated.inc_by(u64::from(mark != Mark::Whole));
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => break,
            Err(error) => {
                debug!(listener = listener.name, %error, "a datagram could not be received");
                break;
            }
        }
    }
    chunk
}

fn hand_on(chunk: Chunk, sender: &mpsc::Sender<Chunk>, listener: &Listener) {
    if chunk.len() == 0 {
        return;
    }
    let counters = &listener.counters;
    counters.messages.inc_by(chunk.len() as u64);
    counters.bytes.inc_by(chunk.byte_len() as u64);
    if let Err(TrySendError::Full(chunk) | TrySendError::Closed(chunk)) = sender.try_send(chunk) {
        counters.dropped_queue.inc_by(chunk.len() as u64);
    }
}

/// How many datagrams for `bound` the system has dropped; `None` where it does not tell.
async fn kernel_drops_of(bound: SocketAddr) -> Option<u64> {
    let path = if bound.is_ipv4() { "/proc/net/udp" } else { "/proc/net/udp6" };
    drops_in(&tokio::fs::read_to_string(path).await.ok()?, bound)
}

/// The last column of the line whose second is `bound` in hex, as Linux writes `/proc/net/udp`.
fn drops_in(table: &str, bound: SocketAddr) -> Option<u64> {
    let address = match bound.ip() {
        IpAddr::V4(ip) => format!("{:08X}", u32::from_ne_bytes(ip.octets())),
        IpAddr::V6(ip) => {
            let octets = ip.octets();
            let (words, _) = octets.as_chunks::<4>();
            words.iter().map(|word| format!("{:08X}", u32::from_ne_bytes(*word))).collect()
        }
    };
    let wanted = format!("{address}:{:04X}", bound.port());
    let mut lines = table.lines().map(str::split_ascii_whitespace);
    lines.find_map(|mut columns| if columns.nth(1)? == wanted { columns.last()?.parse().ok() } else { None })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops\n\
        \x20 102: 0100007F:0202 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 4711 2 0000000000000000 7\n\
        \x20 103: 00000000:0203 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 4712 2 0000000000000000 9\n";

    #[test]
    fn the_kernels_drops_are_found_by_address_and_port() {
        let drops = |address: &str| drops_in(TABLE, address.parse().expect(address));
        assert_eq!(drops("127.0.0.1:514"), Some(7));
        assert_eq!(drops("0.0.0.0:515"), Some(9));
        assert_eq!((drops("127.0.0.1:515"), drops("127.0.0.2:514")), (None, None));
        let table = TABLE.replace("0100007F:0202", "00000000000000000000000001000000:0202");
        assert_eq!(drops_in(&table, "[::1]:514".parse().expect("an address")), Some(7));
    }

    #[tokio::test]
    async fn the_kernel_lists_a_socket_of_ours() {
        for address in ["127.0.0.1:0", "[::1]:0"] {
            let Ok(socket) = bind(address.parse().expect("an address")) else { continue };
            let bound = socket.local_addr().expect("bound");
            assert_eq!(kernel_drops_of(bound).await, Some(0), "{bound}");
        }
    }
}
