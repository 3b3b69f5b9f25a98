//! MariaDB and MySQL over the text protocol.

use std::time::Duration;

use mysql_async::prelude::Queryable;
use mysql_async::{Conn, Error, Opts, OptsBuilder, SslOpts, Value};
use tokio::time::timeout;

use super::{Limits, Table};
use crate::config::Address;
use crate::error::{QueryError, Reason, chain};

/// Times in UTC, and nothing is written.
const SETUP: [&str; 2] = ["SET SESSION time_zone = '+00:00'", "SET SESSION TRANSACTION READ ONLY"];
/// How long a database is given to stop a query.
const KILL_WITHIN: Duration = Duration::from_secs(2);

pub(crate) struct Session {
    connection: Conn,
    opts: Opts,
}

impl Session {
    pub(super) async fn open(address: &Address, password: Option<String>) -> Result<Self, QueryError> {
        let filled = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
        let mut opts = OptsBuilder::default()
            .user(filled(&address.user))
            .pass(password)
            .db_name(filled(&address.database))
            .prefer_socket(false)
            .setup(SETUP.map(str::to_owned).to_vec());
        opts = match address.host.starts_with('/') {
            true => opts.socket(Some(address.host.clone())),
            false => opts.ip_or_hostname(address.host.clone()).tcp_port(address.port),
        };
        if address.is_encrypted {
            super::install_crypto();
            let mut ssl = SslOpts::default();
            if let Some(path) = &address.ca_file {
                ssl = ssl.with_root_certs(vec![path.clone().into()]).with_disable_built_in_roots(true);
            }
            opts = opts.ssl_opts(ssl);
        }
        let opts = Opts::from(opts);
        let connection = Conn::new(opts.clone()).await.map_err(|error| QueryError::connect(chain(&error)))?;
        Ok(Self { connection, opts })
    }

    pub(super) async fn query(&mut self, sql: &str, limits: Limits, within: Duration) -> Result<Table, QueryError> {
        let id = self.connection.id();
        let asked = match timeout(within, self.ask(sql, limits)).await {
            Ok(asked) => asked,
            Err(_) => Err(QueryError::timeout(within)),
        };
        if asked.as_ref().is_err_and(|error| error.reason == Reason::Timeout && error.is_broken) {
            kill(&self.opts, id).await;
        }
        asked
    }

    async fn ask(&mut self, sql: &str, limits: Limits) -> Result<Table, QueryError> {
        let id = self.connection.id();
        let mut result = self.connection.query_iter(sql).await.map_err(|error| told(&error))?;
        let mut table = Table::default();
        if let Some(columns) = result.columns() {
            let names: Vec<String> = columns.iter().map(|column| column.name_str().into_owned()).collect();
            table = Table::new(names.iter().map(String::as_str));
        }
        while let Some(row) = result.next().await.map_err(|error| told(&error))? {
            let cells = row.unwrap_raw().into_iter().map(|value| value.and_then(text)).collect();
            if !table.push(cells, limits)? {
                break;
            }
        }
        if table.is_cut {
            kill(&self.opts, id).await;
        }
        match result.drop_result().await.map_err(|error| told(&error)) {
            // That it was killed.
            Err(error) if !table.is_cut || error.is_broken => Err(error),
            Ok(()) | Err(_) => Ok(table),
        }
    }
}

/// Tells the database, over another connection, that nobody waits any more for what this one asked.
async fn kill(opts: &Opts, id: u32) {
    let killing = async {
        let mut connection = Conn::new(opts.clone()).await?;
        connection.query_drop(format!("KILL QUERY {id}")).await?;
        connection.disconnect().await
    };
    match timeout(KILL_WITHIN, killing).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::debug!(%error, "a query can't be killed"),
        Err(_) => tracing::debug!("a query can't be killed in time"),
    }
}

/// The text protocol gives texts; other values are those of the driver itself.
fn text(value: Value) -> Option<String> {
    match value {
        Value::NULL => None,
        Value::Bytes(bytes) => Some(String::from_utf8_lossy(&bytes).into_owned()),
        Value::Int(number) => Some(number.to_string()),
        Value::UInt(number) => Some(number.to_string()),
        Value::Float(number) => Some(number.to_string()),
        Value::Double(number) => Some(number.to_string()),
        Value::Date(year, month, day, hour, minute, second, micros) => {
            Some(format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}.{micros:06}"))
        }
        Value::Time(is_negative, days, hours, minutes, seconds, micros) => {
            let sign = if is_negative { "-" } else { "" };
            Some(format!("{sign}{days} {hours:02}:{minutes:02}:{seconds:02}.{micros:06}"))
        }
    }
}

fn told(error: &Error) -> QueryError {
    let Error::Server(of_server) = error else {
        return QueryError::broken(Reason::Query, chain(error));
    };
    let reason = match of_server.code {
        // Access denied, for a database, a table, a column, for want of a privilege.
        1044 | 1045 | 1142 | 1143 | 1227 | 1370 => Reason::Permission,
        // No such database, table, column, function.
        1049 | 1146 | 1054 | 1305 | 1109 => Reason::Missing,
        // Killed, or longer than the server allows.
        1317 | 1969 | 3024 => Reason::Timeout,
        _ => Reason::Query,
    };
    QueryError::new(reason, format!("{} ({})", of_server.message, of_server.code))
}
