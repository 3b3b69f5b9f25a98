//! Oracle, through Oracle's own driver in a thread: it blocks, and its deadlines are kept from outside too.

use std::time::Duration;

use oracledb::{Config, Connection, ErrorKind, OracleIntervalDS, OracleIntervalYM, OracleTimestamp, Row};

use super::worker::Worker;
use super::{Limits, Table};
use crate::config::Address;
use crate::error::{QueryError, Reason};

pub(crate) struct Session {
    worker: Worker<Connection>,
}

impl Session {
    pub(super) async fn open(
        address: &Address,
        password: Option<String>,
        within: Duration,
    ) -> Result<Self, QueryError> {
        super::install_crypto();
        let address = address.clone();
        let worker = Worker::start(move || connect(&address, password.as_deref().unwrap_or_default(), within), within);
        Ok(Self { worker: worker.await? })
    }

    pub(super) async fn query(&mut self, sql: &str, limits: Limits, within: Duration) -> Result<Table, QueryError> {
        let sql = sql.to_owned();
        self.worker.run(within, move |connection| ask(connection, &sql, limits, within)).await
    }

    pub(super) async fn execute(&mut self, sql: &str, within: Duration) -> Result<(), QueryError> {
        let sql = sql.to_owned();
        let job = move |connection: &mut Connection| {
            connection.set_call_timeout(Some(within)).map_err(told)?;
            connection.execute(&sql, &[]).map(drop).map_err(told)
        };
        self.worker.run(within, job).await
    }
}

fn connect(address: &Address, password: &str, within: Duration) -> Result<Connection, QueryError> {
    let failed = |error: oracledb::Error| QueryError::connect(error.to_string());
    let scheme = if address.is_encrypted { "tcps://" } else { "" };
    let host = if address.host.contains(':') { format!("[{}]", address.host) } else { address.host.clone() };
    let target = format!("{scheme}{host}:{}/{}", address.port, address.database);
    let mut config = Config::default()
        .set_credentials(&address.user, password)
        .set_transport_connect_timeout(Some(within))
        .set_connect_string(&target)
        .map_err(failed)?;
    if let Some(wallet) = &address.wallet {
        config = config.set_wallet_location(wallet.display().to_string());
    }
    let connection = oracledb::connect(config).map_err(failed)?;
    // Of what is asked; the database shows it in V$SESSION.
    connection.set_module("orszem").map_err(failed)?;
    Ok(connection)
}

fn ask(connection: &Connection, sql: &str, limits: Limits, within: Duration) -> Result<Table, QueryError> {
    connection.set_call_timeout(Some(within)).map_err(told)?;
    let cursor = connection.query(sql, &[]).map_err(told)?;
    let mut table = Table::new(cursor.columns().iter().map(oracledb::Metadata::name));
    let count = table.columns.len();
    for row in cursor {
        let row = row.map_err(told)?;
        let cells = (0..count).map(|at| cell(&row, at)).collect::<Result<Vec<_>, _>>()?;
        if !table.push(cells, limits)? {
            break;
        }
    }
    Ok(table)
}

/// A cell as a text; times as they are written, which is UTC where the column has a zone.
fn cell(row: &Row, at: usize) -> Result<Option<String>, QueryError> {
    if let Ok(text) = row.get::<Option<String>>(at) {
        return Ok(text);
    }
    if let Ok(number) = row.get::<Option<f64>>(at) {
        return Ok(number.map(|number| number.to_string()));
    }
    if let Ok(time) = row.get::<Option<OracleTimestamp>>(at) {
        return Ok(time.map(|time| time.to_string()));
    }
    if let Ok(span) = row.get::<Option<OracleIntervalDS>>(at) {
        return Ok(span.map(|span| span.to_string()));
    }
    if let Ok(span) = row.get::<Option<OracleIntervalYM>>(at) {
        return Ok(span.map(|span| span.to_string()));
    }
    let truth = row.get::<Option<bool>>(at).map_err(told)?;
    Ok(truth.map(|truth| truth.to_string()))
}

#[expect(clippy::needless_pass_by_value, reason = "what map_err gives")]
fn told(error: oracledb::Error) -> QueryError {
    let message = error.to_string();
    match error.kind() {
        ErrorKind::DbError(of_database) => {
            let reason = match of_database.code() {
                // Insufficient privileges; a view without a grant does not exist either.
                1031 => Reason::Permission,
                942 | 904 | 4043 => Reason::Missing,
                1013 => Reason::Timeout,
                _ => Reason::Query,
            };
            // End of file on communication channel, session killed, not connected, and their like.
            let is_broken =
                matches!(of_database.code(), 28 | 600 | 1012 | 1033 | 1034 | 1089 | 1090 | 1092 | 3113 | 3114 | 3135);
            QueryError { is_broken, ..QueryError::new(reason, message) }
        }
        ErrorKind::CallTimeoutExceeded => QueryError::broken(Reason::Timeout, message),
        ErrorKind::UnsupportedConversion(..) | ErrorKind::UnsupportedDbType(..) => {
            QueryError::new(Reason::Value, message)
        }
        _ => QueryError::broken(Reason::Query, message),
    }
}
