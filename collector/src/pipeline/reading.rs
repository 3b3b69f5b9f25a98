//! All sources of a collector, read in turn.

mod journal;

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, TryRecvError};
use std::time::{Duration, Instant};

use orszem_model::{Kind, Seen, Timestamp};
use orszem_parse::{Layer, Moment, Parsed, Recogniser, label};
use orszem_queue::Changes;
use tracing::warn;

use super::notice::Notice;
use super::stage::{Facts, LastStamp, Stage};
use super::streams::Origin;
use crate::cluster::{latest::Latest, record};
use crate::counters::{Counters, add, count};
use crate::source::cluster::Cluster;
use crate::source::exec::Exec;
use crate::source::files::{FileFacts, FileOptions, FileSource, Piece, Taken};
use crate::source::poller::Item as ClusterItem;
use crate::source::spool::Spool;
use crate::source::stdin::Line;
use crate::{ClusterConfig, ClusterMode, CollectorError, ExecConfig, FileConfig, FileStatus, StartAt};
use journal::JournalReading;

/// The position under which journald's cursor is kept, and what stands before the positions of files.
const JOURNAL_POSITION: &[u8] = b"j/cursor";
const FILE_PREFIX: &[u8] = b"f/";
/// Slots of sources; files count from 0.
const SLOT_JOURNAL: u64 = 1 << 40;
const SLOT_INPUT: u64 = 2 << 40;
const SLOT_EXEC: u64 = 3 << 40;

/// What is taken of the cluster before the other sources have their turn.
const CLUSTER_ITEMS_MAX: usize = 1_024;

/// A configuration that has been checked, ready to be gone on with.
#[derive(Debug)]
pub(crate) struct Prepared {
    pub(crate) stage: Stage,
    pub(crate) sources: SourcesConfig,
}

/// What is to be read.
#[derive(Debug)]
pub(crate) struct SourcesConfig {
    pub(crate) files: FileOptions,
    /// The settings of the groups of `files`, in their order.
    pub(crate) groups: Vec<Group>,
    pub(crate) exec: Vec<ExecConfig>,
    /// The cluster, and this host's name in it.
    pub(crate) cluster: (ClusterConfig, String),
    /// The journal's directory and where it is begun; `None` when it is not read.
    pub(crate) journal: Option<(Option<PathBuf>, StartAt)>,
    /// Why the journal can't be read.
    pub(crate) journal_problem: Option<FileStatus>,
}

/// What is configured of a group of files.
#[derive(Debug)]
pub(crate) struct Group {
    /// Empty: from the path.
    service: String,
    layer: Option<Layer>,
    labels: BTreeMap<String, String>,
}

impl Group {
    pub(crate) fn of(config: &FileConfig) -> Self {
        let layer = Layer::from_name(&config.layer);
        Self { service: config.service.clone(), layer, labels: config.labels.clone() }
    }
}

/// What is known of a file beside its records.
#[derive(Debug, Default)]
struct FileState {
    service: String,
    entities: Vec<String>,
    last: LastStamp,
}

/// Lines that come from a command or from standard input.
#[derive(Debug)]
struct Input {
    lines: Receiver<Line>,
    recogniser: Recogniser,
    last: LastStamp,
    held: Option<Line>,
    has_ended: bool,
}

impl Input {
    fn new(lines: Receiver<Line>) -> Self {
        Self { lines, recogniser: Recogniser::auto(), last: LastStamp::default(), held: None, has_ended: false }
    }
}

/// The open sources.
#[derive(Debug)]
pub(crate) struct Sources {
    files: Option<FileSource>,
    groups: Vec<Group>,
    file_states: BTreeMap<u64, FileState>,
    journal: JournalReading,
    exec: Vec<(Exec, Input)>,
    cluster: Option<Cluster>,
    spool: Option<Spool>,
    /// What is known of the cluster.
    latest: Latest,
    input: Option<Input>,
    notices: Vec<Notice>,
    counters: Arc<Counters>,
    none: BTreeMap<String, String>,
}

