//! A world around the engine: a store that folds rows, senders, and a record of who was told what.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use orszem_alerting::{
    Address, Alerting, Config, Contact, Delivery, Effects, Graph, Input, Intent, IntentKey, Kind, Level, Observation,
    Outcome, Plan, Policy, Rate, Recipient, Route, Rule, Step, Table, Timing, Transition,
};
use orszem_model::topology::{Edge, Relation};
use orszem_model::{Fact, FactKind, Labels, Timestamp};

pub(crate) const START: i64 = 1_790_000_000;

pub(crate) fn at(second: i64) -> Timestamp {
    Timestamp((START + second) * 1_000_000_000)
}

pub(crate) fn secs(count: u64) -> Duration {
    Duration::from_secs(count)
}

pub(crate) fn observed(rule: &str, labels: &[(&str, &str)], outcome: Outcome, second: i64) -> Input {
    let labels = Labels::new(labels.to_vec());
    Input::Observed(Observation {
        rule: rule.to_owned(),
        labels,
        outcome,
        at: at(second),
        annotations: Labels::default(),
    })
}

pub(crate) fn edge(from: &str, relation: Relation, to: &str) -> Edge {
    Edge { from: from.to_owned(), relation, to: to.to_owned(), detail: String::new(), origin: String::new() }
}

pub(crate) fn fact(kind: FactKind, entity: &str, second: i64) -> Input {
    Input::Fact(Fact {
        at: at(second),
        kind,
        entity: entity.to_owned(),
        others: Vec::new(),
        from: String::new(),
        to: String::new(),
        cause: String::new(),
        duration_ms: None,
        details: Vec::new(),
        text: String::new(),
        records: Vec::new(),
    })
}

/// Eva is told at once, the lead after five minutes; nobody is reminded.
pub(crate) fn config() -> Config {
    let mut down = Rule::condition("HostDown", Level::Critical);
    down.is_outage = true;
    let eva = Contact::new("eva", "mail", "eva@example.com");
    let lead = Contact {
        addresses: vec![
            Address { channel: "mail".into(), target: "lead@example.com".into(), level_min: Level::Warning },
            Address { channel: "sms".into(), target: "+36".into(), level_min: Level::Critical },
        ],
        ..Contact::new("lead", "", "")
    };
    let step = |after, contact: &str| Step { after: secs(after), contacts: vec![contact.to_owned()] };
    let policy = Policy {
        name: "ops".to_owned(),
        steps: vec![step(0, "eva"), step(300, "lead")],
        repeat: 0,
        repeat_after: Duration::ZERO,
    };
    Config {
        rules: vec![down, Rule::condition("Slow", Level::Warning), Rule::condition("Failed", Level::Critical)],
        contacts: vec![eva, lead],
        policies: vec![policy],
        route: Route { timing: Some(Timing { remind: None, ..Timing::default() }), ..Route::to("ops") },
        ..Config::default()
    }
}

pub(crate) fn plan(config: Config) -> Plan {
    Plan::new(config).expect("a good configuration")
}

/// An engine with a store, senders and a clock.
pub(crate) struct World {
    pub(crate) engine: Alerting,
    pub(crate) second: i64,
    pub(crate) rows: BTreeMap<(Table, Vec<u8>), Vec<u8>>,
    pub(crate) pending: Vec<Intent>,
    pub(crate) leased: BTreeSet<IntentKey>,
    pub(crate) keys: BTreeSet<IntentKey>,
    pub(crate) superseded: BTreeSet<IntentKey>,
    pub(crate) failed: BTreeSet<IntentKey>,
    pub(crate) sent: Vec<Intent>,
    pub(crate) transitions: Vec<Transition>,
}

impl World {
    pub(crate) fn new(config: Config, edges: &[Edge]) -> Self {
        Self {
            engine: Alerting::new(plan(config), Graph::of(edges)),
            second: 0,
            rows: BTreeMap::new(),
            pending: Vec::new(),
            leased: BTreeSet::new(),
            keys: BTreeSet::new(),
            superseded: BTreeSet::new(),
            failed: BTreeSet::new(),
            sent: Vec::new(),
            transitions: Vec::new(),
        }
    }

    pub(crate) fn now(&self) -> Timestamp {
        at(self.second)
    }

    pub(crate) fn step(&mut self, input: Input) -> Effects {
        let now = self.now();
        let effects = self.engine.step(input, now);
        self.take(&effects);
        effects
    }

