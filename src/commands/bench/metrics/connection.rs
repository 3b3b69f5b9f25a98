//! One connection that is kept: remote writes, and queries.

use anyhow::{Context, bail};
use bytes::Bytes;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE, HOST};
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// A connection to a measured system.
pub(super) struct Connection {
    sender: SendRequest<Full<Bytes>>,
    address: String,
}

impl Connection {
    pub(super) async fn open(address: &str) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(address).await.with_context(|| format!("can't reach {address}"))?;
        stream.set_nodelay(true)?;
        let (sender, driving) = handshake(TokioIo::new(stream)).await?;
        tokio::spawn(driving);
        Ok(Self { sender, address: address.to_owned() })
    }

    /// Sends a remote write request.
    pub(super) async fn write(&mut self, body: Vec<u8>) -> anyhow::Result<()> {
        let request = Request::builder()
            .method(Method::POST)
            .uri("/api/v1/write")
            .header(HOST, &self.address)
            .header(CONTENT_TYPE, "application/x-protobuf")
            .header(CONTENT_ENCODING, "snappy")
            .header("X-Prometheus-Remote-Write-Version", "0.1.0")
            .body(Full::new(Bytes::from(body)))?;
        let (status, answer) = self.send(request).await?;
        if !status.is_success() {
            bail!("remote write: {status}: {}", String::from_utf8_lossy(&answer));
        }
        Ok(())
    }

    /// The answer to a GET, whatever its status.
    pub(super) async fn get(&mut self, path: &str) -> anyhow::Result<(StatusCode, Bytes)> {
        self.empty(Method::GET, path).await
    }

    /// The answer to a POST without a body, whatever its status.
    pub(super) async fn post(&mut self, path: &str) -> anyhow::Result<(StatusCode, Bytes)> {
        self.empty(Method::POST, path).await
    }

    async fn empty(&mut self, method: Method, path: &str) -> anyhow::Result<(StatusCode, Bytes)> {
        let request = Request::builder().method(method).uri(path).header(HOST, &self.address);
        self.send(request.body(Full::new(Bytes::new()))?).await
    }

    async fn send(&mut self, request: Request<Full<Bytes>>) -> anyhow::Result<(StatusCode, Bytes)> {
        self.sender.ready().await.context("the connection is closed")?;
        let response = self.sender.send_request(request).await.context("no answer")?;
        let status = response.status();
        Ok((status, response.into_body().collect().await.context("the answer broke off")?.to_bytes()))
    }
}
