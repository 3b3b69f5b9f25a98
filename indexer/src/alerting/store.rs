//! The store of alerting: what the engine is restored from, what happened, what is to be sent and how that went.
//!
//! SQLite in WAL mode with `synchronous = FULL`. All that follows from one batch of inputs is one transaction, so a crash
//! leaves all of it or nothing. Format versions: 1.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Duration;

use orszem_alerting::{Alerting, Effects, Graph, Intent, IntentKey, Plan, Recipient, RestoreError, Table, Transition};
use orszem_model::Timestamp;
use orszem_model::time::NANOS_PER_SECOND;
use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};

use super::grant::{GrantKey, KEY_BYTES};
use super::history::{Attempt, AttemptOutcome, DeliveryRecord, DeliveryState, IncidentRecord, TimelineEvent};
use crate::error::Error;
use crate::sqlite::{self, Check, is_damage, set_aside};
use crate::wake::lock;

/// The format version this build writes and the newest it reads.
const VERSION: i64 = 1;
const FILE_NAME: &str = "alerting.sqlite";
/// What happened longer ago is forgotten.
const HISTORY_NS: i64 = 400 * 86_400 * NANOS_PER_SECOND;
/// How long the texts of messages that are done are kept.
const PAYLOADS_NS: i64 = 30 * 86_400 * NANOS_PER_SECOND;
/// How long curves are kept: longer than their messages are tried.
const CURVES_NS: i64 = 2 * 86_400 * NANOS_PER_SECOND;
/// Rows that one question is answered with at most.
pub(super) const ROWS_MAX: usize = 1_000;

/// The open store.
pub(crate) struct Store {
    pub(super) writer: Mutex<Connection>,
    /// Questions of people do not hold the writer up.
    pub(super) reader: Mutex<Connection>,
    /// What links in messages are signed with.
    grants: GrantKey,
}

/// An intent that is to be sent, without its message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Waiting {
    /// The order in which intents were written.
    pub(super) order: i64,
    pub(super) key: IntentKey,
    pub(super) recipient: Recipient,
    /// The incidents that it tells of.
    pub(super) incidents: Vec<u64>,
    /// When it is tried next.
    pub(super) next_at: Timestamp,
    pub(super) expires_at: Timestamp,
    /// How often it was tried.
    pub(super) tries: u32,
}

/// Where it is in a data directory.
pub(super) fn directory(data_dir: &Path) -> PathBuf {
    data_dir.join("alerting")
}

impl Store {
    /// Opens or creates it in `directory`, which is made where it is missing, and restores the engine. A damaged store
    /// is set aside, whose name is answered: alerting then begins anew, and nobody is owed anything.
    pub(super) fn open(
        directory: &Path,
        plan: &Plan,
        graph: &Graph,
    ) -> Result<(Self, Alerting, Option<PathBuf>), Error> {
        fs::create_dir_all(directory)
            .map_err(|source| Error::CreateDirectory { path: directory.to_owned(), source })?;
        let path = directory.join(FILE_NAME);
        let reason = match Self::open_file(&path) {
            Ok(store) => match store.restore(plan, graph) {
                Ok(engine) => return Ok((store, engine, None)),
                Err(Error::RestoreAlerting { source: RestoreError::Damaged { table } }) => {
                    format!("a row of {} is damaged", table.name())
                }
                Err(Error::Alerting { source, .. }) if is_damage(&source) => source.to_string(),
                Err(error) => return Err(error),
            },
            Err(Error::OpenDatabase { source, .. }) if is_damage(&source) => source.to_string(),
            Err(error) => return Err(error),
        };
        let kept = set_aside(directory, &path)?;
        tracing::error!(path = %kept.display(), reason, "the store of alerting is damaged; alerting begins anew");
        let store = Self::open_file(&path)?;
        let engine = store.restore(plan, graph)?;
        Ok((store, engine, Some(kept)))
    }

    fn open_file(path: &Path) -> Result<Self, Error> {
        let connection = sqlite::open_checked(path, SCHEMA, Check::Quick, VERSION)?;
        let failed = |source| Error::OpenDatabase { path: path.to_owned(), source };
        let grants = grant_key(&connection).map_err(failed)?;
        Ok(Self { writer: Mutex::new(connection), reader: Mutex::new(sqlite::reader(path)?), grants })
    }

