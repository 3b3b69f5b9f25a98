//! The catalogue: which segments are live, and up to which journal position everything is in them.
//!
//! SQLite in WAL mode with `synchronous = FULL`: what a call of this module commits survives power loss, and a flush,
//! merge or deletion is seen whole or not at all. Format versions: 1.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use std::{fs, io};

use rusqlite::{Connection, OptionalExtension, params};

use crate::error::{Error, Result};
use crate::flush::PartitionKey;
use crate::mirror::{self, Content};

/// The format version this build writes and the newest it reads.
const VERSION: i64 = 1;
/// Numbers passed over when the catalogue was lost, since the mirror does not know which were given last.
const ID_GAP: i64 = 1_000_000;

fn is_damage(error: &rusqlite::Error) -> bool {
    use rusqlite::ErrorCode::{DatabaseCorrupt, NotADatabase};
    matches!(error.sqlite_error_code(), Some(DatabaseCorrupt | NotADatabase))
}

/// A live segment, as the catalogue knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SegmentRow {
    pub id: i64,
    /// The retention class.
    pub class: String,
    /// The UTC day, counted from 1970-01-01.
    pub day: i64,
    /// Grows by one with each rewrite of the partition.
    pub generation: i64,
    /// The path under the segments' directory.
    pub file: String,
    pub rows: u64,
    pub raw_bytes: u64,
    pub disk_bytes: u64,
    pub min_ts: i64,
    pub max_ts: i64,
    /// Rewritten for good, with the stronger compression.
    pub sealed: bool,
}

/// A segment that is about to become live; its id is the one [`Catalog::next_id`] gave.
#[derive(Clone, Debug)]
pub(crate) struct NewSegment {
    pub(crate) row: SegmentRow,
}

/// The open catalogue.
#[derive(Debug)]
pub(crate) struct Catalog {
    connection: Mutex<Connection>,
    mirror: PathBuf,
}

impl Catalog {
    /// Opens or creates the catalogue. One that is damaged or missing is made anew from its mirror, and the damaged
    /// file kept under the path that is returned with it.
    pub(crate) fn open(path: &Path) -> Result<(Self, Option<PathBuf>)> {
        let mirror = path.with_extension("mirror");
        let kept = mirror::read(&mirror).map_err(|source| Error::OpenSegment { path: mirror.clone(), source })?;
        let damage = match Self::open_file(path, &mirror) {
            Ok(catalog) => match kept.as_ref().filter(|content| **content != Content::default()) {
                Some(content) if catalog.is_blank()? => {
                    catalog.restore(content)?;
                    return Ok((catalog, Some(path.to_owned())));
                }
                Some(content) if catalog.is_behind(content, path)? => {
                    "it has lost its last changes, which the mirror has".to_owned()
                }
                _ => return Ok((catalog, None)),
            },
            Err(Error::OpenCatalog { source, .. }) if is_damage(&source) => source.to_string(),
            Err(error) => return Err(error),
        };
        tracing::error!(path = %path.display(), error = %damage, "the catalogue is damaged and made anew from its mirror");
        let damaged = path.with_extension("damaged");
        fs::rename(path, &damaged).map_err(|source| Error::Quarantine { path: path.to_owned(), source })?;
        for rest in ["sqlite-wal", "sqlite-shm"] {
            match fs::remove_file(path.with_extension(rest)) {
                Err(source) if source.kind() != io::ErrorKind::NotFound => {
                    return Err(Error::Remove { path: path.with_extension(rest), source });
                }
                _ => {}
            }
        }
        let catalog = Self::open_file(path, &mirror)?;
        catalog.restore(&kept.unwrap_or_default())?;
        Ok((catalog, Some(damaged)))
    }

    /// Whether changes that the mirror has are not in it: where its log of changes is damaged, SQLite goes back to the
    /// last sound one and says nothing. Segments are removed only after the mirror no longer names them, so the mirror
    /// can be trusted where the catalogue names files that are gone and the mirror does not.
    fn is_behind(&self, mirror: &Content, path: &Path) -> Result<bool> {
        let content = self.content()?;
        let segments = path.with_file_name("segments");
        let has_all = |content: &Content| content.segments.iter().all(|row| segments.join(&row.file).is_file());
        Ok(mirror.flushed > content.flushed || (*mirror != content && !has_all(&content) && has_all(mirror)))
    }

