//! Syslog over UDP, TCP and TLS: messages as they come, gathered into batches for the store.
//!
//! Syslog knows no acknowledgement. What a sender handed to its network and what waits here to be gathered, at most
//! [`gathering::BATCH_WAIT`], is lost when either end dies.

mod chunk;
pub mod config;
mod framing;
mod gathering;
mod metrics;
mod record;
mod tcp;
mod udp;

pub use config::{Listen, SyslogConfig, SyslogConfigError, Transport};
pub use metrics::Metrics;

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use orszem_parse::Zone;
use tokio::sync::{Semaphore, mpsc};
use tokio_rustls::rustls;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::http::IngestState;
use gathering::Gathering;
use metrics::Counters;

/// Chunks that may wait to be gathered, of at most [`chunk::BYTES_MAX`] and one message each. Beyond it TCP senders
/// wait, and UDP messages are dropped and counted.
const QUEUE_CHUNKS: usize = 64;

/// Gives the TLS configuration for the next connection.
pub type TlsSource = Arc<dyn Fn() -> Arc<rustls::ServerConfig> + Send + Sync>;

/// Why the listeners can't be started.
#[derive(Debug, thiserror::Error)]
pub enum SyslogError {
    #[error("can't listen for syslog on {transport} {address}")]
    Bind {
        transport: Transport,
        address: SocketAddr,
        #[source]
        source: io::Error,
    },
    #[error("syslog over TLS on {address} needs a certificate: set server.tls.mode to \"files\" or \"local-ca\"")]
    NoTls { address: SocketAddr },
}

/// The running listeners.
pub struct Syslog {
    addresses: Vec<(Transport, SocketAddr)>,
    stop: CancellationToken,
    tasks: TaskTracker,
}

/// What the tasks of one listener share.
struct Listener {
    name: String,
    message_bytes_max: usize,
    idle_timeout: std::time::Duration,
    counters: Counters,
    stop: CancellationToken,
}

impl Syslog {
    /// Listens as `config` says and hands what comes to the store behind `ingest`. Stamps without an offset are taken
    /// to be in this host's zone.
    ///
    /// # Errors
    /// An address that can't be listened on; a listener for TLS where `tls` is `None`.
    pub async fn start(
        config: &SyslogConfig,
        ingest: &Arc<IngestState>,
        tls: Option<&TlsSource>,
        metrics: &Metrics,
    ) -> Result<Self, SyslogError> {
        let SyslogConfig { listen, message_max, connections_max, idle_timeout } = config;
        let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
        let permits = Arc::new(Semaphore::new(*connections_max));
        let zone = Arc::new(local_zone());
        let mut addresses = Vec::new();
        // A failed start ends what it had started.
        let guard = stop.clone().drop_guard();
        for Listen { address, transport, tenant } in listen {
            let (address, transport) = (*address, *transport);
            let bind = |source| SyslogError::Bind { transport, address, source };
            let (sender, receiver) = mpsc::channel(QUEUE_CHUNKS);
            let listener = |bound: SocketAddr| {
                let name = format!("{transport} {bound}");
                Arc::new(Listener {
                    counters: metrics.of(&name),
                    name,
                    message_bytes_max: usize::try_from(message_max.0).unwrap_or(usize::MAX),
                    idle_timeout: idle_timeout.duration(),
                    stop: stop.clone(),
                })
            };
            let (bound, listener) = match transport {
                Transport::Udp => {
                    let socket = udp::bind(address).map_err(bind)?;
                    let bound = socket.local_addr().map_err(bind)?;
                    let listener = listener(bound);
                    tasks.spawn(udp::receive(socket, bound, sender, Arc::clone(&listener)));
                    (bound, listener)
                }
                Transport::Tcp | Transport::Tls => {
                    let tls = match (transport, tls) {
                        (Transport::Tls, None) => return Err(SyslogError::NoTls { address }),
                        (Transport::Tls, Some(tls)) => Some(Arc::clone(tls)),
                        (Transport::Tcp | Transport::Udp, _) => None,
                    };
                    let socket = tokio::net::TcpListener::bind(address).await.map_err(bind)?;
                    let bound = socket.local_addr().map_err(bind)?;
                    let listener = listener(bound);
                    let door = tcp::Door { permits: Arc::clone(&permits), tls, tasks: tasks.clone() };
                    tasks.spawn(tcp::accept(socket, door, sender, Arc::clone(&listener)));
                    (bound, listener)
                }
            };
            let (ingest, zone) = (Arc::clone(ingest), Arc::clone(&zone));
            tasks.spawn(Gathering { receiver, listener, ingest, zone, tenant: *tenant }.run());
            addresses.push((transport, bound));
        }
        tasks.close();
        guard.disarm();
        Ok(Self { addresses, stop, tasks })
    }

    /// Where it listens, with the ports that the system chose for port 0.
    pub fn addresses(&self) -> &[(Transport, SocketAddr)] {
        &self.addresses
    }

    /// Stops listening and submits what was received; the store has to be open until then.
    pub async fn stop(self) {
        self.stop.cancel();
        self.tasks.wait().await;
    }
}

/// This host's zone; UTC where `/etc/localtime` says nothing.
fn local_zone() -> Zone {
    match fs::read(Path::new("/etc/localtime")) {
        Ok(bytes) => Zone::from_tzif(&bytes).unwrap_or_else(Zone::utc),
        Err(_) => Zone::utc(),
    }
}

#[cfg(test)]
mod tests;
