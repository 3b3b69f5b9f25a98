//! From a configuration to what runs: all that can fail, before anything is changed.

use std::time::Duration;

use orszem_transform::{StreamRelabel, Transform};
use xxhash_rust::xxh3::xxh3_64;

use crate::encode::BatchEncoder;
use crate::pipeline::{Group, Prepared, SourcesConfig, Stage, Streams};
use crate::source::files::{FileGroup, FileOptions, ROTATED_MAX};
use crate::source::journald;
use crate::throttle::{Caps, Throttle};
use crate::{CollectorConfig, CollectorError, FileConfig, JournalMode, Zone, clock};

/// zstd's level: beyond it little is gained on batches of this size and much time is spent.
pub(crate) const COMPRESSION_LEVEL: i32 = 1;
/// A line beyond this is taken in pieces of this size.
const LINE_BYTES_MAX: usize = 1_000_000;
/// How long a record's next line is waited for, unless configured.
const RECORD_WAIT: Duration = Duration::from_secs(1);

/// Everything of a configuration that the reading thread needs. `host` stands in where it names none.
pub(crate) fn prepare(config: &CollectorConfig, host: &str) -> Result<Prepared, CollectorError> {
    let wrong = config.validate();
    if !wrong.is_empty() {
        return Err(CollectorError::Config(wrong));
    }
    let mut configured = config.groups();
    configured.push(FileConfig {
        include: config.include.clone(),
        exclude: config.exclude.clone(),
        ..FileConfig::default()
    });
    let groups = configured.iter().map(|group| FileGroup {
        include: group.include.clone(),
        exclude: group.exclude.clone(),
        recogniser: group.recogniser().unwrap_or_default(),
        record_wait: group.multiline.as_ref().map_or(RECORD_WAIT, |multiline| multiline.timeout.duration()),
    });
    let files = FileOptions {
        groups: groups.collect(),
        depth_max: config.depth_max,
        from: config.from,
        first_read_bytes_max: config.first_read_bytes_max,
        files_max: config.files_max,
        rotated_max: ROTATED_MAX,
        rotate_wait: config.rotate_wait.duration(),
        line_bytes_max: LINE_BYTES_MAX,
    };
    let journal = match config.journal {
        JournalMode::Auto => journald::look(config.journal_directory.as_deref()),
        JournalMode::Off => None,
    };
    let reads_journal = matches!(journal, Some(Ok(())));
    let stage = stage(config, host, clock::local_zone())?;
    let sources = SourcesConfig {
        files,
        groups: configured.iter().map(Group::of).collect(),
        exec: config.exec.clone(),
        cluster: (config.cluster.clone(), stage.host().to_owned()),
        journal: reads_journal.then(|| (config.journal_directory.clone(), config.from)),
        journal_problem: journal.and_then(Result::err),
    };
    Ok(Prepared { stage, sources })
}

/// What records go through.
pub(crate) fn stage(config: &CollectorConfig, host: &str, zone: Zone) -> Result<Stage, CollectorError> {
    let host = if config.host.is_empty() { host } else { config.host.as_str() };
    let transform = config.transform();
    let relabel = StreamRelabel::new(&transform.relabel).map_err(CollectorError::Config)?;
    let streams = Streams::new(config.labels.clone(), relabel);
    let transform = Transform::new(&transform).map_err(CollectorError::Config)?;
    let encoder = BatchEncoder::new(COMPRESSION_LEVEL).map_err(CollectorError::Compressor)?;
    Ok(Stage::new(host.to_owned(), zone, streams, transform, encoder))
}

/// The share of processor and memory.
pub(crate) fn throttle(config: &CollectorConfig) -> Throttle {
    Throttle::new(Caps { cpu_percent: config.cpu_max_percent, memory_bytes: config.memory_max.bytes() })
}

/// Tells configurations apart.
pub(crate) fn hash(config: &CollectorConfig) -> String {
    // Every part of a configuration can be written as JSON; if not, all such ones look the same.
    let text = serde_json::to_vec(config).unwrap_or_default();
    format!("{:016x}", xxh3_64(&text))
}
