//! The one owner of the state of probes: takes what waits, writes what follows, and only then answers.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use orszem_availability::verdict::Verdict;
use orszem_availability::{ASKS_MAX, Asked, Reply, Told};
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use super::handle::{Ask, now_ms};
use super::known::{Known, TargetKey};
use super::metrics::ProbesMetrics;
use super::series::{Sample, Shown};
use super::step::{After, Question, Step, Turn};
use super::store::Store;
use crate::error::{Error, chain};

/// How often the time is told to targets that wait for something.
const TICK: Duration = Duration::from_millis(500);
/// How often all verdicts are told as samples, whether they change or not, and collectors are compared.
const SHOW_EVERY: Duration = Duration::from_secs(15);
/// What is long over is forgotten this often.
const FORGET_EVERY: Duration = Duration::from_secs(3600);
/// Requests of collectors that are written together, at most.
const TOGETHER_MAX: usize = 64;

type Requester = (u32, String);

/// The state, its store and its queue.
pub(super) struct Owner {
    pub(super) known: Known,
    pub(super) store: Arc<Store>,
    pub(super) asks: mpsc::Receiver<Ask>,
    pub(super) samples: mpsc::Sender<Vec<Sample>>,
    pub(super) metrics: Arc<ProbesMetrics>,
    pub(super) state: Between,
}

/// What a crash may take: it follows from what collectors do next.
#[derive(Debug)]
pub(super) struct Between {
    shown: Shown,
    /// What each collector is to probe, until when.
    questions: BTreeMap<Requester, BTreeMap<TargetKey, i64>>,
    /// Collectors that wait to be asked; of each its last request.
    waiting: BTreeMap<Requester, oneshot::Sender<Reply>>,
    show_at: Instant,
    forget_at: Instant,
}

impl Default for Between {
    fn default() -> Self {
        let now = Instant::now();
        Self {
            shown: Shown::default(),
            questions: BTreeMap::new(),
            waiting: BTreeMap::new(),
            show_at: now,
            forget_at: now + FORGET_EVERY,
        }
    }
}

struct Given {
    tenant: u32,
    told: Told,
    reply: oneshot::Sender<Result<Reply, Error>>,
}

