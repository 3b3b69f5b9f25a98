//! SQLite, opened for reading only.

use std::time::Duration;

use rusqlite::types::ValueRef;
use rusqlite::{Connection, ErrorCode, InterruptHandle, OpenFlags};

use super::worker::Worker;
use super::{Limits, Table};
use crate::config::Address;
use crate::error::{QueryError, Reason};

pub(crate) struct Session {
    worker: Worker<Connection>,
    interrupt: InterruptHandle,
}

impl Session {
    pub(super) async fn open(address: &Address, within: Duration) -> Result<Self, QueryError> {
        let path = address.database.clone();
        let worker = Worker::start(
            move || {
                let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
                let failed = |error| QueryError::connect(format!("can't open {path}: {error}"));
                let connection = Connection::open_with_flags(&path, flags).map_err(failed)?;
                connection.busy_timeout(within).map_err(failed)?;
                // Opening reads nothing; this tells whether it is a database.
                connection.query_row("select count(*) from sqlite_master", [], |_| Ok(())).map_err(failed)?;
                Ok(connection)
            },
            within,
        );
        let worker = worker.await?;
        let interrupt = worker.run(within, |connection| Ok(connection.get_interrupt_handle())).await?;
        Ok(Self { worker, interrupt })
    }

    pub(super) async fn query(&mut self, sql: &str, limits: Limits, within: Duration) -> Result<Table, QueryError> {
        let sql = sql.to_owned();
        let asked = self.worker.run(within, move |connection| ask(connection, &sql, limits)).await;
        if asked.as_ref().is_err_and(|error| error.reason == Reason::Timeout) {
            self.interrupt.interrupt();
        }
        asked
    }
}

fn ask(connection: &Connection, sql: &str, limits: Limits) -> Result<Table, QueryError> {
    let mut statement = connection.prepare(sql).map_err(told)?;
    let mut table = Table::new(statement.column_names());
    let count = statement.column_count();
    let mut rows = statement.query([]).map_err(told)?;
    while let Some(row) = rows.next().map_err(told)? {
        let mut cells = Vec::with_capacity(count);
        for at in 0..count {
            cells.push(match row.get_ref(at).map_err(told)? {
                ValueRef::Null => None,
                ValueRef::Integer(number) => Some(number.to_string()),
                ValueRef::Real(number) => Some(number.to_string()),
                ValueRef::Text(bytes) | ValueRef::Blob(bytes) => Some(String::from_utf8_lossy(bytes).into_owned()),
            });
        }
        if !table.push(cells, limits)? {
            break;
        }
    }
    Ok(table)
}

#[expect(clippy::needless_pass_by_value, reason = "what map_err gives")]
fn told(error: rusqlite::Error) -> QueryError {
    let text = error.to_string();
    let is_missing = text.contains("no such table") || text.contains("no such column");
    let reason = match error.sqlite_error_code() {
        _ if is_missing => Reason::Missing,
        Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied | ErrorCode::AuthorizationForStatementDenied) => {
            Reason::Permission
        }
        _ => Reason::Query,
    };
    QueryError::new(reason, text)
}
