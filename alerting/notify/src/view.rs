//! What templates see of a notice: texts in the language of the site, times in its zone.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::tz::TimeZone;
use orszem_alerting::{AlertView, DigestEntry, Event, Kind, Level, State};
use orszem_model::time::{NANOS_PER_SECOND, format_duration};
use orszem_model::{Labels, Timestamp, fill, prefix};
use serde::Serialize;

use crate::notice::{Action, ActionKind, Notice};
use crate::texts::{Language, Texts};

/// The longest title, in bytes.
const TITLE_BYTES_MAX: usize = 240;
/// Lines of a body that is written out whole only in mail.
const BODY_LINES: usize = 12;
/// The longest annotation, fact or note, in bytes.
const TEXT_BYTES_MAX: usize = 2_000;
/// The annotation that has the words of the fact that began an alert.
const FACT: &str = "fact";
/// Annotations that say what is the matter, the best first.
const WHAT: [&str; 4] = ["summary", "description", "message", "title"];

/// What all messages of a site have in common.
#[derive(Clone, Debug)]
pub(crate) struct Site {
    pub(crate) language: Language,
    pub(crate) zone: TimeZone,
    /// Its name, which keeps threads of several sites apart.
    pub(crate) origin: String,
    /// The address of its page; empty where there is none.
    pub(crate) external_url: String,
}

/// A notice in words; all of it is open to templates.
#[derive(Debug, Serialize)]
pub(crate) struct View<'n> {
    /// `open`, `update`, `escalate`, `remind`, `resolve`, `test`, `digest`.
    pub(crate) kind: &'static str,
    /// The kind, in words.
    pub(crate) state: &'static str,
    /// `firing`, `resolved`, `test`, `digest`.
    pub(crate) status: &'static str,
    /// `warning` or `critical`.
    pub(crate) severity: &'static str,
    pub(crate) severity_text: &'static str,
    /// That of the message where there are colours, `#rrggbb`.
    pub(crate) colour: &'static str,
    pub(crate) title: String,
    /// State, severity and title.
    pub(crate) heading: String,
    /// What is the matter, as the first alert says it; may be empty.
    pub(crate) what: String,
    pub(crate) entity: &'n str,
    pub(crate) since: String,
    /// Empty while it goes on.
    pub(crate) until: String,
    pub(crate) lasted: String,
    /// RFC 3339, in UTC.
    pub(crate) started_at: String,
    /// Seconds since 1970.
    pub(crate) started_at_unix: i64,
    pub(crate) ended_at: String,
    /// Of the first alert; empty where there is none.
    pub(crate) value: String,
    pub(crate) threshold: String,
    /// How many fire, ended and are suppressed, in words; empty where there is one alert or none.
    pub(crate) counts: String,
    pub(crate) firing: u64,
    pub(crate) ended: u64,
    pub(crate) suppressed: u64,
    /// Those that all alerts have in common.
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) annotations: BTreeMap<String, String>,
    pub(crate) runbook: String,
    pub(crate) facts: Vec<Fact>,
    pub(crate) alerts: Vec<AlertText<'n>>,
    /// What is not shown of the alerts, in words; so with the next ones.
    pub(crate) more_alerts: String,
    pub(crate) events: Vec<Line>,
    pub(crate) more_events: String,
    pub(crate) entries: Vec<Line>,
    pub(crate) more_entries: String,
    pub(crate) note: &'n str,
    pub(crate) acknowledged_by: &'n str,
    pub(crate) is_loud: bool,
    /// 0 for tests and digests.
    pub(crate) incident: u64,
    /// The same for all messages of an incident.
    pub(crate) thread: String,
    /// The same for all attempts.
    pub(crate) key: String,
    pub(crate) contact: &'n str,
    pub(crate) channel: &'n str,
    pub(crate) target: &'n str,
    pub(crate) links: Links<'n>,
    pub(crate) actions: Vec<Button<'n>>,
    /// What the plot shows, in words; empty where there is none.
    pub(crate) plot: String,
    pub(crate) footer: String,
    pub(crate) origin: &'n str,
    pub(crate) external_url: &'n str,
    /// The words of the language.
    pub(crate) t: &'static Texts,
}

