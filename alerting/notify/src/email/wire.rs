//! What SMTP is spoken over: TCP, or TLS with the same authorities as everything else that connects.
//!
//! The first words up to STARTTLS (RFC 3207) are exchanged here; what speaks over it afterwards sees a server that has
//! only just greeted.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use lettre::transport::smtp::client::AsyncTokioStream;
use orszem_client::{Pem, Tls, TlsError, Trust};
use orszem_model::prefix;
use rustls::ClientConfig;
use rustls_pki_types::{InvalidDnsNameError, ServerName};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::config::EmailTls;

/// What stands in for the greeting, which was read before TLS began.
const GREETING: &[u8] = b"220 TLS\r\n";
/// The longest reply before TLS, in bytes.
const REPLY_BYTES_MAX: u64 = 16 << 10;
/// What is told of a reply.
const TOLD_BYTES_MAX: usize = 200;

/// Why there is nothing to speak over.
#[derive(Debug, thiserror::Error)]
pub(super) enum WireError {
    #[error("no connection to {host}")]
    Connect {
        host: String,
        #[source]
        source: io::Error,
    },
    #[error("{host} said {said:?}")]
    Reply { host: String, said: String, is_final: bool },
    #[error("{host} does not offer STARTTLS, without which nothing is sent")]
    NoStarttls { host: String },
    #[error("{host} said more than it was asked before TLS began: somebody is in between")]
    Injected { host: String },
    #[error("the host's name fits no certificate")]
    Name(#[source] InvalidDnsNameError),
    #[error("no trusted connection to {host}; an authority of one's own is named with ca_file")]
    Tls {
        host: String,
        #[source]
        source: io::Error,
    },
    #[error("no TLS to connect with")]
    Trust(#[from] TlsError),
}

impl WireError {
    /// Whether it stays as it is, however often it is tried.
    pub(super) fn is_final(&self) -> bool {
        match self {
            Self::Reply { is_final, .. } => *is_final,
            Self::NoStarttls { .. } | Self::Name(_) => true,
            Self::Connect { .. } | Self::Injected { .. } | Self::Tls { .. } | Self::Trust(_) => false,
        }
    }
}

/// A connection to a mail server.
#[derive(Debug)]
pub(super) enum Wire {
    Plain(TcpStream),
    Secure {
        stream: Box<TlsStream<TcpStream>>,
        /// What is read before it.
        greeting: &'static [u8],
    },
}

impl Wire {
    /// Connects; `hello` is what one calls oneself.
    pub(super) async fn open(
        host: &str,
        port: u16,
        tls: EmailTls,
        trust: &Trust<'_>,
        hello: &str,
    ) -> Result<Self, WireError> {
        let failed = |source| WireError::Connect { host: host.to_owned(), source };
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        let stream = TcpStream::connect((bare, port)).await.map_err(failed)?;
        stream.set_nodelay(true).map_err(failed)?;
        match tls {
            EmailTls::None => Ok(Self::Plain(stream)),
            EmailTls::Tls => Ok(Self::Secure { stream: secure(stream, host, trust).await?, greeting: b"" }),
            EmailTls::Starttls => {
                let stream = upgrade(stream, host, hello).await?;
                Ok(Self::Secure { stream: secure(stream, host, trust).await?, greeting: GREETING })
            }
        }
    }
}

/// The system's authorities, or those of a file.
pub(super) fn trust(ca_file: Option<&std::path::Path>) -> Trust<'_> {
    Trust {
        ca: ca_file.map(Pem::File),
        certificate: None,
        key: None,
        versions: vec![&rustls::version::TLS13, &rustls::version::TLS12],
        takes_any: false,
    }
}

async fn secure(stream: TcpStream, host: &str, trust: &Trust<'_>) -> Result<Box<TlsStream<TcpStream>>, WireError> {
    let name = host.trim_start_matches('[').trim_end_matches(']').to_owned();
    let name = ServerName::try_from(name).map_err(WireError::Name)?;
    let mut config: ClientConfig = (*Tls::new(trust)?.current()).clone();
    // It is not HTTP that is spoken.
    config.alpn_protocols.clear();
    let connected = TlsConnector::from(Arc::new(config)).connect(name, stream).await;
    Ok(Box::new(connected.map_err(|source| WireError::Tls { host: host.to_owned(), source })?))
}

/// Greeting, EHLO, STARTTLS.
async fn upgrade(stream: TcpStream, host: &str, hello: &str) -> Result<TcpStream, WireError> {
    let mut stream = BufReader::new(stream);
    expect(&mut stream, host, "220").await?;
    let offered = ask(&mut stream, host, &format!("EHLO {hello}\r\n"), "250").await?;
    let is_starttls = |line: &str| line.get(4..).is_some_and(|word| word.trim().eq_ignore_ascii_case("STARTTLS"));
    if !offered.lines().any(is_starttls) {
        return Err(WireError::NoStarttls { host: host.to_owned() });
    }
    ask(&mut stream, host, "STARTTLS\r\n", "220").await?;
    // What came in the clear must not be taken for what comes behind TLS.
    if !stream.buffer().is_empty() {
        return Err(WireError::Injected { host: host.to_owned() });
    }
    Ok(stream.into_inner())
}

async fn ask(stream: &mut BufReader<TcpStream>, host: &str, command: &str, code: &str) -> Result<String, WireError> {
    let sent = stream.write_all(command.as_bytes()).await;
    sent.map_err(|source| WireError::Connect { host: host.to_owned(), source })?;
    expect(stream, host, code).await
}

/// A whole reply (RFC 5321 §4.2.1) of this code.
async fn expect(stream: &mut BufReader<TcpStream>, host: &str, code: &str) -> Result<String, WireError> {
    let failed = |source| WireError::Connect { host: host.to_owned(), source };
    let mut reply = String::new();
    loop {
        let mut line = String::new();
        let left = REPLY_BYTES_MAX.saturating_sub(reply.len() as u64);
        (&mut *stream).take(left).read_line(&mut line).await.map_err(failed)?;
        if !line.ends_with('\n') {
            return Err(failed(io::Error::new(io::ErrorKind::UnexpectedEof, "its reply broke off")));
        }
        reply.push_str(&line);
        if line.as_bytes().get(3) != Some(&b'-') {
            break;
        }
    }
    if reply.starts_with(code) {
        return Ok(reply);
    }
    let said = prefix(reply.trim(), TOLD_BYTES_MAX).to_owned();
    Err(WireError::Reply { host: host.to_owned(), said, is_final: reply.starts_with('5') })
}

impl AsyncRead for Wire {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_read(cx, buf),
            Self::Secure { stream, greeting: [] } => Pin::new(stream.as_mut()).poll_read(cx, buf),
            Self::Secure { greeting, .. } => {
                let (now, later) = greeting.split_at(greeting.len().min(buf.remaining()));
                buf.put_slice(now);
                *greeting = later;
                Poll::Ready(Ok(()))
            }
        }
    }
}

impl AsyncWrite for Wire {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write(cx, buf),
            Self::Secure { stream, .. } => Pin::new(stream.as_mut()).poll_write(cx, buf),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Self::Secure { stream, .. } => Pin::new(stream.as_mut()).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Secure { stream, .. } => Pin::new(stream.as_mut()).poll_shutdown(cx),
        }
    }
}

impl AsyncTokioStream for Wire {
    fn peer_addr(&self) -> io::Result<SocketAddr> {
        match self {
            Self::Plain(stream) => stream.peer_addr(),
            Self::Secure { stream, .. } => stream.get_ref().0.peer_addr(),
        }
    }
}
