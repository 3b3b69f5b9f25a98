//! The facts of the 22 faults, from what a real cluster of three nodes said of them.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use orszem_facts::{Facts, LogSight, Settings};
use orszem_model::observation::{Fencing, FencingState, Member, NodeAttribute, Observation, Operation, Origin, Seen};
use orszem_model::{AttributeValue, Fact, RecordId, Timestamp};
use orszem_parse::{Parsed, Value, refine_message};
use serde_json::Value as Json;

use crate::story::{Fault, Probe, Story, time};

const MS: i64 = 1_000_000;

enum Input {
    Seen(Seen),
    Line { at: Timestamp, host: String, service: String, body: String },
    Heard { at: Timestamp, host: String },
}

fn captures() -> Option<PathBuf> {
    let folder = std::env::var_os("ORSZEM_CLUSTER_CAPTURES").map(PathBuf::from);
    if folder.is_none() {
        println!("ORSZEM_CLUSTER_CAPTURES names no captures: skipped");
    }
    folder
}

pub(crate) fn lines(path: &Path) -> Vec<Json> {
    let text = fs::read_to_string(path).expect("reads");
    text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

fn faults(folder: &Path) -> Vec<Fault> {
    lines(&folder.join("ground_truth.jsonl")).iter().map(Fault::read).collect()
}

/// A dump of an agent's environment, named `EPOCH.FRACTION.NODE….env`.
struct Dump(Json);

impl Dump {
    fn get(&self, key: &str) -> Option<String> {
        self.0["env"][key].as_str().map(str::to_owned)
    }

    fn number<N: std::str::FromStr>(&self, key: &str) -> Option<N> {
        self.get(key)?.parse().ok()
    }

    fn reporter(&self) -> String {
        self.0["reported_by"].as_str().unwrap_or_default().to_owned()
    }

    fn written(&self) -> Timestamp {
        let name = self.0["file"].as_str().unwrap_or_default();
        let mut parts = name.split('.');
        let seconds: i64 = parts.next().and_then(|part| part.parse().ok()).expect("seconds");
        let digits = parts.next().unwrap_or("0");
        let fraction: i64 = digits.parse().expect("a fraction");
        Timestamp(seconds * 1_000 * MS + fraction * 10_i64.pow(9 - digits.len() as u32))
    }
}

fn fencing(text: &str, target: String, rc: i32) -> Option<Observation> {
    // `Operation reboot of node1 by node3 for pacemaker-controld.86@node2: OK (ref=UUID)`
    let word_behind = |mark: &str| {
        let rest = text.split_once(mark)?.1;
        rest.split([' ', ':', ')']).next().map(str::to_owned)
    };
    let asked = word_behind(" for ").unwrap_or_default();
    let (client, origin) = asked.split_once('@').unwrap_or((&asked, ""));
    Some(Observation::Fencing(Fencing {
        reference: word_behind("ref=").unwrap_or_default(),
        target,
        action: word_behind("Operation ")?,
        delegate: word_behind(" by ").unwrap_or_default(),
        client: client.to_owned(),
        origin: origin.to_owned(),
        state: if rc == 0 { FencingState::Done } else { FencingState::Failed },
        reason: if rc == 0 { String::new() } else { "No data available".to_owned() },
    }))
}

fn alert(dump: &Dump) -> Option<Seen> {
    let get = |key: &str| dump.get(&format!("CRM_alert_{key}"));
    let node = get("node")?;
    let at = Timestamp(
        dump.number::<i64>("CRM_alert_timestamp_epoch")? * 1_000 * MS
            + dump.number::<i64>("CRM_alert_timestamp_usec")? * 1_000,
    );
    let observation = match get("kind")?.as_str() {
        "node" => Observation::Member(Member { node, is_member: get("desc")? == "member" }),
        "fencing" => fencing(&get("desc")?, node, dump.number("CRM_alert_rc")?)?,
        "attribute" => Observation::NodeAttribute(NodeAttribute {
            node,
            attribute: get("attribute_name")?,
            value: get("attribute_value"),
        }),
        "resource" => Observation::Operation(Operation {
            node,
            resource: get("rsc")?,
            task: get("task")?,
            interval_ms: dump.number("CRM_alert_interval")?,
            rc: dump.number("CRM_alert_rc")?,
            expected_rc: dump.number("CRM_alert_target_rc")?,
            status: dump.number("CRM_alert_status")?,
            duration_ms: dump.number("CRM_alert_exec_time"),
            result: get("desc")?,
            reason: String::new(),
        }),
        _ => return None,
    };
    Some(Seen { at, reporter: dump.reporter(), origin: Origin::Alert, is_initial: false, observation })
}

fn notification(dump: &Dump) -> Option<Seen> {
    let get = |key: &str| dump.get(&format!("CRM_notify_{key}"));
    let node = get("node")?;
    let task = get("task")?;
    let observation = if task.starts_with("st_") {
        fencing(&get("desc")?, node, dump.number("CRM_notify_rc")?)?
    } else {
        Observation::Operation(Operation {
            node,
            resource: get("rsc")?,
            task,
            rc: dump.number("CRM_notify_rc")?,
            expected_rc: dump.number("CRM_notify_target_rc")?,
            status: dump.number("CRM_notify_status")?,
            result: get("desc")?,
            ..Operation::default()
        })
    };
    let at = dump.written();
    Some(Seen { at, reporter: dump.reporter(), origin: Origin::Notify, is_initial: false, observation })
}

/// All that the nodes said, with when each was known to the server.
fn inputs(folder: &Path, faults: &[Fault]) -> Vec<(Timestamp, Input)> {
    let mut inputs = Vec::new();
    inputs.extend(lines(&folder.join("alerts.jsonl")).into_iter().filter_map(|json| alert(&Dump(json))));
    inputs.extend(lines(&folder.join("notify.jsonl")).into_iter().filter_map(|json| notification(&Dump(json))));
    inputs.extend(statuses(folder));
    let mut inputs: Vec<Input> = inputs.into_iter().map(Input::Seen).collect();
    for node in ["node1", "node2", "node3"] {
        inputs.extend(log(folder, node));
    }
    // A node's collector sends in order.
    inputs.sort_by_key(Input::at);
    let mut last: BTreeMap<String, Timestamp> = BTreeMap::new();
    let mut arrivals: Vec<(Timestamp, Input)> = Vec::new();
    for input in inputs {
        let last = last.entry(input.host().to_owned()).or_insert(Timestamp(0));
        *last = arrival(&input, faults).max(*last);
        arrivals.push((*last, input));
    }
    arrivals.sort_by_key(|(arrives, input)| (*arrives, input.at()));
    arrivals
}

impl Input {
    fn at(&self) -> Timestamp {
        match self {
            Self::Seen(seen) => seen.at,
            Self::Line { at, .. } | Self::Heard { at, .. } => *at,
        }
    }

    fn host(&self) -> &str {
        match self {
            Self::Seen(seen) => &seen.reporter,
            Self::Line { host, .. } | Self::Heard { host, .. } => host,
        }
    }
}

/// What a node says while its network is cut is known when that is healed.
fn arrival(input: &Input, faults: &[Fault]) -> Timestamp {
    let at = input.at();
    let mut cut: Option<&Fault> = None;
    for fault in faults {
        let is_cut = match fault.action.as_str() {
            "network_cut" => fault.detail == input.host(),
            "quorum_lost" => fault.detail.split(" keep ").next().is_some_and(|cut| cut.contains(input.host())),
            "cut_all" => true,
            _ => false,
        };
        if is_cut && fault.at <= at {
            cut = Some(fault);
        } else if fault.action == "network_heal"
            && let Some(begun) = cut
            && begun.stage == fault.stage
        {
            if at <= fault.at {
                return Timestamp(fault.at.0 + 1_000 * MS);
            }
            cut = None;
        }
    }
    Timestamp(at.0 + 20 * MS)
}

/// The statuses that were taken, as a poller on each node tells their changes.
fn statuses(folder: &Path) -> Vec<Seen> {
    let mut files: Vec<(Timestamp, String, String)> = Vec::new();
    for stage in fs::read_dir(folder.join("stages")).expect("lists") {
        for file in fs::read_dir(stage.expect("lists").path()).expect("lists") {
            let path = file.expect("lists").path();
            let name = path.file_name().and_then(|name| name.to_str()).expect("a name").to_owned();
            if !name.ends_with(".xml") || name.starts_with("stonith") {
                continue;
            }
            let xml = fs::read_to_string(&path).expect("reads");
            let parts: Vec<&str> = name.split('.').collect();
            let (at, node) = match parts.as_slice() {
                ["crm_mon", node, _] => {
                    let Some((_, rest)) = xml.split_once("last_updated=\"") else { continue };
                    let text = rest.split('"').next().expect("a time").replace(' ', "T");
                    (Timestamp(time(&text).0 + 500 * MS), *node)
                }
                [seconds, ms, node, _] => {
                    let ms = seconds.parse::<i64>().expect("seconds") * 1_000 + ms.parse::<i64>().expect("ms");
                    // The file is named when the tool is called.
                    (Timestamp((ms + 300) * MS), *node)
                }
                _ => panic!("{name}"),
            };
            files.push((at, node.to_owned(), xml));
        }
    }
    files.sort();
    let mut known: BTreeMap<String, BTreeMap<String, Observation>> = BTreeMap::new();
    let mut seen = Vec::new();
    for (at, reporter, xml) in files {
        if xml.contains("<errors>") {
            continue;
        }
        let is_initial = !known.contains_key(&reporter);
        let known = known.entry(reporter.clone()).or_default();
        for observation in crate::crm_mon::changes(known, &xml) {
            let reporter = reporter.clone();
            seen.push(Seen { at, reporter, origin: Origin::Status, is_initial, observation });
        }
    }
    seen
}

/// `<29>2026-11-22T01:39:06.586840+00:00 node2 corosync[58]:   [TOTEM ] …`
fn log(folder: &Path, node: &str) -> Vec<Input> {
    let mut inputs = Vec::new();
    let text = fs::read_to_string(folder.join("logs").join(node).join("syslog")).expect("reads");
    for line in text.lines() {
        let Some((_, rest)) = line.split_once('>') else { continue };
        let Some((stamp, rest)) = rest.split_once(' ') else { continue };
        let Some((_, rest)) = rest.split_once(' ') else { continue };
        let Some((program, body)) = rest.split_once(": ") else { continue };
        let service = program.split('[').next().unwrap_or_default().to_owned();
        let (at, host) = (time(stamp), node.to_owned());
        inputs.push(Input::Line { at, host, service, body: body.trim().to_owned() });
    }
    if let Ok(text) = fs::read_to_string(folder.join("logs").join(node).join("web_access.log")) {
        for line in text.lines() {
            // `[22/Nov/2026:01:40:01 +0000]`
            let Some(clock) = line.split_once("/2026:").and_then(|(_, rest)| rest.get(..8)) else { continue };
            let at = Timestamp(time(&format!("2026-11-22T{clock}Z")).0 + 500 * MS);
            inputs.push(Input::Heard { at, host: node.to_owned() });
        }
    }
    inputs
}

fn run(inputs: &[(Timestamp, Input)]) -> Vec<(Timestamp, Fact)> {
    let mut facts = Facts::new(Settings { cluster: "lab".to_owned(), ..Settings::default() });
    let mut told: Vec<(Timestamp, Fact)> = Vec::new();
    let mut now = inputs.first().expect("inputs").0;
    for (number, (arrives, input)) in inputs.iter().enumerate() {
        while now.0 + 500 * MS <= arrives.0 {
            now = Timestamp(now.0 + 500 * MS);
            told.extend(facts.tick(now).into_iter().map(|fact| (now, fact)));
        }
        let id = RecordId { timestamp: input.at(), seq: number as u64 };
        let new = match input {
            Input::Seen(seen) => facts.step(seen, id),
            Input::Heard { at, host } => {
                facts.heard(host, *at);
                Vec::new()
            }
            Input::Line { at, host, service, body } => {
                let mut parsed = Parsed::default();
                refine_message(service, body.as_bytes(), &mut parsed);
                let message = body.get(parsed.message..).unwrap_or(body);
                let get = |key: &str| attribute(&parsed, key);
                facts.line(&LogSight { at: *at, host, service, body: message, get: &get }, id)
            }
        };
        told.extend(new.into_iter().map(|fact| (*arrives, fact)));
        // A state that goes through bytes goes on the same.
        if number % 997 == 0 {
            facts = Facts::decode(Settings { cluster: "lab".to_owned(), ..Settings::default() }, &facts.encode())
                .expect("decodes");
        }
    }
    for _ in 0..20 {
        now = Timestamp(now.0 + 500 * MS);
        told.extend(facts.tick(now).into_iter().map(|fact| (now, fact)));
    }
    told
}

fn attribute(parsed: &Parsed<'_>, key: &str) -> Option<AttributeValue> {
    let (_, value) = parsed.attributes.iter().find(|(name, _)| name == key)?;
    match value {
        Value::Text(text) => Some(AttributeValue::String(text.to_string())),
        Value::Integer(number) => Some(AttributeValue::Integer(number.to_string())),
        _ => None,
    }
}

#[test]
fn the_lab_tells_its_story() {
    let Some(folder) = captures() else { return };
    let folder = folder.join("pacemaker_lab");
    let probes = lines(&folder.join("probe.jsonl")).iter().map(Probe::read).collect();
    let story = Story { cluster: "lab".to_owned(), faults: faults(&folder), probes };
    let told = run(&inputs(&folder, &story.faults));
    story.print(&told);
    let wrong = story.compare(told);
    println!("\n{}", wrong.join("\n"));
    assert_eq!(wrong, Vec::<String>::new());
}
