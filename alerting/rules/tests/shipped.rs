//! The rules that are shipped: in order, tested, explained, and about metrics that somebody measures.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use orszem_model::METRIC_NAME;
use orszem_promql::ParseOptions;
use orszem_promql::ast::{Expr, ExprKind};
use orszem_rules::own::OwnRules;
use orszem_rules::unit::{self, RuleSource};
use orszem_rules::{BUILT_IN, RuleFile, read};

const OPTIONS: ParseOptions = ParseOptions { is_experimental: false };
/// Whose names are put together: families of the kernel's own fields, which the host's collector names so.
const BUILT: [&str; 4] = ["node_memory_", "node_vmstat_", "node_netstat_", "node_network_"];
/// What every scrape has.
const OF_SCRAPES: [&str; 1] = ["up"];
/// Prefixes of metrics of databases, and the files that have them.
const DATABASES: [(&str, &str); 3] =
    [("oracledb_", "oracle.toml"), ("postgresql_", "postgresql.toml"), ("mariadb_", "mariadb.toml")];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn files_in(directory: &Path, extension: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).unwrap_or_else(|error| panic!("{}: {error}", directory.display()));
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    files.retain(|path| path.extension().is_some_and(|own| own == extension));
    files.sort();
    files
}

fn shipped() -> Vec<(PathBuf, RuleFile)> {
    let files = files_in(&root().join("config/rules"), "yml");
    assert!(files.len() >= 10, "{files:?}");
    let read = |path: PathBuf| {
        let text = fs::read_to_string(&path).expect("reads");
        let file = read(&text, OPTIONS).unwrap_or_else(|problems| panic!("{}:\n{problems}", path.display()));
        (path, file)
    };
    files.into_iter().map(read).collect()
}

#[test]
fn the_program_brings_all_of_them() {
    let files = files_in(&root().join("config/rules"), "yml");
    let name = |path: &PathBuf| path.file_name().expect("a name").to_string_lossy().into_owned();
    let shipped: Vec<(String, String)> =
        files.iter().map(|path| (name(path), fs::read_to_string(path).expect("reads"))).collect();
    assert_eq!(BUILT_IN.map(|(name, text)| (name.to_owned(), text.to_owned())).to_vec(), shipped);
}

#[test]
fn names_are_there_once_and_all_is_explained() {
    let mut own = OwnRules::default();
    for (_, file) in shipped() {
        own.extend(file.own);
    }
    assert!(own.len() >= 130, "{}", own.len());
    let mut names = BTreeSet::new();
    for about in own.abouts() {
        assert!(names.insert(about.name.clone()), "{} is there twice", about.name);
        let has = |name: &str| about.annotations.iter().any(|(own, text)| own == name && !text.text().is_empty());
        assert!(has("summary") && has("runbook"), "{} has no summary or no runbook", about.name);
    }
    assert_eq!(own.alarms().len(), own.len());
}

#[test]
fn unit_tests_pass_and_each_own_rule_has_one_that_fires() {
    let mut fired = BTreeSet::new();
    let directory = root().join("config/rules/tests");
    for path in files_in(&directory, "yml") {
        let text = fs::read_to_string(&path).expect("reads");
        let file = unit::read(&text, OPTIONS).unwrap_or_else(|problems| panic!("{}:\n{problems}", path.display()));
        let source = |name: &String| RuleSource {
            path: name.clone(),
            text: fs::read_to_string(directory.join(name)).expect("a rule file"),
        };
        let sources: Vec<RuleSource> = file.rule_files.iter().map(source).collect();
        for report in unit::run(&file, &sources, OPTIONS) {
            assert_eq!(report.failures, [], "{}: {}", path.display(), report.name);
        }
        let tests = file.tests.iter().flat_map(|group| &group.alert_tests);
        fired.extend(tests.filter(|test| !test.expected.is_empty()).map(|test| test.alertname.clone()));
    }
    for (path, file) in shipped() {
        let theirs = file.rules().filter(|rule| rule.alert().is_some()).map(|rule| rule.name().to_owned());
        for name in file.own.abouts().map(|about| about.name.clone()).chain(theirs) {
            assert!(fired.contains(&name), "{}: no test of {name}", path.display());
        }
    }
}

