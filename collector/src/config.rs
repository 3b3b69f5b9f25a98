//! The `[collector]` section.

mod cluster;
mod exec;
mod files;
mod limits;
mod metrics;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use orszem_probe::ProbeConfig;
use orszem_sql::DatabaseConfig;
use orszem_transform::{RedactConfig, RelabelConfig, Rule, SampleRule, ThrottleRule, TransformConfig};
use serde::{Deserialize, Serialize};

pub use cluster::{ClusterCommands, ClusterConfig, ClusterMode};
pub use exec::ExecConfig;
pub use files::{FileConfig, MultilineConfig};
pub use limits::{QueueConfig, WhenFull};
pub use metrics::{HostMetricsConfig, MetricsQueueConfig, ScrapeSection};
pub(crate) use metrics::{Jobs, load_probes, load_sql};

use crate::Wrong;
use crate::output::OutputConfig;
use orszem_model::{ByteSize, Span};

/// What the collector follows, what it does to records, and where they go.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CollectorConfig {
    /// Absolute path patterns; `*` and `?` stay within a directory level, `**` crosses them.
    pub include: Vec<String>,
    /// Patterns to leave out; one without `/` is compared with the file's name.
    pub exclude: Vec<String>,
    /// Whether what is found by [`crate::discover`] is followed too; if unset, when `include` is the default.
    pub discover: Option<bool>,
    /// How many directory levels below a pattern's fixed part are searched, 1 to 16.
    pub depth_max: usize,
    /// Where a file is begun that the very first start finds.
    pub from: StartAt,
    /// At most this many bytes from the end of a file that the first start finds. At least 1 MiB.
    pub first_read_bytes_max: u64,
    /// The most files that are followed at once, 1 to 50,000.
    pub files_max: usize,
    /// How long a rotated file, or a line without its end, is waited for. At least 1 s.
    pub rotate_wait: Span,
    /// Files of which more is known than the patterns above can say; the first that matches counts.
    pub file: Vec<FileConfig>,
    /// Whether the systemd journal is followed.
    pub journal: JournalMode,
    /// The journal's directory, if it is not this host's own.
    pub journal_directory: Option<PathBuf>,
    /// Commands whose output is followed.
    pub exec: Vec<ExecConfig>,
    /// This host's name in the records; empty for the kernel's.
    pub host: String,
    /// Labels of every stream.
    pub labels: BTreeMap<String, String>,
    /// What is done to the labels of streams.
    pub relabel: Vec<RelabelConfig>,
    /// Records that are left out.
    pub drop: Vec<Rule>,
    /// Where there are any, only records that one of them matches are kept.
    pub keep: Vec<Rule>,
    /// Records of which a part is kept.
    pub sample: Vec<SampleRule>,
    /// Records of which only so many a second are kept.
    pub throttle: Vec<ThrottleRule>,
    /// What is made unreadable before anything touches the disk.
    pub redact: RedactConfig,
    /// The disk queue.
    pub queue: QueueConfig,
    /// The cluster that this host is a node of.
    pub cluster: ClusterConfig,
    /// What is measured of this host.
    pub host_metrics: HostMetricsConfig,
    /// What is scraped.
    pub scrape: ScrapeSection,
    /// Databases that are asked in SQL.
    pub sql: Vec<DatabaseConfig>,
    /// What is probed.
    pub probe: Vec<ProbeConfig>,
    /// Files of blackbox_exporter's modules, which probes name.
    pub probe_modules: Vec<PathBuf>,
    /// Targets, as probes without a module name them, of which one always answers. Where none does, this host is cut off
    /// and what it probes is not held to be down.
    pub probe_canaries: Vec<String>,
    /// The disk queue of metrics.
    pub metrics_queue: MetricsQueueConfig,
    /// Where records and metrics are sent. `orszem up` hands them to its own server.
    pub output: OutputConfig,
    /// The most of one processor that reading may use, in percent; 0 for no limit.
    pub cpu_max_percent: u32,
    /// Resident memory beyond which reading pauses until it falls; at least 32 MiB.
    pub memory_max: ByteSize,
    /// Where the collector's own metrics are served, when it runs as a process of its own.
    pub metrics_listen: Option<SocketAddr>,
    /// Where the queue is kept. The binary fills it in from its data directory when it is empty.
    pub state_dir: PathBuf,
}

/// Where to begin with content that is older than the collector.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StartAt {
    /// With what is there, up to `first_read_bytes_max`.
    #[default]
    Start,
    /// With what is written from now on.
    End,
}

/// Whether the systemd journal is followed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum JournalMode {
    /// If `journalctl` and a journal are there.
    #[default]
    Auto,
    Off,
}

