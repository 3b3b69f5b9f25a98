//! The store of probes: targets with their votes, who votes, the ledger, and what is excluded from it.
//!
//! SQLite in WAL mode with `synchronous = FULL`. All that follows from one batch of votes is one transaction. Entries of a
//! ledger say what is held from a time on; nothing of it is taken out but what is older than 400 days. Format version: 1.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use orszem_availability::ledger::{Exclusion, Held, Ledger};
use rusqlite::{Connection, Row, params};

use super::known::{Known, Target, TargetKey};
use super::step::{After, Entry};
use crate::error::Error;
use crate::sqlite::{self, Check, is_damage, set_aside};
use crate::wake::lock;

/// The format version this build writes and the newest it reads.
const VERSION: i64 = 1;
const FILE_NAME: &str = "probes.sqlite";
/// What was held longer ago is forgotten, in milliseconds.
const HISTORY_MS: i64 = 400 * 86_400_000;

/// The open store.
#[derive(Debug)]
pub(super) struct Store {
    writer: Mutex<Connection>,
    /// Questions of people do not hold the writer up.
    reader: Mutex<Connection>,
}

/// A span that is not to count. Times are milliseconds since 1970.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewExclusion {
    pub tenant: u32,
    /// `None` for all targets of the tenant.
    pub target: Option<i64>,
    pub from: i64,
    pub until: i64,
    pub reason: String,
    pub by: String,
}

/// One that was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrittenExclusion {
    pub id: i64,
    pub exclusion: NewExclusion,
    pub made_at: i64,
    /// When it was taken back; it does not count any more, and stays on record.
    pub withdrawn_at: Option<i64>,
}

/// Where it is in a data directory.
fn directory(data_dir: &Path) -> PathBuf {
    data_dir.join("probes")
}

impl Store {
    /// Opens or creates it in the data directory, and reads what is known. A damaged one is set aside and begun anew.
    pub(super) fn open(data_dir: &Path) -> Result<(Self, Known), Error> {
        let directory = directory(data_dir);
        fs::create_dir_all(&directory).map_err(|source| Error::CreateDirectory { path: directory.clone(), source })?;
        let path = directory.join(FILE_NAME);
        match Self::open_file(&path).and_then(|store| store.load().map(|known| (store, known))) {
            Err(Error::OpenDatabase { source, .. } | Error::Probes { source, .. }) if is_damage(&source) => {
                let kept = set_aside(&directory, &path)?;
                let (path_kept, reason) = (kept.display(), source.to_string());
                tracing::error!(path = %path_kept, reason, "the store of probes is damaged; ledgers begin anew");
                let store = Self::open_file(&path)?;
                let known = store.load()?;
                Ok((store, known))
            }
            opened => opened,
        }
    }

    fn open_file(path: &Path) -> Result<Self, Error> {
        let connection = sqlite::open_checked(path, SCHEMA, Check::Quick, VERSION)?;
        Ok(Self { writer: Mutex::new(connection), reader: Mutex::new(sqlite::reader(path)?) })
    }

    /// What is known, as the last transaction left it.
    fn load(&self) -> Result<Known, Error> {
        let failed = |source| Error::Probes { operation: "read the state of probes", source };
        let connection = lock(&self.writer);
        let mut known = Known::default();
        let mut targets =
            connection.prepare("SELECT id, tenant, probe, instance, state FROM target").map_err(failed)?;
        let mut rows = targets.query([]).map_err(failed)?;
        while let Some(row) = rows.next().map_err(failed)? {
            let (key, target) = target_of(row).map_err(failed)?;
            known.last_id = known.last_id.max(target.id);
            known.targets.insert(key, target);
        }
        let mut collectors = connection.prepare("SELECT tenant, name, state FROM collector").map_err(failed)?;
        let mut rows = collectors.query([]).map_err(failed)?;
        while let Some(row) = rows.next().map_err(failed)? {
            let key = (row.get(0).map_err(failed)?, row.get(1).map_err(failed)?);
            known.collectors.insert(key, json(row, 2).map_err(failed)?);
        }
        Ok(known)
    }

