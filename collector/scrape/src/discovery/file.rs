//! `file_sd_configs`: targets in files that other programs write.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::group::WrittenGroup;
use super::{Group, Teller, pause};
use crate::config::{FileSdConfig, PromDuration};
use crate::wildcard;

const REFRESH: PromDuration = PromDuration::secs(300);
/// Files are looked at no less often than this.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// A longer file is not read.
const FILE_BYTES_MAX: u64 = 64 << 20;

/// Why a file's targets can't be used.
#[derive(Debug, thiserror::Error)]
enum FileError {
    #[error("can't be read: {0}")]
    Read(#[from] std::io::Error),
    #[error("is longer than 64 MiB")]
    TooLong,
    #[error("{0}")]
    Json(#[from] serde_json::Error),
    #[error("{0}")]
    Yaml(#[from] orszem_yaml::YamlError),
}

/// Looks again and again; tells when something changed.
pub(super) async fn watch(config: FileSdConfig, mut teller: Teller) {
    let refresh = config.refresh_interval.unwrap_or(REFRESH).duration();
    let mut known: BTreeMap<PathBuf, Vec<Group>> = BTreeMap::new();
    loop {
        let patterns = config.files.clone();
        let looked = tokio::task::spawn_blocking(move || look(&patterns)).await.unwrap_or_default();
        let mut found = BTreeMap::new();
        let mut has_failed = false;
        for (path, groups) in looked {
            match groups {
                Ok(groups) => {
                    found.insert(path, groups);
                }
                Err(error) => {
                    has_failed = true;
                    teller.failed(&path.display().to_string(), &error.to_string());
                    if let Some(groups) = known.remove(&path) {
                        found.insert(path, groups);
                    }
                }
            }
        }
        if !has_failed {
            teller.succeeded();
        }
        teller.found(found.values().flatten().cloned().collect()).await;
        known = found;
        pause(refresh.min(LOOK_EVERY)).await;
    }
}

fn look(patterns: &[PathBuf]) -> BTreeMap<PathBuf, Result<Vec<Group>, FileError>> {
    let paths = patterns.iter().flat_map(|pattern| wildcard::expand(pattern));
    paths.map(|path| (path.clone(), read(&path))).collect()
}

fn read(path: &Path) -> Result<Vec<Group>, FileError> {
    if fs::metadata(path)?.len() > FILE_BYTES_MAX {
        return Err(FileError::TooLong);
    }
    let text = fs::read_to_string(path)?;
    let is_json = path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("json"));
    let written: Vec<WrittenGroup> = if is_json { serde_json::from_str(&text)? } else { orszem_yaml::from_str(&text)? };
    let place = path.display().to_string();
    Ok(written.into_iter().map(|group| Group::from(group).with("__meta_filepath", &place)).collect())
}
