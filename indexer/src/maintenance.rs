//! The threads that keep the store in shape: write-out, rewrites, retention.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use orszem_model::Timestamp;

use crate::due::{SealClock, ended_by, is_flush_due};
use crate::error::{Error, chain};
use crate::retention::{Decision, Disk, EvictionReason, Pressure, decide};
use crate::shared::Shared;
use crate::wake::OwnedThread;

/// How often the age of unwritten records is looked at.
const FLUSH_TICK: Duration = Duration::from_secs(1);
/// How often merges and days to seal are looked for when nothing was written out.
const REWRITE_TICK: Duration = Duration::from_secs(30);
/// How often free space and expiry are looked at.
const RETENTION_TICK: Duration = Duration::from_secs(5);
/// How long to wait after a failure, which most often is a full disk.
const AFTER_FAILURE: Duration = Duration::from_secs(5);

/// Starts all of them.
pub(crate) fn start(shared: &Arc<Shared>) -> Result<Vec<OwnedThread>, Error> {
    let thread = |name, body: fn(&Shared)| {
        let shared = Arc::clone(shared);
        OwnedThread::start(name, move || body(&shared))
    };
    Ok(vec![
        thread("logs-flush", keep_flushed)?,
        thread("logs-rewrite", keep_merged)?,
        thread("logs-retention", keep_within_limits)?,
    ])
}

/// Ends their waits; each ends after what it is doing.
pub(crate) fn stop(shared: &Shared) {
    let wakes = &shared.wakes;
    for wake in [&wakes.flush, &wakes.rewrite, &wakes.retention] {
        wake.stop();
    }
}

/// The wall clock.
pub(crate) fn now() -> Timestamp {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since_epoch.as_nanos()).unwrap_or(i64::MAX))
}

fn keep_flushed(shared: &Shared) {
    let mut unflushed_since = None;
    while shared.wakes.flush.wait(FLUSH_TICK) {
        let result = if shared.store.applied() == shared.store.flushed() {
            unflushed_since = None;
            shared.trim()
        } else {
            let age = unflushed_since.get_or_insert_with(Instant::now).elapsed();
            if shared.store.wants_flush() || is_flush_due(shared.store.sizes().memtable_bytes, age) {
                unflushed_since = None;
                flush(shared)
            } else {
                shared.trim()
            }
        };
        if let Err(error) = result {
            shared.metrics.counted.failed("flush");
            tracing::error!(error = %chain(&error), "writing records out failed; they stay in memory and in the journal");
            shared.wakes.flush.pause(AFTER_FAILURE);
        }
    }
}

fn flush(shared: &Shared) -> Result<(), Error> {
    shared.flush()?;
    shared.door.tell_room();
    shared.wakes.rewrite.call();
    Ok(())
}

fn keep_merged(shared: &Shared) {
    let mut clock = SealClock::default();
    while shared.wakes.rewrite.wait(REWRITE_TICK) {
        let ended_by = ended_by(now(), shared.options.seal_after.duration());
        let result = shared.merge().and_then(|()| {
            let is_due = clock.is_due(&shared.store.segments(), ended_by, Instant::now());
            if is_due { shared.seal(ended_by) } else { Ok(()) }
        });
        if let Err(error) = result {
            shared.metrics.counted.failed("rewrite");
            tracing::error!(error = %chain(&error), "merging or sealing segments failed; they are served as they are");
            shared.wakes.rewrite.pause(AFTER_FAILURE);
        }
    }
}

fn keep_within_limits(shared: &Shared) {
    let mut told = Pressure::None;
    loop {
        match shared.retain(now()) {
            Ok(pressure) => tell(&mut told, pressure),
            Err(error) => {
                shared.metrics.counted.failed("retention");
                tracing::error!(error = %chain(&error), "expired segments could not be removed");
            }
        }
        if !shared.wakes.retention.wait(RETENTION_TICK) {
            return;
        }
    }
}

/// Logs changes only.
fn tell(told: &mut Pressure, pressure: Pressure) {
    if *told != pressure {
        match pressure {
            Pressure::None => tracing::info!("there is enough free space again"),
            Pressure::Low => {
                tracing::warn!("free space is low; the oldest segments are removed when it falls below logs.min_free")
            }
            Pressure::Full => {
                tracing::error!("the disk is nearly full and nothing more may be removed: no records are taken in")
            }
        }
        *told = pressure;
    }
}

impl Shared {
    /// Does all merges that are due, until a stop.
    pub(crate) fn merge(&self) -> Result<(), Error> {
        while !self.wakes.rewrite.is_stopped() {
            let begun = Instant::now();
            if !self.store.merge_due().map_err(|source| Error::Rewrite { source })? {
                break;
            }
            self.metrics.merge_seconds.observe(begun.elapsed().as_secs_f64());
        }
        Ok(())
    }

    /// Seals the days before `ended_by`, until a stop.
    pub(crate) fn seal(&self, ended_by: i64) -> Result<(), Error> {
        while !self.wakes.rewrite.is_stopped() {
            let begun = Instant::now();
            if !self.store.seal_due(ended_by).map_err(|source| Error::Rewrite { source })? {
                break;
            }
            self.metrics.seal_seconds.observe(begun.elapsed().as_secs_f64());
        }
        Ok(())
    }

    /// Removes what has expired at `now`, and opens or closes the door as the free space says.
    pub(crate) fn retain(&self, now: Timestamp) -> Result<Pressure, Error> {
        let disk = self.disk()?;
        let options = &self.options;
        let segments = self.store.segments();
        let Decision { evictions, pressure } =
            decide(&segments, &options.retention, disk, options.min_free.bytes(), now);
        self.door.set_disk_full(pressure == Pressure::Full);
        if evictions.is_empty() {
            return Ok(pressure);
        }
        let ids: Vec<i64> = evictions.iter().map(|(id, _)| *id).collect();
        self.store.drop_segments(&ids).map_err(|source| Error::Evict { source })?;
        for reason in [EvictionReason::Age, EvictionReason::Bytes, EvictionReason::Disk] {
            let is_gone = |id: i64| evictions.contains(&(id, reason));
            let rows: u64 = segments.iter().filter(|segment| is_gone(segment.id)).map(|segment| segment.rows).sum();
            if rows > 0 {
                self.metrics.evicted(reason, rows);
                tracing::info!(reason = reason.name(), records = rows, "expired segments were removed");
            }
        }
        Ok(pressure)
    }

    fn disk(&self) -> Result<Disk, Error> {
        let stats = fs4::statvfs(&self.data_dir);
        let stats = stats.map_err(|source| Error::FreeSpace { path: self.data_dir.clone(), source })?;
        Ok(Disk { capacity: stats.total_space(), available: stats.available_space() })
    }
}
