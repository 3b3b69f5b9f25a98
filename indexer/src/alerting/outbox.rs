//! The senders: intents in order, each under its key, until they are delivered, refused or too old.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use orszem_alerting::{Delivery, Input, Intent, IntentKey, Recipient};
use orszem_model::Timestamp;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::curve::{Curve, Curves};
use super::grant::Act;
use super::handle::AlertingHandle;
use super::history::{Attempt, AttemptOutcome};
use super::metrics::AlertingMetrics;
use super::store::Waiting;
use crate::error::{Error, chain};
use crate::maintenance;

/// Messages under way at once; one a recipient.
const SENDING_MAX: usize = 32;
/// The longest that an attempt may take.
const ATTEMPT_MAX: Duration = Duration::from_secs(60);
/// The pause after the first attempt that failed; it doubles …
const PAUSE: Duration = Duration::from_secs(1);
/// … up to this.
const PAUSE_MAX: Duration = Duration::from_secs(300);
/// How long to wait after a failure of the store.
const AFTER_FAILURE: Duration = Duration::from_secs(1);
/// The longest wait without looking.
const WAIT_MAX: Duration = Duration::from_secs(30);

/// What became of an attempt. Texts go into the delivery log: no secret is in them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sent {
    /// The other side took it; what it calls the message, empty where it has no name.
    Delivered { detail: String, remote_id: String },
    /// It may work later, under the same key; `after` is how long the other side asked to be left alone.
    Retry { after: Option<Duration>, reason: String },
    /// It won't work, however often it is tried; where the address itself is gone nothing is sent there any more.
    Refused { reason: String, is_gone: bool },
}

/// Something to send.
#[derive(Clone, Debug, PartialEq)]
pub struct Sending {
    pub intent: Intent,
    /// What can be done from the message itself: tokens of the links that do it.
    pub grants: Vec<(Act, String)>,
    /// What the other side calls the last message about this incident to this recipient.
    pub earlier: Option<String>,
    /// The series in question; the same for all attempts.
    pub curve: Option<Curve>,
}

/// The channels.
pub trait Deliver: Send + Sync + 'static {
    /// Sends it once. A repeat has the same key, by which the channel lets the other side recognise it.
    fn deliver<'a>(&'a self, sending: &'a Sending) -> Pin<Box<dyn Future<Output = Sent> + Send + 'a>>;
}

/// What waits for each recipient, in order.
#[derive(Default)]
struct Queues {
    by_recipient: BTreeMap<Recipient, VecDeque<Waiting>>,
    busy: BTreeSet<Recipient>,
    /// The last intent that was read.
    order: i64,
}

/// What is left of an intent after an attempt.
enum Left {
    Nothing,
    /// To be tried again.
    Again(Waiting),
}

/// What an attempt needs.
#[derive(Clone)]
pub(super) struct Sender {
    pub(super) handle: AlertingHandle,
    pub(super) channels: Arc<dyn Deliver>,
    pub(super) curves: Arc<Curves>,
    pub(super) metrics: Arc<AlertingMetrics>,
}

/// Sends what is to be sent until `stop`.
pub(super) async fn run(sender: Sender, stop: CancellationToken) {
    let handle = &sender.handle;
    let mut queues = Queues::default();
    let mut sending: JoinSet<(Recipient, Left)> = JoinSet::new();
    loop {
        if let Err(error) = queues.read(handle).await {
            tracing::error!(error = %chain(&error), "what is to be sent can't be read; it is tried again");
            tokio::select! {
                () = stop.cancelled() => break,
                () = tokio::time::sleep(AFTER_FAILURE) => continue,
            }
        }
        let now = maintenance::now();
        while sending.len() < SENDING_MAX {
            let Some(waiting) = queues.next(now) else { break };
            let (sender, stop) = (sender.clone(), stop.clone());
            sending.spawn(async move {
                let recipient = waiting.recipient.clone();
                let left = attempt(&sender, waiting, &stop).await;
                (recipient, left)
            });
        }
        let wait = queues.wait(now);
        tokio::select! {
            () = stop.cancelled() => break,
            () = handle.intents.notified() => {}
            Some(ended) = sending.join_next() => match ended {
                Ok((recipient, left)) => queues.done(&recipient, left),
                Err(error) => {
                    // Which one it was is not known: when the others are done, all is read again.
                    tracing::error!(%error, "an attempt to send ended badly");
                    while sending.join_next().await.is_some() {}
                    queues = Queues::default();
                }
            },
            () = tokio::time::sleep(wait) => {}
        }
    }
    // What is under way has its time; what does not end is sent again after the start, under its key.
    while sending.join_next().await.is_some() {}
}

impl Queues {
    async fn read(&mut self, handle: &AlertingHandle) -> Result<(), Error> {
        let (store, order) = (Arc::clone(&handle.store), self.order);
        let read = tokio::task::spawn_blocking(move || store.waiting_after(order)).await;
        for waiting in read.map_err(|source| Error::Blocking { source })?? {
            self.order = waiting.order;
            self.by_recipient.entry(waiting.recipient.clone()).or_default().push_back(waiting);
        }
        Ok(())
    }

