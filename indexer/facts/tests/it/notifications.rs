//! What people are told of the faults of a recorded run: its facts through the shipped rules and alerting, with the time
//! of the run. Each stage is told to an engine of its own: what begins later is not shown to it, what ends later is.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::time::Duration;

use orszem_alerting::{
    AlertKey, Alerting, Config, Contact, Delivery, Graph, Input, Intent, JOIN_WINDOW, Kind, Level, Plan, Policy, Route,
    State, Step, Timing,
};
use orszem_model::topology::{Edge, Relation};
use orszem_model::{Fact, FactKind, Labels, Timestamp};
use orszem_promql::ParseOptions;
use orszem_rules::own::{Events, OwnRules};

use crate::runs::{Run, runs};

const TICK: Duration = Duration::from_millis(500);
/// Half seconds after the run in which facts are concluded: that something is steady takes some minutes.
const FACTS_AFTERWARDS: u32 = 3_600;
/// How long after that it is waited for the last all-clear.
const AFTERWARDS: Duration = Duration::from_secs(2 * 3600);
/// The probe asks three times, a second apart, before its target is down, and twice before it is up.
const DOWN_AFTER: i64 = 2_000_000_000;
const PROBE: &str = "ProbeDown";

/// What is told of each stage: `docs/alerting.md` says it in words.
const TOLD: [&str; 24] = [
    "00-empty: nothing",
    "01-configured: nothing",
    "02-one-failure: nothing",
    "03-failcount-threshold: 1 incidents, 1 opened, 1 ended: ClusterFailCountExceeded ClusterFailover ClusterResourceFlapping",
    "04-cleanup: nothing",
    "05-move: nothing",
    "06-unmove: nothing",
    "07-standby: nothing",
    "08-online: nothing",
    "09-maintenance: nothing",
    "10-unmanaged: 1 incidents, 1 opened, 1 ended: ClusterResourceFlapping ProbeDown",
    "11-flapping: 1 incidents, 1 opened, 1 ended: ClusterResourceFlapping",
    "12-node-crash: 1 incidents, 1 opened, 1 ended: ClusterFailover ClusterNodeFenced ClusterNodeLost CorosyncLinkDown ProbeDown",
    "13-corosync-kill: 1 incidents, 1 opened, 1 ended: ClusterFailover ClusterNodeFenced ClusterNodeLost CorosyncLinkDown",
    "14-network-cut: 1 incidents, 1 opened, 1 ended: ClusterFailover ClusterNodeFenced ClusterNodeLost ClusterPartitioned ClusterQuorumLost CorosyncLinkDown ProbeDown",
    "15-fence-failure: 1 incidents, 1 opened, 1 ended: ClusterFailCountExceeded ClusterFailover ClusterFencingFailed ClusterNodeFenced ClusterNodeLost ClusterNodeUnclean ClusterResourceFlapping CorosyncLinkDown ProbeDown",
    "16-daemon-respawn: nothing",
    "17-quorum-lost: 1 incidents, 1 opened, 1 ended: ClusterFailCountExceeded ClusterNodeLost ClusterQuorumLost CorosyncLinkDown ProbeDown",
    "18-clean-leave: 1 incidents, 1 opened, 1 ended: ProbeDown",
    "19-monitor-timeout: 1 incidents, 1 opened, 1 ended: ClusterResourceFlapping",
    "20-start-failure: 1 incidents, 1 opened, 1 ended: ClusterFailCountExceeded ClusterFailover ProbeDown",
    "21-stop-failure: 1 incidents, 1 opened, 1 ended: ClusterFailCountExceeded ClusterFailover ClusterNodeFenced ClusterNodeLost CorosyncLinkDown ProbeDown",
    "22-all-lost: 2 incidents, 2 opened, 2 ended: ClusterNodeLost ClusterQuorumLost CorosyncLinkDown ProbeDown",
    "99-end: nothing",
];

/// What was known at a moment of the run.
struct Moment {
    now: Timestamp,
    facts: Vec<Fact>,
    /// Where they changed.
    edges: Option<Vec<Edge>>,
    /// Whether the service is down, where that changed.
    is_down: Option<bool>,
}

fn shipped() -> OwnRules {
    let mut rules = OwnRules::default();
    for name in ["corosync", "drbd", "pacemaker", "probes"] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../../config/rules/{name}.yml"));
        let text = fs::read_to_string(path).expect("reads");
        let file = orszem_rules::read(&text, ParseOptions { is_experimental: false });
        rules.extend(file.unwrap_or_else(|problems| panic!("{problems}")).own);
    }
    rules
}

