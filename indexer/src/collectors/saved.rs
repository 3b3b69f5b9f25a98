//! `collectors.json` in the data directory, version 1: what is known of collectors beyond a restart.
//!
//! It is replaced before the journal is trimmed, and names the position up to which it holds what the journal has, so
//! that replay goes on exactly there: no canary is counted twice or missed because the server was restarted.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;

use orszem_model::Timestamp;
use serde::{Deserialize, Serialize};

use super::canary::Told;
use super::registry::Known;
use super::track::{Track, Tracks};
use crate::error::{Error, chain};

/// The file's name in the data directory.
pub(crate) const FILE_NAME: &str = "collectors.json";
const VERSION: u32 = 1;

#[derive(Serialize, Deserialize)]
struct Saved {
    version: u32,
    position: u64,
    collectors: Vec<SavedCollector>,
}

/// Times are nanoseconds since 1970.
#[derive(Serialize, Deserialize)]
struct SavedCollector {
    tenant: u32,
    host: String,
    last_canary: Option<i64>,
    last_request: Option<i64>,
    epochs: Vec<(u64, u64)>,
    epoch_changes: u64,
    gaps: u64,
    duplicates: u64,
    lost_at: Option<i64>,
    rejected: BTreeMap<String, u64>,
    rejected_at: Option<i64>,
    told: SavedTold,
}

#[derive(Serialize, Deserialize)]
struct SavedTold {
    version: String,
    config_hash: String,
    os: String,
    user: String,
    started: i64,
    files: u64,
    files_unreadable: u64,
    lag_bytes: u64,
    queue_bytes: u64,
    queue_batches: u64,
    dropped: u64,
    gaps: u64,
    rejected: u64,
    problems: Vec<String>,
}

/// The position and the collectors that were saved. What can't be read is logged and begun anew.
pub(super) fn load(data_dir: &Path) -> (u64, Tracks) {
    let path = data_dir.join(FILE_NAME);
    let bytes = match fs::read(&path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Default::default(),
        Err(error) => {
            tracing::warn!(path = %path.display(), %error, "what was known of collectors can't be read; it is learned anew");
            return Default::default();
        }
    };
    match decode(&bytes) {
        Ok(known) => known,
        Err(error) => {
            tracing::warn!(path = %path.display(), error = %chain(&error), "what was known of collectors can't be read; it is learned anew");
            Default::default()
        }
    }
}

/// Why the file can't be used.
#[derive(Debug, thiserror::Error)]
pub(super) enum DecodeError {
    #[error("it is not the JSON that this build writes")]
    Json(#[from] serde_json::Error),
    #[error("it has version {0}, which this build does not know")]
    Version(u32),
}

pub(super) fn decode(bytes: &[u8]) -> Result<(u64, Tracks), DecodeError> {
    let Saved { version, position, collectors } = serde_json::from_slice(bytes)?;
    if version != VERSION {
        return Err(DecodeError::Version(version));
    }
    Ok((position, collectors.into_iter().map(SavedCollector::into_track).collect()))
}

pub(super) fn encode(known: &Known) -> Vec<u8> {
    let collectors = known.tracks.iter().map(|((tenant, host), track)| SavedCollector::new(*tenant, host, track));
    let saved = Saved { version: VERSION, position: known.position, collectors: collectors.collect() };
    // Texts and whole numbers alone always make JSON.
    serde_json::to_vec(&saved).unwrap_or_else(|error| {
        tracing::error!(%error, "what is known of collectors makes no JSON");
        Vec::new()
    })
}

/// Replaces the file durably.
pub(super) fn write(data_dir: &Path, encoded: &[u8]) -> Result<(), Error> {
    let path = data_dir.join(FILE_NAME);
    orszem_durable::replace(&path, encoded).map_err(|source| Error::SaveCollectors { path, source })
}

impl SavedCollector {
    fn new(tenant: u32, host: &str, track: &Track) -> Self {
        let time = |at: Option<Timestamp>| at.map(|at| at.0);
        Self {
            tenant,
            host: host.to_owned(),
            last_canary: time(track.last_canary),
            last_request: time(track.last_request),
            epochs: track.epochs.clone(),
            epoch_changes: track.epoch_changes,
            gaps: track.gaps,
            duplicates: track.duplicates,
            lost_at: time(track.lost_at),
            rejected: track.rejected.clone(),
            rejected_at: time(track.rejected_at),
            told: SavedTold::new(&track.told),
        }
    }

    fn into_track(self) -> ((u32, String), Track) {
        let time = |at: Option<i64>| at.map(Timestamp);
        let track = Track {
            last_canary: time(self.last_canary),
            last_request: time(self.last_request),
            epochs: self.epochs,
            epoch_changes: self.epoch_changes,
            gaps: self.gaps,
            duplicates: self.duplicates,
            lost_at: time(self.lost_at),
            rejected: self.rejected,
            rejected_at: time(self.rejected_at),
            told: self.told.into_told(),
            ..Track::default()
        };
        ((self.tenant, self.host), track)
    }
}

impl SavedTold {
    fn new(told: &Told) -> Self {
        let told = told.clone();
        Self {
            version: told.version,
            config_hash: told.config_hash,
            os: told.os,
            user: told.user,
            started: told.started.0,
            files: told.files,
            files_unreadable: told.files_unreadable,
            lag_bytes: told.lag_bytes,
            queue_bytes: told.queue_bytes,
            queue_batches: told.queue_batches,
            dropped: told.dropped,
            gaps: told.gaps,
            rejected: told.rejected,
            problems: told.problems,
        }
    }

    fn into_told(self) -> Told {
        Told {
            version: self.version,
            config_hash: self.config_hash,
            os: self.os,
            user: self.user,
            started: Timestamp(self.started),
            files: self.files,
            files_unreadable: self.files_unreadable,
            lag_bytes: self.lag_bytes,
            queue_bytes: self.queue_bytes,
            queue_batches: self.queue_batches,
            dropped: self.dropped,
            gaps: self.gaps,
            rejected: self.rejected,
            problems: self.problems,
        }
    }
}
