//! Alerting as a whole: what is accepted, silenced, told and owed survives kill -9, and the tools of Prometheus and
//! Alertmanager speak to it.

mod clients;
mod crash;
mod kills;
mod sink;

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::program::Server;
use sink::Sink;

/// Prometheus takes some seconds to find where it sends to.
const TOLD_WITHIN: Duration = Duration::from_secs(60);

/// A server over `folder`, whose contact is told at `sink`.
fn start(folder: &Path, sink: &Sink, more: &str) -> Server {
    let config = folder.join("orszem.toml");
    let text = format!(
        "[alerting]\nevaluation_interval = \"200ms\"\nrestart_hold = \"300ms\"\nrestart_hold_critical = \"300ms\"\n{more}\n\
         [[alerting.contacts]]\nname = \"eva\"\naddresses = [{{ channel = \"hook\", to = \"x\" }}]\nrate = 10000\n\
         [[alerting.policies]]\nname = \"all\"\nsteps = [{{ contacts = [\"eva\"] }}]\n\
         [alerting.route]\npolicy = \"all\"\ngroup_by = [\"alertname\"]\nwait_warning = \"50ms\"\nwait_critical = \"50ms\"\ninterval = \"100ms\"\n\
         [[alerting.inhibitions]]\nsources = ['severity=\"critical\"']\ntargets = ['severity=\"warning\"']\nequal = [\"host\"]\n\
         [[notify.webhook]]\nname = \"hook\"\nurl = \"{}\"\n",
        sink.url()
    );
    fs::write(&config, text).expect("writes");
    Server::start(&folder.join("data"), &["--config", config.to_str().expect("a plain path")])
}

/// Posts an alert that fires, or is over.
fn alert(server: &Server, labels: &Value, is_firing: bool) -> u16 {
    post_alert(server, labels, is_firing).0
}

fn post_alert(server: &Server, labels: &Value, is_firing: bool) -> (u16, String) {
    let mut alert = json!({ "labels": labels, "annotations": { "summary": "s" } });
    let time = |ago_s: i64| (orszem_model::Timestamp(now().0 - ago_s * 1_000_000_000)).to_string();
    alert["startsAt"] = json!(time(10));
    alert["endsAt"] = json!(if is_firing { time(-3600) } else { time(1) });
    post(server, "/api/v2/alerts", &json!([alert]))
}

fn post(server: &Server, path: &str, body: &Value) -> (u16, String) {
    server.post(path, "Content-Type: application/json\r\n", body.to_string().as_bytes())
}

fn get(server: &Server, path: &str) -> Value {
    let (status, body) = server.get(path, "");
    assert_eq!(status, 200, "{path}: {body}");
    serde_json::from_str(&body).expect("JSON")
}

fn now() -> orszem_model::Timestamp {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970");
    orszem_model::Timestamp(i64::try_from(since.as_nanos()).expect("before 2262"))
}

/// Posts a silence of `alertname` for an hour; its id.
fn silence(server: &Server, name: &str) -> String {
    let matchers = json!([{ "name": "alertname", "value": name, "isRegex": false, "isEqual": true }]);
    let (from, until) = (now().to_string(), orszem_model::Timestamp(now().0 + 3_600_000_000_000).to_string());
    let body = json!({ "matchers": matchers, "startsAt": from, "endsAt": until, "createdBy": "me", "comment": "c" });
    let (status, answer) = post(server, "/api/v2/silences", &body);
    assert_eq!(status, 200, "{answer}");
    let answer: Value = serde_json::from_str(&answer).expect("JSON");
    answer["silenceID"].as_str().expect("an id").to_owned()
}

/// Waits until the sink was told of an alert in this state.
fn wait_told(sink: &Sink, name: &str, status: &str) {
    let begun = Instant::now();
    while !sink.was_told(name, status) {
        assert!(begun.elapsed() < TOLD_WITHIN, "{name} is told as {status}: {:?}", sink.told());
        std::thread::park_timeout(Duration::from_millis(20));
    }
}