    /// The engine as the last transaction left it.
    pub(super) fn restore(&self, plan: &Plan, graph: &Graph) -> Result<Alerting, Error> {
        let failed = |source| Error::Alerting { operation: "read the state of alerting", source };
        let connection = lock(&self.writer);
        let mut statement = connection.prepare("SELECT kind, key, value FROM state").map_err(failed)?;
        let row = |row: &Row<'_>| Ok((row.get::<_, i64>(0)?, row.get::<_, Vec<u8>>(1)?, row.get::<_, Vec<u8>>(2)?));
        let found = statement.query_map([], row).map_err(failed)?;
        let rows: Vec<(i64, Vec<u8>, Vec<u8>)> = found.collect::<rusqlite::Result<_>>().map_err(failed)?;
        let mut known = Vec::with_capacity(rows.len());
        for (code, key, value) in &rows {
            let table = usize::try_from(*code).ok().and_then(|code| Table::ALL.get(code));
            let unknown = || failed(rusqlite::Error::IntegralValueOutOfRange(0, *code));
            known.push((*table.ok_or_else(unknown)?, key.as_slice(), value.as_slice()));
        }
        Alerting::restore(plan.clone(), graph.clone(), known).map_err(|source| Error::RestoreAlerting { source })
    }

    /// Writes all that follows from a batch, or nothing. What it answered with `Ok` survives kill -9 and power loss.
    pub(super) fn commit(&self, effects: &Effects, attempts: &[Attempt], now: Timestamp) -> Result<(), Error> {
        let failed = |source| Error::Alerting { operation: "write what follows from alerts", source };
        let mut connection = lock(&self.writer);
        let transaction = connection.transaction().map_err(failed)?;
        write(&transaction, effects, attempts, now).map_err(failed)?;
        transaction.commit().map_err(failed)
    }

    /// Intents to be sent that were written after `order`, in order.
    pub(super) fn waiting_after(&self, order: i64) -> Result<Vec<Waiting>, Error> {
        let failed = |source| Error::Alerting { operation: "read what is to be sent", source };
        let connection = lock(&self.reader);
        let mut statement = connection
            .prepare_cached(
                "SELECT n, next_at, expires_at, tries, payload FROM intent WHERE n > ?1 AND state = 0 ORDER BY n",
            )
            .map_err(failed)?;
        let mut found = statement.query([order]).map_err(failed)?;
        let mut waiting = Vec::new();
        while let Some(row) = found.next().map_err(failed)? {
            let intent = intent_of(row, 4).map_err(failed)?;
            let mut incidents: Vec<u64> = intent.message.entries.iter().map(|entry| entry.incident).collect();
            incidents.push(intent.incident);
            incidents.retain(|incident| *incident != 0);
            waiting.push(Waiting {
                order: row.get(0).map_err(failed)?,
                key: intent.key,
                recipient: intent.recipient,
                incidents,
                next_at: Timestamp(row.get(1).map_err(failed)?),
                expires_at: Timestamp(row.get(2).map_err(failed)?),
                tries: row.get(3).map_err(failed)?,
            });
        }
        Ok(waiting)
    }

    /// The whole of an intent.
    pub(super) fn intent(&self, key: IntentKey) -> Result<Option<Intent>, Error> {
        let failed = |source| Error::Alerting { operation: "read a message", source };
        let query = "SELECT payload FROM intent WHERE key = ?1 AND payload IS NOT NULL";
        lock(&self.reader).query_row(query, [key.0], |row| intent_of(row, 0)).optional().map_err(failed)
    }

    /// The curve that a message shows, as it was kept; `None` where nothing was.
    pub(super) fn curve(&self, key: IntentKey) -> Result<Option<Vec<u8>>, Error> {
        let failed = |source| Error::Alerting { operation: "read the curve of a message", source };
        let query = "SELECT value FROM curve WHERE key = ?1";
        lock(&self.reader).query_row(query, [key.0], |row| row.get(0)).optional().map_err(failed)
    }

    /// Keeps the curve that a message shows. What it answered with `Ok` survives kill -9 and power loss.
    pub(super) fn keep_curve(&self, key: IntentKey, value: &[u8], now: Timestamp) -> Result<(), Error> {
        let failed = |source| Error::Alerting { operation: "keep the curve of a message", source };
        let keep = "INSERT OR REPLACE INTO curve (key, at, value) VALUES (?1, ?2, ?3)";
        lock(&self.writer).execute(keep, params![key.0, now.0, value]).map(|_| ()).map_err(failed)
    }

