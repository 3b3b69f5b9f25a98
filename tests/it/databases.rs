//! `[[collector.sql]]` and `orszem sql` as they are used: real databases are asked, and `orszem query` shows it.

mod postgresql;

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::collector::site::Site;
use crate::program::run;
use crate::real_writers::writer::free_address;
use postgresql::Postgresql;

const REACHED_WITHIN: Duration = Duration::from_secs(60);

/// What `orszem query` shows, a line a series: the value, then the labels; sorted.
fn query(site: &Site, text: &str) -> String {
    let server = format!("http://{}", site.address());
    let (code, out, err) = run(&["query", text, "--server", &server, "--output", "table"]);
    assert!(code <= 1, "{text}: {err}");
    let mut lines: Vec<&str> = out.lines().map(str::trim).collect();
    lines.sort_unstable();
    lines.join("\n")
}

fn wait_for(site: &Site, text: &str, expected: &str) {
    let begun = Instant::now();
    loop {
        let shown = query(site, text);
        if shown == expected {
            return;
        }
        assert!(begun.elapsed() < REACHED_WITHIN, "{text} is {shown:?}, not {expected:?}\n{}", log(site));
        std::thread::park_timeout(Duration::from_millis(100));
    }
}

fn log(site: &Site) -> String {
    fs::read_to_string(site.folder.join("collector.err")).expect("a log")
}

/// `[[collector.sql]]` of this name.
fn database(name: &str, url: &str, more: &str) -> String {
    format!("[[collector.sql]]\nname = \"{name}\"\nurl = \"{url}\"\ninterval = \"1s\"\n{more}\n")
}

fn write(folder: &Path, name: &str, text: &str) {
    fs::write(folder.join(name), text).expect("writes");
}

const SHOP: &str = r#"
[[metric]]
context = "clock"
unit = "seconds"
metricsdesc = { seconds = "The time." }
thresholds = { warning = ">= 1", critical = ">= 2" }
request = "select unixepoch('subsec') as seconds"

[[metric]]
context = "minutely"
cron = "* * * * *"
metricsdesc = { value = "Asked once a minute." }
request = "select 7 as value"

[[metric]]
context = "many"
labels = ["l"]
row_limit = 2
label_limit = 3
metricsdesc = { value = "More rows than wanted." }
request = "select value, 'label' || value as l from json_each('[1, 2, 3]')"
label_limit_is = 3

[[metric]]
context = "each"
iterator = { request = "select value as name from json_each('[\"a\", \"b\"]')", labels = ["name"] }
metricsdesc = { length = "Of each name." }
request = "select length({{name}}) as length"

[[metric]]
context = "lost"
metricsdesc = { value = "Of no table." }
request = "select value from nowhere"
"#;

#[test]
fn a_database_file_is_asked_and_what_it_gives_can_be_queried() {
    let folder = tempfile::tempdir().expect("a folder");
    write(folder.path(), "shop.db", "");
    write(folder.path(), "shop.toml", &SHOP.replace("label_limit_is = 3\n", ""));
    let url = format!("sqlite://{}/shop.db", folder.path().display());
    let more = database("shop", &url, "files = [\"shop.toml\"]\nlabels = { team = \"a\" }");
    let mut site = Site::new(folder.path(), &more);
    site.start_collector();
    wait_for(&site, "sqlite_minutely_value", "7  sqlite_minutely_value{database=\"shop\", job=\"sql\", team=\"a\"}");
    wait_for(&site, "sum by (name) (sqlite_each_length)", "1  {name=\"a\"}\n1  {name=\"b\"}");
    // Labels were cut to three bytes, and of two rows with the same labels the first counts.
    wait_for(&site, "sum by (l) (sqlite_many_value)", "1  {l=\"lab\"}");
    wait_for(&site, "sum by (query) (sqlite_query_rows) == 2", "2  {query=\"each\"}\n2  {query=\"many\"}");
    wait_for(&site, "sqlite_up == 1 and on () sqlite_query_duration_seconds{query=\"clock\"} < 5", &format!("1  {UP}"));
    wait_for(&site, "time() - sqlite_clock_seconds < bool 30", "1  {database=\"shop\", job=\"sql\", team=\"a\"}");
    // Three failures in turn put it into quarantine: the last of them came 2 + 4 seconds after the first.
    wait_for(&site, "sum by (query, reason) (sqlite_query_errors_total{query=\"lost\"})", LOST);
    assert!(log(&site).contains("a query is tried only once an hour from now on"), "{}", log(&site));
    wait_for(&site, "sum by (reason) (sqlite_query_errors_total{query=\"many\"}) > bool 0", "1  {reason=\"limit\"}");
    let metadata = site.server.as_ref().expect("runs").get("/api/v1/metadata?metric=sqlite_clock_seconds", "").1;
    let metadata: Value = serde_json::from_str(&metadata).expect("JSON");
    let expected = serde_json::json!([{ "type": "gauge", "help": "The time.", "unit": "seconds" }]);
    assert_eq!(metadata["data"]["sqlite_clock_seconds"], expected);
    // All ends with the collector.
    assert_eq!(site.stop_collector(), Some(0));
    wait_for(&site, "count({job=\"sql\"})", "");
}

