//! What a probe found, for people and for programs.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::Duration;

use orszem_probe::{Certificate, Module, Outcome};
use serde_json::{Value, json};

use crate::lines::harmless;

/// The bar of the whole probe, in characters.
const BAR: usize = 40;
const DAY: i64 = 86_400;

/// A probe that has ended.
pub(super) struct Probed<'a> {
    /// As it was asked for.
    pub(super) target: &'a str,
    pub(super) module: &'a Module,
    pub(super) outcome: &'a Outcome,
    /// Seconds since 1970.
    pub(super) now: i64,
}

impl Probed<'_> {
    /// Some lines: what came of it, how long each phase took, what the server showed.
    pub(super) fn text(&self) -> String {
        let Self { target, module, outcome, now } = self;
        let word = if outcome.is_success() { "up" } else { "down" };
        let mut text = format!("{word}  {}  {} in {}\n", harmless(target), module.kind.as_str(), shown(outcome.took));
        let mut rows = Vec::new();
        if !outcome.is_success() {
            rows.push(("why".to_owned(), outcome.reason()));
        }
        let facts = &outcome.report.facts;
        rows.extend(facts.ip.map(|ip| ("address".to_owned(), ip.to_string())));
        rows.extend(self.answer().map(|answer| ("answer".to_owned(), answer)));
        rows.extend(phases(outcome));
        for (at, certificate) in facts.certificates.iter().enumerate() {
            let name = if at == 0 { "certificate" } else { "signed by" };
            rows.push((name.to_owned(), names(certificate)));
            rows.push((String::new(), end(certificate.not_after, &certificate.end(), *now)));
        }
        if let Some(problem) = facts.certificate_problem.as_ref().filter(|_| outcome.is_success()) {
            rows.push(("but".to_owned(), problem.to_string()));
        }
        let width = rows.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
        for (name, value) in rows {
            let line = format!("  {name:<width$}  {}", harmless(&value));
            text.push_str(line.trim_end());
            text.push('\n');
        }
        text
    }

    /// What was answered, in a few words.
    fn answer(&self) -> Option<String> {
        let Outcome { report, .. } = self.outcome;
        if let Some(rcode) = &report.facts.rcode {
            let records = report.page.value("probe_dns_answer_rrs").unwrap_or(0.0);
            return Some(format!("{rcode}, {records} records"));
        }
        let status = report.facts.status?;
        let version = report.page.value("probe_http_version").unwrap_or(0.0);
        let redirects = report.page.value("probe_http_redirects").unwrap_or(0.0);
        let behind = if redirects > 0.0 { format!(" behind {redirects} redirects") } else { String::new() };
        Some(format!("{status} by HTTP/{version:.1}{behind}"))
    }

    /// Everything that was measured.
    pub(super) fn json(&self) -> Value {
        let Self { target, module, outcome, now: _ } = self;
        let Outcome { took, failure, report } = outcome;
        let certificate = |certificate: &Certificate| {
            json!({
                "subject": certificate.subject,
                "issuer": certificate.issuer,
                "names": certificate.names,
                "serial": certificate.serial,
                "fingerprint_sha256": certificate.fingerprint_sha256,
                "not_before": certificate.not_before,
                "not_after": certificate.not_after,
            })
        };
        let problems = report.facts.certificate_problem.iter().flat_map(|problem| &problem.kinds);
        let phases = report.phases.iter();
        json!({
            "target": target,
            "module": module.name,
            "prober": module.kind.as_str(),
            "success": failure.is_none(),
            "reason": failure.as_ref().map(|_| outcome.reason()),
            "duration_s": took.as_secs_f64(),
            "ip": report.facts.ip,
            "status": report.facts.status,
            "rcode": report.facts.rcode,
            "phases": phases.map(|(name, took)| json!({ "name": name, "s": took.as_secs_f64() })).collect::<Vec<_>>(),
            "certificates": report.facts.certificates.iter().map(certificate).collect::<Vec<_>>(),
            "certificate_problems": problems.map(|kind| kind.as_str()).collect::<Vec<_>>(),
            "metrics": metrics(outcome),
            "notes": report.notes,
        })
    }
}

/// The samples by name, each with its labels.
fn metrics(outcome: &Outcome) -> BTreeMap<&'static str, Vec<Value>> {
    let families = outcome.report.page.families().iter();
    let of = |(labels, value): &(Vec<(String, String)>, f64)| {
        let labels: BTreeMap<&str, &str> = labels.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        json!({ "labels": labels, "value": value })
    };
    families.map(|family| (family.gauge.name, family.samples.iter().map(of).collect())).collect()
}

