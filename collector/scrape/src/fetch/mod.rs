//! Gets what is at a URL, as a job's `http_config` says.

mod authorize;
mod connection;
mod tls;
mod url;

use std::io::{self, Read};
use std::path::PathBuf;
use std::sync::Mutex;

use bytes::Bytes;
use flate2::read::MultiGzDecoder;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE, HOST, LOCATION, USER_AGENT};
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode};
use http_body_util::Empty;

use crate::config::{ClientConfig, Scheme};
use connection::{Answer, Connection};
use tls::Tls;

pub use tls::TlsError;
pub(crate) use url::{Url, UrlError};

const AGENT: HeaderValue = HeaderValue::from_static(concat!("orszem/", env!("CARGO_PKG_VERSION")));
/// As many redirects as Prometheus follows.
const REDIRECTS_MAX: usize = 10;
/// The largest body, uncompressed, where the configuration sets no limit.
const BODY_BYTES_MAX: u64 = 512 << 20;

/// Why a scrape got no body.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    #[error("no connection")]
    Connect(#[source] io::Error),
    #[error("the host's name fits no certificate")]
    Name(#[source] rustls_pki_types::InvalidDnsNameError),
    #[error("no trusted connection")]
    Tls(#[source] io::Error),
    #[error("no TLS to connect with")]
    TlsConfig(#[from] TlsError),
    #[error("the connection broke")]
    Http(#[source] hyper::Error),
    #[error("the answer broke off")]
    Body(#[source] io::Error),
    #[error("body size limit exceeded")]
    TooLarge,
    #[error("can't decompress the body")]
    Gzip(#[source] io::Error),
    #[error("can't read {}", path.display())]
    Secret {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("what {place} holds can't be sent as a header")]
    Header { place: String },
    #[error("server returned HTTP status {0}")]
    Status(StatusCode),
    #[error("the server redirects to {0:?}, which can't be followed")]
    Redirect(String),
    #[error("stopped after 10 redirects")]
    Redirects,
}

/// A body with what its server said of it.
#[derive(Debug)]
pub(crate) struct Fetched {
    /// Uncompressed.
    pub(crate) body: Bytes,
    /// Empty if there was none.
    pub(crate) content_type: String,
}

/// Gets over one connection, which is kept.
#[derive(Debug)]
pub(crate) struct Fetcher {
    config: ClientConfig,
    tls: Mutex<Tls>,
    /// The open connection and where it leads.
    kept: Option<(Url, Connection)>,
}

impl Fetcher {
    pub(crate) fn new(config: ClientConfig) -> Self {
        let tls = Mutex::new(Tls::new(config.tls_config.clone()));
        Self { config, tls, kept: None }
    }

    /// Gets `url`; `headers` are added to those of every request. A `bytes_max` of 0 stands for 512 MiB.
    pub(crate) async fn get(&mut self, url: &Url, headers: &HeaderMap, bytes_max: u64) -> Result<Fetched, FetchError> {
        let bytes_max = if bytes_max == 0 { BODY_BYTES_MAX } else { bytes_max };
        let mut at = url.clone();
        for _ in 0..=REDIRECTS_MAX {
            let mut headers = headers.clone();
            headers.insert(USER_AGENT, AGENT);
            // Another server is not to learn the credentials.
            if at.is_same_server(url) {
                authorize::add(&self.config, &mut headers).await?;
            }
            let answer = self.exchange(&at, &headers, bytes_max).await?;
            match answer.status {
                StatusCode::OK => return fetched(answer, bytes_max),
                StatusCode::MOVED_PERMANENTLY
                | StatusCode::FOUND
                | StatusCode::SEE_OTHER
                | StatusCode::TEMPORARY_REDIRECT
                | StatusCode::PERMANENT_REDIRECT
                    if self.config.follow_redirects =>
                {
                    let location = answer.headers.get(LOCATION).and_then(|value| value.to_str().ok()).unwrap_or("");
                    at = at.join(location).map_err(|_| FetchError::Redirect(location.to_owned()))?;
                }
                status => return Err(FetchError::Status(status)),
            }
        }
        Err(FetchError::Redirects)
    }

    async fn exchange(&mut self, url: &Url, headers: &HeaderMap, bytes_max: u64) -> Result<Answer, FetchError> {
        let host = HeaderValue::from_str(&url.authority);
        let host = host.map_err(|_| FetchError::Header { place: url.authority.clone() })?;
        let request = || {
            let mut request = Request::new(Empty::new());
            *request.method_mut() = Method::GET;
            *request.uri_mut() = http::Uri::from(url.path.clone());
            headers.clone_into(request.headers_mut());
            request.headers_mut().insert(HOST, host.clone());
            request
        };
        let bytes_max = usize::try_from(bytes_max).unwrap_or(usize::MAX);
        let is_fit = |(to, connection): &(Url, Connection)| to.is_same_server(url) && connection.is_open();
        if let Some((_, mut connection)) = self.kept.take().filter(is_fit) {
            match connection.send(request(), bytes_max).await {
                Ok(answer) => {
                    self.kept = Some((url.clone(), connection));
                    return Ok(answer);
                }
                // The server closed it while it was idle, perhaps: a new one tells.
                Err(FetchError::Http(error)) if connection.is_used() => {
                    tracing::debug!(%url, %error, "a kept connection broke");
                }
                Err(error) => return Err(error),
            }
        }
        let mut connection = Connection::open(url, self.tls_for(url)?).await?;
        let answer = connection.send(request(), bytes_max).await?;
        self.kept = Some((url.clone(), connection));
        Ok(answer)
    }

    fn tls_for(&self, url: &Url) -> Result<Option<(std::sync::Arc<rustls::ClientConfig>, String)>, TlsError> {
        match url.scheme {
            Scheme::Http => Ok(None),
            Scheme::Https => {
                let mut tls = self.tls.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                let current = tls.current()?;
                let name = tls.server_name().unwrap_or(&url.host).to_owned();
                Ok(Some((current, name)))
            }
        }
    }
}

fn fetched(answer: Answer, bytes_max: u64) -> Result<Fetched, FetchError> {
    let text = |name| answer.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let content_type = text(CONTENT_TYPE).to_owned();
    if !text(CONTENT_ENCODING).eq_ignore_ascii_case("gzip") {
        return Ok(Fetched { body: answer.body, content_type });
    }
    let mut body = Vec::with_capacity(answer.body.len().saturating_mul(8).min(16 << 20));
    let mut decoder = MultiGzDecoder::new(answer.body.as_ref()).take(bytes_max.saturating_add(1));
    decoder.read_to_end(&mut body).map_err(FetchError::Gzip)?;
    if body.len() as u64 > bytes_max {
        return Err(FetchError::TooLarge);
    }
    Ok(Fetched { body: body.into(), content_type })
}
