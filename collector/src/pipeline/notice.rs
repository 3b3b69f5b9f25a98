//! What the collector itself has to say, as records on the same way as all others: nothing is lost silently.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use orszem_model::{Kind, Severity, Timestamp};
use orszem_parse::{Layer, Parsed, Value};
use orszem_queue::{Damage, Usage};
use orszem_transform::{Summary, SummaryKey};

use super::stage::{Facts, LastStamp, Stage};
use super::streams::Origin;
use crate::counters::Counters;
use crate::output::Signal;
use crate::source::files::{Gap, GapReason};

/// The program in the collector's own records.
pub(crate) const SERVICE: &str = "orszem-collector";
/// The slot of the collector's own records.
const SLOT: u64 = u64::MAX;

/// The position under which it is kept in the queue what that dropped.
pub(crate) const DROPS_POSITION: &[u8] = b"c/dropped";
/// How often drops are told at most.
const TELL_DROPS_EVERY: Duration = Duration::from_secs(5);

/// An event of the collector.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Notice {
    /// `collector.gap`, `collector.dropped`, `collector.throttled`, `collector.set_back`, `collector.canary`.
    pub(crate) name: &'static str,
    pub(crate) severity: Severity,
    pub(crate) text: String,
    pub(crate) fields: Vec<(Cow<'static, str>, Value<'static>)>,
}

impl Notice {
    /// Puts it into the batch, whether or not that is full: notices are few and short.
    pub(crate) fn push_to(self, stage: &mut Stage, now: Timestamp, counters: &Counters) {
        let none = BTreeMap::new();
        let origin =
            Origin { slot: SLOT, service: SERVICE, layer: Some(Layer::Host), file: None, unit: None, labels: &none };
        let mut attributes = vec![(Cow::Borrowed("event.name"), Value::Text(Cow::Borrowed(self.name)))];
        attributes.extend(self.fields);
        let parsed = Parsed { timestamp: Some(now), severity: self.severity, attributes, ..Parsed::default() };
        let facts = Facts { now, backlog: None, is_split: false, kind: Kind::Event };
        stage.take(&origin, self.text.as_bytes(), parsed, facts, &mut LastStamp::default(), counters);
    }
}

/// Notices what the queue dropped for want of room, over all runs.
#[derive(Debug, Default)]
pub(crate) struct Drops {
    signal: Signal,
    /// Dropped by earlier runs, by this one, and how much of both was told.
    before: u64,
    now: u64,
    told: u64,
    told_at: Option<Instant>,
}

impl Drops {
    /// Goes on where the queue's positions say.
    pub(crate) fn new(signal: Signal, position: Option<&[u8]>) -> Self {
        let halves = position.and_then(|bytes| Some((bytes.first_chunk::<8>()?, bytes.last_chunk::<8>()?)));
        let (before, told) = halves.map_or((0, 0), |(all, told)| (u64::from_le_bytes(*all), u64::from_le_bytes(*told)));
        Self { signal, before, told, ..Self::default() }
    }

    /// What to tell, if there is news. Not too often, as what tells it may be dropped, too. The total is told with it,
    /// so that one that arrives makes up for those that did not.
    pub(crate) fn notice(&mut self, tick: Instant) -> Option<Notice> {
        let is_due = self.told_at.is_none_or(|at| tick.saturating_duration_since(at) >= TELL_DROPS_EVERY);
        let total = self.before + self.now;
        let records = total.checked_sub(self.told).filter(|records| *records > 0 && is_due)?;
        self.told = total;
        self.told_at = Some(tick);
        let (queue, key) = match self.signal {
            Signal::Logs => ("queue", "dropped.records"),
            Signal::Metrics => ("queue of metrics", "dropped.samples"),
        };
        let noun = self.signal.noun();
        Some(Notice {
            name: "collector.dropped",
            severity: Severity::ERROR,
            text: format!("the {queue} was full: {records} {noun} were dropped, {total} so far"),
            fields: vec![number(key, records), number("dropped.total", total)],
        })
    }

    /// Takes over what the queue counts; whether that is news.
    pub(crate) fn update(&mut self, usage: &Usage) -> bool {
        let before = self.now;
        self.now = usage.dropped_oldest.records + usage.dropped_newest.records;
        self.now != before
    }

    /// For the queue, so that a kill does not make it forget.
    pub(crate) fn change(&self) -> Option<(Vec<u8>, Option<Vec<u8>>)> {
        let total = self.before + self.now;
        let value = [total.to_le_bytes(), self.told.to_le_bytes()].concat();
        (total > 0).then(|| (DROPS_POSITION.to_vec(), Some(value)))
    }
}

