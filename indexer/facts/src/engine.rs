//! The engine: takes observations in, lets time pass, hands facts out.

use std::collections::BTreeSet;

use orszem_model::observation::Observation;
use orszem_model::{Fact, RecordId, Seen, Timestamp};

use crate::code::{Code, coded_enum};
use crate::drbd::Drbd;
use crate::failures::Failures;
use crate::fencing::{self, Fencings};
use crate::flags::Flags;
use crate::input::{Arrival, Input, Source, Waiting};
use crate::log::{self, LogSight, Saying, Told};
use crate::members::Members;
use crate::operations::Operations;
use crate::outbox::Outbox;
use crate::quorum::Quorum;
use crate::reporters::Reporters;
use crate::resources::Resources;
use crate::services::Services;
use crate::settings::Settings;
use crate::words::{Draft, later};

/// What the bytes of a state begin with.
const VERSION: u8 = 3;

/// The facts of one cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    pub(crate) settings: Settings,
    pub(crate) waiting: Waiting,
    timers: BTreeSet<(Timestamp, Timer)>,
    pub(crate) outbox: Outbox,
    pub(crate) members: Members,
    pub(crate) quorum: Quorum,
    pub(crate) flags: Flags,
    pub(crate) fencings: Fencings,
    pub(crate) operations: Operations,
    pub(crate) resources: Resources,
    pub(crate) failures: Failures,
    pub(crate) services: Services,
    pub(crate) drbd: Drbd,
    pub(crate) reporters: Reporters,
    /// Observations that a limit kept out.
    pub(crate) ignored: u64,
}

/// What is looked at again at some moment.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Timer {
    Members,
    Quorum,
    /// Whether a resource that was stopped stays so.
    Stopped(String),
    /// Whether a resource that a status does not see any more is gone.
    Gone(String),
    /// Whether a resource that a status sees, though nothing started it, is there.
    There(String),
    /// Whether a promotion was a failover of its own.
    Promoted(String),
    /// A service that is back, once what moved it had time to be known: from where, and to where.
    Service(String, String),
    Managed(String),
    Link(String, u32),
    Steady(String, String),
    DrbdRedundancy(String),
    DrbdSplit(String),
    Resync(String, u32, String),
}

coded_enum!(Timer {
    0 = Members,
    1 = Quorum,
    2 = Stopped(resource),
    3 = Promoted(resource),
    4 = Service(from, to),
    5 = Managed(resource),
    6 = Link(peer, link),
    7 = Steady(resource, node),
    8 = DrbdRedundancy(resource),
    9 = DrbdSplit(resource),
    10 = Resync(resource, volume, pair),
    11 = Gone(resource),
    12 = There(resource),
});

