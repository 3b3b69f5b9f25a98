//! The `[server]` section: where it listens, whom it lets in at once, and its TLS.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use orszem_model::{ByteSize, Span};
use serde::{Deserialize, Serialize};

use super::Problem;

/// The port of the server unless another is configured.
pub const DEFAULT_PORT: u16 = 7450;

/// How the server listens.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ServerConfig {
    /// The addresses to listen on; others than loopback need `access.token_file`.
    pub listen: Vec<SocketAddr>,
    /// Connections served at once; further ones wait in the system's queue.
    pub connections_max: usize,
    /// How long a client may take to send a request's headers, or a TLS handshake.
    pub header_timeout: Span,
    /// The largest request body, as sent; a larger one is answered 413.
    pub body_max: ByteSize,
    pub tls: TlsConfig,
}

/// How connections are encrypted.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TlsConfig {
    pub mode: TlsMode,
    /// PEM, the server's certificate first, then its chain; for mode `files`.
    pub certificate: Option<PathBuf>,
    /// PEM, the certificate's private key; for mode `files`.
    pub key: Option<PathBuf>,
    /// Further names and addresses that the local CA writes into the certificate.
    pub names: Vec<String>,
}

/// Where the certificate comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TlsMode {
    /// `off` while all addresses are loopback, `local-ca` otherwise.
    #[default]
    Auto,
    Off,
    /// From the files `certificate` and `key`, read again on SIGHUP.
    Files,
    /// From a certificate authority made at first start in the data directory.
    LocalCa,
}

impl Default for ServerConfig {
    fn default() -> Self {
        Self {
            listen: vec![SocketAddr::from((Ipv4Addr::LOCALHOST, DEFAULT_PORT))],
            connections_max: 1_024,
            header_timeout: Span::secs(10),
            body_max: ByteSize::mib(64),
            tls: TlsConfig::default(),
        }
    }
}

impl ServerConfig {
    /// Whether only this host can connect.
    pub fn is_loopback(&self) -> bool {
        self.listen.iter().all(|address| address.ip().to_canonical().is_loopback())
    }

    pub(super) fn validate(&self) -> Vec<Problem> {
        let Self { listen, connections_max, header_timeout, body_max, tls } = self;
        let mut problems = Vec::new();
        if listen.is_empty() {
            problems.push(Problem::new("server.listen", "[]", "names no address", "write [\"127.0.0.1:7450\"]"));
        }
        if !(1..=1_000_000).contains(connections_max) {
            problems.push(Problem::new(
                "server.connections_max",
                connections_max,
                "lets nobody in",
                "write 1 to 1000000",
            ));
        }
        if header_timeout.duration().is_zero() {
            problems.push(Problem::new(
                "server.header_timeout",
                quoted(header_timeout),
                "ends every request",
                "write \"1s\" or more",
            ));
        }
        if *body_max < ByteSize::mib(1) {
            problems.push(Problem::new(
                "server.body_max",
                quoted(body_max),
                "is too small for a batch",
                "write \"1MiB\" or more",
            ));
        }
        problems.extend(tls.validate());
        problems
    }
}

impl TlsConfig {
    fn validate(&self) -> Vec<Problem> {
        let Self { mode, certificate, key, names } = self;
        let mut problems = Vec::new();
        match mode {
            TlsMode::Files => {
                for (name, path) in [("certificate", certificate), ("key", key)] {
                    if path.is_none() {
                        let wrong = format!("needs server.tls.{name}");
                        problems.push(Problem::new(
                            "server.tls.mode",
                            "\"files\"",
                            wrong,
                            format!("name the PEM file in server.tls.{name}"),
                        ));
                    }
                }
            }
            TlsMode::Auto | TlsMode::Off | TlsMode::LocalCa => {
                for (name, path) in [("certificate", certificate), ("key", key)] {
                    if let Some(path) = path {
                        let key = format!("server.tls.{name}");
                        problems.push(Problem::new(
                            key,
                            quoted(path.display()),
                            "is not read in this mode",
                            "set server.tls.mode = \"files\"",
                        ));
                    }
                }
            }
        }
        if let Some(name) = names.iter().find(|name| name.is_empty() || !name.is_ascii()) {
            problems.push(Problem::new(
                "server.tls.names",
                quoted(name),
                "is no host name",
                "write ASCII host names or addresses",
            ));
        }
        problems
    }
}

fn quoted(value: impl std::fmt::Display) -> String {
    format!("\"{value}\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_mode_needs_both_files_and_the_others_none() {
        let keys = |tls: TlsConfig| -> Vec<String> {
            tls.validate().into_iter().map(|p| format!("{} {}", p.key, p.wrong)).collect()
        };
        let path = || Some(PathBuf::from("/x.pem"));
        let with = |mode, certificate, key| TlsConfig { mode, certificate, key, names: Vec::new() };
        assert_eq!(keys(with(TlsMode::Files, path(), path())), Vec::<String>::new());
        assert_eq!(keys(with(TlsMode::Files, path(), None)), ["server.tls.mode needs server.tls.key"]);
        assert_eq!(keys(with(TlsMode::Off, None, path())), ["server.tls.key is not read in this mode"]);
    }

    #[test]
    fn loopback_is_told_from_the_rest() {
        let at = |text: &str| ServerConfig { listen: vec![text.parse().expect(text)], ..ServerConfig::default() };
        for (text, expected) in [
            ("127.0.0.9:1", true),
            ("[::1]:1", true),
            ("[::ffff:127.0.0.1]:1", true),
            ("0.0.0.0:1", false),
            ("[::]:1", false),
        ] {
            assert_eq!(at(text).is_loopback(), expected, "{text}");
        }
    }
}
