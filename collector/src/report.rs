//! `status.json` in the state directory: what the collector last knew of itself, for whoever asks on its host.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// The file's name in the state directory.
pub(crate) const REPORT_NAME: &str = "status.json";
/// The version that this build writes and reads.
pub(crate) const REPORT_VERSION: u32 = 1;

/// What a running collector writes every 10 s. The figures are those of its canary; times are nanoseconds since 1970.
///
/// Fields are only ever added, each with a default; a change of meaning is a new [`REPORT_VERSION`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Report {
    pub format: u32,
    /// When it was written.
    pub written_ns: i64,
    pub pid: u32,
    pub host: String,
    pub version: String,
    pub config_hash: String,
    /// The configuration file in force; empty when there is none.
    pub config_file: PathBuf,
    pub os: String,
    pub user: String,
    pub started_ns: i64,
    /// The queue directory's epoch and the number of the last canary.
    pub epoch: u64,
    pub canary_seq: u64,
    pub files_followed: u64,
    pub files_unreadable: u64,
    /// Bytes of its sources that are not read yet.
    pub lag_bytes: u64,
    pub queue_bytes: u64,
    /// The queue's limit; 0 when there is none.
    pub queue_bytes_max: u64,
    pub queue_batches: u64,
    /// Records that the policy of a full queue, sampling or throttling dropped.
    pub dropped: u64,
    /// Those of them that the queue had no room for.
    pub queue_dropped: u64,
    /// Gaps found in the sources.
    pub gaps: u64,
    /// Records that a server will never take.
    pub rejected: u64,
    /// Batches in the dead-letter file.
    pub dead_letters: u64,
    /// Each with its fix, as the canary tells them.
    pub problems: Vec<String>,
    pub files: Vec<FileReport>,
    pub endpoints: Vec<EndpointReport>,
    pub metrics: MetricsReport,
}

/// What is scraped and measured. Samples are counted since the start, histograms and exemplars among them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct MetricsReport {
    /// Whether this collector takes metrics at all.
    pub is_running: bool,
    pub targets_up: u64,
    pub targets_down: u64,
    /// Of those that are down, in the order of their jobs; at most 20.
    pub down: Vec<TargetReport>,
    pub samples_read: u64,
    pub samples_sent: u64,
    /// Samples that a server will never take.
    pub samples_rejected: u64,
    /// Samples that the full queue left out.
    pub samples_dropped: u64,
    pub queue_bytes: u64,
    pub queue_bytes_max: u64,
    pub queue_batches: u64,
    /// Batches in the dead-letter directory of metrics.
    pub dead_letters: u64,
}

/// A target whose last scrape failed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct TargetReport {
    pub job: String,
    pub url: String,
    pub error: String,
}

/// One file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct FileReport {
    pub path: PathBuf,
    pub state: FileReportState,
    pub size: u64,
    /// Bytes of it that are durable in the queue.
    pub position: u64,
    pub lag: u64,
    /// Why it is not followed; empty when it is.
    pub reason: String,
    /// A command to paste into a shell; empty where there is none.
    pub fix: String,
}

/// Whether a file is followed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FileReportState {
    #[default]
    Following,
    /// Read to its end and no longer looked at, such as a compressed file.
    Finished,
    Unreadable,
}

/// One server that batches go to, in the order of preference.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct EndpointReport {
    pub url: String,
    pub state: EndpointReportState,
    /// When a batch was last acknowledged; 0 before the first.
    pub last_sent_ns: i64,
    /// The last failure, also once it is over; empty when there was none.
    pub last_error: String,
}

/// Whether an endpoint is used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EndpointReportState {
    /// Batches go there.
    Active,
    /// Not needed as long as an earlier one works.
    #[default]
    Standby,
    Failing,
}

/// Why a report can't be written or read.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    #[error("can't write {}", path.display())]
    Write {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("can't read {}", path.display())]
    Read {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("{} is not the JSON that a collector writes", path.display())]
    Json {
        path: PathBuf,
        #[source]
        source: serde_json::Error,
    },
    #[error("{} has version {found}, this build reads version {REPORT_VERSION}", path.display())]
    Version { path: PathBuf, found: u32 },
}

impl Report {
    /// Replaces the report in `dir`. A reader sees the old one or the new one; after a power loss either may be gone.
    pub fn write_to(&self, dir: &Path) -> Result<(), ReportError> {
        let path = dir.join(REPORT_NAME);
        let beside = path.with_extension("tmp");
        let report = Self { format: REPORT_VERSION, ..self.clone() };
        let text = serde_json::to_vec(&report).map_err(|source| ReportError::Json { path: path.clone(), source })?;
        let written = fs::write(&beside, text).and_then(|()| fs::rename(&beside, &path));
        written.map_err(|source| ReportError::Write { path, source })
    }

    /// The report in `dir`; `None` when no collector has written one there.
    pub fn read_from(dir: &Path) -> Result<Option<Self>, ReportError> {
        let path = dir.join(REPORT_NAME);
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(ReportError::Read { path, source }),
        };
        let report: Self = match serde_json::from_slice(&bytes) {
            Ok(report) => report,
            Err(source) => return Err(ReportError::Json { path, source }),
        };
        if report.format == REPORT_VERSION {
            Ok(Some(report))
        } else {
            Err(ReportError::Version { path, found: report.format })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn full() -> Report {
        let reason = "Permission denied".to_owned();
        let fix = "sudo chmod g+r /var/log/a".to_owned();
        let state = FileReportState::Unreadable;
        let file = FileReport { path: "/var/log/a".into(), state, size: 9, position: 0, lag: 9, reason, fix };
        let state = EndpointReportState::Failing;
        let last_error = "connection refused".to_owned();
        let endpoint = EndpointReport { url: "https://logs:7450".into(), state, last_sent_ns: 3, last_error };
        Report {
            format: REPORT_VERSION,
            written_ns: 1_795_341_600_000_000_000,
            host: "db1".into(),
            epoch: u64::MAX,
            problems: vec!["no journal; fix: apt install systemd".into()],
            files: vec![file],
            endpoints: vec![endpoint],
            ..Report::default()
        }
    }

    #[test]
    fn a_report_comes_back_and_is_replaced_whole() {
        let dir = tempfile::tempdir().expect("a directory");
        assert_eq!(Report::read_from(dir.path()).expect("reads"), None);
        full().write_to(dir.path()).expect("writes");
        assert_eq!(Report::read_from(dir.path()).expect("reads"), Some(full()));
        let empty = Report { format: REPORT_VERSION, ..Report::default() };
        empty.write_to(dir.path()).expect("writes");
        assert_eq!(Report::read_from(dir.path()).expect("reads"), Some(empty));
        let names: Vec<_> =
            fs::read_dir(dir.path()).expect("lists").map(|entry| entry.expect("lists").file_name()).collect();
        assert_eq!(names, [REPORT_NAME]);
    }

    #[test]
    fn another_version_and_damage_are_told() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join(REPORT_NAME);
        let told = |text: &str| {
            fs::write(&path, text).expect("writes");
            Report::read_from(dir.path()).map(|_| ()).map_err(|error| error.to_string())
        };
        let shown = path.display();
        assert_eq!(told(r#"{"format":1,"a_later_field":0}"#), Ok(()));
        assert_eq!(told(r#"{"format":2}"#), Err(format!("{shown} has version 2, this build reads version 1")));
        assert_eq!(told(r#"{"format":1"#), Err(format!("{shown} is not the JSON that a collector writes")));
    }
}