    /// Whether nothing was ever written to it: it was missing, or cut so short that SQLite takes it for a new one.
    fn is_blank(&self) -> Result<bool> {
        Ok(self.flushed()? == 0 && self.meta("next_id")? == 1 && self.segments()?.is_empty())
    }

    /// Fills an empty catalogue.
    fn restore(&self, content: &Content) -> Result<()> {
        let segments: Vec<NewSegment> = content.segments.iter().map(|row| NewSegment { row: row.clone() }).collect();
        self.swap(&segments, &[], Some(content.flushed))?;
        let used = content.segments.iter().map(|row| row.id).max().unwrap_or(0);
        self.reserve_ids(used + ID_GAP).map(|_| ())
    }

    fn open_file(path: &Path, mirror: &Path) -> Result<Self> {
        let failed = |source| Error::OpenCatalog { path: path.to_owned(), source };
        let connection = Connection::open(path).map_err(failed)?;
        connection.busy_timeout(Duration::from_secs(10)).map_err(failed)?;
        connection
            .execute_batch(
                "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
                 CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
                 CREATE TABLE IF NOT EXISTS segments (
                   id INTEGER PRIMARY KEY, class TEXT NOT NULL, day INTEGER NOT NULL, generation INTEGER NOT NULL,
                   file TEXT NOT NULL UNIQUE, rows INTEGER NOT NULL, raw_bytes INTEGER NOT NULL, disk_bytes INTEGER NOT NULL,
                   min_ts INTEGER NOT NULL, max_ts INTEGER NOT NULL, sealed INTEGER NOT NULL);
                 INSERT OR IGNORE INTO meta VALUES ('version', 1), ('flushed', 0), ('next_id', 1);",
            )
            .map_err(failed)?;
        // A new catalogue is not damaged when it is left before its first flush.
        let of_nothing = i64::from(mirror::checksum(&Content::default()));
        connection.execute("INSERT OR IGNORE INTO meta VALUES ('checksum', ?1)", [of_nothing]).map_err(failed)?;
        let checked: String =
            connection.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0)).map_err(failed)?;
        let corrupt = |what| {
            failed(rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CORRUPT), Some(what)))
        };
        if checked != "ok" {
            return Err(corrupt(checked));
        }
        let catalog = Self { connection: Mutex::new(connection), mirror: mirror.to_owned() };
        // No build writes anything but a number above 0.
        let version = "SELECT value FROM meta WHERE key = 'version' AND typeof(value) = 'integer' AND value > 0";
        let found: Option<i64> = catalog.lock().query_row(version, [], |row| row.get(0)).optional().map_err(failed)?;
        let found = found.ok_or_else(|| corrupt("its version is none".to_owned()))?;
        if found > VERSION {
            return Err(Error::CatalogVersion { path: path.to_owned(), found, known: VERSION });
        }
        let content = content_of(&catalog.lock()).map_err(|error| match error {
            rusqlite::Error::SqliteFailure(..) => failed(error),
            // A cell of another type than it was written as.
            other => corrupt(other.to_string()),
        })?;
        let checksum = i64::from(mirror::checksum(&content));
        let sound = catalog.meta("checksum").is_ok_and(|kept| kept == checksum);
        if sound { Ok(catalog) } else { Err(corrupt("the content has a wrong checksum".to_owned())) }
    }

    fn lock(&self) -> MutexGuard<'_, Connection> {
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn meta(&self, key: &str) -> Result<i64> {
        self.lock()
            .query_row("SELECT value FROM meta WHERE key = ?1", [key], |row| row.get(0))
            .map_err(|source| Error::Catalog { operation: "read a setting", source })
    }

    /// The journal position below which every record is in a live segment (or was deleted, or has expired).
    pub(crate) fn flushed(&self) -> Result<u64> {
        Ok(self.meta("flushed")?.cast_unsigned())
    }

    /// Reserves `count` ids for new segments; they are never given again, also not after a crash.
    pub(crate) fn reserve_ids(&self, count: i64) -> Result<i64> {
        self.lock()
            .query_row(
                "UPDATE meta SET value = value + ?1 WHERE key = 'next_id' RETURNING value - ?1",
                [count],
                |row| row.get(0),
            )
            .map_err(|source| Error::Catalog { operation: "reserve a segment's number", source })
    }

    /// All live segments, in the order of their ids.
    pub(crate) fn segments(&self) -> Result<Vec<SegmentRow>> {
        Ok(self.content()?.segments)
    }

    fn content(&self) -> Result<Content> {
        content_of(&self.lock()).map_err(|source| Error::Catalog { operation: "list the segments", source })
    }

    /// The newest generation of a partition; 0 when there is none.
    pub(crate) fn generation(&self, partition: &PartitionKey) -> Result<i64> {
        self.lock()
            .query_row(
                "SELECT max(generation) FROM segments WHERE class = ?1 AND day = ?2",
                params![partition.class, partition.day],
                |row| row.get::<_, Option<i64>>(0),
            )
            .optional()
            .map(|found| found.flatten().unwrap_or(0))
            .map_err(|source| Error::Catalog { operation: "read a partition's generation", source })
    }

    /// Makes `added` live and takes `removed` out, in one step; `flushed` moves the flushed position.
    pub(crate) fn swap(&self, added: &[NewSegment], removed: &[i64], flushed: Option<u64>) -> Result<()> {
        let failed = |source| Error::Catalog { operation: "swap segments", source };
        let mut connection = self.lock();
        let transaction = connection.transaction().map_err(failed)?;
        for NewSegment { row } in added {
            transaction
                .execute(
                    "INSERT INTO segments VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
                    params![
                        row.id,
                        row.class,
                        row.day,
                        row.generation,
                        row.file,
                        row.rows.cast_signed(),
                        row.raw_bytes.cast_signed(),
                        row.disk_bytes.cast_signed(),
                        row.min_ts,
                        row.max_ts,
                        row.sealed
                    ],
                )
                .map_err(failed)?;
        }
        for id in removed {
            transaction.execute("DELETE FROM segments WHERE id = ?1", [id]).map_err(failed)?;
        }
        if let Some(position) = flushed {
            transaction
                .execute("UPDATE meta SET value = ?1 WHERE key = 'flushed'", [position.cast_signed()])
                .map_err(failed)?;
        }
        let content = content_of(&transaction).map_err(failed)?;
        let checksum = i64::from(mirror::checksum(&content));
        transaction.execute("INSERT OR REPLACE INTO meta VALUES ('checksum', ?1)", [checksum]).map_err(failed)?;
        transaction.commit().map_err(failed)?;
        // Under the lock, so that the mirror of an older state never follows that of a newer one.
        if let Err(error) = mirror::write(&self.mirror, &content) {
            // The catalogue itself is whole; the next change writes the mirror again.
            tracing::warn!(path = %self.mirror.display(), %error, "cannot write the catalogue's mirror");
        }
        Ok(())
    }

    /// Writes a consistent copy of the catalogue to `target`.
    pub(crate) fn copy_to(&self, target: &Path) -> Result<()> {
        let failed = |source| Error::Catalog { operation: "copy it for the backup", source };
        let target = target.to_string_lossy();
        self.lock().execute("VACUUM INTO ?1", [target.as_ref()]).map(|_| ()).map_err(failed)
    }
}

