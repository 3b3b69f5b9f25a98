//! One connection to a database, whichever kind it is: text in, text cells out.

mod mariadb;
#[cfg(feature = "oracle")]
mod oracle;
mod postgresql;
mod sqlite;
mod worker;

use std::time::Duration;

use orszem_client::{Pem, Tls, Trust};
use tokio::time::timeout;

use crate::config::{Address, Kind};
use crate::error::{QueryError, chain};

/// A larger result is refused.
const RESULT_BYTES_MAX: usize = 4 << 20;

/// What a result may have.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Further rows are left out.
    pub rows: usize,
}

/// A result. Cells are texts as the database writes them, times in UTC and ISO 8601; NULL is `None`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Table {
    /// In lower case.
    pub columns: Vec<String>,
    pub rows: Vec<Vec<Option<String>>>,
    /// Whether rows were left out.
    pub is_cut: bool,
    bytes: usize,
}

impl Table {
    pub(crate) fn new<'n>(columns: impl IntoIterator<Item = &'n str>) -> Self {
        let columns = columns.into_iter().map(str::to_ascii_lowercase).collect();
        Self { columns, ..Self::default() }
    }

    /// Adds a row; `false` when no further one is wanted.
    fn push(&mut self, row: Vec<Option<String>>, limits: Limits) -> Result<bool, QueryError> {
        if self.rows.len() >= limits.rows {
            self.is_cut = true;
            return Ok(false);
        }
        self.bytes += row.iter().map(|cell| cell.as_ref().map_or(0, String::len)).sum::<usize>();
        if self.bytes > RESULT_BYTES_MAX {
            let told = format!("the result is larger than {RESULT_BYTES_MAX} bytes");
            return Err(QueryError::broken(crate::Reason::Limit, told));
        }
        self.rows.push(row);
        Ok(true)
    }
}

/// An open connection; closed when dropped.
pub(crate) enum Connection {
    Postgresql(postgresql::Session),
    Mariadb(mariadb::Session),
    Sqlite(sqlite::Session),
    #[cfg(feature = "oracle")]
    Oracle(oracle::Session),
}

impl Connection {
    /// Connects, at most `within`.
    pub(crate) async fn open(address: &Address, within: Duration) -> Result<Self, QueryError> {
        let opening = async {
            let password = address.password().await.map_err(|error| {
                let path = address.password_file.as_deref().unwrap_or(std::path::Path::new(""));
                QueryError::connect(format!("can't read password_file {}: {error}", path.display()))
            })?;
            Ok(match address.kind {
                Kind::Postgresql => Self::Postgresql(postgresql::Session::open(address, password).await?),
                Kind::Mariadb => Self::Mariadb(mariadb::Session::open(address, password).await?),
                Kind::Sqlite => Self::Sqlite(sqlite::Session::open(address, within).await?),
                #[cfg(feature = "oracle")]
                Kind::Oracle => Self::Oracle(oracle::Session::open(address, password, within).await?),
                #[cfg(not(feature = "oracle"))]
                Kind::Oracle => return Err(QueryError::connect(crate::config::NO_ORACLE)),
            })
        };
        match timeout(within, opening).await {
            Ok(opened) => opened,
            Err(_) => Err(QueryError::connect(format!("no connection within {within:?}"))),
        }
    }

    /// Runs a query, at most `within`. After a timeout there is no connection any more, and the database was told to
    /// stop.
    pub(crate) async fn query(&mut self, sql: &str, limits: Limits, within: Duration) -> Result<Table, QueryError> {
        match self {
            Self::Postgresql(session) => session.query(sql, limits, within).await,
            Self::Mariadb(session) => session.query(sql, limits, within).await,
            Self::Sqlite(session) => session.query(sql, limits, within).await,
            #[cfg(feature = "oracle")]
            Self::Oracle(session) => session.query(sql, limits, within).await,
        }
    }

    /// Runs a statement whose result, if any, is of no interest.
    pub(crate) async fn execute(&mut self, sql: &str, within: Duration) -> Result<(), QueryError> {
        match self {
            #[cfg(feature = "oracle")]
            Self::Oracle(session) => session.execute(sql, within).await,
            Self::Postgresql(_) | Self::Mariadb(_) | Self::Sqlite(_) => {
                self.query(sql, Limits { rows: 0 }, within).await.map(drop)
            }
        }
    }

    /// Whether the database follows another one.
    pub(crate) async fn is_standby(&mut self, within: Duration) -> Result<bool, QueryError> {
        let (sql, standby): (&str, &[&str]) = match self {
            Self::Postgresql(_) => ("select pg_is_in_recovery()", &["t"]),
            Self::Mariadb(_) => ("select @@global.read_only", &["1"]),
            #[cfg(feature = "oracle")]
            Self::Oracle(_) => ("select database_role from v$database", &["PHYSICAL STANDBY", "LOGICAL STANDBY"]),
            Self::Sqlite(_) => return Ok(false),
        };
        let table = self.query(sql, Limits { rows: 1 }, within).await?;
        let told = table.rows.first().and_then(|row| row.first()).and_then(Option::as_deref);
        Ok(told.is_some_and(|told| standby.contains(&told)))
    }
}

/// TLS with the authorities of the file, else the system's.
fn tls(address: &Address) -> Result<std::sync::Arc<rustls::ClientConfig>, QueryError> {
    let ca = address.ca_file.as_deref().map(Pem::File);
    let trust = Trust {
        ca,
        certificate: None,
        key: None,
        takes_any: false,
        versions: vec![&rustls::version::TLS13, &rustls::version::TLS12],
    };
    let tls = Tls::new(&trust).map_err(|error| QueryError::connect(chain(&error)))?;
    let mut config = (*tls.current()).clone();
    config.alpn_protocols.clear();
    Ok(std::sync::Arc::new(config))
}

/// Drivers that choose no cryptography of their own use ring. Without this they would panic: Oracle's driver brings
/// aws-lc-rs too, so that rustls can't tell which of the two is meant.
fn install_crypto() {
    let is_missing = rustls::crypto::CryptoProvider::get_default().is_none();
    if is_missing && rustls::crypto::ring::default_provider().install_default().is_err() {
        tracing::debug!("another provider of cryptography was installed meanwhile");
    }
}
