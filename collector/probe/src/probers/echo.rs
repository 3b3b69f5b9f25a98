//! Sockets for ICMP echoes, each shared by all probes of its kind (RFC 792, RFC 4443).
//!
//! A raw socket sees every packet of ICMP that reaches this host, so one for each probe would cost with their square.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::UdpSocket;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

const IPV4_HEADER_BYTES: usize = 20;
const ECHO_HEADER_BYTES: usize = 8;
const PACKET_BYTES_MAX: usize = 65_535;
/// Don't fragment, in the flags of an IPv4 header.
const DONT_FRAGMENT: u8 = 0x40;
const HOPS: u8 = 64;
const RECEIVE_BYTES: usize = 4 << 20;

/// What sockets of one kind have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct EchoKind {
    pub(super) is_ipv6: bool,
    pub(super) source: Option<IpAddr>,
    pub(super) dont_fragment: bool,
    /// The system's if 0.
    pub(super) ttl: u32,
}

/// How a socket was opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Access {
    /// By a capability.
    Raw,
    /// As `net.ipv4.ping_group_range` allows it.
    Unprivileged,
}

impl Access {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Raw => "raw",
            Self::Unprivileged => "unprivileged",
        }
    }
}

/// An answer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Echo {
    pub(super) at: Instant,
    /// Known of raw sockets of IPv4.
    pub(super) hop_limit: Option<u8>,
}

type Waiting = Arc<Mutex<HashMap<u16, (IpAddr, Vec<u8>, oneshot::Sender<Echo>)>>>;

/// The sockets that are open.
#[derive(Debug, Default)]
pub(super) struct Pingers(Mutex<HashMap<EchoKind, Arc<Pinger>>>);

impl Pingers {
    pub(super) fn open(&self, kind: EchoKind) -> io::Result<Arc<Pinger>> {
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(pinger) = open.get(&kind).filter(|pinger| !pinger.reader.is_finished()) {
            return Ok(Arc::clone(pinger));
        }
        let pinger = Arc::new(Pinger::open(kind)?);
        open.insert(kind, Arc::clone(&pinger));
        Ok(pinger)
    }
}

/// One socket, and who waits for answers on it.
#[derive(Debug)]
pub(super) struct Pinger {
    kind: EchoKind,
    access: Access,
    socket: Arc<UdpSocket>,
    ident: u16,
    next: Mutex<u16>,
    waiting: Waiting,
    reader: JoinHandle<()>,
}

impl Drop for Pinger {
    fn drop(&mut self) {
        self.reader.abort();
    }
}

/// Gives a place back when nobody waits any more.
struct Place(Waiting, u16);

impl Drop for Place {
    fn drop(&mut self) {
        lock(&self.0).remove(&self.1);
    }
}

impl Pinger {
    fn open(kind: EchoKind) -> io::Result<Self> {
        let (domain, protocol) = match kind.is_ipv6 {
            true => (Domain::IPV6, Protocol::ICMPV6),
            false => (Domain::IPV4, Protocol::ICMPV4),
        };
        let unprivileged = match kind.dont_fragment {
            true => Err(io::Error::from(io::ErrorKind::PermissionDenied)),
            false => Socket::new(domain, Type::DGRAM, Some(protocol)),
        };
        let (socket, access) = match unprivileged {
            Ok(socket) => (socket, Access::Unprivileged),
            Err(_) => (Socket::new(domain, Type::RAW, Some(protocol))?, Access::Raw),
        };
        let any: IpAddr = if kind.is_ipv6 { Ipv6Addr::UNSPECIFIED.into() } else { Ipv4Addr::UNSPECIFIED.into() };
        socket.bind(&SocketAddr::new(kind.source.unwrap_or(any), 0).into())?;
        if kind.dont_fragment {
            socket.set_header_included_v4(true)?;
        } else if kind.ttl > 0 {
            if kind.is_ipv6 { socket.set_unicast_hops_v6(kind.ttl)? } else { socket.set_ttl_v4(kind.ttl)? }
        }
        socket.set_recv_buffer_size(RECEIVE_BYTES)?;
        socket.set_nonblocking(true)?;
        // Sending to and receiving from addresses is the same for all sockets of datagrams.
        let socket = Arc::new(UdpSocket::from_std(socket.into())?);
        let random = getrandom::u32().map_err(|error| io::Error::other(error.to_string()))?;
        let ident = (random >> 16) as u16;
        let waiting = Waiting::default();
        let reading = Reading { kind, access, ident, socket: Arc::clone(&socket), waiting: Arc::clone(&waiting) };
        let reader = tokio::spawn(reading.run());
        Ok(Self { kind, access, socket, ident, next: Mutex::new(random as u16), waiting, reader })
    }

    pub(super) fn access(&self) -> Access {
        self.access
    }

    /// Sends an echo, and waits for its answer for as long as the caller does. Gives when it was sent, too.
    pub(super) async fn ping(&self, to: IpAddr, payload: &[u8]) -> io::Result<(Instant, Echo)> {
        let (answer, answered) = oneshot::channel();
        let sequence = self.wait(to, payload, answer)?;
        let _place = Place(Arc::clone(&self.waiting), sequence);
        let packet = self.packet(to, sequence, payload);
        let sent = Instant::now();
        self.socket.send_to(&packet, SocketAddr::new(to, 0)).await?;
        match answered.await {
            Ok(echo) => Ok((sent, echo)),
            Err(_) => Err(io::Error::other("the socket was closed")),
        }
    }

