//! The spool: a small file for each event that a cluster told of by starting `orszem event`, until the collector takes it.
//!
//! A file is there whole or not at all, and its name begins with the time, so that names sort by age. Who writes one
//! need not be the collector's user, and the collector need not run.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use orszem_cluster::drbd::handler::{Handler, HandlerError};
use orszem_cluster::pacemaker::alert::{self, AlertError};
use orszem_model::{Timestamp, prefix};
use serde::{Deserialize, Serialize};

/// Where events are left, unless another directory is named.
pub const DIRECTORY: &str = "/var/spool/orszem/events";
/// The largest file.
pub const FILE_BYTES_MAX: usize = 64 << 10;
/// The most files that wait; beyond, an event is refused.
pub const FILES_MAX: usize = 100_000;
/// The longest value of a variable; the rest of it is cut off.
const VALUE_BYTES_MAX: usize = 4 << 10;
/// What ends the names of files that are whole, and of those that are being written.
pub(crate) const WHOLE: &str = "event";
pub(crate) const PARTIAL: &str = "part";
/// The version of what is written.
const VERSION: u32 = 1;
/// Of the file beside the variables: names, numbers, punctuation.
const FRAME_BYTES: usize = 1 << 10;
/// The collector's group reads the files, too.
const MODE: u32 = 0o640;
/// Variables that Pacemaker and DRBD set.
const PREFIXES: [&str; 4] = ["CRM_alert_", "CRM_notify_", "DRBD_", "UP_TO_DATE_NODES"];

/// What a process was started with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    pub received: Timestamp,
    /// The DRBD handler's name; empty for none.
    pub helper: String,
    /// The variables of Pacemaker and DRBD; none of the others.
    pub environment: BTreeMap<String, String>,
    /// A value was cut, or a variable left out.
    pub is_shortened: bool,
}

/// What the environment says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Told {
    Pacemaker(alert::Event),
    Drbd(Handler),
}

