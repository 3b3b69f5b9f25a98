//! Opens a store: what the manifest names, and what had to be set aside.

use std::collections::HashSet;
use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64};
use std::sync::{Arc, Mutex, RwLock};

use crate::block::{Block, OpenedBlocks, open_blocks};
use crate::error::{Error, Result};
use crate::files::sync_directory;
use crate::head::epoch::Epochs;
use crate::head::keys::Keys;
use crate::head::table::Table;

use super::aside::Aside;
use super::head_file::HeadFile;
use super::manifest::Manifest;
use super::paths::Paths;
use super::state::State;
use super::{Counters, Inner, Options, Rewriting, SeriesStore, series_log};

/// A file that could not be used when the store was opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetAside {
    /// Where it is now.
    pub path: PathBuf,
    pub reason: String,
}

/// What was found when the store was opened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OpenReport {
    /// Series of the head.
    pub series: u64,
    /// Files of the head and blocks that are served.
    pub files: u64,
    pub blocks: u64,
    /// Files and blocks that are in quarantine; the rest is served.
    pub set_aside: Vec<SetAside>,
    /// Series of the head whose labels are lost with a damaged part of their log; their samples in files of the head
    /// are not served.
    pub series_lost: u64,
}

impl SeriesStore {
    /// Opens or creates the store in `root`. The journal is then to be replayed from [`Self::flushed`] on, before
    /// batches are built.
    ///
    /// # Errors
    /// When the directory is locked by another process, can't be read or written, or is of a newer build.
    pub fn open(root: &Path, options: Options) -> Result<(Self, OpenReport)> {
        let paths = Paths::new(root);
        for path in [root.to_owned(), paths.head(), paths.blocks()] {
            fs::create_dir_all(&path).map_err(Error::create(&path))?;
        }
        let lock = lock(&paths)?;
        let mut report = OpenReport::default();
        let mut manifest = load_manifest(&paths, &mut report)?;
        let loaded = manifest.clone();
        let mut table = Table::default();
        let is_log_damaged = load_log(&paths, &mut manifest, &mut table, &mut report)?;
        let files = open_files(&paths, &mut manifest, &mut report)?;
        let blocks = open_all_blocks(&paths, &mut report)?;
        let aside = load_aside(&paths, &mut manifest, &mut report)?;
        for file in &files {
            report.series_lost += (&file.file.keys - table.all()).len();
            manifest.next_series = manifest.next_series.max(file.file.keys.max().map_or(0, |last| last + 1));
        }
        table.skip_to(manifest.next_series);
        let highest = blocks.iter().map(|block| block.meta().number).max();
        manifest.next_number = manifest.next_number.max(highest.map_or(0, |number| number + 1));
        // A start over what the manifest says needs no room on a disk that is full.
        let is_changed = manifest != loaded || !report.set_aside.is_empty();
        report.series = table.len();
        (report.files, report.blocks) = (files.len() as u64, blocks.len() as u64);
        let inner = Inner {
            keys: Keys::new(options.keys_max),
            options,
            id: manifest.id,
            epochs: Epochs::default(),
            flushing: Mutex::new(()),
            rewriting: Mutex::new(Rewriting::default()),
            interrupted: AtomicBool::new(false),
            stopped: AtomicBool::new(false),
            committing: Mutex::new(()),
            known_below: AtomicU32::new(manifest.next_series),
            applied: AtomicU64::new(manifest.flushed),
            next_number: AtomicU64::new(manifest.next_number),
            table: RwLock::new(table),
            aside: Mutex::new(aside),
            state: RwLock::new(State {
                manifest,
                blocks: Arc::new(blocks),
                files: Arc::new(files),
                ..State::default()
            }),
            counters: Counters::default(),
            paths,
            _lock: lock,
        };
        let store = Self { inner: Arc::new(inner), damaged: Arc::default() };
        if is_log_damaged {
            store.rewrite_log()?;
        }
        if is_changed {
            store.inner.commit(|_| {}, |_| {})?;
        }
        store.remove_orphans()?;
        Ok((store, report))
    }

