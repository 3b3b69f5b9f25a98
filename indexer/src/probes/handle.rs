//! The way to the state of probes for everybody else in the process.

use std::sync::Arc;
use std::time::Duration;

use orszem_availability::ledger::Ledger;
use orszem_availability::{Reply, Told, VOTES_MAX, WAIT_MS_MAX};
use tokio::sync::{mpsc, oneshot};

use super::known::{Known, Target, TargetKey};
use super::store::{NewExclusion, Store, WrittenExclusion};
use crate::error::Error;
use crate::maintenance;

/// What is to be looked at, and at what time in milliseconds since 1970.
pub(super) type Look = Box<dyn FnOnce(&Known, i64) + Send>;

/// What the owner is asked.
pub(super) enum Ask {
    Told {
        tenant: u32,
        told: Told,
        reply: oneshot::Sender<Result<Reply, Error>>,
    },
    /// Answered as soon as there is something for the collector to probe.
    Questions {
        tenant: u32,
        collector: String,
        reply: oneshot::Sender<Reply>,
    },
    Read(Look),
}

/// A target with what was held of it.
#[derive(Clone, Debug, PartialEq)]
pub struct TargetLedger {
    pub key: TargetKey,
    pub target: Target,
    /// As [`Known::dissent`].
    pub dissent: usize,
    pub ledger: Ledger,
}

/// A way to the state. Clones share one.
#[derive(Clone, Debug)]
pub struct ProbesHandle {
    pub(super) asks: mpsc::Sender<Ask>,
    pub(super) store: Arc<Store>,
}

impl ProbesHandle {
    /// Takes what a collector tells. When it answers `Ok`, it is durable. Where nothing is to be asked it waits as long as
    /// the collector wishes.
    ///
    /// # Errors
    /// When it could not be written: it is to be told again. [`Error::TooManyInputs`] for more than [`VOTES_MAX`].
    pub async fn tell(&self, tenant: u32, told: Told) -> Result<Reply, Error> {
        if told.votes.len() > VOTES_MAX {
            return Err(Error::TooManyInputs { limit: VOTES_MAX });
        }
        let wait = Duration::from_millis(told.wait_ms.min(WAIT_MS_MAX));
        let collector = told.collector.clone();
        let (reply, answer) = oneshot::channel();
        self.asks.send(Ask::Told { tenant, told, reply }).await.map_err(|_| Error::ShuttingDown)?;
        let answer = answer.await.map_err(|_| Error::ShuttingDown)??;
        if wait.is_zero() || !answer.asked.is_empty() {
            return Ok(answer);
        }
        let (reply, questions) = oneshot::channel();
        self.asks.send(Ask::Questions { tenant, collector, reply }).await.map_err(|_| Error::ShuttingDown)?;
        match tokio::time::timeout(wait, questions).await {
            Ok(Ok(asked)) => Ok(asked),
            // It is over, or another request of the collector waits now.
            Ok(Err(_)) | Err(_) => Ok(Reply::default()),
        }
    }

    /// Looks at the state between two batches: what is seen is durable.
    ///
    /// # Errors
    /// [`Error::ShuttingDown`].
    pub async fn read<T: Send + 'static>(
        &self,
        look: impl FnOnce(&Known, i64) -> T + Send + 'static,
    ) -> Result<T, Error> {
        let (reply, answer) = oneshot::channel();
        // Whoever asked may be gone; then nobody needs the answer.
        let ask = Ask::Read(Box::new(move |known, now| drop(reply.send(look(known, now)))));
        self.asks.send(ask).await.map_err(|_| Error::ShuttingDown)?;
        answer.await.map_err(|_| Error::ShuttingDown)
    }

    /// The targets of a tenant, or the one of a number, with their ledgers as far as they concern a period (milliseconds
    /// since 1970), by probe and instance.
    ///
    /// # Errors
    /// When the store can't be read.
    pub async fn ledgers(
        &self,
        tenant: u32,
        target: Option<i64>,
        period: (i64, i64),
    ) -> Result<Vec<TargetLedger>, Error> {
        let look = move |known: &Known, _: i64| {
            let is_meant = |found: &Target| target.is_none_or(|id| id == found.id);
            let found = known.targets(tenant).filter(|(_, found)| is_meant(found));
            found.map(|(key, found)| (key.clone(), found.clone(), known.dissent(key, found))).collect::<Vec<_>>()
        };
        let found = self.read(look).await?;
        let store = Arc::clone(&self.store);
        let read = tokio::task::spawn_blocking(move || store.ledgers(tenant, target, period));
        let mut ledgers = read.await.map_err(|source| Error::Blocking { source })??;
        let with = |(key, target, dissent): (TargetKey, Target, usize)| {
            let ledger = ledgers.remove(&target.id).unwrap_or_default();
            TargetLedger { key, target, dissent, ledger }
        };
        Ok(found.into_iter().map(with).collect())
    }

    /// Everything that a tenant has ever excluded.
    ///
    /// # Errors
    /// When the store can't be read.
    pub async fn exclusions(&self, tenant: u32) -> Result<Vec<WrittenExclusion>, Error> {
        let store = Arc::clone(&self.store);
        let read = tokio::task::spawn_blocking(move || store.exclusions(tenant));
        read.await.map_err(|source| Error::Blocking { source })?
    }

    /// Leaves a span out of all counting, durably; answers its number.
    ///
    /// # Errors
    /// When it could not be written.
    pub async fn exclude(&self, new: NewExclusion) -> Result<i64, Error> {
        let store = Arc::clone(&self.store);
        let write = tokio::task::spawn_blocking(move || store.exclude(&new, now_ms()));
        write.await.map_err(|source| Error::Blocking { source })?
    }

    /// Has what was excluded count again; answers whether it was excluded. It stays on record.
    ///
    /// # Errors
    /// When it could not be written.
    pub async fn withdraw(&self, tenant: u32, id: i64) -> Result<bool, Error> {
        let store = Arc::clone(&self.store);
        let write = tokio::task::spawn_blocking(move || store.withdraw(tenant, id, now_ms()));
        write.await.map_err(|source| Error::Blocking { source })?
    }
}

/// Milliseconds since 1970.
pub(super) fn now_ms() -> i64 {
    maintenance::now().0 / 1_000_000
}
