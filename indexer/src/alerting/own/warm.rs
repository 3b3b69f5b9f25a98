//! Shows thresholds what the store has of the time before, so that they know how it stands.

use std::time::Duration;

use orszem_model::{Columns, Labels, Matcher, Timestamp};
use orszem_promql::{Select, Source, SourceError};
use orszem_rules::own::Thresholds;

use crate::samples::TenantSource;

/// Samples are read for so much time at once, so that memory does not follow the range.
const STEP_MS: i64 = 15 * 60_000;
/// Before the range of a rule: so that a series that pauses is there.
const LOOKBACK: Duration = Duration::from_secs(300);
/// Samples may come so much later than their time.
const OVERLAP: Duration = Duration::from_secs(60);
/// Nothing older is looked at.
const BACK_MAX: Duration = Duration::from_secs(7 * 86_400);

/// Matchers, and from when on in milliseconds since 1970.
type Reads = Vec<(Vec<Matcher>, i64)>;

/// Reads what came between two moments that are close to each other.
pub(super) fn catch_up(
    thresholds: &mut Thresholds,
    source: &TenantSource,
    since: Timestamp,
    now: Timestamp,
) -> Result<(), SourceError> {
    let from = since.before(OVERLAP).0.div_euclid(1_000_000);
    let reads: Reads = thresholds.reads().into_iter().map(|(matchers, _)| (matchers, from)).collect();
    read(thresholds, source, &reads, now)
}

/// Reads from `since`, or from where rules look back to where that is longer, to `now`.
pub(super) fn warm(
    thresholds: &mut Thresholds,
    source: &TenantSource,
    since: Option<Timestamp>,
    now: Timestamp,
) -> Result<(), SourceError> {
    let reads: Reads = thresholds
        .reads()
        .into_iter()
        .map(|(matchers, back)| {
            let own = now.before(back + LOOKBACK);
            let from = since.map_or(own, |since| own.min(since)).max(now.before(BACK_MAX));
            (matchers, from.0.div_euclid(1_000_000))
        })
        .collect();
    read(thresholds, source, &reads, now)
}

fn read(
    thresholds: &mut Thresholds,
    source: &TenantSource,
    reads: &[(Vec<Matcher>, i64)],
    now: Timestamp,
) -> Result<(), SourceError> {
    let now_ms = now.0.div_euclid(1_000_000);
    let Some(mut start) = reads.iter().map(|(_, from)| *from).min() else { return Ok(()) };
    while start < now_ms {
        let end = (start + STEP_MS).min(now_ms);
        let mut samples: Vec<(i64, Labels, f64)> = Vec::new();
        for (matchers, _) in reads.iter().filter(|(_, from)| *from < end) {
            let selection = source.select(&Select { matchers, start, end })?;
            let mut reader = selection.reader();
            let mut columns = Columns::default();
            for at in 0..selection.len() {
                columns.clear();
                reader.read(at, &mut columns)?;
                if columns.times.is_empty() {
                    continue;
                }
                let labels = reader.labels(at)?;
                let found =
                    columns.times.iter().zip(&columns.values).filter(|(time, _)| (start + 1..=end).contains(*time));
                samples.extend(found.map(|(time, value)| (*time, labels.clone(), *value)));
            }
        }
        samples.sort_by_key(|(time, ..)| *time);
        for (time, labels, value) in samples {
            thresholds.history(&labels, time, value, now);
        }
        start = end;
    }
    Ok(())
}
