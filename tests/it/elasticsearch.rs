//! Elasticsearch's own client for Python: the lines of the docs, bulk requests, and what it makes of refusals.

use std::process::Command;

use serde_json::{Value, json};

use crate::clients::{block, check_found, run_client, search};
use crate::program::Server;
use crate::tools;

/// Sends good documents in parallel, then a few of which some fail, and prints what the client says of them.
const SCRIPT: &str = r#"
import json, sys
from elasticsearch import Elasticsearch, helpers
client = Elasticsearch(sys.argv[1])
assert client.ping() and client.info()["tagline"] == "You Know, for Search"
assert not client.indices.exists(index="bulk")
client.indices.create(index="bulk")
client.indices.put_index_template(name="t", index_patterns=["bulk*"], template={})
many = ({"_op_type": "create", "_index": "bulk", "_id": str(n), "message": f"line {n}"} for n in range(5000))
sent = [ok for ok, _ in helpers.parallel_bulk(client, many, thread_count=4, chunk_size=500)]
few = [
    {"_op_type": "index", "_index": "few", "message": "good"},
    {"_op_type": "index", "_index": "few", "_id": "b", "@timestamp": "soon"},
    {"_op_type": "delete", "_index": "few", "_id": "c"},
]
ok, errors = helpers.bulk(client, few, raise_on_error=False)
made = client.index(index="few", id="d", document={"message": "single"})
try:
    client.search(index="few")
    searched = 200
except Exception as error:
    searched = error.meta.status
few = [[next(iter(e)), next(iter(e.values()))["status"], next(iter(e.values()))["error"]["type"]] for e in errors]
print(json.dumps({"sent": sum(sent), "ok": ok, "errors": few, "made": [made["_id"], made["result"]], "searched": searched}))
"#;

#[test]
fn the_client_of_major_version_8() {
    check_client(8);
}

#[test]
fn the_client_of_major_version_9() {
    check_client(9);
}

fn check_client(major: u8) {
    let Some(python) = tools::python_elasticsearch(major) else { return };
    let directory = tempfile::tempdir().expect("a directory");
    let server = Server::start(directory.path(), &[]);
    run_client(Command::new(&python).args(["-c", &block("python", "elasticsearch", &server)]));
    check_found(&server, "disk full", "disk full", &json!({"host": "db1", "service": "pg", "index": "logs-pg"}));

    let told = run_client(Command::new(&python).args(["-W", "error", "-c", SCRIPT, &server.url()]));
    let expected = json!({
        "sent": 5000,
        "ok": 1,
        "errors": [["index", 400, "mapper_parsing_exception"], ["delete", 400, "action_request_validation_exception"]],
        "made": ["d", "created"],
        "searched": 501,
    });
    assert_eq!(serde_json::from_str::<Value>(&told).expect("JSON"), expected);
    let count = |query: &str| {
        let (status, answer) = server.get(&format!("/app/v1/count?q={query}&since=5m"), "");
        let answer: Value = serde_json::from_str(&answer).expect("JSON");
        (status, answer["count"].as_u64())
    };
    assert_eq!(
        [count("index:bulk"), count("index:few"), count("index:other")],
        [(200, Some(5000)), (200, Some(2)), (200, Some(0))]
    );
    let found = search(&server, &["index:few single"]);
    let [row] = found.as_slice() else { panic!("{found:?}") };
    assert_eq!((&row["body"], &row["attributes"]["_id"]), (&json!("single"), &json!("d")));
}