/// A name with its text.
#[derive(Debug, Serialize)]
pub(crate) struct Fact {
    pub(crate) name: String,
    pub(crate) text: String,
}

/// Something that happened.
#[derive(Debug, Serialize)]
pub(crate) struct Line {
    pub(crate) at: String,
    pub(crate) text: String,
}

/// An alert in words.
#[derive(Debug, Serialize)]
pub(crate) struct AlertText<'n> {
    pub(crate) name: &'n str,
    pub(crate) state: String,
    pub(crate) severity: &'static str,
    pub(crate) is_firing: bool,
    pub(crate) value: String,
    pub(crate) since: String,
    pub(crate) until: String,
    pub(crate) what: String,
    pub(crate) labels: BTreeMap<&'n str, &'n str>,
    pub(crate) annotations: BTreeMap<&'n str, &'n str>,
    pub(crate) generator: &'n str,
    pub(crate) suppressed: String,
}

/// Where more is to be seen.
#[derive(Debug, Serialize)]
pub(crate) struct Links<'n> {
    pub(crate) incident: &'n str,
    pub(crate) logs: &'n str,
    pub(crate) graph: &'n str,
    pub(crate) silence: &'n str,
    /// Acknowledges, by the form behind it.
    pub(crate) ack: &'n str,
    pub(crate) snooze: &'n str,
}

/// An action in words.
#[derive(Debug, Serialize)]
pub(crate) struct Button<'n> {
    pub(crate) kind: &'static str,
    pub(crate) label: &'static str,
    pub(crate) url: &'n str,
}

impl<'n> View<'n> {
    pub(crate) fn new(notice: &'n Notice, site: &'n Site) -> Self {
        let t = Texts::of(site.language);
        let (intent, message) = (&notice.intent, &notice.intent.message);
        let recipient = &intent.recipient;
        let kind = intent.kind;
        let at = |at: Timestamp| clock(at, &site.zone, "%Y-%m-%d %H:%M:%S %Z");
        let level = message.level;
        let title = title(notice, t);
        let first = message.alerts.first();
        let labels = common(message.alerts.iter().map(|alert| &alert.labels));
        let annotations = common(message.alerts.iter().map(|alert| &alert.annotations));
        let runbook = message.alerts.iter().find_map(|alert| alert.annotations.get("runbook_url")).unwrap_or_default();
        let more = |n: u64, text: &str| if n == 0 { String::new() } else { fill(text, &[("n", &n.to_string())]) };
        let ended_at = message.ended_at;
        Self {
            kind: kind.name(),
            state: t.kind(kind),
            status: status(kind),
            severity: level.name(),
            severity_text: t.level(level),
            colour: colour(kind, level),
            heading: heading(t, kind, level, &title),
            title,
            what: what(notice, t),
            entity: &message.root,
            since: at(message.started_at),
            until: ended_at.map(at).unwrap_or_default(),
            lasted: ended_at.map(|ended| span(message.started_at, ended)).unwrap_or_default(),
            started_at: message.started_at.to_string(),
            started_at_unix: message.started_at.0.div_euclid(NANOS_PER_SECOND),
            ended_at: ended_at.map(|ended| ended.to_string()).unwrap_or_default(),
            value: first.map(|alert| number(alert.value)).unwrap_or_default(),
            threshold: threshold(notice, level),
            counts: counts(notice, t),
            firing: message.firing,
            ended: message.ended,
            suppressed: message.suppressed,
            labels,
            annotations,
            runbook: runbook.to_owned(),
            facts: notice.facts.iter().map(|(name, text)| fact(name, text)).collect(),
            alerts: message.alerts.iter().map(|alert| alert_text(alert, t, &at)).collect(),
            more_alerts: more(message.alerts_left_out, t.more_alerts),
            events: message.events.iter().map(|event| line_of_event(event, &at)).collect(),
            more_events: more(message.events_left_out, t.more_events),
            entries: message.entries.iter().map(|entry| line_of_entry(entry, t, &at)).collect(),
            more_entries: more(message.entries_left_out, t.more_entries),
            note: prefix(&message.note, TEXT_BYTES_MAX),
            acknowledged_by: &message.acknowledged_by,
            is_loud: message.is_loud,
            incident: intent.incident,
            thread: thread(notice, &site.origin),
            key: intent.key.to_string(),
            contact: &recipient.contact,
            channel: &recipient.channel,
            target: &notice.target,
            links: Links {
                incident: &notice.links.incident,
                logs: &notice.links.logs,
                graph: &notice.links.graph,
                silence: &notice.links.silence,
                ack: act(notice, ActionKind::Ack),
                snooze: act(notice, ActionKind::Snooze),
            },
            actions: actions(notice).map(|action| button(action, t)).collect(),
            plot: plot(notice, t, &at),
            footer: fill(t.footer, &[("contact", &recipient.contact), ("channel", &recipient.channel)]),
            origin: &site.origin,
            external_url: &site.external_url,
            t,
        }
    }
}