impl Default for CollectorConfig {
    fn default() -> Self {
        let owned = |patterns: &[&str]| patterns.iter().map(|p| (*p).to_owned()).collect();
        Self {
            include: owned(&["/var/log/**"]),
            exclude: owned(&[
                "*.gz",
                "*.xz",
                "*.zst",
                "*.bz2",
                "*.[0-9]",
                "*.[0-9][0-9]",
                "*.old",
                "*.journal",
                "*.journal~",
                "wtmp*",
                "btmp*",
                "lastlog",
                "faillog",
                "tallylog",
                "README*",
            ]),
            discover: None,
            depth_max: 4,
            from: StartAt::Start,
            first_read_bytes_max: 64 << 20,
            files_max: 4096,
            rotate_wait: Span::secs(60),
            file: Vec::new(),
            journal: JournalMode::Auto,
            journal_directory: None,
            exec: Vec::new(),
            host: String::new(),
            labels: BTreeMap::new(),
            relabel: Vec::new(),
            drop: Vec::new(),
            keep: Vec::new(),
            sample: Vec::new(),
            throttle: Vec::new(),
            redact: RedactConfig::default(),
            queue: QueueConfig::default(),
            cluster: ClusterConfig::default(),
            host_metrics: HostMetricsConfig::default(),
            scrape: ScrapeSection::default(),
            sql: Vec::new(),
            probe: Vec::new(),
            probe_modules: Vec::new(),
            probe_canaries: Vec::new(),
            metrics_queue: MetricsQueueConfig::default(),
            output: OutputConfig::default(),
            cpu_max_percent: 0,
            memory_max: ByteSize::mib(100),
            metrics_listen: None,
            state_dir: PathBuf::new(),
        }
    }
}

impl CollectorConfig {
    /// All that is wrong with the values; keys are relative to the section. An empty `state_dir` and no endpoints are
    /// accepted here, since the binary fills them in. Reads the files that `scrape.files`, `sql.files`
    /// and `probe_modules` name.
    pub fn validate(&self) -> Vec<Wrong> {
        let mut wrong = files::validate_patterns("include", &self.include);
        if self.include.is_empty() && self.file.is_empty() && self.exec.is_empty() && self.journal == JournalMode::Off {
            wrong.push(Wrong::new("include", "[]", "names no file", "name a pattern, such as \"/var/log/**\""));
        }
        if !(1..=16).contains(&self.depth_max) {
            wrong.push(Wrong::new("depth_max", self.depth_max, "is out of range", "write 1 to 16"));
        }
        if !(1..=50_000).contains(&self.files_max) {
            wrong.push(Wrong::new("files_max", self.files_max, "is out of range", "write 1 to 50000"));
        }
        if self.first_read_bytes_max < 1 << 20 {
            let value = self.first_read_bytes_max;
            wrong.push(Wrong::new("first_read_bytes_max", value, "is too small", "write at least 1048576"));
        }
        if self.rotate_wait < Span::secs(1) {
            wrong.push(Wrong::new("rotate_wait", self.rotate_wait, "is too short", "write at least \"1s\""));
        }
        if self.memory_max < ByteSize::mib(32) {
            wrong.push(Wrong::new("memory_max", self.memory_max, "is too small", "write at least \"32MiB\""));
        }
        wrong.extend(self.labels.iter().filter_map(|(name, value)| limits::validate_label("labels", name, value)));
        wrong.extend(self.file.iter().enumerate().flat_map(|(at, file)| file.validate(&format!("file[{at}]"))));
        wrong.extend(self.exec.iter().enumerate().flat_map(|(at, exec)| exec.validate(&format!("exec[{at}]"))));
        wrong.extend(self.queue.validate());
        wrong.extend(self.cluster.validate());
        wrong.extend(self.host_metrics.validate());
        wrong.extend(self.scrape.validate());
        wrong.extend(metrics::validate_sql(&self.sql));
        wrong
            .extend(metrics::load_probes(&self.probe, &self.probe_modules, &BTreeMap::new()).err().unwrap_or_default());
        wrong.extend(orszem_probe::canaries(&self.probe_canaries).err().unwrap_or_default());
        wrong.extend(self.metrics_queue.validate());
        // Who names no server says it on the command line, or runs `orszem up`.
        let names_server = |wrong: &Wrong| wrong.key != "output.endpoints";
        wrong.extend(self.output.validate().into_iter().filter(names_server));
        wrong.extend(self.transform().validate());
        wrong
    }

    /// The groups of files, with what was discovered where that is asked for.
    pub(crate) fn groups(&self) -> Vec<FileConfig> {
        let mut groups = self.file.clone();
        if self.discover.unwrap_or_else(|| self.include == Self::default().include) {
            groups.extend(crate::discover::discover(Path::new("/")).iter().map(crate::discover::Discovered::to_config));
        }
        groups
    }

    /// What is done to records.
    pub(crate) fn transform(&self) -> TransformConfig {
        TransformConfig {
            relabel: self.relabel.clone(),
            drop: self.drop.clone(),
            keep: self.keep.clone(),
            sample: self.sample.clone(),
            throttle: self.throttle.clone(),
            redact: self.redact.clone(),
        }
    }
}
