//! One HTTP/1.1 connection to a server, kept for one request after the other.

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::{BodyExt, Empty, LengthLimitError, Limited};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls_pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio_rustls::TlsConnector;

use super::FetchError;
use super::url::Url;

trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

/// What a server answered, its body still compressed.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

/// An open connection; closed when dropped.
#[derive(Debug)]
pub(super) struct Connection {
    requests: SendRequest<Empty<Bytes>>,
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
    /// Connects; `tls`, with the name that the certificate must have, is for https.
    pub(super) async fn open(url: &Url, tls: Option<(Arc<ClientConfig>, String)>) -> Result<Self, FetchError> {
        let stream = TcpStream::connect((url.host.as_str(), url.port)).await.map_err(FetchError::Connect)?;
        stream.set_nodelay(true).map_err(FetchError::Connect)?;
        let stream: Box<dyn Stream> = match tls {
            Some((config, name)) => {
                let name = ServerName::try_from(name).map_err(FetchError::Name)?;
                Box::new(TlsConnector::from(config).connect(name, stream).await.map_err(FetchError::Tls)?)
            }
            None => Box::new(stream),
        };
        let (requests, connection) = handshake(TokioIo::new(stream)).await.map_err(FetchError::Http)?;
        let driver = tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection to a target ended");
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

    /// Sends a request and reads the whole answer, of at most `bytes_max` bytes.
    pub(super) async fn send(
        &mut self,
        request: Request<Empty<Bytes>>,
        bytes_max: usize,
    ) -> Result<Answer, FetchError> {
        self.requests.ready().await.map_err(FetchError::Http)?;
        let response = self.requests.send_request(request).await.map_err(FetchError::Http)?;
        let (parts, body) = response.into_parts();
        let body = match Limited::new(body, bytes_max).collect().await {
            Ok(body) => body.to_bytes(),
            Err(error) if error.is::<LengthLimitError>() => return Err(FetchError::TooLarge),
            Err(error) => return Err(FetchError::Body(io::Error::other(error))),
        };
        self.is_used = true;
        Ok(Answer { status: parts.status, headers: parts.headers, body })
    }
}
