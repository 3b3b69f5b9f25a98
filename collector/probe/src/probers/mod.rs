//! One prober a file, and what they share.

mod body;
mod cookies;
mod dns;
mod echo;
mod http;
mod icmp;
mod lines;
mod sql;
mod tcp;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use orszem_scrape::config::TlsConfig;

use crate::error::Failure;
use crate::modules::{Kind, Module};
use crate::page;
use crate::report::Report;
use crate::tls::TlsSettings;
use echo::Pingers;

/// How long TLS that was read from files is used before they are read again.
const TLS_AGE: Duration = Duration::from_secs(60);
/// Of more settings than this the oldest are read again when they are needed.
const TLS_MAX: usize = 64;

/// What one probe came to.
#[derive(Debug)]
pub struct Outcome {
    pub took: Duration,
    /// Why it failed.
    pub failure: Option<Failure>,
    pub report: Report,
}

impl Outcome {
    pub fn is_success(&self) -> bool {
        self.failure.is_none()
    }

    /// Why it failed, in one line; empty if it did not.
    pub fn reason(&self) -> String {
        self.failure.as_ref().map(|failure| orszem_model::chain(failure)).unwrap_or_default()
    }

    /// Has it fail, unless it has failed already.
    pub fn fail(&mut self, failure: Failure) {
        if self.failure.is_none() {
            self.failure = Some(failure);
            self.report.page.set(page::SUCCESS, 0.0);
        }
    }
}

/// What a probe is asked for beyond its module.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Extras {
    /// What the server is called instead of the target's host: `Host` of HTTP, the name in TLS.
    pub hostname: Option<String>,
    /// Whether the body is wanted.
    pub wants_body: bool,
}

/// Probes targets. Cheap to clone; sockets for ICMP and TLS read from files are shared.
#[derive(Clone, Debug, Default)]
pub struct Prober {
    inner: Arc<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    pingers: Pingers,
    tls: Mutex<Vec<(TlsConfig, Instant, TlsSettings)>>,
}

impl Prober {
    /// Probes once. Takes at most `within`; must be called within a tokio runtime.
    pub async fn probe(&self, module: &Module, target: &str, extras: &Extras, within: Duration) -> Outcome {
        let begun = Instant::now();
        let mut report = Report::default();
        let probing = async {
            match &module.kind {
                Kind::Http(config) => http::probe(self, config, target, extras, &mut report).await,
                Kind::Tcp(config) => tcp::probe(self, config, target, extras, &mut report).await,
                Kind::Icmp(config) => icmp::probe(&self.inner.pingers, config, target, &mut report).await,
                Kind::Dns(config) => dns::probe(self, config, target, &mut report).await,
                Kind::Sql(config) => sql::probe(config, target, within, &mut report).await,
            }
        };
        let ended = tokio::time::timeout(within, probing).await.unwrap_or(Err(Failure::Timeout(within)));
        let took = begun.elapsed();
        report.page.set(page::DURATION, took.as_secs_f64());
        report.page.set(page::SUCCESS, f64::from(u8::from(ended.is_ok())));
        Outcome { took, failure: ended.err(), report }
    }

    /// TLS as `config` says, kept for a while.
    async fn tls(&self, config: &TlsConfig) -> Result<TlsSettings, Failure> {
        let is_fresh =
            |(known, read, _): &&(TlsConfig, Instant, TlsSettings)| known == config && read.elapsed() < TLS_AGE;
        let known = self.kept().iter().find(is_fresh).map(|(_, _, tls)| tls.clone());
        if let Some(known) = known {
            return Ok(known);
        }
        let owned = config.clone();
        let read = tokio::task::spawn_blocking(move || TlsSettings::new(&owned)).await.map_err(|_| Failure::Task)?;
        let tls = read.map_err(Failure::TlsSettings)?;
        let mut kept = self.kept();
        kept.retain(|(known, _, _)| known != config);
        if kept.len() >= TLS_MAX {
            kept.remove(0);
        }
        kept.push((config.clone(), Instant::now(), tls.clone()));
        Ok(tls)
    }

    fn kept(&self) -> MutexGuard<'_, Vec<(TlsConfig, Instant, TlsSettings)>> {
        self.inner.tls.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
