//! What a server tells of a cluster: a failover in words, and where everything was before and after.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use crate::collector::site::Site;
use crate::program::{Server, orszem, run, wait_until};

const MS: i64 = 1_000_000;

fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
    i64::try_from(since.as_nanos()).expect("before 2262")
}

/// A line that tells an observation.
fn seen(at: i64, reporter: &str, origin: &str, is_initial: bool, name: &str, fields: &[(&str, Value)]) -> String {
    let mut line = json!({
        "ts": at, "host": reporter, "layer": "cluster", "service": "pacemaker", "cluster": "prod", "kind": "event",
        "msg": format!("{name} seen"), "event.name": name, "observation.origin": origin,
        "observation.initial": is_initial,
    });
    for (key, value) in fields {
        line[format!("pacemaker.{key}")] = value.clone();
    }
    format!("{line}\n")
}

/// Two nodes; the address of the first, which is lost and fenced, goes to the second.
fn failover(begun: i64) -> String {
    let vip = |node: &str| {
        let nodes = json!(format!("{node}=Started"));
        [
            ("resource", json!("vip")),
            ("agent", json!("ocf:heartbeat:IPaddr2")),
            ("nodes", nodes),
            ("managed", json!(true)),
        ]
    };
    let member = |node: &str, is_member: bool| [("node", json!(node)), ("member", json!(is_member))];
    let fencing = ["reference", "target", "action", "delegate", "client", "origin", "state"]
        .into_iter()
        .zip(["8d43", "n1", "reboot", "n2", "pacemaker-controld.86", "n2", "done"].map(Value::from));
    let fencing: Vec<(&str, Value)> = fencing.collect();
    let started = [
        ("node", json!("n2")),
        ("resource", json!("vip")),
        ("task", json!("start")),
        ("interval_ms", json!(0)),
        ("rc", json!(0)),
        ("expected_rc", json!(0)),
        ("status", json!(0)),
        ("result", json!("ok")),
    ];
    [
        seen(begun, "n1", "status", true, "pacemaker.member", &member("n2", true)),
        seen(begun, "n2", "status", true, "pacemaker.member", &member("n1", true)),
        seen(begun + MS, "n1", "status", true, "pacemaker.placement", &vip("n1")),
        seen(begun + MS, "n2", "status", true, "pacemaker.placement", &vip("n1")),
        seen(begun + 10_000 * MS, "n2", "alert", false, "pacemaker.member", &member("n1", false)),
        seen(begun + 12_000 * MS, "n2", "alert", false, "pacemaker.fencing", &fencing),
        seen(begun + 13_000 * MS, "n2", "alert", false, "pacemaker.operation", &started),
    ]
    .concat()
}

fn told(server: &Server) -> String {
    let (_, out, err) =
        run(&["search", "kind:event service:orszem-facts", "--order", "oldest", "--server", &server.url()]);
    assert_eq!(err, "");
    out
}

#[test]
fn a_failover_is_told_in_words_once_and_the_topology_knows_before_and_after() {
    let directory = tempfile::tempdir().expect("a directory");
    let server = Server::start(directory.path(), &[]);
    let url = server.url();
    let begun = now() - 60_000 * MS;
    let (status, answer) =
        server.post("/app/v1/ingest", "Content-Type: application/x-ndjson\r\n", failover(begun).as_bytes());
    assert_eq!(status, 200, "{answer}");
    assert!(answer.contains("\"accepted\":7,\"rejected\":0"), "{answer}");
    wait_until("the failover is told", || told(&server).contains("vip"));
    wait_until("all is told", || told(&server).lines().count() >= 3 && told(&server).contains("fenced"));
    let holds = |arguments: &[&str]| {
        let (code, out, err) = run(&[&["topology", "--server", &url], arguments].concat());
        assert_eq!((code, err.as_str()), (0, ""), "{arguments:?}");
        out
    };
    // It may be that nothing is known of it yet, which ends with 1.
    let is_there = |text: &str| run(&["topology", "--server", &url]).1.contains(text);
    wait_until("the address has moved", || is_there("  host/n2                  member\n    resource/vip"));
    let page = holds(&["--since", "1h"]);
    assert!(page.contains("\ncluster/prod\n  host/n1                  lost\n"), "{page}");
    assert!(page.contains(" + resource/vip runs on host/n2 (Started)\n"), "{page}");
    let then = (begun + 5_000 * MS).to_string();
    let page: Value = serde_json::from_str(&holds(&["--at", &then, "--output", "json"])).expect("JSON");
    let edges = page["edges"].as_array().expect("edges");
    let runs_on: Vec<&Value> =
        edges.iter().filter(|edge| edge["from"] == "resource/vip").map(|edge| &edge["to"]).collect();
    assert_eq!(runs_on, ["host/n1"], "{page}");
    assert!(
        holds(&["--dot"]).contains("  \"resource/vip\" -> \"host/n2\" [label=\"runs on: Started\", style=solid];\n")
    );

    let before = told(&server);
    let lost: Vec<&str> = before.lines().filter(|line| line.contains(" error n1 ")).collect();
    assert!(lost.iter().any(|line| line.contains("n1")), "{before}");

    // Nothing is told anew after the program was killed, and nothing is gone.
    server.signal("KILL");
    drop(server);
    let server = Server::start(directory.path(), &[]);
    wait_until("all is there", || told(&server).lines().count() >= before.lines().count());
    let (_, metrics) = server.get("/metrics", "");
    assert!(metrics.contains("orszem_facts_lag_bytes"), "{metrics}");
    assert_eq!(told(&server), before);
}