    pub(crate) fn take(&mut self, effects: &Effects) {
        for row in &effects.rows {
            let place = (row.table, row.key.clone());
            match &row.value {
                Some(value) => self.rows.insert(place, value.clone()),
                None => self.rows.remove(&place),
            };
        }
        for transition in &effects.transitions {
            assert_eq!(transition.seq, self.transitions.len() as u64 + 1, "no transition is left out");
            self.transitions.push(transition.clone());
        }
        for intent in &effects.intents {
            assert!(self.keys.insert(intent.key), "a key is given once: {intent:?}");
            self.pending.push(intent.clone());
        }
        for (old, new) in &effects.superseded {
            let place = self.pending.iter().position(|intent| intent.key == *old).expect("what is taken back waits");
            self.pending.remove(place);
            assert!(self.keys.contains(new) && !self.leased.contains(old), "it was not being sent");
            self.superseded.insert(*old);
        }
        for incident in self.engine.incidents() {
            assert!(incident.is_open() || incident.ack.is_none(), "no acknowledgement survives the end");
            assert_eq!(incident.is_open(), incident.level().is_some(), "open is what has an alert that fires");
        }
    }

    pub(crate) fn observe(&mut self, rule: &str, labels: &[(&str, &str)], fires: bool) -> Effects {
        let outcome = if fires { Outcome::Match } else { Outcome::NoMatch };
        self.step(observed(rule, labels, outcome, self.second))
    }

    /// Lets time pass, with a tick whenever one is due, and delivers everything as soon as it is written.
    pub(crate) fn pass(&mut self, seconds: i64) {
        self.tick_until(self.second + seconds, true);
    }

    pub(crate) fn tick_until(&mut self, second: i64, delivers: bool) {
        if delivers {
            self.deliver();
        }
        while let Some(due) = self.engine.next_due().filter(|due| *due <= at(second)) {
            let due = (due.0 + 999_999_999).div_euclid(1_000_000_000) - START;
            self.second = self.second.max(due).min(second);
            self.step(Input::Tick);
            if delivers {
                self.deliver();
            }
        }
        self.second = second;
    }

    /// Sends all that waits.
    pub(crate) fn deliver(&mut self) {
        while let Some(intent) = self.pending.first().cloned() {
            self.finish(&intent, Delivery::Sent);
        }
    }

    pub(crate) fn finish(&mut self, intent: &Intent, outcome: Delivery) {
        if self.leased.insert(intent.key) {
            self.step(Input::Leased(intent.key));
        }
        self.pending.retain(|other| other.key != intent.key);
        match outcome {
            Delivery::Sent => self.sent.push(intent.clone()),
            Delivery::Refused | Delivery::Gone | Delivery::Expired => {
                self.failed.insert(intent.key);
            }
        }
        let effects = self.step(Input::Delivered { key: intent.key, outcome });
        assert_eq!(effects.refused, []);
    }

    /// What was sent since the last time, in few words: kind, contact, loud or not, title.
    pub(crate) fn told(&mut self) -> Vec<String> {
        let sent = std::mem::take(&mut self.sent);
        sent.iter().map(brief).collect()
    }

    /// Goes on from what the store has.
    pub(crate) fn restart(&mut self) {
        let rows = self.rows.iter().map(|((table, key), value)| (*table, key.as_slice(), value.as_slice()));
        let (plan, graph) = (self.engine.plan().clone(), self.graph());
        self.engine = Alerting::restore(plan, graph, rows).expect("its own rows");
    }

    pub(crate) fn graph(&self) -> Graph {
        self.engine.graph().clone()
    }

    /// What each recipient was told of each incident, in order.
    pub(crate) fn stories(&self) -> BTreeMap<(Recipient, u64), Vec<Kind>> {
        let mut stories: BTreeMap<(Recipient, u64), Vec<Kind>> = BTreeMap::new();
        for intent in &self.sent {
            if intent.kind == Kind::Digest {
                assert_eq!(intent.message.entries_left_out, 0, "tests stay below the limit");
                for entry in intent.message.entries.iter().filter(|entry| entry.incident != 0) {
                    stories.entry((intent.recipient.clone(), entry.incident)).or_default().push(entry.kind);
                }
            } else if intent.kind != Kind::Test {
                stories.entry((intent.recipient.clone(), intent.incident)).or_default().push(intent.kind);
            }
        }
        stories
    }

    /// Invariant R, when everything is over and delivered.
    pub(crate) fn assert_all_resolved(&self) {
        for ((recipient, incident), story) in self.stories() {
            let was_told = story.iter().any(|kind| kind.tells_open());
            let last = story.last().expect("a story has a word");
            assert!(!was_told || *last == Kind::Resolve, "{recipient:?} of incident {incident}: {story:?}");
        }
    }

    /// Invariant N.
    pub(crate) fn assert_all_accounted(&self) {
        let waiting = self.pending.len();
        let done = self.sent.len() + self.failed.len() + self.superseded.len();
        assert_eq!(self.keys.len(), done + waiting);
        assert_eq!(self.engine.outstanding(), waiting);
    }
}

pub(crate) fn brief(intent: &Intent) -> String {
    let sound = if intent.message.is_loud { "!" } else { "" };
    let Intent { kind, recipient, message, .. } = intent;
    format!("{}{sound} {} {}: {}", kind.name(), recipient.contact, recipient.channel, message.title)
}

pub(crate) fn rate(messages: u32, per: u64) -> Rate {
    Rate { messages, per: secs(per) }
}
