//! Who may use whom, and what must be absent where.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Our packages and those of ours that each may depend on.
const MAY_USE: [(&str, &[&str]); 30] = [
    (
        "orszem",
        &[
            "orszem-model",
            "orszem-alerting",
            "orszem-availability",
            "orszem-notify",
            "orszem-collector",
            "orszem-probe",
            "orszem-sql",
            "orszem-durable",
            "orszem-parse",
            "orszem-transform",
            "orszem-queue",
            "orszem-indexer",
            "orszem-journal",
            "orszem-search",
            "orszem-logs",
            "orszem-series",
            "orszem-promql",
            "orszem-rules",
            "orszem-dashboards",
            "orszem-demo",
        ],
    ),
    (
        "orszem-dashboards",
        &[
            "orszem-alerting",
            "orszem-availability",
            "orszem-assets",
            "orszem-indexer",
            "orszem-journal",
            "orszem-search",
            "orszem-logs",
            "orszem-series",
            "orszem-promql",
            "orszem-model",
        ],
    ),
    (
        "orszem-indexer",
        &[
            "orszem-alerting",
            "orszem-availability",
            "orszem-rules",
            "orszem-model",
            "orszem-durable",
            "orszem-journal",
            "orszem-search",
            "orszem-logs",
            "orszem-parse",
            "orszem-exposition",
            "orszem-series",
            "orszem-promql",
            "orszem-vector",
            "orszem-facts",
        ],
    ),
    ("orszem-assets", &[]),
    ("orszem-facts", &["orszem-model"]),
    ("orszem-availability", &["orszem-model"]),
    ("orszem-alerting", &["orszem-model"]),
    ("orszem-rules", &["orszem-model", "orszem-yaml", "orszem-promql", "orszem-search", "orszem-alerting"]),
    ("orszem-notify", &["orszem-model", "orszem-alerting", "orszem-client"]),
    ("orszem-series", &["orszem-model", "orszem-durable"]),
    ("orszem-vector", &["orszem-model"]),
    ("orszem-promql", &["orszem-model", "orszem-vector"]),
    ("orszem-journal", &["orszem-model", "orszem-durable"]),
    ("orszem-search", &["orszem-model"]),
    ("orszem-logs", &["orszem-model", "orszem-durable", "orszem-search"]),
    (
        "orszem-collector",
        &[
            "orszem-model",
            "orszem-availability",
            "orszem-cluster",
            "orszem-parse",
            "orszem-transform",
            "orszem-queue",
            "orszem-exposition",
            "orszem-client",
            "orszem-scrape",
            "orszem-host",
            "orszem-probe",
            "orszem-sql",
        ],
    ),
    ("orszem-cluster", &["orszem-model"]),
    ("orszem-exposition", &["orszem-model"]),
    ("orszem-client", &[]),
    ("orszem-scrape", &["orszem-model", "orszem-yaml", "orszem-client", "orszem-exposition", "orszem-transform"]),
    ("orszem-host", &["orszem-model", "orszem-exposition", "orszem-transform"]),
    (
        "orszem-probe",
        &[
            "orszem-model",
            "orszem-availability",
            "orszem-yaml",
            "orszem-client",
            "orszem-exposition",
            "orszem-scrape",
            "orszem-sql",
            "orszem-transform",
        ],
    ),
    (
        "orszem-sql",
        &["orszem-model", "orszem-yaml", "orszem-client", "orszem-exposition", "orszem-scrape", "orszem-transform"],
    ),
    ("orszem-parse", &["orszem-model"]),
    ("orszem-transform", &["orszem-model", "orszem-parse"]),
    ("orszem-queue", &["orszem-model", "orszem-durable"]),
    ("orszem-model", &[]),
    ("orszem-yaml", &[]),
    ("orszem-durable", &[]),
    ("orszem-demo", &["orszem-model"]),
];

/// Crates without IO, clock or async.
const PURE: [&str; 11] = [
    "model",
    "yaml",
    "alerting/src",
    "alerting/availability",
    "indexer/search",
    "indexer/facts",
    "collector/cluster",
    "collector/parse",
    "collector/transform",
    "alerting/rules",
    "demo",
];

/// Texts that stand only where they are allowed, and why.
struct Wall {
    text: &'static str,
    /// Folders that are searched; empty: all sources.
    within: &'static [&'static str],
    /// Folders and file names that may have it.
    except: &'static [&'static str],
    why: &'static str,
}

