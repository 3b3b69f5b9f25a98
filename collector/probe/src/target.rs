//! What a target's scheme says of how it is probed.

use crate::modules::{DnsProbe, HttpProbe, IcmpProbe, Kind, Module, SqlProbe, TcpProbe, Transport};

/// The module and the target of a text such as `https://a.example/`, `tcp://db:5432`, `tls://mx:465`, `icmp://gw`,
/// `dns://10.0.0.1/a.example?type=A` or `postgresql://me@db/shop`; without a scheme `host:port` is TCP and a bare host ICMP. `None` if a scheme is
/// not known.
pub fn of_target(text: &str) -> Option<(Module, String)> {
    let (scheme, rest) = match text.split_once("://") {
        Some((scheme, rest)) => (scheme, rest),
        None if crate::resolve::split(text).is_ok() => ("tcp", text),
        None => ("icmp", text),
    };
    let (kind, target) = match scheme {
        "http" | "https" => (Kind::Http(HttpProbe::default()), text.to_owned()),
        "tcp" => (Kind::Tcp(TcpProbe::default()), rest.trim_end_matches('/').to_owned()),
        "tls" | "ssl" => {
            (Kind::Tcp(TcpProbe { tls: true, ..TcpProbe::default() }), rest.trim_end_matches('/').to_owned())
        }
        "icmp" | "ping" => (Kind::Icmp(IcmpProbe::default()), rest.trim_end_matches('/').to_owned()),
        "postgresql" | "postgres" | "mariadb" | "mysql" | "sqlite" | "oracle" => {
            (Kind::Sql(SqlProbe::default()), text.to_owned())
        }
        "dns" => {
            let (server, question) = rest.split_once('/')?;
            let (name, options) = question.split_once('?').unwrap_or((question, ""));
            let mut config =
                DnsProbe { query_name: name.to_owned(), query_type: "A".to_owned(), ..DnsProbe::default() };
            for option in options.split('&').filter(|option| !option.is_empty()) {
                match option.split_once('=')? {
                    ("type", kind) => config.query_type = kind.to_uppercase(),
                    ("transport", "tcp") => config.transport_protocol = Transport::Tcp,
                    _ => return None,
                }
            }
            if name.is_empty() || config.codes().is_none() {
                return None;
            }
            (Kind::Dns(config), server.to_owned())
        }
        _ => return None,
    };
    if target.is_empty() { None } else { Some((Module { name: scheme.to_owned(), timeout: None, kind }, target)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schemes_say_how_a_target_is_probed() {
        let told = |text: &str| of_target(text).map(|(module, target)| (module.kind.as_str(), target));
        for (text, kind, target) in [
            ("https://a.example/x", "http", "https://a.example/x"),
            ("tcp://[::1]:80/", "tcp", "[::1]:80"),
            ("db:5432", "tcp", "db:5432"),
            ("gateway", "icmp", "gateway"),
            ("postgresql://me@db/shop", "sql", "postgresql://me@db/shop"),
            ("ping://10.0.0.1", "icmp", "10.0.0.1"),
            ("dns://10.0.0.1:53/a.example?type=mx&transport=tcp", "dns", "10.0.0.1:53"),
        ] {
            assert_eq!(told(text), Some((kind, target.to_owned())), "{text}");
        }
        for bad in ["gopher://x", "dns://10.0.0.1", "dns://10.0.0.1/x?type=nothing", "dns://s/x?a=b", "tcp://", ""] {
            assert_eq!(told(bad), None, "{bad}");
        }
    }
}