    /// Writes all that follows from a batch, or nothing. What it answered with `Ok` survives kill -9 and power loss.
    pub(super) fn commit(&self, after: &After) -> Result<(), Error> {
        let failed = |source| Error::Probes { operation: "write what follows from votes", source };
        let mut connection = lock(&self.writer);
        let transaction = connection.transaction().map_err(failed)?;
        for (key, target) in &after.targets {
            let TargetKey { tenant, probe, instance } = key;
            transaction
                .prepare_cached(
                    "INSERT OR REPLACE INTO target (id, tenant, probe, instance, state) VALUES (?1, ?2, ?3, ?4, ?5)",
                )
                .and_then(|mut statement| statement.execute(params![target.id, tenant, probe, instance, text(target)?]))
                .map_err(failed)?;
        }
        for ((tenant, name), collector) in &after.collectors {
            transaction
                .prepare_cached("INSERT OR REPLACE INTO collector (tenant, name, state) VALUES (?1, ?2, ?3)")
                .and_then(|mut statement| statement.execute(params![tenant, name, text(collector)?]))
                .map_err(failed)?;
        }
        for Entry { target, at, held, reason } in &after.entries {
            transaction
                .prepare_cached("INSERT OR REPLACE INTO entry (target, at, held, reason) VALUES (?1, ?2, ?3, ?4)")
                .and_then(|mut statement| statement.execute(params![target, at, code(*held), reason]))
                .map_err(failed)?;
        }
        transaction.commit().map_err(failed)
    }

    /// The ledgers of a tenant's targets, or of one, as far as they concern a period.
    pub(super) fn ledgers(
        &self,
        tenant: u32,
        target: Option<i64>,
        (from, until): (i64, i64),
    ) -> Result<BTreeMap<i64, Ledger>, Error> {
        let failed = |source| Error::Probes { operation: "read ledgers", source };
        let connection = lock(&self.reader);
        let mut ledgers: BTreeMap<i64, Ledger> = BTreeMap::new();
        // What was held when the period began was entered before it.
        let entries = "SELECT entry.target, at, held, reason FROM entry JOIN target ON target.id = entry.target
             WHERE tenant = ?1 AND (?2 IS NULL OR target.id = ?2) AND at < ?4 AND at >= ifnull(
               (SELECT max(at) FROM entry AS before WHERE before.target = target.id AND before.at <= ?3), ?3)
             ORDER BY entry.target, at";
        let mut statement = connection.prepare_cached(entries).map_err(failed)?;
        let mut rows = statement.query(params![tenant, target, from, until]).map_err(failed)?;
        while let Some(row) = rows.next().map_err(failed)? {
            let reason: String = row.get(3).map_err(failed)?;
            let held = held_of(row, 2).map_err(failed)?;
            let ledger = ledgers.entry(row.get(0).map_err(failed)?).or_default();
            if let Err(error) = ledger.enter(row.get(1).map_err(failed)?, held, &reason) {
                tracing::error!(%error, "an entry of a ledger is out of order and left out");
            }
        }
        drop(rows);
        for written in exclusions(&connection, tenant).map_err(failed)? {
            let NewExclusion { target, from, until, reason, .. } = written.exclusion;
            if written.withdrawn_at.is_some() {
                continue;
            }
            for (id, ledger) in &mut ledgers {
                let exclusion = Exclusion { from, until, reason: reason.clone() };
                if target.is_none_or(|target| target == *id)
                    && let Err(error) = ledger.exclude(exclusion)
                {
                    tracing::error!(%error, "an exclusion is left out");
                }
            }
        }
        Ok(ledgers)
    }

    /// Everything that was ever excluded, the newest last.
    pub(super) fn exclusions(&self, tenant: u32) -> Result<Vec<WrittenExclusion>, Error> {
        let failed = |source| Error::Probes { operation: "read what is excluded", source };
        exclusions(&lock(&self.reader), tenant).map_err(failed)
    }

    /// Excludes a span, durably; answers its number.
    pub(super) fn exclude(&self, new: &NewExclusion, now: i64) -> Result<i64, Error> {
        let failed = |source| Error::Probes { operation: "write what is excluded", source };
        let NewExclusion { tenant, target, from, until, reason, by } = new;
        let connection = lock(&self.writer);
        let insert = "INSERT INTO exclusion (tenant, target, from_ms, until_ms, reason, made_by, made_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
        connection.execute(insert, params![tenant, target, from, until, reason, by, now]).map_err(failed)?;
        Ok(connection.last_insert_rowid())
    }

    /// Has an exclusion count no more; answers whether there is one that did.
    pub(super) fn withdraw(&self, tenant: u32, id: i64, now: i64) -> Result<bool, Error> {
        let failed = |source| Error::Probes { operation: "take back what is excluded", source };
        let update = "UPDATE exclusion SET withdrawn_at = ?3 WHERE tenant = ?1 AND id = ?2 AND withdrawn_at IS NULL";
        Ok(lock(&self.writer).execute(update, params![tenant, id, now]).map_err(failed)? > 0)
    }

