//! The command line's HTTP client: one request a connection, JSON answers, errors as the server tells them.

use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HOST};
use http::{HeaderValue, Method, Request, Response, Uri};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls_pki_types::ServerName;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_tungstenite::WebSocketStream;

use crate::tls::read_chain;

const CONNECT_WITHIN: Duration = Duration::from_secs(10);
/// The server's own deadline for questions is at most 5 minutes.
const ANSWER_WITHIN: Duration = Duration::from_secs(330);
/// The system's certificate authorities, on Debian and Alpine, and on Red Hat.
const SYSTEM_CAS: [&str; 2] = ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt"];

const NO_ANSWER: &str = "the server does not answer in time";
const BROKE_OFF: &str = "the server broke off in the middle of its answer";

/// The task that reads and writes a connection.
type Driving = JoinHandle<hyper::Result<()>>;

/// A stream to the server, encrypted or not.
pub trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

/// Speaks to one server.
#[derive(Clone)]
pub struct Client {
    host: String,
    port: u16,
    token: Option<HeaderValue>,
    tls: Option<Arc<ClientConfig>>,
}

/// Why the server did not do what it was asked.
#[derive(Debug, thiserror::Error)]
#[error("{message} ({code})")]
pub struct Refused {
    pub code: String,
    pub message: String,
    /// Where the query is wrong, in characters from 0.
    pub position: Option<usize>,
}

/// An error in our own form, or in those of the APIs of Prometheus and Alertmanager.
#[derive(Deserialize)]
#[serde(untagged)]
enum ErrorBody {
    Own {
        code: String,
        message: String,
        position: Option<usize>,
    },
    Prometheus {
        #[serde(rename = "errorType")]
        kind: String,
        error: String,
    },
    Alertmanager(String),
    AlertmanagerField {
        code: u16,
        message: String,
    },
}

impl Client {
    /// A client of `server`, a URL without a path. `local_ca` is trusted besides the system's where the file is there.
    pub fn new(
        server: &str,
        token_file: Option<&Path>,
        ca_file: Option<&Path>,
        local_ca: Option<&Path>,
    ) -> anyhow::Result<Self> {
        let wrong = || format!("--server {server}: write a URL such as http://127.0.0.1:7450");
        let uri: Uri = server.parse().with_context(wrong)?;
        let default_port = match uri.scheme_str() {
            Some("http") => 80,
            Some("https") => 443,
            _ => bail!("{}", wrong()),
        };
        if !matches!(uri.path(), "" | "/") {
            bail!("--server {server}: leave out the path");
        }
        let authority = uri.authority().with_context(wrong)?;
        let host = authority.host().to_owned();
        let tls = match uri.scheme_str() {
            Some("https") => Some(Arc::new(trust(ca_file, local_ca)?)),
            _ => None,
        };
        let token = token_file.map(read_token).transpose()?;
        Ok(Self { host, port: authority.port_u16().unwrap_or(default_port), token, tls })
    }

    /// The JSON answer to `GET path?parameters`.
    pub async fn get<T: DeserializeOwned>(&self, path: &str, parameters: &[(&str, String)]) -> anyhow::Result<T> {
        let request = self.request(Method::GET, &with_parameters(path, parameters), Bytes::new(), None)?;
        let body = self.send(request).await?;
        serde_json::from_slice(&body).context("the server's answer is not the JSON that this version expects")
    }

    /// The raw answer to a `POST` of `body`.
    pub async fn post(&self, path: &str, kind: &'static str, body: Bytes) -> anyhow::Result<Bytes> {
        let request = self.request(Method::POST, path, body, Some(kind))?;
        self.send(request).await
    }

    /// `DELETE path`.
    pub async fn delete(&self, path: &str) -> anyhow::Result<()> {
        let request = self.request(Method::DELETE, path, Bytes::new(), None)?;
        self.send(request).await.map(drop)
    }

    /// The answer to `GET path`, whatever its status.
    pub async fn look(&self, path: &str) -> anyhow::Result<Response<Bytes>> {
        self.exchange(self.request(Method::GET, path, Bytes::new(), None)?).await
    }