const WALLS: [Wall; 14] = [
    Wall {
        text: "std::fs",
        within: &PURE,
        // Reads the samples of the tests.
        except: &["testing.rs"],
        why: "pure crates have no IO",
    },
    Wall { text: "std::net::Tcp", within: &PURE, except: &[], why: "pure crates have no IO" },
    Wall { text: "SystemTime", within: &PURE, except: &[], why: "pure crates are told the time" },
    Wall { text: "Instant::now", within: &PURE, except: &[], why: "pure crates are told the time" },
    Wall { text: "tokio::", within: &PURE, except: &[], why: "pure crates are not async" },
    Wall {
        text: "env::var",
        within: &[],
        // The collector's clock asks for `TZ`, as the C library does; files of Prometheus name variables in labels.
        // Metric files of databases name variables too. A cluster's tools are where `PATH` says. Cargo tells build
        // scripts by variables.
        except: &[
            "src",
            "dashboards/assets/build.rs",
            "testing.rs",
            "torture.rs",
            "collector/src/clock.rs",
            "collector/src/source/command.rs",
            "collector/scrape/src/config/load.rs",
            "collector/src/config/metrics.rs",
        ],
        why: "only the binary reads the environment",
    },
    Wall { text: "env::args", within: &[], except: &["src"], why: "only the binary reads the environment" },
    Wall { text: "tokio::signal", within: &[], except: &["src"], why: "only the binary handles signals" },
    Wall { text: "process::exit", within: &[], except: &["src"], why: "only the binary exits" },
    Wall { text: "tracing_subscriber", within: &[], except: &["src"], why: "only the binary sets the subscriber" },
    Wall {
        text: "rusqlite",
        within: &[],
        // Databases of others are asked in SQL.
        except: &["catalog.rs", "store.rs", "error.rs", "indexer/src/sqlite.rs", "collector/sql/src/drivers/sqlite.rs"],
        why: "one owner a store",
    },
    Wall { text: "unbounded_channel", within: &[], except: &[], why: "every channel is bounded" },
    Wall { text: "orszem_indexer", within: &["collector"], except: &[], why: "the collector never sees the indexer" },
    Wall { text: "allow(dead_code", within: &[], except: &[], why: "what nobody uses is deleted" },
];

#[test]
fn packages_use_only_whom_they_may() {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--no-deps", "--offline"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let packages = metadata["packages"].as_array().expect("packages");
    let may_use: BTreeMap<&str, BTreeSet<&str>> =
        MAY_USE.iter().map(|(name, others)| (*name, others.iter().copied().collect())).collect();
    let names: BTreeSet<&str> = packages.iter().filter_map(|package| package["name"].as_str()).collect();
    assert_eq!(names, may_use.keys().copied().collect(), "every package has its line in MAY_USE");
    let mut wrong = Vec::new();
    for package in packages {
        let name = package["name"].as_str().expect("a name");
        for dependency in package["dependencies"].as_array().expect("dependencies") {
            let other = dependency["name"].as_str().expect("a name");
            let is_test_only = dependency["kind"] == "dev";
            if names.contains(other) && !is_test_only && !may_use[name].contains(other) {
                wrong.push(format!("{name} uses {other}"));
            }
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
}

#[test]
fn walls_hold() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    for folder in ["src", "model", "durable", "alerting", "collector", "indexer", "dashboards", "demo"] {
        find_sources(&root.join(folder), &mut files);
    }
    assert!(files.len() > 30, "the sources are found");
    let mut breaches = Vec::new();
    for file in files {
        let inner = file.strip_prefix(root).expect("inside");
        let text = fs::read_to_string(&file).expect("reads");
        for wall in WALLS.iter().filter(|wall| wall.covers(inner)) {
            if let Some(at) = code_of(&text).position(|line| line.contains(wall.text)) {
                breaches.push(format!("{}:{}: {} ({})", inner.display(), at + 1, wall.text, wall.why));
            }
        }
    }
    assert_eq!(breaches, Vec::<String>::new());
}

#[test]
fn a_wall_covers_its_folders_but_for_its_exceptions() {
    let wall = |within, except| Wall { text: "", within, except, why: "" };
    let covers = |wall: &Wall, path: &str| wall.covers(Path::new(path));
    let everywhere = wall(&[], &["src", "catalog.rs"]);
    assert!(covers(&everywhere, "collector/src/lib.rs"));
    assert!(!covers(&everywhere, "src/app.rs"));
    assert!(!covers(&everywhere, "indexer/logs/src/catalog.rs"));
    let model = wall(&["model"], &[]);
    assert!(covers(&model, "model/src/size.rs"));
    assert!(!covers(&model, "modelled/src/size.rs"));
    assert_eq!(code_of("a // std::fs\n//! tokio::\n#[cfg(test)]\nmod tests {}\n").collect::<Vec<_>>(), ["a ", ""]);
}

impl Wall {
    fn covers(&self, path: &Path) -> bool {
        let is_within = self.within.is_empty() || self.within.iter().any(|folder| path.starts_with(folder));
        let is_excepted = |name: &&str| path.starts_with(name) || path.ends_with(name);
        is_within && !self.except.iter().any(is_excepted)
    }
}

/// The lines of a source without comments, up to its tests.
fn code_of(text: &str) -> impl Iterator<Item = &str> {
    let lines = text.lines().take_while(|line| !line.starts_with("#[cfg(test)]"));
    lines.map(|line| line.split_once("//").map_or(line, |(code, _)| code))
}

fn find_sources(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("lists") {
        let path = entry.expect("lists").path();
        let is_test = ["tests", "tests.rs", "examples", "benches"].iter().any(|name| path.ends_with(name));
        if path.is_dir() && !is_test {
            find_sources(&path, files);
        } else if !is_test && path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}
