//! The catalogue of edges: for each, who told of it, from when on, and until when.
//!
//! SQLite in WAL mode with `synchronous = FULL`; a command is in it as a whole or not at all, together with its place
//! in the journal, so that replay leaves out what is in it. Format versions: 1.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use orszem_model::Timestamp;
use orszem_model::time::NANOS_PER_SECOND;
use orszem_model::topology::{Edge, EdgeChange, Relation};
use rusqlite::{Connection, Row, Transaction, params};

use super::{CHANGES_MAX, EdgeChanges, HISTORY_DAYS, HISTORY_MAX, HeldEdge};
use crate::error::Error;
use crate::sqlite::{self, Check, is_damage};
use crate::wake::lock;

/// The format version this build writes and the newest it reads.
const VERSION: i64 = 1;
const FILE_NAME: &str = "topology.sqlite";
const HISTORY_NS: i64 = HISTORY_DAYS * 86_400 * NANOS_PER_SECOND;

/// The open catalogue.
#[derive(Debug)]
pub(crate) struct Store {
    connection: Mutex<Connection>,
}

/// Where it is in a data directory.
pub(crate) fn directory(data_dir: &Path) -> PathBuf {
    data_dir.join("topology")
}

impl Store {
    /// Opens or creates it in `directory`, which must exist. A damaged one is set aside, which is logged: the edges
    /// are learned anew, and their history is lost.
    pub(crate) fn open(directory: &Path) -> Result<Self, Error> {
        let path = directory.join(FILE_NAME);
        match Self::open_file(&path) {
            Err(Error::OpenDatabase { source, .. }) if is_damage(&source) => {
                let kept = sqlite::set_aside(directory, &path)?;
                tracing::error!(path = %kept.display(), error = %source, "the topology is damaged; it is learned anew");
                Self::open_file(&path)
            }
            opened => opened,
        }
    }

    fn open_file(path: &Path) -> Result<Self, Error> {
        let connection = sqlite::open_checked(path, SCHEMA, Check::Whole, VERSION)?;
        Ok(Self { connection: Mutex::new(connection) })
    }

    /// Carries out the command at `position` of the journal, unless it was before.
    pub(crate) fn apply(&self, position: u64, told: &EdgeChanges) -> Result<(), Error> {
        let failed = |source| Error::Topology { operation: "change edges of the topology", source };
        let mut connection = lock(&self.connection);
        let transaction = connection.transaction().map_err(failed)?;
        let moved = "UPDATE meta SET value = ?1 WHERE key = 'position' AND value < ?1";
        // The first position is 0 or more, and 0 stands for nothing.
        if transaction.execute(moved, [position.saturating_add(1).cast_signed()]).map_err(failed)? == 0 {
            return Ok(());
        }
        for change in &told.changes {
            apply_change(&transaction, told, change).map_err(failed)?;
        }
        if let Some(newest) = told.changes.iter().map(|change| change.at.0).max() {
            forget(&transaction, told.tenant, newest).map_err(failed)?;
        }
        transaction.commit().map_err(failed)
    }

    /// Commands before this place in the journal are in it.
    pub(crate) fn position(&self) -> Result<u64, Error> {
        let failed = |source| Error::Topology { operation: "read how far the topology is", source };
        let query = "SELECT value FROM meta WHERE key = 'position'";
        let position: i64 = lock(&self.connection).query_row(query, [], |row| row.get(0)).map_err(failed)?;
        Ok(position.cast_unsigned())
    }

    /// The edges of the tenant at a moment.
    pub(super) fn at(&self, tenant: u32, at: Timestamp) -> Result<Vec<HeldEdge>, Error> {
        let failed = |source| Error::Topology { operation: "read the topology", source };
        let connection = lock(&self.connection);
        let mut statement = connection
            .prepare_cached(
                "SELECT source, relation, target, detail, origin, min(since) FROM edges
                 WHERE tenant = ?1 AND since <= ?2 AND (until IS NULL OR until > ?2)
                 GROUP BY source, relation, target, detail, origin ORDER BY source, relation, target, detail, origin",
            )
            .map_err(failed)?;
        let held = |row: &Row<'_>| Ok(HeldEdge { edge: edge_of(row)?, since: Timestamp(row.get(5)?) });
        let found = statement.query_map(params![tenant, at.0], held).map_err(failed)?;
        found.collect::<rusqlite::Result<_>>().map_err(failed)
    }

