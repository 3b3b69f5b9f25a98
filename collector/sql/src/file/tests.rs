//! What files say, and what is wrong with them.

use std::path::{Path, PathBuf};
use std::time::Duration;

use orszem_exposition::MetricType;

use super::*;
use crate::metric::{Bound, OnError, Operator, Role, Schedule};

fn none(_: &str) -> Option<String> {
    None
}

fn told(name: &str, text: &str) -> Vec<String> {
    match load_text(Path::new(name), text, &none) {
        Ok(_) => Vec::new(),
        Err(problems) => problems.iter().map(ToString::to_string).collect(),
    }
}

fn sample(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name)
}

/// The same metrics, whichever form they are written in; places left out.
fn unplaced(mut loaded: Loaded) -> Loaded {
    for metric in &mut loaded.metrics {
        (metric.file, metric.line) = (PathBuf::new(), 0);
    }
    loaded
}

#[test]
fn a_file_of_oracles_exporter_loads_in_both_forms() {
    let lookup = |name: &str| (name == "SCHEMA").then(|| "sales".to_owned());
    let toml = unplaced(load(&[sample("exporter.toml")], &lookup).expect("loads"));
    let yaml = unplaced(load(&[sample("exporter.yaml")], &lookup).expect("loads"));
    assert_eq!(toml, yaml);
    let contexts: Vec<&str> = toml.metrics.iter().map(|metric| metric.context.as_str()).collect();
    assert_eq!(contexts, ["", "orders", "activity", "response", "off", "orders"]);
    let response = &toml.metrics[3];
    assert_eq!(response.fields["seconds"].kind, MetricType::Histogram);
    let buckets = [("le_01".to_owned(), 0.1), ("le_1".to_owned(), 1.0)];
    assert_eq!(response.fields["seconds"].buckets, buckets);
    assert_eq!(response.timeout, Some(Duration::from_millis(1500)));
    assert_eq!(response.schedule, Some(Schedule::Every(Duration::from_secs(300))));
    let orders = &toml.metrics[1];
    assert_eq!((orders.labels.as_slice(), orders.ignore_zero_result), (["status".to_owned()].as_slice(), true));
    assert_eq!(orders.request, "select STATUS, count(*) as total from sales.orders group by status");
    assert_eq!(toml.metrics[2].field_to_append.as_deref(), Some("name"));
    let off = &toml.metrics[4];
    assert_eq!((off.is_for("a"), toml.metrics[5].is_for("a"), toml.metrics[5].is_for("b")), (false, false, true));
}

#[test]
fn the_extensions_are_read() {
    let text = r#"
[[metric]]
context = "lag"
metricsdesc = { seconds = "Lag.", bytes = "Lag in bytes." }
request = "select * from {{ident t}}"
cron = "*/5 * * * *"
unit = "seconds"
row_limit = 5
label_limit = 9
startup_sql = "set x = 1"
static_labels = { site = "a" }
timestamp = "AT"
on_error = "zero"
role = "standby"
iterator = { request = "select t from names;", labels = ["T"] }
[[metric.thresholds]]
field = "seconds"
warning = ">= 85"
critical = "> 97.5"
for = "5m"
"#;
    let loaded = load_text(Path::new("a.toml"), text, &none).expect("loads");
    let metric = &loaded.metrics[0];
    let held = Duration::from_secs(300);
    let bound = |operator, value| Some(Bound { operator, value });
    let expected =
        Thresholds { warning: bound(Operator::GreaterOrEqual, 85.0), critical: bound(Operator::Greater, 97.5), held };
    assert_eq!(metric.thresholds.get("seconds"), Some(&expected));
    assert_eq!((metric.row_limit, metric.label_limit), (5, 9));
    assert_eq!((metric.on_error, metric.role), (OnError::Zero, Role::Standby));
    assert_eq!(metric.timestamp.as_deref(), Some("at"));
    assert!(matches!(metric.schedule, Some(Schedule::Cron(_))));
    let iterator = metric.iterator.clone().expect("an iterator");
    assert_eq!((iterator.request.as_str(), iterator.labels), ("select t from names", vec!["t".to_owned()]));
    assert_eq!((metric.startup_sql.as_slice(), metric.line), (["set x = 1".to_owned()].as_slice(), 2));
}

use crate::metric::Thresholds;

