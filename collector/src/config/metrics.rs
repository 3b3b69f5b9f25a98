//! `[collector.host_metrics]`, `[collector.scrape]` and `[collector.metrics_queue]`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use orszem_host::HostConfig;
use orszem_model::{ByteSize, Span};
use orszem_probe::{Modules, ProbeConfig};
use orszem_scrape::Settings;
use orszem_scrape::config::{GlobalConfig, ScrapeConfig, load_file};
use orszem_sql::{DatabaseConfig, FileProblem, Plan};
use serde::{Deserialize, Serialize};

use super::limits::{QueueConfig, WhenFull, validate_label};
use crate::Wrong;

/// What is measured of this host, without an exporter.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HostMetricsConfig {
    pub enabled: bool,
    /// 1 s to 1 h.
    pub interval: Span,
    /// Labels of these series; `job` is `node` and `instance` this host's name unless they are named here.
    pub labels: BTreeMap<String, String>,
    /// What is measured, and where.
    pub host: HostConfig,
}

/// What is scraped.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ScrapeSection {
    /// Whole configuration files of Prometheus, whose `global` and `scrape_configs` hold unchanged; read again when
    /// they change.
    pub files: Vec<PathBuf>,
    /// Labels of all metrics, those of this host among them, where a series has none of the name.
    pub external_labels: BTreeMap<String, String>,
    /// Further elements of `scrape_configs`.
    pub jobs: Vec<ScrapeConfig>,
}

/// The disk queue between scraping and sending.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MetricsQueueConfig {
    /// The most disk it takes; at least 64 MiB.
    pub bytes_max: ByteSize,
    /// What happens then.
    pub full: WhenFull,
}

/// The jobs that a file, or the configuration itself, holds.
#[derive(Clone, Debug)]
pub(crate) struct Jobs {
    /// The file; empty for the configuration itself.
    pub(crate) origin: PathBuf,
    pub(crate) settings: Settings,
}

impl Default for HostMetricsConfig {
    fn default() -> Self {
        Self { enabled: true, interval: Span::secs(15), labels: BTreeMap::new(), host: HostConfig::default() }
    }
}

impl HostMetricsConfig {
    pub(super) fn validate(&self) -> Vec<Wrong> {
        let Self { enabled: _, interval, labels, host } = self;
        let mut wrong = Vec::new();
        if !(Span::secs(1)..=Span::secs(3600)).contains(interval) {
            wrong.push(Wrong::new("host_metrics.interval", interval, "is out of range", "write \"1s\" to \"1h\""));
        }
        wrong.extend(labels.iter().filter_map(|(name, value)| validate_label("host_metrics.labels", name, value)));
        wrong.extend(host.validate().into_iter().map(|wrong| within("host_metrics.host", wrong)));
        wrong
    }
}

impl ScrapeSection {
    /// Has relative paths begin at `directory`.
    pub fn set_directory(&mut self, directory: &Path) {
        for file in &mut self.files {
            *file = directory.join(&file);
        }
    }

    pub(super) fn validate(&self) -> Vec<Wrong> {
        let labels = self.external_labels.iter();
        let mut wrong: Vec<Wrong> =
            labels.filter_map(|(name, value)| validate_label("scrape.external_labels", name, value)).collect();
        wrong.extend(self.load().err().unwrap_or_default());
        wrong
    }

    /// Reads the files and compiles all jobs. Blocks on the disk.
    pub(crate) fn load(&self) -> Result<Vec<Jobs>, Vec<Wrong>> {
        let Self { files, external_labels, jobs } = self;
        let (mut all, mut wrong) = (Vec::new(), Vec::new());
        for (at, file) in files.iter().enumerate() {
            let key = format!("scrape.files[{at}]");
            let loaded = load_file(file).and_then(|loaded| {
                let mut global = loaded.global;
                for (name, value) in external_labels {
                    global.external_labels.entry(name.clone()).or_insert_with(|| value.clone());
                }
                Settings::new(&global, &loaded.scrape_configs, "scrape_configs")
            });
            match loaded {
                Ok(settings) => all.push(Jobs { origin: file.clone(), settings }),
                Err(problems) => wrong.extend(problems.into_iter().map(|problem| of_file(&key, file, problem))),
            }
        }
        let global = GlobalConfig { external_labels: external_labels.clone(), ..GlobalConfig::default() };
        match Settings::new(&global, jobs, "scrape.jobs") {
            Ok(settings) => all.push(Jobs { origin: PathBuf::new(), settings }),
            Err(problems) => wrong.extend(problems),
        }
        wrong.extend(repeated(&all));
        if wrong.is_empty() { Ok(all) } else { Err(wrong) }
    }
}