fn content_of(connection: &Connection) -> rusqlite::Result<Content> {
    let flushed: i64 = connection.query_row("SELECT value FROM meta WHERE key = 'flushed'", [], |row| row.get(0))?;
    let mut statement = connection
        .prepare("SELECT id, class, day, generation, file, rows, raw_bytes, disk_bytes, min_ts, max_ts, sealed FROM segments ORDER BY id")?;
    let rows = statement.query_map([], |row| {
        Ok(SegmentRow {
            id: row.get(0)?,
            class: row.get(1)?,
            day: row.get(2)?,
            generation: row.get(3)?,
            file: row.get(4)?,
            rows: row.get::<_, i64>(5)?.cast_unsigned(),
            raw_bytes: row.get::<_, i64>(6)?.cast_unsigned(),
            disk_bytes: row.get::<_, i64>(7)?.cast_unsigned(),
            min_ts: row.get(8)?,
            max_ts: row.get(9)?,
            sealed: row.get(10)?,
        })
    })?;
    Ok(Content { flushed: flushed.cast_unsigned(), segments: rows.collect::<rusqlite::Result<_>>()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(id: i64) -> NewSegment {
        NewSegment {
            row: SegmentRow {
                id,
                class: "default".into(),
                day: 20_000,
                generation: 1,
                file: format!("default/x/{id}.seg"),
                rows: 5,
                raw_bytes: 6,
                disk_bytes: 7,
                min_ts: -8,
                max_ts: 9,
                sealed: id == 2,
            },
        }
    }

    #[test]
    fn a_swap_is_whole_or_nothing() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("catalog");
        let (catalog, _) = Catalog::open(&path).expect("opens");
        assert_eq!((catalog.reserve_ids(2).expect("ids"), catalog.reserve_ids(1).expect("ids")), (1, 3));
        catalog.swap(&[row(1), row(2)], &[], Some(77)).expect("swaps");
        assert!(catalog.swap(&[row(3), row(3)], &[1], Some(99)).is_err());
        drop(catalog);
        let (catalog, _) = Catalog::open(&path).expect("opens again");
        assert_eq!(catalog.segments().expect("lists"), [row(1).row, row(2).row]);
        assert_eq!(catalog.flushed().expect("reads"), 77);
        assert_eq!(catalog.generation(&PartitionKey { class: "default".into(), day: 20_000 }).expect("reads"), 1);
        assert_eq!(catalog.reserve_ids(1).expect("ids"), 4);
    }

    #[test]
    fn a_catalogue_left_before_its_first_flush_is_not_damaged() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("catalog.sqlite");
        let (catalog, _) = Catalog::open(&path).expect("opens");
        catalog.reserve_ids(1).expect("ids");
        drop(catalog);
        let (catalog, damaged) = Catalog::open(&path).expect("opens");
        assert_eq!((damaged, catalog.reserve_ids(1).expect("ids")), (None, 2));
    }

    #[test]
    fn a_lost_or_damaged_catalogue_comes_back_from_its_mirror() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("catalog.sqlite");
        let (catalog, _) = Catalog::open(&path).expect("opens");
        let first = catalog.reserve_ids(3).expect("ids");
        catalog.swap(&[row(1), row(2)], &[], Some(77)).expect("swaps");
        drop(catalog);
        fs::write(&path, b"no database, but long enough to have been one once upon a time").expect("writes");
        for lost in [false, true] {
            if lost {
                fs::remove_file(&path).expect("removes");
            }
            let (catalog, damaged) = Catalog::open(&path).expect("opens");
            assert_eq!(damaged.is_some_and(|path| path.extension().is_some_and(|e| e == "damaged")), !lost);
            assert_eq!(catalog.segments().expect("lists"), [row(1).row, row(2).row]);
            assert_eq!(catalog.flushed().expect("reads"), 77);
            assert!(catalog.reserve_ids(1).expect("ids") > first + 3);
        }
    }

    #[test]
    fn a_flipped_bit_in_the_version_is_damage() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("catalog.sqlite");
        let (catalog, _) = Catalog::open(&path).expect("opens");
        catalog.swap(&[row(1), row(2)], &[], Some(77)).expect("swaps");
        drop(catalog);
        let whole = fs::read(&path).expect("reads");
        let key = whole.windows(7).rposition(|bytes| bytes == b"version").expect("the key of the version");
        // The cell: bytes, bytes of the header, types of key and value, then the key; 1 as a value is in its type.
        for bit in (key - 4) * 8..(key + 7) * 8 {
            let mut flipped = whole.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            fs::write(&path, flipped).expect("writes");
            let (catalog, kept) = Catalog::open(&path).unwrap_or_else(|error| panic!("bit {bit}: {error:?}"));
            let content = Content { flushed: 77, segments: vec![row(1).row, row(2).row] };
            assert_eq!(catalog.content().expect("lists"), content, "bit {bit}");
            assert!(kept.is_some() || bit / 8 != key - 1, "bit {bit} makes another version of it");
        }
    }

    #[test]
    fn a_newer_format_is_refused() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("catalog");
        drop(Catalog::open(&path).expect("opens"));
        let connection = Connection::open(&path).expect("opens");
        connection.execute("UPDATE meta SET value = 2 WHERE key = 'version'", []).expect("writes");
        drop(connection);
        assert!(matches!(Catalog::open(&path), Err(Error::CatalogVersion { found: 2, known: 1, .. })));
    }
}