    /// What changed of the tenant's edges.
    pub(super) fn changes(&self, tenant: u32, from: Timestamp, to: Timestamp) -> Result<Vec<EdgeChange>, Error> {
        let failed = |source| Error::Topology { operation: "read the history of the topology", source };
        let connection = lock(&self.connection);
        let mut statement = connection
            .prepare_cached(
                "SELECT source, relation, target, detail, origin, at, is_there FROM (
                   SELECT source, relation, target, detail, origin, since AS at, 1 AS is_there FROM edges
                     WHERE tenant = ?1 AND since >= ?2 AND since < ?3
                   UNION
                   SELECT source, relation, target, detail, origin, until, 0 FROM edges
                     WHERE tenant = ?1 AND until >= ?2 AND until < ?3)
                 ORDER BY at DESC, is_there DESC, source DESC, relation DESC, target DESC, detail DESC LIMIT ?4",
            )
            .map_err(failed)?;
        let change = |row: &Row<'_>| {
            Ok(EdgeChange { edge: edge_of(row)?, at: Timestamp(row.get(5)?), is_there: row.get::<_, i64>(6)? == 1 })
        };
        let limit = i64::try_from(CHANGES_MAX).unwrap_or(i64::MAX);
        let found = statement.query_map(params![tenant, from.0, to.0, limit], change).map_err(failed)?;
        let mut changes: Vec<EdgeChange> = found.collect::<rusqlite::Result<_>>().map_err(failed)?;
        changes.reverse();
        Ok(changes)
    }

    /// The current edges that a reporter told of.
    pub(super) fn of_reporter(
        &self,
        tenant: u32,
        reporter: &str,
        origin: Option<&str>,
    ) -> Result<BTreeSet<Edge>, Error> {
        let failed = |source| Error::Topology { operation: "read a reporter's edges", source };
        let connection = lock(&self.connection);
        let mut statement = connection
            .prepare_cached(
                "SELECT source, relation, target, detail, origin FROM edges
                 WHERE tenant = ?1 AND reporter = ?2 AND (?3 IS NULL OR origin = ?3) AND until IS NULL",
            )
            .map_err(failed)?;
        let found = statement.query_map(params![tenant, reporter, origin], edge_of).map_err(failed)?;
        found.collect::<rusqlite::Result<_>>().map_err(failed)
    }

    /// Everyone whose edges hold now, with the tenant.
    pub(super) fn reporters(&self) -> Result<Vec<(u32, String)>, Error> {
        let failed = |source| Error::Topology { operation: "read who told of edges", source };
        let connection = lock(&self.connection);
        let query = "SELECT DISTINCT tenant, reporter FROM edges WHERE until IS NULL ORDER BY tenant, reporter";
        let mut statement = connection.prepare_cached(query).map_err(failed)?;
        let found = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).map_err(failed)?;
        found.collect::<rusqlite::Result<_>>().map_err(failed)
    }

    /// How many edges the tenant has now, counted for each reporter.
    pub(super) fn count(&self, tenant: u32) -> Result<usize, Error> {
        let failed = |source| Error::Topology { operation: "count edges", source };
        let counted: i64 = lock(&self.connection)
            .query_row("SELECT count(*) FROM edges WHERE tenant = ?1 AND until IS NULL", [tenant], |row| row.get(0))
            .map_err(failed)?;
        Ok(usize::try_from(counted).unwrap_or(usize::MAX))
    }

    /// Writes a consistent copy into `directory`.
    pub(crate) fn copy_to(&self, directory: &Path) -> Result<(), Error> {
        let failed = |source| Error::Topology { operation: "copy the topology for the backup", source };
        sqlite::copy_into(&lock(&self.connection), &directory.join(FILE_NAME)).map_err(failed)
    }
}

fn apply_change(transaction: &Transaction<'_>, told: &EdgeChanges, change: &EdgeChange) -> rusqlite::Result<usize> {
    let EdgeChanges { tenant, reporter, changes: _ } = told;
    let EdgeChange { at, edge, is_there } = change;
    let Edge { from, relation, to, detail, origin } = edge;
    let values = params![tenant, reporter, origin, from, *relation as i64, to, detail, at.0];
    // One that begins again goes on, and one that is over stays so.
    let statement = if *is_there {
        "INSERT OR IGNORE INTO edges (tenant, reporter, origin, source, relation, target, detail, since)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)"
    } else {
        "UPDATE edges SET until = max(since, ?8)
         WHERE tenant = ?1 AND reporter = ?2 AND origin = ?3 AND source = ?4 AND relation = ?5 AND target = ?6
           AND detail = ?7 AND until IS NULL"
    };
    transaction.prepare_cached(statement)?.execute(values)
}

/// Forgets what is over for too long, and the oldest of too much.
fn forget(transaction: &Transaction<'_>, tenant: u32, newest: i64) -> rusqlite::Result<()> {
    let oldest = newest.saturating_sub(HISTORY_NS);
    transaction
        .prepare_cached("DELETE FROM edges WHERE tenant = ?1 AND until IS NOT NULL AND until < ?2")?
        .execute(params![tenant, oldest])?;
    let kept = i64::try_from(HISTORY_MAX).unwrap_or(i64::MAX);
    transaction
        .prepare_cached(
            "DELETE FROM edges WHERE tenant = ?1 AND until IS NOT NULL AND until < (
               SELECT until FROM edges WHERE tenant = ?1 AND until IS NOT NULL
               ORDER BY until DESC LIMIT 1 OFFSET ?2)",
        )?
        .execute(params![tenant, kept])?;
    Ok(())
}

fn edge_of(row: &Row<'_>) -> rusqlite::Result<Edge> {
    let code: i64 = row.get(1)?;
    let relation =
        Relation::from_code(code.cast_unsigned()).ok_or(rusqlite::Error::IntegralValueOutOfRange(1, code))?;
    Ok(Edge { from: row.get(0)?, relation, to: row.get(2)?, detail: row.get(3)?, origin: row.get(4)? })
}

const SCHEMA: &str = "
     CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
     CREATE TABLE IF NOT EXISTS edges (
       id INTEGER PRIMARY KEY, tenant INTEGER NOT NULL, reporter TEXT NOT NULL, origin TEXT NOT NULL,
       source TEXT NOT NULL, relation INTEGER NOT NULL, target TEXT NOT NULL, detail TEXT NOT NULL,
       since INTEGER NOT NULL, until INTEGER);
     CREATE UNIQUE INDEX IF NOT EXISTS current ON edges
       (tenant, reporter, origin, source, relation, target, detail) WHERE until IS NULL;
     CREATE INDEX IF NOT EXISTS ended ON edges (tenant, until) WHERE until IS NOT NULL;
     INSERT OR IGNORE INTO meta VALUES ('version', 1), ('position', 0);";