    fn wait(&self, to: IpAddr, payload: &[u8], answer: oneshot::Sender<Echo>) -> io::Result<u16> {
        let mut waiting = lock(&self.waiting);
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        for _ in 0..=u16::MAX {
            *next = next.wrapping_add(1);
            if let Entry::Vacant(free) = waiting.entry(*next) {
                free.insert((to, payload.to_vec(), answer));
                return Ok(*next);
            }
        }
        Err(io::Error::other("65536 echoes are waited for already"))
    }

    fn packet(&self, to: IpAddr, sequence: u16, payload: &[u8]) -> Vec<u8> {
        let mut echo = vec![if self.kind.is_ipv6 { 128 } else { 8 }, 0, 0, 0];
        echo.extend_from_slice(&self.ident.to_be_bytes());
        echo.extend_from_slice(&sequence.to_be_bytes());
        echo.extend_from_slice(payload);
        // The kernel sums up packets of IPv6 itself.
        if !self.kind.is_ipv6 {
            let sum = checksum(&echo).to_be_bytes();
            echo.splice(2..4, sum);
        }
        let (IpAddr::V4(to), true) = (to, self.kind.dont_fragment) else { return echo };
        let hops = u8::try_from(self.kind.ttl).ok().filter(|ttl| *ttl > 0).unwrap_or(HOPS);
        let source = match self.kind.source {
            Some(IpAddr::V4(source)) => source,
            _ => Ipv4Addr::UNSPECIFIED,
        };
        let length = u16::try_from(IPV4_HEADER_BYTES + echo.len()).unwrap_or(u16::MAX).to_be_bytes();
        // Number, checksum and an unspecified source are filled in by the kernel.
        let mut packet = vec![0x45, 0, length[0], length[1], 0, 0, DONT_FRAGMENT, 0, hops, 1, 0, 0];
        packet.extend_from_slice(&source.octets());
        packet.extend_from_slice(&to.octets());
        packet.extend_from_slice(&echo);
        packet
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// RFC 1071.
fn checksum(bytes: &[u8]) -> u16 {
    let words = bytes.chunks(2).map(|pair| match pair {
        [high, low] => u32::from(u16::from_be_bytes([*high, *low])),
        [high] => u32::from(*high) << 8,
        _ => 0,
    });
    let mut sum: u32 = words.sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}

/// The task that reads answers.
struct Reading {
    kind: EchoKind,
    access: Access,
    ident: u16,
    socket: Arc<UdpSocket>,
    waiting: Waiting,
}

impl Reading {
    async fn run(self) {
        let mut packet = vec![0; PACKET_BYTES_MAX];
        loop {
            match self.socket.recv_from(&mut packet).await {
                Ok((length, from)) => self.take(packet.get(..length).unwrap_or_default(), from.ip()),
                // Errors of single packets, such as an unreachable host; who waits has a deadline.
                Err(error) if error.kind() != io::ErrorKind::InvalidInput => {
                    tracing::debug!(%error, "an answer could not be read");
                }
                Err(_) => return,
            }
        }
    }

    fn take(&self, packet: &[u8], from: IpAddr) {
        let at = Instant::now();
        let has_header = self.access == Access::Raw && !self.kind.is_ipv6;
        let header = if has_header { packet.first().map_or(0, |byte| usize::from(byte & 15) * 4) } else { 0 };
        let hop_limit = if has_header { packet.get(8).copied() } else { None };
        let Some(echo) = packet.get(header..) else { return };
        let Some((head, payload)) = echo.split_at_checked(ECHO_HEADER_BYTES) else { return };
        let is_reply = head.first() == Some(if self.kind.is_ipv6 { &129 } else { &0 });
        let word = |at: usize| head.get(at..at + 2).and_then(|pair| pair.try_into().ok()).map(u16::from_be_bytes);
        // The kernel gives unprivileged sockets a number of their own, and only their answers.
        let is_ours = self.access == Access::Unprivileged || word(4) == Some(self.ident);
        let Some(sequence) = word(6).filter(|_| is_reply && is_ours) else { return };
        let mut waiting = lock(&self.waiting);
        let is_it = waiting.get(&sequence).is_some_and(|(to, sent, _)| *to == from && *sent == payload);
        let answer = if is_it { waiting.remove(&sequence) } else { None };
        if let Some((_, _, answer)) = answer
            && answer.send(Echo { at, hop_limit }).is_err()
        {
            tracing::trace!("an answer came when nobody waited any more");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_those_of_the_rfc() {
        assert_eq!(checksum(&[0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7]), !0xddf2);
        assert_eq!(checksum(&[1]), !0x0100);
        let mut packet = vec![8, 0, 0, 0, 1, 2, 3, 4, 5];
        let sum = checksum(&packet).to_be_bytes();
        packet.splice(2..4, sum);
        packet.push(0);
        assert_eq!(checksum(&packet), 0, "a packet with its sum sums up to nothing");
    }
}