/// Reads the metric files of databases. `external` are the labels of series that have none of the name. Blocks on the
/// disk.
pub(crate) fn load_sql(
    databases: &[DatabaseConfig],
    external: &BTreeMap<String, String>,
) -> Result<Vec<Plan>, Vec<Wrong>> {
    let (mut plans, mut wrong) = (Vec::new(), Vec::new());
    for (at, database) in databases.iter().enumerate() {
        let key = format!("sql[{at}]");
        let own = database.validate(&key);
        let is_valid = own.is_empty();
        wrong.extend(own);
        if databases.iter().take(at).any(|other| other.name == database.name) {
            let value = format!("{:?}", database.name);
            wrong.push(Wrong::new(
                format!("{key}.name"),
                value,
                "is another database's already",
                "rename one of the two",
            ));
        }
        if !is_valid {
            continue;
        }
        let labels = BTreeMap::from([("job".to_owned(), "sql".to_owned())]);
        match Plan::new(database, labels, external.clone(), &variable) {
            Ok(plan) => plans.push(plan),
            Err(problems) => wrong.extend(problems.into_iter().map(|problem| of_metric_file(&key, &problem))),
        }
    }
    if wrong.is_empty() { Ok(plans) } else { Err(wrong) }
}

/// Reads the modules, and puts targets and modules together. Blocks on the disk.
pub(crate) fn load_probes(
    probes: &[ProbeConfig],
    files: &[PathBuf],
    external: &BTreeMap<String, String>,
) -> Result<Vec<orszem_probe::Plan>, Vec<Wrong>> {
    let of_module = |problem: Wrong| Wrong { key: format!("probe_modules: {}", problem.key), ..problem };
    let modules = Modules::load(files).map_err(|wrong| wrong.into_iter().map(of_module).collect::<Vec<_>>())?;
    orszem_probe::plans(probes, &modules, external)
}

pub(super) fn validate_sql(databases: &[DatabaseConfig]) -> Vec<Wrong> {
    load_sql(databases, &BTreeMap::new()).err().unwrap_or_default()
}

fn of_metric_file(key: &str, problem: &FileProblem) -> Wrong {
    let FileProblem { file, line, key: inner, wrong, remedy } = problem;
    let line = line.map(|line| format!(":{line}")).unwrap_or_default();
    let place = format!("{:?}", format!("{}{line}", file.display()));
    let space = if inner.is_empty() { "" } else { " " };
    Wrong::new(format!("{key}.files"), place, format!("{inner}{space}{wrong}"), remedy.clone())
}

/// What metric files may name as `${NAME}`.
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// Jobs that two files have; within one it is told there.
fn repeated(all: &[Jobs]) -> Vec<Wrong> {
    let mut first: BTreeMap<&str, &Path> = BTreeMap::new();
    let mut wrong = Vec::new();
    for Jobs { origin, settings } in all {
        for name in settings.job_names() {
            if let Some(other) = first.insert(name, origin) {
                let told = format!("is a job of {} already", other.display());
                let key = if origin.as_os_str().is_empty() { "scrape.jobs" } else { "scrape.files" };
                wrong.push(Wrong::new(key, format!("{name:?}"), told, "rename one of the two"));
            }
        }
    }
    wrong
}

/// A problem in a file as one of the option that names the file.
fn of_file(key: &str, file: &Path, problem: Wrong) -> Wrong {
    let Wrong { key: inner, value, wrong, remedy } = problem;
    let is_file_itself = inner.is_empty() || Path::new(&inner) == file;
    let told = match (is_file_itself, value.is_empty()) {
        (true, _) => wrong,
        (false, true) => format!("{inner} {wrong}"),
        (false, false) => format!("{inner} = {value} {wrong}"),
    };
    Wrong::new(key, format!("{:?}", file.display().to_string()), told, remedy)
}

fn within(section: &str, wrong: Wrong) -> Wrong {
    Wrong { key: format!("{section}.{}", wrong.key), ..wrong }
}

