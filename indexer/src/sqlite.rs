//! Databases of SQLite, each written through one connection: opened, checked, set aside and copied.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use orszem_durable::Quarantine;
use rusqlite::{Connection, OptionalExtension, ffi};

use crate::error::Error;

/// How long to wait for another connection to the same file.
const BUSY_MAX: Duration = Duration::from_secs(10);

/// Opens the database at `path` for writing; what it answers to a commit survives power loss. `schema` makes what is
/// missing. A new database is made beside its place first, so that it costs two waits for the disk and not ten, and power
/// that is lost meanwhile leaves none.
///
/// # Errors
/// Those of SQLite; what the file system refuses is one of its I/O errors.
pub(crate) fn open(path: &Path, schema: &str) -> rusqlite::Result<Connection> {
    make_if_missing(path, schema)?;
    let connection = Connection::open(path)?;
    connection.busy_timeout(BUSY_MAX)?;
    connection.execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;")?;
    build(&connection, schema)?;
    Ok(connection)
}

/// How much of a database is looked through when it is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Check {
    /// Its pages.
    Quick,
    /// Its indices too, against their tables.
    Whole,
}

/// As [`open`], of a database that keeps its format version in `meta`.
///
/// # Errors
/// Those of [`open`]; damage that `check` finds ([`is_damage`] says so); a version beyond `known`.
pub(crate) fn open_checked(path: &Path, schema: &str, check: Check, known: i64) -> Result<Connection, Error> {
    let failed = |source| Error::OpenDatabase { path: path.to_owned(), source };
    let corrupt = |what| failed(rusqlite::Error::SqliteFailure(ffi::Error::new(ffi::SQLITE_CORRUPT), Some(what)));
    let connection = open(path, schema).map_err(failed)?;
    let question = match check {
        Check::Quick => "PRAGMA quick_check(1)",
        Check::Whole => "PRAGMA integrity_check(1)",
    };
    let checked: String = connection.query_row(question, [], |row| row.get(0)).map_err(failed)?;
    if checked != "ok" {
        return Err(corrupt(checked));
    }
    // No build writes anything but a number above 0.
    let version = "SELECT value FROM meta WHERE key = 'version' AND typeof(value) = 'integer' AND value > 0";
    let found: Option<i64> = connection.query_row(version, [], |row| row.get(0)).optional().map_err(failed)?;
    let found = found.ok_or_else(|| corrupt("its version is none".to_owned()))?;
    if found > known {
        return Err(Error::DatabaseVersion { path: path.to_owned(), found, known });
    }
    Ok(connection)
}

/// Another connection, for questions: these don't hold the writer up.
pub(crate) fn reader(path: &Path) -> Result<Connection, Error> {
    let failed = |source| Error::OpenDatabase { path: path.to_owned(), source };
    let reader = another(path).map_err(failed)?;
    reader.execute_batch("PRAGMA query_only = ON").map_err(failed)?;
    Ok(reader)
}

fn another(path: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open(path)?;
    connection.busy_timeout(BUSY_MAX)?;
    Ok(connection)
}

/// Whether it is the file that is wrong.
pub(crate) fn is_damage(error: &rusqlite::Error) -> bool {
    use rusqlite::ErrorCode::{DatabaseCorrupt, NotADatabase};
    matches!(error.sqlite_error_code(), Some(DatabaseCorrupt | NotADatabase))
}

/// Moves a damaged database into the quarantine of its directory, and answers where it is.
pub(crate) fn set_aside(directory: &Path, path: &Path) -> Result<PathBuf, Error> {
    let failed = |source| Error::SetDatabaseAside { path: path.to_owned(), source };
    let kept = Quarantine::of(directory).move_in(path).map_err(failed)?;
    for rest in ["sqlite-wal", "sqlite-shm"] {
        match fs::remove_file(path.with_extension(rest)) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => return Err(failed(source)),
            _ => {}
        }
    }
    Ok(kept)
}