    /// Opens a WebSocket.
    pub async fn socket(
        &self,
        path: &str,
        parameters: &[(&str, String)],
    ) -> anyhow::Result<WebSocketStream<Box<dyn Stream>>> {
        use tokio_tungstenite::tungstenite::client::IntoClientRequest;
        let scheme = if self.tls.is_some() { "wss" } else { "ws" };
        let url = format!("{scheme}://{}{}", self.authority(), with_parameters(path, parameters));
        let mut request = url.into_client_request().context("the server's name makes no URL")?;
        if let Some(token) = &self.token {
            request.headers_mut().insert(AUTHORIZATION, token.clone());
        }
        let stream = self.connect().await?;
        match timeout(ANSWER_WITHIN, tokio_tungstenite::client_async(request, stream)).await {
            Ok(Ok((socket, _))) => Ok(socket),
            Ok(Err(tokio_tungstenite::tungstenite::Error::Http(response))) => {
                let body = response.body().as_deref().unwrap_or_default();
                Err(refused(response.status(), body).into())
            }
            Ok(Err(error)) => Err(error).context("the server opens no live connection"),
            Err(error) => Err(error).context("the server does not answer"),
        }
    }

    fn authority(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }

    fn request(
        &self,
        method: Method,
        path: &str,
        body: Bytes,
        kind: Option<&'static str>,
    ) -> anyhow::Result<Request<Full<Bytes>>> {
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = method;
        *request.uri_mut() = path.parse().context("the parameters make no URL")?;
        let headers = request.headers_mut();
        headers.insert(HOST, HeaderValue::from_str(&self.authority())?);
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        if let Some(kind) = kind {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
        }
        if let Some(token) = &self.token {
            headers.insert(AUTHORIZATION, token.clone());
        }
        Ok(request)
    }

    async fn send(&self, request: Request<Full<Bytes>>) -> anyhow::Result<Bytes> {
        let (parts, body) = self.exchange(request).await?.into_parts();
        if parts.status.is_success() { Ok(body) } else { Err(refused(parts.status, &body).into()) }
    }

    /// Writes the answer to a `POST` without a body into `out`, as large and for as long as it comes.
    pub async fn download(&self, path: &str, out: &mut impl Write) -> anyhow::Result<()> {
        let request = self.request(Method::POST, path, Bytes::new(), None)?;
        let (response, driving) = timeout(ANSWER_WITHIN, self.begin(request)).await.context(NO_ANSWER)??;
        let (parts, mut body) = response.into_parts();
        if !parts.status.is_success() {
            let body = timeout(ANSWER_WITHIN, body.collect()).await.context(NO_ANSWER)?.context(BROKE_OFF)?;
            return Err(refused(parts.status, &body.to_bytes()).into());
        }
        while let Some(frame) = timeout(ANSWER_WITHIN, body.frame()).await.context(NO_ANSWER)? {
            if let Ok(chunk) = frame.context(BROKE_OFF)?.into_data() {
                tokio::task::block_in_place(|| out.write_all(&chunk)).context("can't write what the server sends")?;
            }
        }
        driving.abort();
        Ok(())
    }

    async fn exchange(&self, request: Request<Full<Bytes>>) -> anyhow::Result<Response<Bytes>> {
        let answer = async {
            let (response, driving) = self.begin(request).await?;
            let (parts, body) = response.into_parts();
            let body = body.collect().await.context(BROKE_OFF)?.to_bytes();
            driving.abort();
            Ok(Response::from_parts(parts, body))
        };
        timeout(ANSWER_WITHIN, answer).await.context(NO_ANSWER)?
    }

    /// The head of the answer, and the task that the rest of it comes from.
    async fn begin(&self, request: Request<Full<Bytes>>) -> anyhow::Result<(Response<Incoming>, Driving)> {
        let stream = TokioIo::new(self.connect().await?);
        let (mut sender, connection) = hyper::client::conn::http1::handshake(stream).await?;
        let driving = tokio::spawn(connection);
        let response = sender.send_request(request).await.context("the server broke off")?;
        Ok((response, driving))
    }