    /// Takes out one that is due, is not behind another that tells of the same, and whose recipient is free.
    fn next(&mut self, now: Timestamp) -> Option<Waiting> {
        let free = self.by_recipient.iter_mut().filter(|(recipient, _)| !self.busy.contains(recipient));
        for (recipient, queue) in free {
            if let Some(at) = first_due(queue, now) {
                let waiting = queue.remove(at)?;
                self.busy.insert(recipient.clone());
                return Some(waiting);
            }
        }
        None
    }

    fn done(&mut self, recipient: &Recipient, left: Left) {
        self.busy.remove(recipient);
        let Some(queue) = self.by_recipient.get_mut(recipient) else { return };
        if let Left::Again(waiting) = left {
            let at = queue.partition_point(|other| other.order < waiting.order);
            queue.insert(at, waiting);
        }
        if queue.is_empty() {
            self.by_recipient.remove(recipient);
        }
    }

    /// Until the next may be due.
    fn wait(&self, now: Timestamp) -> Duration {
        let waiting = self.by_recipient.iter().filter(|(recipient, _)| !self.busy.contains(recipient));
        let due = waiting.flat_map(|(_, queue)| queue).map(|waiting| waiting.next_at.min(waiting.expires_at)).min();
        let nanos = due.map(|due| due.0.saturating_sub(now.0).max(1_000_000).cast_unsigned());
        nanos.map_or(WAIT_MAX, Duration::from_nanos).min(WAIT_MAX)
    }
}

fn first_due(queue: &VecDeque<Waiting>, now: Timestamp) -> Option<usize> {
    let mut told: BTreeSet<u64> = BTreeSet::new();
    for (at, waiting) in queue.iter().enumerate() {
        let is_due = waiting.next_at <= now || waiting.expires_at <= now;
        if is_due && !waiting.incidents.iter().any(|incident| told.contains(incident)) {
            return Some(at);
        }
        told.extend(&waiting.incidents);
    }
    None
}

/// Leases it, sends it, and writes how that went.
async fn attempt(sender: &Sender, mut waiting: Waiting, stop: &CancellationToken) -> Left {
    let Sender { handle, channels, curves, metrics } = sender;
    let key = waiting.key;
    let now = maintenance::now();
    if waiting.expires_at <= now {
        let outcome = AttemptOutcome::Expired;
        let detail = "it could not be delivered in time".to_owned();
        metrics.attempt(&waiting.recipient.channel, outcome);
        let told = Attempt { key, at: now, took: Duration::ZERO, outcome, detail, remote_id: String::new() };
        return record(handle, vec![Input::Delivered { key, outcome: Delivery::Expired }], told, stop).await;
    }
    match handle.submit(vec![Input::Leased(key)]).await.map(|answers| answers.into_iter().next().flatten()) {
        Ok(None) => {}
        // Another one says what it said.
        Ok(Some(_)) => return Left::Nothing,
        Err(_) => {
            waiting.next_at = now.after(AFTER_FAILURE);
            return Left::Again(waiting);
        }
    }
    let begun = Instant::now();
    let sent = match load(handle, key).await {
        Ok(Some(mut sending)) => {
            sending.curve = curves.of(&sending.intent, waiting.tries == 0).await;
            match tokio::time::timeout(ATTEMPT_MAX, channels.deliver(&sending)).await {
                Ok(sent) => sent,
                Err(_) => Sent::Retry { after: None, reason: format!("no answer in {} s", ATTEMPT_MAX.as_secs()) },
            }
        }
        Ok(None) => Sent::Refused { reason: "its text is not there any more".to_owned(), is_gone: false },
        Err(error) => Sent::Retry { after: None, reason: chain(&error).to_string() },
    };
    let at = maintenance::now();
    let took = begun.elapsed();
    let mut remote_id = String::new();
    let (outcome, detail, inputs) = match sent {
        Sent::Delivered { detail, remote_id: id } => {
            remote_id = id;
            (AttemptOutcome::Delivered, detail, vec![Input::Delivered { key, outcome: Delivery::Sent }])
        }
        Sent::Refused { reason, is_gone: false } => {
            (AttemptOutcome::Refused, reason, vec![Input::Delivered { key, outcome: Delivery::Refused }])
        }
        Sent::Refused { reason, is_gone: true } => {
            let reason = format!("{reason}; the address is removed from the contact, nothing is sent there any more");
            (AttemptOutcome::Refused, reason, vec![Input::Delivered { key, outcome: Delivery::Gone }])
        }
        Sent::Retry { after, reason } => {
            waiting.next_at = at.after(pause(key, waiting.tries, after));
            waiting.tries = waiting.tries.saturating_add(1);
            (AttemptOutcome::Retry { next_at: waiting.next_at }, reason, Vec::new())
        }
    };
    metrics.attempt(&waiting.recipient.channel, outcome);
    if outcome != AttemptOutcome::Delivered {
        let Recipient { contact, channel, target: _ } = &waiting.recipient;
        tracing::warn!(%key, contact, channel, reason = %detail, state = outcome.state().name(), "a message was not delivered");
    }
    let is_again = inputs.is_empty();
    let is_gone = inputs.iter().any(|input| matches!(input, Input::Delivered { outcome: Delivery::Gone, .. }));
    let left = record(handle, inputs, Attempt { key, at, took, outcome, detail, remote_id }, stop).await;
    if is_gone && let Err(error) = handle.forget_target(waiting.recipient.target.clone()).await {
        tracing::warn!(error = %chain(&error), "a device that is no more stays on the list; nothing is sent there");
    }
    if is_again { Left::Again(waiting) } else { left }
}

