//! Prometheus that scrapes and evaluates, with Alertmanager that tells, at one setting.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use orszem_model::time::format_duration;
use tokio::process::{Child, Command};

use super::board::{Board, Served};
use super::{LOOK_EVERY, Setting, alive};
use crate::client::Client;

const PROMETHEUS: &str = "prometheus";
const ALERTMANAGER: &str = "prometheus-alertmanager";
/// How long Prometheus may take until it has found the Alertmanager and scraped; it looks for it after some seconds.
const READY_MAX: Duration = Duration::from_secs(120);

/// Both, running.
pub(super) struct Peer {
    /// The name of its alerts, and the one by which it scrapes.
    name: String,
    prometheus: Child,
    alertmanager: Child,
    client: Client,
}

fn program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).map(|folder| folder.join(name)).find(|path| path.is_file())
}

pub(super) fn are_installed() -> bool {
    [PROMETHEUS, ALERTMANAGER].iter().all(|name| program(name).is_some())
}

impl Peer {
    pub(super) fn start(folder: &Path, name: &str, setting: Setting, served: &Served) -> anyhow::Result<Self> {
        std::fs::create_dir_all(folder).context("can't make a directory")?;
        let [web, alerts] = [free_address()?, free_address()?];
        let put = |file: &str, text: String| -> anyhow::Result<String> {
            let path = folder.join(file);
            std::fs::write(&path, text).context("can't write a configuration")?;
            Ok(path.display().to_string())
        };
        let Setting { scrape, evaluation, group_wait } = setting;
        let [scrape, evaluation, group_wait] = [scrape, evaluation, group_wait].map(format_duration);
        put("rules.yml", format!("groups: [{{name: bench, rules: [{{alert: {name}, expr: m > 0.5}}]}}]\n"))?;
        let prometheus = put(
            "prometheus.yml",
            format!(
                "global: {{scrape_interval: {scrape}, evaluation_interval: {evaluation}}}\nrule_files: [rules.yml]\n\
                 alerting: {{alertmanagers: [{{static_configs: [{{targets: ['{alerts}']}}]}}]}}\n\
                 scrape_configs: [{{job_name: bench, metrics_path: /metrics/{name}, static_configs: [{{targets: ['{}']}}]}}]\n",
                served.address
            ),
        )?;
        let alertmanager = put(
            "alertmanager.yml",
            format!(
                "route: {{receiver: hook, group_by: [alertname, host], group_wait: {group_wait}}}\n\
                 receivers: [{{name: hook, webhook_configs: [{{url: '{}'}}]}}]\n",
                served.hook()
            ),
        )?;
        let alertmanager = spawn(
            ALERTMANAGER,
            &[
                format!("--config.file={alertmanager}"),
                format!("--storage.path={}", folder.join("alertmanager").display()),
                format!("--web.listen-address={alerts}"),
                "--cluster.listen-address=".to_owned(),
            ],
        )?;
        let prometheus = spawn(
            PROMETHEUS,
            &[
                format!("--config.file={prometheus}"),
                format!("--storage.tsdb.path={}", folder.join("prometheus").display()),
                format!("--web.listen-address={web}"),
            ],
        )?;
        let client = Client::new(&format!("http://{web}"), None, None, None)?;
        Ok(Self { name: name.to_owned(), prometheus, alertmanager, client })
    }

    /// Waits until it scrapes, and knows whom it tells.
    pub(super) async fn ready(&mut self, board: &Board) -> anyhow::Result<()> {
        let begun = Instant::now();
        loop {
            self.check()?;
            // It does not answer yet.
            let found: serde_json::Value =
                self.client.get("/api/v1/alertmanagers", &[]).await.unwrap_or(serde_json::Value::Null);
            let is_known = found["data"]["activeAlertmanagers"].as_array().is_some_and(|all| !all.is_empty());
            if is_known && board.is_scraped_by(&self.name) {
                return Ok(());
            }
            if begun.elapsed() > READY_MAX {
                bail!("prometheus is not ready after {READY_MAX:?}");
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Checks that both still run.
    pub(super) fn check(&mut self) -> anyhow::Result<()> {
        alive(&mut self.prometheus, PROMETHEUS)?;
        alive(&mut self.alertmanager, ALERTMANAGER)
    }
}

/// Alertmanager does not tell which port it was given: one that was free a moment ago.
fn free_address() -> anyhow::Result<std::net::SocketAddr> {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").context("no free port")?;
    Ok(listener.local_addr()?)
}

fn spawn(name: &str, arguments: &[String]) -> anyhow::Result<Child> {
    Command::new(program(name).with_context(|| format!("{name} is not installed"))?)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .with_context(|| format!("can't start {name}"))
}