impl Sources {
    /// Opens what is configured and goes on from the queue's `positions`.
    pub(crate) fn open(
        config: SourcesConfig,
        positions: &BTreeMap<Vec<u8>, Vec<u8>>,
        is_first_start: bool,
        latest: Latest,
        counters: Arc<Counters>,
        now: Timestamp,
    ) -> Result<Self, CollectorError> {
        let SourcesConfig { files, groups, exec, cluster: (cluster, reporter), journal, journal_problem } = config;
        let mut spool = Spool::new(cluster.spool.clone(), positions, Arc::clone(&counters));
        spool.set_active(cluster.enabled != ClusterMode::Off);
        let mut following = Cluster::new(latest.clone(), Arc::clone(&counters));
        following.follow(&cluster, &reporter).map_err(|source| failed("the cluster", source))?;
        let of_files =
            positions.iter().filter_map(|(key, value)| Some((key.strip_prefix(FILE_PREFIX)?, value.as_slice())));
        let files = FileSource::new(files, Arc::clone(&counters), of_files, is_first_start, now);
        let mut sources = Self {
            files: Some(files),
            groups,
            file_states: BTreeMap::new(),
            journal: JournalReading::new(positions.get(JOURNAL_POSITION).map(Vec::as_slice), journal_problem),
            exec: Vec::new(),
            cluster: Some(following),
            spool: Some(spool),
            latest,
            input: None,
            notices: Vec::new(),
            counters,
            none: BTreeMap::new(),
        };
        sources.journal.follow(journal, &sources.counters)?;
        for command in exec {
            sources.start(command)?;
        }
        Ok(sources)
    }

    /// Only lines that come from `lines`.
    pub(crate) fn of_input(lines: Receiver<Line>, counters: Arc<Counters>) -> Self {
        Self {
            files: None,
            groups: Vec::new(),
            file_states: BTreeMap::new(),
            journal: JournalReading::default(),
            exec: Vec::new(),
            cluster: None,
            spool: None,
            latest: Latest::default(),
            input: Some(Input::new(lines)),
            notices: Vec::new(),
            counters,
            none: BTreeMap::new(),
        }
    }

    fn start(&mut self, command: ExecConfig) -> Result<(), CollectorError> {
        let name = command.service_name();
        let (exec, lines) = Exec::start(command).map_err(|source| failed(&name, source))?;
        self.exec.push((exec, Input::new(lines)));
        Ok(())
    }

    /// Goes on with another configuration; what is the same keeps running.
    pub(crate) fn reconfigure(&mut self, config: SourcesConfig) {
        let SourcesConfig { files, groups, exec, cluster: (cluster, reporter), journal, journal_problem } = config;
        if self.input.is_some() {
            return;
        }
        if let Some(spool) = &mut self.spool {
            spool.set_active(cluster.enabled != ClusterMode::Off);
        }
        if let Some(following) = &mut self.cluster
            && let Err(error) = following.follow(&cluster, &reporter)
        {
            warn!(error = &error as &dyn std::error::Error, "the cluster can't be followed");
        }
        self.groups = groups;
        self.file_states.clear();
        if let Some(source) = &mut self.files {
            source.reconfigure(files);
        }
        self.journal.problem = journal_problem;
        self.exec.retain(|(running, _)| exec.contains(&running.config));
        for command in exec {
            let is_running = self.exec.iter().any(|(running, _)| running.config == command);
            if !is_running && let Err(error) = self.start(command) {
                warn!(error = &error as &dyn std::error::Error, "a command can't be followed");
            }
        }
        if let Err(error) = self.journal.follow(journal, &self.counters) {
            warn!(error = &error as &dyn std::error::Error, "the journal can't be followed");
        }
    }

    /// Looks for files without reading any.
    pub(crate) fn watch(&mut self, now: Timestamp, tick: Instant) {
        if let Some(files) = &mut self.files {
            files.watch(now, tick);
            self.notices.extend(files.gaps().iter().map(Notice::gap));
        }
    }

    /// Puts further things among what is to be told in-band.
    pub(crate) fn tell(&mut self, notices: Vec<Notice>) {
        self.notices.extend(notices);
    }

