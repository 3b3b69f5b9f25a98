//! One HTTP/1.1 connection to a server, for one request after the other.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode};
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

/// What HTTP is spoken over.
pub trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

/// What an answer may take.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Until it is whole. `Duration::MAX` where the caller has a deadline of its own.
    pub within: Duration,
    /// The longest body; a longer one is left out.
    pub bytes_max: usize,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum ConnectionError {
    #[error("no connection within {0:?}")]
    ConnectTimeout(Duration),
    #[error("no connection")]
    Connect(#[source] io::Error),
    #[error("the host's name fits no certificate")]
    Name(#[source] rustls_pki_types::InvalidDnsNameError),
    #[error("no trusted connection; an authority of one's own is named with ca_file")]
    Tls(#[source] io::Error),
    #[error("the connection broke")]
    Http(#[source] hyper::Error),
    #[error("no whole answer within {0:?}")]
    AnswerTimeout(Duration),
    #[error("the answer broke off")]
    Body(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// What a server answered, its body as it came.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    /// `None` when it was longer than the limit.
    pub body: Option<Bytes>,
}

/// An open connection; closed when dropped.
#[derive(Debug)]
pub struct Connection {
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

/// A TCP connection to `host`, a name or an address without brackets.
pub async fn dial(host: &str, port: u16) -> io::Result<Box<dyn Stream>> {
    let stream = TcpStream::connect((host, port)).await?;
    stream.set_nodelay(true)?;
    Ok(Box::new(stream))
}

impl Connection {
    /// Speaks HTTP over what `dialling` gives; `tls`, with the name that the certificate must have, is for https. Name,
    /// connection and TLS have the time of `within`, `Duration::MAX` where the caller has a deadline of its own.
    pub async fn open(
        dialling: impl Future<Output = io::Result<Box<dyn Stream>>>,
        tls: Option<(Arc<ClientConfig>, String)>,
        within: Duration,
    ) -> Result<Self, ConnectionError> {
        let opening = async {
            let stream = dialling.await.map_err(ConnectionError::Connect)?;
            let stream: Box<dyn Stream> = match tls {
                Some((config, name)) => {
                    let name = ServerName::try_from(name).map_err(ConnectionError::Name)?;
                    Box::new(TlsConnector::from(config).connect(name, stream).await.map_err(ConnectionError::Tls)?)
                }
                None => stream,
            };
            handshake(TokioIo::new(stream)).await.map_err(ConnectionError::Http)
        };
        let (requests, connection) =
            timeout(within, opening).await.map_err(|_| ConnectionError::ConnectTimeout(within))??;
        let driver = tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection to a server ended");
            }
        });
        Ok(Self { requests, driver, is_used: false })
    }

    /// Whether a failure only tells that the server closed the connection after an earlier answer.
    pub(crate) fn is_used(&self) -> bool {
        self.is_used
    }

    /// Whether another request can be sent over it.
    pub(crate) fn is_open(&self) -> bool {
        !self.requests.is_closed()
    }

    /// Sends a request and reads the whole answer.
    pub async fn send(&mut self, request: Request<Full<Bytes>>, limits: Limits) -> Result<Answer, ConnectionError> {
        let Limits { within, bytes_max } = limits;
        let answering = async {
            self.requests.ready().await.map_err(ConnectionError::Http)?;
            let response = self.requests.send_request(request).await.map_err(ConnectionError::Http)?;
            let (parts, body) = response.into_parts();
            let body = match Limited::new(body, bytes_max).collect().await {
                Ok(body) => Some(body.to_bytes()),
                Err(error) if error.is::<LengthLimitError>() => None,
                Err(error) => return Err(ConnectionError::Body(error)),
            };
            Ok(Answer { status: parts.status, headers: parts.headers, body })
        };
        let answer = timeout(within, answering).await.map_err(|_| ConnectionError::AnswerTimeout(within))?;
        self.is_used |= answer.is_ok();
        answer
    }
}
