//! What was done to a cluster and what its service answered meanwhile, and whether the facts tell it.

use std::collections::BTreeMap;
use std::path::Path;

use orszem_model::{Fact, Timestamp};
use serde_json::Value as Json;

const SECOND: f64 = 1e9;
/// How far a fact's duration may be from what the probe measured.
const OUTAGE_WITHIN_S: f64 = 0.5;
/// How often the probe asks.
const PROBED_EVERY_S: f64 = 0.25;

/// A moment that a fault was made, and the name of its stage.
#[derive(Clone, Debug)]
pub(crate) struct Fault {
    pub(crate) at: Timestamp,
    pub(crate) stage: String,
    pub(crate) action: String,
    pub(crate) detail: String,
}

/// What the service answered.
#[derive(Clone, Debug)]
pub(crate) struct Probe {
    pub(crate) at: Timestamp,
    /// `None` where it did not.
    pub(crate) node: Option<String>,
}

/// A time of the service without an answer.
#[derive(Clone, Debug, Default, PartialEq)]
struct Outage {
    from: String,
    to: String,
    seconds: f64,
}

/// What a run did, and what was seen of it from outside.
#[derive(Clone, Debug, Default)]
pub(crate) struct Story {
    pub(crate) cluster: String,
    pub(crate) faults: Vec<Fault>,
    pub(crate) probes: Vec<Probe>,
}

/// A fact, and when it was known.
pub(crate) type Told = (Timestamp, Fact);

/// What was told of a stage.
#[derive(Debug)]
struct Stage<'s> {
    name: &'s str,
    began: Timestamp,
    ended: Timestamp,
    told: Vec<Told>,
}

pub(crate) fn time(text: &str) -> Timestamp {
    text.replace("+00:00", "Z").replace("+0000", "Z").parse().expect("a time")
}

impl Fault {
    pub(crate) fn read(json: &Json) -> Self {
        let of = |key: &str| json[key].as_str().unwrap_or_default().to_owned();
        Self { at: time(&of("ts")), stage: of("stage"), action: of("action"), detail: of("detail") }
    }
}

impl Probe {
    pub(crate) fn read(json: &Json) -> Self {
        let node =
            json["ok"].as_bool().unwrap_or_default().then(|| json["node"].as_str().unwrap_or_default().to_owned());
        Self { at: time(json["ts"].as_str().expect("a time")), node }
    }
}

impl Stage<'_> {
    fn since(&self, at: Timestamp) -> f64 {
        (at.0 - self.began.0) as f64 / SECOND
    }
}

impl Outage {
    /// How far a fact's duration may be from it. The probe does not see what is over before it asks again.
    fn tolerance(&self) -> f64 {
        OUTAGE_WITHIN_S + if self.seconds > 0.0 { 0.0 } else { PROBED_EVERY_S }
    }
}