    /// What links in messages are signed with.
    pub(super) fn grants(&self) -> &GrantKey {
        &self.grants
    }

    /// What the channel calls the last message about an incident that a recipient got.
    pub(super) fn remote_id(&self, incident: u64, to: &Recipient) -> Result<Option<String>, Error> {
        let failed = |source| Error::Alerting { operation: "read what a message is called", source };
        let Recipient { contact, channel, target } = to;
        let query =
            "SELECT remote_id FROM thread WHERE incident = ?1 AND contact = ?2 AND channel = ?3 AND target = ?4";
        let of = params![incident.cast_signed(), contact, channel, target];
        lock(&self.reader).query_row(query, of, |row| row.get(0)).optional().map_err(failed)
    }

    /// Incidents that are over, the newest first, begun before `before`.
    pub(super) fn incidents(&self, before: i64, limit: usize) -> Result<Vec<IncidentRecord>, Error> {
        let failed = |source| Error::Alerting { operation: "read incidents", source };
        let connection = lock(&self.reader);
        let query = "SELECT value FROM incident WHERE started_at < ?1 ORDER BY started_at DESC, id DESC LIMIT ?2";
        let mut statement = connection.prepare_cached(query).map_err(failed)?;
        let found = statement.query_map(params![before, limit_of(limit)], record_of).map_err(failed)?;
        found.collect::<rusqlite::Result<_>>().map_err(failed)
    }

    /// An incident that is over.
    pub(super) fn incident(&self, id: u64) -> Result<Option<IncidentRecord>, Error> {
        let failed = |source| Error::Alerting { operation: "read an incident", source };
        let query = "SELECT value FROM incident WHERE id = ?1";
        lock(&self.reader).query_row(query, [id.cast_signed()], record_of).optional().map_err(failed)
    }

    /// The timeline of an incident, oldest first; the newest [`ROWS_MAX`] of it.
    pub(super) fn timeline(&self, incident: u64) -> Result<Vec<TimelineEvent>, Error> {
        let failed = |source| Error::Alerting { operation: "read a timeline", source };
        let connection = lock(&self.reader);
        let query = "SELECT at, text FROM event WHERE incident = ?1 ORDER BY n DESC LIMIT ?2";
        let mut statement = connection.prepare_cached(query).map_err(failed)?;
        let event = |row: &Row<'_>| Ok(TimelineEvent { at: Timestamp(row.get(0)?), text: row.get(1)? });
        let found = statement.query_map(params![incident.cast_signed(), limit_of(ROWS_MAX)], event).map_err(failed)?;
        let mut events: Vec<TimelineEvent> = found.collect::<rusqlite::Result<_>>().map_err(failed)?;
        events.reverse();
        Ok(events)
    }

    /// Since when the message waits that waits longest; `None` where none does.
    pub(super) fn waiting_since(&self) -> Result<Option<Timestamp>, Error> {
        let failed = |source| Error::Alerting { operation: "look at what is to be sent", source };
        let query = "SELECT MIN(created_at) FROM intent WHERE state = 0";
        let since: Option<i64> = lock(&self.reader).query_row(query, [], |row| row.get(0)).map_err(failed)?;
        Ok(since.map(Timestamp))
    }

    /// All changes of alerts, as `rule labels after`, with their times, in their order.
    #[cfg(test)]
    pub(super) fn transitions(&self) -> Vec<(String, Timestamp)> {
        let connection = lock(&self.reader);
        let query = "SELECT rule || ' ' || labels || ' ' || after, at FROM transition ORDER BY seq";
        let mut statement = connection.prepare(query).expect("a query");
        let row = |row: &Row<'_>| Ok((row.get(0)?, Timestamp(row.get(1)?)));
        statement.query_map([], row).expect("reads").collect::<rusqlite::Result<_>>().expect("rows")
    }

