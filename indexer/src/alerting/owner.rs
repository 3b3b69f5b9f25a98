//! The one owner of the engine: takes what waits, writes what follows, and only then answers.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use orszem_alerting::{AlertKey, Alerting, EXTERNAL_RULE, Effects, Graph, Input, Plan, Refusal};
use orszem_model::Timestamp;
use tokio::sync::{Notify, mpsc};
use tokio_util::sync::CancellationToken;

use super::devices::Device;
use super::handle::{Ask, INPUTS_MAX, Reply};
use super::history::Attempt;
use super::metrics::AlertingMetrics;
use super::store::Store;
use crate::error::{Error, chain};
use crate::maintenance;

/// How long to wait after a failed write, which most often is a full disk.
const AFTER_FAILURE: Duration = Duration::from_secs(1);
/// What is over for long is forgotten this often.
const FORGET_EVERY: Duration = Duration::from_secs(3600);
/// The longest wait without looking at the timers: the clock may be set.
const WAIT_MAX: Duration = Duration::from_secs(5);

/// The engine, its store and its queue.
pub(super) struct Owner {
    pub(super) engine: Alerting,
    pub(super) store: Arc<Store>,
    pub(super) asks: mpsc::Receiver<Ask>,
    pub(super) intents: Arc<Notify>,
    pub(super) metrics: Arc<AlertingMetrics>,
    /// Alerts of others that fired before the start and were not sent again yet.
    pub(super) awaited: BTreeSet<AlertKey>,
    /// Rules were evaluated since the start.
    pub(super) are_rules_back: bool,
    pub(super) is_held: bool,
    /// A write failed and the engine is ahead of what is written.
    pub(super) is_ahead: bool,
    /// The start is not written yet; its plan.
    pub(super) unwritten_start: Option<Plan>,
    /// The plan of the configuration, without devices.
    pub(super) configured: Plan,
    pub(super) forget_at: Timestamp,
}

/// What one caller gave.
struct Given {
    count: usize,
    reply: Option<Reply>,
}

impl Owner {
    /// Tells the engine that the program has started, with a plan that may be another than before. Where that can't be
    /// written, most often as the disk is full, it is tried again before anything else is taken.
    pub(super) fn start(&mut self, plan: Plan) {
        let of_others = |alert: &&orszem_alerting::Alert| alert.key.rule == EXTERNAL_RULE && alert.state.is_active();
        self.awaited = self.engine.alerts().filter(of_others).map(|alert| alert.key.clone()).collect();
        // Where nothing was known there is nothing to wait for.
        self.is_held = !self.engine.is_new();
        self.unwritten_start = Some(plan);
        if let Err(error) = self.catch_up() {
            tracing::error!(error = %chain(&error), "the start of alerting was not written; it is tried again");
        }
    }

    fn write_start(&mut self) -> Result<(), Error> {
        let Some(plan) = self.unwritten_start.clone() else { return Ok(()) };
        let now = maintenance::now();
        let first: &[Input] = if self.is_held { &[Input::Started] } else { &[Input::Started, Input::SourcesBack] };
        let effects = self.engine.steps(first.iter().cloned(), now);
        self.write(&effects, &[], now)?;
        let effects = self.engine.reconfigure(self.with_devices(&plan)?, now);
        self.write(&effects, &[], now)?;
        self.unwritten_start = None;
        Ok(())
    }

    /// Goes on until `stop`, and then takes what waits.
    pub(super) async fn run(mut self, stop: CancellationToken) {
        let mut is_stopping = false;
        loop {
            let wait = self.wait();
            let ask = tokio::select! {
                biased;
                ask = self.asks.recv() => ask,
                () = stop.cancelled(), if !is_stopping => {
                    is_stopping = true;
                    self.asks.close();
                    continue;
                }
                () = tokio::time::sleep(wait) => Some(Ask::Take { inputs: Vec::new(), attempts: Vec::new(), reply: None }),
            };
            let Some(ask) = ask else { return };
            // The engine and SQLite take their time, and this task has the thread to itself.
            if tokio::task::block_in_place(|| self.answer(ask)).is_err() && !is_stopping {
                tokio::time::sleep(AFTER_FAILURE).await;
            }
        }
    }

    /// Until a timer is due.
    fn wait(&self) -> Duration {
        let due = self.engine.next_due().map(|due| due.0.saturating_sub(maintenance::now().0).max(0));
        due.map_or(WAIT_MAX, |nanos| Duration::from_nanos(nanos.cast_unsigned())).min(WAIT_MAX)
    }

    /// Answers what is asked, with all that waits behind it and can be written with it.
    fn answer(&mut self, ask: Ask) -> Result<(), ()> {
        let mut next = Some(ask);
        while let Some(ask) = next.take() {
            match ask {
                Ask::Take { inputs, attempts, reply } => next = self.take(inputs, attempts, reply)?,
                Ask::Read(look) => {
                    if self.catch_up().is_err() {
                        // Whoever asked sees that there is no answer.
                        return Err(());
                    }
                    look(&self.engine, maintenance::now());
                }
                Ask::Reconfigure { plan, reply } => {
                    let result = self.reconfigure(*plan);
                    let failed = result.is_err();
                    tell(Some(reply), result.map(|()| Vec::new()));
                    if failed {
                        return Err(());
                    }
                }
                Ask::Devices { reply } => {
                    let result = self.reconfigure(self.configured.clone());
                    let failed = result.is_err();
                    tell(Some(reply), result.map(|()| Vec::new()));
                    if failed {
                        return Err(());
                    }
                }
                Ask::Graph(graph) => {
                    if let Err(error) = self.change(|engine, now| engine.set_graph(graph, now)) {
                        tracing::error!(error = %chain(&error), "the topology was not taken into alerting");
                        return Err(());
                    }
                }
            }
        }
        Ok(())
    }

