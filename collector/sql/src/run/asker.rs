//! The task that keeps asking one database.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use orszem_model::Labels;
use orszem_scrape::{Running, Scraped, millis};
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::own::Own;
use super::query::Query;
use super::{Plan, ask, connect};
use crate::drivers::Connection;
use crate::error::QueryError;
use crate::metric::{OnError, Role};
use crate::samples::Yield;

/// All series are told again at least so often, since readers look back only five minutes.
const TELL_EVERY: Duration = Duration::from_secs(60);
/// The first pause after a failed connection; each further one is twice as long.
const RECONNECT: Duration = Duration::from_secs(1);
/// The longest.
const RECONNECT_MAX: Duration = Duration::from_secs(60);

/// Asks a database until `cancel` is cancelled, which ends its series; each round's samples go into `sink`, which is
/// waited for. Must be called within a tokio runtime.
pub fn keep_asking(plan: Arc<Plan>, sink: mpsc::Sender<Scraped>, cancel: CancellationToken) -> Running {
    let name = plan.name().to_owned();
    let task = Task::new(plan);
    Running::start(&name, cancel.clone(), async move { task.run(&sink, &cancel).await })
}

struct Task {
    plan: Arc<Plan>,
    queries: Vec<Query>,
    own: Own,
    connection: Option<Connection>,
    is_up: bool,
    /// Failed connections in turn.
    failures: u32,
    reconnect: Instant,
    /// When all series are told again.
    tell: Instant,
}

impl Task {
    fn new(plan: Arc<Plan>) -> Self {
        let now = Instant::now();
        let names = plan.query_names();
        let queries = plan.metrics.iter().cloned().zip(names);
        let queries = queries.map(|(metric, name)| Query::new(metric, name, now)).collect();
        let own = Own::default();
        Self { plan, queries, own, connection: None, is_up: false, failures: 0, reconnect: now, tell: now }
    }

    async fn run(mut self, sink: &mpsc::Sender<Scraped>, cancel: &CancellationToken) {
        loop {
            let due = self.queries.iter().map(|query| query.due).min().unwrap_or(self.tell);
            // While there is no connection, nothing but telling is due before the next attempt.
            let due = if self.connection.is_none() { due.max(self.reconnect) } else { due };
            tokio::select! {
                biased;
                () = cancel.cancelled() => break,
                () = tokio::time::sleep_until(due.min(self.tell)) => {}
            }
            let scraped = tokio::select! {
                biased;
                () = cancel.cancelled() => break,
                scraped = self.round() => scraped,
            };
            if !scraped.is_empty() && sink.send(scraped).await.is_err() {
                return;
            }
        }
        let mut ending = Scraped::default();
        let now = millis(SystemTime::now());
        self.queries.iter_mut().for_each(|query| query.series.end(now, &mut ending.samples));
        self.own.series.end(now, &mut ending.samples);
        if !ending.is_empty() && sink.send(ending).await.is_err() {
            tracing::debug!("nobody takes the ends of a database's series");
        }
    }

    /// Runs the query that has been due for longest, so that what it gives is sent before the next one is waited for.
    async fn round(&mut self) -> Scraped {
        let mut scraped = Scraped::default();
        let now = Instant::now();
        let is_telling = now >= self.tell;
        let due = (0..self.queries.len()).filter(|at| self.queries[*at].due <= now);
        let due = due.min_by_key(|at| self.queries[*at].due);
        if self.connection.is_none() && now >= self.reconnect && (due.is_some() || is_telling) {
            self.connect(&mut scraped).await;
        }
        if let Some(at) = due
            && let Some(connection) = self.connection.take()
        {
            self.connection = self.ask(at, connection, &mut scraped).await;
        }
        if is_telling {
            let period = self.plan.config.interval.duration().min(TELL_EVERY);
            self.tell = now + period;
            // What was told in this round, or is asked again soon, needs no repetition.
            let is_silent = |query: &&mut Query| query.told < now && query.due > query.told + period * 3 / 2;
            for query in self.queries.iter_mut().filter(is_silent) {
                query.told = now;
                query.series.repeat(millis(SystemTime::now()), &mut scraped.samples);
            }
            self.own.tell(&self.plan, &self.queries, self.is_up, &mut scraped);
        }
        scraped
    }

