//! Opening: the store, the journal and what belongs to it, and the replay of what is not in segments yet.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use orszem_journal::{Cursors, Damage, Deduplicator, LocalJournal, TornTail, Verdict};
use orszem_logs::{LogStore, Quarantined};

use crate::backup;
use crate::error::{Error, chain};
use crate::options::IndexerOptions;
use crate::shared::{Opened, Shared};
use crate::topology;

/// The size of a journal segment, and so about what the journal takes up beyond the records it is needed for.
const JOURNAL_SEGMENT_BYTES: u64 = if cfg!(test) { 32 << 10 } else { 32 << 20 };

/// What opening found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OpenReport {
    /// Segments that don't open; their records are no longer served.
    pub quarantined: Vec<Quarantined>,
    /// Damaged ranges of the journal, and its small files that were damaged.
    pub damaged: Vec<Damage>,
    /// How many more damaged ranges there are.
    pub damaged_more: u64,
    /// A write that was cut short when the journal last stopped; it was never acknowledged.
    pub torn: Option<TornTail>,
    /// Submissions read back from the journal.
    pub replayed_groups: u64,
    /// Records of theirs that were not in segments yet.
    pub replayed_records: u64,
    /// Submissions among them that were repeats.
    pub repeats: u64,
    pub took: Duration,
}

/// Where the log store is.
pub(crate) fn store_dir(data_dir: &Path) -> PathBuf {
    data_dir.join("logs")
}

/// Where the journal of logs is.
pub(crate) fn journal_dir(data_dir: &Path) -> PathBuf {
    data_dir.join("journal").join("logs")
}

/// Opens everything in `data_dir` and replays the journal.
pub(crate) fn open(data_dir: &Path, options: IndexerOptions) -> Result<(Shared, OpenReport), Error> {
    let begun = Instant::now();
    if let Some(wrong) = options.validate().into_iter().next() {
        return Err(wrong.into());
    }
    backup::refuse_unfinished_restore(data_dir)?;
    let (store_dir, journal_dir) = (store_dir(data_dir), journal_dir(data_dir));
    let topology_dir = topology::directory(data_dir);
    create_durably(data_dir, &[&store_dir, &journal_dir, &topology_dir])?;
    let mut report = OpenReport::default();

    // The store's lock is taken first; it covers the journal too.
    let opened = LogStore::open(&store_dir, store_options(&options));
    let (store, quarantined) = opened.map_err(|source| Error::OpenStore { path: store_dir, source })?;
    report.quarantined = quarantined;
    let topology = topology::Store::open(&topology_dir)?;
    let failed = |source| Error::OpenJournal { path: journal_dir.clone(), source };
    let (cursors, damage) = Cursors::open(&journal_dir).map_err(failed)?;
    report.damaged.extend(damage);
    let (deduplicator, damage) = Deduplicator::load(&journal_dir).map_err(failed)?;
    report.damaged.extend(damage);
    let furthest = cursors.iter().map(|(_, position)| position).max().unwrap_or(0);
    let end_at_least = store.flushed().max(furthest).max(deduplicator.position()).max(topology.position()?);
    let journal_options = orszem_journal::Options { segment_bytes: JOURNAL_SEGMENT_BYTES, end_at_least };
    let (journal, recovery) = LocalJournal::open(&journal_dir, journal_options).map_err(failed)?;
    report.damaged.extend(recovery.damaged);
    report.damaged_more = recovery.damaged_more;
    report.torn = recovery.torn;

    let from = store.flushed().min(deduplicator.position()).min(cursors.min().unwrap_or(u64::MAX));
    let data_dir = data_dir.to_owned();
    let shared =
        Shared::new(Opened { options, data_dir, journal_dir, store, topology, journal, deduplicator, cursors });
    replay(&shared, from, &mut report)?;
    shared.collectors.go_live();
    shared.metrics.quarantined.inc_by((report.quarantined.len() + report.damaged.len()) as u64 + report.damaged_more);
    report.took = begun.elapsed();
    Ok((shared, report))
}

fn store_options(options: &IndexerOptions) -> orszem_logs::Options {
    let IndexerOptions { memtable, merge_segments, merge_max, seal_after: _, min_free: _, retention: _ } = options;
    orszem_logs::Options {
        memtable_bytes: usize::try_from(memtable.bytes()).unwrap_or(usize::MAX / 4),
        merge_segments: *merge_segments,
        merge_bytes_max: merge_max.bytes(),
    }
}

/// Applies what the journal holds from `from` on, writing out whenever memory is full.
fn replay(shared: &Shared, from: u64, report: &mut OpenReport) -> Result<(), Error> {
    for group in shared.journal.read_from(from) {
        let group = match group {
            Ok(group) => group,
            Err(orszem_journal::Error::Damaged(damage)) => {
                report.damaged.push(damage);
                continue;
            }
            Err(source) => return Err(Error::Replay { source }),
        };
        let outcome = shared.apply(group);
        report.replayed_groups += 1;
        report.replayed_records += outcome.records;
        report.repeats += u64::from(matches!(outcome.verdict, Verdict::Duplicate(_)));
        if shared.store.wants_flush()
            && let Err(error) = shared.flush()
        {
            // What is not written out was held in memory before, too, so there is room for it.
            tracing::error!(error = %chain(&error), "writing records out failed during replay");
        }
    }
    shared.metrics.replayed.inc_by(report.replayed_records);
    Ok(())
}

/// Creates directories and makes their names durable, up to and with that of `data_dir`.
pub(crate) fn create_durably(data_dir: &Path, directories: &[&Path]) -> Result<(), Error> {
    for directory in directories {
        let failed = |source| Error::CreateDirectory { path: (*directory).to_owned(), source };
        if directory.try_exists().map_err(failed)? {
            continue;
        }
        fs::create_dir_all(directory).map_err(failed)?;
        let above =
            directory.ancestors().skip(1).take_while(|path| path.starts_with(data_dir)).chain(data_dir.parent());
        for path in above.filter(|path| !path.as_os_str().is_empty()) {
            File::open(path).and_then(|directory| directory.sync_all()).map_err(failed)?;
        }
    }
    Ok(())
}