impl Owner {
    /// Goes on until `stop`, and then takes what waits.
    pub(super) async fn run(mut self, stop: CancellationToken) {
        tokio::task::block_in_place(|| self.resume());
        let mut ticks = tokio::time::interval(TICK);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut is_stopping = false;
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled(), if !is_stopping => {
                    is_stopping = true;
                    self.asks.close();
                }
                _ = ticks.tick() => tokio::task::block_in_place(|| self.tick()),
                ask = self.asks.recv() => match ask {
                    // SQLite takes its time, and this task has the thread to itself.
                    Some(ask) => tokio::task::block_in_place(|| self.answer(ask)),
                    None => return,
                },
            }
        }
    }

    /// What was held before the start is held on, but for the time in which nobody listened.
    fn resume(&mut self) {
        let now = now_ms();
        let mut step = Step::new(&self.known);
        for key in self.known.targets.keys() {
            step.resume(key, now);
        }
        let after = step.after;
        if let Err(error) = self.write(after, now) {
            tracing::error!(error = %chain(&error), "what was held of targets before the start was not written");
        }
    }

    fn answer(&mut self, ask: Ask) {
        let mut next = Some(ask);
        while let Some(ask) = next.take() {
            match ask {
                Ask::Told { tenant, told, reply } => next = self.take(Given { tenant, told, reply }),
                Ask::Questions { tenant, collector, reply } => {
                    let requester = (tenant, collector);
                    // An older request that waits still is answered with nothing.
                    self.state.waiting.insert(requester.clone(), reply);
                    self.ask(&requester, now_ms());
                }
                Ask::Read(look) => look(&self.known, now_ms()),
            }
        }
    }

    /// Takes what one tells with what others tell at the same time. Answers what waits and is of another kind.
    fn take(&mut self, first: Given) -> Option<Ask> {
        let mut given = vec![first];
        let mut other = None;
        while given.len() < TOGETHER_MAX {
            match self.asks.try_recv() {
                Ok(Ask::Told { tenant, told, reply }) => given.push(Given { tenant, told, reply }),
                Ok(ask) => {
                    other = Some(ask);
                    break;
                }
                Err(_) => break,
            }
        }
        let now = now_ms();
        let mut step = Step::new(&self.known);
        given.iter().for_each(|given| step.take(given.tenant, &given.told, now));
        let after = step.after;
        let written = self.write(after, now);
        if let Err(error) = &written {
            tracing::error!(error = %chain(error), "votes were not written; collectors tell them again");
        }
        for Given { tenant, told, reply } in given {
            let answer = match &written {
                Ok(()) => Ok(self.questions_for(&(tenant, told.collector), now)),
                Err(_) => Err(Error::NotWritten),
            };
            // Whoever told may be gone.
            drop(reply.send(answer));
        }
        other
    }

    fn tick(&mut self) {
        let now = now_ms();
        let mut step = Step::new(&self.known);
        for key in self.known.targets.keys() {
            step.tick(key, now);
        }
        let after = step.after;
        if let Err(error) = self.write(after, now) {
            tracing::error!(error = %chain(&error), "verdicts were not written; they are tried again");
        }
        if self.state.show_at <= Instant::now() {
            self.state.show_at = Instant::now() + SHOW_EVERY;
            self.compare();
            let samples = self.state.shown.all(&self.known, now);
            self.show(samples);
        }
        if self.state.forget_at <= Instant::now() {
            self.state.forget_at = Instant::now() + FORGET_EVERY;
            if let Err(error) = self.store.forget(now) {
                tracing::warn!(error = %chain(&error), "the history of probes was not cut");
            }
        }
    }

    fn compare(&mut self) {
        let before = std::mem::take(&mut self.known.out_of_step);
        self.known.compare();
        for ((tenant, collector), why) in &self.known.out_of_step {
            if !before.contains_key(&(*tenant, collector.clone())) {
                tracing::warn!(
                    collector,
                    why,
                    "a collector is cut off, and its votes against targets count for nothing"
                );
            }
        }
    }

    /// Writes what follows, and puts it in force.
    fn write(&mut self, after: After, now: i64) -> Result<(), Error> {
        if after.targets.is_empty() && after.collectors.is_empty() {
            return Ok(());
        }
        if let Err(error) = self.store.commit(&after) {
            self.metrics.failed();
            return Err(error);
        }
        self.metrics.written(&after, self.known.targets.len());
        let changed: Vec<TargetKey> = after
            .targets
            .iter()
            .filter(|(key, target)| {
                let shown = |target: &super::known::Target| (target.watch.verdict, target.watch.dissent);
                self.known.targets.get(*key).is_none_or(|before| shown(before) != shown(target))
            })
            .map(|(key, _)| key.clone())
            .collect();
        let is_isolated_new = after.collectors.iter().any(|(key, collector)| {
            self.known
                .collectors
                .get(key)
                .is_none_or(|before| before.isolated.is_some() != collector.isolated.is_some())
        });
        self.known.apply(after.targets, after.collectors);
        after.turns.iter().for_each(tell);
        if is_isolated_new {
            self.state.show_at = Instant::now();
        }
        let samples = self.state.shown.of_targets(&self.known, changed.iter(), now);
        self.show(samples);
        let mut asked: Vec<Requester> = Vec::new();
        for Question { collector, target, deadline } in after.questions {
            self.state.questions.entry(collector.clone()).or_default().insert(target, deadline);
            asked.push(collector);
        }
        asked.iter().for_each(|requester| self.ask(requester, now));
        Ok(())
    }

    /// Answers a collector that waits, if there is something to ask.
    fn ask(&mut self, requester: &Requester, now: i64) {
        let Some(waiting) = self.state.waiting.remove(requester) else { return };
        if waiting.is_closed() {
            return;
        }
        let reply = self.questions_for(requester, now);
        if reply.asked.is_empty() {
            self.state.waiting.insert(requester.clone(), waiting);
        } else if waiting.send(reply).is_err() {
            tracing::debug!(collector = requester.1, "a collector left before it was asked");
        }
    }

    /// What a collector is to probe; it is asked once.
    fn questions_for(&mut self, requester: &Requester, now: i64) -> Reply {
        let Some(questions) = self.state.questions.get_mut(requester) else { return Reply::default() };
        questions.retain(|_, deadline| *deadline > now);
        let mut asked = Vec::new();
        while asked.len() < ASKS_MAX {
            let Some((TargetKey { tenant: _, probe, instance }, deadline)) = questions.pop_first() else { break };
            asked.push(Asked { probe, instance, within_ms: deadline.saturating_sub(now).cast_unsigned() });
        }
        if questions.is_empty() {
            self.state.questions.remove(requester);
        }
        Reply { asked }
    }

    fn show(&self, samples: Vec<Sample>) {
        let count = samples.len() as u64;
        if count > 0 && self.samples.try_send(samples).is_err() {
            self.metrics.unwritten_samples.inc_by(count);
        }
    }
}

fn tell(turn: &Turn) {
    let Turn { target: TargetKey { tenant: _, probe, instance }, from, to, reason } = turn;
    match (from, to) {
        (_, Verdict::Down) => tracing::warn!(probe, instance, reason, "a target is down"),
        (Verdict::Recovering, Verdict::Up) => tracing::info!(probe, instance, "a target is up again"),
        _ => tracing::debug!(probe, instance, verdict = to.as_str(), reason, "a target's verdict has changed"),
    }
}
