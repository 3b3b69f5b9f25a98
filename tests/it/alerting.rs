//! Alerting as a whole: what is accepted, silenced, told and owed survives kill -9, and the tools of Prometheus and
//! Alertmanager speak to it.

mod bench;
mod beside;
mod clients;
mod crash;
mod curves;
mod kills;
mod links;
mod promtool;
pub(crate) mod sink;
mod watch;

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::program::Server;
use crate::torture::client::request;
use sink::Sink;

/// Prometheus takes some seconds to find where it sends to.
const TOLD_WITHIN: Duration = Duration::from_secs(60);

/// Whatever has Alertmanager's API.
trait Listening {
    fn address(&self) -> SocketAddr;
}

impl Listening for Server {
    fn address(&self) -> SocketAddr {
        self.address
    }
}

/// How long what belongs together is waited for.
#[derive(Clone, Copy)]
struct Waits {
    /// Before a group is told for the first time,
    group: &'static str,
    /// and before it is told of changes.
    interval: &'static str,
    /// After a start, for the sources to be back.
    hold: &'static str,
}

const SHORT: Waits = Waits { group: "50ms", interval: "100ms", hold: "300ms" };

/// A server over `folder`, whose contact is told at `sink`.
fn start(folder: &Path, sink: &Sink, more: &str) -> Server {
    start_waiting(folder, sink, SHORT, more)
}

fn start_waiting(folder: &Path, sink: &Sink, waits: Waits, more: &str) -> Server {
    let Waits { group, interval, hold } = waits;
    let config = folder.join("orszem.toml");
    let text = format!(
        "[alerting]\nevaluation_interval = \"200ms\"\nrestart_hold = \"{hold}\"\nrestart_hold_critical = \"{hold}\"\n{more}\n\
         [[alerting.contacts]]\nname = \"eva\"\naddresses = [{{ channel = \"hook\", to = \"x\" }}]\nrate = 10000\n\
         [[alerting.policies]]\nname = \"all\"\nsteps = [{{ contacts = [\"eva\"] }}]\n\
         [alerting.route]\npolicy = \"all\"\ngroup_by = [\"alertname\"]\nwait_warning = \"{group}\"\nwait_critical = \"{group}\"\ninterval = \"{interval}\"\n\
         [[alerting.inhibitions]]\nsources = ['severity=\"critical\"']\ntargets = ['severity=\"warning\"']\nequal = [\"host\"]\n\
         [[notify.webhook]]\nname = \"hook\"\nurl = \"{}\"\n",
        sink.url()
    );
    fs::write(&config, text).expect("writes");
    Server::start(&folder.join("data"), &["--config", config.to_str().expect("a plain path")])
}

/// Posts an alert that fires, or is over.
fn alert(server: &impl Listening, labels: &Value, is_firing: bool) -> u16 {
    post_alert(server, labels, is_firing, 10).0
}

/// The same of one that began so many seconds ago.
fn post_alert(server: &impl Listening, labels: &Value, is_firing: bool, since_s: i64) -> (u16, String) {
    let mut alert = json!({ "labels": labels, "annotations": { "summary": "s" } });
    let time = |ago_s: i64| (orszem_model::Timestamp(now().0 - ago_s * 1_000_000_000)).to_string();
    alert["startsAt"] = json!(time(since_s));
    alert["endsAt"] = json!(if is_firing { time(-3600) } else { time(1) });
    post(server, "/api/v2/alerts", &json!([alert]))
}

fn post(server: &impl Listening, path: &str, body: &Value) -> (u16, String) {
    let headers = "Content-Type: application/json\r\n";
    let answer = request(server.address(), &format!("POST {path}"), headers, &body.to_string()).expect("answers");
    (answer.status, answer.body)
}

fn get(server: &impl Listening, path: &str) -> Value {
    let answer = request(server.address(), &format!("GET {path}"), "", "").expect("answers");
    assert!(answer.status == 200 && answer.is_whole, "{path}: {answer:?}");
    serde_json::from_str(&answer.body).expect("JSON")
}

fn now() -> orszem_model::Timestamp {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970");
    orszem_model::Timestamp(i64::try_from(since.as_nanos()).expect("before 2262"))
}

/// Posts a silence of `alertname`; its id.
fn silence(server: &impl Listening, name: &str, lasts: Duration) -> String {
    let matchers = json!([{ "name": "alertname", "value": name, "isRegex": false, "isEqual": true }]);
    let lasts = i64::try_from(lasts.as_nanos()).expect("a short time");
    let (from, until) = (now().to_string(), orszem_model::Timestamp(now().0 + lasts).to_string());
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