fn plan(rules: &OwnRules) -> Plan {
    let policy = Policy {
        name: "all".to_owned(),
        steps: vec![Step { after: Duration::ZERO, contacts: vec!["eva".to_owned()] }],
        repeat: 0,
        repeat_after: Duration::ZERO,
    };
    let config = Config {
        rules: rules.alarms(),
        contacts: vec![Contact::new("eva", "hook", "x")],
        policies: vec![policy],
        route: Route { timing: Some(Timing { remind: None, ..Timing::default() }), ..Route::to("all") },
        ..Config::default()
    };
    Plan::new(config).expect("a plan")
}

/// What the cluster's configuration says.
fn configured() -> Vec<Edge> {
    let edge = |from: &str, relation, to: &str| Edge {
        from: from.to_owned(),
        relation,
        to: to.to_owned(),
        detail: String::new(),
        origin: "pacemaker".to_owned(),
    };
    let members = ["resource/vip", "resource/db", "resource/app", "resource/web"];
    let mut edges = vec![edge("endpoint/10.77.0.100", Relation::DependsOn, "resource/vip")];
    edges.extend(members.map(|member| edge(member, Relation::PartOf, "resource/svc")));
    edges.extend(members.windows(2).map(|pair| edge(pair[1], Relation::DependsOn, pair[0])));
    edges
}

/// When the probe's verdict changed.
fn verdicts(run: &Run) -> BTreeMap<Timestamp, bool> {
    let mut verdicts = BTreeMap::new();
    let (mut failing, mut is_down) = (None, false);
    for probe in &run.story.probes {
        failing = if probe.node.is_some() { None } else { failing.or(Some(probe.at)) };
        let is_out = failing.is_some_and(|since: Timestamp| probe.at.0 - since.0 >= DOWN_AFTER);
        if (is_down && failing.is_none()) || (!is_down && is_out) {
            is_down = is_out;
            verdicts.insert(probe.at, is_down);
        }
    }
    verdicts
}

fn moments(run: &Run) -> Vec<Moment> {
    let mut verdicts = verdicts(run);
    let mut moments: Vec<Moment> = Vec::new();
    let mut known = Vec::new();
    run.replay(FACTS_AFTERWARDS, |now, facts, engine| {
        let edges = engine.edges();
        let edges = (edges != known).then(|| {
            known.clone_from(&edges);
            edges
        });
        let later = verdicts.split_off(&now.after(Duration::from_nanos(1)));
        let is_down = std::mem::replace(&mut verdicts, later).into_values().next_back();
        moments.push(Moment { now, facts, edges, is_down });
    });
    moments
}

/// The rules, the engine and whoever is told, from one stage on.
struct World {
    events: Events,
    engine: Alerting,
    configured: Vec<Edge>,
    edges: Vec<Edge>,
    over: Vec<(Timestamp, Edge)>,
    told: Vec<(Timestamp, Intent)>,
}

impl World {
    fn new(edges: &[Edge]) -> Self {
        let rules = shipped();
        let mut world = Self {
            engine: Alerting::new(plan(&rules), Graph::default()),
            events: Events::new(rules.events),
            configured: configured(),
            edges: Vec::new(),
            over: Vec::new(),
            told: Vec::new(),
        };
        world.know(edges, Timestamp(0));
        world
    }

    fn know(&mut self, edges: &[Edge], now: Timestamp) {
        let gone = self.edges.iter().filter(|edge| !edges.contains(edge));
        self.over.extend(gone.map(|edge| (now, edge.clone())));
        self.over.retain(|(at, _)| now <= at.after(JOIN_WINDOW));
        self.edges = edges.to_vec();
        let graph = Graph::of_both(self.edges.iter().chain(&self.configured), self.over.iter().map(|(_, edge)| edge));
        let effects = self.engine.set_graph(graph, now);
        assert_eq!(effects.intents, []);
    }

    fn show(&mut self, facts: &[Fact], is_down: Option<bool>, now: Timestamp) {
        let place = Labels::from([("cluster", "halab")]);
        facts.iter().for_each(|fact| self.events.fact(fact, &place, now));
        self.events.tick(now);
        let mut inputs = self.events.drain();
        inputs.extend(is_down.map(|is_down| {
            let labels = Labels::from([("entity", "service/web"), ("instance", "http://10.77.0.100:8080/")]);
            let state = if is_down { State::Firing(Level::Critical) } else { State::Ok };
            let key = AlertKey { rule: PROBE.to_owned(), labels };
            Input::Level { key, state, at: now, value: 4.0, annotations: Labels::default() }
        }));
        inputs.extend(facts.iter().cloned().map(Input::Fact));
        inputs.push(Input::Tick);
        let effects = self.engine.steps(inputs, now);
        assert_eq!(effects.refused, []);
        for intent in effects.intents {
            self.engine.step(Input::Leased(intent.key), now);
            self.engine.step(Input::Delivered { key: intent.key, outcome: Delivery::Sent }, now);
            self.told.push((now, intent));
        }
    }

