//! One query of one's own: the login, the question, the answer.

use std::time::{Duration, Instant};

use super::connect_to;
use crate::config::DatabaseConfig;
use crate::drivers::{Limits, Table};
use crate::error::QueryError;

/// What came of a login.
#[derive(Debug)]
pub struct Queried {
    pub connected_in: Duration,
    pub answered_in: Duration,
    pub result: Result<Table, QueryError>,
}

/// Logs in, asks `sql` and keeps at most `rows` rows of what comes. Of `config` only what says where the database is,
/// who asks it, and `timeout`, which holds for each of the two.
///
/// # Errors
/// There is no connection.
pub async fn query_once(config: &DatabaseConfig, sql: &str, rows: usize) -> Result<Queried, QueryError> {
    let begun = Instant::now();
    let mut connection = connect_to(config).await?;
    let connected_in = begun.elapsed();
    let asked = Instant::now();
    let result = connection.query(sql, Limits { rows }, config.timeout()).await;
    Ok(Queried { connected_in, answered_in: asked.elapsed(), result })
}

#[cfg(test)]
mod tests {
    use orszem_model::Span;

    use super::*;
    use crate::error::Reason;

    #[tokio::test]
    async fn a_login_a_question_and_an_answer() {
        let directory = tempfile::tempdir().expect("a directory");
        let file = directory.path().join("a.db");
        rusqlite::Connection::open(&file)
            .expect("opens")
            .execute_batch("create table t(n); insert into t values (7)")
            .expect("fills");
        let of = |file: &std::path::Path| DatabaseConfig {
            url: format!("sqlite://{}", file.display()),
            timeout: Span::secs(5),
            ..DatabaseConfig::default()
        };
        let queried = query_once(&of(&file), "select n as N, null as x from t", 10).await.expect("a connection");
        let table = queried.result.expect("an answer");
        assert_eq!((table.columns, table.rows), (vec!["n".into(), "x".into()], vec![vec![Some("7".into()), None]]));
        let refused = query_once(&of(&file), "select n from u", 10).await.expect("a connection").result;
        assert_eq!(refused.map_err(|error| error.reason), Err(Reason::Missing));
        let missing = query_once(&of(&directory.path().join("none.db")), "select 1", 10).await;
        assert_eq!(missing.map(|_| ()).map_err(|error| error.reason), Err(Reason::Connect));
    }
}
