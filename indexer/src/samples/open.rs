//! Opening: the series store, its journal, and the replay of what is not in files yet.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use orszem_journal::{Damage, Deduplicator, LocalJournal, TornTail, Verdict};
use orszem_series::{OpenReport, SeriesStore};

use super::options::SamplesOptions;
use super::shared::{Opened, Shared};
use crate::error::{Error, chain};
use crate::open::create_durably;

/// The size of a journal segment, and so about what the journal takes up beyond the samples it is needed for.
const JOURNAL_SEGMENT_BYTES: u64 = if cfg!(test) { 32 << 10 } else { 32 << 20 };

/// What opening found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SamplesReport {
    /// What the store found; files that don't open are set aside and no longer served.
    pub store: OpenReport,
    /// Damaged ranges of the journal, and its small files that were damaged.
    pub damaged: Vec<Damage>,
    /// How many more damaged ranges there are.
    pub damaged_more: u64,
    /// A write that was cut short when the journal last stopped; it was never acknowledged.
    pub torn: Option<TornTail>,
    /// Submissions read back from the journal.
    pub replayed_groups: u64,
    /// Samples of theirs that were not in files yet.
    pub replayed_samples: u64,
    /// Submissions among them that were repeats.
    pub repeats: u64,
    pub took: Duration,
}

/// Where the series store is.
pub(super) fn store_dir(data_dir: &Path) -> PathBuf {
    data_dir.join("series")
}

/// Where the journal of metrics is.
pub(super) fn journal_dir(data_dir: &Path) -> PathBuf {
    data_dir.join("journal").join("series")
}

/// Opens everything in `data_dir` and replays the journal.
pub(super) fn open(data_dir: &Path, options: SamplesOptions) -> Result<(Shared, SamplesReport), Error> {
    let begun = Instant::now();
    if let Some(wrong) = options.validate().into_iter().next() {
        return Err(wrong.into());
    }
    let (store_dir, journal_dir) = (store_dir(data_dir), journal_dir(data_dir));
    create_durably(data_dir, &[&store_dir, &journal_dir])?;
    let mut report = SamplesReport::default();

    // The store's lock is taken first; it covers the journal too.
    let opened = SeriesStore::open(&store_dir, options.store());
    let (store, found) = opened.map_err(|source| Error::OpenSeries { path: store_dir, source })?;
    report.store = found;
    let failed = |source| Error::OpenJournal { path: journal_dir.clone(), source };
    let (deduplicator, damage) = Deduplicator::load(&journal_dir).map_err(failed)?;
    report.damaged.extend(damage);
    let end_at_least = store.flushed().max(deduplicator.position());
    let journal_options = orszem_journal::Options { segment_bytes: JOURNAL_SEGMENT_BYTES, end_at_least };
    let (journal, recovery) = LocalJournal::open(&journal_dir, journal_options).map_err(failed)?;
    report.damaged.extend(recovery.damaged);
    report.damaged_more = recovery.damaged_more;
    report.torn = recovery.torn;

    let from = store.flushed().min(deduplicator.position());
    let data_dir = data_dir.to_owned();
    let shared = Shared::new(Opened { options, data_dir, journal_dir, store, journal, deduplicator });
    replay(&shared, from, &mut report)?;
    shared.metrics.set_aside(report.store.set_aside.len() as u64 + report.damaged.len() as u64 + report.damaged_more);
    report.took = begun.elapsed();
    Ok((shared, report))
}

/// Applies what the journal holds from `from` on, writing out whenever memory is full.
fn replay(shared: &Shared, from: u64, report: &mut SamplesReport) -> Result<(), Error> {
    for group in shared.journal.read_from(from) {
        let group = match group {
            Ok(group) => group,
            Err(orszem_journal::Error::Damaged(damage)) => {
                report.damaged.push(damage);
                continue;
            }
            Err(source) => return Err(Error::Replay { source }),
        };
        let outcome = shared.replay(group);
        report.replayed_groups += 1;
        report.replayed_samples += outcome.samples;
        report.repeats += u64::from(matches!(outcome.verdict, Verdict::Duplicate(_)));
        if shared.store.wants_flush()
            && let Err(error) = shared.flush()
        {
            // What is not written out was held in memory before, too, so there is room for it.
            tracing::error!(error = %chain(&error), "writing samples out failed during replay");
        }
    }
    shared.metrics.replayed(report.replayed_samples);
    Ok(())
}
