//! `heartbeats.state` in the data directory, version 1: a sealed JSON object.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::Context;
use orszem_durable::{Format, Quarantine};
use orszem_probe::Heartbeat;
use serde::{Deserialize, Serialize};
use tracing::error;

const FILE_NAME: &str = "heartbeats.state";
const FORMAT: Format = Format { magic: *b"ORSZBEAT", version: 1 };

/// All that is kept.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Saved {
    /// When somebody last listened, in milliseconds since 1970.
    pub(super) seen: i64,
    pub(super) heartbeats: BTreeMap<String, Heartbeat>,
}

pub(super) fn path(data_dir: &Path) -> PathBuf {
    data_dir.join(FILE_NAME)
}

/// What was saved; nothing if nothing was, or if it is damaged and now set aside, which is logged.
pub(super) fn load(data_dir: &Path) -> anyhow::Result<Saved> {
    let path = path(data_dir);
    let failed = || format!("can't read {}", path.display());
    let bytes = match fs::read(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Saved::default()),
        bytes => bytes.with_context(failed)?,
    };
    let read = FORMAT.unseal(&bytes).ok().and_then(|body| serde_json::from_slice(body).ok());
    if let Some(saved) = read {
        return Ok(saved);
    }
    let kept = Quarantine::of(data_dir).move_in(&path).with_context(failed)?;
    error!(path = %kept.display(), "the state of heartbeats is damaged or of another version; they begin anew");
    Ok(Saved::default())
}

/// Replaces the file durably.
pub(super) fn save(path: &Path, saved: &Saved) -> anyhow::Result<()> {
    let body = serde_json::to_vec(saved).context("can't write heartbeats as JSON")?;
    orszem_durable::replace(path, &FORMAT.seal(&body)).with_context(|| format!("can't replace {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_saved_is_loaded_and_what_is_damaged_set_aside() {
        let directory = tempfile::tempdir().expect("a directory");
        assert_eq!(load(directory.path()).expect("nothing there"), Saved::default());
        let heartbeat = Heartbeat { since: 1, succeeded: Some(2), failed: None, started: Some(3), took: Some(4) };
        let saved = Saved { seen: 5, heartbeats: BTreeMap::from([("backup".to_owned(), heartbeat)]) };
        save(&path(directory.path()), &saved).expect("saves");
        let mut bytes = fs::read(path(directory.path())).expect("reads");
        let body =
            br#"{"seen":5,"heartbeats":{"backup":{"since":1,"succeeded":2,"failed":null,"started":3,"took":4}}}"#;
        assert_eq!(FORMAT.unseal(&bytes), Ok(body.as_slice()), "version 1 is read for ever");
        assert_eq!(load(directory.path()).expect("loads"), saved);
        bytes[20] ^= 1;
        fs::write(path(directory.path()), bytes).expect("writes");
        assert_eq!(load(directory.path()).expect("set aside"), Saved::default());
        assert!(!path(directory.path()).is_file());
    }
}
