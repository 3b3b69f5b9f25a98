//! The passes over the host.

use std::time::Instant;

use orszem_model::chain;
use tracing::{Level, debug, warn};

use crate::collectors::{COLLECTORS, Collect, Kind};
use crate::config::HostConfig;
use crate::error::CollectError;
use crate::family::{Family, Sink};
use crate::files::{Files, Page};
use crate::filters::Filters;
use crate::pass::Pass;

const DURATION: Family<'static> =
    Family::gauge("node_scrape_collector_duration_seconds", "node_exporter: Duration of a collector scrape.");
const SUCCESS: Family<'static> =
    Family::gauge("node_scrape_collector_success", "node_exporter: Whether a collector succeeded.");

/// The collectors that are turned on, with what they keep between passes.
pub struct Host {
    config: HostConfig,
    files: Files,
    filters: Filters,
    page: Page,
    running: Vec<Running>,
}

struct Running {
    name: &'static str,
    kind: Kind,
    kept: Option<Box<dyn Collect>>,
    /// Whether the configuration names it.
    is_expected: bool,
    /// The problem that was logged last, so that it is logged once.
    told: Option<String>,
}

impl Host {
    /// Fails only where [`HostConfig::validate`] names a regular expression.
    pub fn new(config: HostConfig) -> Result<Self, regex::Error> {
        let filters = Filters::new(&config)?;
        let is_named = |names: &[String], name: &str| names.iter().any(|named| named == name);
        let is_on = |name: &str| {
            (config.collectors.is_empty() || is_named(&config.collectors, name))
                && !is_named(&config.collectors_exclude, name)
        };
        let running = COLLECTORS.iter().filter(|collector| is_on(collector.name())).map(|collector| {
            let kept = match collector.kind() {
                Kind::Plain(_) => None,
                Kind::Kept(make) => Some(make()),
            };
            let is_expected = is_named(&config.collectors, collector.name());
            Running { name: collector.name(), kind: collector.kind(), kept, is_expected, told: None }
        });
        let running = running.collect();
        Ok(Self { files: Files::new(config.paths.clone()), filters, page: Page::default(), running, config })
    }

    /// Reads everything once; `now_ms` is in milliseconds since 1970, UTC.
    ///
    /// Blocks for some milliseconds of work, and for `mount_timeout_ms` when a file system just stopped to answer:
    /// run it off the async threads. A collector that fails gives `node_scrape_collector_success` 0, and one line in
    /// the log when its problem is a new one; where the host lacks the thing, no line.
    pub fn collect(&mut self, now_ms: i64, sink: &mut dyn Sink) {
        let Self { config, files, filters, page, running } = self;
        for collector in running {
            let begun = Instant::now();
            let mut pass = Pass { files, filters, config, now_ms, page, sink };
            let outcome = match (&mut collector.kept, collector.kind) {
                (Some(kept), _) => kept.collect(&mut pass),
                (None, Kind::Plain(run)) => run(&mut pass),
                (None, Kind::Kept(make)) => collector.kept.insert(make()).collect(&mut pass),
            };
            let labels = [("collector", collector.name)];
            sink.put(&DURATION, &labels, begun.elapsed().as_secs_f64());
            sink.put(&SUCCESS, &labels, f64::from(u8::from(outcome.is_ok())));
            collector.tell(outcome.err().as_ref());
        }
    }
}

impl Running {
    fn tell(&mut self, problem: Option<&CollectError>) {
        match self.news(problem) {
            Some((Level::WARN, error)) => warn!(collector = self.name, %error, "collector failed"),
            Some((_, error)) => debug!(collector = self.name, %error, "collector has nothing to read"),
            None => {}
        }
    }

    /// What is to be logged, and how loud: a problem that is not the last one, until it is gone.
    fn news(&mut self, problem: Option<&CollectError>) -> Option<(Level, String)> {
        let text = problem.map(|problem| chain(problem));
        if self.told == text {
            return None;
        }
        self.told.clone_from(&text);
        let is_expectable = problem.is_some_and(CollectError::is_missing) && !self.is_expected;
        text.map(|text| (if is_expectable { Level::DEBUG } else { Level::WARN }, text))
    }
}

impl std::fmt::Debug for Host {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names: Vec<_> = self.running.iter().map(|running| running.name).collect();
        out.debug_struct("Host").field("config", &self.config).field("collectors", &names).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_is_told_once_until_it_is_gone() {
        let loadavg = COLLECTORS.iter().find(|collector| collector.name() == "loadavg").expect("known");
        let running =
            |is_expected| Running { name: loadavg.name(), kind: loadavg.kind(), kept: None, is_expected, told: None };
        let read = CollectError::of_file("/x".into(), std::io::Error::from_raw_os_error(libc::EACCES));
        let missing = CollectError::of_file("/x".into(), std::io::Error::from_raw_os_error(libc::ENOENT));
        let loud = Some((Level::WARN, "cannot read /x: Permission denied (os error 13)".to_owned()));
        let gone = |level| Some((level, "/x is missing".to_owned()));
        let mut unnamed = running(false);
        assert_eq!(unnamed.news(Some(&read)), loud);
        assert_eq!(unnamed.news(Some(&read)), None);
        assert_eq!(unnamed.news(Some(&missing)), gone(Level::DEBUG));
        assert_eq!(unnamed.news(Some(&read)), loud);
        assert_eq!(unnamed.news(None), None);
        assert_eq!(unnamed.news(Some(&read)), loud);
        assert_eq!(running(true).news(Some(&missing)), gone(Level::WARN));
    }
}
