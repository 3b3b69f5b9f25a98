//! Sends a batch over HTTP to the endpoint in use.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use ::http::header::{AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE, HOST, USER_AGENT};
use ::http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri};
use bytes::Bytes;
use http_body_util::Full;
use orszem_client::{Answer, ConnectionError, Kept, Tls};
use rustls::ClientConfig;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::config::{Endpoint, OutputConfig};
use super::dial::{ANSWER, Dial};
use super::edges::TellError;
use super::endpoints::OutputStatus;
use super::probe;
use super::reply::{About, Reply, reply};
use super::sender::{Piece, StartError};
use super::signal::Signal;
use super::token::Token;
use crate::Wrong;
use crate::error::chain;

const AGENT: &str = concat!("orszem/", env!("CARGO_PKG_VERSION"));

/// The connections to the endpoints.
#[derive(Debug)]
pub(super) struct Http {
    config: OutputConfig,
    endpoints: Arc<[Endpoint]>,
    token: Option<Token>,
    tls: Option<Tls>,
    /// What the probe connects with.
    tls_in_use: watch::Sender<Option<Arc<ClientConfig>>>,
    dial: Dial,
    /// The connection to the endpoint in use.
    kept: Kept,
    config_hash: Option<HeaderValue>,
    /// The probe, until this is dropped.
    probe: CancellationToken,
}

impl Drop for Http {
    fn drop(&mut self) {
        self.probe.cancel();
    }
}

impl Http {
    /// Starts the probe, so a tokio runtime must be there.
    pub(super) fn new(
        config: &OutputConfig,
        config_hash: &str,
        dial: Dial,
        cancel: &CancellationToken,
    ) -> Result<(Self, OutputStatus), StartError> {
        let problems = config.validate();
        if let Some(Wrong { key, value, wrong, remedy }) = problems.into_iter().next() {
            return Err(StartError::Config { key, value, wrong, remedy });
        }
        let parsed = config.endpoints.iter().filter_map(|url| Endpoint::parse(url).ok());
        let endpoints: Arc<[Endpoint]> = parsed.collect();
        let needs_tls = endpoints.iter().any(|endpoint| endpoint.is_https);
        let tls = needs_tls.then(|| Tls::new(&config.trust())).transpose()?;
        let tls_in_use = watch::Sender::new(tls.as_ref().map(Tls::current));
        let status = OutputStatus::new(endpoints.iter().map(|endpoint| endpoint.url.clone()));
        let probe = cancel.child_token();
        if endpoints.len() > 1 {
            let tls = tls_in_use.subscribe();
            let asking = probe::keep_asking(Arc::clone(&endpoints), tls, dial.clone(), status.clone(), probe.clone());
            tokio::spawn(asking);
        }
        let http = Self {
            config: config.clone(),
            endpoints,
            token: config.token_file.clone().map(Token::new),
            tls,
            tls_in_use,
            dial,
            kept: Kept::default(),
            config_hash: HeaderValue::from_str(config_hash).ok().filter(|hash| !hash.is_empty()),
            probe,
        };
        Ok((http, status))
    }

    /// How many endpoints there are.
    pub(super) fn endpoints(&self) -> usize {
        self.endpoints.len()
    }

    /// Makes the next attempt read the token file anew.
    pub(super) fn forget_token(&mut self) {
        if let Some(token) = &mut self.token {
            token.forget();
        }
    }

    /// One attempt to send `piece` to the endpoint numbered `at`.
    pub(super) async fn attempt(&mut self, at: usize, signal: Signal, piece: &Piece<'_>) -> Reply {
        let Some(endpoint) = self.endpoints.get(at).cloned() else {
            return Reply::Unreachable("there is no such endpoint".to_owned());
        };
        let authorization = match self.token.as_mut().map(Token::header).transpose() {
            Ok(authorization) => authorization,
            Err(error) => return Reply::Misconfigured(0, chain(&error)),
        };
        let now = SystemTime::now();
        let headers = match self.headers(&endpoint, signal, piece, authorization, now) {
            Ok(headers) => headers,
            Err(error) => return Reply::Misconfigured(0, format!("the headers can't be sent: {error}")),
        };
        match self.exchange(&endpoint, signal.path(), headers, piece.payload.clone()).await {
            Ok(answer) => reply(&answer, About { signal, seq: piece.seq, records: piece.records.into(), now }),
            Err(error) => Reply::Unreachable(chain(&error)),
        }
    }

