//! A real cluster of two nodes, of which one crashes and one is worked on: what its collectors tell, what the server makes
//! of it, how soon, and what people hear of it.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde_json::Value;

use crate::program::orszem;
use crate::tools;

/// The cluster's address, and a port that nobody listens at: an answer that says so is one, too.
const PROBE: &str = "while :; do at=$(date +%s%N)
    case $(timeout 0.3 bash -c ': </dev/tcp/10.99.0.100/9' 2>&1) in *refused*) echo $at up ;; *) echo $at down ;; esac
    sleep 0.1
done";
const SECOND: i64 = 1_000_000_000;
/// Notes a message as a line.
const NOTE: &str = "#!/bin/sh\n{ tr -d '\\n'; echo; } >>\"$1\"\n";
const FACTS: &str = "kind:event service:orszem-facts";
/// What a crash is told as, in any order and each once.
const EXPECTED: [(&str, &str); 5] = [
    ("fencing.done", "host/n1"),
    ("fencing.requested", "host/n1"),
    ("node.joined", "host/n1"),
    ("node.lost", "host/n1"),
    ("service.failover", "resource/svc"),
];
/// What may be told besides.
const ALLOWED: [&str; 6] =
    ["node.unclean", "node.clean", "cluster.dc_changed", "resource.moved", "link.down", "link.up"];

fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
    i64::try_from(since.as_nanos()).expect("before 2262")
}

/// The cluster; it ends with this.
struct Cluster {
    directory: tempfile::TempDir,
    outer: Child,
    commands: ChildStdin,
    answers: BufReader<ChildStdout>,
    /// The first process within, whose network has the server.
    inner: String,
    probe: Option<Child>,
}

impl Cluster {
    fn start() -> Option<Self> {
        for name in ["corosync", "pacemakerd", "crm_mon", "ip"] {
            tools::system_program(name)?;
        }
        if !Path::new("/usr/lib/ocf/resource.d/heartbeat/IPaddr2").is_file() {
            return tools::skip("resource-agents");
        }
        if fs::metadata("/proc/self").expect("is there").uid() != 0 {
            return tools::skip("root");
        }
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path();
        let made = orszem(&["token", "new", "lab", "--role", "admin"]).output().expect("runs");
        let secret = String::from_utf8(made.stderr).expect("text");
        let write = |name: &str, text: &[u8]| fs::write(path.join(name), text).expect("writes");
        write("token", secret.rsplit(' ').next().expect("a token").as_bytes());
        write("tokens", &made.stdout);
        let tokens = path.join("tokens");
        let server = format!(
            "[server]\nlisten = [\"127.0.0.1:7450\", \"10.99.0.254:7450\"]\n[server.tls]\nmode = \"off\"\n\
             [access]\ntoken_file = \"{}\"\n",
            tokens.display()
        );
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        write("server.toml", (server + &alerting(root, path)).as_bytes());
        write("note", NOTE.as_bytes());
        fs::set_permissions(path.join("note"), fs::Permissions::from_mode(0o700)).expect("may be run");
        fs::copy(root.join("config/alerts/pacemaker.xml"), path.join("pacemaker.xml")).expect("copies");
        let mut outer = Command::new("unshare")
            .args(["--net", "--mount", "--ipc", "--pid", "--fork", "--kill-child", "--mount-proc", "bash"])
            .arg(root.join("tests/lab/cluster.sh"))
            .arg(path)
            .arg(env!("CARGO_BIN_EXE_orszem"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(fs::File::create(path.join("cluster.err")).expect("a file"))
            .spawn()
            .expect("starts");
        let commands = outer.stdin.take().expect("piped");
        let mut answers = BufReader::new(outer.stdout.take().expect("piped"));
        let mut line = String::new();
        answers.read_line(&mut line).expect("reads");
        assert_eq!(line, "started\n", "{}", fs::read_to_string(path.join("cluster.err")).expect("reads"));
        let children = format!("/proc/{0}/task/{0}/children", outer.id());
        let inner = fs::read_to_string(children).expect("reads").trim().to_owned();
        Some(Self { directory, outer, commands, answers, inner, probe: None })
    }

    /// A command in the network of the server.
    fn inside(&self, program: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new("nsenter");
        command.args(["-t", &self.inner, "-n", "--", program]).args(arguments).stdin(Stdio::null());
        command
    }

    fn ask(&self, arguments: &[&str]) -> String {
        let token = self.directory.path().join("token");
        let token = token.to_str().expect("a plain path");
        let arguments = [arguments, &["--server", "http://127.0.0.1:7450", "--token-file", token]].concat();
        let output = self.inside(env!("CARGO_BIN_EXE_orszem"), &arguments).output().expect("runs");
        String::from_utf8(output.stdout).expect("text")
    }

    fn rows(&self, query: &str) -> Vec<Value> {
        let found = self.ask(&["search", query, "--json", "--order", "oldest", "--limit", "10000"]);
        found.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
    }

    /// Waits until a search finds something that holds, at most a minute.
    fn wait(&self, query: &str, holds: impl Fn(&Value) -> bool) {
        let begun = Instant::now();
        while !self.rows(query).iter().any(&holds) {
            assert!(begun.elapsed() < Duration::from_secs(60), "{query}: {}", self.state());
            std::thread::park_timeout(Duration::from_millis(200));
        }
    }

    /// What there is to read when something is wrong.
    fn state(&self) -> String {
        let read = |path: PathBuf| fs::read_to_string(&path).unwrap_or_default();
        let of = |name: &str| format!("\n== {name}\n{}", read(self.directory.path().join(name)));
        let names =
            ["cluster.err", "server.out", "n1/collector.out", "n2/init.out", "n2/var/log/corosync/corosync.log"];
        names.map(of).concat()
    }

    /// Notes what the cluster's address answers from now on.
    fn probe(&mut self) -> Arc<Mutex<Vec<(i64, bool)>>> {
        let mut child = self.inside("bash", &["-c", PROBE]).stdout(Stdio::piped()).spawn().expect("starts");
        let lines = BufReader::new(child.stdout.take().expect("piped")).lines();
        self.probe = Some(child);
        let seen = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&seen);
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                let (at, what) = line.split_once(' ').expect("two words");
                kept.lock().expect("is whole").push((at.parse().expect("a time"), what == "up"));
            }
        });
        seen
    }

    fn crash(&mut self, node: &str) -> i64 {
        let at = now();
        self.command("crash", node, "crashed");
        at
    }

    fn command(&mut self, command: &str, node: &str, done: &str) {
        self.commands.write_all(format!("{command} {node}\n").as_bytes()).expect("is told");
        let mut line = String::new();
        self.answers.read_line(&mut line).expect("reads");
        assert_eq!(line, format!("{done} {node}\n"));
    }

    /// What people were told so far.
    fn messages(&self) -> Vec<Value> {
        let noted = fs::read_to_string(self.directory.path().join("messages")).unwrap_or_default();
        noted.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
    }

    /// Waits until there are so many messages, and whoever was told that something is open was told the end of it.
    fn wait_until_all_is_clear(&self, count: usize) -> Vec<Value> {
        let begun = Instant::now();
        loop {
            let messages = self.messages();
            let last: BTreeMap<&str, &Value> =
                messages.iter().filter_map(|message| Some((message["thread"].as_str()?, &message["kind"]))).collect();
            if messages.len() >= count && last.values().all(|kind| **kind == "resolve") {
                return messages;
            }
            assert!(begun.elapsed() < Duration::from_secs(180), "{messages:#?}{}", self.state());
            std::thread::park_timeout(Duration::from_millis(500));
        }
    }
}