    /// What is to be told in-band.
    pub(crate) fn notices(&mut self) -> Vec<Notice> {
        std::mem::take(&mut self.notices)
    }

    /// Reads from all sources until the batch is full (`true`) or there is no more for now.
    pub(crate) fn read(&mut self, now: Timestamp, tick: Instant, stage: &mut Stage) -> bool {
        let is_full = self.read_cluster(now, tick, stage)
            || self.journal.read(now, stage, &mut self.notices, &self.counters)
            || self.read_inputs(now, stage)
            || self.read_files(now, tick, stage);
        if stage.has_cluster_spoken()
            && let Some(cluster) = &self.cluster
        {
            cluster.hurry();
        }
        is_full
    }

    /// What is seen of the cluster comes first: it is little, and nothing else is so urgent.
    fn read_cluster(&mut self, now: Timestamp, tick: Instant, stage: &mut Stage) -> bool {
        let Self { cluster, spool, latest, notices, counters, .. } = self;
        let name = latest.cluster();
        let mut take = |seen: &Seen| record::push(seen, &name, now, stage, counters);
        let mut is_full = false;
        let reporter = cluster.as_ref().map(|cluster| cluster.reporter().to_owned()).unwrap_or_default();
        if let Some(cluster) = cluster {
            for _ in 0..CLUSTER_ITEMS_MAX {
                let Some(item) = cluster.next() else { break };
                match item {
                    ClusterItem::Notice(notice) => notices.push(*notice),
                    ClusterItem::Seen(seen) if take(&seen) => {}
                    ClusterItem::Seen(seen) => {
                        cluster.hold(ClusterItem::Seen(seen));
                        is_full = true;
                        break;
                    }
                }
            }
        }
        if let Some(spool) = spool {
            let mut has_any = false;
            let mut take = |seen: &Seen| {
                has_any = true;
                take(seen)
            };
            is_full = is_full || spool.read(&reporter, tick, &mut take);
            if let Some(cluster) = cluster.as_ref().filter(|_| has_any) {
                cluster.hurry();
            }
            notices.extend(spool.notices());
        }
        is_full
    }

    fn read_files(&mut self, now: Timestamp, tick: Instant, stage: &mut Stage) -> bool {
        let Self { files, groups, file_states, counters, none, .. } = self;
        let Some(files) = files else { return false };
        let zone = stage.zone.clone();
        let moment = Moment { now, zone: &zone };
        let is_full = files.read(now, tick, &mut |facts: &FileFacts<'_>, recogniser, piece: Piece<'_>| {
            if !stage.fits(piece.bytes.len()) {
                return Taken::Full;
            }
            count(&counters.lines_read);
            add(&counters.bytes_read, piece.bytes.len() as u64);
            if piece.bytes.is_empty() {
                count(&counters.lines_empty);
                return Taken::Yes;
            }
            let group = groups.get(facts.group);
            let state = file_states.entry(facts.slot).or_insert_with(|| file_state(facts, group));
            let mut parsed = match piece.is_split {
                true => Parsed::default(),
                false => recogniser.parse(piece.bytes, &moment),
            };
            parsed.entities.extend(state.entities.iter().map(|entity| entity.as_str().into()));
            let origin = Origin {
                slot: facts.slot,
                service: &state.service,
                layer: group.and_then(|group| group.layer),
                file: Some(facts.path),
                unit: None,
                labels: group.map_or(none, |group| &group.labels),
            };
            let backlog = facts.is_backlog.then_some(facts.modified);
            let facts = Facts { now, backlog, is_split: piece.is_split, kind: Kind::Log };
            stage.take(&origin, piece.bytes, parsed, facts, &mut state.last, counters);
            Taken::Yes
        });
        self.notices.extend(files.gaps().iter().map(Notice::gap));
        is_full
    }