#[test]
fn a_collectors_edges_are_taken_in_and_wrong_ones_are_not() {
    let directory = tempfile::tempdir().expect("a directory");
    let server = Server::start(directory.path(), &[]);
    let url = server.url();
    let post = |body: &Value| {
        let (status, answer) =
            server.post("/app/v1/topology", "Content-Type: application/json\r\n", body.to_string().as_bytes());
        let answer: Value = serde_json::from_str(&answer).expect("JSON");
        (status, answer)
    };
    let nothing = run(&["topology", "--server", &url]);
    assert_eq!((nothing.0, nothing.1.starts_with("nothing was known at "), nothing.2.as_str()), (1, true, ""));
    let edge =
        |from: &str, relation: &str, to: &str| json!({"from": from, "relation": relation, "to": to, "detail": "order"});
    let set = |edges: &[Value]| json!({"origin": "pacemaker", "reporter": "n1", "edges": edges});
    let one = set(&[edge("resource/web", "depends_on", "resource/vip"), edge("host/n1", "part_of", "cluster/prod")]);
    let counts = |edges: u64, added: u64, removed: u64| {
        (200, json!({"status": "ok", "edges": edges, "added": added, "removed": removed}))
    };
    assert_eq!(post(&one), counts(2, 2, 0));
    assert_eq!(post(&one), counts(2, 0, 0));
    let shown = run(&["topology", "--server", &url]);
    assert!(
        shown.1.ends_with("\ndependencies\n  resource/web             needs resource/vip (order)\n"),
        "{}",
        shown.1
    );
    assert_eq!(post(&set(&[])), counts(0, 0, 2));

    for (wrong, word) in [
        (set(&[edge("web", "depends_on", "resource/vip")]), "from: \"web\" is no entity"),
        (set(&[edge("resource/web", "needs", "resource/vip")]), "relation: \"needs\" is none of runs_on,"),
        (json!({"origin": "x", "edges": []}), "missing field `reporter`"),
        (json!({"origin": "x", "reporter": "orszem-facts/prod", "edges": []}), "is the server's own"),
        (json!({"origin": "", "reporter": "n1", "edges": []}), "origin: \"\" must have 1 to 256 bytes"),
        (json!({"origin": "x", "reporter": "n1", "at": "noon", "edges": []}), "at: "),
    ] {
        let (status, answer) = post(&wrong);
        assert_eq!((status, &answer["code"]), (400, &json!("topology.wrong")), "{wrong}");
        assert!(answer["message"].as_str().is_some_and(|message| message.contains(word)), "{answer}");
    }
    let (status, answer) = server.get("/app/v1/topology?at=noon", "");
    assert_eq!(status, 400, "{answer}");
    let (status, answer) = server.get("/app/v1/topology?until=now", "");
    assert_eq!(status, 400, "{answer}");
    let output = orszem(&["topology", "--server", &url, "--since", "soon"]).output().expect("runs");
    assert_eq!(output.status.code(), Some(2));
}

/// A tool that is a script.
fn tool(directory: &Path, name: &str, output: &str) -> String {
    let path = directory.join(name);
    fs::write(&path, format!("#!/bin/sh\ncat <<'END'\n{output}\nEND\n")).expect("writes");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("is made a program");
    path.display().to_string()
}

/// The section of a collector on a node whose Pacemaker has a group of an address and a service.
fn node_of_a_group(directory: &Path) -> String {
    let status = r#"<pacemaker-result api-version="2.25" request="crm_mon"><summary><stack type="corosync"/>
        <current_dc present="true" name="n1" version="2.1.5" with_quorum="true"/>
        <last_change time="Sun Nov 22 01:41:27 2026" user="" client="crmd" origin="n1"/></summary>
        <nodes><node name="n1" id="1" online="true" type="member"/></nodes>
        <resources/><status code="0" message="OK"/></pacemaker-result>"#;
    let primitive = |id: &str| format!(r#"<primitive id="{id}" class="ocf" provider="pacemaker" type="Dummy"/>"#);
    let cib = format!(
        r#"<cib admin_epoch="0" epoch="1" num_updates="0"><configuration><crm_config/><nodes><node id="1" uname="n1"/>
        </nodes><resources><group id="svc">{}{}</group></resources><constraints/></configuration></cib>"#,
        primitive("vip"),
        primitive("web")
    );
    let (crm_mon, cibadmin) = (tool(directory, "crm_mon", status), tool(directory, "cibadmin", &cib));
    format!(
        "[collector.cluster.commands]\ncrm_mon = \"{crm_mon}\"\ncibadmin = \"{cibadmin}\"\n\
         corosync_quorumtool = \"/nonexistent\"\nproc_drbd = \"/nonexistent\"\n"
    )
}

fn needs_are_known(url: &str) {
    let needs = "\n  resource/web             needs resource/vip (group)\n";
    wait_until("the group is known", || run(&["topology", "--server", url]).1.contains(needs));
}

#[test]
fn a_collector_tells_what_pacemaker_is_configured_to_do() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut site = Site::new(directory.path(), &node_of_a_group(directory.path()));
    site.start_collector();
    needs_are_known(&site.server.as_ref().expect("runs").url());
}

#[test]
fn up_keeps_what_pacemaker_is_configured_to_do() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = |name: &str| directory.path().join(name).display().to_string();
    let more = node_of_a_group(directory.path());
    let text = format!(
        "[collector]\ninclude = [\"{}/*.log\"]\njournal = \"off\"\n{more}[collector.host_metrics]\nenabled = false\n",
        path("log")
    );
    fs::write(path("orszem.toml"), text).expect("writes");
    let arguments = ["up", "--listen", "127.0.0.1:0", "--log-level", "warn", "--data-dir", &path("data")];
    let server = Server::spawn(orszem(&[&arguments[..], &["--config", &path("orszem.toml")]].concat()));
    needs_are_known(&server.url());
}
