//! Asks a database: once, or again and again.

mod ask;
mod asker;
mod own;
mod query;
mod series;
mod single;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::config::DatabaseConfig;
use crate::drivers::Connection;
use crate::error::QueryError;
use crate::file::{self, FileProblem};
use crate::metric::Metric;
use crate::samples::Yield;

pub use asker::keep_asking;
pub use single::{Queried, query_once};

/// A database and all it is asked, checked.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    pub(crate) config: DatabaseConfig,
    pub(crate) prefix: String,
    pub(crate) metrics: Vec<Metric>,
    /// Labels that all its series have; a row's label of such a name becomes `exported_…`.
    pub(crate) labels: BTreeMap<String, String>,
    /// Labels of series that have none of the name.
    pub(crate) external: BTreeMap<String, String>,
}

impl Plan {
    /// Reads the files. `labels` are those of all series but `database` and the configuration's own; `external` those
    /// of series that have none of the name; `lookup` gives variables that files name. Blocks on the disk.
    ///
    /// # Errors
    /// All that is wrong with the files. The configuration itself must be valid.
    pub fn new(
        config: &DatabaseConfig,
        mut labels: BTreeMap<String, String>,
        external: BTreeMap<String, String>,
        lookup: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Self, Vec<FileProblem>> {
        let mut metrics = file::load(&config.files, lookup)?.metrics;
        metrics.retain(|metric| metric.is_for(&config.name));
        labels.insert("database".to_owned(), config.name.clone());
        labels.extend(config.labels.clone());
        Ok(Self { config: config.clone(), prefix: config.prefix(), metrics, labels, external })
    }

    /// The name of the database.
    pub fn name(&self) -> &str {
        &self.config.name
    }

    /// What is asked.
    pub fn metrics(&self) -> &[Metric] {
        &self.metrics
    }

    /// What each metric is called in messages and labels: its context, with its first field where that is not enough.
    pub(crate) fn query_names(&self) -> Vec<String> {
        let mut names: Vec<String> = Vec::with_capacity(self.metrics.len());
        for metric in &self.metrics {
            let is_shared = self.metrics.iter().filter(|other| other.context == metric.context).count() > 1;
            let field = metric.fields.keys().next().map_or("", String::as_str);
            let mut name = match (metric.context.as_str(), is_shared) {
                ("", _) => field.to_owned(),
                (context, false) => context.to_owned(),
                (context, true) => format!("{context}_{field}"),
            };
            while names.contains(&name) {
                name.push('_');
            }
            names.push(name);
        }
        names
    }
}

/// What one metric gave.
#[derive(Debug)]
pub struct RunOnce {
    /// The metric's name.
    pub query: String,
    pub took: Duration,
    pub result: Result<Yield, QueryError>,
}

/// Connects, and runs each metric once; with `only`, those of this context.
///
/// # Errors
/// There is no connection.
pub async fn run_once(plan: &Plan, only: Option<&str>) -> Result<Vec<RunOnce>, QueryError> {
    let mut open = Some(connect(plan).await?);
    let mut ran = Vec::new();
    for (metric, query) in plan.metrics.iter().zip(plan.query_names()) {
        if only.is_some_and(|only| only != metric.context && only != query) {
            continue;
        }
        let begun = Instant::now();
        let mut connection = match open.take() {
            Some(connection) => connection,
            None => connect(plan).await?,
        };
        let result = ask::ask(&mut connection, plan, metric).await;
        if !result.as_ref().is_err_and(|error| error.is_broken) {
            open = Some(connection);
        }
        ran.push(RunOnce { query, took: begun.elapsed(), result });
    }
    Ok(ran)
}

async fn connect(plan: &Plan) -> Result<Connection, QueryError> {
    connect_to(&plan.config).await
}

async fn connect_to(config: &DatabaseConfig) -> Result<Connection, QueryError> {
    let address = config.address().map_err(|wrong| QueryError::connect(format!("{} {}", wrong.key, wrong.wrong)))?;
    Connection::open(&address, config.timeout()).await
}
