//! Thresholds, shown each sample that is stored in the order of their times.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use orszem_model::{Columns, Labels};
use orszem_promql::{Select, Source};
use orszem_rules::own::{ThresholdRule, Thresholds};

use super::{LEAD_MAX, REPLAY_SAMPLES_MAX, ReplayError, Run};
use crate::alerting::prometheus::{milliseconds, timestamp};

/// Samples are read for so much time at once, so that memory does not follow the range.
const STEP_MS: i64 = 15 * 60_000;
/// A series that pauses is still there for so long.
const PAUSE: Duration = Duration::from_secs(300);
/// How often it is looked for silence, as live.
const LOOK_MS: i64 = 5_000;

/// The evaluator with the time that it was told last.
struct Shown {
    thresholds: Thresholds,
    /// It is looked for silence.
    watches_silence: bool,
    /// When it is looked next, in milliseconds since 1970.
    look_at: i64,
    /// Numbers of series.
    numbers: HashMap<Labels, u32>,
}

impl Run<'_> {
    /// Evaluates `rules`.
    pub(super) fn thresholds(&mut self, rules: &[ThresholdRule], source: &dyn Source) -> Result<(), ReplayError> {
        if rules.is_empty() {
            return Ok(());
        }
        let mut thresholds = Thresholds::new(rules.to_vec(), self.ask.from);
        let reads = thresholds.reads();
        let lead = reads.iter().map(|(_, back)| *back).max().unwrap_or_default() + PAUSE;
        let begin = self.ask.from.before(lead.min(LEAD_MAX));
        thresholds = Thresholds::new(rules.to_vec(), begin);
        let mut shown = Shown {
            thresholds,
            watches_silence: rules.iter().any(|rule| rule.no_data.is_some()),
            look_at: milliseconds(begin),
            numbers: HashMap::new(),
        };
        let (mut start, to) = (milliseconds(begin), milliseconds(self.ask.to));
        while start < to {
            let end = (start + STEP_MS).min(to);
            if !self.goes_on("thresholds", timestamp(start))? {
                return Ok(());
            }
            let samples = shown.read(&reads, source, start, end)?;
            self.done.samples += samples.len() as u64;
            if self.done.samples > REPLAY_SAMPLES_MAX {
                let at = timestamp(start);
                self.cut(format!("there are more than {REPLAY_SAMPLES_MAX} samples: thresholds end at {at}"));
                return Ok(());
            }
            for (at_ms, series, labels, value) in samples {
                shown.look(at_ms);
                shown.thresholds.sample(series, || Some(labels), at_ms, value, timestamp(at_ms));
            }
            shown.look(end);
            shown.thresholds.drain().into_iter().for_each(|input| self.changes.take(input));
            start = end;
        }
        shown.thresholds.tick(self.ask.to);
        shown.thresholds.drain().into_iter().for_each(|input| self.changes.take(input));
        let (_, overlooked) = shown.thresholds.counts();
        if overlooked > 0 {
            self.cut(format!("{overlooked} series were not looked at by thresholds: there are too many"));
        }
        Ok(())
    }
}

impl Shown {
    /// The samples later than `start` and not later than `end`, by time; each once, whichever rules want it.
    fn read(
        &mut self,
        reads: &[(Vec<orszem_model::Matcher>, Duration)],
        source: &dyn Source,
        start: i64,
        end: i64,
    ) -> Result<Vec<(i64, u32, Labels, f64)>, ReplayError> {
        let mut samples = Vec::new();
        let mut seen: HashSet<u32> = HashSet::new();
        for (matchers, _) in reads {
            let selection = source.select(&Select { matchers, start, end }).map_err(ReplayError::Series)?;
            let mut reader = selection.reader();
            let mut columns = Columns::default();
            for at in 0..selection.len() {
                let labels = reader.labels(at).map_err(ReplayError::Series)?;
                let next = u32::try_from(self.numbers.len()).unwrap_or(u32::MAX - 1);
                let series = *self.numbers.entry(labels.clone()).or_insert(next);
                if !seen.insert(series) {
                    continue;
                }
                columns.clear();
                reader.read(at, &mut columns).map_err(ReplayError::Series)?;
                let found = columns.times.iter().zip(&columns.values);
                let found = found.filter(|(time, _)| (start + 1..=end).contains(*time));
                samples.extend(found.map(|(time, value)| (*time, series, labels.clone(), *value)));
            }
        }
        samples.sort_by_key(|(time, ..)| *time);
        Ok(samples)
    }

    /// Looks for silence up to `at_ms`, as often as live.
    fn look(&mut self, at_ms: i64) {
        if !self.watches_silence {
            return;
        }
        while self.look_at <= at_ms {
            self.thresholds.tick(timestamp(self.look_at));
            self.look_at += LOOK_MS;
        }
    }
}
