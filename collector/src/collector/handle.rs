//! What can be done with a running collector: asked, reloaded, stopped.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use orszem_model::topology::Edge;
use orszem_probe::Booth;
use tokio::sync::watch;
use tracing::{error, info, warn};

use super::{CollectorHandle, http_output, identity, source};
use crate::metrics::{self, Metrics, Plan};
use crate::output::{OutputConfig, Sender, Signal};
use crate::pipeline::Command;
use crate::report::Report;
use crate::send::Way;
use crate::shared::Identity;
use crate::{
    CollectorConfig, CollectorError, CounterValues, FileStatus, ScrapeConfig, ScrapeCounts, Targets, clock, prepare,
};

impl CollectorHandle {
    /// What is followed and what can't be read, by path; complete within a second or two of the start.
    pub fn files(&self) -> Vec<FileStatus> {
        self.inner.shared.files()
    }

    /// The votes of what is probed; `None` where only an input is read.
    pub fn booth(&self) -> Option<Booth> {
        self.inner.metrics.as_ref().map(Metrics::booth)
    }

    /// The counters now.
    pub fn counters(&self) -> CounterValues {
        self.inner.shared.counters.values()
    }

    /// Everything there is to say.
    pub fn report(&self) -> Report {
        self.inner.shared.report(clock::now())
    }

    /// The servers of the configuration in force, the one in use first.
    pub fn servers(&self) -> OutputConfig {
        let mut output = self.inner.config.lock().unwrap_or_else(PoisonError::into_inner).output.clone();
        if let Some(in_use) = self.inner.shared.endpoint_in_use() {
            output.endpoints.sort_by_key(|url| *url != in_use);
        }
        output
    }

    /// Goes on with another configuration. All of it is checked first; on an error everything stays as it is. Sources
    /// that are the same keep running. The state directory and the queue's limits are those of the start.
    ///
    /// # Errors
    /// [`CollectorError::Config`], and [`CollectorError::Output`] for certificates that can't be read.
    pub async fn reload(&self, config: CollectorConfig) -> Result<(), CollectorError> {
        let inner = &self.inner;
        let before = inner.config.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let host = inner.host.clone();
        let wanted = config.clone();
        let prepared = tokio::task::spawn_blocking(move || {
            let prepared = prepare::prepare(&wanted, &host)?;
            let plan = Plan::new(&wanted, prepared.stage.host()).map_err(CollectorError::Config)?;
            Ok::<_, CollectorError>((prepared, plan))
        });
        let (prepared, plan) = prepared.await.map_err(CollectorError::Step)??;
        let Identity { epoch, started, .. } = inner.shared.identity();
        let identity = identity(&config, prepared.stage.host(), epoch, started);
        if config.output != before.output || config.host != before.host {
            let sender = |signal| match inner.is_in_process {
                true => Ok(None),
                false => Sender::new(http_output(&config), signal, &before.state_dir, inner.shutdown.clone()).map(Some),
            };
            let host = prepared.stage.host();
            let logs = Way { sender: sender(Signal::Logs)?, source: source(host) };
            let mut ways = vec![(Signal::Logs, &inner.ways, logs)];
            if let Some(running) = &inner.metrics {
                let way = Way { sender: sender(Signal::Metrics)?, source: metrics::source(host) };
                ways.push((Signal::Metrics, &running.ways, way));
            }
            for (signal, to, way) in ways {
                if let Some(sender) = &way.sender {
                    inner.shared.set_output(signal, sender.status());
                }
                to.send(way).await.map_err(|_| CollectorError::Stopped)?;
            }
        }
        let is_moved = config.state_dir != before.state_dir;
        if config.cluster.spool != before.cluster.spool {
            warn!("another cluster.spool of the collector takes effect at its next start");
        }
        if is_moved || config.queue != before.queue || config.metrics_queue != before.metrics_queue {
            warn!("another state_dir or queue of the collector takes effect at its next start");
        }
        inner.shared.reconfigure(identity, prepare::throttle(&config));
        let commands = inner.commands.clone();
        let told = tokio::task::spawn_blocking(move || commands.send(Command::Reload(Box::new(prepared))));
        told.await.map_err(CollectorError::Step)?.map_err(|_| CollectorError::Stopped)?;
        if let Some(metrics) = &inner.metrics {
            metrics.reload(plan).await;
        }
        *inner.config.lock().unwrap_or_else(PoisonError::into_inner) = config;
        Ok(())
    }