    /// Intents with their attempts, the newest first; those of one incident where one is named.
    pub(super) fn deliveries(&self, incident: Option<u64>, limit: usize) -> Result<Vec<DeliveryRecord>, Error> {
        let failed = |source| Error::Alerting { operation: "read deliveries", source };
        let connection = lock(&self.reader);
        let mut statement = connection
            .prepare_cached(
                "SELECT key, incident, kind, contact, channel, target, title, created_at, expires_at, state FROM intent
                 WHERE ?1 IS NULL OR incident = ?1 ORDER BY n DESC LIMIT ?2",
            )
            .map_err(failed)?;
        let of = incident.map(u64::cast_signed);
        let found = statement.query_map(params![of, limit_of(limit)], delivery_of).map_err(failed)?;
        let mut deliveries: Vec<([u8; 16], DeliveryRecord)> = found.collect::<rusqlite::Result<_>>().map_err(failed)?;
        let query = "SELECT at, outcome, detail FROM attempt WHERE key = ?1 ORDER BY n";
        let mut statement = connection.prepare_cached(query).map_err(failed)?;
        for (key, delivery) in &mut deliveries {
            let attempt = |row: &Row<'_>| Ok((Timestamp(row.get(0)?), state_of(row, 1)?, row.get(2)?));
            let found = statement.query_map([&*key], attempt).map_err(failed)?;
            delivery.attempts = found.collect::<rusqlite::Result<_>>().map_err(failed)?;
        }
        Ok(deliveries.into_iter().map(|(_, delivery)| delivery).collect())
    }

    /// Forgets what is over for too long.
    pub(super) fn forget(&self, now: Timestamp) -> Result<(), Error> {
        let failed = |source| Error::Alerting { operation: "forget what is over for long", source };
        let mut connection = lock(&self.writer);
        let transaction = connection.transaction().map_err(failed)?;
        let oldest = now.0.saturating_sub(HISTORY_NS);
        for statement in [
            "DELETE FROM transition WHERE seen_at < ?1",
            "DELETE FROM event WHERE at < ?1",
            "DELETE FROM incident WHERE changed_at < ?1",
            "DELETE FROM attempt WHERE at < ?1",
            "DELETE FROM thread WHERE at < ?1",
            "DELETE FROM intent WHERE created_at < ?1 AND state <> 0",
        ] {
            transaction.execute(statement, [oldest]).map_err(failed)?;
        }
        let done = "UPDATE intent SET payload = NULL WHERE created_at < ?1 AND state <> 0 AND payload IS NOT NULL";
        transaction.execute(done, [now.0.saturating_sub(PAYLOADS_NS)]).map_err(failed)?;
        let shown = "DELETE FROM curve WHERE at < ?1";
        transaction.execute(shown, [now.0.saturating_sub(CURVES_NS)]).map_err(failed)?;
        transaction.commit().map_err(failed)
    }
}

/// Writes a consistent copy of the store of `data_dir`, where there is one, into the data directory `target`.
pub(crate) fn copy(data_dir: &Path, target: &Path) -> Result<(), Error> {
    sqlite::copy(&directory(data_dir), FILE_NAME, &directory(target))
}