/// Writes a consistent copy of the database `name` of `directory`, where there is one, into the directory `target`. Its
/// writer goes on meanwhile.
pub(crate) fn copy(directory: &Path, name: &str, target: &Path) -> Result<(), Error> {
    let path = directory.join(name);
    match path.try_exists() {
        Ok(true) => {}
        Ok(false) => return Ok(()),
        Err(source) => return Err(Error::Copy { path, source }),
    }
    fs::create_dir_all(target).map_err(|source| Error::CreateDirectory { path: target.to_owned(), source })?;
    let failed = |source| Error::CopyDatabase { path: path.clone(), source };
    let connection = another(&path).map_err(failed)?;
    copy_into(&connection, &target.join(name)).map_err(failed)
}

/// Writes a consistent copy of the database of `connection` to `path`, where nothing may be yet. The connection may not
/// be one of [`reader`]: what only reads does not write a copy either.
///
/// # Errors
/// Those of SQLite.
pub(crate) fn copy_into(connection: &Connection, path: &Path) -> rusqlite::Result<()> {
    connection.execute("VACUUM INTO ?1", [path.to_string_lossy().as_ref()]).map(drop)
}

fn build(connection: &Connection, schema: &str) -> rusqlite::Result<()> {
    connection.execute_batch(&format!("BEGIN IMMEDIATE; {schema} COMMIT;"))
}

fn make_if_missing(path: &Path, schema: &str) -> rusqlite::Result<()> {
    if path.try_exists().map_err(|error| refused(&error))? {
        return Ok(());
    }
    let beside = path.with_extension("new");
    match fs::remove_file(&beside) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(refused(&error)),
        _ => {}
    }
    let connection = Connection::open(&beside)?;
    connection.execute_batch("PRAGMA synchronous = OFF; PRAGMA journal_mode = WAL;")?;
    build(&connection, schema)?;
    // The last connection takes its log along.
    connection.close().map_err(|(_, error)| error)?;
    let moved = File::open(&beside).and_then(|file| file.sync_all()).and_then(|()| fs::rename(&beside, path));
    moved.map_err(|error| refused(&error))?;
    let directory = path.parent().unwrap_or(path);
    File::open(directory).and_then(|directory| directory.sync_all()).map_err(|error| refused(&error))
}

fn refused(error: &io::Error) -> rusqlite::Error {
    let code = match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => ffi::SQLITE_FULL,
        _ => ffi::SQLITE_IOERR,
    };
    rusqlite::Error::SqliteFailure(ffi::Error::new(code), Some(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_database_is_in_its_place_alone_and_an_old_one_keeps_what_it_has() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("t.sqlite");
        let schema =
            "CREATE TABLE IF NOT EXISTS t (a INTEGER); INSERT INTO t SELECT 1 WHERE NOT EXISTS (SELECT 1 FROM t);";
        // What a start that was cut off left.
        fs::write(directory.path().join("t.new"), "half").expect("writes");
        for more in 0..2 {
            let connection = open(&path, schema).expect("opens");
            connection.execute("INSERT INTO t VALUES (2)", []).expect("inserts");
            let count: i64 = connection.query_row("SELECT count(*) FROM t", [], |row| row.get(0)).expect("counts");
            assert_eq!(count, 2 + more);
            let mode: String = connection.query_row("PRAGMA journal_mode", [], |row| row.get(0)).expect("asks");
            let synchronous: i64 = connection.query_row("PRAGMA synchronous", [], |row| row.get(0)).expect("asks");
            assert_eq!((mode.as_str(), synchronous), ("wal", 2));
        }
        let names = fs::read_dir(directory.path()).expect("lists").map(|entry| entry.expect("lists").file_name());
        assert_eq!(names.collect::<Vec<_>>(), ["t.sqlite"]);
        assert!(open(&directory.path().join("missing/t.sqlite"), schema).is_err());
    }
}
