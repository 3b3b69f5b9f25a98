//! The way to the engine for everybody else in the process.

use std::sync::Arc;
use std::sync::atomic::AtomicI64;

use orszem_alerting::{Alerting, Graph, Input, Plan, Refusal};
use orszem_model::Timestamp;
use tokio::sync::{Notify, mpsc, oneshot, watch};

use super::grant::{Grant, GrantError};
use super::history::{Attempt, DeliveryRecord, IncidentRecord, TimelineEvent};
use super::prometheus::{GroupView, RuleSources};
use super::store::Store;
use crate::error::Error;

/// Inputs of one submission; callers with more cut them.
pub const INPUTS_MAX: usize = 10_000;

/// What the owner of the engine is asked.
pub(super) enum Ask {
    Take {
        inputs: Vec<Input>,
        attempts: Vec<Attempt>,
        reply: Option<Reply>,
    },
    Read(Look),
    Reconfigure {
        plan: Box<Plan>,
        reply: Reply,
    },
    /// Other devices are to be told by than before.
    Devices {
        reply: Reply,
    },
    Graph(Graph),
}

/// What is to be looked at, and at what time.
pub(super) type Look = Box<dyn FnOnce(&Alerting, Timestamp) + Send>;

/// One entry an input: `None` where it was taken.
pub(super) type Reply = oneshot::Sender<Result<Vec<Option<Refusal>>, Error>>;

/// A way to the engine. Clones share one.
#[derive(Clone)]
pub struct AlertingHandle {
    pub(super) asks: mpsc::Sender<Ask>,
    pub(super) store: Arc<Store>,
    /// Told after each commit that brought intents.
    pub(super) intents: Arc<Notify>,
    pub(super) groups: watch::Receiver<Arc<Vec<GroupView>>>,
    pub(super) rules: mpsc::Sender<RuleSources>,
    /// The rules in force, for the curves of their alerts.
    pub(super) in_force: Arc<watch::Sender<Arc<RuleSources>>>,
    /// When own rules were told the time last, in nanoseconds since 1970; 0 before.
    pub(super) own_looked_at: Arc<AtomicI64>,
}

impl AlertingHandle {
    /// Gives inputs to the engine, in order; what other callers give at the same time is written with them. When it
    /// answers `Ok`, all that follows is durable; an entry is `Some` for an input that was not taken, and why.
    ///
    /// Waits while the queue is full. If the future is dropped, the inputs may still be taken.
    ///
    /// # Errors
    /// When it could not be written: then nothing of it holds, and it is to be given again. At most [`INPUTS_MAX`] inputs.
    pub async fn submit(&self, inputs: Vec<Input>) -> Result<Vec<Option<Refusal>>, Error> {
        self.take(inputs, Vec::new()).await
    }

    /// As [`Self::submit`], for threads that may block.
    ///
    /// # Errors
    /// As [`Self::submit`]. Panics when it is called on a thread of the async runtime.
    pub fn submit_blocking(&self, inputs: Vec<Input>) -> Result<Vec<Option<Refusal>>, Error> {
        check(&inputs)?;
        let (reply, answer) = oneshot::channel();
        let ask = Ask::Take { inputs, attempts: Vec::new(), reply: Some(reply) };
        self.asks.blocking_send(ask).map_err(|_| Error::ShuttingDown)?;
        answer.blocking_recv().map_err(|_| Error::ShuttingDown)?
    }

    pub(super) async fn take(&self, inputs: Vec<Input>, attempts: Vec<Attempt>) -> Result<Vec<Option<Refusal>>, Error> {
        check(&inputs)?;
        let (reply, answer) = oneshot::channel();
        let ask = Ask::Take { inputs, attempts, reply: Some(reply) };
        self.asks.send(ask).await.map_err(|_| Error::ShuttingDown)?;
        answer.await.map_err(|_| Error::ShuttingDown)?
    }

    /// Looks at the engine between two batches: what is seen is durable.
    ///
    /// # Errors
    /// [`Error::ShuttingDown`].
    pub async fn read<T: Send + 'static>(
        &self,
        look: impl FnOnce(&Alerting, Timestamp) -> T + Send + 'static,
    ) -> Result<T, Error> {
        let (reply, answer) = oneshot::channel();
        // Whoever asked may be gone; then nobody needs the answer.
        let ask = Ask::Read(Box::new(move |engine, now| drop(reply.send(look(engine, now)))));
        self.asks.send(ask).await.map_err(|_| Error::ShuttingDown)?;
        answer.await.map_err(|_| Error::ShuttingDown)
    }

    /// Puts another configuration in force, and has rule files read again.
    ///
    /// # Errors
    /// When what follows could not be written; the old one stays in force.
    pub async fn reconfigure(&self, plan: Plan, rules: RuleSources) -> Result<(), Error> {
        let (reply, answer) = oneshot::channel();
        self.asks.send(Ask::Reconfigure { plan: Box::new(plan), reply }).await.map_err(|_| Error::ShuttingDown)?;
        answer.await.map_err(|_| Error::ShuttingDown)??;
        self.in_force.send_replace(Arc::new(rules.clone()));
        self.rules.send(rules).await.map_err(|_| Error::ShuttingDown)
    }

    /// Puts another topology in force.
    ///
    /// # Errors
    /// [`Error::ShuttingDown`].
    pub async fn set_graph(&self, graph: Graph) -> Result<(), Error> {
        self.asks.send(Ask::Graph(graph)).await.map_err(|_| Error::ShuttingDown)
    }

    /// What a link in a message lets its holder do at `now`.
    ///
    /// # Errors
    /// When it is none of ours, or too old.
    pub fn grant(&self, token: &str, now: Timestamp) -> Result<Grant, GrantError> {
        self.store.grants().open(token, now)
    }

    /// The rule groups as they were last evaluated.
    pub fn groups(&self) -> Arc<Vec<GroupView>> {
        Arc::clone(&self.groups.borrow())
    }

    /// Incidents that are over, the newest first, begun before `before`. Blocks on the disk.
    ///
    /// # Errors
    /// When the store can't be read.
    pub fn past_incidents(&self, before: Timestamp, limit: usize) -> Result<Vec<IncidentRecord>, Error> {
        self.store.incidents(before.0, limit)
    }

    /// An incident that is over. Blocks on the disk.
    ///
    /// # Errors
    /// When the store can't be read.
    pub fn past_incident(&self, id: u64) -> Result<Option<IncidentRecord>, Error> {
        self.store.incident(id)
    }

    /// The timeline of an incident, oldest first. Blocks on the disk.
    ///
    /// # Errors
    /// When the store can't be read.
    pub fn timeline(&self, incident: u64) -> Result<Vec<TimelineEvent>, Error> {
        self.store.timeline(incident)
    }

    /// What was or is to be sent, the newest first, with all attempts. Blocks on the disk.
    ///
    /// # Errors
    /// When the store can't be read.
    pub fn deliveries(&self, incident: Option<u64>, limit: usize) -> Result<Vec<DeliveryRecord>, Error> {
        self.store.deliveries(incident, limit)
    }
}

fn check(inputs: &[Input]) -> Result<(), Error> {
    if inputs.len() > INPUTS_MAX { Err(Error::TooManyInputs { limit: INPUTS_MAX }) } else { Ok(()) }
}