    /// Forgets what is long over. What is held since then stays.
    pub(super) fn forget(&self, now: i64) -> Result<(), Error> {
        let failed = |source| Error::Probes { operation: "cut the history of probes", source };
        let cut = "DELETE FROM entry WHERE at < ?1 AND at <
             (SELECT max(at) FROM entry AS later WHERE later.target = entry.target AND later.at <= ?1)";
        lock(&self.writer).execute(cut, params![now.saturating_sub(HISTORY_MS)]).map_err(failed)?;
        Ok(())
    }
}

/// Copies the store of `data_dir`, if there is one, into a backup at `target`.
pub(crate) fn copy(data_dir: &Path, target: &Path) -> Result<(), Error> {
    sqlite::copy(&directory(data_dir), FILE_NAME, &directory(target))
}

const SCHEMA: &str = "
     CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
     CREATE TABLE IF NOT EXISTS target (
       id INTEGER PRIMARY KEY, tenant INTEGER NOT NULL, probe TEXT NOT NULL, instance TEXT NOT NULL, state TEXT NOT NULL,
       UNIQUE (tenant, probe, instance));
     CREATE TABLE IF NOT EXISTS collector (
       tenant INTEGER NOT NULL, name TEXT NOT NULL, state TEXT NOT NULL, PRIMARY KEY (tenant, name)) WITHOUT ROWID;
     CREATE TABLE IF NOT EXISTS entry (
       target INTEGER NOT NULL, at INTEGER NOT NULL, held INTEGER NOT NULL, reason TEXT NOT NULL,
       PRIMARY KEY (target, at)) WITHOUT ROWID;
     CREATE TABLE IF NOT EXISTS exclusion (
       id INTEGER PRIMARY KEY AUTOINCREMENT, tenant INTEGER NOT NULL, target INTEGER, from_ms INTEGER NOT NULL,
       until_ms INTEGER NOT NULL, reason TEXT NOT NULL, made_by TEXT NOT NULL, made_at INTEGER NOT NULL,
       withdrawn_at INTEGER);
     INSERT OR IGNORE INTO meta VALUES ('version', 1);";

fn exclusions(connection: &Connection, tenant: u32) -> rusqlite::Result<Vec<WrittenExclusion>> {
    let all = "SELECT id, target, from_ms, until_ms, reason, made_by, made_at, withdrawn_at FROM exclusion
         WHERE tenant = ?1 ORDER BY id";
    let mut statement = connection.prepare_cached(all)?;
    let rows = statement.query_map([tenant], |row| {
        let (target, from, until) = (row.get(1)?, row.get(2)?, row.get(3)?);
        let exclusion = NewExclusion { tenant, target, from, until, reason: row.get(4)?, by: row.get(5)? };
        Ok(WrittenExclusion { id: row.get(0)?, exclusion, made_at: row.get(6)?, withdrawn_at: row.get(7)? })
    })?;
    rows.collect()
}

fn target_of(row: &Row<'_>) -> rusqlite::Result<(TargetKey, Target)> {
    let key = TargetKey { tenant: row.get(1)?, probe: row.get(2)?, instance: row.get(3)? };
    Ok((key, Target { id: row.get(0)?, ..json(row, 4)? }))
}

fn text(value: &impl serde::Serialize) -> rusqlite::Result<String> {
    serde_json::to_string(value).map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))
}

fn json<T: serde::de::DeserializeOwned>(row: &Row<'_>, column: usize) -> rusqlite::Result<T> {
    let text: String = row.get(column)?;
    serde_json::from_str(&text).map_err(|error| {
        let what = format!("a row of the store of probes does not decode: {error}");
        rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CORRUPT), Some(what))
    })
}

/// Its code on disk; never changes.
fn code(held: Held) -> i64 {
    match held {
        Held::Up => 0,
        Held::Down => 1,
        Held::Unknown => 2,
    }
}

fn held_of(row: &Row<'_>, column: usize) -> rusqlite::Result<Held> {
    match row.get(column)? {
        0 => Ok(Held::Up),
        1 => Ok(Held::Down),
        2 => Ok(Held::Unknown),
        other => Err(rusqlite::Error::IntegralValueOutOfRange(column, other)),
    }
}