const UP: &str = "sqlite_up{database=\"shop\", job=\"sql\", team=\"a\"}";
const LOST: &str = "3  {query=\"lost\", reason=\"missing\"}";

#[test]
fn databases_that_are_down_refuse_or_hang_delay_no_other() {
    let Some(mut server) = Postgresql::start() else { return };
    server.psql("postgres", "create role secret login password 'pass word'");
    let mute = TcpListener::bind("127.0.0.1:0").expect("listens");
    let mute = mute.local_addr().expect("an address").port();
    let folder = tempfile::tempdir().expect("a folder");
    write(folder.path(), "shop.db", "");
    write(folder.path(), "right", "pass word\n");
    write(folder.path(), "wrong", "hunter2\n");
    let one = "[[metric]]\ncontext = \"one\"\nmetricsdesc = { value = \"One.\" }\nrequest = \"select 1 as value\"\n";
    let hang = "[[metric]]\ncontext = \"late\"\nquerytimeout = \"8s\"\nmetricsdesc = { value = \"Late.\" }\n\
                request = \"select 1 as value from pg_sleep(60)\"\n";
    write(folder.path(), "one.toml", one);
    write(folder.path(), "hang.toml", hang);
    let postgresql = |user: &str, port: u16| format!("postgresql://{user}@127.0.0.1:{port}/postgres");
    let more = [
        database("file", &format!("sqlite://{}/shop.db", folder.path().display()), "files = [\"one.toml\"]"),
        database("right", &postgresql("secret", server.port), "password_file = \"right\"\nfiles = [\"one.toml\"]"),
        database("wrong", &postgresql("secret", server.port), "password_file = \"wrong\"\nfiles = [\"one.toml\"]"),
        database("hangs", &postgresql("postgres", server.port), "files = [\"one.toml\", \"hang.toml\"]"),
        database("mute", &postgresql("postgres", mute), "timeout = \"8s\"\nfiles = [\"one.toml\"]"),
        database("gone", &postgresql("postgres", free_address().port()), "files = [\"one.toml\"]"),
        database("unread", &postgresql("secret", server.port), "password_file = \"none\"\nfiles = [\"one.toml\"]"),
    ];
    let mut site = Site::new(folder.path(), &more.concat());
    site.start_collector();
    let ups = "0  {database=\"gone\"}\n0  {database=\"mute\"}\n0  {database=\"unread\"}\n0  {database=\"wrong\"}\n\
               1  {database=\"hangs\"}\n1  {database=\"right\"}";
    wait_for(&site, "sum by (database) (postgresql_up)", ups);
    wait_for(&site, "sum by (database) (postgresql_one_value)", "1  {database=\"hangs\"}\n1  {database=\"right\"}");
    let failing = "sum by (database, reason) (postgresql_query_errors_total) > bool 0";
    let reasons =
        ["gone", "mute", "unread", "wrong"].map(|name| format!("1  {{database=\"{name}\", reason=\"connect\"}}"));
    let late = "1  {database=\"hangs\", reason=\"timeout\"}".to_owned();
    wait_for(&site, failing, &[&reasons[..1], &[late], &reasons[1..]].concat().join("\n"));
    assert_eq!(query(&site, "sum by (database) (sqlite_up)"), "1  {database=\"file\"}");
    // The file is asked each second; the longest pause is shorter than the deadlines that passed meanwhile.
    let pauses = "max_over_time((time() - timestamp(sqlite_one_value))[1m:500ms] offset 3s) < bool 6";
    wait_for(&site, pauses, "1  {database=\"file\", job=\"sql\"}");
    let told = log(&site);
    assert!(told.contains("password authentication failed"), "{told}");
    assert!(!told.contains("hunter2") && !told.contains("pass word"), "{told}");

    server.stop();
    wait_for(&site, "sum by (database) (postgresql_up{database=\"right\"})", "0  {database=\"right\"}");
    wait_for(&site, "postgresql_one_value{database=\"right\"}", "");
    server.start_again();
    wait_for(&site, "sum by (database) (postgresql_up{database=\"right\"})", "1  {database=\"right\"}");
    let back = "1  postgresql_one_value{database=\"right\", job=\"sql\"}";
    wait_for(&site, "postgresql_one_value{database=\"right\"}", back);
    assert_eq!(site.stop_collector(), Some(0));
}