    /// What was told, in one line: incidents, openings, all-clears, and the alerts of the messages.
    fn outcome(&self) -> String {
        let count = |kind: Kind| self.told.iter().filter(|(_, intent)| intent.kind == kind).count();
        let incidents: BTreeSet<u64> = self.told.iter().map(|(_, intent)| intent.incident).collect();
        if incidents.is_empty() {
            return "nothing".to_owned();
        }
        let alerts = self.told.iter().flat_map(|(_, intent)| &intent.message.alerts);
        let names: BTreeSet<&str> = alerts.map(|alert| alert.key.rule.as_str()).collect();
        let names: Vec<&str> = names.into_iter().collect();
        let (opened, ended) = (count(Kind::Open), count(Kind::Resolve));
        format!("{} incidents, {opened} opened, {ended} ended: {}", incidents.len(), names.join(" "))
    }

    fn print(&self, began: Timestamp) {
        for (at, intent) in &self.told {
            let after = (at.0 - began.0) as f64 / 1e9;
            let (kind, message) = (intent.kind.name(), &intent.message);
            let sound = if message.is_loud { "!" } else { "" };
            println!("{after:+8.1} {kind}{sound} #{}: {}", intent.incident, message.title);
            for event in &message.events {
                println!("{:>18.1} {}", (event.at.0 - began.0) as f64 / 1e9, event.text);
            }
        }
    }
}

/// What the run's stages are told as, by their names.
fn outcomes(run: &Run) -> Vec<(String, String)> {
    let moments = moments(run);
    let rules = shipped().events;
    let begins: BTreeSet<FactKind> = rules.iter().flat_map(|rule| rule.facts.clone()).collect();
    let ends: BTreeSet<FactKind> = rules.iter().flat_map(|rule| rule.until.clone()).collect();
    let only_ends = |kind: FactKind| ends.contains(&kind) && !begins.contains(&kind);
    let mut stages: Vec<(&str, Timestamp)> = Vec::new();
    for fault in &run.story.faults {
        if stages.last().is_none_or(|(name, _)| *name != fault.stage) {
            stages.push((&fault.stage, fault.at));
        }
    }
    let mut outcomes = Vec::new();
    for (index, (name, began)) in stages.iter().enumerate() {
        let ended = stages.get(index + 1).map_or(Timestamp(i64::MAX), |(_, at)| *at);
        let before = moments.iter().take_while(|moment| moment.now < *began).filter_map(|moment| moment.edges.as_ref());
        let mut world = World::new(before.last().map_or(&[], Vec::as_slice));
        let mut now = *began;
        for moment in moments.iter().filter(|moment| moment.now >= *began) {
            let is_later = |at: Timestamp| at >= ended;
            let is_shown = |fact: &&Fact| fact.at >= *began && (!is_later(fact.at) || only_ends(fact.kind));
            let facts: Vec<Fact> = moment.facts.iter().filter(is_shown).cloned().collect();
            if let Some(edges) = &moment.edges {
                world.know(edges, moment.now);
            }
            let is_down = moment.is_down.filter(|is_down| !is_down || !is_later(moment.now));
            world.show(&facts, is_down, moment.now);
            now = moment.now;
        }
        let until = now.after(AFTERWARDS);
        while now < until {
            now = now.after(TICK * 10);
            world.show(&[], None, now);
        }
        println!("\n## {name}: {}", world.outcome());
        world.print(*began);
        outcomes.push(((*name).to_owned(), world.outcome()));
    }
    outcomes
}

#[test]
fn each_fault_is_told_once_and_what_is_planned_is_not() {
    for path in runs() {
        let outcomes = outcomes(&Run::read(&path));
        let told: Vec<String> = outcomes.iter().map(|(stage, outcome)| format!("{stage}: {outcome}")).collect();
        if std::env::var_os("ORSZEM_CLUSTER_RUN").is_none() {
            assert_eq!(told, TOLD, "{}", path.display());
        }
        for (stage, outcome) in outcomes {
            let is_planned = ["05", "06", "07", "08", "09"].iter().any(|number| stage.starts_with(number));
            let is_crash = ["12", "13", "14", "15", "21"].iter().any(|number| stage.starts_with(number));
            assert!(!is_planned || outcome == "nothing", "{stage}: {outcome}");
            assert!(!is_crash || outcome.starts_with("1 incidents, 1 opened, 1 ended: "), "{stage}: {outcome}");
        }
    }
}
