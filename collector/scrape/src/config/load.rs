//! Reads a whole `prometheus.yml`.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use orszem_transform::Wrong;
use orszem_yaml::{Content, Node, What};
use serde::de::DeserializeOwned;

use super::{GlobalConfig, ScrapeConfig};
use crate::settings::Settings;
use crate::wildcard;

/// Sections that concern other things than scraping.
const IGNORED: [&str; 8] =
    ["runtime", "alerting", "rule_files", "storage", "tracing", "remote_write", "remote_read", "otlp"];

/// What a `prometheus.yml` says about scraping.
#[derive(Clone, Debug)]
pub struct Loaded {
    pub global: GlobalConfig,
    /// Those of `scrape_config_files` included; paths in them are absolute if that of the file was.
    pub scrape_configs: Vec<ScrapeConfig>,
    pub settings: Settings,
    /// Sections that are there and that scraping has no use for, such as `alerting`.
    pub ignored: Vec<String>,
}

/// Reads the file; relative paths in it begin at its directory.
///
/// # Errors
/// All that is wrong with it.
pub fn load_file(path: &Path) -> Result<Loaded, Vec<Wrong>> {
    let text = read(path).map_err(|wrong| vec![wrong])?;
    load_str(&text, path.parent().unwrap_or(Path::new(".")))
}

/// Reads the text; relative paths in it begin at `directory`. `$NAME` in the values of external labels is replaced by
/// the environment's.
///
/// # Errors
/// All that is wrong with it, with keys such as `scrape_configs[2].relabel_configs[0].regex`.
pub fn load_str(text: &str, directory: &Path) -> Result<Loaded, Vec<Wrong>> {
    let mut wrongs = Vec::new();
    let mut global = GlobalConfig::default();
    let mut configs: Vec<(String, ScrapeConfig)> = Vec::new();
    let mut ignored = Vec::new();
    let mut patterns: Vec<String> = Vec::new();
    for (key, node) in sections(text, "").map_err(|wrong| vec![wrong])? {
        match key.as_str() {
            "global" => global = section(node, "global", &mut wrongs).unwrap_or_default(),
            "scrape_configs" => jobs(node, "scrape_configs", directory, &mut configs, &mut wrongs),
            "scrape_config_files" => {
                patterns = section(node, "scrape_config_files", &mut wrongs).unwrap_or_default();
            }
            key if IGNORED.contains(&key) => ignored.push(key.to_owned()),
            key => wrongs.push(Wrong::new(key, "", "is no section of a prometheus.yml", "remove it")),
        }
    }
    for pattern in patterns {
        included(&directory.join(pattern), &mut configs, &mut wrongs);
    }
    expand_labels(&mut global.external_labels);
    match Settings::with_keys(&global, "global", &configs) {
        Ok(settings) if wrongs.is_empty() => {
            let scrape_configs = configs.into_iter().map(|(_, config)| config).collect();
            Ok(Loaded { global, scrape_configs, settings, ignored })
        }
        Ok(_) => Err(wrongs),
        Err(others) => {
            wrongs.extend(others);
            Err(wrongs)
        }
    }
}

fn read(path: &Path) -> Result<String, Wrong> {
    let failed = |error| Wrong::new(path.display().to_string(), "", format!("can't be read: {error}"), "name a file");
    fs::read_to_string(path).map_err(failed)
}

fn sections(text: &str, file: &str) -> Result<Vec<(String, Node)>, Wrong> {
    let wrong = |told: String| Wrong::new(file, "", told, "write it as Prometheus documents it");
    match Node::parse(text).map_err(|error| wrong(format!("is no YAML: {error}")))?.content {
        Content::Mapping(pairs) => Ok(pairs.into_iter().map(|(key, node)| (key.text, node)).collect()),
        Content::Null => Ok(Vec::new()),
        Content::Scalar { .. } | Content::Sequence(_) => Err(wrong("is no mapping".to_owned())),
    }
}