    /// Sends JSON to `path` of the first endpoint, and answers what it says.
    pub(super) async fn post_json(&mut self, path: &'static str, body: Bytes) -> Result<Answer, TellError> {
        let endpoint = self.endpoints.first().cloned().ok_or(TellError::NoEndpoint)?;
        let mut headers = HeaderMap::with_capacity(4);
        headers.insert(HOST, HeaderValue::from_str(&endpoint.authority())?);
        headers.insert(USER_AGENT, HeaderValue::from_static(AGENT));
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if let Some(token) = &mut self.token {
            headers.insert(AUTHORIZATION, token.header()?);
        }
        Ok(self.exchange(&endpoint, path, headers, body).await?)
    }

    async fn exchange(
        &mut self,
        endpoint: &Endpoint,
        path: &'static str,
        headers: HeaderMap,
        payload: Bytes,
    ) -> Result<Answer, ConnectionError> {
        let request = || {
            let mut request = Request::new(Full::new(payload.clone()));
            *request.method_mut() = Method::POST;
            *request.uri_mut() = Uri::from_static(path);
            headers.clone_into(request.headers_mut());
            request
        };
        if self.has_new_tls() {
            self.kept.close();
        }
        let tls = self.tls.as_ref().map(Tls::current);
        self.kept.send(endpoint.url.clone(), request, ANSWER, self.dial.open(endpoint, tls)).await
    }

    /// Looks at the files of TLS, whose times are cheap to ask for; reads them again when they are new.
    fn has_new_tls(&mut self) -> bool {
        let Some(tls) = &mut self.tls else { return false };
        match tls.refresh(&self.config.trust()) {
            Ok(false) => false,
            Ok(true) => {
                self.tls_in_use.send_replace(Some(tls.current()));
                true
            }
            Err(error) => {
                warn!(error = chain(&error), "the new files for TLS can't be used; the old ones stay in use");
                false
            }
        }
    }

    fn headers(
        &self,
        endpoint: &Endpoint,
        signal: Signal,
        piece: &Piece<'_>,
        authorization: Option<HeaderValue>,
        now: SystemTime,
    ) -> Result<HeaderMap, ::http::header::InvalidHeaderValue> {
        let mut headers = HeaderMap::with_capacity(15);
        headers.insert(HOST, HeaderValue::from_str(&endpoint.authority())?);
        headers.insert(USER_AGENT, HeaderValue::from_static(AGENT));
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(signal.content_type()));
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static("zstd"));
        if signal == Signal::Metrics {
            headers.insert(REMOTE_WRITE_VERSION, HeaderValue::from_static("2.0.0"));
        }
        headers.insert(HASH, HeaderValue::from_str(&format!("{:08x}", piece.hash))?);
        let sent = now.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos());
        headers.insert(SENT, HeaderValue::from_str(&sent.to_string())?);
        match &piece.key {
            Some(key) => {
                headers.insert(IDEMPOTENCY_KEY, HeaderValue::from_str(key)?);
            }
            None => {
                headers.insert(SOURCE, HeaderValue::from_str(piece.source)?);
                headers.insert(EPOCH, piece.epoch.into());
                headers.insert(SEQ, piece.seq.into());
                if piece.skipped > 0 {
                    headers.insert(GAP, piece.skipped.into());
                }
            }
        }
        headers.extend(self.config_hash.clone().map(|hash| (CONFIG, hash)));
        headers.extend(authorization.map(|value| (AUTHORIZATION, value)));
        Ok(headers)
    }
}

const SOURCE: HeaderName = HeaderName::from_static("x-orszem-source");
const EPOCH: HeaderName = HeaderName::from_static("x-orszem-epoch");
const SEQ: HeaderName = HeaderName::from_static("x-orszem-seq");
const GAP: HeaderName = HeaderName::from_static("x-orszem-gap");
const HASH: HeaderName = HeaderName::from_static("x-orszem-hash");
const SENT: HeaderName = HeaderName::from_static("x-orszem-sent");
const CONFIG: HeaderName = HeaderName::from_static("x-orszem-config");
const REMOTE_WRITE_VERSION: HeaderName = HeaderName::from_static("x-prometheus-remote-write-version");
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
