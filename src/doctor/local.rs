//! The collector of this host as it last described itself, and what its files say.

use std::path::{Path, PathBuf};
use std::time::Duration;

use orszem_collector::{EndpointReportState, FileReportState, MetricsReport, Report};
use orszem_model::{ByteSize, Timestamp};
use serde::Deserialize;

use super::Finding;
use crate::config::Config;

/// Where `orszem collector install` writes the configuration.
pub const CONFIG: &str = "/etc/orszem/collector.toml";
/// A report that is older, three times its interval, is of a collector that no longer works.
const FRESH_FOR: Duration = Duration::from_secs(30);
/// Bytes not yet read, or not yet sent, that are still no backlog.
const BACKLOG_BYTES: u64 = 64 << 20;
/// Free space below which a queue soon stops.
const FREE_BYTES_MIN: u64 = 256 << 20;
/// Files that are told one by one; more are counted.
const FILES_SHOWN: usize = 20;

/// What the doctor needs of a configuration, read also where other options of it are wrong.
#[derive(Debug, Default, Deserialize)]
pub struct Settings {
    #[serde(default)]
    pub collector: CollectorSettings,
}

/// `[collector]`.
#[derive(Debug, Default, Deserialize)]
pub struct CollectorSettings {
    #[serde(default)]
    pub state_dir: PathBuf,
    #[serde(default)]
    pub output: OutputSettings,
}

/// `[collector.output]`.
#[derive(Debug, Default, Deserialize)]
pub struct OutputSettings {
    #[serde(default)]
    pub endpoints: Vec<String>,
    pub token_file: Option<PathBuf>,
    pub ca_file: Option<PathBuf>,
}

/// Reads the configuration leniently and judges it strictly.
pub fn configuration(path: &Path) -> (Settings, Vec<Finding>) {
    let what = format!("configuration {}", path.display());
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) => {
            let fix = match error.kind() {
                std::io::ErrorKind::PermissionDenied => "run this with sudo".to_owned(),
                _ => "orszem collector install --server URL --token TOKEN".to_owned(),
            };
            return (Settings::default(), vec![Finding::fail(what, error.to_string(), fix)]);
        }
    };
    let mut findings = match Config::parse(&text, &path.display().to_string()) {
        Ok(_) => vec![Finding::ok(what, "is valid")],
        Err(problems) => {
            let lines = problems.to_string();
            let fix = format!("orszem check-config {}", path.display());
            lines.lines().map(|line| Finding::fail(what.clone(), line, fix.clone())).collect()
        }
    };
    let settings: Settings = toml::from_str(&text).unwrap_or_else(|error| {
        tracing::debug!(%error, "the configuration is read no further");
        Settings::default()
    });
    let OutputSettings { endpoints, token_file, ca_file } = &settings.collector.output;
    if endpoints.is_empty() {
        let fix = format!("add endpoints = [\"https://SERVER:7450\"] to [collector.output] in {}", path.display());
        findings.push(Finding::fail("endpoints", "the configuration names no server to send to", fix));
    }
    for file in token_file.iter().chain(ca_file) {
        if let Err(error) = std::fs::read(file) {
            let fix = format!("sudo ls -l {}; the collector's user has to read it", file.display());
            findings.push(Finding::fail(format!("file {}", file.display()), error.to_string(), fix));
        }
    }
    (settings, findings)
}

/// What the collector last wrote into `state_dir` tells at `now`.
pub fn report(state_dir: &Path, now: Timestamp) -> Vec<Finding> {
    let restart = "sudo systemctl restart orszem-collector; journalctl -u orszem-collector -n 50";
    match Report::read_from(state_dir) {
        Ok(Some(report)) => {
            let mut findings = judge(&report, now);
            findings.extend(free_space(state_dir));
            findings
        }
        Ok(None) => {
            let why = format!("it never wrote its status into {}", state_dir.display());
            vec![Finding::fail("collector", why, "sudo systemctl enable --now orszem-collector")]
        }
        Err(error) => {
            let error = anyhow::Error::new(error);
            let is_denied = error.chain().any(|cause| {
                cause
                    .downcast_ref::<std::io::Error>()
                    .is_some_and(|io| io.kind() == std::io::ErrorKind::PermissionDenied)
            });
            let fix = if is_denied { "run this with sudo" } else { restart };
            vec![Finding::fail("collector", crate::cli::chain(&error), fix)]
        }
    }
}

