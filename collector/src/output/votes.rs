//! Tells a server what was found of the targets that are probed, over a connection that is kept.

use std::time::Duration;

use orszem_availability::{Reply, Told};
use tokio_util::sync::CancellationToken;

use super::OutputConfig;
use super::dial::Dial;
use super::edges::{TellError, refused};
use super::http::Http;

/// Where a server takes votes.
const PATH: &str = "/app/v1/probes/votes";
/// How long an answer may take, beyond what the request says that it waits.
const WITHIN: Duration = Duration::from_secs(5);

/// A way to one server.
#[derive(Debug)]
pub(crate) struct VoteSender {
    url: String,
    config: OutputConfig,
    http: Http,
}

impl VoteSender {
    pub(crate) fn new(config: &OutputConfig, url: &str) -> Result<Self, TellError> {
        let one = OutputConfig { endpoints: vec![url.to_owned()], ..config.clone() };
        // One endpoint needs no probe, so there is nothing to cancel.
        let (http, _) = Http::new(&one, "", Dial::Tcp, &CancellationToken::new())?;
        Ok(Self { url: url.to_owned(), config: config.clone(), http })
    }

    /// Whether it leads where it is to lead.
    pub(crate) fn is_for(&self, config: &OutputConfig, url: &str) -> bool {
        self.url == url && self.config == *config
    }

    /// One attempt. With an answer all of it is durable.
    pub(crate) async fn tell(&mut self, told: &Told) -> Result<Reply, TellError> {
        let within = WITHIN + Duration::from_millis(told.wait_ms);
        let body = serde_json::to_vec(told)?.into();
        let answer = tokio::time::timeout(within, self.http.post_json(PATH, body));
        let answer = answer.await.map_err(|_| TellError::Late(within))??;
        if !answer.status.is_success() {
            return Err(refused(&answer));
        }
        Ok(serde_json::from_slice(&answer.body.unwrap_or_default())?)
    }
}
