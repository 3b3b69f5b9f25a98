//! Metrics of this host and of what is scraped, on their own way to the server: a queue and a sender like those of logs.
//!
//! What was scraped is gathered for at most a second, then in the queue `queue-metrics` and durable at most 0.2 s
//! later. From there it is sent under a source, an epoch and a number of its own, so that a repeat is recognised.

mod batching;
mod book;
mod cluster;
mod databases;
mod encode;
mod histogram;
mod host;
mod jobs;
mod measured;
mod probes;
mod symbols;
mod tasks;
mod view;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;

use orszem_queue::Recovered;
use tokio::runtime;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;
use tracing::error;

pub(crate) use host::{Own, OwnPage};
pub(crate) use view::View;

use crate::config::{self, Jobs, ScrapeSection};
use crate::output::{Sender, Signal};
use crate::pipeline::{DROPS_POSITION, Drops, Notice};
use crate::prepare::COMPRESSION_LEVEL;
use crate::queues::{self, Opened};
use crate::send::{Sending, Way};
use crate::shared::Shared;
use crate::{CollectorConfig, CollectorError, Wrong};
use batching::Batching;
use book::Book;
use databases::Databases;
use encode::WriteEncoder;
use host::HostPlan;
use jobs::Scrapers;
use probes::{ProbePlan, Probes};

/// Scrapes that wait to be put into a batch; while there are so many, targets wait.
const SCRAPED_MAX: usize = 16;

/// What a configuration says about metrics, checked.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    host: Option<Arc<HostPlan>>,
    jobs: Vec<Jobs>,
    section: ScrapeSection,
    databases: Vec<orszem_sql::Plan>,
    probes: ProbePlan,
}

impl Plan {
    /// Reads all files and compiles all rules. `host` is this host's name. Blocks on the disk.
    pub(crate) fn new(config: &CollectorConfig, host: &str) -> Result<Self, Vec<Wrong>> {
        let (measured, name) = (&config.host_metrics, host);
        let own = [("job", "node"), ("instance", host)].map(|(name, value)| (name.to_owned(), value.to_owned()));
        let labels: BTreeMap<String, String> = own.into_iter().chain(measured.labels.clone()).collect();
        let host = measured.enabled.then(|| {
            Arc::new(HostPlan {
                interval: measured.interval.duration(),
                config: measured.host.clone(),
                labels,
                external: config.scrape.external_labels.clone(),
            })
        });
        let databases = config::load_sql(&config.sql, &config.scrape.external_labels)?;
        // Several may probe the same: series are told apart by who has probed.
        let mut external = config.scrape.external_labels.clone();
        external.entry("collector".to_owned()).or_insert_with(|| name.to_owned());
        let targets = config::load_probes(&config.probe, &config.probe_modules, &external)?;
        let probes = ProbePlan { targets, canaries: orszem_probe::canaries(&config.probe_canaries)? };
        Ok(Self { host, jobs: config.scrape.load()?, section: config.scrape.clone(), databases, probes })
    }
}

/// The name under which a host's metrics are sent.
pub(crate) fn source(host: &str) -> String {
    format!("metrics/{host}")
}

/// Metrics that are taken and sent; until [`Self::stop_taking`].
#[derive(Debug)]
pub(crate) struct Metrics {
    scrapers: Arc<Scrapers>,
    databases: Databases,
    probes: Probes,
    plans: watch::Sender<Option<Arc<HostPlan>>>,
    sections: watch::Sender<ScrapeSection>,
    own: Own,
    pub(crate) ways: mpsc::Sender<Way>,
    /// Nothing new is taken.
    stopping: CancellationToken,
    /// Nothing more will come.
    finish: CancellationToken,
    /// How the thread that fills the queue has ended: whether well.
    has_batched: watch::Receiver<Option<bool>>,
    pub(crate) has_sent: watch::Receiver<bool>,
}