fn judge(report: &Report, now: Timestamp) -> Vec<Finding> {
    let mut findings = vec![running(report, now)];
    findings.extend(report.problems.iter().map(|problem| {
        let (why, fix) = problem.split_once("; fix: ").unwrap_or((problem, ""));
        Finding::fail("collector", why, fix)
    }));
    findings.extend(files(report));
    findings.extend(queue(report));
    findings.extend(metrics(report));
    for endpoint in &report.endpoints {
        let what = format!("endpoint {} as the collector sees it", endpoint.url);
        findings.push(match endpoint.state {
            EndpointReportState::Active => Finding::ok(what, "batches go there"),
            EndpointReportState::Standby => Finding::ok(what, "stands by"),
            EndpointReportState::Failing => {
                Finding::fail(what, &*endpoint.last_error, "see the endpoint's checks below")
            }
        });
    }
    findings
}

fn running(report: &Report, now: Timestamp) -> Finding {
    let age_s = now.0.saturating_sub(report.written_ns) / 1_000_000_000;
    let is_fresh = report.written_ns >= now.before(FRESH_FOR).0;
    let has_process = Path::new("/proc").join(report.pid.to_string()).is_dir();
    if is_fresh && has_process {
        return Finding::ok(
            "collector",
            format!("version {} runs as {}, pid {}", report.version, report.user, report.pid),
        );
    }
    let fix = "sudo systemctl restart orszem-collector; journalctl -u orszem-collector -n 50";
    let why = match has_process {
        true => format!("pid {} has told nothing for {age_s} s: it hangs", report.pid),
        false => format!("does not run; its last sign of life is {age_s} s old"),
    };
    Finding::fail("collector", why, fix)
}

fn files(report: &Report) -> Vec<Finding> {
    let unreadable = report.files.iter().filter(|file| file.state == FileReportState::Unreadable);
    let mut findings: Vec<Finding> = unreadable
        .map(|file| Finding::fail(format!("file {}", file.path.display()), &*file.reason, &*file.fix))
        .collect();
    let more = findings.len().saturating_sub(FILES_SHOWN);
    findings.truncate(FILES_SHOWN);
    if more > 0 {
        findings.push(Finding::fail("files", format!("{more} more can't be read"), "mend those above first"));
    }
    if findings.is_empty() {
        findings.push(Finding::ok("files", format!("{} are followed", report.files_followed)));
    }
    let mut late: Vec<_> = report.files.iter().filter(|file| file.lag > BACKLOG_BYTES).collect();
    late.sort_by_key(|file| std::cmp::Reverse(file.lag));
    findings.extend(late.iter().take(FILES_SHOWN).map(|file| {
        let why = format!("{} are not read yet", ByteSize(file.lag));
        Finding::warn(format!("file {}", file.path.display()), why, "wait, or give the collector more CPU")
    }));
    findings
}

fn queue(report: &Report) -> Vec<Finding> {
    let (used, limit) = (ByteSize(report.queue_bytes), ByteSize(report.queue_bytes_max));
    let why = format!("{} batches, {used}", report.queue_batches);
    let is_full =
        report.queue_bytes_max > 0 && report.queue_bytes.saturating_mul(10) >= report.queue_bytes_max.saturating_mul(9);
    let mut findings = vec![match (is_full, report.queue_bytes > BACKLOG_BYTES) {
        (true, _) => Finding::fail(
            "queue",
            format!("{why} of {limit}: it is full"),
            "mend the endpoints below, or raise the queue's limit",
        ),
        (false, true) => Finding::warn("queue", format!("{why} wait to be sent"), "see the endpoints below"),
        (false, false) => Finding::ok("queue", why),
    }];
    if report.dead_letters > 0 {
        let why = format!("{} batches were refused for good", report.dead_letters);
        findings.push(Finding::fail("dead letters", why, "orszem collector queue dump"));
    }
    if report.dropped > 0 {
        let why = format!("{} records were dropped by the configured policy", report.dropped);
        findings.push(Finding::warn("dropped records", why, "use the policy `block`, or raise the queue's limit"));
    }
    if report.gaps > 0 {
        let why = format!("{} times part of a source was gone before it was read", report.gaps);
        findings.push(Finding::warn("gaps", why, "rotate by renaming instead of copytruncate, or less often"));
    }
    findings
}

