//! Who listens on a port that is taken: looked up in `/proc`, so that the message can name the program.

use std::fmt;
use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;

/// A listening process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// Its name as the kernel has it, at most 15 bytes.
    pub name: String,
    pub pid: u32,
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (pid {})", self.name, self.pid)
    }
}

/// The process that listens where `address` would; `None` when there is none, or when it is another user's and
/// this process may not look into it.
pub fn holder_of(address: SocketAddr) -> Option<Holder> {
    let inodes: Vec<u64> = ["/proc/net/tcp", "/proc/net/tcp6"]
        .iter()
        .filter_map(|table| fs::read_to_string(table).ok())
        .flat_map(|table| listening_inodes(&table, address))
        .collect();
    processes().find(|pid| holds_any(*pid, &inodes)).and_then(|pid| {
        let name = fs::read_to_string(format!("/proc/{pid}/comm")).ok()?;
        Some(Holder { name: name.trim_end().to_owned(), pid })
    })
}

/// The socket inodes in the text of `/proc/net/tcp` that listen where `address` would.
fn listening_inodes(table: &str, address: SocketAddr) -> Vec<u64> {
    const LISTEN: &str = "0A";
    let mut inodes = Vec::new();
    for line in table.lines().skip(1) {
        let fields: Vec<&str> = line.split_ascii_whitespace().collect();
        let (Some(local), Some(&LISTEN), Some(inode)) = (fields.get(1), fields.get(3), fields.get(9)) else { continue };
        let Some((ip, port)) = local.split_once(':').and_then(|(ip, port)| Some((parse_ip(ip)?, parse_port(port)?)))
        else {
            continue;
        };
        let wanted = address.ip().to_canonical();
        let collides = ip.is_unspecified() || wanted.is_unspecified() || ip.to_canonical() == wanted;
        if port == address.port() && collides {
            inodes.extend(inode.parse::<u64>().ok());
        }
    }
    inodes
}

fn parse_port(hex: &str) -> Option<u16> {
    u16::from_str_radix(hex, 16).ok()
}

/// The kernel prints addresses as 32-bit words in the machine's own byte order.
fn parse_ip(hex: &str) -> Option<IpAddr> {
    let word = |at: usize| Some(u32::from_str_radix(hex.get(at..at + 8)?, 16).ok()?.to_ne_bytes());
    match hex.len() {
        8 => Some(IpAddr::V4(Ipv4Addr::from(word(0)?))),
        32 => {
            let mut bytes = [0_u8; 16];
            for (at, chunk) in bytes.chunks_exact_mut(4).enumerate() {
                chunk.copy_from_slice(&word(at * 8)?);
            }
            Some(IpAddr::V6(Ipv6Addr::from(bytes)))
        }
        _ => None,
    }
}

fn processes() -> impl Iterator<Item = u32> {
    let entries = fs::read_dir("/proc").into_iter().flatten();
    entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

fn holds_any(pid: u32, inodes: &[u64]) -> bool {
    let links = fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten();
    links.flatten().any(|link| fs::read_link(link.path()).is_ok_and(|target| is_socket_of(&target, inodes)))
}

fn is_socket_of(target: &Path, inodes: &[u64]) -> bool {
    let inode = target.to_str().and_then(|text| text.strip_prefix("socket:[")?.strip_suffix(']')?.parse::<u64>().ok());
    inode.is_some_and(|inode| inodes.contains(&inode))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_is_found_as_the_holder() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("binds");
        let address = listener.local_addr().expect("bound");
        assert_eq!(holder_of(address).map(|holder| holder.pid), Some(std::process::id()));
        let any = SocketAddr::from((Ipv4Addr::UNSPECIFIED, address.port()));
        assert_eq!(holder_of(any).map(|holder| holder.pid), Some(std::process::id()));
        drop(listener);
        assert_eq!(holder_of(address), None);
    }

    #[test]
    fn only_listening_sockets_that_collide_count() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n\
            0: 0100007F:1D1A 00000000:0000 0A 00000000:00000000 00:00000000 00000000 0 0 11 1\n\
            1: 0200007F:1D1A 00000000:0000 0A 00000000:00000000 00:00000000 00000000 0 0 22 1\n\
            2: 0100007F:1D1A 0100007F:9999 01 00000000:00000000 00:00000000 00000000 0 0 33 1\n\
            3: 00000000:1D1B 00000000:0000 0A 00000000:00000000 00:00000000 00000000 0 0 44 1\n";
        let inodes = |text: &str| listening_inodes(table, text.parse().expect(text));
        assert_eq!(inodes("127.0.0.1:7450"), [11]);
        assert_eq!(inodes("0.0.0.0:7450"), [11, 22]);
        assert_eq!(inodes("10.0.0.1:7451"), [44]);
        assert_eq!(inodes("127.0.0.1:80"), Vec::<u64>::new());
    }
}