#[test]
fn each_metric_is_measured_by_somebody() {
    let known = known_names();
    let (shipped, mut names) = (shipped(), BTreeSet::new());
    let recorded: BTreeSet<&str> = shipped
        .iter()
        .flat_map(|(_, file)| file.rules().filter(|rule| rule.alert().is_none()).map(orszem_rules::Rule::name))
        .collect();
    for (_, file) in &shipped {
        for rule in &file.own.thresholds {
            names.extend(rule.value.leaves().iter().flat_map(|leaf| &leaf.matchers).filter_map(metric));
        }
        file.rules().for_each(|rule| collect(&rule.expr, &mut names));
    }
    assert!(names.len() > 80, "{names:?}");
    let is_known = |name: &&String| {
        let name = name.as_str();
        let stem = name.strip_suffix("_total").unwrap_or(name);
        known.contains(name)
            || (name.starts_with("orszem_") && known.contains(stem))
            || BUILT.iter().any(|family| name.starts_with(family))
            || OF_SCRAPES.contains(&name)
            || recorded.contains(name)
    };
    let unknown: Vec<&String> = names.iter().filter(|name| !is_known(name)).collect();
    assert_eq!(unknown, [""; 0]);
    assert!(!is_known(&&"oracledb_no_such_thing".to_owned()), "the test can fail");
}

fn metric(matcher: &orszem_model::Matcher) -> Option<String> {
    (matcher.name == METRIC_NAME).then(|| matcher.value.clone())
}

fn collect(expr: &Expr, names: &mut BTreeSet<String>) {
    match &expr.kind {
        ExprKind::Selector(selector) | ExprKind::Matrix { selector, .. } => {
            names.extend(selector.matchers.iter().filter_map(metric));
        }
        ExprKind::Subquery(subquery) => collect(&subquery.operand, names),
        ExprKind::Paren(inner) | ExprKind::Unary { operand: inner, .. } => collect(inner, names),
        ExprKind::Binary(binary) => {
            collect(&binary.left, names);
            collect(&binary.right, names);
        }
        ExprKind::Aggregate(aggregate) => collect(&aggregate.operand, names),
        ExprKind::Call { arguments, .. } => arguments.iter().for_each(|argument| collect(argument, names)),
        ExprKind::Number(_) | ExprKind::Duration(_) | ExprKind::String(_) => {}
    }
}

/// Names that stand as texts in the sources of collectors and server, and those of the metric files of databases.
fn known_names() -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for part in ["collector", "indexer/src", "src"] {
        texts_of(&root().join(part), &mut names);
    }
    for (prefix, file) in DATABASES {
        let text = fs::read_to_string(root().join("config/sql").join(file)).expect("reads");
        names.insert(format!("{prefix}up"));
        metrics_of(prefix, &text, &mut names);
    }
    names
}

fn texts_of(directory: &Path, names: &mut BTreeSet<String>) {
    for entry in fs::read_dir(directory).expect("a directory") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            let name = path.file_name().expect("a name");
            if !["tests", "benches", "target"].iter().any(|skipped| name == *skipped) {
                texts_of(&path, names);
            }
        } else if path.extension().is_some_and(|own| own == "rs") {
            let text = fs::read_to_string(&path).expect("reads");
            let words = text.split('"').filter(|word| word.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_'));
            names.extend(words.filter(|word| word.contains('_')).map(str::to_owned));
        }
    }
}

/// `context` and the fields of each `[[metric]]`; where a column's value ends the name, the values that its request has.
fn metrics_of(prefix: &str, text: &str, names: &mut BTreeSet<String>) {
    for metric in text.split("[[metric]]").skip(1) {
        let line = |key: &str| metric.lines().find(|line| line.starts_with(key)).unwrap_or("");
        let context = line("context").split('"').nth(1).unwrap_or("");
        let context = if context.is_empty() { prefix.to_owned() } else { format!("{prefix}{context}_") };
        if line("fieldtoappend").is_empty() {
            let fields = line("metricsdesc").split(['{', ',']).filter_map(|part| part.split_once(" = "));
            names.extend(fields.map(|(field, _)| format!("{context}{}", field.trim())));
            continue;
        }
        let is_counter = metric.contains("'_total'");
        for word in metric.split('\'').filter(|word| !word.contains([' ', ',']) && !word.is_empty()) {
            let word = word.to_lowercase();
            names.insert(if is_counter { format!("{context}{word}_total") } else { format!("{context}{word}") });
        }
    }
}

#[test]
fn those_in_prometheus_format_are_in_order_for_promtool() {
    if Command::new("promtool").arg("--version").output().is_err() {
        assert!(std::env::var_os("CI").is_none(), "promtool is missing");
        return;
    }
    let of_prometheus = shipped().into_iter().filter(|(_, file)| file.own.is_empty());
    let paths: Vec<PathBuf> = of_prometheus.map(|(path, _)| path).collect();
    assert_eq!(paths.len(), 1);
    let checked = Command::new("promtool").args(["check", "rules"]).args(&paths).output().expect("runs");
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));
    let tests = root().join("config/rules/tests/sites.yml");
    let tested = Command::new("promtool").args(["test", "rules"]).arg(tests).output().expect("runs");
    assert!(tested.status.success(), "{}", String::from_utf8_lossy(&tested.stdout));
}