const SCHEMA: &str = "
     CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
     CREATE TABLE IF NOT EXISTS state (
       kind INTEGER NOT NULL, key BLOB NOT NULL, value BLOB NOT NULL, PRIMARY KEY (kind, key)) WITHOUT ROWID;
     CREATE TABLE IF NOT EXISTS transition (
       seq INTEGER PRIMARY KEY, rule TEXT NOT NULL, labels TEXT NOT NULL, before TEXT NOT NULL, after TEXT NOT NULL,
       at INTEGER NOT NULL, seen_at INTEGER NOT NULL, value REAL, reason TEXT NOT NULL);
     CREATE INDEX IF NOT EXISTS transition_seen ON transition (seen_at);
     CREATE TABLE IF NOT EXISTS event (
       n INTEGER PRIMARY KEY, incident INTEGER NOT NULL, at INTEGER NOT NULL, text TEXT NOT NULL);
     CREATE INDEX IF NOT EXISTS event_incident ON event (incident, n);
     CREATE TABLE IF NOT EXISTS incident (
       id INTEGER PRIMARY KEY, started_at INTEGER NOT NULL, changed_at INTEGER NOT NULL, value TEXT NOT NULL);
     CREATE INDEX IF NOT EXISTS incident_started ON incident (started_at);
     CREATE TABLE IF NOT EXISTS intent (
       n INTEGER PRIMARY KEY AUTOINCREMENT, key BLOB NOT NULL UNIQUE, incident INTEGER NOT NULL, kind TEXT NOT NULL,
       contact TEXT NOT NULL, channel TEXT NOT NULL, target TEXT NOT NULL, title TEXT NOT NULL, payload BLOB,
       created_at INTEGER NOT NULL, next_at INTEGER NOT NULL, expires_at INTEGER NOT NULL,
       state INTEGER NOT NULL DEFAULT 0, tries INTEGER NOT NULL DEFAULT 0);
     CREATE INDEX IF NOT EXISTS intent_waiting ON intent (n) WHERE state = 0;
     CREATE INDEX IF NOT EXISTS intent_incident ON intent (incident, n);
     CREATE TABLE IF NOT EXISTS attempt (
       n INTEGER PRIMARY KEY, key BLOB NOT NULL, at INTEGER NOT NULL, took_ms INTEGER NOT NULL,
       outcome INTEGER NOT NULL, detail TEXT NOT NULL);
     CREATE INDEX IF NOT EXISTS attempt_key ON attempt (key, n);
     CREATE TABLE IF NOT EXISTS thread (
       incident INTEGER NOT NULL, contact TEXT NOT NULL, channel TEXT NOT NULL, target TEXT NOT NULL,
       remote_id TEXT NOT NULL, at INTEGER NOT NULL, PRIMARY KEY (incident, contact, channel, target)) WITHOUT ROWID;
     CREATE TABLE IF NOT EXISTS curve (key BLOB PRIMARY KEY, at INTEGER NOT NULL, value BLOB NOT NULL) WITHOUT ROWID;
     CREATE INDEX IF NOT EXISTS curve_at ON curve (at);
     CREATE TABLE IF NOT EXISTS secret (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
     CREATE TABLE IF NOT EXISTS device (
       id INTEGER PRIMARY KEY AUTOINCREMENT, contact TEXT NOT NULL, name TEXT NOT NULL, channel TEXT NOT NULL,
       endpoint TEXT NOT NULL UNIQUE, target TEXT NOT NULL, level TEXT NOT NULL, made_at INTEGER NOT NULL,
       seen_at INTEGER);
     INSERT OR IGNORE INTO meta VALUES ('version', 1);";

fn write(to: &Transaction<'_>, effects: &Effects, attempts: &[Attempt], now: Timestamp) -> rusqlite::Result<()> {
    let Effects { transitions, events, intents, superseded, incidents, rows, unplaced: _, refused: _ } = effects;
    for row in rows {
        let kind = row.table as i64;
        match &row.value {
            Some(value) => to
                .prepare_cached("INSERT OR REPLACE INTO state (kind, key, value) VALUES (?1, ?2, ?3)")?
                .execute(params![kind, row.key, value])?,
            None => {
                to.prepare_cached("DELETE FROM state WHERE kind = ?1 AND key = ?2")?.execute(params![kind, row.key])?
            }
        };
    }
    for transition in transitions {
        write_transition(to, transition)?;
    }
    for event in events {
        to.prepare_cached("INSERT INTO event (incident, at, text) VALUES (?1, ?2, ?3)")?.execute(params![
            event.incident.cast_signed(),
            event.at.0,
            event.text
        ])?;
    }
    // Those that live are rows of the engine.
    for incident in incidents.iter().filter(|incident| !incident.is_open() || incident.merged_into.is_some()) {
        let record = IncidentRecord::of(incident);
        let text =
            serde_json::to_string(&record).map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))?;
        to.prepare_cached(
            "INSERT OR REPLACE INTO incident (id, started_at, changed_at, value) VALUES (?1, ?2, ?3, ?4)",
        )?
        .execute(params![incident.id.cast_signed(), record.started_ns, record.changed_ns, text])?;
    }
    for intent in intents {
        write_intent(to, intent, now)?;
    }
    for (old, new) in superseded {
        let outcome = AttemptOutcome::Superseded { by: *new };
        let detail = format!("{new} says what it said");
        let remote_id = String::new();
        write_attempt(to, &Attempt { key: *old, at: now, took: Duration::ZERO, outcome, detail, remote_id })?;
    }
    attempts.iter().try_for_each(|attempt| write_attempt(to, attempt))
}

fn write_transition(to: &Transaction<'_>, transition: &Transition) -> rusqlite::Result<()> {
    let Transition { seq, key, from, to: after, at, seen_at, value, reason } = transition;
    let labels: BTreeMap<&str, &str> = key.labels.iter().collect();
    let labels =
        serde_json::to_string(&labels).map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))?;
    to.prepare_cached("INSERT OR REPLACE INTO transition VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)")?.execute(
        params![
            seq.cast_signed(),
            key.rule,
            labels,
            from.to_string(),
            after.to_string(),
            at.0,
            seen_at.0,
            value,
            reason
        ],
    )?;
    Ok(())
}

