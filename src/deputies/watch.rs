//! The task of a collector that asks the server whether it is there, and tells people when it is not.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::Context;
use bytes::Bytes;
use futures_util::future::join_all;
use orszem_alerting::Recipient;
use orszem_collector::CollectorHandle;
use orszem_collector::output::{Asker, OutputConfig};
use orszem_model::Timestamp;
use orszem_notify::{CollectorAddress, Gone, NotifyConfig, Outcome, Senders};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tracing::{debug, error, info, warn};

use super::duty::{Attempt, Duty, Ended, Rules};
use super::kept::{self, Kept};
use super::wire::{Answered, Asked, Heard, Place, Setting};
use super::{Counts, PATH, PEER_PATH, Page};
use crate::cli::chain;
use crate::collecting::now;

/// How long a server's answer may take.
const WITHIN: Duration = Duration::from_secs(5);
/// How long another collector's may take.
const PEER_WITHIN: Duration = Duration::from_secs(2);
/// How often the server is asked, at least; more often where little time is left before people are told.
const ASK_EVERY: Duration = Duration::from_secs(15);
/// At most.
const ASK_EVERY_MIN: Duration = Duration::from_millis(250);
/// Where there is nothing to tell people.
const ASK_EVERY_IDLE: Duration = Duration::from_secs(60);
/// Questions in the time after which people are told.
const QUESTIONS: u32 = 8;

/// What the task has from the collector.
pub(crate) struct Deputy {
    pub(crate) handle: CollectorHandle,
    pub(crate) state_dir: PathBuf,
    /// Where the metrics page listens, on which others ask.
    pub(crate) listen: Option<SocketAddr>,
    pub(crate) page: Page,
    pub(crate) counts: Counts,
}

/// The task, until it is stopped.
pub(crate) struct Watching {
    task: JoinHandle<()>,
    stop: CancellationToken,
}

/// A setting that can be used.
struct Ready {
    notify: NotifyConfig,
    senders: Senders,
    addresses: Vec<CollectorAddress>,
    after: Duration,
    spread: Duration,
    tellers: u32,
}

struct Watch {
    deputy: Deputy,
    started: Instant,
    duty: Duty,
    ready: Option<Ready>,
    kept: Kept,
    /// As it is on disk.
    saved: Kept,
    askers: BTreeMap<String, Asker>,
    /// The setting that is of no use, once it was told.
    useless: String,
    is_held: bool,
    is_save_failed: bool,
}

impl Deputy {
    /// Goes on where the last run ended. Must be called within a tokio runtime.
    pub(crate) fn start(self) -> Watching {
        let stop = CancellationToken::new();
        let task = tokio::spawn(run(self, stop.clone()));
        Watching { task, stop }
    }
}

impl Watching {
    pub(crate) async fn stop(self) {
        self.stop.cancel();
        if let Err(error) = self.task.await {
            warn!(%error, "looking whether the server answers ended badly");
        }
    }
}

async fn run(deputy: Deputy, stop: CancellationToken) {
    let state_dir = deputy.state_dir.clone();
    let kept = tokio::task::spawn_blocking(move || kept::load(&state_dir)).await;
    let kept = match kept.context("reading ended badly").and_then(|kept| kept) {
        Ok(kept) => kept,
        Err(error) => {
            error!(error = chain(&error), "nobody is told when the server is gone, until it answers once");
            Kept::default()
        }
    };
    let mut watch = Watch::new(deputy, kept);
    watch.restore().await;
    loop {
        let round = async {
            let is_reached = watch.look().await;
            watch.act(is_reached).await;
            watch.every(is_reached)
        };
        let pause = tokio::select! {
            () = stop.cancelled() => break,
            pause = round => pause,
        };
        tokio::select! {
            () = stop.cancelled() => break,
            () = tokio::time::sleep(pause) => {}
        }
    }
    watch.save().await;
}

impl Watch {
    fn new(deputy: Deputy, kept: Kept) -> Self {
        let duty = Duty::new(kept.outages.clone(), Duration::ZERO, now_ms());
        Self {
            deputy,
            started: Instant::now(),
            duty,
            ready: None,
            saved: kept.clone(),
            kept,
            askers: BTreeMap::new(),
            useless: String::new(),
            is_held: false,
            is_save_failed: false,
        }
    }

    /// Makes use of the setting that was kept.
    async fn restore(&mut self) {
        let Some(setting) = &self.kept.setting else { return };
        match Ready::new(setting, &self.deputy.state_dir).await {
            Ok(ready) => self.ready = Some(ready),
            Err(error) => {
                error!(error = chain(&error), "nobody is told when the server is gone, until it answers once");
                // So that the server hands it out again.
                self.kept.revision = String::new();
            }
        }
    }

