//! Finds targets: from the configuration, files, the DNS and servers that list them.

mod dns;
mod file;
mod group;
mod http;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::counters::add;
use crate::settings::Job;
use crate::shared::Shared;

pub(crate) use group::{Group, Pairs};

/// Lists that may wait for the job to look at them.
const UPDATES_MAX: usize = 16;

/// All that one provider knows now.
#[derive(Debug)]
pub(crate) struct Update {
    pub(crate) provider: usize,
    pub(crate) groups: Vec<Group>,
}

/// The providers of a job, while they look for targets; they stop when this is dropped.
#[derive(Debug)]
pub(crate) struct Discovery {
    pub(crate) updates: mpsc::Receiver<Update>,
    /// Each sends an update, an empty one if need be, once it has looked.
    pub(crate) providers: usize,
    tasks: JoinSet<()>,
    /// Keeps the channel open when all providers are done.
    _updates: mpsc::Sender<Update>,
}

impl Drop for Discovery {
    fn drop(&mut self) {
        self.tasks.abort_all();
    }
}

/// How a provider tells of what it found.
#[derive(Debug)]
struct Teller {
    provider: usize,
    job: Arc<str>,
    updates: mpsc::Sender<Update>,
    shared: Arc<Shared>,
    /// What was found last.
    last: Option<Vec<Group>>,
    /// Whether the last look failed.
    is_failing: bool,
}

impl Teller {
    /// Tells of all that is known now, if that is not what was known before.
    async fn found(&mut self, groups: Vec<Group>) {
        if self.last.as_ref() == Some(&groups) {
            return;
        }
        self.last = Some(groups.clone());
        // Nobody listens any more when the job ends; so does this task then.
        if self.updates.send(Update { provider: self.provider, groups }).await.is_err() {
            tracing::debug!(job = %self.job, "a discovery outlived its job");
        }
    }

    fn succeeded(&mut self) {
        self.is_failing = false;
    }

    fn failed(&mut self, what: &str, error: &str) {
        add(&self.shared.counters.failed_discoveries, 1);
        if !std::mem::replace(&mut self.is_failing, true) {
            tracing::warn!(job = %self.job, what, error, "targets can't be looked up; those found before stay");
        }
    }
}

impl Discovery {
    /// Starts the providers of `job`.
    pub(crate) fn start(job: &Job, shared: &Arc<Shared>) -> Self {
        let (updates, receiver) = mpsc::channel(UPDATES_MAX);
        let mut tasks = JoinSet::new();
        let mut providers = 0;
        let name: Arc<str> = job.name().into();
        let mut teller = || {
            let provider = providers;
            providers += 1;
            let (job, updates) = (Arc::clone(&name), updates.clone());
            Teller { provider, job, updates, shared: Arc::clone(shared), last: None, is_failing: false }
        };
        let config = &job.config;
        let mut written = teller();
        let groups: Vec<Group> = config.static_configs.iter().map(Group::from).collect();
        tasks.spawn(async move { written.found(groups).await });
        for files in &config.file_sd_configs {
            tasks.spawn(file::watch(files.clone(), teller()));
        }
        for names in &config.dns_sd_configs {
            tasks.spawn(dns::ask(names.clone(), teller()));
        }
        for server in &config.http_sd_configs {
            tasks.spawn(http::ask(server.clone(), teller()));
        }
        Self { updates: receiver, providers, tasks, _updates: updates }
    }
}

/// Waits for the next look.
async fn pause(interval: Duration) {
    tokio::time::sleep(interval.max(Duration::from_millis(10))).await;
}
