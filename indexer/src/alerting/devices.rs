//! Browsers that people had themselves be told by: addresses of contacts that stand in no configuration.

use orszem_alerting::{Address, Level};
use orszem_model::Timestamp;
use rusqlite::{OptionalExtension, Row, params};

use super::handle::{AlertingHandle, Ask};
use super::store::Store;
use crate::error::Error;
use crate::maintenance;
use crate::wake::lock;

/// Devices at most; more are refused.
pub const DEVICES_MAX: usize = 1_000;

/// A browser to be added.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewDevice {
    /// Whose it is.
    pub contact: String,
    /// What its owner calls it.
    pub name: String,
    pub channel: String,
    /// Where it is reached; a device that is added again takes the place of the one before.
    pub endpoint: String,
    /// The address on the channel.
    pub target: String,
    pub level_min: Level,
}

/// A browser that is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    pub id: i64,
    pub new: NewDevice,
    pub made_at: Timestamp,
    /// When it last said that a message came.
    pub seen_at: Option<Timestamp>,
}

impl Device {
    /// As an address of its contact.
    pub(super) fn address(self) -> (String, Address) {
        let NewDevice { contact, channel, target, level_min, .. } = self.new;
        (contact, Address { channel, target, level_min })
    }
}

impl Store {
    /// All of them, in the order in which they were added.
    pub(super) fn devices(&self) -> Result<Vec<Device>, Error> {
        let failed = |source| Error::Alerting { operation: "read devices", source };
        let connection = lock(&self.reader);
        let query =
            "SELECT id, contact, name, channel, endpoint, target, level, made_at, seen_at FROM device ORDER BY id";
        let mut statement = connection.prepare_cached(query).map_err(failed)?;
        let found = statement.query_map([], device_of).map_err(failed)?;
        found.collect::<rusqlite::Result<_>>().map_err(failed)
    }

    /// Adds one, or puts it in the place of the one with its endpoint; `None` where there are too many.
    fn add_device(&self, new: &NewDevice, now: Timestamp) -> Result<Option<i64>, Error> {
        let failed = |source| Error::Alerting { operation: "write a device", source };
        let NewDevice { contact, name, channel, endpoint, target, level_min } = new;
        let mut connection = lock(&self.writer);
        let transaction = connection.transaction().map_err(failed)?;
        let known = "SELECT COUNT(*) FROM device WHERE endpoint <> ?1";
        let count: i64 = transaction.query_row(known, [endpoint], |row| row.get(0)).map_err(failed)?;
        if usize::try_from(count).unwrap_or_default() >= DEVICES_MAX {
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
    fn remove_device(&self, id: i64) -> Result<bool, Error> {
        let failed = |source| Error::Alerting { operation: "remove a device", source };
        let removed = lock(&self.writer).execute("DELETE FROM device WHERE id = ?1", [id]).map_err(failed)?;
        Ok(removed > 0)
    }

    /// Removes the one with this address, which is no more.
    fn remove_target(&self, target: &str) -> Result<bool, Error> {
        let failed = |source| Error::Alerting { operation: "remove a device", source };
        let removed = lock(&self.writer).execute("DELETE FROM device WHERE target = ?1", [target]).map_err(failed)?;
        Ok(removed > 0)
    }

    fn device_seen(&self, endpoint: &str, now: Timestamp) -> Result<bool, Error> {
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
    let level_min = Level::ALL.into_iter().find(|one| one.name() == level).unwrap_or(Level::Warning);
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

impl AlertingHandle {
    /// All devices, in the order in which they were added.
    ///
    /// # Errors
    /// When the store can't be read.
    pub async fn devices(&self) -> Result<Vec<Device>, Error> {
        self.of_store(Store::devices).await
    }

    /// Adds a device durably, and has its contact told by it from now on; `None` where there are [`DEVICES_MAX`].
    ///
    /// # Errors
    /// When it could not be written.
    pub async fn add_device(&self, new: NewDevice) -> Result<Option<i64>, Error> {
        let added = self.of_store(move |store| store.add_device(&new, maintenance::now())).await?;
        if added.is_some() {
            self.devices_changed().await?;
        }
        Ok(added)
    }

    /// Removes a device; whether there was one.
    ///
    /// # Errors
    /// When it could not be written.
    pub async fn remove_device(&self, id: i64) -> Result<bool, Error> {
        let is_removed = self.of_store(move |store| store.remove_device(id)).await?;
        if is_removed {
            self.devices_changed().await?;
        }
        Ok(is_removed)
    }

    /// Removes the device with an address that is no more.
    pub(super) async fn forget_target(&self, target: String) -> Result<(), Error> {
        if self.of_store(move |store| store.remove_target(&target)).await? {
            self.devices_changed().await?;
        }
        Ok(())
    }

    /// Writes that a message came to the device with this endpoint; whether there is one.
    ///
    /// # Errors
    /// When it could not be written.
    pub async fn device_seen(&self, endpoint: String) -> Result<bool, Error> {
        self.of_store(move |store| store.device_seen(&endpoint, maintenance::now())).await
    }

    async fn of_store<T: Send + 'static>(
        &self,
        ask: impl FnOnce(&Store) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let store = std::sync::Arc::clone(&self.store);
        tokio::task::spawn_blocking(move || ask(&store)).await.map_err(|source| Error::Blocking { source })?
    }

    async fn devices_changed(&self) -> Result<(), Error> {
        let (reply, answer) = tokio::sync::oneshot::channel();
        self.asks.send(Ask::Devices { reply }).await.map_err(|_| Error::ShuttingDown)?;
        answer.await.map_err(|_| Error::ShuttingDown)?.map(|_| ())
    }
}
