//! Whole runs of a real cluster of three nodes whose collectors told a server: what they told is told to the engine
//! again, and what the server concluded then is looked at, too.
//!
//! A run is a file of lines: `{"cluster"}`, then any number of `{"fault"}`, `{"probe"}`, `{"record"}` that a collector
//! told, with `known` when the server had it, `{"heard"}` where any record of a host shows that it lives, and `{"fact"}`
//! that the server told, with `known` when it could be found.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use orszem_facts::{Facts, LogSight, Settings};
use orszem_model::observation::Seen;
use orszem_model::{Attribute, AttributeValue, Fact, RecordId, Timestamp};
use orszem_parse::{Parsed, refine_message};
use serde_json::Value as Json;

use crate::story::{Fault, Probe, Story, Told};

const MS: i64 = 1_000_000;
/// A fact is known so long after it happened, or after the last record of it came that was kept back.
const KNOWN_WITHIN_S: f64 = 5.0;
/// A record that is known so much later than it was made was kept back: its node was cut off.
const KEPT_BACK_MS: i64 = 3_000;

#[derive(Default)]
pub(crate) struct Run {
    pub(crate) story: Story,
    records: Vec<Record>,
    told: Vec<Told>,
}

struct Record {
    known: Timestamp,
    at: Timestamp,
    host: String,
    service: String,
    body: String,
    attributes: Vec<Attribute>,
    /// It shows no more than that its host lives.
    is_sign: bool,
}

impl Run {
    pub(crate) fn read(path: &Path) -> Self {
        let bytes = fs::read(path).expect("reads");
        let is_packed = path.extension().is_some_and(|extension| extension == "zst");
        let bytes = if is_packed { zstd::decode_all(bytes.as_slice()).expect("unpacks") } else { bytes };
        let mut run = Self::default();
        for line in String::from_utf8(bytes).expect("text").lines() {
            let json: Json = serde_json::from_str(line).expect("JSON");
            let (key, value) = json.as_object().and_then(|object| object.iter().next()).expect("one of a kind");
            match key.as_str() {
                "cluster" => run.story.cluster = value.as_str().expect("a name").to_owned(),
                "fault" => run.story.faults.push(Fault::read(value)),
                "probe" => run.story.probes.push(Probe::read(value)),
                "record" => run.records.push(Record::read(value)),
                "heard" => run.records.push(Record { is_sign: true, ..Record::read(value) }),
                "fact" => {
                    let record = Record::read(value);
                    let entities: Vec<String> = serde_json::from_value(value["entities"].clone()).expect("entities");
                    let fact = Fact::of(record.at, &record.body, &entities, &record.attributes).expect("a fact");
                    run.told.push((record.known, fact));
                }
                other => panic!("{other} is not of a run"),
            }
        }
        run.records.sort_by_key(|record| (record.known, record.at));
        run
    }

    /// The records of nodes that were cut off, with when they were known.
    fn kept_back(&self) -> BTreeMap<Timestamp, Timestamp> {
        let mut known: BTreeMap<Timestamp, Timestamp> = BTreeMap::new();
        for record in self.records.iter().filter(|record| !record.is_sign) {
            let last = known.entry(record.at).or_insert(record.known);
            *last = record.known.max(*last);
        }
        known.retain(|at, known| known.0 - at.0 > KEPT_BACK_MS * MS);
        known
    }

    /// What an engine concludes that is shown all of it as it came.
    fn conclude(&self) -> Vec<Told> {
        let mut told: Vec<Told> = Vec::new();
        self.replay(20, |now, new, _| told.extend(new.into_iter().map(|fact| (now, fact))));
        told
    }

    /// Shows an engine all of it as it came, then the time for so many half seconds, and `look` what it concludes.
    pub(crate) fn replay(&self, afterwards: u32, mut look: impl FnMut(Timestamp, Vec<Fact>, &Facts)) {
        let settings = || Settings { cluster: self.story.cluster.clone(), ..Settings::default() };
        let mut facts = Facts::new(settings());
        let mut now = self.records.first().expect("records").known;
        for (number, record) in self.records.iter().enumerate() {
            while now.0 + 500 * MS <= record.known.0 {
                now = Timestamp(now.0 + 500 * MS);
                let new = facts.tick(now);
                look(now, new, &facts);
            }
            let id = RecordId { timestamp: record.at, seq: number as u64 };
            let new = record.show(&mut facts, id);
            if !new.is_empty() {
                look(record.known, new, &facts);
            }
            // A state that goes through bytes goes on the same.
            if number % 997 == 0 {
                facts = Facts::decode(settings(), &facts.encode()).expect("decodes");
            }
        }
        for _ in 0..afterwards {
            now = Timestamp(now.0 + 500 * MS);
            let new = facts.tick(now);
            look(now, new, &facts);
        }
    }
}