    /// Asks the servers, the one in use first: whether one is there.
    async fn look(&mut self) -> bool {
        let servers = self.deputy.handle.servers();
        let asked = Asked {
            collector: self.deputy.handle.report().host,
            page: self.deputy.listen,
            has: self.kept.revision.clone(),
            outage: self.duty.told(),
        };
        let Ok(body) = serde_json::to_vec(&asked).map(Bytes::from) else { return false };
        self.askers.retain(|url, _| servers.endpoints.contains(url));
        for url in &servers.endpoints {
            let one = OutputConfig { endpoints: vec![url.clone()], ..servers.clone() };
            let asker = self.askers.entry(url.clone()).or_insert_with(|| Asker::new(&one));
            if !asker.is_for(&one) {
                *asker = Asker::new(&one);
            }
            let answered = match asker.ask(PATH, body.clone(), WITHIN).await {
                Ok((200, body)) => serde_json::from_slice::<Answered>(&body).map_err(|error| error.to_string()),
                // A server that has nothing to say of this is there all the same.
                Ok((status, _)) if status < 500 => Ok(self.as_before()),
                Ok((status, _)) => Err(format!("status {status}")),
                Err(error) => Err(orszem_model::chain(&error)),
            };
            match answered {
                Ok(answered) => {
                    self.reached(answered).await;
                    return true;
                }
                Err(error) => debug!(endpoint = url, error, "a server is not there"),
            }
        }
        false
    }

    /// What a server answers by which nothing changes.
    fn as_before(&self) -> Answered {
        Answered { revision: self.kept.revision.clone(), setting: None, place: self.kept.place.clone() }
    }

    async fn reached(&mut self, answered: Answered) {
        let (at, read) = (self.at(), self.read());
        let dropped = self.duty.reached(at, now_ms(), read);
        self.deputy.counts.dropped(dropped);
        if dropped > 0 {
            warn!(messages = dropped, "the server is back before people could be told that it was gone");
        }
        self.is_held = false;
        self.take(answered).await;
        self.save().await;
    }

    /// Puts in force what the server hands out.
    async fn take(&mut self, answered: Answered) {
        let Answered { revision, setting, place } = answered;
        self.kept.place = place;
        if let Some(setting) = setting {
            match Ready::new(&setting, &self.deputy.state_dir).await {
                Ok(ready) => {
                    self.ready = Some(ready);
                    (self.kept.setting, self.kept.revision) = (Some(setting), revision);
                }
                Err(error) if self.useless != revision => {
                    warn!(error = chain(&error), "what the server hands out for its outage can't be used");
                    self.useless = revision;
                }
                Err(_) => {}
            }
        } else if revision.is_empty() && self.kept.setting.is_some() && !self.duty.owes() {
            info!("the server wants nobody told when it is gone");
            (self.ready, self.kept) = (None, Kept { place: self.kept.place.clone(), ..Kept::default() });
            let state_dir = self.deputy.state_dir.clone();
            let tidied = tokio::task::spawn_blocking(move || kept::write_files(&state_dir, &[])).await;
            if let Err(error) = tidied.context("it ended badly").and_then(|tidied| tidied) {
                error!(error = chain(&error), "files with secrets of the server are left in the state directory");
            }
        }
    }

    /// Tells that the server is gone, or back, if it is time.
    async fn act(&mut self, is_reached: bool) {
        if !is_reached {
            self.tell_gone().await;
        }
        self.publish(is_reached);
        let (clears, dropped) = self.duty.clear(self.at(), now_ms());
        self.deputy.counts.dropped(dropped);
        if dropped > 0 {
            error!(messages = dropped, "all-clears could not be sent for a day, and are given up");
        }
        self.send(&clears).await;
        self.save().await;
    }

    async fn tell_gone(&mut self) {
        let Some(ready) = &self.ready else { return };
        let Ready { after, spread, tellers, .. } = *ready;
        let (at, read) = (self.at(), self.read());
        let rules = Rules { after, spread, tellers, rank: self.kept.place.rank };
        if !self.duty.missed(at, read, rules) {
            return;
        }
        let heard = ask(&self.kept.place).await;
        if self.duty.heard(at, &heard, spread) {
            if !std::mem::replace(&mut self.is_held, true) {
                let is_cut_off = heard.iter().any(|heard| heard.reached);
                info!(is_cut_off, "the server is not reached, and another collector reaches it or has told people");
            }
            return;
        }
        let addresses = ready.addresses.clone();
        if self.duty.begin(self.kept.place.outage, &addresses) {
            error!("the all-clear of an earlier outage could not be sent, and is given up");
        }
        let attempts = self.duty.tell(at);
        self.save().await;
        self.publish(false);
        self.send(&attempts).await;
    }

    /// Sends messages, each to its own recipient.
    async fn send(&mut self, attempts: &[Attempt]) {
        let Some(ready) = &self.ready else { return };
        let servers = self.deputy.handle.servers().endpoints;
        let host = self.deputy.handle.report().host;
        let sending = attempts.iter().filter_map(|attempt| {
            let outage = self.duty.outage(attempt.outage)?;
            let until_ms = outage.ended_ms.unwrap_or_else(now_ms);
            let gone = Gone {
                number: outage.number,
                host: &host,
                servers: &servers,
                since: timestamp(outage.since_ms),
                lasted: Duration::from_millis(until_ms.saturating_sub(outage.since_ms).max(0).unsigned_abs()),
                ended: outage.ended_ms.map(timestamp),
                records: outage.records,
            };
            let CollectorAddress { channel, to } = attempt.address.clone();
            let recipient = Recipient { contact: to.clone(), channel, target: to };
            let notice = gone.notice(ready.notify.language, recipient);
            let is_over = outage.ended_ms.is_some();
            Some(async move { (attempt, is_over, ready.senders.send(&notice, now()).await) })
        });
        let sent = join_all(sending).await;
        for (attempt, is_over, outcome) in sent {
            let at = self.started.elapsed();
            let ended = self.duty.ended(attempt, at, &outcome);
            self.deputy.counts.count(ended);
            log(attempt, is_over, ended, &outcome);
        }
        if !attempts.is_empty() {
            self.save().await;
        }
    }