    async fn connect(&mut self, scraped: &mut Scraped) {
        let name = self.plan.name();
        match connect(&self.plan).await {
            Ok(connection) => {
                if !self.is_up {
                    info!(database = name, "connected to a database");
                }
                self.connection = Some(connection);
                (self.failures, self.is_up) = (0, true);
            }
            Err(error) => {
                if self.failures == 0 {
                    warn!(database = name, %error, "a database can't be reached");
                }
                let pause = RECONNECT.saturating_mul(1 << self.failures.min(6)).min(RECONNECT_MAX);
                self.failures = self.failures.saturating_add(1);
                let now = Instant::now();
                self.reconnect = now + pause;
                for query in self.queries.iter_mut().filter(|query| query.due <= now) {
                    *query.errors.entry(error.reason).or_insert(0) += 1;
                }
                if std::mem::replace(&mut self.is_up, false) {
                    let now = millis(SystemTime::now());
                    self.queries.iter_mut().for_each(|query| give_up(query, now, &mut scraped.samples));
                }
            }
        }
    }

    /// Runs a query; gives the connection back if it can be used on.
    async fn ask(&mut self, at: usize, mut connection: Connection, scraped: &mut Scraped) -> Option<Connection> {
        let Self { plan, queries, own, .. } = self;
        let plan: &Plan = plan;
        let interval = plan.config.interval.duration();
        let query = &mut queries[at];
        let (begun, clock) = (Instant::now(), chrono::Local::now());
        query.told = begun;
        let result = match is_in_role(&mut connection, query.metric.role, plan.config.timeout()).await {
            Ok(true) => ask::ask(&mut connection, plan, &query.metric).await,
            Ok(false) => {
                query.series.end(millis(SystemTime::now()), &mut scraped.samples);
                query.succeeded(interval, begun, &clock);
                return Some(connection);
            }
            Err(error) => Err(error),
        };
        let now = millis(SystemTime::now());
        query.took = Some(begun.elapsed());
        match result {
            Ok(yielded) => {
                note_flaws(plan, query, &yielded);
                query.rows = yielded.rows;
                query.last_success = Some(now as f64 / 1000.0);
                query.series.replace(plan, &yielded.samples, now, &mut scraped.samples);
                query.succeeded(interval, begun, &clock);
                if query.failing.take().is_some() {
                    info!(database = plan.name(), query = query.name, "a query works again");
                }
                for family in yielded.families {
                    own.describe(&family, &query.metric.unit, scraped);
                }
                Some(connection)
            }
            Err(error) => {
                note_failure(plan, query, &error);
                give_up(query, now, &mut scraped.samples);
                if query.failed(error.reason, interval, begun, &clock) {
                    let name = query.name.as_str();
                    warn!(database = plan.name(), query = name, "a query is tried only once an hour from now on");
                }
                (!error.is_broken).then_some(connection)
            }
        }
    }
}

/// Whether a query of this role runs on the database as it is now; a connection outlives a promotion.
async fn is_in_role(connection: &mut Connection, role: Role, within: Duration) -> Result<bool, QueryError> {
    match role {
        Role::Any => Ok(true),
        Role::Primary => connection.is_standby(within).await.map(|is_standby| !is_standby),
        Role::Standby => connection.is_standby(within).await,
    }
}

/// What becomes of the series of a query that failed.
fn give_up(query: &mut Query, now: i64, out: &mut Vec<(Labels, i64, f64)>) {
    match query.metric.on_error {
        OnError::Stale => query.series.end(now, out),
        OnError::Zero => query.series.zero(now, out),
        OnError::Drop => query.series.forget(),
    }
}

fn note_failure(plan: &Plan, query: &mut Query, error: &QueryError) {
    *query.errors.entry(error.reason).or_insert(0) += 1;
    if query.failing.replace(error.reason) != Some(error.reason) {
        let (name, reason) = (query.name.as_str(), error.reason.as_str());
        warn!(database = plan.name(), query = name, reason, %error, "a query fails");
    }
}

fn note_flaws(plan: &Plan, query: &mut Query, yielded: &Yield) {
    for (reason, (count, example)) in &yielded.flaws {
        let total = query.errors.entry(*reason).or_insert(0);
        if *total == 0 {
            let (name, reason) = (query.name.as_str(), reason.as_str());
            warn!(database = plan.name(), query = name, reason, count, example, "a query gave what can't be used");
        }
        *total += count;
    }
}
