//! HTTP as channels need it: one POST to a checked address, no redirects, bounded answers, and what the status means.

mod reach;
mod url;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HOST, RETRY_AFTER, USER_AGENT};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode, Uri};
use http_body_util::Full;
use orszem_client::{Answer, Connection, ConnectionError, Limits, Pem, Tls, TlsError, Trust};
use orszem_model::{chain, prefix};

use crate::outcome::Outcome;

pub(crate) use reach::Reach;
pub(crate) use url::Url;

const AGENT: HeaderValue = HeaderValue::from_static(concat!("orszem/", env!("CARGO_PKG_VERSION")));
/// What is read of an answer; the rest is left out, and the status counts.
const ANSWER_BYTES_MAX: usize = 64 << 10;
/// What is told of an answer.
const TOLD_BYTES_MAX: usize = 200;
/// The longest pause that a server may ask for.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(3600);
/// The longest file with a secret.
const SECRET_BYTES_MAX: usize = 64 << 10;

/// Why there was no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HttpError {
    #[error("{host} has no address")]
    Resolve {
        host: String,
        #[source]
        source: io::Error,
    },
    #[error("{host} has no address that may be reached from here; private ones have to be allowed")]
    NotAllowed { host: String },
    #[error(transparent)]
    Connection(#[from] ConnectionError),
    #[error("no TLS to connect with")]
    Tls(#[from] TlsError),
    #[error("what {place} holds can't be sent as a header")]
    Header { place: String },
    #[error("can't read {}", path.display())]
    Secret {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
}

impl HttpError {
    pub(crate) fn outcome(&self) -> Outcome {
        match self {
            Self::NotAllowed { .. } | Self::Header { .. } | Self::Connection(ConnectionError::Name(_)) => {
                Outcome::refused(&chain(self))
            }
            Self::Resolve { .. } | Self::Connection(_) | Self::Tls(_) | Self::Secret { .. } => {
                Outcome::retry(&chain(self))
            }
        }
    }
}

/// Files that say whom to trust and who one is.
#[derive(Clone, Debug, Default)]
pub(crate) struct TlsFiles {
    pub(crate) ca: Option<PathBuf>,
    pub(crate) certificate: Option<PathBuf>,
    pub(crate) key: Option<PathBuf>,
}

impl TlsFiles {
    fn trust(&self) -> Trust<'_> {
        Trust {
            ca: self.ca.as_deref().map(Pem::File),
            certificate: self.certificate.as_deref().map(Pem::File),
            key: self.key.as_deref().map(Pem::File),
            versions: vec![&rustls::version::TLS13, &rustls::version::TLS12],
            takes_any: false,
        }
    }
}

/// Posts; each request has a connection of its own, so that none is told by an answer to another.
#[derive(Debug)]
pub(crate) struct Client {
    files: TlsFiles,
    /// Read when it is needed first, and again when its files change.
    tls: Mutex<Option<Tls>>,
    reach: Reach,
}

impl Client {
    pub(crate) fn new(files: TlsFiles, reach: Reach) -> Self {
        Self { files, tls: Mutex::new(None), reach }
    }

    /// Posts `body`. Whoever calls has a deadline.
    pub(crate) async fn post(&self, url: &Url, headers: HeaderMap, body: Bytes) -> Result<Answer, HttpError> {
        self.request(Method::POST, url, headers, body).await
    }

    /// As [`Self::post`], by another method.
    pub(crate) async fn request(
        &self,
        method: Method,
        url: &Url,
        headers: HeaderMap,
        body: Bytes,
    ) -> Result<Answer, HttpError> {
        let addresses = self.reach.addresses(&url.host, url.port).await?;
        let tls = if url.is_https { Some((self.tls()?, url.host.clone())) } else { None };
        let dialling = reach::dial(addresses);
        let mut connection = Connection::open(dialling, tls, Duration::MAX).await?;
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = method;
        *request.uri_mut() = Uri::from(url.path.clone());
        *request.headers_mut() = headers;
        let host = HeaderValue::from_str(&url.authority);
        request.headers_mut().insert(HOST, host.map_err(|_| HttpError::Header { place: url.authority.clone() })?);
        request.headers_mut().entry(USER_AGENT).or_insert(AGENT);
        let limits = Limits { within: Duration::MAX, bytes_max: ANSWER_BYTES_MAX };
        Ok(connection.send(request, limits).await?)
    }

    fn tls(&self) -> Result<std::sync::Arc<rustls::ClientConfig>, TlsError> {
        let mut loaded = self.tls.lock().unwrap_or_else(PoisonError::into_inner);
        let trust = self.files.trust();
        match loaded.as_mut() {
            Some(tls) => {
                tls.refresh(&trust)?;
                Ok(tls.current())
            }
            None => Ok(loaded.insert(Tls::new(&trust)?).current()),
        }
    }
}

/// What an answer means: 2xx is delivered; 408, 425, 429 and 5xx may pass; all others will stay, redirects too, which
/// are not followed: they could lead anywhere.
pub(crate) fn outcome(answer: &Answer, remote_id: String, now: SystemTime) -> Outcome {
    let status = answer.status;
    let said = told(answer);
    let words = if said.is_empty() { format!("HTTP {status}") } else { format!("HTTP {status}: {said}") };
    if status.is_success() {
        return Outcome::delivered(&words, remote_id);
    }
    let may_pass = [StatusCode::REQUEST_TIMEOUT, StatusCode::TOO_EARLY, StatusCode::TOO_MANY_REQUESTS]
        .contains(&status)
        || status.is_server_error();
    if may_pass { Outcome::retry_after(asked(&answer.headers, now), &words) } else { Outcome::refused(&words) }
}

/// The beginning of an answer's text.
fn told(answer: &Answer) -> String {
    let body = answer.body.as_ref().map(|body| String::from_utf8_lossy(body)).unwrap_or_default();
    prefix(body.trim(), TOLD_BYTES_MAX).to_owned()
}

/// What `Retry-After` asks for, seconds or a date (RFC 9110 §10.2.3), at most an hour.
fn asked(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let value = headers.get(RETRY_AFTER)?;
    let Some(pause) = value.to_str().ok().and_then(|value| pause(value.trim(), now)) else {
        tracing::debug!(?value, "a Retry-After is neither seconds nor a date");
        return None;
    };
    Some(pause.min(RETRY_AFTER_MAX))
}

fn pause(value: &str, now: SystemTime) -> Option<Duration> {
    if let Ok(seconds) = value.parse() {
        return Some(Duration::from_secs(seconds));
    }
    // A date that is over asks for no pause.
    httpdate::parse_http_date(value).ok().map(|date| date.duration_since(now).unwrap_or(Duration::ZERO))
}

/// What a file holds but for the end of its last line.
pub(crate) async fn secret(path: &Path) -> Result<String, HttpError> {
    let failed = |source| HttpError::Secret { path: path.to_owned(), source };
    let text = tokio::fs::read_to_string(path).await.map_err(failed)?;
    let text = text.trim_end_matches(['\r', '\n']);
    if text.is_empty() || text.len() > SECRET_BYTES_MAX {
        return Err(failed(io::Error::new(io::ErrorKind::InvalidData, "it is empty, or too long for a secret")));
    }
    Ok(text.to_owned())
}

/// Sets the header `Authorization` from what files hold: a bearer token, or a user's password.
pub(crate) async fn authorize(
    headers: &mut HeaderMap,
    token_file: Option<&Path>,
    user: &str,
    password_file: Option<&Path>,
) -> Result<Option<String>, HttpError> {
    let (value, secret, place) = match (token_file, password_file) {
        (Some(path), _) => {
            let token = secret(path).await?;
            (format!("Bearer {token}"), token, path)
        }
        (None, Some(path)) => {
            let password = secret(path).await?;
            (format!("Basic {}", STANDARD.encode(format!("{user}:{password}"))), password, path)
        }
        (None, None) => return Ok(None),
    };
    headers.insert(AUTHORIZATION, sensitive(&value, &place.display().to_string())?);
    Ok(Some(secret))
}

/// A header's value that is not shown.
pub(crate) fn sensitive(value: &str, place: &str) -> Result<HeaderValue, HttpError> {
    let mut value = HeaderValue::from_str(value).map_err(|_| HttpError::Header { place: place.to_owned() })?;
    value.set_sensitive(true);
    Ok(value)
}

/// The header `Content-Type` alone.
pub(crate) fn content(kind: &'static str) -> HeaderMap {
    [(CONTENT_TYPE, HeaderValue::from_static(kind))].into_iter().collect::<HeaderMap>()
}

/// Inserts a header whose name is right.
pub(crate) fn put(headers: &mut HeaderMap, name: &'static str, value: &str) -> Result<(), HttpError> {
    let text = HeaderValue::from_str(value).map_err(|_| HttpError::Header { place: name.to_owned() })?;
    headers.insert(HeaderName::from_static(name), text);
    Ok(())
}

#[cfg(test)]
mod tests;
