//! What replayed rules record, over what is stored: from the beginning of the replay on theirs counts.

use std::collections::{HashMap, HashSet};

use orszem_model::{Columns, Labels, METRIC_NAME, MatchOp, Matcher};
use orszem_promql::memory::Memory;
use orszem_promql::{Select, Selection, SeriesReader, Source, SourceError};
use orszem_rules::{ALERTS, ALERTS_FOR_STATE, NewSample, RuleGroup, RuleKind};

use super::ReplayAsk;
use crate::alerting::prometheus::milliseconds;

/// Samples that rules record, kept in memory.
const RECORDED_MAX: usize = 5_000_000;

/// What rules have recorded.
pub(super) struct Recorded {
    memory: Memory,
    samples: usize,
    /// Names of series that rules record.
    names: HashSet<String>,
    /// Names of alerts.
    alerts: HashSet<String>,
    /// Up to here what is stored counts, in milliseconds since 1970.
    begin: i64,
}

impl Recorded {
    pub(super) fn new<'g>(groups: impl Iterator<Item = &'g RuleGroup>, ask: &ReplayAsk) -> Self {
        let (mut names, mut alerts) = (HashSet::new(), HashSet::new());
        for rule in groups.flat_map(|group| &group.rules) {
            match &rule.kind {
                RuleKind::Record(name) => names.insert(name.clone()),
                RuleKind::Alert(alert) => alerts.insert(alert.name.clone()),
            };
        }
        Self { memory: Memory::default(), samples: 0, names, alerts, begin: milliseconds(ask.from) }
    }

    /// Keeps samples; `false` when there is no more room. Of two samples of a series at one time the first counts.
    pub(super) fn keep(&mut self, samples: &[NewSample]) -> bool {
        for NewSample { labels, time, point } in samples {
            if self.samples >= RECORDED_MAX {
                return false;
            }
            // What is refused is a double, or the marker of an end for which there is no room.
            if self.memory.push(labels, *time, point).is_ok() {
                self.samples += 1;
                self.begin = self.begin.min(*time - 1);
            }
        }
        true
    }

    /// Over what is stored.
    pub(super) fn over<'s>(&'s self, stored: &'s dyn Source) -> Layered<'s> {
        Layered { recorded: self, stored }
    }

    /// Whether series of these labels are of the rules.
    fn has(&self, labels: &Labels) -> bool {
        match labels.get(METRIC_NAME).unwrap_or_default() {
            ALERTS | ALERTS_FOR_STATE => self.alerts.contains(labels.get("alertname").unwrap_or_default()),
            name => self.names.contains(name),
        }
    }

    /// Whether what is asked for may be of the rules.
    fn may_have(&self, matchers: &[Matcher]) -> bool {
        let name = matchers.iter().find(|matcher| matcher.name == METRIC_NAME && matcher.op == MatchOp::Equal);
        match name.map(|matcher| matcher.value.as_str()) {
            Some(ALERTS | ALERTS_FOR_STATE) => !self.alerts.is_empty(),
            Some(name) => self.names.contains(name),
            None => !self.alerts.is_empty() || !self.names.is_empty(),
        }
    }
}

/// Stored series, and those that rules have recorded.
pub(super) struct Layered<'s> {
    recorded: &'s Recorded,
    stored: &'s dyn Source,
}

impl Source for Layered<'_> {
    fn select(&self, select: &Select<'_>) -> Result<Box<dyn Selection>, SourceError> {
        let stored = self.stored.select(select)?;
        if !self.recorded.may_have(select.matchers) {
            return Ok(stored);
        }
        let mut series: Vec<(Labels, Columns)> = Vec::new();
        let mut reader = stored.reader();
        for at in 0..stored.len() {
            let labels = reader.labels(at)?;
            let mut columns = Columns::default();
            reader.read(at, &mut columns)?;
            if self.recorded.has(&labels) {
                cut(&mut columns, self.recorded.begin);
            }
            if !columns.is_empty() {
                series.push((labels, columns));
            }
        }
        drop(reader);
        let recorded = self.recorded.memory.select(select)?;
        let places: HashMap<Labels, usize> =
            series.iter().enumerate().map(|(at, (labels, _))| (labels.clone(), at)).collect();
        let mut reader = recorded.reader();
        for at in 0..recorded.len() {
            let (labels, mut columns) = (reader.labels(at)?, Columns::default());
            reader.read(at, &mut columns)?;
            match places.get(&labels).and_then(|at| series.get_mut(*at)) {
                Some((_, known)) => {
                    known.times.append(&mut columns.times);
                    known.values.append(&mut columns.values);
                    known.histograms.append(&mut columns.histograms);
                }
                None => series.push((labels, columns)),
            }
        }
        Ok(Box::new(Merged(series)))
    }

    fn damaged(&self) -> u64 {
        self.stored.damaged()
    }
}

/// Leaves what is not later than `end`.
fn cut(columns: &mut Columns, end: i64) {
    let floats = columns.times.partition_point(|time| *time <= end);
    columns.times.truncate(floats);
    columns.values.truncate(floats);
    columns.histograms.truncate(columns.histograms.partition_point(|point| point.time <= end));
}

struct Merged(Vec<(Labels, Columns)>);

impl Selection for Merged {
    fn len(&self) -> usize {
        self.0.len()
    }

    fn reader(&self) -> Box<dyn SeriesReader + '_> {
        Box::new(MergedReader(&self.0))
    }
}

struct MergedReader<'m>(&'m [(Labels, Columns)]);

impl MergedReader<'_> {
    fn series(&self, at: usize) -> Result<&(Labels, Columns), SourceError> {
        let beyond = || SourceError { message: format!("there is no series {at}"), is_limit: false };
        self.0.get(at).ok_or_else(beyond)
    }
}

impl SeriesReader for MergedReader<'_> {
    fn labels(&mut self, at: usize) -> Result<Labels, SourceError> {
        Ok(self.series(at)?.0.clone())
    }

    fn read(&mut self, at: usize, into: &mut Columns) -> Result<(), SourceError> {
        into.clone_from(&self.series(at)?.1);
        Ok(())
    }
}