/// Why an environment tells no event.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EventError {
    #[error("the environment of an agent of Pacemaker is not complete")]
    Pacemaker(#[source] AlertError),
    #[error("the environment of a handler of DRBD is not complete")]
    Drbd(#[source] HandlerError),
}

/// Why a file could not be written, or read back.
#[derive(Debug, thiserror::Error)]
pub enum SpoolError {
    #[error("can't list {}", path.display())]
    List {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("{} has {FILES_MAX} events already: does the collector run?", path.display())]
    Full { path: PathBuf },
    #[error("can't write {}", path.display())]
    Write {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("{bytes} bytes; at most {FILE_BYTES_MAX} are read")]
    TooLong { bytes: usize },
    #[error("it is no event")]
    NotEvent(#[source] serde_json::Error),
    #[error("its version is {version}; this program knows {VERSION}")]
    Version { version: u32 },
    #[error("no random number for its name: {0}")]
    Random(String),
}

/// On disk.
#[derive(Serialize, Deserialize)]
struct Written {
    version: u32,
    received_ns: i64,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    helper: String,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    shortened: bool,
    environment: BTreeMap<String, String>,
}

impl Event {
    /// Keeps what Pacemaker and DRBD have set of an environment, as much as fits into a file. `helper` is the DRBD
    /// handler's name, which no variable tells; empty for none.
    pub fn new(received: Timestamp, helper: &str, environment: impl IntoIterator<Item = (String, String)>) -> Self {
        let is_ours = |name: &str| PREFIXES.iter().any(|prefix| name.starts_with(prefix));
        let all: BTreeMap<String, String> = environment.into_iter().filter(|(name, _)| is_ours(name)).collect();
        let mut event =
            Self { received, helper: prefix(helper, 64).to_owned(), environment: BTreeMap::new(), is_shortened: false };
        let mut bytes = FRAME_BYTES;
        for (name, value) in all {
            let kept = prefix(&value, VALUE_BYTES_MAX);
            event.is_shortened |= kept.len() < value.len();
            let takes = escaped_len(&name) + escaped_len(kept) + 2;
            if bytes + takes > FILE_BYTES_MAX {
                event.is_shortened = true;
                continue;
            }
            bytes += takes;
            event.environment.insert(name, kept.to_owned());
        }
        event
    }

    /// Whether a cluster has started this process at all.
    pub fn is_of_cluster(&self) -> bool {
        !self.environment.is_empty()
    }

    /// Whether it tells an event: `false` for what Pacemaker reports besides, such as operations that have only begun.
    ///
    /// # Errors
    /// Something in it is missing or not known.
    pub fn check(&self) -> Result<bool, EventError> {
        Ok(self.told()?.is_some())
    }

    /// What it tells.
    pub(crate) fn told(&self) -> Result<Option<Told>, EventError> {
        let is_pacemakers = self.environment.keys().any(|name| name.starts_with("CRM_"));
        if !self.helper.is_empty() || !is_pacemakers {
            let handler = Handler::of(&self.helper, |name| self.environment.get(name).cloned());
            return handler.map(|handler| Some(Told::Drbd(handler))).map_err(EventError::Drbd);
        }
        let event = alert::read(self.environment.iter()).map_err(EventError::Pacemaker)?;
        Ok(event.map(Told::Pacemaker))
    }

    /// The variables that say most, for a line of a log.
    pub fn summary(&self) -> String {
        const TELLING: [&str; 8] = ["kind", "node", "rsc", "task", "rc", "desc", "RESOURCE", "VOLUME"];
        let is_telling = |name: &&String| {
            TELLING.iter().any(|last| name.strip_suffix(last).is_some_and(|front| front.ends_with('_')))
        };
        let shown = self.environment.keys().filter(is_telling).filter_map(|name| {
            let value = self.environment.get(name)?;
            Some(format!("{name}={:?}", prefix(value, 128)))
        });
        let helper = (!self.helper.is_empty()).then(|| format!("handler={:?}", self.helper));
        helper.into_iter().chain(shown).collect::<Vec<_>>().join(" ")
    }

    /// Leaves it in `directory`, durably: when this returns it survives a loss of power.
    ///
    /// # Errors
    /// The directory is missing, full or not to be written, or the disk is full. Nothing is left behind then.
    pub fn leave(&self, directory: &Path) -> Result<PathBuf, SpoolError> {
        self.leave_among(directory, FILES_MAX)
    }

    fn leave_among(&self, directory: &Path, files_max: usize) -> Result<PathBuf, SpoolError> {
        let listed = |source| SpoolError::List { path: directory.to_owned(), source };
        let entries = fs::read_dir(directory).map_err(listed)?;
        if entries.take(files_max).count() >= files_max {
            return Err(SpoolError::Full { path: directory.to_owned() });
        }
        let mut random = [0; 8];
        getrandom::fill(&mut random).map_err(|error| SpoolError::Random(error.to_string()))?;
        let stem = format!("{:020}-{}-{:016x}", self.received.0.max(0), std::process::id(), u64::from_le_bytes(random));
        let path = directory.join(format!("{stem}.{WHOLE}"));
        let partial = directory.join(format!("{stem}.{PARTIAL}"));
        let written = self.encode().map_err(io::Error::other).and_then(|bytes| put(&partial, &path, &bytes));
        if let Err(source) = written {
            // What could not be made is not there either.
            drop(fs::remove_file(&partial));
            return Err(SpoolError::Write { path, source });
        }
        Ok(path)
    }

    fn encode(&self) -> serde_json::Result<Vec<u8>> {
        let Self { received, helper, environment, is_shortened } = self.clone();
        let written =
            Written { version: VERSION, received_ns: received.0, helper, shortened: is_shortened, environment };
        let mut bytes = serde_json::to_vec(&written)?;
        bytes.push(b'\n');
        Ok(bytes)
    }

    /// Reads the content of a file back.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, SpoolError> {
        if bytes.len() > FILE_BYTES_MAX {
            return Err(SpoolError::TooLong { bytes: bytes.len() });
        }
        let written: Written = serde_json::from_slice(bytes).map_err(SpoolError::NotEvent)?;
        let Written { version, received_ns, helper, shortened, environment } = written;
        if version != VERSION {
            return Err(SpoolError::Version { version });
        }
        Ok(Self { received: Timestamp(received_ns), helper, environment, is_shortened: shortened })
    }
}

/// Writes beside, syncs, renames, syncs the directory.
fn put(partial: &Path, path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(MODE).open(partial)?;
    // Whatever the umask of the cluster's daemons is.
    file.set_permissions(Permissions::from_mode(MODE))?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(partial, path)?;
    sync_directory(path.parent().unwrap_or(Path::new("/")))
}

pub(crate) fn sync_directory(directory: &Path) -> io::Result<()> {
    File::open(directory)?.sync_all()
}

/// The most bytes that a text takes as JSON.
fn escaped_len(text: &str) -> usize {
    let takes = |byte: u8| match byte {
        b'"' | b'\\' => 2,
        0..0x20 => 6,
        _ => 1,
    };
    text.bytes().map(takes).sum::<usize>() + 2
}

#[cfg(test)]
mod tests;
