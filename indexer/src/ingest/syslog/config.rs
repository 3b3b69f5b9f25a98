//! The `[syslog]` section: where messages are listened for, and how large and how many they may be.

use std::fmt;
use std::net::SocketAddr;

use orszem_model::{ByteSize, Span};
use serde::{Deserialize, Serialize};

/// Where and how syslog is listened for; nowhere by default.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SyslogConfig {
    pub listen: Vec<Listen>,
    /// The longest message; what is longer is cut or split, and marked.
    pub message_max: ByteSize,
    /// Connections over TCP and TLS at once, all listeners together; further ones wait in the system's queue.
    pub connections_max: usize,
    /// After so long without a byte a connection is closed.
    pub idle_timeout: Span,
}

/// One listener.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Listen {
    pub address: SocketAddr,
    pub transport: Transport,
    /// Whose the messages are.
    #[serde(default)]
    pub tenant: u32,
}

/// How messages travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Transport {
    /// A message a datagram (RFC 5426).
    Udp,
    /// Octet-counted or a message a line (RFC 6587).
    Tcp,
    /// The same, encrypted (RFC 5425).
    Tls,
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Udp => "udp",
            Self::Tcp => "tcp",
            Self::Tls => "tls",
        })
    }
}

/// An option that can't be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("syslog.{key} = {value} must be {expected}")]
pub struct SyslogConfigError {
    pub key: String,
    pub value: String,
    pub expected: &'static str,
}

impl Default for SyslogConfig {
    fn default() -> Self {
        Self { listen: Vec::new(), message_max: ByteSize::kib(64), connections_max: 1_024, idle_timeout: Span::days(1) }
    }
}

impl SyslogConfig {
    /// Every option that is out of range.
    pub fn validate(&self) -> Vec<SyslogConfigError> {
        let Self { listen, message_max, connections_max, idle_timeout } = self;
        let mut all = Vec::new();
        let mut wrong =
            |key: &str, value: String, expected| all.push(SyslogConfigError { key: key.to_owned(), value, expected });
        if !(480..=512 << 10).contains(&message_max.0) {
            wrong("message_max", format!("\"{message_max}\""), "between 480 B and 512 KiB");
        }
        if !(1..=100_000).contains(connections_max) {
            wrong("connections_max", connections_max.to_string(), "between 1 and 100000");
        }
        if idle_timeout.duration().as_secs() < 1 {
            wrong("idle_timeout", format!("\"{idle_timeout}\""), "at least \"1s\"");
        }
        for (at, one) in listen.iter().enumerate() {
            let is_stream = |transport: Transport| transport != Transport::Udp;
            let is_same =
                |other: &Listen| other.address == one.address && is_stream(other.transport) == is_stream(one.transport);
            if one.address.port() != 0 && listen.iter().take(at).any(is_same) {
                let value = format!("\"{}\"", one.address);
                wrong(&format!("listen[{at}].address"), value, "an address that no other listener has");
            }
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_is_valid_and_each_bad_value_is_named() {
        let listen = |text: &str, transport| Listen { address: text.parse().expect(text), transport, tenant: 0 };
        let with = |listen| SyslogConfig { listen, ..SyslogConfig::default() };
        let (udp, tcp, tls) = (Transport::Udp, Transport::Tcp, Transport::Tls);
        assert_eq!(SyslogConfig::default().validate(), []);
        assert_eq!(with(vec![listen("0.0.0.0:514", udp), listen("0.0.0.0:514", tcp)]).validate(), []);
        for (config, expected) in [
            (
                SyslogConfig { message_max: ByteSize(1), ..SyslogConfig::default() },
                "syslog.message_max = \"1B\" must be between 480 B and 512 KiB",
            ),
            (
                SyslogConfig { connections_max: 0, ..SyslogConfig::default() },
                "syslog.connections_max = 0 must be between 1 and 100000",
            ),
            (
                SyslogConfig { idle_timeout: Span::secs(0), ..SyslogConfig::default() },
                "syslog.idle_timeout = \"0s\" must be at least \"1s\"",
            ),
            (
                with(vec![listen("0.0.0.0:514", tls), listen("0.0.0.0:514", tcp)]),
                "syslog.listen[1].address = \"0.0.0.0:514\" must be an address that no other listener has",
            ),
        ] {
            let told: Vec<String> = config.validate().iter().map(ToString::to_string).collect();
            assert_eq!(told, [expected]);
        }
    }

    #[test]
    fn an_unknown_key_is_refused() {
        let read = |text: &str| serde_json::from_str::<SyslogConfig>(text).map(|config| config.listen);
        let expected =
            vec![Listen { address: "[::]:601".parse().expect("an address"), transport: Transport::Tcp, tenant: 2 }];
        let text = r#"{"listen":[{"address":"[::]:601","transport":"tcp","tenant":2}]}"#;
        assert_eq!(read(text).ok(), Some(expected));
        assert!(read(&text.replace("tcp", "relp")).is_err());
        assert!(read(&text.replace("tenant", "host")).is_err());
    }
}