/// The shipped rules, and a contact whose messages are noted.
fn alerting(root: &Path, directory: &Path) -> String {
    let rules = ["corosync", "drbd", "pacemaker", "probes", "sites"];
    let rules = rules.map(|name| root.join(format!("config/rules/{name}.yml")).display().to_string());
    let (note, messages) = (directory.join("note"), directory.join("messages"));
    format!(
        "[alerting]\nrule_files = {rules:?}\n\
         [[alerting.contacts]]\nname = \"eva\"\naddresses = [{{ channel = \"note\", to = \"eva\" }}]\n\
         [[alerting.policies]]\nname = \"all\"\nsteps = [{{ contacts = [\"eva\"] }}]\n\
         [alerting.route]\npolicy = \"all\"\ninterval = \"5s\"\n\
         [[notify.exec]]\nname = \"note\"\nprogram = {note:?}\narguments = [{messages:?}]\n"
    )
}

impl Drop for Cluster {
    fn drop(&mut self) {
        for child in self.probe.iter_mut().chain([&mut self.outer]) {
            child.kill().unwrap_or(());
            child.wait().map(drop).unwrap_or(());
        }
    }
}

fn time(row: &Value) -> i64 {
    row["ts_ns"].as_str().and_then(|ns| ns.parse().ok()).expect("a time")
}

/// What and of what.
fn fact(row: &Value) -> (String, String) {
    let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    (word(&row["attributes"]["event.name"]), word(&row["entities"][0]))
}

