//! Collectors that have fallen silent: an alert for each, of a rule that is built in.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use orszem_alerting::{AlertKey, Input, Level, Rule, State};
use orszem_model::{Labels, Span, Timestamp};

use super::AlertingHandle;
use crate::collectors::{CollectorReport, Collectors};
use crate::error::Error;

/// The rule. Its alerts have the label `host`.
pub const COLLECTOR_SILENT: &str = "CollectorSilent";

/// The rule as the engine knows it.
pub(super) fn collector_silent() -> Rule {
    Rule::condition(COLLECTOR_SILENT, Level::Critical)
}

/// Tells the engine which collectors are silent.
pub struct SilentCollectors {
    handle: AlertingHandle,
    collectors: Arc<Collectors>,
    tenant: u32,
    /// While the server was away nobody could be heard: silence counts from its start on.
    started: Timestamp,
    /// Hosts whose alert the engine knows; `None` before it was asked.
    told: Option<BTreeSet<String>>,
}

impl SilentCollectors {
    /// `started` is when this server did.
    pub fn new(handle: AlertingHandle, collectors: Arc<Collectors>, tenant: u32, started: Timestamp) -> Self {
        Self { handle, collectors, tenant, started, told: None }
    }

    /// Looks at `now` who is silent for longer than `after`; nobody is if that is zero. To be called every few seconds.
    ///
    /// # Errors
    /// When the engine takes nothing now: it is told with the next look.
    pub async fn look(&mut self, after: Duration, now: Timestamp) -> Result<(), Error> {
        let told = match self.told.take() {
            Some(told) => told,
            None => self.known().await?,
        };
        let mut silent: BTreeMap<String, Timestamp> = BTreeMap::new();
        if after > Duration::ZERO {
            for report in self.collectors.list(self.tenant, now) {
                let heard = heard(&report).max(self.started);
                if heard.after(after) <= now {
                    silent.insert(report.host, heard);
                }
            }
        }
        let begun = silent.iter().filter(|(host, _)| !told.contains(*host));
        let mut inputs: Vec<Input> = begun.map(|(host, heard)| firing(host, *heard, after)).collect();
        inputs.extend(told.iter().filter(|host| !silent.contains_key(*host)).map(|host| over(host, now)));
        // What is refused, as there is no room, is told again.
        let mut known: BTreeSet<String> = silent.keys().cloned().collect();
        if !inputs.is_empty() {
            let hosts: Vec<Option<String>> = inputs.iter().map(host_of).collect();
            match self.handle.submit(inputs).await {
                Ok(answers) => {
                    for (host, refusal) in hosts.into_iter().zip(answers) {
                        if let (Some(host), Some(refusal)) = (host, refusal) {
                            tracing::warn!(%refusal, host, "that a collector is silent was not taken");
                            known.remove(&host);
                        }
                    }
                }
                Err(error) => {
                    self.told = Some(told);
                    return Err(error);
                }
            }
        }
        self.told = Some(known);
        Ok(())
    }

    /// Hosts that the engine has an alert of, from before a start.
    async fn known(&self) -> Result<BTreeSet<String>, Error> {
        let known = self.handle.read(|engine, _| {
            let own = engine.alerts().filter(|alert| alert.key.rule == COLLECTOR_SILENT && alert.state != State::Ok);
            own.filter_map(|alert| Some(alert.key.labels.get("host")?.to_owned())).collect()
        });
        known.await
    }
}

/// When it was heard last: its canary, or any request.
fn heard(report: &CollectorReport) -> Timestamp {
    Timestamp(report.last_seen_ns.max(report.last_request_ns).unwrap_or(0))
}

fn key(host: &str) -> AlertKey {
    AlertKey { rule: COLLECTOR_SILENT.to_owned(), labels: Labels::from([("host", host)]) }
}

fn host_of(input: &Input) -> Option<String> {
    match input {
        Input::Level { key, .. } => key.labels.get("host").map(str::to_owned),
        _ => None,
    }
}

fn firing(host: &str, heard: Timestamp, after: Duration) -> Input {
    let summary = format!("The collector {host} has been silent since {heard}");
    let description = "What happens on that host is not known meanwhile; it is in the collector's queue if that runs. \
                       First: orszem collectors; systemctl status orszem-collector and orszem doctor on the host.";
    Input::Level {
        key: key(host),
        state: State::Firing(Level::Critical),
        at: heard.after(after),
        value: Span(after).duration().as_secs_f64(),
        annotations: Labels::from([("summary", summary.as_str()), ("description", description)]),
    }
}

fn over(host: &str, now: Timestamp) -> Input {
    Input::Level { key: key(host), state: State::Ok, at: now, value: f64::NAN, annotations: Labels::default() }
}

#[cfg(test)]
mod tests;
