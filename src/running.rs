//! What is known only while the server runs, for the routes that tell of it: the configuration in force, and what is
//! scraped.

use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use orszem_collector::{CollectorHandle, Targets};
use orszem_model::Timestamp;

use crate::config::Config;
use crate::shown_config;

/// One for a server.
pub(crate) struct Running {
    /// This host's name.
    pub(crate) host: String,
    pub(crate) started: Timestamp,
    collector: OnceLock<CollectorHandle>,
    in_force: Mutex<InForce>,
}

struct InForce {
    config: Config,
    loaded: Timestamp,
    is_good: bool,
}

impl Running {
    /// A server that starts now.
    pub(crate) fn new(host: String, config: Config, now: Timestamp) -> Self {
        let in_force = Mutex::new(InForce { config, loaded: now, is_good: true });
        Self { host, started: now, collector: OnceLock::new(), in_force }
    }

    /// Makes the collector known once it has started.
    pub(crate) fn set_collector(&self, collector: CollectorHandle) {
        // There is one collector for the life of a server.
        self.collector.get_or_init(|| collector);
    }

    /// A reload took effect.
    pub(crate) fn reloaded(&self, config: Config, now: Timestamp) {
        *self.in_force() = InForce { config, loaded: now, is_good: true };
    }

    /// A reload was refused.
    pub(crate) fn reload_failed(&self) {
        self.in_force().is_good = false;
    }

    /// When the configuration in force was read, and whether the last attempt succeeded.
    pub(crate) fn loaded(&self) -> (Timestamp, bool) {
        let in_force = self.in_force();
        (in_force.loaded, in_force.is_good)
    }

    /// The configuration in force as YAML, without secrets.
    pub(crate) fn configuration(&self) -> String {
        let config = self.in_force().config.clone();
        let jobs = self.collector.get().map(CollectorHandle::scrape_configs);
        shown_config::yaml(&config, jobs.as_deref()).unwrap_or_else(|error| format!("# can't be shown: {error}\n"))
    }

    /// What is scraped now; nothing without a collector.
    pub(crate) fn targets(&self) -> Targets {
        self.collector.get().map(CollectorHandle::targets).unwrap_or_default()
    }

    fn in_force(&self) -> MutexGuard<'_, InForce> {
        self.in_force.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
