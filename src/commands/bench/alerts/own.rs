//! This program: thresholds that are evaluated for each sample, and the same as Prometheus' rules on a tick, in one server.

use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use bytes::Bytes;

use super::Row;
use super::board::{Board, Served, line};
use crate::commands::bench::process::Child;

/// How samples come in: the text format, a sample a line.
const IMPORT: &str = "/api/v1/import/prometheus";
/// What samples are noted as.
const SAMPLES: &str = "orszem";
/// After a start nothing is told for this long; it would be counted with the first crossings.
const HOLD: Duration = Duration::from_secs(1);

const RULES: &str = "\
thresholds:
- {alert: Threshold, value: m, warning: {above: 0.5}}
groups:
- {name: slow, interval: 15s, rules: [{alert: Tick15s, expr: m > 0.5}]}
- {name: fast, interval: 1s, rules: [{alert: Tick1s, expr: m > 0.5}]}
";

pub(super) struct Own {
    server: Child,
}

/// What is measured of it.
pub(super) fn rows() -> Vec<Row> {
    let row = |shown: &str, alert: &str| Row {
        shown: format!("orszem, {shown}"),
        alert: alert.to_owned(),
        samples: SAMPLES.to_owned(),
    };
    vec![
        row("threshold, sample by sample", "Threshold"),
        row("Prometheus' rule every 15s", "Tick15s"),
        row("Prometheus' rule every 1s", "Tick1s"),
    ]
}

impl Own {
    /// Starts it. Groups wait as they do by default.
    pub(super) async fn start(folder: &Path, served: &Served) -> anyhow::Result<Self> {
        std::fs::create_dir_all(folder).context("can't make a directory")?;
        std::fs::write(folder.join("rules.yml"), RULES).context("can't write rules")?;
        let config = folder.join("orszem.toml");
        let text = format!(
            "[alerting]\nrule_files = [\"rules.yml\"]\nrestart_hold = \"1s\"\nrestart_hold_critical = \"1s\"\n\
             [[alerting.contacts]]\nname = \"bench\"\naddresses = [{{ channel = \"hook\", to = \"bench\" }}]\nrate = 1000000\n\
             [[alerting.policies]]\nname = \"bench\"\nsteps = [{{ contacts = [\"bench\"] }}]\n\
             [alerting.route]\npolicy = \"bench\"\ngroup_by = [\"alertname\", \"host\"]\n\
             [[notify.webhook]]\nname = \"hook\"\nurl = \"{}\"\n",
            served.hook()
        );
        std::fs::write(&config, text).context("can't write a configuration")?;
        let config = config.to_str().context("the directory's name is no text")?;
        Ok(Self { server: Child::start_with(&folder.join("data"), &["--config", config]).await? })
    }

    /// Writes the series below their threshold, and lets the time after the start go by.
    pub(super) async fn calm(&self, board: &Board) -> anyhow::Result<()> {
        let below: Vec<String> = (0..board.len()).map(|series| line(series, false)).collect();
        self.write(below.join("\n")).await?;
        tokio::time::sleep(HOLD).await;
        Ok(())
    }

    /// Writes each series as it crosses.
    pub(super) async fn cross(&self, board: &Board) -> anyhow::Result<()> {
        for (at, series) in board.schedule() {
            tokio::time::sleep_until(at.into()).await;
            board.note_sample(SAMPLES, series);
            self.write(line(series, true)).await?;
        }
        Ok(())
    }

    async fn write(&self, mut lines: String) -> anyhow::Result<()> {
        lines.push('\n');
        self.server.client().post(IMPORT, "text/plain", Bytes::from(lines)).await.map(drop)
    }

    pub(super) async fn stop(self) -> anyhow::Result<()> {
        self.server.stop().await
    }
}
