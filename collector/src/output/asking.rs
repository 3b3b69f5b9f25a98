//! Asks a server, or another collector, something in JSON, over a connection that is kept.

use std::time::Duration;

use bytes::Bytes;
use tokio_util::sync::CancellationToken;

use super::OutputConfig;
use super::dial::Dial;
use super::edges::TellError;
use super::http::Http;

/// The longest answer, in bytes; of a longer one only the status is known.
pub const ASKED_BYTES_MAX: usize = super::dial::ANSWER.bytes_max;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
#[error("{url} does not answer")]
pub struct AskError {
    url: String,
    #[source]
    source: Box<TellError>,
}

/// A way to one endpoint.
#[derive(Debug)]
pub struct Asker {
    config: OutputConfig,
    http: Option<Http>,
}

impl Asker {
    /// To the first endpoint of a configuration, with its token and TLS. Opens nothing.
    pub fn new(config: &OutputConfig) -> Self {
        let endpoints: Vec<String> = config.endpoints.iter().take(1).cloned().collect();
        let mut config = OutputConfig { endpoints, ..config.clone() };
        if !config.endpoints.iter().any(|url| url.starts_with("https:")) {
            (config.ca_file, config.certificate, config.key) = (None, None, None);
        }
        Self { config, http: None }
    }

    /// Whether it leads where it is to lead.
    pub fn is_for(&self, config: &OutputConfig) -> bool {
        Self::new(config).config == self.config
    }

    /// Posts JSON to `path`: the status, and the body, which is empty where it was longer than [`ASKED_BYTES_MAX`].
    ///
    /// # Errors
    /// When there is no answer within the time.
    pub async fn ask(&mut self, path: &'static str, body: Bytes, within: Duration) -> Result<(u16, Bytes), AskError> {
        let asked = self.attempt(path, body, within).await;
        asked.map_err(|source| {
            self.http = None;
            AskError { url: self.config.endpoints.first().cloned().unwrap_or_default(), source: Box::new(source) }
        })
    }

    async fn attempt(&mut self, path: &'static str, body: Bytes, within: Duration) -> Result<(u16, Bytes), TellError> {
        let mut http = match self.http.take() {
            Some(http) => http,
            // One endpoint needs no probe, so there is nothing to cancel.
            None => Http::new(&self.config, "", Dial::Tcp, &CancellationToken::new())?.0,
        };
        let answer = tokio::time::timeout(within, http.post_json(path, body)).await;
        let answer = answer.map_err(|_| TellError::Late(within))??;
        self.http = Some(http);
        Ok((answer.status.as_u16(), answer.body.unwrap_or_default()))
    }
}