fn write_intent(to: &Transaction<'_>, intent: &Intent, now: Timestamp) -> rusqlite::Result<()> {
    let Recipient { contact, channel, target } = &intent.recipient;
    to.prepare_cached(
        "INSERT INTO intent (key, incident, kind, contact, channel, target, title, payload, created_at, next_at, expires_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
    )?
    .execute(params![
        intent.key.0,
        intent.incident.cast_signed(),
        intent.kind.name(),
        contact,
        channel,
        target,
        intent.message.title,
        intent.encode(),
        now.0,
        intent.not_before.0,
        intent.expires_at.0
    ])?;
    Ok(())
}

fn write_attempt(to: &Transaction<'_>, attempt: &Attempt) -> rusqlite::Result<()> {
    let Attempt { key, at, took, outcome, detail, remote_id } = attempt;
    let took_ms = i64::try_from(took.as_millis()).unwrap_or(i64::MAX);
    to.prepare_cached("INSERT INTO attempt (key, at, took_ms, outcome, detail) VALUES (?1, ?2, ?3, ?4, ?5)")?
        .execute(params![key.0, at.0, took_ms, outcome.state().code(), detail])?;
    let next_at = match outcome {
        AttemptOutcome::Retry { next_at } => next_at.0,
        _ => at.0,
    };
    to.prepare_cached("UPDATE intent SET state = ?2, next_at = ?3, tries = tries + 1 WHERE key = ?1")?
        .execute(params![key.0, outcome.state().code(), next_at])?;
    if !remote_id.is_empty() {
        to.prepare_cached(
            "INSERT OR REPLACE INTO thread (incident, contact, channel, target, remote_id, at)
             SELECT incident, contact, channel, target, ?2, ?3 FROM intent WHERE key = ?1 AND incident <> 0",
        )?
        .execute(params![key.0, remote_id, at.0])?;
    }
    Ok(())
}

/// The key of links, which is made when it is needed first: links go on working over a restart.
fn grant_key(connection: &Connection) -> rusqlite::Result<GrantKey> {
    let query = "SELECT value FROM secret WHERE name = 'links'";
    let found: Option<Vec<u8>> = connection.query_row(query, [], |row| row.get(0)).optional()?;
    if let Some(secret) = found.filter(|secret| secret.len() == KEY_BYTES) {
        return Ok(GrantKey::new(&secret));
    }
    let secret = GrantKey::secret().map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))?;
    connection.execute("INSERT OR REPLACE INTO secret (name, value) VALUES ('links', ?1)", [&secret[..]])?;
    Ok(GrantKey::new(&secret))
}

fn intent_of(row: &Row<'_>, column: usize) -> rusqlite::Result<Intent> {
    let payload: Vec<u8> = row.get(column)?;
    Intent::decode(&payload).ok_or_else(|| {
        let what = "a message that is to be sent does not decode".to_owned();
        rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CORRUPT), Some(what))
    })
}

fn record_of(row: &Row<'_>) -> rusqlite::Result<IncidentRecord> {
    let text: String = row.get(0)?;
    let failed = |error| rusqlite::Error::FromSqlConversionFailure(0, rusqlite::types::Type::Text, Box::new(error));
    serde_json::from_str(&text).map_err(failed)
}

fn state_of(row: &Row<'_>, column: usize) -> rusqlite::Result<DeliveryState> {
    let code: i64 = row.get(column)?;
    DeliveryState::of_code(code).ok_or(rusqlite::Error::IntegralValueOutOfRange(column, code))
}

fn delivery_of(row: &Row<'_>) -> rusqlite::Result<([u8; 16], DeliveryRecord)> {
    let key: [u8; 16] = row.get(0)?;
    let record = DeliveryRecord {
        key: IntentKey(key).to_string(),
        incident: row.get::<_, i64>(1)?.cast_unsigned(),
        kind: row.get(2)?,
        recipient: Recipient { contact: row.get(3)?, channel: row.get(4)?, target: row.get(5)? },
        title: row.get(6)?,
        created_at: Timestamp(row.get(7)?),
        expires_at: Timestamp(row.get(8)?),
        state: state_of(row, 9)?,
        attempts: Vec::new(),
    };
    Ok((key, record))
}

fn limit_of(limit: usize) -> i64 {
    i64::try_from(limit.min(ROWS_MAX)).unwrap_or(i64::MAX)
}
