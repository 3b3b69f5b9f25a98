//! Sends reports of availability when they are due.
//!
//! What is sent and that it was due are one transaction of alerting: after kill -9 a due time is either still to be told
//! or in the outbox, never both. What was due while nobody ran is sent at the start, unless it is older than its period.

use std::time::Duration;

use anyhow::Context;
use orszem_alerting::{Body, DueReport, Input, Recipient, ReportContent, ReportSchedule};
use orszem_dashboards::http::report::ReportApi;
use orszem_dashboards::report::{Report, html, text};
use orszem_indexer::alerting::AlertingHandle;
use orszem_model::{Language, Timestamp};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use crate::access::Identity;
use crate::collecting::now;
use crate::config::Config;

/// The longest wait without looking at the clock, which may be set.
const LOOK_EVERY: Duration = Duration::from_secs(60);
/// The wait after a failure.
const AFTER_FAILURE: Duration = Duration::from_secs(10);
/// Text and HTML of a report together; what is beyond is counted in it.
const BODY_BYTES_MAX: usize = 2 << 20;

/// A report of the configuration.
#[derive(Clone)]
struct Planned {
    name: String,
    schedule: ReportSchedule,
    goal: f64,
    language: Language,
    contacts: Vec<String>,
    addresses: Vec<Recipient>,
}

/// The way to the task that sends reports.
#[derive(Clone)]
pub(crate) struct Reporting {
    planned: watch::Sender<Vec<Planned>>,
}

/// Its task, until it is stopped.
pub(crate) struct Sending {
    task: JoinHandle<()>,
    stop: CancellationToken,
}

struct Reporter {
    reports: ReportApi,
    alerting: AlertingHandle,
}

impl Reporting {
    /// Goes on where the last run ended. Must be called within a tokio runtime.
    pub(crate) fn start(config: &Config, reports: ReportApi, alerting: AlertingHandle) -> (Self, Sending) {
        let (planned, receiver) = watch::channel(plan(config));
        let stop = CancellationToken::new();
        let task = tokio::spawn(Reporter { reports, alerting }.run(receiver, stop.clone()));
        (Self { planned }, Sending { task, stop })
    }

    /// Sends the reports of this configuration and no others.
    pub(crate) fn replace(&self, config: &Config) {
        self.planned.send_replace(plan(config));
    }
}

impl Sending {
    pub(crate) async fn stop(self) {
        self.stop.cancel();
        if let Err(error) = self.task.await {
            warn!(%error, "sending reports ended badly");
        }
    }
}

/// Of a configuration that was checked.
fn plan(config: &Config) -> Vec<Planned> {
    let planned = config.report.iter().filter_map(|report| match report.schedule(&config.notify) {
        Ok(schedule) => Some(Planned {
            name: report.name.clone(),
            schedule,
            goal: report.goal,
            language: config.notify.language,
            contacts: report.contacts.clone(),
            addresses: report.addresses(&config.notify),
        }),
        Err(error) => {
            error!(report = report.name, %error, "a report is never due");
            None
        }
    });
    planned.collect()
}

impl Reporter {
    async fn run(self, mut planned: watch::Receiver<Vec<Planned>>, stop: CancellationToken) {
        loop {
            let reports = planned.borrow_and_update().clone();
            // Before it is looked: what is due meanwhile is not waited for.
            let at = now();
            let mut wait = LOOK_EVERY;
            for report in &reports {
                let looked = tokio::select! {
                    () = stop.cancelled() => return,
                    looked = self.look(report) => looked,
                };
                if let Err(error) = looked {
                    error!(report = report.name, error = &*error as &dyn std::error::Error, "a report is sent later");
                    wait = AFTER_FAILURE;
                }
            }
            let next = reports.iter().filter_map(|report| report.schedule.next(at)).min();
            if let Some(next) = next.filter(|_| wait == LOOK_EVERY) {
                wait = wait.min(Duration::from_nanos(next.0.saturating_sub(now().0).max(0).unsigned_abs()));
            }
            tokio::select! {
                () = stop.cancelled() => return,
                changed = planned.changed() => if changed.is_err() { return },
                () = tokio::time::sleep(wait) => {}
            }
        }
    }

    /// Sends a report if it is due.
    async fn look(&self, planned: &Planned) -> anyhow::Result<()> {
        let name = planned.name.clone();
        let known = self.alerting.read(move |engine, _| engine.reported(&name)).await?;
        let now = now();
        let Some(last) = known else {
            // What was due before anybody wanted it is not missed.
            return self.submit(DueReport { name: planned.name.clone(), due: now, content: None }).await;
        };
        let Some(due) = planned.schedule.due(last, now) else { return Ok(()) };
        let (from, until) = planned.schedule.range(due).context("its period is out of the calendar")?;
        let ms = |at: Timestamp| at.0.div_euclid(1_000_000);
        let tenant = Identity::local().tenant;
        let report = self.reports.report(tenant, (ms(from), ms(until)), planned.goal).await?;
        let body = body(report, planned.language, BODY_BYTES_MAX);
        let heading = body.text.lines().next().unwrap_or_default();
        let content = ReportContent {
            title: format!("{}: {heading}", planned.name),
            from,
            until,
            contacts: planned.contacts.clone(),
            addresses: planned.addresses.clone(),
            body,
        };
        self.submit(DueReport { name: planned.name.clone(), due, content: Some(content) }).await?;
        info!(report = planned.name, %due, "a report goes out");
        Ok(())
    }

    async fn submit(&self, report: DueReport) -> anyhow::Result<()> {
        match self.alerting.submit(vec![Input::Report(report)]).await?.into_iter().next().flatten() {
            None => Ok(()),
            Some(refusal) => Err(refusal.into()),
        }
    }
}

/// The report in words, with so much of it that fits. The least available targets and the newest incidents stay.
fn body(mut report: Report, language: Language, bytes_max: usize) -> Body {
    loop {
        let body = Body { text: text(&report, language), html: html(&report, language) };
        let longest = report.targets.len().max(report.incidents.len()).max(report.certificates.len());
        if body.text.len() + body.html.len() <= bytes_max || longest == 0 {
            return body;
        }
        let kept = longest / 2;
        report.targets_left_out += report.targets.len().saturating_sub(kept);
        report.targets.truncate(kept);
        report.incidents.truncate(kept);
        report.certificates.truncate(kept);
    }
}

#[cfg(test)]
mod tests {
    use orszem_dashboards::report::TargetReport;

    use super::*;

    #[test]
    fn a_report_that_is_too_long_tells_how_much_is_left_out() {
        let target =
            |n: usize| TargetReport { probe: "web".to_owned(), instance: format!("t{n}"), ..Default::default() };
        let report = Report { targets: (0..100).map(target).collect(), ..Report::default() };
        let whole = body(report.clone(), Language::English, BODY_BYTES_MAX);
        assert!(whole.text.contains("t99") && whole.html.contains("t99"));
        let cut = body(report, Language::English, 10_000);
        assert!(cut.text.len() + cut.html.len() <= 10_000);
        assert!(cut.text.contains("t0 ") && !cut.text.contains("t99"), "{}", cut.text);
        let left_out = cut.text.lines().find_map(|line| line.strip_prefix("and ")?.strip_suffix(" more"));
        assert!(left_out.is_some_and(|count| count.parse::<usize>().is_ok_and(|count| count >= 50)), "{}", cut.text);
    }
}