    /// Takes a batch: these inputs and those that wait. Answers what waits and is no input.
    fn take(&mut self, inputs: Vec<Input>, attempts: Vec<Attempt>, reply: Option<Reply>) -> Result<Option<Ask>, ()> {
        let (mut all, mut tries) = (inputs, attempts);
        let mut given = vec![Given { count: all.len(), reply }];
        let mut other = None;
        while all.len() < INPUTS_MAX {
            match self.asks.try_recv() {
                Ok(Ask::Take { mut inputs, mut attempts, reply }) => {
                    given.push(Given { count: inputs.len(), reply });
                    all.append(&mut inputs);
                    tries.append(&mut attempts);
                }
                Ok(ask) => {
                    other = Some(ask);
                    break;
                }
                Err(_) => break,
            }
        }
        let count = all.len();
        let begun = std::time::Instant::now();
        let now = maintenance::now();
        let written = self.catch_up().and_then(|()| {
            self.watch_sources(&all);
            self.add_sources_back(&mut all);
            let effects = self.engine.steps(all, now);
            self.write(&effects, &tries, now)?;
            Ok(effects)
        });
        self.metrics.batch(count, begun.elapsed());
        match written {
            Ok(effects) => {
                let mut refused = effects.refused.into_iter().peekable();
                let mut place = 0;
                for Given { count, reply } in given {
                    let mut answers: Vec<Option<Refusal>> = vec![None; count];
                    while let Some((at, refusal)) = refused.next_if(|(at, _)| *at < place + count) {
                        if let Some(answer) = at.checked_sub(place).and_then(|at| answers.get_mut(at)) {
                            *answer = Some(refusal);
                        }
                    }
                    place += count;
                    tell(reply, Ok(answers));
                }
                self.forget(now);
                Ok(other)
            }
            Err(error) => {
                tracing::error!(error = %chain(&error), "what follows from alerts was not written; senders are told to try again");
                for Given { count: _, reply } in given {
                    tell(reply, Err(Error::NotWritten));
                }
                Err(())
            }
        }
    }

    /// Puts another plan in force, with the devices that there are.
    fn reconfigure(&mut self, plan: Plan) -> Result<(), Error> {
        let whole = self.with_devices(&plan)?;
        self.change(|engine, now| engine.reconfigure(whole, now))?;
        self.configured = plan;
        Ok(())
    }

    fn with_devices(&self, plan: &Plan) -> Result<Plan, Error> {
        Ok(plan.with_addresses(self.store.devices()?.into_iter().map(Device::address)))
    }

    fn change(&mut self, change: impl FnOnce(&mut Alerting, Timestamp) -> Effects) -> Result<(), Error> {
        self.catch_up()?;
        let now = maintenance::now();
        let effects = change(&mut self.engine, now);
        self.write(&effects, &[], now)
    }

    /// Puts the engine back to what is written, after a write failed.
    fn catch_up(&mut self) -> Result<(), Error> {
        if self.is_ahead {
            let (plan, graph): (Plan, Graph) = (self.engine.plan().clone(), self.engine.graph().clone());
            self.engine = self.store.restore(&plan, &graph)?;
            self.is_ahead = false;
        }
        self.write_start()
    }

    /// Writes what follows; when that fails the engine is ahead.
    fn write(&mut self, effects: &Effects, attempts: &[Attempt], now: Timestamp) -> Result<(), Error> {
        let is_empty = *effects == Effects { refused: effects.refused.clone(), ..Effects::default() };
        if is_empty && attempts.is_empty() {
            return Ok(());
        }
        if let Err(error) = self.store.commit(effects, attempts, now) {
            self.metrics.failed();
            self.is_ahead = true;
            return Err(error);
        }
        self.metrics.written(effects, self.engine.outstanding());
        if !effects.intents.is_empty() {
            self.intents.notify_one();
        }
        Ok(())
    }

    /// Sources that were alive before the start report again.
    fn watch_sources(&mut self, inputs: &[Input]) {
        if !self.is_held {
            return;
        }
        for input in inputs {
            match input {
                Input::External(external) => {
                    self.awaited.remove(&AlertKey { rule: EXTERNAL_RULE.to_owned(), labels: external.labels.clone() });
                }
                Input::SourcesBack => self.are_rules_back = true,
                _ => {}
            }
        }
    }

    /// The evaluator of rules says that it is back; the hold ends when the senders are, too.
    fn add_sources_back(&mut self, inputs: &mut Vec<Input>) {
        if !self.is_held {
            return;
        }
        // A tick stands in for what is not true of all yet, so that places stay.
        let is_back = self.are_rules_back && self.awaited.is_empty();
        for input in inputs.iter_mut().filter(|input| **input == Input::SourcesBack && !is_back) {
            *input = Input::Tick;
        }
        if is_back {
            self.is_held = false;
            inputs.push(Input::SourcesBack);
        }
    }

    fn forget(&mut self, now: Timestamp) {
        if now < self.forget_at {
            return;
        }
        self.forget_at = now.after(FORGET_EVERY);
        if let Err(error) = self.store.forget(now) {
            tracing::warn!(error = %chain(&error), "the history of alerting was not cut");
        }
    }
}

/// Whoever asked may be gone.
fn tell(reply: Option<Reply>, answer: Result<Vec<Option<Refusal>>, Error>) {
    if let Some(reply) = reply {
        drop(reply.send(answer));
    }
}
