//! The task that keeps asking one database.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use orszem_exposition::MetricType;
use orszem_model::Labels;
use orszem_scrape::{Metadata, Scraped};
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::query::Query;
use super::series::Series;
use super::{Plan, ask, connect};
use crate::drivers::Connection;
use crate::error::QueryError;
use crate::metric::{OnError, Role};
use crate::samples::{Sample, Yield};

/// All series are told again at least so often, since readers look back only five minutes.
const TELL_EVERY: Duration = Duration::from_secs(60);
/// The first pause after a failed connection; each further one is twice as long.
const RECONNECT: Duration = Duration::from_secs(1);
/// The longest.
const RECONNECT_MAX: Duration = Duration::from_secs(60);

/// A database that is asked until it is told to stop.
#[derive(Clone, Debug)]
pub struct Asker {
    plan: Arc<Plan>,
    cancel: CancellationToken,
    has_ended: watch::Receiver<bool>,
}

impl Asker {
    /// Starts; each round's samples go into `sink`, which it waits for. Cancelling ends the task and its series. Must
    /// be called within a tokio runtime.
    pub fn start(plan: Plan, sink: mpsc::Sender<Scraped>, cancel: CancellationToken) -> Self {
        let plan = Arc::new(plan);
        let (ended, has_ended) = watch::channel(false);
        let task = Task::new(Arc::clone(&plan));
        let stop = cancel.clone();
        tokio::spawn(async move {
            task.run(&sink, &stop).await;
            ended.send_replace(true);
        });
        Self { plan, cancel, has_ended }
    }

    /// What it asks.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Tells it to end.
    pub fn cancel(&self) {
        self.cancel.cancel();
    }

    /// Waits until it has ended.
    pub async fn stopped(&self) {
        let mut has_ended = self.has_ended.clone();
        if has_ended.wait_for(|ended| *ended).await.is_err() {
            warn!(database = self.plan.name(), "asking a database broke off");
        }
    }
}

struct Task {
    plan: Arc<Plan>,
    queries: Vec<Query>,
    own: Series,
    connection: Option<Connection>,
    is_standby: bool,
    is_up: bool,
    /// Failed connections in turn.
    failures: u32,
    reconnect: Instant,
    /// When all series are told again.
    tell: Instant,
    told: BTreeSet<String>,
}

impl Task {
    fn new(plan: Arc<Plan>) -> Self {
        let now = Instant::now();
        let names = plan.query_names();
        let queries = plan.metrics.iter().cloned().zip(names);
        let queries = queries.map(|(metric, name)| Query::new(metric, name, now)).collect();
        Self {
            plan,
            queries,
            own: Series::default(),
            connection: None,
            is_standby: false,
            is_up: false,
            failures: 0,
            reconnect: now,
            tell: now,
            told: BTreeSet::new(),
        }
    }

