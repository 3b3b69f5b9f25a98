//! Rules about logs and facts, shown each record that is stored in the order of their times.

use std::sync::Arc;
use std::time::Duration;

use orszem_logs::{Budget, Cursor, Order, Page, Partial, Range, Row, Snapshot};
use orszem_model::wire::{Batch, RecordView, encode_records};
use orszem_model::{Record, Timestamp};
use orszem_rules::own::{EventRule, Events, LogRule, LogWhen, Logs};
use orszem_search::Query;

use super::{LEAD_MAX, REPLAY_RECORDS_MAX, ReplayError, Run};
use crate::alerting::own::show_fact;
use crate::facts::SERVICE;

/// Records that are read at once.
const ROWS: usize = 5_000;
/// Bytes that they may have.
const BYTES: usize = 256 << 20;
/// How often it is looked for silence of logs.
const LOOK_EVERY: Duration = Duration::from_secs(1);

impl Run<'_> {
    /// Evaluates a rule about logs.
    pub(super) fn logs(&mut self, rule: LogRule, snapshot: &Snapshot) -> Result<(), ReplayError> {
        let (query, name) = (rule.query.clone(), rule.about.name.clone());
        let is_flatline = matches!(rule.when, LogWhen::Flatline { .. });
        let begin = self.ask.from.before(lead(&rule).min(LEAD_MAX));
        let mut logs = Logs::new(vec![rule], begin);
        let mut looked_at = begin;
        let what = format!("records of {name}");
        let end = self.each(&what, &query, begin, snapshot, |run, record| {
            let at = record.timestamp;
            while is_flatline && looked_at.after(LOOK_EVERY) < at {
                looked_at = looked_at.after(LOOK_EVERY);
                logs.tick(looked_at);
            }
            logs.tick(at);
            logs.record(record, at);
            logs.drain().into_iter().for_each(|input| run.changes.take(input));
        })?;
        while is_flatline && looked_at.after(LOOK_EVERY) < end {
            looked_at = looked_at.after(LOOK_EVERY);
            logs.tick(looked_at);
        }
        logs.tick(end);
        logs.drain().into_iter().for_each(|input| self.changes.take(input));
        if logs.overlooked() > 0 {
            self.cut(format!("{} records of {name} were not counted: there are too many groups", logs.overlooked()));
        }
        Ok(())
    }

    /// Evaluates rules about facts.
    pub(super) fn events(&mut self, rules: Vec<EventRule>, snapshot: &Snapshot) -> Result<(), ReplayError> {
        if rules.is_empty() {
            return Ok(());
        }
        // Nobody can say how long ago something began that has not ended.
        let begin = self.ask.from.before(LEAD_MAX);
        let mut events = Events::new(rules);
        let query = Query::parse(&format!("service:{SERVICE}")).map_err(ReplayError::Facts)?;
        let end = self.each("facts", &query, begin, snapshot, |run, record| {
            events.tick(record.timestamp);
            show_fact(&mut events, record, record.timestamp);
            events.drain().into_iter().for_each(|input| run.changes.take(input));
        })?;
        events.tick(end);
        events.drain().into_iter().for_each(|input| self.changes.take(input));
        if events.overlooked() > 0 {
            self.cut(format!("{} facts were left out: there are too many alerts", events.overlooked()));
        }
        Ok(())
    }

    /// Shows each record that matches, the oldest first; answers up to when all were.
    fn each(
        &mut self,
        what: &str,
        query: &Query,
        begin: Timestamp,
        snapshot: &Snapshot,
        mut show: impl FnMut(&mut Self, &RecordView<'_>),
    ) -> Result<Timestamp, ReplayError> {
        let (tenant, to) = (self.ask.rules.tenant, self.ask.to);
        let (deadline, cancel) = (Some(self.patience.until), Arc::clone(&self.patience.cancel));
        let budget = Budget { deadline, memory_bytes: BYTES, cancel };
        let mut after: Option<Cursor> = None;
        let mut reached = begin;
        loop {
            if !self.goes_on(what, reached)? {
                return Ok(reached);
            }
            let range = Range { from: reached.0, to: to.0.saturating_add(1) };
            let page = Page { range, order: Order::OldestFirst, limit: ROWS, after, stream: None };
            let found = snapshot.search(query, tenant, &page, &budget).map_err(read_error)?;
            self.done.records += found.rows.len() as u64;
            let rows: Vec<Record> = found.rows.into_iter().map(|Row { record, seq: _ }| record).collect();
            let encoded = encode_records(reached, &rows);
            if let Some(batch) = Batch::decode(&encoded) {
                for raw in batch.records() {
                    let Some(stream) = batch.streams.get(raw.stream as usize) else { continue };
                    show(self, &raw.view(stream, 0));
                }
            }
            reached = rows.last().map_or(reached, |record| record.timestamp);
            match found.partial {
                None => {}
                Some(Partial::Damage) => self.cut(format!("some {what} can't be read: they are damaged")),
                // What was left out may be anywhere in the page: it is the last one.
                Some(Partial::Deadline | Partial::Memory) => {
                    self.cut(format!("a limit of time or memory was met: {what} end at {reached}"));
                    return Ok(reached);
                }
            }
            if self.done.records > REPLAY_RECORDS_MAX {
                self.cut(format!("there are more than {REPLAY_RECORDS_MAX} records: {what} end at {reached}"));
                return Ok(reached);
            }
            match found.next {
                Some(next) => after = Some(next),
                None => return Ok(to),
            }
        }
    }
}

/// How long before the range a rule is to look, to know how it stands.
fn lead(rule: &LogRule) -> Duration {
    let window = match &rule.when {
        LogWhen::Any => Duration::ZERO,
        LogWhen::Frequency { window, .. } | LogWhen::Flatline { window, .. } => *window,
        LogWhen::NewTerm { known_for, learn, .. } => (*known_for).max(*learn),
    };
    window + rule.clear_after
}

fn read_error(error: orszem_logs::Error) -> ReplayError {
    match error {
        orszem_logs::Error::Cancelled => ReplayError::Cancelled,
        error => ReplayError::Records(error),
    }
}