/// What all messages of an incident have in common; a message that belongs to none stands alone.
pub(crate) fn thread(notice: &Notice, origin: &str) -> String {
    match notice.intent.incident {
        0 => format!("{}-{}", notice.intent.kind.name(), notice.intent.key),
        incident => format!("incident-{incident}-{origin}"),
    }
}

/// `firing` as long as it is not over, however often it is told.
fn status(kind: Kind) -> &'static str {
    match kind {
        Kind::Open | Kind::Update | Kind::Escalate | Kind::Remind => "firing",
        Kind::Resolve => "resolved",
        Kind::Test => "test",
        Kind::Digest => "digest",
        Kind::Report => "report",
    }
}

fn colour(kind: Kind, level: Level) -> &'static str {
    match (kind, level) {
        (Kind::Resolve, _) => "#15803d",
        (Kind::Test | Kind::Digest | Kind::Report, _) => "#374151",
        (Kind::Open | Kind::Update | Kind::Escalate | Kind::Remind, Level::Critical) => "#b91c1c",
        (Kind::Open | Kind::Update | Kind::Escalate | Kind::Remind, Level::Warning) => "#b45309",
    }
}

fn title(notice: &Notice, t: &Texts) -> String {
    let message = &notice.intent.message;
    let title = match notice.intent.kind {
        Kind::Test => fill(t.test_title, &[("contact", &notice.intent.recipient.contact)]),
        Kind::Digest => {
            let count = message.entries.len() as u64 + message.entries_left_out;
            fill(t.digest_title, &[("n", &count.to_string())])
        }
        Kind::Open | Kind::Update | Kind::Escalate | Kind::Remind | Kind::Resolve | Kind::Report => {
            message.title.clone()
        }
    };
    one_line(prefix(&title, TITLE_BYTES_MAX))
}

fn heading(t: &Texts, kind: Kind, level: Level, title: &str) -> String {
    match kind {
        Kind::Open => format!("[{}] {title}", t.level(level)),
        Kind::Update | Kind::Escalate | Kind::Remind => format!("[{}, {}] {title}", t.level(level), t.kind(kind)),
        Kind::Resolve | Kind::Test | Kind::Digest | Kind::Report => format!("[{}] {title}", t.kind(kind)),
    }
}

fn what(notice: &Notice, t: &Texts) -> String {
    let recipient = &notice.intent.recipient;
    if notice.intent.kind == Kind::Test {
        return fill(t.test_body, &[("contact", &recipient.contact), ("channel", &recipient.channel)]);
    }
    if let Some(body) = &notice.intent.body {
        let lines: Vec<&str> = body.text.lines().take(BODY_LINES).collect();
        return prefix(&lines.join("\n"), TEXT_BYTES_MAX).to_owned();
    }
    notice.intent.message.alerts.first().map(|alert| said(&alert.annotations)).unwrap_or_default()
}

