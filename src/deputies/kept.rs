//! `deputy/deputy.state` in the state directory, version 1: a sealed JSON object that nobody but the collector may read.

use std::fs;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use anyhow::Context;
use orszem_durable::{Format, Quarantine};
use serde::{Deserialize, Serialize};
use tracing::error;

use super::duty::Outage;
use super::wire::{Held, Place, Setting};

const FOLDER: &str = "deputy";
const FILE_NAME: &str = "deputy.state";
const FORMAT: Format = Format { magic: *b"ORSZDEPU", version: 1 };

/// All that is kept. It holds secrets, so it is never shown.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Kept {
    /// Of the setting; empty without one.
    pub(super) revision: String,
    pub(super) setting: Option<Setting>,
    pub(super) place: Place,
    pub(super) outages: Vec<Outage>,
}

/// The folder of it, and of the files that channels read.
pub(super) fn folder(state_dir: &Path) -> PathBuf {
    state_dir.join(FOLDER)
}

/// What was kept; nothing if nothing was, or if it is damaged and now set aside, which is logged.
pub(super) fn load(state_dir: &Path) -> anyhow::Result<Kept> {
    let path = folder(state_dir).join(FILE_NAME);
    let failed = || format!("can't read {}", path.display());
    let bytes = match fs::read(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Kept::default()),
        bytes => bytes.with_context(failed)?,
    };
    let read = FORMAT.unseal(&bytes).ok().and_then(|body| serde_json::from_slice(body).ok());
    if let Some(kept) = read {
        return Ok(kept);
    }
    let aside = Quarantine::of(state_dir).move_in(&path).with_context(failed)?;
    error!(path = %aside.display(), "what the server handed out for its outage is damaged or of another version");
    Ok(Kept::default())
}

/// Replaces the file durably.
pub(super) fn save(state_dir: &Path, kept: &Kept) -> anyhow::Result<()> {
    let path = made(state_dir)?.join(FILE_NAME);
    let body = serde_json::to_vec(kept).context("can't write it as JSON")?;
    orszem_durable::replace_private(&path, &FORMAT.seal(&body))
        .with_context(|| format!("can't replace {}", path.display()))
}

/// Writes the files that channels read, and removes those of an earlier setting.
pub(super) fn write_files(state_dir: &Path, files: &[Held<'_>]) -> anyhow::Result<()> {
    let folder = made(state_dir)?;
    for (path, held) in files {
        orszem_durable::replace_private(path, held.as_bytes())
            .with_context(|| format!("can't write {}", path.display()))?;
    }
    let failed = || format!("can't tidy {}", folder.display());
    for entry in fs::read_dir(&folder).with_context(failed)? {
        let path = entry.with_context(failed)?.path();
        let is_of_state = path.file_stem() == Path::new(FILE_NAME).file_stem();
        if !is_of_state && !files.iter().any(|(kept, _)| *kept == path) {
            fs::remove_file(&path).with_context(failed)?;
        }
    }
    Ok(())
}

fn made(state_dir: &Path) -> anyhow::Result<PathBuf> {
    let folder = folder(state_dir);
    match fs::DirBuilder::new().mode(0o700).create(&folder) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
            Err(error).with_context(|| format!("can't make {}", folder.display()))
        }
        _ => Ok(folder),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    /// What version 1 wrote.
    const VERSION_1: &str = r#"{"revision":"r-1","setting":{"notify":{"origin":"a"},"files":{"/etc/p":"hunter2"}},"place":{"outage":7,"rank":1,"peers":["10.0.0.1:7451"]},"outages":[{"number":6,"since_ms":1,"ended_ms":2,"records":3,"told":[{"address":{"channel":"mail","to":"a@b.hu"},"state":"owed"}]}]}"#;

    #[test]
    fn what_is_kept_is_private_and_comes_back_and_what_is_damaged_is_set_aside() {
        let directory = tempfile::tempdir().expect("a directory");
        let state_dir = directory.path();
        assert!(load(state_dir).expect("nothing there") == Kept::default());
        let kept: Kept = serde_json::from_str(VERSION_1).expect("version 1 is read for ever");
        save(state_dir, &kept).expect("saves");
        assert!(load(state_dir).expect("loads") == kept);
        let path = folder(state_dir).join(FILE_NAME);
        let mode = |path: &Path| fs::metadata(path).expect("is there").permissions().mode() & 0o777;
        assert_eq!((mode(&folder(state_dir)), mode(&path)), (0o700, 0o600));
        let mut bytes = fs::read(&path).expect("reads");
        assert_eq!(FORMAT.unseal(&bytes), Ok(VERSION_1.as_bytes()));
        bytes[20] ^= 1;
        fs::write(&path, bytes).expect("writes");
        assert!(load(state_dir).expect("set aside") == Kept::default());
        assert!(!path.is_file());
    }

    #[test]
    fn the_files_of_channels_are_private_and_those_of_before_go() {
        let directory = tempfile::tempdir().expect("a directory");
        let state_dir = directory.path();
        save(state_dir, &Kept::default()).expect("saves");
        let file = |number: usize| folder(state_dir).join(format!("file-{number}"));
        write_files(state_dir, &[(file(0), "one"), (file(1), "two")]).expect("writes");
        let mode = fs::metadata(file(1)).expect("is there").permissions().mode();
        assert_eq!((fs::read_to_string(file(1)).expect("reads").as_str(), mode & 0o777), ("two", 0o600));
        write_files(state_dir, &[(file(0), "three")]).expect("writes");
        assert_eq!((fs::read_to_string(file(0)).expect("reads").as_str(), file(1).is_file()), ("three", false));
        assert!(folder(state_dir).join(FILE_NAME).is_file());
    }
}
