//! Devices in the store of alerting.

use orszem_alerting::Level;
use orszem_model::Timestamp;
use rusqlite::{OptionalExtension, Row, params};

use super::{DEVICES_MAX, Device, NewDevice};
use crate::alerting::store::Store;
use crate::error::Error;
use crate::wake::lock;

impl Store {
    /// All of them, in the order in which they were added.
    pub(in crate::alerting) fn devices(&self) -> Result<Vec<Device>, Error> {
        let failed = |source| Error::Alerting { operation: "read devices", source };
        let connection = lock(&self.reader);
        let query =
            "SELECT id, contact, name, channel, endpoint, target, level, made_at, seen_at FROM device ORDER BY id";
        let mut statement = connection.prepare_cached(query).map_err(failed)?;
        let found = statement.query_map([], device_of).map_err(failed)?;
        found.collect::<rusqlite::Result<_>>().map_err(failed)
    }

    /// Adds one, or puts it in the place of the one with its endpoint; `None` where there are too many.
    pub(super) fn add_device(&self, new: &NewDevice, now: Timestamp) -> Result<Option<i64>, Error> {
        let failed = |source| Error::Alerting { operation: "write a device", source };
        let NewDevice { contact, name, channel, endpoint, target, level_min } = new;
        let mut connection = lock(&self.writer);
        let transaction = connection.transaction().map_err(failed)?;
        let known = "SELECT COUNT(*) FROM device WHERE endpoint <> ?1";
        let count: i64 = transaction.query_row(known, [endpoint], |row| row.get(0)).map_err(failed)?;
        if usize::try_from(count).unwrap_or(usize::MAX) >= DEVICES_MAX {
            return Ok(None);
        }
        let written = "INSERT INTO device (contact, name, channel, endpoint, target, level, made_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT (endpoint) DO UPDATE SET contact = excluded.contact,
             name = excluded.name, channel = excluded.channel, target = excluded.target, level = excluded.level
             RETURNING id";
        let values = params![contact, name, channel, endpoint, target, level_min.name(), now.0];
        let id = transaction.query_row(written, values, |row| row.get(0)).map_err(failed)?;
        transaction.commit().map_err(failed)?;
        Ok(Some(id))
    }

    /// Whether there was one.
    pub(super) fn remove_device(&self, id: i64) -> Result<bool, Error> {
        let failed = |source| Error::Alerting { operation: "remove a device", source };
        let removed = lock(&self.writer).execute("DELETE FROM device WHERE id = ?1", [id]).map_err(failed)?;
        Ok(removed > 0)
    }

    /// Removes the one with this address, which is no more.
    pub(super) fn remove_target(&self, target: &str) -> Result<bool, Error> {
        let failed = |source| Error::Alerting { operation: "remove a device", source };
        let removed = lock(&self.writer).execute("DELETE FROM device WHERE target = ?1", [target]).map_err(failed)?;
        Ok(removed > 0)
    }

    pub(super) fn device_seen(&self, endpoint: &str, now: Timestamp) -> Result<bool, Error> {
        let failed = |source| Error::Alerting { operation: "write that a device was reached", source };
        let query = "UPDATE device SET seen_at = ?2 WHERE endpoint = ?1 RETURNING id";
        let found: Option<i64> = lock(&self.writer)
            .query_row(query, params![endpoint, now.0], |row| row.get(0))
            .optional()
            .map_err(failed)?;
        Ok(found.is_some())
    }
}

fn device_of(row: &Row<'_>) -> rusqlite::Result<Device> {
    let level: String = row.get(6)?;
    let level_min = Level::named(&level).unwrap_or(Level::Warning);
    let new = NewDevice {
        contact: row.get(1)?,
        name: row.get(2)?,
        channel: row.get(3)?,
        endpoint: row.get(4)?,
        target: row.get(5)?,
        level_min,
    };
    let seen_at: Option<i64> = row.get(8)?;
    Ok(Device { id: row.get(0)?, new, made_at: Timestamp(row.get(7)?), seen_at: seen_at.map(Timestamp) })
}
