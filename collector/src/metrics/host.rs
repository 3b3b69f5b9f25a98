//! The task that measures this host, and this process, in intervals.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use orszem_exposition::{Classic, Entry, Format, Parser};
use orszem_host::{Family, Host, HostConfig, Sink};
use orszem_scrape::Scraped;
use tokio::sync::{mpsc, watch};
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;
use tracing::{error, warn};

use super::cluster;
use super::measured::Measured;
use crate::clock;
use crate::cluster::latest::Latest;

/// The `job` of this process' own metrics.
const OWN_JOB: &str = "orszem-collector";
/// The `job` of what the cluster's tools told.
const CLUSTER_JOB: &str = "cluster";

/// What to measure of this host.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct HostPlan {
    pub(super) interval: Duration,
    pub(super) config: HostConfig,
    /// `job`, `instance` and further ones.
    pub(super) labels: BTreeMap<String, String>,
    pub(super) external: BTreeMap<String, String>,
}

/// Gives this process' own metrics, in the OpenMetrics text format; `None` where they can't be written.
pub(crate) type OwnPage = Arc<dyn Fn() -> Option<String> + Send + Sync>;

/// Where the own metrics come from, if somebody has said so.
#[derive(Clone, Default)]
pub(crate) struct Own(Arc<Mutex<Option<OwnPage>>>);

impl Own {
    pub(crate) fn set(&self, page: Option<OwnPage>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = page;
    }

    fn page(&self) -> Option<OwnPage> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl fmt::Debug for Own {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Own").field("is_set", &self.page().is_some()).finish()
    }
}

/// Measures as the plan of the moment says, until it is told to stop. Series of a plan that ends, end with it; a stop
/// leaves them open, as the next start goes on with them.
pub(super) async fn keep_measuring(
    mut plans: watch::Receiver<Option<Arc<HostPlan>>>,
    own: Own,
    cluster: Latest,
    sink: mpsc::Sender<Scraped>,
    stopping: CancellationToken,
) {
    let mut meter: Option<Meter> = None;
    loop {
        let plan = plans.borrow_and_update().clone();
        if let Some(ending) = meter.as_mut().and_then(|meter| meter.change_to(plan.as_deref()))
            && sink.send(ending).await.is_err()
        {
            return;
        }
        let Some(plan) = plan else {
            meter = None;
            tokio::select! {
                () = stopping.cancelled() => return,
                changed = plans.changed() => match changed {
                    Ok(()) => continue,
                    Err(_) => return,
                },
            }
        };
        let mut ticks = tokio::time::interval(plan.interval);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        loop {
            tokio::select! {
                biased;
                () = stopping.cancelled() => return,
                changed = plans.changed() => match changed {
                    Ok(()) => break,
                    Err(_) => return,
                },
                _ = ticks.tick() => {}
            }
            let mut measuring = meter.take().unwrap_or_else(|| Meter::new(&plan));
            let (own, cluster) = (own.clone(), cluster.clone());
            let pass = tokio::task::spawn_blocking(move || {
                let passes = measuring.pass(&own, &cluster);
                (measuring, passes)
            });
            match pass.await {
                Ok((measured, passes)) => {
                    meter = Some(measured);
                    for scraped in passes {
                        if sink.send(scraped).await.is_err() {
                            return;
                        }
                    }
                }
                Err(error) => error!(%error, "measuring this host broke off; it is begun anew"),
            }
        }
    }
}

/// Measures this host and this process, and takes what the cluster's tools told.
struct Meter {
    plan: HostPlan,
    host: Option<Host>,
    series: Measured,
    own: Measured,
    cluster: Measured,
    /// There were samples of the cluster.
    has_cluster: bool,
}

impl Meter {
    fn new(plan: &HostPlan) -> Self {
        let of_job = |job: &str| plan.labels.clone().into_iter().chain([("job".to_owned(), job.to_owned())]).collect();
        Self {
            plan: plan.clone(),
            host: host(&plan.config),
            series: Measured::new(plan.labels.clone(), plan.external.clone()),
            own: Measured::new(of_job(OWN_JOB), plan.external.clone()),
            cluster: Measured::new(of_job(CLUSTER_JOB), plan.external.clone()),
            has_cluster: false,
        }
    }

