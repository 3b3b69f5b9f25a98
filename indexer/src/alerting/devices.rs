//! Browsers that people had themselves be told by: addresses of contacts that stand in no configuration.

mod store;

use std::sync::Arc;

use orszem_alerting::{Address, Level};
use orszem_model::Timestamp;
use tokio::sync::oneshot;

use super::handle::{AlertingHandle, Ask};
use super::store::Store;
use crate::error::Error;
use crate::maintenance;

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
        let store = Arc::clone(&self.store);
        tokio::task::spawn_blocking(move || ask(&store)).await.map_err(|source| Error::Blocking { source })?
    }

    async fn devices_changed(&self) -> Result<(), Error> {
        let (reply, answer) = oneshot::channel();
        self.asks.send(Ask::Devices { reply }).await.map_err(|_| Error::ShuttingDown)?;
        answer.await.map_err(|_| Error::ShuttingDown)?.map(|_| ())
    }
}
