//! The configuration file: the sum of the parts' sections, read strictly and checked as a whole.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use orszem_collector::{CollectorConfig, Wrong};
use orszem_indexer::IndexerOptions;
use orszem_indexer::alerting::{self, AlertingConfig};
use orszem_indexer::ingest::limits::Limits;
use orszem_indexer::ingest::syslog::SyslogConfig;
use orszem_indexer::samples::SamplesOptions;
use orszem_notify::NotifyConfig;
use orszem_probe::{HeartbeatConfig, validate_heartbeats};
use serde::{Deserialize, Serialize};

pub use access::AccessConfig;
pub use logs::{DEFAULT_CLASS, retention_of_up};
pub use problem::{Problem, Problems};
pub use report::ReportConfig;
pub use server::{DEFAULT_PORT, ServerConfig, TlsConfig, TlsMode};

mod access;
mod locate;
mod logs;
mod nearest;
mod problem;
mod report;
mod server;

/// Everything that can be configured. `config/orszem.toml` shows each option with its default.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    pub server: ServerConfig,
    pub access: AccessConfig,
    pub ingest: Limits,
    pub syslog: SyslogConfig,
    pub logs: IndexerOptions,
    pub metrics: SamplesOptions,
    pub collector: CollectorConfig,
    pub alerting: AlertingConfig,
    pub notify: NotifyConfig,
    /// Jobs that are expected to say that they ran.
    pub heartbeat: Vec<HeartbeatConfig>,
    /// Reports of availability that are sent.
    pub report: Vec<ReportConfig>,
}

/// Why a configuration file can't be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    #[error("can't read the configuration file {}", path.display())]
    Read {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("{0}")]
    Problems(Problems),
}

impl Config {
    /// Reads and checks `path`; all problems are told at once.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let text =
            std::fs::read_to_string(path).map_err(|source| ConfigError::Read { path: path.to_owned(), source })?;
        Self::parse(&text, &path.display().to_string()).map_err(ConfigError::Problems)
    }

    /// Reads and checks a text; `file` is the name that problems are told under, and paths of scrape files begin at its
    /// directory.
    pub fn parse(text: &str, file: &str) -> Result<Self, Problems> {
        let mut read = locate::deserialize::<Self>(text);
        let directory = Path::new(file).parent().unwrap_or(Path::new(""));
        read.value.collector.scrape.set_directory(directory);
        read.value.collector.sql.iter_mut().for_each(|database| database.set_directory(directory));
        read.value.collector.probe_modules.iter_mut().for_each(|file| *file = directory.join(&file));
        read.value.alerting.set_directory(directory);
        let found: Vec<Problem> = read.value.validate().into_iter().map(|problem| read.placed(text, problem)).collect();
        // Where an option was unreadable its default stands in, which is not what is wrong.
        let told: BTreeSet<String> = read.problems.iter().map(|problem| problem.key.clone()).collect();
        read.problems.extend(found.into_iter().filter(|problem| !told.contains(&problem.key)));
        if read.problems.is_empty() { Ok(read.value) } else { Err(Problems::new(file, read.problems)) }
    }

    /// What is wrong with the values, section by section.
    pub fn validate(&self) -> Vec<Problem> {
        let Self { server, access, ingest, syslog, logs, metrics, collector, alerting, notify, heartbeat, report } =
            self;
        let mut problems = server.validate();
        problems.extend(access.validate());
        problems.extend(validate_ingest(ingest));
        problems.extend(validate_syslog(syslog));
        problems.extend(logs::validate(logs));
        problems.extend(validate_classes(ingest, logs));
        problems.extend(validate_metrics(metrics));
        problems.extend(validate_collector(collector));
        problems.extend(validate_alerting(alerting, notify));
        problems.extend(validate_notify(notify));
        problems.extend(validate_heartbeats(heartbeat).into_iter().map(problem_of));
        problems.extend(report::validate(report, alerting, notify));
        problems
    }
}

/// Ingest names its own option; it is only brought into this file's shape here.
fn validate_ingest(ingest: &Limits) -> impl Iterator<Item = Problem> {
    ingest.validate().into_iter().map(|wrong| {
        let (key, value) = (format!("ingest.{}", wrong.key), wrong.value);
        Problem::new(key, value, "is out of range", format!("write a value that is {}", wrong.expected))
    })
}

/// Syslog names its own option; it is only brought into this file's shape here.
fn validate_syslog(syslog: &SyslogConfig) -> impl Iterator<Item = Problem> {
    syslog.validate().into_iter().map(|wrong| {
        let (key, value) = (format!("syslog.{}", wrong.key), wrong.value);
        Problem::new(key, value, "is out of range", format!("write a value that is {}", wrong.expected))
    })
}

/// The metrics name their own option; it is only brought into this file's shape here.
fn validate_metrics(metrics: &SamplesOptions) -> impl Iterator<Item = Problem> {
    metrics.validate().into_iter().map(|wrong| {
        let (key, value) = (format!("metrics.{}", wrong.key), wrong.value);
        Problem::new(key, value, "is out of range", format!("write a value that is {}", wrong.expected))
    })
}