    /// Says where this process' own metrics come from: `page` gives them in the OpenMetrics text format. They are sent
    /// with those of this host as the job `orszem-collector`, until the collector is stopped.
    pub fn measure_own(&self, page: impl Fn() -> Option<String> + Send + Sync + 'static) {
        if let Some(metrics) = &self.inner.metrics {
            metrics.measure_own(Arc::new(page));
        }
    }

    /// How the entities of the cluster depend on each other, as Pacemaker's configuration has it and DRBD's minors name
    /// it. Whenever that changes it is another list; it is empty where there is no cluster, or nothing is known yet.
    pub fn edges(&self) -> Arc<Vec<Edge>> {
        self.inner.shared.cluster.edges()
    }

    /// The targets of all jobs as they are now.
    pub fn targets(&self) -> Targets {
        self.inner.metrics.as_ref().map(Metrics::targets).unwrap_or_default()
    }

    /// The scrape jobs in force, those of files among them, with all defaults filled in.
    pub fn scrape_configs(&self) -> Vec<ScrapeConfig> {
        self.inner.metrics.as_ref().map(Metrics::scrape_configs).unwrap_or_default()
    }

    /// What the scrapers that run have counted, each for itself.
    pub fn scrape_counts(&self) -> Vec<ScrapeCounts> {
        self.inner.metrics.as_ref().map(Metrics::scrape_counts).unwrap_or_default()
    }

    /// Waits until nothing more is read: the input has ended, or a queue has failed for good.
    pub async fn has_ended(&self) {
        let has_failed = async {
            match &self.inner.metrics {
                Some(metrics) => metrics.has_failed().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = ended(self.inner.has_read.clone()) => {}
            () = has_failed => {}
        }
    }

    /// Waits until all that is queued was sent, at most `within`; only after [`Self::has_ended`].
    pub async fn drained(&self, within: Duration) {
        if tokio::time::timeout(within, ended(self.inner.has_sent.clone())).await.is_err() {
            warn!("not everything was sent in time; the next start sends the rest");
        }
    }

    /// Stops: what was read is queued, and sending goes on for at most `drain`. The rest is sent by the next start.
    pub async fn stop(&self, drain: Duration) {
        let commands = self.inner.commands.clone();
        let told = tokio::task::spawn_blocking(move || commands.send(Command::Stop)).await;
        if let Err(error) = told {
            error!(%error, "the collector can't be told to stop");
        }
        let inner = &self.inner;
        let metrics = inner.metrics.as_ref();
        tokio::join!(ended(inner.has_read.clone()), async {
            if let Some(metrics) = metrics {
                metrics.stop_taking().await;
            }
        });
        let has_sent = || async {
            ended(inner.has_sent.clone()).await;
            if let Some(metrics) = metrics {
                ended(metrics.has_sent.clone()).await;
            }
        };
        if tokio::time::timeout(drain, has_sent()).await.is_err() {
            info!("stopping with batches in the queue; the next start sends them");
        }
        inner.shutdown.cancel();
        has_sent().await;
    }
}

/// Waits for `true`, or for the end of whoever would say it.
async fn ended(mut flag: watch::Receiver<bool>) {
    // An error means that the thread or task is gone, which is the same.
    if flag.wait_for(|ended| *ended).await.is_err() {
        tracing::debug!("a part of the collector ended without a word");
    }
}
