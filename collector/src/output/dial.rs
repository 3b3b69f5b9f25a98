//! How endpoints are connected to.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use orszem_client::{Connection, ConnectionError, Limits, Stream, dial};
use rustls::ClientConfig;

use super::config::Endpoint;

/// How long name, connection and TLS may take.
const CONNECT_WITHIN: Duration = Duration::from_secs(5);
/// What a server's answer may take.
pub(super) const ANSWER: Limits = Limits { within: Duration::from_secs(30), bytes_max: 64 << 10 };

/// How connections are made.
#[derive(Clone, Debug)]
pub(super) enum Dial {
    Tcp,
    /// To a server in the test's own memory.
    #[cfg(test)]
    Memory(super::tests::server::Network),
}

impl Dial {
    /// Connects; `tls` is for https endpoints.
    pub(super) async fn open(
        &self,
        endpoint: &Endpoint,
        tls: Option<Arc<ClientConfig>>,
    ) -> Result<Connection, ConnectionError> {
        let tls = tls.filter(|_| endpoint.is_https).map(|tls| (tls, endpoint.host.clone()));
        Connection::open(self.stream(endpoint), tls, CONNECT_WITHIN).await
    }

    async fn stream(&self, endpoint: &Endpoint) -> io::Result<Box<dyn Stream>> {
        match self {
            Self::Tcp => dial(&endpoint.host, endpoint.port).await,
            #[cfg(test)]
            Self::Memory(network) => network.connect(&endpoint.host),
        }
    }
}