/// Retention is kept by class, so every class it names has to be one that streams are put in.
fn validate_classes(ingest: &Limits, logs: &IndexerOptions) -> Vec<Problem> {
    let is_known = |class: &str| class == DEFAULT_CLASS || ingest.classes.iter().any(|rule| rule.class == class);
    let unknown =
        logs.retention.iter().enumerate().filter(|(_, kept)| !kept.class.is_empty() && !is_known(&kept.class));
    unknown
        .map(|(at, kept)| {
            let remedy = "name it in [[ingest.classes]], or write \"default\"";
            Problem::new(format!("logs.retention[{at}].class"), format!("{:?}", kept.class), "is no class", remedy)
        })
        .collect()
}

/// The collector names its own options; they are only brought into this file's shape here.
fn validate_collector(collector: &CollectorConfig) -> Vec<Problem> {
    let within = |wrong: Wrong| Wrong { key: format!("collector.{}", wrong.key), ..wrong };
    collector.validate().into_iter().map(within).map(problem_of).collect()
}

/// What names its option whole.
fn problem_of(Wrong { key, value, wrong, remedy }: Wrong) -> Problem {
    Problem { line: None, key, value: Some(value).filter(|value| !value.is_empty()), wrong, remedy }
}

/// Alerting names its own options; that addresses name channels is seen only here.
fn validate_alerting(alerting: &AlertingConfig, notify: &NotifyConfig) -> Vec<Problem> {
    let problem = |alerting::Wrong { key, value, wrong, remedy }| Problem {
        line: None,
        key: format!("alerting.{key}"),
        value: Some(value).filter(|value| !value.is_empty()),
        wrong,
        remedy,
    };
    let mut problems: Vec<Problem> = alerting.validate().into_iter().map(problem).collect();
    let NotifyConfig { email, webpush, ntfy, webhook, exec, .. } = notify;
    let known: BTreeSet<&str> = email
        .iter()
        .map(|channel| channel.name.as_str())
        .chain(webpush.iter().map(|channel| channel.name.as_str()))
        .chain(ntfy.iter().map(|channel| channel.name.as_str()))
        .chain(webhook.iter().map(|channel| channel.name.as_str()))
        .chain(exec.iter().map(|channel| channel.name.as_str()))
        .collect();
    for (at, contact) in alerting.contacts.iter().enumerate() {
        for (place, address) in contact.addresses.iter().enumerate() {
            if !known.contains(address.channel.as_str()) {
                let key = format!("alerting.contacts[{at}].addresses[{place}].channel");
                let remedy = "name one of [[notify.email]], [[notify.webhook]] and the other channels";
                problems.push(Problem::new(key, format!("{:?}", address.channel), "is no channel", remedy));
            }
        }
    }
    problems
}

/// The channels name their own options; they are only brought into this file's shape here.
fn validate_notify(notify: &NotifyConfig) -> impl Iterator<Item = Problem> {
    notify.validate().into_iter().map(|wrong| {
        let value = Some(format!("{:?}", wrong.value)).filter(|_| !wrong.value.is_empty());
        Problem { line: None, key: wrong.key, value, wrong: wrong.wrong.to_owned(), remedy: wrong.remedy.to_owned() }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_problems_are_told_at_once_with_line_and_remedy() {
        let text = "[server]\nlisten = [\"everywhere\"]\nconnections_max = 0\nheader_timeout = \"10\"\nspeed = 9\n\n[acess]\nx = 1\n\n[collector]\ndepth_max = 99\n";
        let problems = Config::parse(text, "t.toml").expect_err("a bad file");
        let lines: Vec<String> = problems.to_string().lines().map(str::to_owned).collect();
        assert_eq!(
            lines,
            [
                "t.toml:2: server.listen = [\"everywhere\"]: invalid socket address syntax; write addresses with a port, such as \"127.0.0.1:7450\"",
                "t.toml:3: server.connections_max = 0: lets nobody in; write 1 to 1000000",
                "t.toml:4: server.header_timeout = \"10\": `10` has no unit: write one of ns, us, ms, s, m, h, d, w; correct the value, config/orszem.toml shows every option",
                "t.toml:5: server.speed = 9: unknown option; use one of `listen`, `connections_max`, `header_timeout`, `body_max`, `tls`, or remove it",
                "t.toml:7: acess: unknown option; write `access`, or remove it",
                "t.toml:11: collector.depth_max = 99: is out of range; write 1 to 16",
            ]
        );
    }

    #[test]
    fn broken_toml_is_told_with_its_line() {
        let problems = Config::parse("[server]\nlisten = [\n", "t.toml").expect_err("broken");
        assert!(problems.to_string().starts_with("t.toml:2: "), "{problems}");
        assert_eq!(Config::parse("", "t.toml"), Ok(Config::default()));
    }
}
