//! All jobs together: started, reloaded, looked at, stopped.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex as StdMutex, PoisonError};

use orszem_model::Labels;
use tokio::sync::{Mutex, Semaphore, mpsc, oneshot};
use tokio_util::sync::CancellationToken;
use xxhash_rust::xxh3::xxh3_64;

use crate::config::ScrapeConfig;
use crate::counters::{Counters, ScrapeCounts};
use crate::output::Scraped;
use crate::pool::{Pool, Reconfigure, View};
use crate::running::Running;
use crate::settings::{Job, Settings};
use crate::shared::Shared;
use crate::status::Targets;

/// What a scraper is started with besides its settings.
#[derive(Clone, Debug)]
pub struct Options {
    /// Labels of all series that do not have them; `external_labels` of the settings win.
    pub labels: Labels,
    /// Scrapes that may run at once, at least 1; others wait.
    pub scrapes_max: usize,
    /// Name servers for `dns_sd_configs`; those of the system if empty.
    pub resolvers: Vec<SocketAddr>,
}

impl Default for Options {
    fn default() -> Self {
        Self { labels: Labels::default(), scrapes_max: 128, resolvers: Vec::new() }
    }
}

/// Scrapes until it is told to stop. Clones are handles to the same one.
#[derive(Clone, Debug)]
pub struct Scraper {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    shared: Arc<Shared>,
    shutdown: CancellationToken,
    pools: Mutex<BTreeMap<Arc<str>, RunningPool>>,
    views: StdMutex<BTreeMap<Arc<str>, Arc<View>>>,
    /// The jobs as they were last asked for.
    jobs: StdMutex<Vec<Arc<Job>>>,
}

#[derive(Debug)]
struct RunningPool {
    job: Arc<Job>,
    external: Labels,
    commands: mpsc::Sender<Reconfigure>,
    running: Running,
}

impl Scraper {
    /// Starts the jobs; a tokio runtime must be there. Every scrape puts one [`Scraped`] into `sink`; while that is
    /// full, targets wait, and skip the turns that they miss. After `shutdown` series end with stale markers: the sink
    /// must be read until [`Scraper::stopped`] returns.
    pub fn start(
        settings: &Settings,
        options: Options,
        sink: mpsc::Sender<Scraped>,
        shutdown: CancellationToken,
    ) -> Self {
        let Options { labels, scrapes_max, resolvers } = options;
        let shared = Arc::new(Shared {
            sink,
            counters: Counters::default(),
            turns: Semaphore::new(scrapes_max.max(1)),
            seed: xxh3_64(settings.external(&labels).identity()),
            base_labels: labels,
            resolvers: resolvers.into(),
        });
        let mut pools = BTreeMap::new();
        let mut views = BTreeMap::new();
        let external = settings.external(&shared.base_labels);
        for job in &settings.jobs {
            let (pool, view) = start_pool(job, &external, &shared, &shutdown);
            pools.insert(job.name().into(), pool);
            views.insert(job.name().into(), view);
        }
        let (pools, views, jobs) = (Mutex::new(pools), StdMutex::new(views), StdMutex::new(settings.jobs.clone()));
        Self { inner: Arc::new(Inner { shared, shutdown, pools, views, jobs }) }
    }

    /// Replaces the settings: jobs that are the same keep running, those that are gone end their series.
    pub async fn reload(&self, settings: &Settings) {
        let Inner { shared, shutdown, pools, views, jobs } = &*self.inner;
        let mut pools = pools.lock().await;
        jobs.lock().unwrap_or_else(PoisonError::into_inner).clone_from(&settings.jobs);
        let external = settings.external(&shared.base_labels);
        let is_wanted = |name: &Arc<str>| settings.jobs.iter().any(|job| *job.name() == **name);
        let gone: Vec<Arc<str>> = pools.keys().filter(|name| !is_wanted(name)).cloned().collect();
        for name in gone {
            views.lock().unwrap_or_else(PoisonError::into_inner).remove(&name);
            if let Some(pool) = pools.remove(&name) {
                pool.stop().await;
            }
        }
        for job in &settings.jobs {
            let name: Arc<str> = job.name().into();
            match pools.get_mut(&name) {
                Some(pool) if pool.job.config == job.config && pool.external == external => {}
                Some(pool) => pool.reconfigure(job, &external).await,
                None => {
                    let (pool, view) = start_pool(job, &external, shared, shutdown);
                    pools.insert(Arc::clone(&name), pool);
                    views.lock().unwrap_or_else(PoisonError::into_inner).insert(name, view);
                }
            }
        }
    }

    /// The targets as they are now.
    pub fn targets(&self) -> Targets {
        let views = self.inner.views.lock().unwrap_or_else(PoisonError::into_inner);
        let mut targets = Targets::default();
        for (name, view) in views.iter() {
            targets.active.extend(view.active(name));
            let (dropped, count) = view.dropped(name);
            targets.dropped.extend(dropped);
            targets.dropped_counts.push((Arc::clone(name), count));
        }
        targets
    }

    /// The jobs with all that `global` says where they are silent, in the order of the settings.
    pub fn configs(&self) -> Vec<ScrapeConfig> {
        let jobs = self.inner.jobs.lock().unwrap_or_else(PoisonError::into_inner);
        jobs.iter().map(|job| job.config.clone()).collect()
    }

    /// What was counted since the start.
    pub fn counts(&self) -> ScrapeCounts {
        self.inner.shared.counters.values()
    }

    /// Waits, after the shutdown, until all series have ended.
    pub async fn stopped(&self) {
        self.inner.shutdown.cancelled().await;
        let pools = std::mem::take(&mut *self.inner.pools.lock().await);
        for pool in pools.into_values() {
            pool.stop().await;
        }
    }
}

impl Settings {
    fn external(&self, base: &Labels) -> Labels {
        Labels::new(base.iter().chain(self.external_labels.iter()).collect())
    }
}

impl RunningPool {
    async fn reconfigure(&mut self, job: &Arc<Job>, external: &Labels) {
        let (done, is_done) = oneshot::channel();
        let command = Reconfigure { job: Arc::clone(job), external: external.clone(), done };
        self.job = Arc::clone(job);
        self.external = external.clone();
        // Both fail only when the pool has ended because of the shutdown.
        if self.commands.send(command).await.is_err() || is_done.await.is_err() {
            tracing::debug!(job = job.name(), "the job ended before it was reloaded");
        }
    }

    async fn stop(self) {
        self.running.cancel();
        self.running.stopped().await;
    }
}

fn start_pool(
    job: &Arc<Job>,
    external: &Labels,
    shared: &Arc<Shared>,
    shutdown: &CancellationToken,
) -> (RunningPool, Arc<View>) {
    let (commands, receiver) = mpsc::channel(1);
    let (cancel, view) = (shutdown.child_token(), Arc::<View>::default());
    let pool = Pool::new(Arc::clone(job), external.clone(), Arc::clone(shared), Arc::clone(&view));
    let running = Running::start(job.name(), cancel.clone(), pool.run(receiver, cancel));
    (RunningPool { job: Arc::clone(job), external: external.clone(), commands, running }, view)
}
