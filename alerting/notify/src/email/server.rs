//! The conversation with a mail server, and connections that are kept between mails.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use lettre::address::Envelope;
use lettre::transport::smtp;
use lettre::transport::smtp::authentication::{Credentials, DEFAULT_MECHANISMS};
use lettre::transport::smtp::client::AsyncSmtpConnection;
use lettre::transport::smtp::extension::ClientId;
use orszem_model::chain;

use crate::config::{EmailConfig, EmailTls};
use crate::http::{HttpError, secret};
use crate::outcome::Outcome;

use super::wire::{Wire, WireError, trust};

/// Connections that are kept while nothing is sent.
const IDLE_MAX: usize = 2;
/// How long one is kept; servers close theirs after five minutes.
const IDLE_FOR: Duration = Duration::from_secs(60);

/// Why a mail was not taken.
#[derive(Debug, thiserror::Error)]
pub(super) enum SendError {
    #[error(transparent)]
    Wire(#[from] WireError),
    #[error("{host} does not let anybody in")]
    Hello {
        host: String,
        #[source]
        source: smtp::Error,
    },
    #[error("no password")]
    Password(#[source] HttpError),
    #[error("{host} does not let {user} in")]
    Login {
        host: String,
        user: String,
        #[source]
        source: smtp::Error,
    },
    #[error("{host} did not take the mail")]
    Send {
        host: String,
        #[source]
        source: smtp::Error,
    },
}

impl SendError {
    /// 5xx is final, as is what this side can't do; 4xx and a connection that breaks are not.
    pub(super) fn outcome(&self) -> Outcome {
        let is_final = match self {
            Self::Wire(error) => error.is_final(),
            Self::Password(_) => false,
            Self::Hello { source, .. } | Self::Login { source, .. } | Self::Send { source, .. } => {
                source.is_permanent() || source.is_client()
            }
        };
        if is_final { Outcome::refused(&chain(self)) } else { Outcome::retry(&chain(self)) }
    }
}

struct Idle {
    connection: AsyncSmtpConnection,
    since: Instant,
}

/// A mail server as it is configured.
pub(super) struct Server {
    host: String,
    port: u16,
    tls: EmailTls,
    ca_file: Option<PathBuf>,
    user: String,
    password_file: Option<PathBuf>,
    hello: String,
    idle: Mutex<Vec<Idle>>,
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { host, port, tls, .. } = self;
        f.debug_struct("Server").field("host", host).field("port", port).field("tls", tls).finish_non_exhaustive()
    }
}

impl Server {
    pub(super) fn new(config: &EmailConfig, domain: &str) -> Self {
        let hello = if config.hello.is_empty() { domain } else { config.hello.as_str() };
        Self {
            host: config.host.clone(),
            port: config.port(),
            tls: config.tls,
            ca_file: config.ca_file.clone(),
            user: config.user.clone(),
            password_file: config.password_file.clone(),
            hello: hello.to_owned(),
            idle: Mutex::new(Vec::new()),
        }
    }

    /// What the server said when it took the mail.
    ///
    /// A connection is kept only after a conversation that went well to its end: one that was cut off would answer the
    /// next mail with what was meant for this one.
    pub(super) async fn send(&self, envelope: &Envelope, mail: &[u8]) -> Result<String, SendError> {
        let mut connection = match self.kept().await {
            Some(connection) => connection,
            None => self.open().await?,
        };
        let sent = connection.send(envelope, mail).await;
        let response = sent.map_err(|source| SendError::Send { host: self.host.clone(), source })?;
        let said: Vec<&str> = response.message().collect();
        let said = format!("{} {}", response.code(), said.join(" "));
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < IDLE_MAX && !connection.has_broken() {
            idle.push(Idle { connection, since: Instant::now() });
        }
        Ok(said)
    }

    /// A kept connection that still answers.
    async fn kept(&self) -> Option<AsyncSmtpConnection> {
        loop {
            let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop()?;
            if idle.since.elapsed() < IDLE_FOR && idle.connection.test_connected().await {
                return Some(idle.connection);
            }
        }
    }

    async fn open(&self) -> Result<AsyncSmtpConnection, SendError> {
        let trust = trust(self.ca_file.as_deref());
        let wire = Wire::open(&self.host, self.port, self.tls, &trust, &self.hello).await?;
        let hello = ClientId::Domain(self.hello.clone());
        let opened = AsyncSmtpConnection::connect_with_transport(Box::new(wire), &hello).await;
        let mut connection = opened.map_err(|source| SendError::Hello { host: self.host.clone(), source })?;
        if let Some(path) = &self.password_file {
            let credentials = Credentials::new(self.user.clone(), secret(path).await.map_err(SendError::Password)?);
            let login = connection.auth(DEFAULT_MECHANISMS, &credentials).await;
            login.map_err(|source| SendError::Login { host: self.host.clone(), user: self.user.clone(), source })?;
        }
        Ok(connection)
    }
}
