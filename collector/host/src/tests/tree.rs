//! A tree of files that stands for a host.

use std::fs;
use std::os::unix::fs::symlink;

use tempfile::TempDir;

use crate::config::{HostConfig, Paths};
use crate::family::{Family, Sink};
use crate::files::{Files, Page};
use crate::filters::Filters;
use crate::host::Host;
use crate::pass::Pass;
use crate::text::write_sample;

/// 2026-01-02 03:04:05.5 UTC.
pub(crate) const NOW_MS: i64 = 1_767_323_045_500;

/// Sample lines in the order in which they came, without those of the scrape itself.
#[derive(Default)]
pub(crate) struct Lines {
    pub(crate) text: String,
    pub(crate) success: Option<f64>,
}

impl Sink for Lines {
    fn sample(&mut self, family: &Family<'_>, name: &str, labels: &[(&str, &str)], value: f64) {
        match family.name {
            "node_scrape_collector_duration_seconds" => {}
            "node_scrape_collector_success" => self.success = Some(value),
            _ => write_sample(&mut self.text, name, labels, value),
        }
    }
}

pub(crate) struct Tree {
    root: TempDir,
}

impl Tree {
    pub(crate) fn new() -> Self {
        Self { root: tempfile::tempdir().expect("a directory") }
    }

    pub(crate) fn file(self, path: &str, content: impl AsRef<[u8]>) -> Self {
        self.write(path, content);
        self
    }

    pub(crate) fn write(&self, path: &str, content: impl AsRef<[u8]>) {
        let path = self.root.path().join(path);
        fs::create_dir_all(path.parent().expect("a parent")).expect("a directory");
        fs::write(path, content).expect("written");
    }

    pub(crate) fn remove(&self, path: &str) {
        fs::remove_dir_all(self.root.path().join(path)).expect("removed");
    }

    pub(crate) fn link(self, path: &str, target: &str) -> Self {
        let path = self.root.path().join(path);
        fs::create_dir_all(path.parent().expect("a parent")).expect("a directory");
        symlink(self.root.path().join(target), path).expect("linked");
        self
    }

    pub(crate) fn path(&self) -> String {
        self.root.path().display().to_string()
    }

    pub(crate) fn host(&self, collectors: &[&str]) -> Host {
        self.host_with(HostConfig {
            collectors: collectors.iter().map(|name| (*name).to_owned()).collect(),
            ..HostConfig::default()
        })
    }

    pub(crate) fn host_with(&self, config: HostConfig) -> Host {
        let root = self.root.path();
        let paths = Paths { procfs: root.join("proc"), sysfs: root.join("sys"), rootfs: root.to_owned() };
        Host::new(HostConfig { paths, ..config }).expect("expressions")
    }

    /// Samples and success of one collector.
    pub(crate) fn run(&self, collector: &str) -> (String, Option<f64>) {
        pass_of(&mut self.host(&[collector]), NOW_MS)
    }

    pub(crate) fn check(&self, collector: &str, expected: &str) {
        let (text, success) = self.run(collector);
        assert_eq!(text, expected);
        assert_eq!(success, Some(1.0));
    }

    /// The collector fails, with these samples before.
    pub(crate) fn check_bad(&self, collector: &str, expected: &str) {
        let (text, success) = self.run(collector);
        assert_eq!(text, expected);
        assert_eq!(success, Some(0.0));
    }
}

pub(crate) fn pass_of(host: &mut Host, now_ms: i64) -> (String, Option<f64>) {
    let mut lines = Lines::default();
    host.collect(now_ms, &mut lines);
    (lines.text, lines.success)
}

/// The samples that a function gives to a pass without files.
pub(crate) fn with_pass(run: impl FnOnce(&mut Pass<'_>)) -> String {
    let config = HostConfig::default();
    let (files, filters) = (Files::new(config.paths.clone()), Filters::new(&config).expect("expressions"));
    let mut lines = Lines::default();
    let (page, sink) = (&mut Page::default(), &mut lines);
    run(&mut Pass { files: &files, filters: &filters, config: &config, now_ms: NOW_MS, page, sink });
    lines.text
}
