//! A server, a collector that follows a folder, and what is read back from the server.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use tempfile::TempDir;

use super::writer::ZONE;
use crate::program::{Server, orszem};
use crate::torture::client::request;

/// How long what was written may take to be found.
const FOUND_WITHIN: Duration = Duration::from_secs(20);

/// Folders and processes; ended and removed when dropped.
pub(super) struct Following {
    directory: TempDir,
    server: Server,
    collector: Option<Child>,
    begun: i64,
}

impl Following {
    /// A server, and a collector that follows every file below `log` and what `more` adds to its section.
    pub(super) fn start(more: &str) -> Self {
        let mut following = Self::without_collector(more);
        following.start_collector();
        following
    }

    pub(super) fn without_collector(more: &str) -> Self {
        let begun = now();
        let directory = tempfile::tempdir().expect("a directory");
        let folder = directory.path();
        // Programs that are not root's look into it.
        fs::set_permissions(folder, fs::Permissions::from_mode(0o755)).expect("opens it");
        fs::create_dir(folder.join("log")).expect("is made");
        let server = Server::start(&folder.join("data"), &[]);
        let journal = if more.contains("journal_directory") { "auto" } else { "off" };
        let config = format!(
            "[collector]\ninclude = [\"{0}/log/**\"]\nstate_dir = \"{0}/state\"\njournal = \"{journal}\"\n{more}\n\
             [collector.output]\nendpoints = [\"http://{1}\"]\n",
            folder.display(),
            server.address
        );
        fs::write(folder.join("collector.toml"), config.replace("{folder}", &folder.to_string_lossy()))
            .expect("writes");
        Self { directory, server, collector: None, begun }
    }

    pub(super) fn start_collector(&mut self) {
        let log = File::options().create(true).append(true).open(self.path("collector.err")).expect("a log");
        let mut command = orszem(&["collector", "--log-level", "info", "--config"]);
        command.arg(self.path("collector.toml")).env("TZ", ZONE);
        self.collector = Some(command.stdout(Stdio::null()).stderr(log).spawn().expect("the collector starts"));
    }

    /// Kill -9.
    pub(super) fn kill_collector(&mut self) {
        if let Some(mut collector) = self.collector.take() {
            collector.kill().expect("is running");
            collector.wait().expect("ends");
        }
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// What a search finds, in the order of arrival.
    pub(super) fn found(&self, query: &str) -> Vec<Value> {
        let query = query.replace('"', "%22").replace(':', "%3A").replace('/', "%2F").replace(' ', "%20");
        let target = format!("GET /app/v1/search?limit=5000&q={query}");
        let answer = request(self.server.address, &target, "", "").expect("answers");
        assert_eq!(answer.status, 200, "{}", answer.body);
        let answer: Value = serde_json::from_str(&answer.body).expect("JSON");
        assert_eq!((&answer["partial"], &answer["next"]), (&json!(false), &Value::Null));
        let mut rows = answer["rows"].as_array().expect("rows").clone();
        rows.sort_by_key(|row| row["seq"].as_str().and_then(|seq| seq.parse::<u64>().ok()).expect("a number"));
        rows
    }

    /// Waits until `is_reached` on what a search finds.
    pub(super) fn wait_for(&self, what: &str, query: &str, is_reached: impl Fn(&[Value]) -> bool) -> Vec<Value> {
        let begun = Instant::now();
        loop {
            let rows = self.found(query);
            if is_reached(&rows) {
                return rows;
            }
            let log = fs::read_to_string(self.path("collector.err")).unwrap_or_default();
            assert!(begun.elapsed() < FOUND_WITHIN, "{what}: {} found of {query}\n{rows:#?}\n{log}", rows.len());
            std::thread::park_timeout(Duration::from_millis(100));
        }
    }

    /// Waits until every line of `file` (below `log`) has arrived, and answers its records. They hold all its lines
    /// in order, each once; each has the time at which it was written.
    pub(super) fn records_of(&self, file: &str) -> Vec<Value> {
        let path = self.path("log").join(file);
        let text = fs::read(&path).expect("the file");
        let text = String::from_utf8_lossy(&text);
        let written: Vec<&str> = lines(&text).collect();
        assert!(!written.is_empty(), "{file} is empty");
        let query = format!("file:\"{}\"", path.display());
        let count = |rows: &[Value]| rows.iter().map(|row| lines(body(row)).count()).sum::<usize>();
        let rows = self.wait_for("lines are missing", &query, |rows| count(rows) >= written.len());
        let arrived: Vec<&str> = rows.iter().flat_map(|row| lines(body(row))).collect();
        assert_eq!(arrived, written, "{file}");
        for row in &rows {
            self.check_time(row);
        }
        rows
    }

    /// The record was written since the test began, to the second.
    pub(super) fn check_time(&self, row: &Value) {
        const SECOND: i64 = 1_000_000_000;
        let at: i64 = row["ts_ns"].as_str().and_then(|ns| ns.parse().ok()).expect("a time");
        assert!((self.begun - SECOND..=now()).contains(&at), "another time: {row:#}");
    }
}

impl Drop for Following {
    fn drop(&mut self) {
        self.kill_collector();
    }
}

/// Lines that are not empty, which alone become records.
fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.split('\n').map(|line| line.trim_end_matches('\r')).filter(|line| !line.is_empty())
}

fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
    i64::try_from(since.as_nanos()).expect("before 2262")
}

/// A record's text.
pub(super) fn body(row: &Value) -> &str {
    row["body"].as_str().expect("a text")
}

/// The only record whose text has `needle`.
pub(super) fn only<'a>(rows: &'a [Value], needle: &str) -> &'a Value {
    let with: Vec<&Value> = rows.iter().filter(|row| body(row).contains(needle)).collect();
    let [row] = with.as_slice() else { panic!("{} records with {needle}: {with:#?}", with.len()) };
    row
}

/// Severity, service, layer and attributes of a record; the values of attributes that differ from run to run are `*`.
pub(super) fn facts(row: &Value, varying: &[&str]) -> Value {
    let mut attributes: BTreeMap<String, Value> =
        serde_json::from_value(row["attributes"].clone()).expect("attributes");
    for (name, value) in &mut attributes {
        if varying.contains(&name.as_str()) {
            *value = json!("*");
        }
    }
    let label = |name: &str| row["stream"][name].clone();
    let level = match row["severity"].as_u64() {
        Some(10) => json!("notice"),
        Some(18) => json!("critical"),
        _ => row["level"].clone(),
    };
    json!({
        "level": level, "service": label("service"), "layer": label("layer"), "attributes": attributes,
    })
}

/// Compares [`facts`] with what is expected.
#[track_caller]
pub(super) fn check(row: &Value, varying: &[&str], [level, service, layer]: [&str; 3], attributes: &Value) {
    let expected = json!({ "level": level, "service": service, "layer": layer, "attributes": attributes });
    assert_eq!(facts(row, varying), expected, "{row:#}");
}

/// Makes a folder and writes a file into it.
pub(super) fn write(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().expect("a folder")).expect("is made");
    fs::write(path, text).expect("writes");
}