fn metrics(report: &Report) -> Vec<Finding> {
    let MetricsReport { is_running, targets_up, targets_down, down, queue_bytes, queue_bytes_max, .. } =
        &report.metrics;
    if !is_running {
        return Vec::new();
    }
    let mut findings = vec![match targets_up + targets_down {
        0 => Finding::ok("targets", "none but this host"),
        all => Finding::ok("targets", format!("{targets_up} of {all} are up")),
    }];
    findings.extend(down.iter().map(|target| {
        let what = format!("target {} of job {}", target.url, target.job);
        Finding::warn(what, target.error.clone(), format!("curl -sS {}", shell_word(&target.url)))
    }));
    let why = format!("{} batches, {}", report.metrics.queue_batches, ByteSize(*queue_bytes));
    let is_full = *queue_bytes_max > 0 && queue_bytes.saturating_mul(10) >= queue_bytes_max.saturating_mul(9);
    findings.push(match is_full {
        true => Finding::fail("queue of metrics", format!("{why}: it is full"), "mend the endpoints below"),
        false => Finding::ok("queue of metrics", why),
    });
    if report.metrics.samples_dropped > 0 {
        let why = format!("{} samples were dropped by the configured policy", report.metrics.samples_dropped);
        findings.push(Finding::warn("dropped samples", why, "mend the endpoints below, or raise the queue's limit"));
    }
    if report.metrics.dead_letters > 0 {
        let why = format!("{} batches of metrics were refused for good", report.metrics.dead_letters);
        findings.push(Finding::fail(
            "dead letters of metrics",
            why,
            "see the reasons in STATE_DIR/dead-letter-metrics",
        ));
    }
    findings
}

