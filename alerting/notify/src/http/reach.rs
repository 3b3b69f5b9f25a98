//! Which addresses may be connected to: those that a stranger's URL names must not lead into the own network.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use orszem_client::Stream;
use tokio::net::{TcpStream, lookup_host};

use super::HttpError;

/// How far a channel reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reach {
    /// The URL is the administrator's.
    Anywhere,
    /// The URL is anybody's.
    Public,
}

impl Reach {
    /// The addresses of a host that may be connected to. The connection is made to them and to no name, so that a name
    /// that changes in between leads nowhere else.
    pub(super) async fn addresses(self, host: &str, port: u16) -> Result<Vec<SocketAddr>, HttpError> {
        let found = lookup_host((host, port)).await;
        let found = found.map_err(|source| HttpError::Resolve { host: host.to_owned(), source })?;
        let allowed: Vec<SocketAddr> = found.filter(|at| self == Self::Anywhere || is_public(at.ip())).collect();
        if allowed.is_empty() { Err(HttpError::NotAllowed { host: host.to_owned() }) } else { Ok(allowed) }
    }
}

/// Connects to the first of them that answers.
pub(super) async fn dial(addresses: Vec<SocketAddr>) -> io::Result<Box<dyn Stream>> {
    let stream = TcpStream::connect(addresses.as_slice()).await?;
    stream.set_nodelay(true)?;
    Ok(Box::new(stream))
}

/// Whether an address is of the public Internet, by IANA's registries of special addresses.
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let is_special = matches!(
        (a, b, c),
        (0 | 10 | 127 | 224..=255, _, _)
            | (100, 64..=127, _)
            | (169, 254, _)
            | (172, 16..=31, _)
            | (192, 0, 0 | 2)
            | (192, 88, 99)
            | (192, 168, _)
            | (198, 18 | 19, _)
            | (198, 51, 100)
            | (203, 0, 113)
    );
    !is_special
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let [a, b, c, d, e, f, g, h] = address.segments();
    let [high, low] = [g, h].map(u16::to_be_bytes);
    let within = Ipv4Addr::new(high[0], high[1], low[0], low[1]);
    match (a, b, c, d, e, f) {
        // IPv4 in another form, and behind NAT64.
        (0, 0, 0, 0, 0, 0xffff) | (0x64, 0xff9b, 0, 0, 0, 0) => is_public_v4(within),
        // 6to4.
        (0x2002, ..) => {
            let [high, low] = [b, c].map(u16::to_be_bytes);
            is_public_v4(Ipv4Addr::new(high[0], high[1], low[0], low[1]))
        }
        // Protocol assignments (Teredo, ORCHID) and documentation.
        (0x2001, 0..=0x1ff | 0xdb8, ..) => false,
        // Only 2000::/3 is given out.
        _ => (0x2000..0x3ffe).contains(&a),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_public_addresses_are_public() {
        let public = [
            "1.1.1.1",
            "100.63.0.1",
            "172.32.0.1",
            "192.0.1.1",
            "2606:4700::1111",
            "::ffff:8.8.8.8",
            "64:ff9b::808:808",
        ];
        let special = [
            "0.0.0.0",
            "10.1.2.3",
            "100.64.0.1",
            "127.0.0.1",
            "127.9.9.9",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.0.1",
            "198.18.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "fe80::1",
            "fc00::1",
            "fd12:3456::1",
            "ff02::1",
            "::ffff:127.0.0.1",
            "::ffff:169.254.169.254",
            "::127.0.0.1",
            "64:ff9b::7f00:1",
            "2002:7f00:1::",
            "2001:db8::1",
            "2001::1",
        ];
        let of = |text: &&str| is_public(text.parse().expect("an address"));
        let wrong: Vec<&&str> =
            public.iter().filter(|text| !of(text)).chain(special.iter().filter(|t| of(t))).collect();
        assert_eq!(wrong, [&""; 0]);
    }

    #[tokio::test]
    async fn a_name_that_leads_inside_is_refused() {
        let error = Reach::Public.addresses("localhost", 80).await.expect_err("not allowed");
        assert!(matches!(error, HttpError::NotAllowed { .. }), "{error:?}");
        assert!(!Reach::Anywhere.addresses("localhost", 80).await.expect("addresses").is_empty());
    }
}