fn said(annotations: &Labels) -> String {
    let found = WHAT.iter().find_map(|name| annotations.get(name)).unwrap_or_default().trim();
    let said = match annotations.get(FACT).map(str::trim).filter(|fact| !fact.is_empty()) {
        Some(fact) if found.is_empty() => fact.to_owned(),
        Some(fact) => format!("{found}: {fact}"),
        None => found.to_owned(),
    };
    prefix(&said, TEXT_BYTES_MAX).to_owned()
}

fn threshold(notice: &Notice, level: Level) -> String {
    // The value beside it is the first alert's.
    let curve = notice.curve.as_ref().filter(|curve| curve.alert == 0);
    let crossed = curve.and_then(|curve| match level {
        Level::Critical => curve.critical.or(curve.warning),
        Level::Warning => curve.warning,
    });
    crossed.map(number).unwrap_or_default()
}

fn counts(notice: &Notice, t: &Texts) -> String {
    let message = &notice.intent.message;
    if message.firing + message.ended < 2 && message.suppressed == 0 {
        return String::new();
    }
    let [firing, ended, suppressed] = [message.firing, message.ended, message.suppressed].map(|n| n.to_string());
    fill(t.counts, &[("firing", &firing), ("ended", &ended), ("suppressed", &suppressed)])
}

fn fact(name: &str, text: &str) -> Fact {
    Fact { name: one_line(prefix(name, TITLE_BYTES_MAX)), text: prefix(text, TEXT_BYTES_MAX).to_owned() }
}

fn alert_text<'n>(alert: &'n AlertView, t: &Texts, at: &impl Fn(Timestamp) -> String) -> AlertText<'n> {
    let state = match alert.state {
        State::Ok => t.resolved,
        State::Pending(_) => t.pending,
        State::Firing(_) => t.firing,
        State::Recovering(_) => t.recovering,
        State::NoData(_) => t.no_data,
    };
    let state = if alert.is_flapping { format!("{state}, {}", t.flapping) } else { state.to_owned() };
    let severity = alert.state.level().or_else(|| alert.labels.get("severity").map(Level::of_severity));
    let texts = |labels: &'n Labels| labels.iter().map(|(name, text)| (name, prefix(text, TEXT_BYTES_MAX))).collect();
    AlertText {
        name: alert.labels.get("alertname").unwrap_or(&alert.key.rule),
        state,
        severity: severity.map_or("", Level::name),
        is_firing: alert.until.is_none(),
        value: number(alert.value),
        since: at(alert.from),
        until: alert.until.map(at).unwrap_or_default(),
        what: said(&alert.annotations),
        labels: texts(&alert.labels),
        annotations: texts(&alert.annotations),
        generator: &alert.generator,
        suppressed: alert.suppressed.join("; "),
    }
}

fn line_of_event(event: &Event, at: &impl Fn(Timestamp) -> String) -> Line {
    Line { at: at(event.at), text: one_line(prefix(&event.text, TEXT_BYTES_MAX)) }
}

fn line_of_entry(entry: &DigestEntry, t: &Texts, at: &impl Fn(Timestamp) -> String) -> Line {
    let title = one_line(prefix(&entry.title, TITLE_BYTES_MAX));
    let text = match entry.incident {
        0 => format!("{}: {title}", t.level(entry.level)),
        id => format!("{}, {}: {title} (#{id})", t.kind(entry.kind), t.level(entry.level)),
    };
    Line { at: at(entry.at), text }
}

fn button<'n>(action: &'n Action, t: &Texts) -> Button<'n> {
    let label = match action.kind {
        ActionKind::Ack => t.ack,
        ActionKind::Snooze => t.snooze,
    };
    Button { kind: action.kind.name(), label, url: &action.url }
}

