//! The scrapers, one for each origin of jobs, and how their files are followed.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use orszem_scrape::config::ScrapeConfig;
use orszem_scrape::{Options, ScrapeCounts, Scraped, Scraper, Targets};
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use crate::Wrong;
use crate::config::{Jobs, ScrapeSection};

use super::tasks::STOP_MAX;

/// How often files of jobs are looked at for changes.
const LOOK_EVERY: Duration = Duration::from_secs(10);

/// The scrapers that run. Each has the external labels and defaults of its file.
#[derive(Debug)]
pub(super) struct Scrapers {
    /// Held while they are changed.
    running: tokio::sync::Mutex<Vec<Running>>,
    /// The same, for whoever asks.
    shown: Mutex<Vec<Scraper>>,
    sink: mpsc::Sender<Scraped>,
    stopping: CancellationToken,
}

#[derive(Debug)]
struct Running {
    origin: PathBuf,
    scraper: Scraper,
    cancel: CancellationToken,
}

impl Scrapers {
    /// None yet; they put what they scrape into `sink`, and end when `stopping` is cancelled.
    pub(super) fn new(sink: mpsc::Sender<Scraped>, stopping: CancellationToken) -> Self {
        Self { running: tokio::sync::Mutex::default(), shown: Mutex::default(), sink, stopping }
    }

    /// Runs these jobs and no others; those that are the same keep running.
    pub(super) async fn reload(&self, wanted: &[Jobs]) {
        let mut running = self.running.lock().await;
        if self.stopping.is_cancelled() {
            return;
        }
        let is_wanted = |origin: &PathBuf| wanted.iter().any(|jobs| jobs.origin == *origin);
        let (kept, gone) = std::mem::take(&mut *running).into_iter().partition(|one| is_wanted(&one.origin));
        *running = kept;
        let gone: Vec<Running> = gone;
        for one in gone {
            one.cancel.cancel();
            one.scraper.stopped().await;
        }
        for Jobs { origin, settings } in wanted {
            match running.iter().find(|one| one.origin == *origin) {
                Some(one) => one.scraper.reload(settings).await,
                None => {
                    let cancel = self.stopping.child_token();
                    let scraper = Scraper::start(settings, Options::default(), self.sink.clone(), cancel.clone());
                    running.push(Running { origin: origin.clone(), scraper, cancel });
                }
            }
        }
        *self.shown() = running.iter().map(|one| one.scraper.clone()).collect();
    }

    /// Waits, once they are told to stop, until their series have ended.
    pub(super) async fn stopped(&self) {
        let running = std::mem::take(&mut *self.running.lock().await);
        let ending = async {
            for one in &running {
                one.scraper.stopped().await;
            }
        };
        if tokio::time::timeout(STOP_MAX, ending).await.is_err() {
            warn!("not all scrapes ended in time; some series stay open");
        }
        self.shown().clear();
    }

    /// The targets as they are now.
    pub(super) fn targets(&self) -> Targets {
        let mut all = Targets::default();
        for scraper in self.shown().iter() {
            let Targets { active, dropped, dropped_counts } = scraper.targets();
            all.active.extend(active);
            all.dropped.extend(dropped);
            all.dropped_counts.extend(dropped_counts);
        }
        all
    }

    /// The jobs as they are scraped.
    pub(super) fn configs(&self) -> Vec<ScrapeConfig> {
        self.shown().iter().flat_map(Scraper::configs).collect()
    }

    /// What was counted by the scrapers that run.
    pub(super) fn counts(&self) -> Vec<ScrapeCounts> {
        self.shown().iter().map(Scraper::counts).collect()
    }

    fn shown(&self) -> std::sync::MutexGuard<'_, Vec<Scraper>> {
        self.shown.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Reads the files of the section again and again, and goes on with what has changed in them. Where they can't be
/// used, all stays as it was.
pub(super) async fn follow_files(
    scrapers: Arc<Scrapers>,
    sections: watch::Receiver<ScrapeSection>,
    stopping: CancellationToken,
) {
    let mut told: Option<Vec<Wrong>> = None;
    loop {
        tokio::select! {
            () = stopping.cancelled() => return,
            () = tokio::time::sleep(LOOK_EVERY) => {}
        }
        let section = sections.borrow().clone();
        if section.files.is_empty() {
            continue;
        }
        let wanted = section.clone();
        let loaded = match tokio::task::spawn_blocking(move || wanted.load()).await {
            Ok(loaded) => loaded,
            Err(error) => {
                error!(%error, "reading the files of scrape jobs broke off");
                continue;
            }
        };
        // What was read is of no use once another configuration is in force.
        if *sections.borrow() != section {
            continue;
        }
        match loaded {
            Ok(jobs) => {
                if told.take().is_some() {
                    info!("the files of scrape jobs can be used again");
                }
                scrapers.reload(&jobs).await;
            }
            Err(wrong) if told.as_ref() == Some(&wrong) => {}
            Err(wrong) => {
                for Wrong { key, value, wrong, remedy } in &wrong {
                    error!(
                        key,
                        value, wrong, remedy, "a file of scrape jobs can't be used; its jobs stay as they were"
                    );
                }
                told = Some(wrong);
            }
        }
    }
}