impl Record {
    fn read(json: &Json) -> Self {
        let word = |key: &str| json[key].as_str().unwrap_or_default().to_owned();
        let moment = |key: &str| Timestamp(json[key].as_i64().expect("a moment"));
        let attributes = json["attributes"].as_object().into_iter().flatten();
        let value = |value: &Json| match value {
            Json::Bool(is_so) => AttributeValue::Bool(*is_so),
            Json::Number(number) if number.is_f64() => AttributeValue::Float(number.to_string()),
            Json::Number(number) => AttributeValue::Integer(number.to_string()),
            Json::String(text) => AttributeValue::String(text.clone()),
            other => AttributeValue::String(other.to_string()),
        };
        Self {
            known: moment("known"),
            at: moment("ts"),
            host: word("host"),
            service: word("service"),
            body: word("body"),
            attributes: attributes.map(|(key, found)| Attribute { key: key.clone(), value: value(found) }).collect(),
            is_sign: false,
        }
    }

    fn get(&self, key: &str) -> Option<AttributeValue> {
        self.attributes.iter().find(|attribute| attribute.key == key).map(|attribute| attribute.value.clone())
    }

    fn show(&self, facts: &mut Facts, id: RecordId) -> Vec<Fact> {
        if self.is_sign {
            facts.heard(&self.host, self.at);
            return Vec::new();
        }
        if let Some(seen) = Seen::of(self.at, &self.host, &|key| self.get(key)) {
            return facts.step(&seen, id);
        }
        let zone = orszem_parse::Zone::utc();
        let moment = orszem_parse::Moment { now: self.at, zone: &zone };
        let mut message = orszem_parse::parse(self.body.as_bytes(), &moment).message;
        if message == 0 {
            let mut parsed = Parsed::default();
            refine_message(&self.service, self.body.as_bytes(), &mut parsed);
            message = parsed.message;
        }
        let body = self.body.get(message..).unwrap_or_default();
        let get = |key: &str| self.get(key);
        facts.line(&LogSight { at: self.at, host: &self.host, service: &self.service, body, get: &get }, id)
    }
}

/// Those of this repository, and one that the environment names.
pub(crate) fn runs() -> Vec<PathBuf> {
    if let Some(path) = std::env::var_os("ORSZEM_CLUSTER_RUN") {
        return vec![path.into()];
    }
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/runs");
    let mut runs: Vec<PathBuf> =
        fs::read_dir(folder).expect("lists").map(|entry| entry.expect("is there").path()).collect();
    runs.sort();
    assert_ne!(runs, Vec::<PathBuf>::new());
    runs
}

#[test]
fn the_engine_tells_what_was_done_to_the_cluster() {
    for path in runs() {
        let run = Run::read(&path);
        let told = run.conclude();
        println!("\n# {}, concluded", path.display());
        run.story.print(&told);
        let wrong = run.story.compare(told);
        assert_eq!(wrong, Vec::<String>::new(), "{}", path.display());
    }
}

#[test]
fn the_server_told_it_in_time() {
    for path in runs() {
        let run = Run::read(&path);
        println!("\n# {}, as the server told it", path.display());
        run.story.print(&run.told);
        let late = run.story.late(&run.told, KNOWN_WITHIN_S, &run.kept_back());
        let mut wrong = run.story.compare(run.told.clone());
        wrong.extend(late);
        assert_eq!(wrong, Vec::<String>::new(), "{}", path.display());
    }
}

#[test]
fn a_story_with_something_missing_or_too_much_is_noticed() {
    let run = Run::read(runs().first().expect("a run"));
    let lost = |(_, fact): &Told| fact.kind == orszem_model::FactKind::NodeLost;
    let without: Vec<Told> = run.told.iter().filter(|told| !lost(told)).cloned().collect();
    assert_ne!(run.story.compare(without), Vec::<String>::new());
    let twice: Vec<Told> = run.told.iter().flat_map(|told| [told.clone(), told.clone()]).collect();
    assert_ne!(run.story.compare(twice), Vec::<String>::new());
}