impl Facts {
    /// Knows nothing yet.
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            waiting: Waiting::default(),
            timers: BTreeSet::new(),
            outbox: Outbox::default(),
            members: Members::default(),
            quorum: Quorum::default(),
            flags: Flags::default(),
            fencings: Fencings::default(),
            operations: Operations::default(),
            resources: Resources::default(),
            failures: Failures::default(),
            services: Services::default(),
            drbd: Drbd::default(),
            reporters: Reporters::default(),
            ignored: 0,
        }
    }

    /// Takes an observation in, and answers what is certain now.
    pub fn step(&mut self, seen: &Seen, id: RecordId) -> Vec<Fact> {
        self.heard(&seen.reporter, seen.at);
        // Others tell the exact time of what a status tells in whole seconds, and come first then.
        let at = if fencing::is_in_whole_seconds(seen) { later(seen.at, fencing::WHOLE_MS - 1) } else { seen.at };
        self.waiting.add(at, &seen.reporter, id, Input::Seen(seen.clone()));
        self.run(false)
    }

    /// Looks at a line of a log. Most say nothing but that the host is alive.
    pub fn line(&mut self, line: &LogSight<'_>, id: RecordId) -> Vec<Fact> {
        self.heard(line.host, line.at);
        match log::read(line) {
            None => return Vec::new(),
            Some(Told::Seen(seen)) => self.waiting.add(line.at, line.host, id, Input::Seen(seen)),
            Some(Told::Saying(saying)) => self.waiting.add(line.at, line.host, id, Input::Log(saying)),
        }
        self.run(false)
    }

    /// Lets time pass. To be called about twice a second: what is said of delays holds for that.
    pub fn tick(&mut self, now: Timestamp) -> Vec<Fact> {
        self.waiting.set_now(now);
        self.look_for_silence(now);
        self.run(true)
    }

    /// Observations that were ignored as a limit was reached.
    pub fn ignored(&self) -> u64 {
        self.ignored
    }

    /// The whole state but for the settings.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = vec![VERSION];
        self.waiting.put(&mut out);
        self.timers.put(&mut out);
        self.outbox.put(&mut out);
        self.members.put(&mut out);
        self.quorum.put(&mut out);
        self.flags.put(&mut out);
        self.fencings.put(&mut out);
        self.operations.put(&mut out);
        self.resources.put(&mut out);
        self.failures.put(&mut out);
        self.services.put(&mut out);
        self.drbd.put(&mut out);
        self.reporters.put(&mut out);
        self.ignored.put(&mut out);
        out
    }

    /// A state that [`Facts::encode`] wrote; `None` if it is not one of this version, whole and with nothing behind it.
    pub fn decode(settings: Settings, bytes: &[u8]) -> Option<Self> {
        let (&VERSION, mut input) = bytes.split_first()? else { return None };
        let input = &mut input;
        let facts = Self {
            settings,
            waiting: Code::take(input)?,
            timers: Code::take(input)?,
            outbox: Code::take(input)?,
            members: Code::take(input)?,
            quorum: Code::take(input)?,
            flags: Code::take(input)?,
            fencings: Code::take(input)?,
            operations: Code::take(input)?,
            resources: Code::take(input)?,
            failures: Code::take(input)?,
            services: Code::take(input)?,
            drbd: Code::take(input)?,
            reporters: Code::take(input)?,
            ignored: Code::take(input)?,
        };
        input.is_empty().then_some(facts)
    }

    fn run(&mut self, is_tick: bool) -> Vec<Fact> {
        let settled = self.waiting.settled(self.settings.reorder_ms);
        while let Some((at, arrival)) = self.waiting.next(settled) {
            self.fire(at);
            self.waiting.advance(at);
            self.conclude(at, arrival);
        }
        if is_tick {
            self.fire(settled);
            self.waiting.advance(settled);
        }
        self.release()
    }

    /// Looks again at what is due before a moment.
    fn fire(&mut self, until: Timestamp) {
        while let Some((due, _)) = self.timers.first()
            && *due <= until
            && let Some((due, timer)) = self.timers.pop_first()
        {
            match timer {
                Timer::Members => self.decide_members(due),
                Timer::Quorum => self.decide_quorum(due),
                Timer::Stopped(resource) => self.tell_stopped(&resource),
                Timer::Gone(resource) => self.decide_gone(&resource),
                Timer::There(resource) => self.decide_there(&resource),
                Timer::Promoted(resource) => self.decide_promotion(&resource, due),
                Timer::Service(from, to) => self.tell_service(&from, &to, due),
                Timer::Managed(resource) => self.decide_managed(&resource, due),
                Timer::Link(peer, link) => self.decide_link(&peer, link, due),
                Timer::Steady(resource, node) => self.decide_steady(&resource, &node, due),
                Timer::DrbdRedundancy(resource) => self.decide_redundancy(&resource, due),
                Timer::DrbdSplit(resource) => self.decide_split(&resource, due),
                Timer::Resync(resource, volume, pair) => self.decide_stalled(&resource, volume, &pair, due),
            }
        }
    }

    /// Has something looked at again, `ms` after a moment.
    pub(crate) fn look_again(&mut self, at: Timestamp, ms: u64, timer: Timer) {
        self.timers.insert((later(at, ms), timer));
    }

    /// Holds a fact for a moment; records with its key join it.
    pub(crate) fn tell(&mut self, at: Timestamp, key: &str, draft: Draft) {
        self.outbox.hold(key, later(at, self.settings.hold_ms), draft.0);
    }

    fn release(&mut self) -> Vec<Fact> {
        let mut facts = self.outbox.take_due(self.waiting.clock());
        for fact in &mut facts {
            self.finish_failure(fact);
        }
        facts
    }

    fn conclude(&mut self, at: Timestamp, arrival: Arrival) {
        let Arrival { id, lag_ms, reporter, input } = arrival;
        match input {
            Input::Seen(seen) => {
                let Seen { origin, is_initial, observation, .. } = seen;
                let source = Source { at, id, lag_ms, reporter, origin, is_initial };
                self.observe(&source, observation);
            }
            Input::Log(saying) => {
                let origin = orszem_model::observation::Origin::Log;
                let source = Source { at, id, lag_ms, reporter, origin, is_initial: false };
                self.said(&source, saying);
            }
        }
    }

    fn observe(&mut self, source: &Source, observation: Observation) {
        match observation {
            Observation::Member(member) => self.member(source, &member.node, member.is_member),
            Observation::Operation(operation) => self.operation(source, &operation),
            Observation::Fencing(fencing) => self.fencing(source, &fencing),
            Observation::NodeAttribute(attribute) => self.attribute(source, &attribute),
            Observation::NodeState(state) => self.node_state(source, &state),
            Observation::Placement(placement) => self.placement(source, &placement),
            Observation::FailCount(count) => self.fail_count(source, &count),
            Observation::ClusterState(state) => self.cluster_state(source, &state),
            Observation::Ban(ban) => self.ban(source, &ban),
            Observation::QuorumState(state) => self.quorum_state(source, &state),
            Observation::LinkState(link) => self.link(source, &link),
            Observation::WitnessState(witness) => self.witness(source, &witness),
            Observation::DrbdResource(resource) => self.drbd_resource(source, &resource),
            Observation::DrbdDevice(device) => self.drbd_device(source, &device),
            Observation::DrbdConnection(connection) => self.drbd_connection(source, &connection),
            Observation::DrbdPeerDevice(device) => self.drbd_peer_device(source, device),
            Observation::DrbdHelper(helper) => self.drbd_helper(source, &helper),
        }
    }

    fn said(&mut self, source: &Source, saying: Saying) {
        match saying {
            Saying::NoToken(ms) => self.no_token(source, ms),
            Saying::Quorum(is_quorate) => self.quorate(source, is_quorate),
            Saying::FencingWanted(node, action) => self.fencing_wanted(source, &node, &action),
            Saying::SplitBrain(resource, peer, minor) => self.split_brain_said(source, &resource, &peer, minor),
            Saying::Failed(node, resource, task) => self.operation_said(source, &node, &resource, &task),
        }
    }
}
