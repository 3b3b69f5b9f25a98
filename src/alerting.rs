//! Starts alerting over the stores, and puts another configuration into it.

use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use axum::Router;
use orszem_dashboards::http::alertmanager::{AlertmanagerApi, ServerInfo};
use orszem_dashboards::http::devices::DevicesApi;
use orszem_dashboards::http::incidents::IncidentsApi;
use orszem_dashboards::http::links;
use orszem_dashboards::http::packed;
use orszem_dashboards::http::replay::ReplayApi;
use orszem_indexer::Indexer;
use orszem_indexer::alerting::{
    AlertingHandle, AlertingService, Deliver, OwnParts, OwnRulesReloader, OwnRulesService, Parts, Replayer, Wrong,
    own_rules_of, rules_of,
};
use orszem_indexer::samples::Samples;
use orszem_model::Timestamp;
use prometheus_client::registry::Registry;

use crate::access::{Identity, LinkLimit};
use crate::config::Config;
use crate::notifying::Channels;
use crate::watching::Watching;

/// Alerting while the server runs.
pub(crate) struct Alerting {
    pub(crate) service: AlertingService,
    /// Evaluates what is not in Prometheus' format.
    own: OwnRulesService,
    pub(crate) reloading: Reloading,
}

/// The way in for another configuration.
#[derive(Clone)]
pub(crate) struct Reloading {
    handle: AlertingHandle,
    own: OwnRulesReloader,
    channels: Arc<Channels>,
    replayer: Replayer,
    watching: Watching,
    is_experimental: bool,
}

impl Alerting {
    /// Goes on where the last one ended. Blocks on the disk.
    pub(crate) fn start(
        config: &Config,
        data_dir: &Path,
        (indexer, samples): (&Indexer, &Samples),
        is_experimental: bool,
        registry: &mut Registry,
    ) -> anyhow::Result<Self> {
        let tenant = Identity::local().tenant;
        let channels = Arc::new(Channels::new(&config.notify)?);
        let rules = config
            .alerting
            .sources(tenant, is_experimental, &config.notify.external_url)
            .map_err(told)
            .context("can't read the rules")?;
        let plan = config.alerting.plan(rules_of(&rules)).map_err(told).context("can't use [alerting]")?;
        let own_rules = own_rules_of(&rules);
        let replayer = Replayer::new(indexer, samples, rules.clone());
        let delivering: Arc<dyn Deliver> = Arc::<Channels>::clone(&channels);
        let parts = Parts {
            data_dir,
            tenant,
            plan,
            rules,
            samples: samples.clone(),
            topology: indexer.topology(),
            channels: delivering,
        };
        let service = AlertingService::start(parts, registry).context("can't go on with alerting")?;
        let handle = service.handle();
        let parts =
            OwnParts { data_dir, tenant, rules: own_rules, indexer, samples: samples.clone(), handle: handle.clone() };
        let own = OwnRulesService::start(parts, registry).context("can't go on with own rules")?;
        let silences = config.alerting.clone();
        let silencing = handle.clone();
        tokio::spawn(async move {
            if let Err(error) = silence(&silencing, &silences).await {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "the silences of the configuration do not hold"
                );
            }
        });
        let sections = (&config.alerting, &config.notify);
        let watching = Watching::start(sections, handle.clone(), (indexer, samples), registry);
        let reloading = Reloading { handle, own: own.reloader(), channels, replayer, watching, is_experimental };
        Ok(Self { service, own, reloading })
    }

    /// Ends it: first who feeds the engine, then the engine.
    pub(crate) async fn stop(self) {
        self.reloading.watching.stop().await;
        self.own.stop().await;
        self.service.stop().await;
    }

    /// The routes of its APIs.
    pub(crate) fn routes(&self, started: Timestamp) -> Router {
        let tenant = Identity::local().tenant;
        let server = ServerInfo { tenant, version: env!("CARGO_PKG_VERSION").to_owned(), started };
        AlertmanagerApi::new(self.service.handle(), server)
            .router()
            .merge(LinkLimit::new().around(links::router(self.service.handle())))
            .merge(packed(
                IncidentsApi::new(self.service.handle(), tenant)
                    .router()
                    .merge(ReplayApi::new(self.reloading.replayer.clone(), tenant).router())
                    .merge(
                        DevicesApi::new(
                            self.service.handle(),
                            Arc::<Channels>::clone(&self.reloading.channels),
                            tenant,
                        )
                        .router(),
                    ),
            ))
    }
}

impl Reloading {
    /// The way to the engine.
    pub(crate) fn handle(&self) -> AlertingHandle {
        self.handle.clone()
    }

    /// Puts another configuration in force: channels, rule files, contacts, routes, times and silences. It was checked.
    pub(crate) async fn reload(&self, config: &Config) -> anyhow::Result<()> {
        let tenant = Identity::local().tenant;
        let rules = config.alerting.sources(tenant, self.is_experimental, &config.notify.external_url).map_err(told)?;
        let plan = config.alerting.plan(rules_of(&rules)).map_err(told)?;
        self.channels.replace(&config.notify)?;
        let own = own_rules_of(&rules);
        let in_force = rules.clone();
        self.handle.reconfigure(plan, rules).await.context("alerting keeps its old configuration")?;
        self.replayer.replace(in_force);
        self.own.reload(own).await.context("own rules stay as they were")?;
        self.watching.reload(&config.alerting, &config.notify).await;
        silence(&self.handle, &config.alerting).await.context("the silences of the configuration do not hold")
    }
}

/// Makes the silences of the configuration hold, and ends those that do not stand there any more.
async fn silence(
    handle: &AlertingHandle,
    config: &orszem_indexer::alerting::AlertingConfig,
) -> Result<(), orszem_indexer::Error> {
    let config = config.clone();
    let inputs = handle.read(move |engine, now| config.silence_inputs(engine.silences(), now)).await?;
    if !inputs.is_empty() {
        handle.submit(inputs).await?;
    }
    Ok(())
}

fn told(wrong: Vec<Wrong>) -> anyhow::Error {
    let lines: Vec<String> = wrong
        .into_iter()
        .map(|Wrong { key, value, wrong, remedy }| format!("alerting.{key} = {value}: {wrong}; {remedy}"))
        .collect();
    match lines.is_empty() {
        true => anyhow::anyhow!("[alerting] can't be used"),
        false => anyhow::anyhow!(lines.join("\n")),
    }
}