    fn read_inputs(&mut self, now: Timestamp, stage: &mut Stage) -> bool {
        let Self { exec, input, counters, none, .. } = self;
        for (number, (exec, input)) in exec.iter_mut().enumerate() {
            let service = exec.config.service_name();
            let slot = SLOT_EXEC + number as u64;
            let labels = &exec.config.labels;
            let origin = Origin { slot, service: &service, layer: None, file: None, unit: None, labels };
            if read_lines(input, &origin, now, stage, counters) {
                return true;
            }
        }
        let Some(input) = input else { return false };
        let origin = Origin { slot: SLOT_INPUT, service: "stdin", layer: None, file: None, unit: None, labels: none };
        read_lines(input, &origin, now, stage, counters)
    }

    /// Positions that are not in the queue yet.
    pub(crate) fn changes(&mut self) -> Changes {
        let mut changes = Changes::new();
        changes.extend(self.journal.change().map(|cursor| (JOURNAL_POSITION.to_vec(), Some(cursor))));
        changes.extend(self.spool.iter_mut().flat_map(Spool::changes));
        for (key, value) in self.files.iter_mut().flat_map(FileSource::changes) {
            changes.insert([FILE_PREFIX, &key].concat(), value);
        }
        changes
    }

    /// The batch that was closed last is in the queue.
    pub(crate) fn appended(&mut self) {
        self.spool.iter_mut().for_each(Spool::appended);
    }

    /// All that is in the queue is durable.
    pub(crate) fn synced(&mut self) {
        self.spool.iter_mut().for_each(Spool::synced);
    }

    /// What is followed and what can't be.
    pub(crate) fn statuses(&self) -> Vec<FileStatus> {
        let mut all = self.files.as_ref().map(FileSource::statuses).unwrap_or_default();
        all.extend(self.journal.problem.clone());
        all
    }

    /// Whether there will be no more, ever.
    pub(crate) fn have_ended(&self) -> bool {
        self.input.as_ref().is_some_and(|input| input.has_ended)
    }

    /// Sleeps until something may have happened, at most `timeout`.
    pub(crate) fn wait(&mut self, timeout: Duration) {
        match (&self.files, &mut self.input) {
            (Some(files), _) => files.wait(timeout),
            (None, Some(input)) if input.held.is_none() && !input.has_ended => {
                match input.lines.recv_timeout(timeout) {
                    Ok(line) => input.held = Some(line),
                    Err(std::sync::mpsc::RecvTimeoutError::Timeout) => {}
                    Err(std::sync::mpsc::RecvTimeoutError::Disconnected) => input.has_ended = true,
                }
            }
            (None, _) => std::thread::park_timeout(timeout),
        }
    }
}

fn failed(what: &str, source: io::Error) -> CollectorError {
    CollectorError::Source { what: what.to_owned(), source }
}

fn file_state(facts: &FileFacts<'_>, group: Option<&Group>) -> FileState {
    let label::FileLabels { service, layer: _, entities } = label::of_file(facts.path);
    let configured = group.map(|group| group.service.clone()).filter(|name| !name.is_empty());
    FileState { service: configured.unwrap_or(service), entities, last: LastStamp::default() }
}

/// Reads what has come until the batch is full (`true`).
fn read_lines(input: &mut Input, origin: &Origin<'_>, now: Timestamp, stage: &mut Stage, counters: &Counters) -> bool {
    loop {
        let line = match input.held.take().map_or_else(|| input.lines.try_recv(), Ok) {
            Ok(line) => line,
            Err(TryRecvError::Empty) => return false,
            Err(TryRecvError::Disconnected) => {
                input.has_ended = true;
                return false;
            }
        };
        if !stage.fits(line.bytes.len()) {
            input.held = Some(line);
            return true;
        }
        count(&counters.lines_read);
        add(&counters.bytes_read, line.bytes.len() as u64);
        if line.bytes.is_empty() {
            count(&counters.lines_empty);
            continue;
        }
        let zone = stage.zone.clone();
        let parsed = match line.is_split {
            true => Parsed::default(),
            false => input.recogniser.parse(&line.bytes, &Moment { now, zone: &zone }),
        };
        let facts = Facts { now, backlog: None, is_split: line.is_split, kind: Kind::Log };
        stage.take(origin, &line.bytes, parsed, facts, &mut input.last, counters);
    }
}
