//! Gets what is at a URL, as a job's `http_config` says.

mod authorize;
mod tls;
mod url;

use std::io::{self, Read};
use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use flate2::read::MultiGzDecoder;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE, HOST, LOCATION, USER_AGENT};
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode};
use http_body_util::Full;
use orszem_client::{Answer, Connection, ConnectionError, Kept, Limits, Tls, TlsError, dial};

use crate::config::{ClientConfig, Scheme};

pub(crate) use url::{Url, UrlError};

const AGENT: HeaderValue = HeaderValue::from_static(concat!("orszem/", env!("CARGO_PKG_VERSION")));
/// As many redirects as Prometheus follows.
const REDIRECTS_MAX: usize = 10;
/// The largest body, uncompressed, where the configuration sets no limit.
const BODY_BYTES_MAX: u64 = 512 << 20;
/// A scrape has a deadline as a whole, and so has a discovery.
const UNTIMED: Duration = Duration::MAX;

/// Why a scrape got no body.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    #[error(transparent)]
    Connection(#[from] ConnectionError),
    #[error("no TLS to connect with")]
    TlsConfig(#[from] TlsError),
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
    /// Read when it is needed first.
    tls: Option<Tls>,
    kept: Kept,
}

impl Fetcher {
    pub(crate) fn new(config: ClientConfig) -> Self {
        Self { config, tls: None, kept: Kept::default() }
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
            let mut request = Request::new(Full::default());
            *request.method_mut() = Method::GET;
            *request.uri_mut() = http::Uri::from(url.path.clone());
            headers.clone_into(request.headers_mut());
            request.headers_mut().insert(HOST, host.clone());
            request
        };
        let Self { config, tls, kept } = self;
        let open = async {
            let tls = match url.scheme {
                Scheme::Http => None,
                Scheme::Https => Some(tls::current(tls, &config.tls_config, &url.host)?),
            };
            Ok(Connection::open(dial(&url.host, url.port), tls, UNTIMED).await?)
        };
        let limits = Limits { within: UNTIMED, bytes_max: usize::try_from(bytes_max).unwrap_or(usize::MAX) };
        kept.send(url.server(), request, limits, open).await
    }
}

fn fetched(answer: Answer, bytes_max: u64) -> Result<Fetched, FetchError> {
    let Answer { status: _, headers, body } = answer;
    let body = body.ok_or(FetchError::TooLarge)?;
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let content_type = text(CONTENT_TYPE).to_owned();
    if !text(CONTENT_ENCODING).eq_ignore_ascii_case("gzip") {
        return Ok(Fetched { body, content_type });
    }
    let mut unpacked = Vec::with_capacity(body.len().saturating_mul(8).min(16 << 20));
    let mut decoder = MultiGzDecoder::new(body.as_ref()).take(bytes_max.saturating_add(1));
    decoder.read_to_end(&mut unpacked).map_err(FetchError::Gzip)?;
    if unpacked.len() as u64 > bytes_max {
        return Err(FetchError::TooLarge);
    }
    Ok(Fetched { body: unpacked.into(), content_type })
}
