//! The HTTP server: listeners, TLS, limits, and a stop that lets requests under way end.

use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::header::CONTENT_LENGTH;
use http_body_util::Limited;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::Service;
use tracing::{debug, warn};

use crate::catalogue::ApiError;
use crate::config::ServerConfig;
use crate::port_holder::holder_of;
use crate::tls::Tls;

/// Requests under way on one HTTP/2 connection.
const STREAMS_MAX: u32 = 256;
/// After a failed accept (no descriptors left), before the next.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Why an address can't be listened on.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    #[error(
        "{address} is taken by {holder}; stop it or listen elsewhere, for instance with `--listen {}:{}`",
        address.ip(), address.port().wrapping_add(1).max(1024)
    )]
    Taken { address: SocketAddr, holder: String },
    #[error("can't listen on {address}")]
    Bind {
        address: SocketAddr,
        #[source]
        source: io::Error,
    },
}

/// Listens on `address`; a taken port names its holder.
pub async fn bind(address: SocketAddr) -> Result<TcpListener, BindError> {
    TcpListener::bind(address).await.map_err(|source| {
        if source.kind() != io::ErrorKind::AddrInUse {
            return BindError::Bind { address, source };
        }
        let unknown = || format!("another user's program (`sudo ss -ltnp 'sport = :{}'` names it)", address.port());
        let holder = holder_of(address).map_or_else(unknown, |holder| holder.to_string());
        BindError::Taken { address, holder }
    })
}

/// A running server.
#[derive(Debug)]
pub struct Server {
    addresses: Vec<SocketAddr>,
    stop: CancellationToken,
    accepting: Vec<JoinHandle<()>>,
    connections: TaskTracker,
}

/// What a connection needs to be served.
#[derive(Clone)]
struct Shell {
    router: Router,
    tls: Option<Arc<Tls>>,
    permits: Arc<Semaphore>,
    header_timeout: Duration,
    stop: CancellationToken,
    connections: TaskTracker,
}

impl Server {
    /// Begins to serve `router` on listeners that are already bound.
    pub fn start(
        listeners: Vec<TcpListener>,
        router: Router,
        tls: Option<Arc<Tls>>,
        config: &ServerConfig,
    ) -> io::Result<Self> {
        let shell = Shell {
            router,
            tls,
            permits: Arc::new(Semaphore::new(config.connections_max)),
            header_timeout: config.header_timeout.duration(),
            stop: CancellationToken::new(),
            connections: TaskTracker::new(),
        };
        let addresses = listeners.iter().map(TcpListener::local_addr).collect::<io::Result<_>>()?;
        let accepting = listeners.into_iter().map(|listener| tokio::spawn(accept(listener, shell.clone()))).collect();
        Ok(Self { addresses, stop: shell.stop, accepting, connections: shell.connections })
    }

    /// Where it listens, with the ports that the system chose for port 0.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Takes no more connections, and waits until the requests under way have ended, at most `patience`.
    pub async fn stop(self, patience: Duration) {
        self.stop.cancel();
        for task in self.accepting {
            if let Err(error) = task.await {
                warn!(%error, "a listener ended badly");
            }
        }
        self.connections.close();
        if tokio::time::timeout(patience, self.connections.wait()).await.is_err() {
            warn!(open = self.connections.len(), "connections were cut that did not end in time");
        }
    }
}

async fn accept(listener: TcpListener, shell: Shell) {
    let stop = shell.stop.clone();
    loop {
        let permit = tokio::select! {
            () = stop.cancelled() => return,
            permit = Arc::clone(&shell.permits).acquire_owned() => permit,
        };
        let Ok(permit) = permit else { return };
        let accepted = tokio::select! {
            () = stop.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => {
                let connection = serve_connection(stream, peer, shell.clone());
                shell.connections.spawn(async move {
                    connection.await;
                    drop(permit);
                });
            }
            Err(error) => {
                warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn serve_connection(stream: TcpStream, peer: SocketAddr, shell: Shell) {
    if let Err(error) = stream.set_nodelay(true) {
        debug!(%peer, %error, "the connection is gone already");
        return;
    }
    let Some(tls) = &shell.tls else {
        return serve_stream(stream, peer, shell).await;
    };
    let handshake = tokio::time::timeout(shell.header_timeout, TlsAcceptor::from(tls.current()).accept(stream));
    let shaken = tokio::select! {
        shaken = handshake => shaken,
        () = shell.stop.cancelled() => return,
    };
    match shaken {
        Ok(Ok(stream)) => serve_stream(stream, peer, shell).await,
        Ok(Err(error)) => debug!(%peer, %error, "no TLS"),
        Err(error) => debug!(%peer, %error, "no TLS in time"),
    }
}

async fn serve_stream<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(stream: S, peer: SocketAddr, shell: Shell) {
    let Shell { router, header_timeout, stop, tls: _, permits: _, connections: _ } = shell;
    let service = service_fn(move |mut request: http::Request<Incoming>| {
        request.extensions_mut().insert(ConnectInfo(peer));
        router.clone().call(request.map(Body::new))
    });
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(header_timeout);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS_MAX)
        .keep_alive_interval(Duration::from_secs(30))
        .keep_alive_timeout(Duration::from_secs(20));
    let mut connection = pin!(builder.serve_connection_with_upgrades(TokioIo::new(stream), service));
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        debug!(%peer, %error, "the connection broke off");
    }
}

/// The middleware that limits bodies as they are sent: 413 at once where the length is told, while reading otherwise.
pub async fn limit_body(State(bytes_max): State<u64>, request: Request, next: Next) -> Response {
    let told = request.headers().get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    if told.is_some_and(|length| length > bytes_max) {
        return ApiError::BodyTooLarge.into_response();
    }
    let limit = usize::try_from(bytes_max).unwrap_or(usize::MAX);
    next.run(request.map(|body| Body::new(Limited::new(body, limit)))).await
}