    async fn run(mut self, sink: &mpsc::Sender<Scraped>, cancel: &CancellationToken) {
        loop {
            let next = self.queries.iter().map(|query| query.due).chain([self.tell]).min().unwrap_or(self.tell);
            // While there is no connection, nothing but telling is due before the next attempt.
            let next = if self.connection.is_none() { next.max(self.reconnect.min(self.tell)) } else { next };
            tokio::select! {
                biased;
                () = cancel.cancelled() => break,
                () = tokio::time::sleep_until(next) => {}
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
        let now = milliseconds();
        self.queries.iter_mut().for_each(|query| query.series.end(now, &mut ending.samples));
        self.own.end(now, &mut ending.samples);
        if !ending.is_empty() && sink.send(ending).await.is_err() {
            tracing::debug!("nobody takes the ends of a database's series");
        }
    }

    /// Runs what is due.
    async fn round(&mut self) -> Scraped {
        let mut scraped = Scraped::default();
        let started = Instant::now();
        let is_telling = started >= self.tell;
        let is_due = self.queries.iter().any(|query| query.due <= started);
        if is_due && self.connection.is_none() && started >= self.reconnect {
            self.connect().await;
        }
        if self.connection.is_none() && (is_due || is_telling) {
            let now = milliseconds();
            let was_up = std::mem::replace(&mut self.is_up, false);
            if was_up {
                self.queries.iter_mut().for_each(|query| give_up(query, now, &mut scraped.samples));
            }
        }
        for at in 0..self.queries.len() {
            let is_due = self.queries[at].due <= started;
            if is_due && self.connection.is_none() && Instant::now() >= self.reconnect {
                self.connect().await;
            }
            match self.connection.take() {
                Some(connection) if is_due => self.connection = self.ask(at, connection, &mut scraped).await,
                connection => {
                    self.connection = connection;
                    if is_telling {
                        self.queries[at].series.repeat(milliseconds(), &mut scraped.samples);
                    }
                }
            }
        }
        if is_telling {
            self.tell = started + self.plan.config.interval.duration().min(TELL_EVERY);
            self.tell_own(&mut scraped);
        }
        scraped
    }

    async fn connect(&mut self) {
        let within = self.plan.config.timeout();
        let opened = match connect(&self.plan).await {
            Ok(mut connection) => {
                let needs_role = self.queries.iter().any(|query| query.metric.role != Role::Any);
                let role = match needs_role {
                    true => connection.is_standby(within).await,
                    false => Ok(false),
                };
                role.map(|is_standby| (connection, is_standby))
            }
            Err(error) => Err(error),
        };
        let name = self.plan.name();
        match opened {
            Ok((connection, is_standby)) => {
                if self.failures > 0 || !self.is_up {
                    info!(database = name, "connected to a database");
                }
                (self.connection, self.is_standby) = (Some(connection), is_standby);
                (self.failures, self.is_up) = (0, true);
            }
            Err(error) => {
                if self.failures == 0 {
                    warn!(database = name, %error, "a database can't be reached");
                }
                let pause = RECONNECT.saturating_mul(1 << self.failures.min(6)).min(RECONNECT_MAX);
                self.failures = self.failures.saturating_add(1);
                self.reconnect = Instant::now() + pause;
                for query in self.queries.iter_mut().filter(|query| query.due <= Instant::now()) {
                    *query.errors.entry(error.reason).or_insert(0) += 1;
                }
            }
        }
    }

    /// Runs a query; gives the connection back if it can be used on.
    async fn ask(&mut self, at: usize, mut connection: Connection, scraped: &mut Scraped) -> Option<Connection> {
        let plan = Arc::clone(&self.plan);
        let interval = plan.config.interval.duration();
        let query = &mut self.queries[at];
        let fits = match query.metric.role {
            Role::Any => true,
            Role::Primary => !self.is_standby,
            Role::Standby => self.is_standby,
        };
        if !fits {
            query.series.end(milliseconds(), &mut scraped.samples);
            query.succeeded(interval, Instant::now(), &chrono::Local::now());
            // The role may change while the connection lives.
            return match connection.is_standby(plan.config.timeout()).await {
                Ok(is_standby) => {
                    self.is_standby = is_standby;
                    Some(connection)
                }
                Err(error) => (!error.is_broken).then_some(connection),
            };
        }
        let begun = Instant::now();
        let result = ask::ask(&mut connection, &plan, &query.metric).await;
        let (now, clock) = (milliseconds(), chrono::Local::now());
        query.took = Some(begun.elapsed());
        match result {
            Ok(yielded) => {
                note_flaws(&plan, query, &yielded);
                query.rows = yielded.rows;
                query.last_success = Some(now as f64 / 1000.0);
                query.series.replace(&plan, &yielded.samples, now, &mut scraped.samples);
                query.succeeded(interval, begun, &clock);
                if query.failing.take().is_some() {
                    info!(database = plan.name(), query = query.name, "a query works again");
                }
                for family in yielded.families {
                    self.describe(&family.name, family.kind, &family.help, Some(at), scraped);
                }
                Some(connection)
            }
            Err(error) => {
                note_failure(&plan, query, &error);
                give_up(query, now, &mut scraped.samples);
                if query.failed(error.reason, interval, begun, &clock) {
                    let name = query.name.as_str();
                    warn!(database = plan.name(), query = name, "a query is tried only once an hour from now on");
                }
                (!error.is_broken).then_some(connection)
            }
        }
    }

    fn describe(&mut self, family: &str, kind: MetricType, help: &str, query: Option<usize>, scraped: &mut Scraped) {
        if !self.told.insert(format!("{family} {help}")) {
            return;
        }
        let unit = query.map_or("", |at| self.queries[at].metric.unit.as_str());
        // A unit is the end of the family's name, or it is none.
        let unit = if family.ends_with(&format!("_{unit}")) { unit } else { "" };
        scraped.metadata.push(Metadata { family: family.into(), kind, help: help.into(), unit: unit.into() });
    }

    /// What is known of the database itself and of its queries.
    fn tell_own(&mut self, scraped: &mut Scraped) {
        let prefix = self.plan.prefix.clone();
        let mut samples = Vec::new();
        let mut own = |name: &str, labels: &[(&str, &str)], value: f64| {
            let labels = labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
            samples.push(Sample { name: format!("{prefix}{name}"), labels, value, time: None });
        };
        own("up", &[], f64::from(u8::from(self.is_up)));
        for query in &self.queries {
            let name = query.name.as_str();
            if let Some(took) = query.took {
                own("query_duration_seconds", &[("query", name)], took.as_secs_f64());
                own("query_rows", &[("query", name)], query.rows as f64);
            }
            if let Some(at) = query.last_success {
                own("query_last_success_timestamp_seconds", &[("query", name)], at);
            }
            for (reason, count) in &query.errors {
                own("query_errors_total", &[("query", name), ("reason", reason.as_str())], *count as f64);
            }
        }
        for (name, kind, help) in OWN {
            self.describe(&format!("{prefix}{name}"), kind, help, None, scraped);
        }
        self.own.replace(&self.plan, &samples, milliseconds(), &mut scraped.samples);
    }
}

const OWN: [(&str, MetricType, &str); 5] = [
    ("up", MetricType::Gauge, "Whether the database can be asked."),
    ("query_duration_seconds", MetricType::Gauge, "How long the last run of a query took."),
    ("query_rows", MetricType::Gauge, "Rows that the last run gave."),
    ("query_last_success_timestamp_seconds", MetricType::Gauge, "When a query last worked."),
    ("query_errors", MetricType::Counter, "Failures of a query, by reason."),
];

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

fn milliseconds() -> i64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