impl Story {
    /// Stages by the times of their faults; a fact belongs to the one that it happened in.
    fn stages(&self, told: Vec<Told>) -> Vec<Stage<'_>> {
        let mut stages: Vec<Stage<'_>> = Vec::new();
        for fault in &self.faults {
            if stages.last().is_none_or(|stage| stage.name != fault.stage) {
                if let Some(last) = stages.last_mut() {
                    last.ended = fault.at;
                }
                let ended = Timestamp(i64::MAX);
                stages.push(Stage { name: &fault.stage, began: fault.at, ended, told: Vec::new() });
            }
        }
        for (known, fact) in told {
            if let Some(stage) = stages.iter_mut().rev().find(|stage| stage.began <= fact.at) {
                stage.told.push((known, fact));
            }
        }
        stages.iter_mut().for_each(|stage| stage.told.sort_by_key(|(_, fact)| fact.at));
        stages
    }

    /// How long after the fault before it something happened.
    fn after_fault(&self, at: Timestamp) -> f64 {
        let before = self.faults.iter().rev().find(|fault| fault.at <= at);
        before.map_or(0.0, |fault| (at.0 - fault.at.0) as f64 / SECOND)
    }

    /// The longest time without an answer that began in a stage.
    fn outage(&self, stage: &Stage<'_>) -> Outage {
        let mut longest = Outage::default();
        let (mut last, mut bad): (String, Option<Timestamp>) = (String::new(), None);
        for Probe { at, node } in &self.probes {
            match node {
                None => bad = bad.or(Some(*at)),
                Some(node) => {
                    if let Some(bad) = bad.take()
                        && stage.began <= bad
                        && bad < stage.ended
                    {
                        let seconds = (at.0 - bad.0) as f64 / SECOND;
                        if seconds > longest.seconds {
                            longest = Outage { from: last.clone(), to: node.clone(), seconds };
                        }
                    }
                    last.clone_from(node);
                }
            }
        }
        longest
    }

    /// The node that the stage's faults name first.
    fn victim(&self, stage: &Stage<'_>) -> String {
        let own = self.faults.iter().filter(|fault| fault.stage == stage.name);
        let named = own.flat_map(|fault| fault.detail.split(|c: char| !c.is_ascii_alphanumeric()));
        let is_node = |word: &&str| word.strip_prefix("node").is_some_and(|number| number.parse::<u32>().is_ok());
        named.into_iter().find(is_node).unwrap_or_default().to_owned()
    }

    /// All that is wrong, by the lines of `expected_facts.jsonl`. Before the first fault anything may be told.
    pub(crate) fn compare(&self, told: Vec<Told>) -> Vec<String> {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/expected_facts.jsonl");
        let expected = crate::captures::lines(&path);
        let mut by_stage: BTreeMap<&str, Vec<&Json>> = BTreeMap::new();
        for line in &expected {
            by_stage.entry(line["stage"].as_str().expect("a stage")).or_default().push(line);
        }
        let stages = self.stages(told);
        let mut wrong = Vec::new();
        // What may be told at any time.
        let always = by_stage.remove("*").unwrap_or_default();
        for (name, mut lines) in by_stage {
            lines.extend(&always);
            match stages.iter().find(|stage| stage.name == name) {
                None => wrong.push(format!("{name}: was not played")),
                Some(stage) => wrong.extend(self.compare_stage(&lines, stage)),
            }
        }
        wrong
    }

    fn compare_stage(&self, expected: &[&Json], stage: &Stage<'_>) -> Vec<String> {
        let (name, outage, victim) = (stage.name, self.outage(stage), self.victim(stage));
        let fill = |text: &str| {
            let text = text.replace("{node}", &victim).replace("{cluster}", &self.cluster);
            text.replace("{from}", &outage.from).replace("{to}", &outage.to)
        };
        let mut wrong = Vec::new();
        let mut allowed: Vec<&str> = Vec::new();
        for line in expected {
            let word = |key: &str| line[key].as_str().map(fill).unwrap_or_default();
            let (kind, entity) = (word("fact"), word("entity"));
            allowed.extend(line["fact"].as_str());
            allowed.extend(line["extras"].as_array().into_iter().flatten().filter_map(Json::as_str));
            // A service may come back where it was.
            let has_moved = outage.from != outage.to;
            if kind.is_empty() || line["moved"].as_bool().is_some_and(|moved| moved != has_moved) {
                continue;
            }
            let is_it = |fact: &&Fact| {
                let is_within = self.after_fault(fact.at) <= line["within_s"].as_f64().expect("seconds");
                let is_from = word("from").is_empty() || fact.from == word("from");
                let is_to = word("to").is_empty() || fact.to == word("to");
                fact.kind.name() == kind && fact.entity == entity && is_within && is_from && is_to
            };
            let found: Vec<&Fact> = stage.told.iter().map(|(_, fact)| fact).filter(is_it).collect();
            let least = line["at_least"].as_u64();
            let times = line["times"].as_u64().or(least).unwrap_or(1);
            let count = found.len() as u64;
            if count < times || (count > times && least.is_none()) {
                wrong.push(format!("{name}: {kind} {entity} {} {count} times, not {times}", word("from")));
            }
            if let (Some(true), Some(fact)) = (line["outage"].as_bool(), found.first()) {
                let told = fact.duration_ms.unwrap_or_default() as f64 / 1e3;
                if (told - outage.seconds).abs() > outage.tolerance() {
                    wrong.push(format!("{name}: {kind} {entity} took {told} s, not {:.1}", outage.seconds));
                }
            }
        }
        let extra = stage.told.iter().filter(|(_, fact)| !allowed.contains(&fact.kind.name()));
        wrong.extend(extra.map(|(_, fact)| format!("{name}: {} {}: {}", fact.kind.name(), fact.entity, fact.text)));
        wrong
    }

    /// The story for people: when each fact happened, counted from the stage's first fault, and how much later it was
    /// known.
    pub(crate) fn print(&self, told: &[Told]) {
        for stage in self.stages(told.to_vec()) {
            let Outage { from, to, seconds } = self.outage(&stage);
            println!("\n## {} (no answer for {seconds:.2} s, {from} -> {to})", stage.name);
            for (known, fact) in &stage.told {
                let after = (known.0 - fact.at.0) as f64 / SECOND;
                let (since, kind, entity, text) = (stage.since(fact.at), fact.kind.name(), &fact.entity, &fact.text);
                println!("{since:+7.2} (told {after:+.1}) {kind} {entity}: {text} [{}]", fact.records.len());
            }
        }
    }

    /// The facts that were known later than `seconds` after they happened, or after the last record of them came that
    /// was kept back, with when those came.
    pub(crate) fn late(&self, told: &[Told], seconds: f64, kept_back: &BTreeMap<Timestamp, Timestamp>) -> Vec<String> {
        let mut late = Vec::new();
        for (known, fact) in told {
            let came = fact.records.iter().filter_map(|id| kept_back.get(&id.timestamp)).max();
            let after = (known.0 - came.map_or(fact.at, |came| fact.at.max(*came)).0) as f64 / SECOND;
            if after > seconds {
                let stage = self.faults.iter().rev().find(|fault| fault.at <= fact.at).map_or("", |fault| &fault.stage);
                late.push(format!("{stage}: {} {} was known after {after:.1} s", fact.kind.name(), fact.entity));
            }
        }
        late
    }
}