impl Notice {
    /// What of the queue can't be read: its batches were not sent, and what they hold is not read again where later
    /// batches survived.
    pub(crate) fn queue_damaged(damage: &Damage) -> Self {
        let mut fields = vec![
            text("gap.file", damage.file.display().to_string()),
            text("gap.reason", "queue_damaged"),
            number("gap.bytes", damage.bytes),
        ];
        fields.extend(damage.lost_records.map(|records| number("gap.records", records)));
        fields.extend(damage.kept.as_ref().map(|kept| text("gap.kept", kept.display().to_string())));
        Self {
            name: "collector.gap",
            severity: Severity::ERROR,
            text: format!("the queue is damaged: {damage}"),
            fields,
        }
    }

    /// What was lost of a file.
    pub(crate) fn gap(gap: &Gap) -> Self {
        let Gap { path, from, to, bytes, reason } = gap;
        let path = path.display().to_string();
        let what = match reason {
            GapReason::CopyTruncate => "was copied and cut; what was written in between is lost",
            GapReason::Truncated => "was cut, and no copy of it is found",
            GapReason::Gone => "is gone, and nothing that goes on with it is found",
            GapReason::Damaged => "does not unpack to its end",
        };
        Self {
            name: "collector.gap",
            severity: Severity::WARN,
            text: format!("{path} {what}: about {bytes} bytes between {from} and {to}"),
            fields: vec![
                text("gap.file", path),
                text("gap.reason", reason.name()),
                number("gap.from", from.0.unsigned_abs()),
                number("gap.to", to.0.unsigned_abs()),
                number("gap.bytes", *bytes),
            ],
        }
    }

    /// The receiver has batches up to `told` of a flow in which none beyond `last` was given out.
    pub(crate) fn set_back(signal: Signal, epoch: u64, told: u64, last: u64) -> Self {
        let follows = match signal {
            Signal::Logs => "What was read since then is read again and may be doubled; nothing is lost",
            Signal::Metrics => "Samples that were queued then are sent again; nothing is lost",
        };
        Self {
            name: "collector.set_back",
            severity: Severity::WARN,
            text: format!(
                "the state directory is older than what was sent from it: the server has batches up to {told}, the \
                 queue knows of {last}. {follows}"
            ),
            fields: vec![
                text("set_back.epoch", epoch.to_string()),
                number("set_back.told", told),
                number("set_back.last", last),
            ],
        }
    }

    /// What a throttle rule held back.
    pub(crate) fn throttled(summary: &Summary) -> Self {
        let Summary { rule, key, suppressed, first, last } = summary;
        let whose = match key {
            SummaryKey::Stream(_) => "one stream".to_owned(),
            SummaryKey::Value { field, value } => format!("{field}={value}"),
            SummaryKey::Others => "further ones".to_owned(),
        };
        Self {
            name: "collector.throttled",
            severity: Severity::WARN,
            text: format!("rule {rule} held back {suppressed} records of {whose} between {first} and {last}"),
            fields: vec![text("throttled.rule", rule.as_str()), number("throttled.records", *suppressed)],
        }
    }
}

/// A field of a notice.
pub(crate) fn number(key: &'static str, value: u64) -> (Cow<'static, str>, Value<'static>) {
    (Cow::Borrowed(key), Value::Integer(i64::try_from(value).unwrap_or(i64::MAX)))
}

/// A field of a notice.
pub(crate) fn text(key: &'static str, value: impl Into<String>) -> (Cow<'static, str>, Value<'static>) {
    (Cow::Borrowed(key), Value::Text(Cow::Owned(value.into())))
}

#[cfg(test)]
mod tests {
    use orszem_queue::Totals;

    use super::*;

    fn told(drops: &mut Drops, tick: Instant) -> Option<String> {
        drops.notice(tick).map(|notice| notice.text)
    }

    #[test]
    fn drops_are_told_in_intervals_and_over_restarts() {
        let records = |records| Totals { records, ..Totals::default() };
        let usage = |oldest, newest| Usage {
            dropped_oldest: records(oldest),
            dropped_newest: records(newest),
            ..Usage::default()
        };
        let start = Instant::now();
        let mut drops = Drops::new(Signal::Logs, None);
        assert_eq!((told(&mut drops, start), drops.change()), (None, None));
        assert!(drops.update(&usage(3, 4)));
        assert!(!drops.update(&usage(3, 4)), "no news");
        let text = "the queue was full: 7 records were dropped, 7 so far";
        assert_eq!(told(&mut drops, start).as_deref(), Some(text));
        assert!(drops.update(&usage(3, 5)));
        assert_eq!(told(&mut drops, start), None, "too soon");
        let (_, value) = drops.change().expect("a position");
        let mut drops = Drops::new(Signal::Logs, value.as_deref());
        assert!(drops.update(&usage(1, 1)));
        let text = "the queue was full: 3 records were dropped, 10 so far";
        assert_eq!(told(&mut drops, start).as_deref(), Some(text));
        assert_eq!(told(&mut drops, start + TELL_DROPS_EVERY), None, "no news");
    }
}