#[test]
fn metric_files_are_checked_and_run() {
    let folder = tempfile::tempdir().expect("a folder");
    write(folder.path(), "shop.db", "");
    write(folder.path(), "good.toml", &SHOP.replace("label_limit_is = 3\n", ""));
    write(folder.path(), "bad.toml", SHOP);
    let path = |name: &str| folder.path().join(name).to_str().expect("a plain path").to_owned();
    let shipped = |name: &str| format!("{}/config/sql/{name}.toml", env!("CARGO_MANIFEST_DIR"));
    for name in ["oracle", "postgresql", "mariadb", "sqlite"] {
        let (code, out, err) = run(&["sql", "check", &shipped(name)]);
        assert!(code == 0 && err.is_empty() && out.ends_with(" metrics, in order\n"), "{name}: {out}{err}");
    }
    let (code, out, err) = run(&["sql", "check", &path("good.toml")]);
    let expected = "CONTEXT   WHEN            WHERE  LABELS  FIELDS\n\
                    clock     each interval   any    -       seconds (gauge) [>= 1, >= 2]\n\
                    minutely  cron * * * * *  any    -       value (gauge)\n\
                    many      each interval   any    l       value (gauge)\n\
                    each      each interval   any    -       length (gauge)\n\
                    lost      each interval   any    -       value (gauge)\n\
                    5 metrics, in order\n";
    assert_eq!((code, out.as_str(), err.as_str()), (0, expected, ""));
    let (code, out, _) = run(&["sql", "check", &path("bad.toml"), &path("good.toml")]);
    let problem = format!("{}:22: metric[2].label_limit_is is no such key; known are ", path("bad.toml"));
    assert!(code == 1 && out.starts_with(&problem) && out.ends_with("\n1 problem\n"), "{out}");

    let url = format!("sqlite://{}", path("shop.db"));
    let (code, out, err) = run(&["sql", "run", &path("good.toml"), "--url", &url, "--metric", "each"]);
    let samples: String =
        out.lines().filter(|line| !line.starts_with("# each:")).map(|line| format!("{line}\n")).collect();
    let expected = "# HELP sqlite_each_length Of each name.\n# TYPE sqlite_each_length gauge\n\
                    sqlite_each_length{name=\"a\"} 1\nsqlite_each_length{name=\"b\"} 1\n";
    assert_eq!((code, samples.as_str(), err.as_str()), (0, expected, ""));
    let (code, _, err) = run(&["sql", "run", &path("good.toml"), "--url", &url]);
    assert!(
        code == 1 && err.contains("lost: failed (missing) after ") && err.contains("no such table: nowhere"),
        "{err}"
    );
    let (code, _, err) = run(&["sql", "run", &path("good.toml"), "--url", &format!("{url}.none")]);
    assert!(code == 2 && err.contains("can't open"), "{code}: {err}");
    let (code, _, err) = run(&["sql", "run", &path("good.toml"), "--url", "mysql://me:hunter2@h/d"]);
    assert!(code == 2 && err.contains("holds a password") && !err.contains("hunter2"), "{code}: {err}");
}
