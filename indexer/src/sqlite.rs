//! Databases of SQLite, each written through one connection.

use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, ffi};

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