#[test]
fn a_node_that_crashes_is_told_of_within_seconds() {
    let Some(mut cluster) = Cluster::start() else { return };
    let probed = cluster.probe();
    for node in ["n1", "n2"] {
        let query = format!("event.name:pacemaker.placement host:{node}");
        cluster.wait(&query, |row| {
            row["attributes"]["pacemaker.resource"] == "app" && row["attributes"]["pacemaker.nodes"] == "n1=Started"
        });
    }
    // A cluster that starts is not whole at once.
    let told_before = cluster.wait_until_all_is_clear(0).len();
    let crashed = cluster.crash("n1");

    // When each fact could be found first.
    let mut known: BTreeMap<String, (i64, Value)> = BTreeMap::new();
    let begun = Instant::now();
    while !known.values().any(|(_, row)| fact(row).0 == "node.joined") {
        assert!(begun.elapsed() < Duration::from_secs(60), "{known:#?}{}", cluster.state());
        // What the answer takes on its way is none of the telling.
        let asked = now();
        for row in cluster.rows(FACTS) {
            if time(&row) >= crashed {
                known.entry(row["cursor"].to_string()).or_insert_with(|| (asked, row));
            }
        }
        std::thread::park_timeout(Duration::from_millis(200));
    }
    let mut told: Vec<(String, String)> = known.values().map(|(_, row)| fact(row)).collect();
    told.retain(|(kind, _)| !ALLOWED.contains(&kind.as_str()));
    told.sort();
    let expected: Vec<(String, String)> = EXPECTED.map(|(kind, entity)| (kind.to_owned(), entity.to_owned())).into();
    let said: Vec<&str> = known.values().filter_map(|(_, row)| row["body"].as_str()).collect();
    assert_eq!(
        told,
        expected,
        "{said:#?}{:#?}",
        cluster.rows("event.name:pacemaker.member OR event.name:corosync.quorum")
    );
    for (known, row) in known.values() {
        let after = known - time(row);
        assert!(after <= 5 * SECOND, "{after} ns: {row:#}");
    }

    let failover = known.values().map(|(_, row)| row).find(|row| fact(row).0 == "service.failover").expect("is told");
    let attributes = &failover["attributes"];
    assert_eq!((&attributes["fact.from"], &attributes["fact.to"]), (&"n1".into(), &"n2".into()));
    let probed = probed.lock().expect("is whole").clone();
    let bad = probed.iter().find(|(at, is_up)| *at >= crashed && !is_up).expect("was away").0;
    let back = probed.iter().find(|(at, is_up)| *at > bad && *is_up).expect("is back").0;
    let away_ms = (back - bad) / 1_000_000;
    let told_ms = attributes["fact.duration_ms"].as_i64().expect("a duration");
    assert!((told_ms - away_ms).abs() <= 500, "told as {told_ms} ms, away for {away_ms} ms: {said:#?}");

    let topology = |arguments: &[&str]| cluster.ask(&[&["topology"], arguments].concat());
    let before = topology(&["--at", &crashed.to_string()]);
    let after = topology(&[]);
    let runs_on = |node: &str| format!("  host/{node}                  member\n");
    assert!(before.contains(&runs_on("n1")) && before.contains("resource/vip"), "{before}");
    let place = |page: &str| {
        let page: Value = serde_json::from_str(page).expect("JSON");
        let edges = page["edges"].as_array().expect("edges").clone();
        let is_it = |edge: &&Value| edge["from"] == "resource/vip" && edge["relation"] == "runs_on";
        edges.iter().find(is_it).map(|edge| edge["to"].clone())
    };
    assert_eq!(place(&topology(&["--output", "json", "--at", &crashed.to_string()])), Some("host/n1".into()));
    assert_eq!(place(&topology(&["--output", "json"])), Some("host/n2".into()));
    // The collectors tell what the configuration says.
    assert!(after.contains("  resource/app             needs resource/vip (group)\n"), "{after}");

    let told = cluster.wait_until_all_is_clear(told_before + 1);
    assert_is_one_story(told.get(told_before..).expect("is longer"));
    // What is planned is told to nobody.
    cluster.command("standby", "n2", "standby");
    let of = |kind: &str, entity: &str| (kind.to_owned(), entity.to_owned());
    cluster.wait(FACTS, |row| fact(row) == of("service.switchover", "resource/svc"));
    cluster.command("active", "n2", "active");
    cluster.wait(FACTS, |row| fact(row) == of("node.active", "host/n2"));
    assert_eq!(cluster.messages(), told);
}

/// One message that is edited as more is known, and one all-clear that tells what happened.
fn assert_is_one_story(messages: &[Value]) {
    let all = |key: &str| -> Vec<&str> { messages.iter().filter_map(|message| message[key].as_str()).collect() };
    let kinds = all("kind");
    let updates = kinds.len() - 2;
    assert!(updates > 0, "{messages:#?}");
    assert_eq!(kinds, [vec!["open"], vec!["update"; updates], vec!["resolve"]].concat(), "{messages:#?}");
    let mut threads = all("thread");
    threads.dedup();
    assert_eq!(threads.len(), 1, "{threads:?}");
    let last = messages.last().expect("an all-clear");
    let names: Vec<&str> =
        last["alerts"].as_array().expect("alerts").iter().filter_map(|alert| alert["name"].as_str()).collect();
    for name in ["ClusterNodeLost", "ClusterNodeFenced", "ClusterFailover"] {
        assert!(names.contains(&name), "{names:?}");
    }
    let happened: Vec<&str> =
        last["events"].as_array().expect("events").iter().filter_map(|event| event["text"].as_str()).collect();
    for part in ["n1 was fenced (reboot)", "svc failed over from n1 to n2, away for ", "n1 is a member of the cluster"]
    {
        assert!(happened.iter().any(|text| text.starts_with(part)), "{part}: {happened:#?}");
    }
}