fn act(notice: &Notice, kind: ActionKind) -> &str {
    actions(notice).find(|action| action.kind == kind).map_or("", |action| &action.url)
}

/// What can be done; nothing about what is over.
fn actions(notice: &Notice) -> impl Iterator<Item = &Action> {
    let is_over = matches!(notice.intent.kind, Kind::Resolve | Kind::Digest | Kind::Report);
    notice.actions.iter().filter(move |_| !is_over)
}

fn plot(notice: &Notice, t: &Texts, at: &impl Fn(Timestamp) -> String) -> String {
    let points = notice.curve.as_ref().map(|curve| curve.points.as_slice()).unwrap_or_default();
    let values = || points.iter().map(|(_, value)| *value).filter(|value| value.is_finite());
    let (Some((from, _)), Some((until, _))) = (points.first(), points.last()) else { return String::new() };
    if values().next().is_none() {
        return String::new();
    }
    let [min, max] = [values().fold(f64::INFINITY, f64::min), values().fold(f64::NEG_INFINITY, f64::max)].map(number);
    let text = fill(t.plot, &[("from", &at(*from)), ("until", &at(*until)), ("min", &min), ("max", &max)]);
    match plotted(notice) {
        Some(alert) => format!("{alert}: {text}"),
        None => text,
    }
}

/// Which of several alerts the plot is of: its name, and the labels that are its own.
fn plotted(notice: &Notice) -> Option<String> {
    let alerts = notice.intent.message.alerts.as_slice();
    let alert = alerts.get(notice.curve.as_ref()?.alert).filter(|_| alerts.len() > 1)?;
    let shared = common(alerts.iter().map(|alert| &alert.labels));
    let own = alert.labels.iter().filter(|(name, _)| *name != "alertname" && !shared.contains_key(*name));
    let labels: Vec<String> = own.map(|(name, value)| format!("{name}={value}")).collect();
    let name = alert.labels.get("alertname").unwrap_or(&alert.key.rule);
    Some(one_line(prefix(&[name, &labels.join(", ")].join(" "), TITLE_BYTES_MAX)))
}

/// Names and texts that are equal in all of them.
pub(crate) fn common<'l>(mut sets: impl Iterator<Item = &'l Labels>) -> BTreeMap<String, String> {
    let Some(first) = sets.next() else { return BTreeMap::new() };
    let mut shared: BTreeMap<String, String> =
        first.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    for labels in sets {
        shared.retain(|name, value| labels.get(name) == Some(value));
    }
    shared
}

/// A value as people read it: at most six significant digits; empty where it is no number.
pub(crate) fn number(value: f64) -> String {
    if value.is_nan() {
        return String::new();
    }
    let size = value.abs();
    if size != 0.0 && !(1e-4..1e15).contains(&size) {
        return format!("{value:.5e}");
    }
    let digits = if size >= 1.0 { 5 - (size.log10() as usize).min(5) } else { 6 };
    let text = format!("{value:.digits$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

/// A time as clocks of the zone show it, in the form that `strftime` takes.
pub(crate) fn clock(at: Timestamp, zone: &TimeZone, form: &str) -> String {
    match jiff::Timestamp::from_second(at.0.div_euclid(NANOS_PER_SECOND)) {
        Ok(second) => second.to_zoned(zone.clone()).strftime(form).to_string(),
        // Outside of the calendar's years.
        Err(_) => at.to_string(),
    }
}

/// How long it was, in whole seconds.
fn span(from: Timestamp, until: Timestamp) -> String {
    let seconds = until.0.saturating_sub(from.0).max(0) / NANOS_PER_SECOND;
    format_duration(Duration::from_secs(seconds.unsigned_abs()))
}

/// Control characters, line ends among them, become spaces.
pub(crate) fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect::<String>().trim().to_owned()
}

#[cfg(test)]
mod tests;