#[test]
fn all_problems_are_told_at_once_with_file_line_key_and_remedy() {
    let text = r#"[[metric]]
context = "a b"
colour = "red"
metricsdesc = { x = "X", y = "Y" }
metricstype = { x = "summary", z = "gauge" }
querytimeout = "soon"
interval = "1m"
cron = "* * * * *"
on_error = "panic"
row_limit = 0
thresholds = { warning = "85" }
request = "select ${NOWHERE}"

[[metric]]
labels = ["database"]
"#;
    let lines = told("bad.toml", text);
    let expected = [
        "bad.toml:2: metric[0].context = \"a b\" is no part of a name; use letters, digits and _",
        "bad.toml:3: metric[0].colour is no such key; known are ",
        "bad.toml:5: metric[0].metricstype.x = \"summary\" is not known; write \"gauge\", \"counter\" or \"histogram\"",
        "bad.toml:5: metric[0].metricstype.z is of no field; ",
        "bad.toml:6: metric[0].querytimeout = \"soon\" is no length of time; ",
        "bad.toml:1: metric[0].interval and cron exclude each other; write one of them",
        "bad.toml:9: metric[0].on_error = \"panic\" is not known; ",
        "bad.toml:10: metric[0].row_limit = 0 is out of range; write 1 to 100000",
        "bad.toml:11: metric[0].thresholds are of no field: \"\"; write field = one of x, y",
        "bad.toml:11: metric[0].thresholds.warning = \"85\" is no bound; write one such as \">= 85\"",
        "bad.toml:12: names the variable NOWHERE, which is not set; set NOWHERE, or write $${NOWHERE} for the text itself",
        "bad.toml:14: metric[1] lacks metricsdesc; ",
        "bad.toml:14: metric[1] lacks request; ",
        "bad.toml:15: metric[1].labels has \"database\", which can't be a label; ",
    ];
    for begin in expected {
        assert!(lines.iter().any(|line| line.starts_with(begin)), "{begin:?} is not in {lines:#?}");
    }
    assert_eq!(lines.len(), expected.len(), "{lines:#?}");
    assert_eq!(told("a.toml", "metric = 5").len(), 1);
    let broken = told("a.yaml", "metrics:\n- context: [");
    assert!(broken.len() == 1 && broken[0].starts_with("a.yaml:") && broken[0].contains("is no YAML"), "{broken:?}");
    assert!(told("a.toml", "[[metric]\n")[0].starts_with("a.toml:1: is no TOML"));
    assert_eq!(
        told("a.toml", ""),
        ["a.toml: has no metric; add a metric, such as `[[metric]]` with metricsdesc and request"]
    );
}

#[test]
fn a_later_metric_of_the_same_context_and_fields_replaces_the_earlier() {
    let metric = |request: &str, field: &str| {
        format!("[[metric]]\ncontext = \"a\"\nmetricsdesc = {{ {field} = \"X\" }}\nrequest = \"{request}\"\n")
    };
    let text = format!("{}{}{}", metric("one", "x"), metric("two", "y"), metric("three", "x"));
    let loaded = load_text(Path::new("a.toml"), &text, &none).expect("loads");
    let requests: Vec<&str> = loaded.metrics.iter().map(|metric| metric.request.as_str()).collect();
    assert_eq!(requests, ["three", "two"]);
}

#[test]
fn every_shipped_file_loads() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../config/sql");
    for (name, count) in [("oracle.toml", 31), ("postgresql.toml", 16), ("mariadb.toml", 9), ("sqlite.toml", 4)] {
        let loaded = load(&[folder.join(name)], &none)
            .map_err(|problems| problems.iter().map(ToString::to_string).collect::<Vec<_>>());
        assert_eq!(loaded.map(|loaded| loaded.metrics.len()), Ok(count), "{name}");
    }
}

#[test]
fn the_exporters_own_default_file_loads() {
    let Some(path) = std::env::var_os("ORSZEM_ORACLE_DEFAULT_METRICS") else { return };
    let loaded = load(&[PathBuf::from(path)], &none).expect("loads");
    let contexts: Vec<&str> = loaded.metrics.iter().map(|metric| metric.context.as_str()).collect();
    assert!(contexts.contains(&"tablespace") && contexts.contains(&"top_sql"), "{contexts:?}");
}
