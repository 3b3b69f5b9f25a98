//! Which address of a host is probed.

use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

use serde::{Deserialize, Serialize};
use tokio::net::{TcpSocket, TcpStream};

use crate::error::Failure;
use crate::page;
use crate::report::Report;

/// The protocol that is preferred.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum IpProtocol {
    Ip4,
    #[default]
    Ip6,
}

/// Which addresses are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Choice {
    pub(crate) preferred: IpProtocol,
    /// Whether one of the other protocol will do.
    pub(crate) falls_back: bool,
}

impl Choice {
    fn pick(self, addresses: &[IpAddr]) -> Option<IpAddr> {
        let is_preferred = |address: &&IpAddr| address.is_ipv6() == (self.preferred == IpProtocol::Ip6);
        let other = addresses.last().filter(|_| self.falls_back);
        addresses.iter().find(is_preferred).or(other).copied()
    }
}

/// The address of `host`, noted with what it took.
pub(crate) async fn choose(choice: Choice, host: &str, report: &mut Report) -> Result<IpAddr, Failure> {
    report.page.set(page::IP_PROTOCOL, 0.0);
    report.page.set(page::IP_ADDR_HASH, 0.0);
    report.page.set(page::LOOKUP_TIME, 0.0);
    let begun = Instant::now();
    let looked = look_up(choice, host).await;
    let took = begun.elapsed();
    report.page.set(page::LOOKUP_TIME, took.as_secs_f64());
    report.took("resolve", took);
    let address = looked?;
    report.page.set(page::IP_PROTOCOL, if address.is_ipv6() { 6.0 } else { 4.0 });
    report.page.set(page::IP_ADDR_HASH, f64::from(hash(address)));
    report.facts.ip = Some(address);
    report.note(format!("{host} is {address}"));
    Ok(address)
}

/// The address of `host`, an address, or a name that the system's resolver knows.
pub(crate) async fn look_up(choice: Choice, host: &str) -> Result<IpAddr, Failure> {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let nothing = || Failure::NoAddress { host: host.to_owned() };
    if let Ok(address) = bare.parse::<IpAddr>() {
        return choice.pick(&[address]).ok_or_else(nothing);
    }
    if bare.is_empty() {
        return Err(nothing());
    }
    let failed = |source| Failure::Resolve { host: host.to_owned(), source };
    let found: Vec<IpAddr> =
        tokio::net::lookup_host((bare, 0)).await.map_err(failed)?.map(|address| address.ip()).collect();
    choice.pick(&found).ok_or_else(nothing)
}

/// A TCP connection, from `source` if there is one.
pub(crate) async fn connect(address: SocketAddr, source: Option<IpAddr>) -> Result<TcpStream, Failure> {
    let failed = |source| Failure::Connect { address, source };
    let socket = if address.is_ipv6() { TcpSocket::new_v6() } else { TcpSocket::new_v4() };
    let socket = socket.map_err(Failure::Socket)?;
    if let Some(source) = source {
        socket.bind(SocketAddr::new(source, 0)).map_err(Failure::Socket)?;
    }
    let stream = socket.connect(address).await.map_err(failed)?;
    stream.set_nodelay(true).map_err(failed)?;
    Ok(stream)
}

/// `host:port`, the host without brackets.
pub(crate) fn split(target: &str) -> Result<(&str, u16), Failure> {
    let wrong = |wrong| Failure::Target { target: target.to_owned(), wrong };
    let (host, port) = target.rsplit_once(':').ok_or_else(|| wrong("names no port"))?;
    if host.contains(':') && !(host.starts_with('[') && host.ends_with(']')) {
        return Err(wrong("has too many colons; an IPv6 address stands in brackets"));
    }
    let port = port.parse().map_err(|_| wrong("names no port"))?;
    Ok((host.trim_start_matches('[').trim_end_matches(']'), port))
}

/// FNV-1a over the four or sixteen bytes of the address.
fn hash(address: IpAddr) -> u32 {
    let bytes = match address {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    };
    bytes.iter().fold(0x811c_9dc5, |hash: u32, byte| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_preferred_protocol_is_taken_and_the_other_only_where_it_may() {
        let four: IpAddr = "192.0.2.1".parse().expect("an address");
        let six: IpAddr = "2001:db8::1".parse().expect("an address");
        let pick = |preferred, falls_back, of: &[IpAddr]| Choice { preferred, falls_back }.pick(of);
        assert_eq!(pick(IpProtocol::Ip6, true, &[four, six]), Some(six));
        assert_eq!(pick(IpProtocol::Ip4, true, &[four, six]), Some(four));
        assert_eq!(pick(IpProtocol::Ip6, true, &[four]), Some(four));
        assert_eq!(pick(IpProtocol::Ip6, false, &[four]), None);
        assert_eq!(pick(IpProtocol::Ip6, true, &[]), None);
    }

    #[test]
    fn targets_are_split() {
        assert_eq!(split("[::1]:80").ok(), Some(("::1", 80)));
        assert_eq!(split("db.example:5432").ok(), Some(("db.example", 5432)));
        for bad in ["db.example", "::1:80", "a:http", "a:70000"] {
            assert!(split(bad).is_err(), "{bad}");
        }
    }
}
