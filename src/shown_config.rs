//! The configuration in force as `/api/v1/status/config` shows it: Prometheus' sections first, then our own.

use orszem_collector::ScrapeConfig;
use serde_json::{Map, Value, json};

use crate::config::Config;
use crate::yaml::to_yaml;

/// How Prometheus shows what is secret; our own types write [`OURS`].
const SECRET: &str = "<secret>";
const OURS: &str = "***";

/// `config` as YAML. With a collector's `jobs` there are `global` and `scrape_configs`, which Prometheus reads; without,
/// the section of the collector is left out, as it has no effect. What is unset is left out, what is secret is hidden.
///
/// # Errors
/// When a path is no UTF-8.
pub(crate) fn yaml(config: &Config, jobs: Option<&[ScrapeConfig]>) -> Result<String, serde_json::Error> {
    let mut own = serde_json::to_value(config)?;
    let mut text = String::new();
    match jobs {
        None => {
            own.as_object_mut().map(|sections| sections.remove("collector"));
        }
        Some(jobs) => {
            // They are among those of `scrape_configs`.
            own.pointer_mut("/collector/scrape").and_then(Value::as_object_mut).map(|scrape| scrape.remove("jobs"));
            let labels = &config.collector.scrape.external_labels;
            let global = json!({ "scrape_interval": "1m", "scrape_timeout": "10s", "external_labels": labels });
            let jobs: Vec<Value> = jobs.iter().map(job).collect::<Result<_, _>>()?;
            text.push_str(&to_yaml(&cleaned(json!({ "global": global }))));
            if !jobs.is_empty() {
                text.push_str(&to_yaml(&json!({ "scrape_configs": jobs })));
            }
        }
    }
    text.push_str(&to_yaml(&cleaned(own)));
    Ok(text)
}

/// A section, without secrets.
///
/// # Errors
/// When a path is no UTF-8.
pub(crate) fn section(section: &impl serde::Serialize) -> Result<String, serde_json::Error> {
    Ok(to_yaml(&cleaned(serde_json::to_value(section)?)))
}

/// A job with the defaults that are left open, and without the limits that are none.
fn job(config: &ScrapeConfig) -> Result<Value, serde_json::Error> {
    let mut job = config.clone();
    job.metrics_path.get_or_insert_with(|| "/metrics".to_owned());
    for is_on in [&mut job.honor_timestamps, &mut job.enable_compression, &mut job.follow_redirects] {
        is_on.get_or_insert(true);
    }
    let mut value = cleaned(serde_json::to_value(job)?);
    if let Some(keys) = value.as_object_mut() {
        let is_none = |value: &Value| value.as_f64() == Some(0.0) || matches!(value.as_str(), Some("0" | "0B"));
        keys.retain(|_, value| !is_none(value));
        keys.retain(|name, value| name != "tls_config" || *value != json!({ "insecure_skip_verify": false }));
    }
    Ok(value)
}

/// Without what is unset or empty, and without secrets.
fn cleaned(value: Value) -> Value {
    match value {
        Value::Object(map) => {
            let kept = map.into_iter().map(|(name, value)| (name, cleaned(value)));
            Value::Object(kept.filter(|(_, value)| !is_empty(value)).collect::<Map<_, _>>())
        }
        Value::Array(items) => Value::Array(items.into_iter().map(cleaned).collect()),
        Value::String(text) if text == OURS => Value::from(SECRET),
        Value::String(text) => Value::from(without_password(&text).unwrap_or(text)),
        other @ (Value::Null | Value::Bool(_) | Value::Number(_)) => other,
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(map) => map.is_empty(),
        Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

/// A URL, such as an argument of a command, with its password hidden; `None` when it has none.
fn without_password(text: &str) -> Option<String> {
    let (scheme, rest) = text.split_once("://")?;
    let authority = rest.split(['/', '?', '#']).next()?;
    let (user, host) = authority.rsplit_once('@')?;
    let (name, _) = user.split_once(':')?;
    let behind = rest.strip_prefix(authority)?;
    Some(format!("{scheme}://{name}:{SECRET}@{host}{behind}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOML: &str = r#"
[metrics]
age = "30d"
[collector.scrape]
external_labels = { site = "a" }
[[collector.scrape.jobs]]
job_name = "node"
scrape_interval = "5s"
scrape_timeout = "5s"
basic_auth = { username = "ann", password = "hunter2" }
static_configs = [{ targets = ["db1:9100"], labels = { rack = "1" } }]
relabel_configs = [{ source_labels = ["__address__"], separator = "", target_label = "host" }]
[[collector.scrape.jobs.http_sd_configs]]
url = "http://sd/targets"
authorization = { credentials = "hunter4" }
"#;

    #[test]
    fn secrets_are_hidden_and_prometheus_can_read_its_part() {
        let config = Config::parse(TOML, "t.toml").expect("a good file");
        let jobs = config.collector.scrape.jobs.clone();
        let text = yaml(&config, Some(&jobs)).expect("shows");
        assert!(!text.contains("hunter") && !text.contains(OURS), "{text}");
        let (prometheus, own) = text.split_once("\naccess:\n").expect("our own sections follow");
        let expected = r#"global:
  external_labels:
    site: a
  scrape_interval: 1m
  scrape_timeout: 10s
scrape_configs:
- basic_auth:
    password: <secret>
    username: ann
  enable_compression: true
  follow_redirects: true
  honor_labels: false
  honor_timestamps: true
  http_sd_configs:
  - authorization:
      credentials: <secret>
    tls_config:
      insecure_skip_verify: false
    url: "http://sd/targets"
  job_name: node
  metrics_path: /metrics
  relabel_configs:
  - action: replace
    separator: ""
    source_labels:
    - __address__
    target_label: host
  scheme: http
  scrape_interval: 5s
  scrape_timeout: 5s
  static_configs:
  - labels:
      rack: "1"
    targets:
    - "db1:9100"
  track_timestamps_staleness: false"#;
        assert_eq!(prometheus, expected);
        assert!(own.contains("\nmetrics:\n  age: 30d\n") && own.contains("\ncollector:\n"), "{own}");
        assert!(!own.contains("job_name"), "{own}");

        // Read again it is the same, but for the secrets.
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("prometheus.yml");
        std::fs::write(&path, prometheus).expect("writes");
        let again = format!("[collector.scrape]\nfiles = [{:?}]\n", path.display().to_string());
        assert!(Config::parse(&again, "t.toml").is_ok(), "{:?}", Config::parse(&again, "t.toml"));
    }

    #[test]
    fn without_a_collector_there_is_nothing_of_it() {
        let config = Config::parse(TOML, "t.toml").expect("a good file");
        let text = yaml(&config, None).expect("shows");
        assert!(text.starts_with("access:\n") && text.contains("\nmetrics:\n"), "{text}");
        assert!(!text.contains("collector:") && !text.contains("scrape"), "{text}");
    }

    #[test]
    fn only_passwords_of_urls_are_cut() {
        let cut = |text| without_password(text);
        assert_eq!(cut("https://a:b@c:1/d?e=f@g"), Some("https://a:<secret>@c:1/d?e=f@g".to_owned()));
        assert_eq!(cut("http://a:p@ss@c"), Some("http://a:<secret>@c".to_owned()));
        for same in ["https://a@c/", "http://c/x:y@z", "a:b@c", ""] {
            assert_eq!(cut(same), None, "{same}");
        }
    }
}