    /// Tells other collectors, and counts.
    fn publish(&self, is_reached: bool) {
        let heard = Heard { reached: is_reached, told: self.duty.told().is_some() };
        self.deputy.page.tell(heard, self.every(is_reached) * 3);
        self.deputy.counts.see(self.ready.is_some(), is_reached);
    }

    fn every(&self, is_reached: bool) -> Duration {
        match &self.ready {
            Some(ready) => (ready.after / QUESTIONS).clamp(ASK_EVERY_MIN, ASK_EVERY),
            None if is_reached => ASK_EVERY_IDLE,
            None => ASK_EVERY,
        }
    }

    /// Writes what is other than on disk. A failure is told once; people are told of the server all the same.
    async fn save(&mut self) {
        self.kept.outages = self.duty.outages().to_vec();
        if self.kept == self.saved {
            return;
        }
        let (state_dir, kept) = (self.deputy.state_dir.clone(), self.kept.clone());
        let saved = tokio::task::spawn_blocking(move || kept::save(&state_dir, &kept)).await;
        match saved.context("writing ended badly").and_then(|saved| saved) {
            Ok(()) => {
                self.saved = self.kept.clone();
                self.is_save_failed = false;
            }
            Err(error) => {
                if !std::mem::replace(&mut self.is_save_failed, true) {
                    let error = chain(&error);
                    error!(error, "who was told that the server is gone is not kept; a restart may tell again");
                }
            }
        }
    }

    /// The time on a clock that nobody sets.
    fn at(&self) -> Duration {
        self.started.elapsed()
    }

    fn read(&self) -> u64 {
        self.deputy.handle.counters().records_read
    }
}

impl Ready {
    /// Writes the files of the setting, and opens its channels.
    async fn new(setting: &Setting, state_dir: &Path) -> anyhow::Result<Self> {
        let (setting, state_dir) = (setting.clone(), state_dir.to_owned());
        let prepared = tokio::task::spawn_blocking(move || {
            let (notify, files) = setting.notify(&kept::folder(&state_dir))?;
            kept::write_files(&state_dir, &files)?;
            anyhow::Ok(notify)
        });
        let notify = prepared.await.context("preparing it ended badly")??;
        let collectors = notify.collectors.clone().unwrap_or_default();
        let (senders, warnings) = Senders::new(&notify).context("a channel can't be used")?;
        for warning in warnings {
            warn!(error = &warning as &dyn std::error::Error, "a template is replaced by the built-in text");
        }
        Ok(Self {
            notify,
            senders,
            addresses: collectors.addresses,
            after: collectors.after.duration(),
            spread: collectors.spread.duration(),
            tellers: collectors.tellers,
        })
    }
}

/// What other collectors say; of those who say nothing, nothing.
async fn ask(place: &Place) -> Vec<Heard> {
    let asking = place.peers.iter().map(|peer| async move {
        let config = OutputConfig { endpoints: vec![format!("http://{peer}")], ..OutputConfig::default() };
        let asked = Asker::new(&config).ask(PEER_PATH, Bytes::from_static(b"{}"), PEER_WITHIN).await;
        let heard = match asked {
            Ok((200, body)) => serde_json::from_slice(&body).map_err(|error| error.to_string()),
            Ok((status, _)) => Err(format!("status {status}")),
            Err(error) => Err(orszem_model::chain(&error)),
        };
        heard.inspect_err(|error| debug!(%peer, error, "another collector says nothing of the server")).ok()
    });
    join_all(asking).await.into_iter().flatten().collect()
}

fn log(attempt: &Attempt, is_over: bool, ended: Ended, outcome: &Outcome) {
    let CollectorAddress { channel, to } = &attempt.address;
    let (Outcome::Delivered { detail: said, .. }
    | Outcome::Retry { reason: said, .. }
    | Outcome::Refused { reason: said, .. }) = outcome;
    let what = if is_over { "back" } else { "gone" };
    match ended {
        Ended::Delivered => warn!(channel, to, said, "told that the server is {what}"),
        Ended::Failed => warn!(channel, to, said, "that the server is {what} can't be told now; it is tried again"),
        Ended::Refused => error!(channel, to, said, "that the server is {what} will never be told there"),
    }
}

fn timestamp(ms: i64) -> Timestamp {
    Timestamp(ms.saturating_mul(1_000_000))
}

fn now_ms() -> i64 {
    now().0 / 1_000_000
}