    /// Goes on with another plan. Where series get other labels, or none are measured any more, they end.
    fn change_to(&mut self, plan: Option<&HostPlan>) -> Option<Scraped> {
        if plan == Some(&self.plan) {
            return None;
        }
        let is_renamed = plan.is_none_or(|plan| plan.labels != self.plan.labels || plan.external != self.plan.external);
        let ending = is_renamed.then(|| {
            let now = milliseconds();
            let mut ending = self.series.end(now);
            ending.samples.append(&mut self.own.end(now).samples);
            ending.samples.append(&mut self.cluster.end(now).samples);
            ending
        });
        match plan {
            Some(plan) if is_renamed => *self = Self::new(plan),
            Some(plan) => {
                if plan.config != self.plan.config {
                    self.host = host(&plan.config);
                }
                self.plan = plan.clone();
            }
            None => {}
        }
        ending
    }

    /// One pass over all.
    fn pass(&mut self, own: &Own, cluster: &Latest) -> Vec<Scraped> {
        let mut passes = Vec::with_capacity(3);
        if let Some(host) = &mut self.host {
            let (now, begun) = (milliseconds(), Instant::now());
            self.series.begin(now);
            host.collect(now, &mut Samples(&mut self.series));
            passes.push(self.series.finish(true, begun.elapsed()));
        }
        if let Some(page) = own.page() {
            let (now, begun) = (milliseconds(), Instant::now());
            self.own.begin(now);
            let is_up = page().is_some_and(|text| read(&text, &mut self.own));
            passes.push(self.own.finish(is_up, begun.elapsed()));
        }
        let parts = cluster.measured();
        if !parts.is_empty() {
            let (now, begun) = (milliseconds(), Instant::now());
            self.cluster.begin(now);
            parts.iter().for_each(|(part, measured)| cluster::put(*part, measured, &mut self.cluster));
            let is_up = parts.iter().all(|(_, measured)| measured.is_well);
            passes.push(self.cluster.finish(is_up, begun.elapsed()));
        } else if self.has_cluster {
            passes.push(self.cluster.end(milliseconds()));
        }
        self.has_cluster = !parts.is_empty();
        passes
    }
}

fn host(config: &HostConfig) -> Option<Host> {
    match Host::new(config.clone()) {
        Ok(host) => Some(host),
        Err(error) => {
            error!(%error, "this host is not measured");
            None
        }
    }
}

fn milliseconds() -> i64 {
    clock::now().0 / 1_000_000
}

/// Reads a page of OpenMetrics; whether all of it could be read.
fn read(text: &str, into: &mut Measured) -> bool {
    let mut parser = Parser::new(Format::OpenMetrics, text.as_bytes(), Classic::Unless);
    let mut helps: BTreeMap<String, String> = BTreeMap::new();
    let mut kinds = Vec::new();
    let mut units: BTreeMap<String, String> = BTreeMap::new();
    while let Some(entry) = parser.next_entry() {
        match entry {
            Ok(Entry::Help { family, help }) => drop(helps.insert(family.into_owned(), help.into_owned())),
            Ok(Entry::Unit { family, unit }) => drop(units.insert(family.into_owned(), unit.into_owned())),
            Ok(Entry::Type { family, kind }) => kinds.push((family.into_owned(), kind)),
            Ok(Entry::Sample(sample)) => {
                let pairs: Vec<_> = sample.series.pairs().collect();
                let labels = pairs.iter().map(|(name, value)| (name.as_ref(), value.as_ref()));
                into.sample(&sample.series.name(), labels, sample.value);
            }
            // No text format has any.
            Ok(Entry::Histogram(_)) => {}
            Err(error) => {
                warn!(%error, "the collector's own metrics can't be read");
                return false;
            }
        }
    }
    let text_of = |texts: &BTreeMap<String, String>, family: &str| texts.get(family).cloned().unwrap_or_default();
    for (family, kind) in kinds {
        into.describe(&family, kind, &text_of(&helps, &family), &text_of(&units, &family));
    }
    true
}

/// Takes what the host gives.
struct Samples<'m>(&'m mut Measured);

impl Sink for Samples<'_> {
    fn sample(&mut self, family: &Family<'_>, name: &str, labels: &[(&str, &str)], value: f64) {
        self.0.describe(family.name, family.kind, family.help, family.unit());
        self.0.sample(name, labels.iter().copied(), value);
    }
}