    async fn connect(&self) -> anyhow::Result<Box<dyn Stream>> {
        let bare = self.host.trim_start_matches('[').trim_end_matches(']');
        let connecting = timeout(CONNECT_WITHIN, TcpStream::connect((bare, self.port)));
        let nobody =
            || format!("no server at {}: start one with `orszem up`, or name another with --server", self.authority());
        let stream = connecting.await.with_context(nobody)?.with_context(nobody)?;
        stream.set_nodelay(true)?;
        let Some(tls) = &self.tls else { return Ok(Box::new(stream)) };
        let name = ServerName::try_from(bare.to_owned()).context("the server's name fits no certificate")?;
        let shaken = TlsConnector::from(Arc::clone(tls)).connect(name, stream).await;
        let stream = shaken
            .context("no trusted connection to the server; its certificate authority can be named with --ca-file")?;
        Ok(Box::new(stream))
    }
}

fn refused(status: http::StatusCode, body: &[u8]) -> Refused {
    match serde_json::from_slice::<ErrorBody>(body) {
        Ok(ErrorBody::Own { code, message, position }) => Refused { code, message, position },
        Ok(ErrorBody::Prometheus { kind, error }) => Refused { code: kind, message: error, position: None },
        Ok(ErrorBody::Alertmanager(message)) => Refused { code: status.as_str().to_owned(), message, position: None },
        Ok(ErrorBody::AlertmanagerField { code, message }) => {
            Refused { code: code.to_string(), message, position: None }
        }
        Err(_) => Refused {
            code: status.as_str().to_owned(),
            message: format!("the server answers {status}; is it Őrszem?"),
            position: None,
        },
    }
}

fn trust(ca_file: Option<&Path>, local_ca: Option<&Path>) -> anyhow::Result<ClientConfig> {
    let mut roots = rustls::RootCertStore::empty();
    match ca_file {
        Some(path) => {
            for certificate in read_chain(path)? {
                roots.add(certificate).with_context(|| format!("{} holds no certificate authority", path.display()))?;
            }
        }
        None => {
            let known = SYSTEM_CAS.iter().map(Path::new).chain(local_ca);
            for path in known.filter(|path| path.is_file()) {
                roots.add_parsable_certificates(read_chain(path)?);
            }
        }
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    let mut config = builder.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

fn read_token(path: &Path) -> anyhow::Result<HeaderValue> {
    let text = std::fs::read_to_string(path).with_context(|| format!("can't read the token in {}", path.display()))?;
    let token = text.trim();
    if token.is_empty() || token.split_whitespace().count() != 1 {
        bail!("{} must hold one token and nothing else, as `orszem token new` printed it", path.display());
    }
    let mut value =
        HeaderValue::from_str(&format!("Bearer {token}")).context("the token has characters that no token has")?;
    value.set_sensitive(true);
    Ok(value)
}

fn with_parameters(path: &str, parameters: &[(&str, String)]) -> String {
    let mut url = path.to_owned();
    for (at, (name, value)) in parameters.iter().enumerate() {
        url.push(if at == 0 { '?' } else { '&' });
        url.push_str(name);
        url.push('=');
        for byte in value.bytes() {
            if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
                url.push(char::from(byte));
            } else {
                url.push_str(&format!("%{byte:02X}"));
            }
        }
    }
    url
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_escaped() {
        let url = with_parameters("/x", &[("q", "a b&\"ő\"".to_owned()), ("n", "1".to_owned())]);
        assert_eq!(url, "/x?q=a%20b%26%22%C5%91%22&n=1");
    }

    #[test]
    fn a_wrong_server_or_token_is_told() {
        let error = |server: &str| Client::new(server, None, None, None).err().map(|error| error.to_string());
        assert_eq!(error("http://h:1"), None);
        assert_eq!(error("h:1").as_deref(), Some("--server h:1: write a URL such as http://127.0.0.1:7450"));
        assert_eq!(error("http://h/x").as_deref(), Some("--server http://h/x: leave out the path"));
        let file = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(file.path(), "a read 0 sha256:00").expect("writes");
        let refused = Client::new("http://h", Some(file.path()), None, None).err().expect("four words").to_string();
        assert!(
            refused.ends_with("must hold one token and nothing else, as `orszem token new` printed it"),
            "{refused}"
        );
    }
}
