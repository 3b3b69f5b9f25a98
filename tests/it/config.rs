//! The shipped configuration shows every option with its default.

use orszem::config::Config;

const SHIPPED: &str = include_str!("../../config/orszem.toml");

/// Rules, and the conditions that they share.
const RULES: [&str; 4] = [".collector.drop", ".collector.keep", ".collector.sample", ".collector.throttle"];
const CONDITIONS: [&str; 7] = ["body", "severity_below", "field", "matches", "equals", "service", "layer"];

/// What Prometheus documents, and is shown by an example alone.
const PROMETHEUS: &str = ".collector.scrape.jobs";

/// The shipped file with the options switched on that are unset by default: lines `#name = …` and `#[[table]]`.
fn with_everything_set() -> String {
    let is_option = |rest: &str| rest.starts_with('[') || rest.starts_with(|c: char| c.is_ascii_lowercase());
    let lines = SHIPPED.lines().map(|line| match line.strip_prefix('#') {
        Some(rest) if is_option(rest) => rest.replace("mode = \"auto\"", ""),
        _ => line.replace("mode = \"auto\"", "mode = \"files\""),
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn the_shipped_file_is_the_default() {
    assert_eq!(Config::parse(SHIPPED, "config/orszem.toml"), Ok(Config::default()));
}

#[test]
fn the_shipped_file_shows_every_option() {
    let full = Config::parse(&with_everything_set(), "config/orszem.toml").expect("every shown option is accepted");
    let (mut set, mut unset) = (Vec::new(), Vec::new());
    find_unset(&serde_json::to_value(&full).expect("serializes"), "", &mut set, &mut unset);
    unset.retain(|path| !set.contains(path) && !path.starts_with(PROMETHEUS));
    // A rule shows the conditions that fit it, and may not have all of them; each is shown by one rule.
    let shown = |condition: &str| SHIPPED.lines().any(|line| line.starts_with(&format!("#{condition} = ")));
    unset.retain(|path| {
        !RULES
            .iter()
            .any(|rule| CONDITIONS.iter().any(|condition| *path == format!("{rule}.{condition}") && shown(condition)))
    });
    assert_eq!(unset, Vec::<String>::new(), "options that config/orszem.toml does not show");

    // What is set by default must stand in the file too, not only be filled in.
    let shown: toml::Table = toml::from_str(&with_everything_set()).expect("is TOML");
    let all = toml::Table::try_from(&full).expect("serializes");
    assert_eq!(keys("", &toml::Value::Table(shown)), keys("", &toml::Value::Table(all)));
}

fn find_unset(value: &serde_json::Value, path: &str, set: &mut Vec<String>, unset: &mut Vec<String>) {
    match value {
        serde_json::Value::Null => unset.push(path.to_owned()),
        serde_json::Value::Object(map) => {
            map.iter().for_each(|(key, value)| find_unset(value, &format!("{path}.{key}"), set, unset));
        }
        serde_json::Value::Array(items) => items.iter().for_each(|item| find_unset(item, path, set, unset)),
        _ => set.push(path.to_owned()),
    }
}

fn keys(path: &str, value: &toml::Value) -> Vec<String> {
    if path == PROMETHEUS {
        return vec![path.to_owned()];
    }
    let mut found = match value {
        toml::Value::Table(table) => {
            table.iter().flat_map(|(key, value)| keys(&format!("{path}.{key}"), value)).collect()
        }
        toml::Value::Array(items) if items.iter().any(toml::Value::is_table) => {
            items.iter().flat_map(|item| keys(path, item)).collect()
        }
        _ => vec![path.to_owned()],
    };
    // Of several tables of a list each shows what fits it.
    found.sort();
    found.dedup();
    found
}
