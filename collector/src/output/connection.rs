//! One HTTP/1.1 connection to an endpoint, kept for one request after the other.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use ::http::{HeaderMap, Request, StatusCode};
use bytes::Bytes;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls_pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::config::Endpoint;

/// How long name, connection and TLS may take.
const CONNECT_WITHIN: Duration = Duration::from_secs(5);
/// How long a request may take until its answer is whole.
pub(super) const ANSWER_WITHIN: Duration = Duration::from_secs(30);
/// The longest answer.
const ANSWER_BYTES_MAX: usize = 64 << 10;

pub(super) trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

/// How connections are made.
#[derive(Clone, Debug)]
pub(super) enum Dial {
    Tcp,
    /// To a server in the test's own memory.
    #[cfg(test)]
    Memory(super::tests::server::Network),
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum ConnectionError {
    #[error("no connection within {CONNECT_WITHIN:?}")]
    ConnectTimeout,
    #[error("no connection")]
    Connect(#[source] io::Error),
    #[error("the host's name fits no certificate")]
    Name(#[source] rustls_pki_types::InvalidDnsNameError),
    #[error("no trusted connection; an authority of one's own is named with output.ca_file")]
    Tls(#[source] io::Error),
    #[error("the connection broke")]
    Http(#[source] hyper::Error),
    #[error("no whole answer within {ANSWER_WITHIN:?}")]
    AnswerTimeout,
    #[error("the answer broke off")]
    Body(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// What a server answered.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    /// Empty when it was longer than 64 KiB.
    pub(super) body: Bytes,
}

/// An open connection; closed when dropped.
#[derive(Debug)]
pub(super) struct Connection {
    requests: SendRequest<Full<Bytes>>,
    driver: JoinHandle<()>,
    /// Whether an answer came over it already: the server may have closed it since.
    is_used: bool,
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

impl Connection {
    /// Connects; `tls` is for https endpoints.
    pub(super) async fn open(
        dial: &Dial,
        endpoint: &Endpoint,
        tls: Option<Arc<ClientConfig>>,
    ) -> Result<Self, ConnectionError> {
        let opening = async {
            let stream = dial.stream(endpoint).await.map_err(ConnectionError::Connect)?;
            let stream: Box<dyn Stream> = match tls.filter(|_| endpoint.is_https) {
                Some(tls) => {
                    let name = ServerName::try_from(endpoint.host.clone()).map_err(ConnectionError::Name)?;
                    Box::new(TlsConnector::from(tls).connect(name, stream).await.map_err(ConnectionError::Tls)?)
                }
                None => stream,
            };
            handshake(TokioIo::new(stream)).await.map_err(ConnectionError::Http)
        };
        let (requests, connection) =
            timeout(CONNECT_WITHIN, opening).await.map_err(|_| ConnectionError::ConnectTimeout)??;
        let driver = tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection to a server ended");
            }
        });
        Ok(Self { requests, driver, is_used: false })
    }

    /// Whether a failure only tells that the server closed the connection after an earlier answer.
    pub(super) fn is_used(&self) -> bool {
        self.is_used
    }

    /// Whether another request can be sent over it.
    pub(super) fn is_open(&self) -> bool {
        !self.requests.is_closed()
    }

    /// Sends a request and reads the whole answer.
    pub(super) async fn send(&mut self, request: Request<Full<Bytes>>) -> Result<Answer, ConnectionError> {
        let answering = async {
            self.requests.ready().await.map_err(ConnectionError::Http)?;
            let response = self.requests.send_request(request).await.map_err(ConnectionError::Http)?;
            let (parts, body) = response.into_parts();
            let body = match Limited::new(body, ANSWER_BYTES_MAX).collect().await {
                Ok(body) => body.to_bytes(),
                Err(error) if error.is::<LengthLimitError>() => Bytes::new(),
                Err(error) => return Err(ConnectionError::Body(error)),
            };
            Ok(Answer { status: parts.status, headers: parts.headers, body })
        };
        let answer = timeout(ANSWER_WITHIN, answering).await.map_err(|_| ConnectionError::AnswerTimeout)?;
        self.is_used |= answer.is_ok();
        answer
    }
}

impl Dial {
    async fn stream(&self, endpoint: &Endpoint) -> io::Result<Box<dyn Stream>> {
        match self {
            Self::Tcp => {
                let stream = TcpStream::connect((endpoint.host.as_str(), endpoint.port)).await?;
                stream.set_nodelay(true)?;
                Ok(Box::new(stream))
            }
            #[cfg(test)]
            Self::Memory(network) => network.connect(&endpoint.host),
        }
    }
}