/// Each phase with its time and a bar that begins where the one before has ended; what was cut off last.
fn phases(outcome: &Outcome) -> Vec<(String, String)> {
    let whole = outcome.took.as_secs_f64().max(1e-9);
    let mut all: Vec<(&str, Duration)> = outcome.report.phases.clone();
    let told: Duration = all.iter().map(|(_, took)| *took).sum();
    let rest = outcome.took.saturating_sub(told);
    if !outcome.is_success() && rest.as_secs_f64() > whole / 10.0 {
        all.push(("no end", rest));
    }
    let mut begun = 0.0;
    let rows = all.into_iter().map(|(name, took)| {
        let at = |seconds: f64| ((seconds / whole).clamp(0.0, 1.0) * BAR as f64).round() as usize;
        let (from, to) = (at(begun).min(BAR - 1), at(begun + took.as_secs_f64()));
        begun += took.as_secs_f64();
        let bar = "█".repeat(to.saturating_sub(from).max(1));
        (name.to_owned(), format!("{:>9}  {}{bar}", shown(took), " ".repeat(from)))
    });
    rows.collect()
}

fn names(certificate: &Certificate) -> String {
    let mut text = certificate.subject.clone();
    if !certificate.names.is_empty() {
        let more = certificate.names.len().saturating_sub(5);
        let first: Vec<&str> = certificate.names.iter().take(5).map(String::as_str).collect();
        push(&mut text, format_args!(" for {}", first.join(", ")));
        if more > 0 {
            push(&mut text, format_args!(" and {more} more"));
        }
    }
    push(&mut text, format_args!(", issued by {}", certificate.issuer));
    text
}

/// Writing to a text never fails.
fn push(text: &mut String, part: std::fmt::Arguments<'_>) {
    if text.write_fmt(part).is_err() {
        tracing::debug!("a text could not be written");
    }
}

fn end(at: i64, date: &str, now: i64) -> String {
    let days = (at - now).abs() / DAY;
    let days = if days == 1 { "1 day".to_owned() } else { format!("{days} days") };
    if at >= now { format!("ends {date}, in {days}") } else { format!("ended {date}, {days} ago") }
}

fn shown(took: Duration) -> String {
    match took.as_secs_f64() {
        seconds if seconds >= 1.0 => format!("{seconds:.2} s"),
        seconds => format!("{:.1} ms", seconds * 1e3),
    }
}

#[cfg(test)]
mod tests {
    use orszem_probe::{Failure, Report, of_target};

    use super::*;

    fn outcome(failure: Option<Failure>, phases: &[(&'static str, u64)], took: u64) -> Outcome {
        let phases = phases.iter().map(|(name, ms)| (*name, Duration::from_millis(*ms))).collect();
        let report = Report { phases, ..Report::default() };
        Outcome { took: Duration::from_millis(took), failure, report }
    }

    fn shown(outcome: &Outcome) -> (String, Value) {
        let (module, _) = of_target("tcp://db:1").expect("a target");
        let probed = Probed { target: "tcp://db:1", module: &module, outcome, now: 10 * DAY };
        (probed.text(), probed.json())
    }

    #[test]
    fn phases_follow_one_another() {
        let (text, json) = shown(&outcome(None, &[("resolve", 10), ("connect", 30)], 40));
        let expected = format!(
            "up  tcp://db:1  tcp in 40.0 ms\n  resolve    10.0 ms  {}\n  connect    30.0 ms  {}{}\n",
            "█".repeat(10),
            " ".repeat(10),
            "█".repeat(30)
        );
        assert_eq!(text, expected);
        let phases = json!([{ "name": "resolve", "s": 0.01 }, { "name": "connect", "s": 0.03 }]);
        assert_eq!((&json["success"], &json["phases"], &json["reason"]), (&json!(true), &phases, &Value::Null));
    }

    #[test]
    fn a_failure_says_why_and_where_it_ended() {
        let timeout = Failure::Timeout(Duration::from_secs(2));
        let (text, json) = shown(&outcome(Some(timeout), &[("resolve", 0)], 2000));
        let lines: Vec<&str> = text.lines().collect();
        let expected = ["down  tcp://db:1  tcp in 2.00 s", "  why      no end within 2s", "  resolve     0.0 ms  █"];
        assert_eq!(lines[..3], expected);
        assert_eq!(lines[3], format!("  no end      2.00 s  {}", "█".repeat(BAR)));
        assert_eq!((&json["success"], &json["reason"]), (&json!(false), &json!("no end within 2s")));
    }

    #[test]
    fn the_end_of_a_certificate_is_told_in_days() {
        assert_eq!(end(11 * DAY, "then", 10 * DAY), "ends then, in 1 day");
        assert_eq!(end(7 * DAY, "then", 10 * DAY), "ended then, 3 days ago");
    }
}