fn jobs(node: Node, key: &str, directory: &Path, configs: &mut Vec<(String, ScrapeConfig)>, wrongs: &mut Vec<Wrong>) {
    let read: Vec<ScrapeConfig> = section(node, key, wrongs).unwrap_or_default();
    for (at, mut config) in read.into_iter().enumerate() {
        config.set_directory(directory);
        configs.push((format!("{key}[{at}]"), config));
    }
}

fn included(pattern: &Path, configs: &mut Vec<(String, ScrapeConfig)>, wrongs: &mut Vec<Wrong>) {
    for path in wildcard::expand(pattern) {
        let name = path.display().to_string();
        let directory = path.parent().unwrap_or(Path::new(".")).to_owned();
        match read(&path).and_then(|text| sections(&text, &name)) {
            Err(wrong) => wrongs.push(wrong),
            Ok(sections) => {
                for (key, node) in sections {
                    let place = format!("{name}: {key}");
                    if key == "scrape_configs" {
                        jobs(node, &place, &directory, configs, wrongs);
                    } else {
                        wrongs.push(Wrong::new(place, "", "has no place in a file of scrape configs", "remove it"));
                    }
                }
            }
        }
    }
}

/// Reads a section, noting all that is wrong with it.
fn section<T: DeserializeOwned>(node: Node, key: &str, wrongs: &mut Vec<Wrong>) -> Option<T> {
    let (read, problems) = orszem_yaml::read_all(node);
    wrongs.extend(problems.into_iter().map(|problem| {
        let within = problem.key();
        let dot = if within.is_empty() || within.starts_with('[') { "" } else { "." };
        let place = format!("{key}{dot}{within}");
        match problem.what {
            What::UnknownKey { key, known } => unknown(place, &key, known),
            What::MissingKey(missing) => Wrong::new(place, "", format!("lacks {missing}"), format!("add {missing}")),
            What::NotA(expected) => {
                Wrong::new(place, problem.value, "is of the wrong kind", format!("write {expected}"))
            }
            What::Other(told) => match told.split_once("; ") {
                Some((wrong, remedy)) => Wrong::new(place, problem.value, wrong, remedy),
                None => Wrong::new(place, problem.value, told, "write it as Prometheus documents it"),
            },
        }
    }));
    read
}

/// Keys that Prometheus knows and that are not supported here.
const UNSUPPORTED: [&str; 6] =
    ["proxy_url", "no_proxy", "proxy_from_environment", "proxy_connect_header", "oauth2", "sigv4"];

fn unknown(place: String, key: &str, known: &[&str]) -> Wrong {
    if key.ends_with("_sd_configs") {
        let remedy = "use static_configs, file_sd_configs, dns_sd_configs or http_sd_configs";
        return Wrong::new(place, "", "is a discovery that is not supported", remedy);
    }
    if UNSUPPORTED.contains(&key) {
        return Wrong::new(place, "", "is not supported", "remove it, and let targets be reached directly");
    }
    Wrong::new(place, "", "is an unknown key", format!("use one of {}", known.join(", ")))
}

fn expand_labels(labels: &mut BTreeMap<String, String>) {
    for value in labels.values_mut().filter(|value| value.contains('$')) {
        *value = expand(value, |name| std::env::var(name).unwrap_or_else(|_| String::new()));
    }
}

/// Replaces `$NAME` and `${NAME}`; `$$` is a `$`.
fn expand(text: &str, value_of: impl Fn(&str) -> String) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once('$') {
        out.push_str(before);
        let is_word = |letter: char| letter == '_' || letter.is_ascii_alphanumeric();
        let (name, behind) = match behind.strip_prefix('{').and_then(|braced| braced.split_once('}')) {
            Some(found) => found,
            None if behind.starts_with('$') => behind.split_at(1),
            None => behind.split_at(behind.find(|letter| !is_word(letter)).unwrap_or(behind.len())),
        };
        out.push_str(&if name == "$" { "$".to_owned() } else { value_of(name) });
        rest = behind;
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_is_put_into_labels() {
        let value_of = |name: &str| format!("<{name}>");
        assert_eq!(expand("a$B_1-${C d}$$x$", value_of), "a<B_1>-<C d>$x<>");
        assert_eq!(expand("plain", value_of), "plain");
    }
}