    /// Removes files of the head that the manifest does not name: those of a flush that was not committed.
    fn remove_orphans(&self) -> Result<()> {
        let inner = &*self.inner;
        let manifest = inner.state().manifest.clone();
        let files: HashSet<u64> = manifest.files.iter().map(|file| file.0).collect();
        let head = inner.paths.head();
        for entry in fs::read_dir(&head).map_err(Error::list(&head))? {
            let path = entry.map_err(Error::list(&head))?.path();
            let is_live = match Paths::parse(&path) {
                Some((number, "chunks" | "keys")) => files.contains(&number),
                Some((number, "series")) => manifest.log.0 == number,
                Some((number, "aside")) => manifest.aside == Some(number),
                Some(_) | None => false,
            };
            if !is_live {
                tracing::info!(path = %path.display(), "removing a file that was not committed");
                fs::remove_file(&path).map_err(Error::remove(&path))?;
            }
        }
        Ok(())
    }
}

fn lock(paths: &Paths) -> Result<File> {
    let path = paths.lock();
    let file = File::options().create(true).truncate(false).write(true).open(&path).map_err(Error::open(&path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(Error::Locked { path: paths.root().to_owned() }),
        Err(TryLockError::Error(source)) => Err(Error::Open { path, source }),
    }
}

/// The manifest; a new one for an empty store; for a damaged one what the directory shows. The journal is replayed
/// from its start then, which does no harm.
fn load_manifest(paths: &Paths, report: &mut OpenReport) -> Result<Manifest> {
    match Manifest::load(&paths.manifest()) {
        Ok(Some(manifest)) => return Ok(manifest),
        Ok(None) => {}
        Err(error @ Error::Damaged { .. }) => set_aside(paths, &paths.manifest(), &error, report)?,
        Err(error) => return Err(error),
    }
    let head = paths.head();
    let mut manifest = Manifest { next_number: 1, log: (0, 0), ..Manifest::default() };
    for entry in fs::read_dir(&head).map_err(Error::list(&head))? {
        let path = entry.map_err(Error::list(&head))?.path();
        let Some((number, extension)) = Paths::parse(&path) else { continue };
        manifest.next_number = manifest.next_number.max(number + 1);
        match extension {
            "chunks" => manifest.files.push((number, i64::MIN)),
            "series" if number >= manifest.log.0 => manifest.log = (number, u64::MAX),
            "aside" => manifest.aside = manifest.aside.max(Some(number)),
            _ => {}
        }
    }
    manifest.files.sort_unstable();
    Ok(manifest)
}

/// Reads the log of series into `table`, makes a first one where there is none, and answers whether it has to be
/// written anew.
fn load_log(paths: &Paths, manifest: &mut Manifest, table: &mut Table, report: &mut OpenReport) -> Result<bool> {
    let path = paths.log(manifest.log.0);
    let is_there = path.try_exists().map_err(Error::open(&path))?;
    if manifest.log.1 == 0 || !is_there {
        if manifest.log.1 != 0 {
            let error = Error::Open { path: path.clone(), source: io::ErrorKind::NotFound.into() };
            report.set_aside.push(SetAside { path, reason: error.to_string() });
        }
        if manifest.id == 0 {
            manifest.id = new_id();
        }
        let number = manifest.next_number;
        manifest.next_number += 1;
        manifest.log = (number, series_log::create(&paths.log(number), manifest.id)?);
        sync_directory(&paths.head())?;
        return Ok(false);
    }
    let length = Some(manifest.log.1).filter(|length| *length != u64::MAX);
    let loaded = series_log::load(&path, length, |series, labels| {
        if !table.define(series, labels) {
            tracing::error!(series, ?labels, "a series of the log contradicts another");
        }
    })?;
    if manifest.id == 0 {
        manifest.id = loaded.id.unwrap_or_else(new_id);
    }
    manifest.log.1 = loaded.length;
    manifest.next_series = manifest.next_series.max(table.next());
    if loaded.damaged > 0 {
        // The log itself stays until the new one is there.
        let error = Error::Damaged { path: path.clone(), section: "series" };
        let copy = path.with_extension("damaged");
        fs::copy(&path, &copy).map_err(Error::create(&copy))?;
        set_aside(paths, &copy, &error, report)?;
    }
    Ok(loaded.damaged > 0)
}

fn new_id() -> u64 {
    use std::hash::{BuildHasher, RandomState};
    // Random enough to tell stores apart; 0 stands for none.
    RandomState::new().hash_one(std::process::id()).max(1)
}

fn open_files(paths: &Paths, manifest: &mut Manifest, report: &mut OpenReport) -> Result<Vec<HeadFile>> {
    let mut files = Vec::new();
    for (number, from) in &manifest.files {
        match HeadFile::open(paths, *number, *from) {
            Ok(file) => files.push(file),
            Err(error) if is_damage(&error) => {
                set_aside(paths, &paths.chunks(*number), &error, report)?;
                remove_or_warn(&paths.keys(*number));
            }
            Err(error) => return Err(error),
        }
    }
    manifest.files.retain(|file| files.iter().any(|open| open.number == file.0));
    Ok(files)
}

fn open_all_blocks(paths: &Paths, report: &mut OpenReport) -> Result<Vec<Arc<Block>>> {
    let OpenedBlocks { blocks, damaged } = open_blocks(&paths.blocks())?;
    for (path, error) in damaged {
        if !is_damage(&error) {
            return Err(error);
        }
        set_aside(paths, &path, &error, report)?;
    }
    Ok(blocks.into_iter().map(Arc::new).collect())
}

fn load_aside(paths: &Paths, manifest: &mut Manifest, report: &mut OpenReport) -> Result<Aside> {
    let Some(number) = manifest.aside else { return Ok(Aside::default()) };
    match Aside::load(&paths.aside(number)) {
        Ok(aside) => Ok(aside),
        Err(error) if is_damage(&error) => {
            set_aside(paths, &paths.aside(number), &error, report)?;
            manifest.aside = None;
            Ok(Aside::default())
        }
        Err(error) => Err(error),
    }
}

/// Whether the file itself is unusable; anything else (no descriptors, no permission) may be gone at the next start.
fn is_damage(error: &Error) -> bool {
    match error {
        Error::Damaged { .. } | Error::Foreign { .. } | Error::Describe { .. } => true,
        Error::Open { source, .. } | Error::Read { source, .. } => source.kind() == io::ErrorKind::NotFound,
        _ => false,
    }
}

/// Moves a file or block into quarantine.
fn set_aside(paths: &Paths, path: &Path, error: &Error, report: &mut OpenReport) -> Result<()> {
    tracing::error!(path = %path.display(), %error, "a file of the series store cannot be used and goes to quarantine");
    let kept = quarantine(paths, path)?;
    report.set_aside.push(SetAside { path: kept, reason: error.to_string() });
    Ok(())
}

/// Moves a file or directory into quarantine and answers where it is then.
pub(super) fn quarantine(paths: &Paths, path: &Path) -> Result<PathBuf> {
    let directory = paths.quarantine();
    fs::create_dir_all(&directory).map_err(Error::create(&directory))?;
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let mut target = directory.join(&name);
    for attempt in 1u32.. {
        if !target.try_exists().map_err(Error::open(&target))? {
            break;
        }
        target = directory.join(format!("{name}.{attempt}"));
    }
    match fs::rename(path, &target) {
        Ok(()) => Ok(target),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(path.to_owned()),
        Err(source) => Err(Error::Rename { path: path.to_owned(), source }),
    }
}

/// A file that stays behind wastes space and is removed at the next start.
pub(super) fn remove_or_warn(path: &Path) {
    match fs::remove_file(path) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => tracing::warn!(path = %path.display(), %error, "cannot remove a file that is no longer used"),
    }
}