impl Metrics {
    /// Starts; what an earlier run has queued is sent first. Must be called within a tokio runtime.
    pub(crate) fn start(
        plan: &Plan,
        config: &CollectorConfig,
        host: &str,
        sender: Sender,
        shared: &Arc<Shared>,
        shutdown: &CancellationToken,
    ) -> Result<Self, CollectorError> {
        let opened = queues::open(Signal::Metrics, &config.state_dir, config.metrics_queue.into(), &source(host))?;
        let Opened { writer, reader, flows, recovered } = opened;
        tell_damage(shared, &recovered);
        let (sink, scraped) = mpsc::channel(SCRAPED_MAX);
        let (stopping, finish) = (CancellationToken::new(), CancellationToken::new());
        let scrapers = Arc::new(Scrapers::new(sink.clone(), stopping.clone()));
        let queue_bytes_max = config.metrics_queue.bytes_max.bytes();
        shared.set_metrics(View::new(sender.status(), writer.monitor(), queue_bytes_max, Arc::clone(&scrapers)));
        let (durable_sender, durable) = watch::channel(recovered.next_seq);
        let batching = Batching {
            scraped,
            encoder: WriteEncoder::new(COMPRESSION_LEVEL).map_err(CollectorError::Compressor)?,
            book: Book::default(),
            writer,
            durable: durable_sender,
            shared: Arc::clone(shared),
            drops: Drops::new(Signal::Metrics, recovered.positions.get(DROPS_POSITION).map(Vec::as_slice)),
            stopping: stopping.clone(),
            finish: finish.clone(),
            runtime: runtime::Builder::new_current_thread().enable_time().build().map_err(CollectorError::Thread)?,
            opened: None,
            unsynced: None,
            is_lost: false,
        };
        let (batched, has_batched) = watch::channel(None);
        let thread = std::thread::Builder::new().name("metrics".to_owned());
        let spawned = thread.spawn(move || {
            let is_well = batching.run();
            batched.send_replace(Some(is_well));
        });
        spawned.map_err(CollectorError::Thread)?;
        let (ways, next_way) = mpsc::channel(1);
        let sending = Sending {
            signal: Signal::Metrics,
            reader: Some(reader),
            flows,
            first_seq: recovered.next_seq,
            sender,
            durable,
            shared: Arc::clone(shared),
            shutdown: shutdown.clone(),
            next_way,
            set_back: None,
        };
        let (send_ended, has_sent) = watch::channel(false);
        tokio::spawn(async move {
            sending.run().await;
            send_ended.send_replace(true);
        });
        let databases = Databases::start(&plan.databases, sink.clone(), stopping.clone());
        let probes = Probes::start(&plan.probes, sink.clone(), stopping.clone());
        let own = Own::default();
        let (plans, next_plan) = watch::channel(plan.host.clone());
        tokio::spawn(host::keep_measuring(next_plan, own.clone(), shared.cluster.clone(), sink, stopping.clone()));
        let (sections, section) = watch::channel(plan.section.clone());
        let (jobs, scraping, stop_following) = (plan.jobs.clone(), Arc::clone(&scrapers), stopping.clone());
        tokio::spawn(async move {
            scraping.reload(&jobs).await;
            jobs::follow_files(scraping, section, stop_following).await;
        });
        Ok(Self { scrapers, databases, probes, plans, sections, own, ways, stopping, finish, has_batched, has_sent })
    }

    /// Goes on with another plan; what is the same keeps running.
    pub(crate) async fn reload(&self, plan: Plan) {
        let Plan { host, jobs, section, databases, probes } = plan;
        self.sections.send_replace(section);
        self.plans.send_if_modified(|before| {
            let is_other = *before != host;
            *before = host;
            is_other
        });
        self.scrapers.reload(&jobs).await;
        self.databases.reload(databases).await;
        self.probes.reload(probes).await;
    }

    /// Says where this process' own metrics come from.
    pub(crate) fn measure_own(&self, page: OwnPage) {
        self.own.set(Some(page));
    }

    /// Ends all series that are scraped; when it returns all that was taken is durable, or the queue has failed.
    pub(crate) async fn stop_taking(&self) {
        self.stopping.cancel();
        self.scrapers.stopped().await;
        self.databases.stopped().await;
        self.probes.stopped().await;
        // The page may hold the collector.
        self.own.set(None);
        self.finish.cancel();
        let mut has_batched = self.has_batched.clone();
        if has_batched.wait_for(Option::is_some).await.is_err() {
            error!("the thread that queues metrics broke off");
        }
    }

    /// Waits until the queue has failed for good.
    pub(crate) async fn has_failed(&self) {
        let mut has_batched = self.has_batched.clone();
        // An error means that the thread is gone without a word.
        let is_well = has_batched.wait_for(Option::is_some).await.map(|ended| *ended);
        if let Ok(Some(true)) = is_well {
            std::future::pending::<()>().await;
        }
    }

    /// The votes of the probes.
    pub(crate) fn booth(&self) -> orszem_probe::Booth {
        self.probes.booth()
    }

    /// The targets as they are now.
    pub(crate) fn targets(&self) -> orszem_scrape::Targets {
        self.scrapers.targets()
    }

    /// The scrape jobs in force.
    pub(crate) fn scrape_configs(&self) -> Vec<orszem_scrape::config::ScrapeConfig> {
        self.scrapers.configs()
    }

    /// What the scrapers that run have counted.
    pub(crate) fn scrape_counts(&self) -> Vec<orszem_scrape::ScrapeCounts> {
        self.scrapers.counts()
    }
}

/// Has new damage told in-band. Its samples are lost.
fn tell_damage(shared: &Shared, recovered: &Recovered) {
    let new = recovered.damage.iter().filter(|damage| damage.is_new);
    new.map(Notice::queue_damaged).for_each(|notice| shared.tell(notice));
}