/// The text as one word of a shell.
fn shell_word(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

fn free_space(directory: &Path) -> Option<Finding> {
    let stats = free_bytes(directory)?;
    let why = format!("{} free in {}", ByteSize(stats), directory.display());
    Some(match stats < FREE_BYTES_MIN {
        true => Finding::fail("disk", why, format!("df -h {}; make room", directory.display())),
        false => Finding::ok("disk", why),
    })
}

/// What unprivileged processes may still write there; `None` where the system does not tell.
fn free_bytes(directory: &Path) -> Option<u64> {
    use std::os::unix::ffi::OsStrExt;
    let path = std::ffi::CString::new(directory.as_os_str().as_bytes()).ok()?;
    let mut stats = std::mem::MaybeUninit::<libc::statvfs>::zeroed();
    #[expect(unsafe_code, reason = "statvfs has no safe form in the standard library")]
    // SAFETY: the path ends with NUL, and the struct is there to be filled; zeroes are a valid value of it.
    let stats = unsafe {
        if libc::statvfs(path.as_ptr(), stats.as_mut_ptr()) != 0 {
            return None;
        }
        stats.assume_init()
    };
    Some(stats.f_bavail.saturating_mul(stats.f_frsize))
}

#[cfg(test)]
mod tests {
    use orszem_collector::{EndpointReport, FileReport, TargetReport};

    use super::*;

    const NOW: Timestamp = Timestamp(1_795_341_600_000_000_000);

    fn told(change: impl FnOnce(&mut Report)) -> Vec<String> {
        let mut report = Report {
            written_ns: NOW.0 - 5_000_000_000,
            pid: std::process::id(),
            version: "0.1.0".into(),
            user: "orszem".into(),
            files_followed: 3,
            ..Report::default()
        };
        change(&mut report);
        let findings = judge(&report, NOW);
        findings.iter().filter(|finding| finding.level != super::super::Level::Ok).map(Finding::to_string).collect()
    }

    #[test]
    fn each_trouble_is_told_with_its_fix() {
        assert_eq!(told(|_| {}), Vec::<String>::new());
        let restart = "; fix: sudo systemctl restart orszem-collector; journalctl -u orszem-collector -n 50";
        let dead = told(|report| report.pid = u32::MAX);
        assert_eq!(dead, [format!("FAIL  collector — does not run; its last sign of life is 5 s old{restart}")]);
        let hung = told(|report| report.written_ns = NOW.0 - 31_000_000_000);
        let pid = std::process::id();
        assert_eq!(hung, [format!("FAIL  collector — pid {pid} has told nothing for 31 s: it hangs{restart}")]);
        let unreadable = told(|report| {
            let state = FileReportState::Unreadable;
            let (reason, fix) = ("Permission denied".to_owned(), "sudo chmod g+r /a".to_owned());
            report.files.push(FileReport { path: "/a".into(), state, reason, fix, ..FileReport::default() });
        });
        assert_eq!(unreadable, ["FAIL  file /a — Permission denied; fix: sudo chmod g+r /a"]);
        let full =
            told(|report| (report.queue_bytes, report.queue_bytes_max, report.queue_batches) = (9 << 20, 10 << 20, 4));
        assert_eq!(full.len(), 1);
        assert!(full[0].starts_with("FAIL  queue — 4 batches, 9MiB of 10MiB: it is full; fix: "), "{full:?}");
        let failing = told(|report| {
            let state = EndpointReportState::Failing;
            report.endpoints.push(EndpointReport {
                url: "http://h".into(),
                state,
                last_error: "refused".into(),
                ..EndpointReport::default()
            });
        });
        assert_eq!(
            failing,
            ["FAIL  endpoint http://h as the collector sees it — refused; fix: see the endpoint's checks below"]
        );
        let metrics = told(|report| {
            let down = TargetReport { job: "j".into(), url: "http://h/metrics".into(), error: "refused".into() };
            report.metrics =
                MetricsReport { is_running: true, targets_down: 1, down: vec![down], ..MetricsReport::default() };
            report.metrics.samples_dropped = 7;
        });
        let expected = [
            "warn  target http://h/metrics of job j — refused; fix: curl -sS 'http://h/metrics'",
            "warn  dropped samples — 7 samples were dropped by the configured policy; fix: mend the endpoints below, or raise the queue's limit",
        ];
        assert_eq!(metrics, expected);
        let complaint = told(|report| report.problems.push("no journal; fix: apt install systemd".into()));
        assert_eq!(complaint, ["FAIL  collector — no journal; fix: apt install systemd"]);
        assert_eq!(
            told(|report| report.dead_letters = 2),
            ["FAIL  dead letters — 2 batches were refused for good; fix: orszem collector queue dump"]
        );
    }

    #[test]
    fn a_missing_report_and_configuration_are_told() {
        let directory = tempfile::tempdir().expect("a directory");
        let lines: Vec<String> = report(directory.path(), NOW).iter().map(Finding::to_string).collect();
        let shown = directory.path().display();
        assert_eq!(
            lines,
            [format!(
                "FAIL  collector — it never wrote its status into {shown}; fix: sudo systemctl enable --now orszem-collector"
            )]
        );
        let file = directory.path().join("c.toml");
        let (_, findings) = configuration(&file);
        assert!(findings[0].to_string().contains("No such file"), "{findings:?}");
        std::fs::write(
            &file,
            "[server]\nspeed = 1\n[collector.output]\nendpoints = [\"http://h\"]\ntoken_file = \"/none\"\n",
        )
        .expect("writes");
        let (settings, findings) = configuration(&file);
        assert_eq!(settings.collector.output.endpoints, ["http://h"]);
        let lines: Vec<String> = findings.iter().map(Finding::to_string).collect();
        assert!(lines.iter().any(|line| line.contains("server.speed = 1: unknown option")), "{lines:?}");
        assert!(lines.iter().any(|line| line.starts_with("FAIL  file /none — No such file")), "{lines:?}");
    }
}