impl Default for MetricsQueueConfig {
    fn default() -> Self {
        Self { bytes_max: ByteSize::gib(1), full: WhenFull::DropOldest }
    }
}

impl MetricsQueueConfig {
    pub(super) fn validate(&self) -> Option<Wrong> {
        let wrong = QueueConfig::from(*self).validate()?;
        Some(Wrong { key: "metrics_queue.bytes_max".to_owned(), ..wrong })
    }
}

impl From<MetricsQueueConfig> for QueueConfig {
    fn from(MetricsQueueConfig { bytes_max, full }: MetricsQueueConfig) -> Self {
        Self { bytes_max, full }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(section: &ScrapeSection) -> Vec<String> {
        let shown = |w: Wrong| format!("{} = {}: {}; {}", w.key, w.value, w.wrong, w.remedy);
        section.validate().into_iter().map(shown).collect()
    }

    fn job(name: &str) -> ScrapeConfig {
        ScrapeConfig { job_name: name.to_owned(), ..ScrapeConfig::default() }
    }

    #[test]
    fn files_of_prometheus_are_read_and_their_problems_are_those_of_the_option() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("prometheus.yml");
        let good = "global:\n  scrape_interval: 5s\nscrape_configs:\n- job_name: a\n- job_name: b\n";
        std::fs::write(&path, good).expect("writes");
        let mut section = ScrapeSection { files: vec!["prometheus.yml".into()], ..ScrapeSection::default() };
        section.set_directory(directory.path());
        assert_eq!(section.files, std::slice::from_ref(&path));
        assert_eq!(told(&section), Vec::<String>::new());
        let names = |all: Vec<Jobs>| -> Vec<String> {
            all.iter().flat_map(|jobs| jobs.settings.job_names().map(str::to_owned)).collect()
        };
        section.jobs = vec![job("c")];
        assert_eq!(section.load().map(names), Ok(vec!["a".to_owned(), "b".to_owned(), "c".to_owned()]));

        section.jobs = vec![job("b")];
        let twice = format!("scrape.jobs = \"b\": is a job of {} already; rename one of the two", path.display());
        assert_eq!(told(&section), [twice]);
        std::fs::write(&path, "scrape_configs:\n- job_name: a\n  scrape_interval: soon\n  speed: 9\n").expect("writes");
        let lines = told(&section);
        assert_eq!(lines.len(), 2, "{lines:?}");
        let begin = format!("scrape.files[0] = {:?}: scrape_configs[0].", path.display().to_string());
        assert!(lines.iter().all(|line| line.starts_with(&begin)), "{lines:?}");
        std::fs::remove_file(&path).expect("removes");
        let missing = told(&section);
        let begin = format!("scrape.files[0] = {:?}: can't be read: No such file", path.display().to_string());
        assert!(missing.len() == 1 && missing[0].starts_with(&begin), "{missing:?}");
    }

    #[test]
    fn every_problem_of_the_sections_has_its_key() {
        let labels = || BTreeMap::from([("a-b".to_owned(), "x".to_owned())]);
        let host = HostConfig { collectors: vec!["nothing".into()], ..HostConfig::default() };
        let bad = HostMetricsConfig { interval: Span::secs(0), labels: labels(), host, enabled: true };
        let keys = |wrong: Vec<Wrong>| wrong.into_iter().map(|wrong| wrong.key).collect::<Vec<_>>();
        let expected = ["host_metrics.interval", "host_metrics.labels.a-b", "host_metrics.host.collectors[0]"];
        assert_eq!(keys(bad.validate()), expected);
        assert_eq!(keys(HostMetricsConfig::default().validate()), Vec::<String>::new());
        let section = ScrapeSection { external_labels: labels(), jobs: vec![job("")], ..ScrapeSection::default() };
        assert_eq!(keys(section.validate()), ["scrape.external_labels.a-b", "scrape.jobs[0].job_name"]);
        let small = MetricsQueueConfig { bytes_max: ByteSize::mib(1), ..MetricsQueueConfig::default() };
        assert_eq!(small.validate().map(|wrong| wrong.key).as_deref(), Some("metrics_queue.bytes_max"));
        assert_eq!(MetricsQueueConfig::default().validate(), None);
    }
}