/// Writes an attempt, however long that takes. What was not written when the program ends is sent again.
async fn record(handle: &AlertingHandle, inputs: Vec<Input>, attempt: Attempt, stop: &CancellationToken) -> Left {
    loop {
        match handle.take(inputs.clone(), vec![attempt.clone()]).await {
            Ok(_) | Err(Error::ShuttingDown) => return Left::Nothing,
            Err(_) => {
                tokio::select! {
                    () = stop.cancelled() => return Left::Nothing,
                    () = tokio::time::sleep(AFTER_FAILURE) => {}
                }
            }
        }
    }
}

async fn load(handle: &AlertingHandle, key: IntentKey) -> Result<Option<Sending>, Error> {
    let store = Arc::clone(&handle.store);
    let read = move || {
        let Some(intent) = store.intent(key)? else { return Ok(None) };
        let earlier = store.remote_id(intent.incident, &intent.recipient)?;
        let grants = store.grants().tokens(&intent);
        Ok(Some(Sending { intent, grants, earlier, curve: None }))
    };
    tokio::task::spawn_blocking(read).await.map_err(|source| Error::Blocking { source })?
}

/// How long to wait before the next attempt: what the other side asked for, else longer each time, and not the same for
/// all.
fn pause(key: IntentKey, tries: u32, asked: Option<Duration>) -> Duration {
    let doubled = PAUSE.saturating_mul(1 << tries.min(16)).min(PAUSE_MAX);
    let mut seed = key.0.to_vec();
    seed.extend(tries.to_le_bytes());
    let jitter = u32::try_from(xxhash_rust::xxh3::xxh3_64(&seed) % 512).unwrap_or_default();
    let jittered = doubled.mul_f64(0.75 + f64::from(jitter) / 1024.0);
    asked.map_or(jittered, |asked| asked.max(jittered).min(PAUSE_MAX * 12))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waiting(order: i64, incident: u64, next_at: i64) -> Waiting {
        let recipient = Recipient { contact: "eva".to_owned(), channel: "mail".to_owned(), target: "e".to_owned() };
        let (next_at, expires_at) = (Timestamp(next_at), Timestamp(1_000));
        Waiting { order, key: IntentKey([0; 16]), recipient, incidents: vec![incident], next_at, expires_at, tries: 0 }
    }

    #[test]
    fn what_waits_holds_up_only_what_tells_of_the_same() {
        let queue: VecDeque<Waiting> = [waiting(1, 7, 50), waiting(2, 7, 0), waiting(3, 8, 0)].into();
        assert_eq!(first_due(&queue, Timestamp(10)), Some(2));
        assert_eq!(first_due(&queue, Timestamp(50)), Some(0));
        let blocked: VecDeque<Waiting> = [waiting(1, 7, 50), waiting(2, 7, 0)].into();
        assert_eq!(first_due(&blocked, Timestamp(10)), None);
        assert_eq!(first_due(&blocked, Timestamp(1_000)), Some(0));
    }

    #[test]
    fn a_recipient_gets_one_at_a_time_and_a_retry_keeps_its_place() {
        let mut queues = Queues::default();
        let recipient = waiting(1, 1, 0).recipient;
        queues.by_recipient.insert(recipient.clone(), [waiting(1, 1, 0), waiting(2, 2, 0)].into());
        let first = queues.next(Timestamp(0)).expect("the first");
        assert_eq!((first.order, queues.next(Timestamp(0))), (1, None));
        queues.done(&recipient, Left::Again(first));
        assert_eq!(queues.next(Timestamp(0)).map(|waiting| waiting.order), Some(1));
        queues.done(&recipient, Left::Nothing);
        assert_eq!(queues.next(Timestamp(0)).map(|waiting| waiting.order), Some(2));
        queues.done(&recipient, Left::Nothing);
        assert!(queues.by_recipient.is_empty() && queues.busy.is_empty());
    }

    #[test]
    fn pauses_grow_to_a_limit_and_heed_what_is_asked() {
        let key = IntentKey([1; 16]);
        let pauses: Vec<u64> = [0, 3, 30].map(|tries| pause(key, tries, None).as_millis() as u64).into();
        assert!((750..=1_250).contains(&pauses[0]), "{pauses:?}");
        assert!((6_000..=10_000).contains(&pauses[1]), "{pauses:?}");
        assert!((225_000..=375_000).contains(&pauses[2]), "{pauses:?}");
        assert_eq!(pause(key, 0, Some(Duration::from_secs(40))), Duration::from_secs(40));
    }
}
