//! Logs in to a database, asks it, and looks at what it answers.

use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use orszem_model::Span;
use orszem_sql::{DatabaseConfig, Table, query_once};
use serde_json::{Map, Value};

use crate::conditions::Known;
use crate::error::Failure;
use crate::modules::SqlProbe;
use crate::page;
use crate::report::Report;

/// Further rows are not looked at.
const ROWS_MAX: usize = 1_000;

pub(super) async fn probe(
    config: &SqlProbe,
    target: &str,
    within: Duration,
    report: &mut Report,
) -> Result<(), Failure> {
    let begun = Instant::now();
    for phase in ["connect", "query"] {
        report.page.add_phase(page::SQL_DURATION, phase, 0.0);
    }
    report.page.set(page::SQL_ROWS, 0.0);
    let timeout = Span::millis(u64::try_from(within.as_millis()).unwrap_or(u64::MAX));
    let database = DatabaseConfig { timeout, ..config.database(target) };
    let asked = query_once(&database, config.statement(target), ROWS_MAX).await;
    if asked.is_err() {
        report.phase(page::SQL_DURATION, "connect", begun);
    }
    let asked = asked.map_err(Failure::Login)?;
    report.facts.is_connected = true;
    for (phase, took) in [("connect", asked.connected_in), ("query", asked.answered_in)] {
        report.page.add_phase(page::SQL_DURATION, phase, took.as_secs_f64());
        report.took(phase, took);
    }
    let table = asked.result.map_err(Failure::Sql)?;
    report.page.set(page::SQL_ROWS, table.rows.len() as f64);
    let first = table.rows.first().and_then(|row| row.first()).and_then(Option::as_deref);
    if let Some(value) = first.and_then(|cell| cell.trim().parse::<f64>().ok()).filter(|value| value.is_finite()) {
        report.page.set(page::SQL_VALUE, value);
    }
    report.note(format!("{} rows came", table.rows.len()));
    report.facts.body = Some(Bytes::from(rows(&table).to_string()));
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let now = i64::try_from(since.as_secs()).unwrap_or(i64::MAX);
    let known = Known { facts: &report.facts, took: begun.elapsed(), now };
    match config.conditions.iter().find(|condition| !condition.holds(known)) {
        Some(broken) => Err(Failure::Condition(broken.to_string())),
        None => Ok(()),
    }
}

/// A list of objects; NULL is null, all else a text.
fn rows(table: &Table) -> Value {
    let row = |cells: &Vec<Option<String>>| {
        let cells = table.columns.iter().zip(cells);
        Value::Object(cells.map(|(name, cell)| (name.clone(), Value::from(cell.as_deref()))).collect::<Map<_, _>>())
    };
    table.rows.iter().map(row).collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use crate::{Extras, Modules, Outcome, Prober};

    use super::*;

    const MODULES: &str = r#"
modules:
  any: {prober: sql}
  lag: {prober: sql, sql: {query: select 3 as Lag, conditions: ['[BODY][0].lag < 5', 'len([BODY]) == 1']}}
  late: {prober: sql, sql: {query: select 7 as lag, conditions: ['[BODY][0].lag < 5']}}
  none: {prober: sql, sql: {query: select null as x, conditions: ['[BODY][0].x == UP']}}
  missing: {prober: sql, sql: {query: select n from t}}
"#;

    async fn ask(module: &str, target: &str) -> Outcome {
        let modules = Modules::parse(MODULES, Path::new(".")).expect("modules");
        let module = modules.get(module).expect("a module");
        Prober::default().probe(module, target, &Extras::default(), Duration::from_secs(5)).await
    }

    #[tokio::test]
    async fn what_a_database_answers_is_looked_at() {
        let directory = tempfile::tempdir().expect("a directory");
        let file = directory.path().join("a.db");
        rusqlite::Connection::open(&file).expect("opens").execute_batch("create table u(n)").expect("fills");
        let target = format!("sqlite://{}", file.display());
        for (module, target, expected, value) in [
            ("any", target.as_str(), "", Some(1.0)),
            ("lag", &target, "", Some(3.0)),
            ("late", &target, "the condition [BODY][0].lag < 5 does not hold", Some(7.0)),
            ("none", &target, "the condition [BODY][0].x == UP does not hold", None),
            ("missing", &target, "the query failed: no such table: t", None),
            ("any", "mysql://h:0x/", "no login to the database: url has no port", None),
        ] {
            let outcome = ask(module, target).await;
            let told = outcome.reason();
            assert!(told == expected || (!expected.is_empty() && told.starts_with(expected)), "{module}: {told}");
            let page = &outcome.report.page;
            let is_up = f64::from(u8::from(expected.is_empty()));
            assert_eq!((page.value("probe_success"), page.value("probe_sql_value")), (Some(is_up), value), "{module}");
        }
    }
}
