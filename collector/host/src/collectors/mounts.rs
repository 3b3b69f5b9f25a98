//! Asking mounted file systems for their size without being stopped by a dead one.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

use crate::error::CollectError;

/// Threads that may wait for dead file systems; beyond that nothing more is asked until one of them answers.
const STUCK_MAX: usize = 8;

/// What a file system tells of itself.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Usage {
    pub(super) size: f64,
    pub(super) free: f64,
    pub(super) avail: f64,
    pub(super) files: f64,
    pub(super) files_free: f64,
    pub(super) is_read_only: bool,
}

/// A thread that asks one file system at a time, and those that never came back.
#[derive(Debug, Default)]
pub(super) struct Mounts {
    asker: Option<Asker>,
    stuck: BTreeMap<PathBuf, Asker>,
}

#[derive(Debug)]
struct Asker {
    paths: SyncSender<PathBuf>,
    answers: Receiver<Option<Usage>>,
}

impl Mounts {
    /// The usage of what is mounted at `path`; `None` if it fails or does not answer in time. One that did not answer
    /// is not asked again before it does.
    pub(super) fn usage(&mut self, path: &Path, patience: Duration) -> Result<Option<Usage>, CollectError> {
        self.free_answered();
        if self.stuck.contains_key(path) || self.stuck.len() >= STUCK_MAX {
            return Ok(None);
        }
        let asker = match self.asker.take() {
            Some(asker) => asker,
            None => Asker::start(ask)?,
        };
        Ok(self.ask(asker, path, patience))
    }

    fn ask(&mut self, asker: Asker, path: &Path, patience: Duration) -> Option<Usage> {
        if asker.paths.send(path.to_owned()).is_err() {
            return None;
        }
        match asker.answers.recv_timeout(patience) {
            Ok(usage) => {
                self.asker = Some(asker);
                usage
            }
            Err(RecvTimeoutError::Timeout) => {
                self.stuck.insert(path.to_owned(), asker);
                None
            }
            Err(RecvTimeoutError::Disconnected) => None,
        }
    }

    /// Takes back those that answered late.
    fn free_answered(&mut self) {
        let asker = &mut self.asker;
        let answered: Vec<_> = self
            .stuck
            .iter()
            .filter(|(_, stuck)| stuck.answers.try_recv().is_ok())
            .map(|(path, _)| path.clone())
            .collect();
        for path in answered {
            if let Some(freed) = self.stuck.remove(&path) {
                asker.get_or_insert(freed);
            }
        }
    }
}

impl Asker {
    /// The thread ends when its sender is gone, or, if it waits for a dead file system, with the process.
    fn start(ask: impl Fn(&Path) -> Option<Usage> + Send + 'static) -> Result<Self, CollectError> {
        let (paths, asked) = sync_channel::<PathBuf>(1);
        let (answer, answers) = sync_channel(1);
        let run = move || {
            while let Ok(path) = asked.recv() {
                if answer.send(ask(&path)).is_err() {
                    return;
                }
            }
        };
        let spawned = thread::Builder::new().name("mounts".to_owned()).spawn(run);
        spawned.map_err(|source| CollectError::Thread { source })?;
        Ok(Self { paths, answers })
    }
}

/// `statvfs(3)`. Sizes are in bytes.
fn ask(path: &Path) -> Option<Usage> {
    let stat = rustix::fs::statvfs(path).ok()?;
    // Only f_frsize is the unit of the counts; node_exporter takes f_bsize, which is the same but for odd ones.
    let block = stat.f_frsize as f64;
    Some(Usage {
        size: stat.f_blocks as f64 * block,
        free: stat.f_bfree as f64 * block,
        avail: stat.f_bavail as f64 * block,
        files: stat.f_files as f64,
        files_free: stat.f_ffree as f64,
        is_read_only: stat.f_flag.contains(rustix::fs::StatVfsMountFlags::RDONLY),
    })
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Barrier};

    use super::*;

    const USAGE: Usage =
        Usage { size: 8192.0, free: 4096.0, avail: 2048.0, files: 10.0, files_free: 3.0, is_read_only: false };

    #[test]
    fn a_dead_file_system_costs_one_timeout() {
        let gate = Arc::new(Barrier::new(2));
        let inner = Arc::clone(&gate);
        let dead = Path::new("/dead");
        let asker = Asker::start(move |path| {
            if path == Path::new("/dead") {
                inner.wait();
            }
            Some(USAGE)
        });
        let mut mounts = Mounts { asker: Some(asker.expect("a thread")), stuck: BTreeMap::new() };
        let long = Duration::from_secs(30);
        assert_eq!(mounts.usage(Path::new("/alive"), long).expect("asked"), Some(USAGE));
        assert_eq!(mounts.usage(dead, Duration::from_millis(1)).expect("asked"), None);
        // It is not asked again, however long the patience.
        assert_eq!(mounts.usage(dead, long).expect("not asked"), None);
        assert_eq!((mounts.asker.is_some(), mounts.stuck.len()), (false, 1));
        gate.wait();
        let stuck = mounts.stuck.remove(dead).expect("stuck");
        assert_eq!(stuck.answers.recv_timeout(long), Ok(Some(USAGE)), "it answers late");
    }

    #[test]
    fn a_late_answer_frees_the_mount() {
        let asker = Asker::start(|_| Some(USAGE)).expect("a thread");
        asker.paths.send("/late".into()).expect("sent");
        let mut mounts = Mounts { asker: None, stuck: BTreeMap::from([("/late".into(), asker)]) };
        while !mounts.stuck.is_empty() {
            mounts.free_answered();
            thread::yield_now();
        }
        assert_eq!(mounts.usage(Path::new("/late"), Duration::from_secs(30)).expect("asked"), Some(USAGE));
    }

    #[test]
    fn what_is_not_there_has_no_usage() {
        let mut mounts = Mounts::default();
        let usage = mounts.usage(Path::new("/nowhere/at/all"), Duration::from_secs(30));
        assert_eq!(usage.expect("asked"), None);
        let root = mounts.usage(Path::new("/"), Duration::from_secs(30)).expect("asked").expect("there");
        assert!(root.size >= root.free && root.free >= root.avail && root.size > 0.0, "{root:?}");
    }
}
