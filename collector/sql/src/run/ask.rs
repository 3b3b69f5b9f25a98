//! One run of one metric.

use std::time::Duration;

use tokio::time::Instant;

use super::Plan;
use crate::config::Kind;
use crate::drivers::{Connection, Limits};
use crate::error::{QueryError, Reason};
use crate::metric::Metric;
use crate::placeholder;
use crate::samples::Yield;

/// Rows of an iterator, thus runs of its request; further ones are left out.
const ITERATIONS_MAX: usize = 1_000;

/// Runs the metric within its deadline, the statements before it and all runs of an iterator included.
pub(super) async fn ask(connection: &mut Connection, plan: &Plan, metric: &Metric) -> Result<Yield, QueryError> {
    let within = metric.timeout.unwrap_or(plan.config.timeout());
    let begun = Instant::now();
    let left = || -> Result<Duration, QueryError> {
        let left = within.saturating_sub(begun.elapsed());
        if left.is_zero() { Err(QueryError { is_broken: false, ..QueryError::timeout(within) }) } else { Ok(left) }
    };
    for statement in &metric.startup_sql {
        connection.execute(statement, left()?).await?;
    }
    let limits = Limits { rows: metric.row_limit };
    let mut yielded = Yield::default();
    let Some(iterator) = &metric.iterator else {
        let table = connection.query(&metric.request, limits, left()?).await?;
        yielded.add(metric, &plan.prefix, &table, &[]);
        return yielded.without_rows(metric).map_or(Ok(yielded), Err);
    };
    let kind = plan.config.kind().unwrap_or(Kind::Sqlite);
    let outer = connection.query(&iterator.request, Limits { rows: ITERATIONS_MAX }, left()?).await?;
    if outer.is_cut {
        yielded
            .note(Reason::Limit, || format!("the iterator has more than {ITERATIONS_MAX} rows; the rest is left out"));
    }
    for row in &outer.rows {
        let rows = limits.rows.saturating_sub(yielded.rows);
        if rows == 0 {
            yielded.note(Reason::Limit, || format!("more than {} rows; the rest is left out", limits.rows));
            break;
        }
        let cell = |name: &str| {
            let at = outer.columns.iter().position(|column| column == name)?;
            row.get(at).cloned().flatten()
        };
        let request = placeholder::fill(&metric.request, kind, cell).map_err(|name| {
            QueryError::new(Reason::Missing, format!("the iterator has no column {name}, or no value in it"))
        })?;
        let labels: Vec<(String, String)> =
            iterator.labels.iter().filter_map(|name| Some((name.clone(), cell(name)?))).collect();
        let table = connection.query(&request, Limits { rows }, left()?).await?;
        yielded.add(metric, &plan.prefix, &table, &labels);
    }
    yielded.without_rows(metric).map_or(Ok(yielded), Err)
}
