//! PostgreSQL over the simple query protocol, which gives texts of every type and works through poolers.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::TryStreamExt;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_postgres::config::SslMode;
use tokio_postgres::error::SqlState;
use tokio_postgres::tls::{ChannelBinding, MakeTlsConnect, TlsConnect, TlsStream};
use tokio_postgres::{Client, Config, NoTls, SimpleQueryMessage};

use super::{Limits, Table};
use crate::config::Address;
use crate::error::{QueryError, Reason, chain};

/// Times in UTC, spans in ISO 8601, and nothing is written.
const SETUP: &str = "set default_transaction_read_only = on; set timezone = 'UTC'; set intervalstyle = 'iso_8601'; \
                     set datestyle = 'ISO'";
/// How long a database is given to stop a query.
const CANCEL_WITHIN: Duration = Duration::from_secs(2);

pub(crate) struct Session {
    client: Client,
    driver: JoinHandle<()>,
    tls: Option<MakeTls>,
}

impl Drop for Session {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

impl Session {
    pub(super) async fn open(address: &Address, password: Option<String>) -> Result<Self, QueryError> {
        let mut config = Config::new();
        config.host(&address.host).port(address.port).application_name("orszem");
        if !address.user.is_empty() {
            config.user(&address.user);
        }
        if !address.database.is_empty() {
            config.dbname(&address.database);
        }
        if let Some(password) = password {
            config.password(password);
        }
        let tls = if address.is_encrypted { Some(MakeTls(super::tls(address)?)) } else { None };
        let failed = |error: tokio_postgres::Error| QueryError::connect(chain(&error));
        let (client, driver) = match tls.clone() {
            Some(tls) => {
                let (client, connection) = config.ssl_mode(SslMode::Require).connect(tls).await.map_err(failed)?;
                (client, tokio::spawn(drive(connection)))
            }
            None => {
                let (client, connection) = config.ssl_mode(SslMode::Disable).connect(NoTls).await.map_err(failed)?;
                (client, tokio::spawn(drive(connection)))
            }
        };
        let session = Self { client, driver, tls };
        session.client.batch_execute(SETUP).await.map_err(failed)?;
        Ok(session)
    }

    pub(super) async fn query(&mut self, sql: &str, limits: Limits, within: Duration) -> Result<Table, QueryError> {
        let asked = match timeout(within, self.ask(sql, limits)).await {
            Ok(asked) => asked,
            Err(_) => Err(QueryError::timeout(within)),
        };
        let is_left = match &asked {
            Ok(table) => table.is_cut,
            Err(error) => error.is_broken,
        };
        if is_left && !self.client.is_closed() {
            self.cancel().await;
        }
        asked
    }

    async fn ask(&self, sql: &str, limits: Limits) -> Result<Table, QueryError> {
        let failed = |error: tokio_postgres::Error| told(&error, self.client.is_closed());
        let stream = self.client.simple_query_raw(sql).await.map_err(failed)?;
        let mut stream = std::pin::pin!(stream);
        let mut table = Table::default();
        while let Some(message) = stream.try_next().await.map_err(failed)? {
            match message {
                SimpleQueryMessage::RowDescription(columns) => {
                    table = Table::new(columns.iter().map(|column| column.name()));
                }
                SimpleQueryMessage::Row(row) => {
                    let cells = (0..row.len()).map(|at| row.get(at).map(str::to_owned)).collect();
                    if !table.push(cells, limits)? {
                        break;
                    }
                }
                _ => {}
            }
        }
        Ok(table)
    }

    /// Tells the database that nobody waits any more.
    async fn cancel(&self) {
        let token = self.client.cancel_token();
        let cancelling = async {
            match self.tls.clone() {
                Some(tls) => token.cancel_query(tls).await,
                None => token.cancel_query(NoTls).await,
            }
        };
        match timeout(CANCEL_WITHIN, cancelling).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::debug!(%error, "a query can't be cancelled"),
            Err(_) => tracing::debug!("a query can't be cancelled in time"),
        }
    }
}

async fn drive(connection: impl Future<Output = Result<(), tokio_postgres::Error>>) {
    if let Err(error) = connection.await {
        tracing::debug!(%error, "a connection to PostgreSQL ended");
    }
}

fn told(error: &tokio_postgres::Error, is_closed: bool) -> QueryError {
    let Some(of_database) = error.as_db_error() else {
        return QueryError::broken(Reason::Query, chain(error));
    };
    let state = of_database.code();
    let missing = [&SqlState::UNDEFINED_TABLE, &SqlState::UNDEFINED_COLUMN, &SqlState::UNDEFINED_FUNCTION];
    let reason = if *state == SqlState::INSUFFICIENT_PRIVILEGE {
        Reason::Permission
    } else if missing.contains(&state) {
        Reason::Missing
    } else if *state == SqlState::QUERY_CANCELED {
        Reason::Timeout
    } else {
        Reason::Query
    };
    let message = format!("{} ({})", of_database.message(), state.code());
    QueryError { is_broken: is_closed, ..QueryError::new(reason, message) }
}

/// TLS as the driver asks for it.
#[derive(Clone)]
struct MakeTls(Arc<ClientConfig>);

struct Connector {
    config: Arc<ClientConfig>,
    name: ServerName<'static>,
}

struct Encrypted<S>(tokio_rustls::client::TlsStream<S>);

impl<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> MakeTlsConnect<S> for MakeTls {
    type Stream = Encrypted<S>;
    type TlsConnect = Connector;
    type Error = rustls::pki_types::InvalidDnsNameError;

    fn make_tls_connect(&mut self, host: &str) -> Result<Connector, Self::Error> {
        Ok(Connector { config: Arc::clone(&self.0), name: ServerName::try_from(host.to_owned())? })
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> TlsConnect<S> for Connector {
    type Stream = Encrypted<S>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Encrypted<S>>> + Send>>;

    fn connect(self, stream: S) -> Self::Future {
        let Self { config, name } = self;
        Box::pin(async move { tokio_rustls::TlsConnector::from(config).connect(name, stream).await.map(Encrypted) })
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> TlsStream for Encrypted<S> {
    fn channel_binding(&self) -> ChannelBinding {
        ChannelBinding::none()
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Encrypted<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Encrypted<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}
