//! Metric files: Oracle's exporter's, TOML and YAML, and what is added here.

mod check;
mod raw;
mod tree;

#[cfg(test)]
mod tests;

use std::fmt;
use std::path::{Path, PathBuf};

use orszem_yaml::What;

use crate::metric::Metric;
use raw::RawFile;

/// A larger file is refused.
const FILE_BYTES_MAX: u64 = 4 << 20;
/// More metrics of one file are refused.
const METRICS_MAX: usize = 2_000;

/// What files say.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Loaded {
    pub metrics: Vec<Metric>,
}

/// Something wrong with a metric file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileProblem {
    pub file: PathBuf,
    /// Counted from 1; `None` for the file as a whole.
    pub line: Option<usize>,
    /// Such as `metric[3].querytimeout`; empty for the file as a whole.
    pub key: String,
    /// What is the matter, to follow the key.
    pub wrong: String,
    /// What to write instead.
    pub remedy: String,
}

impl fmt::Display for FileProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file.display())?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        let space = if self.key.is_empty() { "" } else { " " };
        write!(f, ": {}{space}{}; {}", self.key, self.wrong, self.remedy)
    }
}

/// Reads files, `lookup` giving the variables that `${NAME}` names. Of two metrics with one context and the same
/// fields the later counts. Blocks on the disk.
///
/// # Errors
/// All that is wrong with all of them.
pub fn load(files: &[PathBuf], lookup: &dyn Fn(&str) -> Option<String>) -> Result<Loaded, Vec<FileProblem>> {
    let (mut loaded, mut problems) = (Loaded::default(), Vec::new());
    for file in files {
        match read(file).and_then(|text| load_text(file, &text, lookup)) {
            Ok(one) => one.metrics.into_iter().for_each(|metric| loaded.add(metric)),
            Err(others) => problems.extend(others),
        }
    }
    if problems.is_empty() { Ok(loaded) } else { Err(problems) }
}

fn read(file: &Path) -> Result<String, Vec<FileProblem>> {
    let whole = |wrong: String, remedy: &str| {
        vec![FileProblem { file: file.to_owned(), line: None, key: String::new(), wrong, remedy: remedy.to_owned() }]
    };
    let failed = |error: std::io::Error| whole(format!("can't be read: {error}"), "name a file that can be read");
    let bytes = std::fs::metadata(file).map_err(failed)?.len();
    if bytes > FILE_BYTES_MAX {
        return Err(whole(format!("has {bytes} bytes"), "split it into files of at most 4 MiB"));
    }
    std::fs::read_to_string(file).map_err(failed)
}

/// Reads the text of a file: YAML if its name ends in `.yaml` or `.yml`, else TOML.
///
/// # Errors
/// All that is wrong with it.
pub fn load_text(file: &Path, text: &str, lookup: &dyn Fn(&str) -> Option<String>) -> Result<Loaded, Vec<FileProblem>> {
    let at = |line: Option<usize>, key: String, wrong: String, remedy: String| FileProblem {
        file: file.to_owned(),
        line,
        key,
        wrong,
        remedy,
    };
    let is_yaml = file.extension().is_some_and(|end| end == "yaml" || end == "yml");
    let parsed = if is_yaml { tree::of_yaml(text) } else { tree::of_toml(text) };
    let mut node = parsed.map_err(|errors| {
        let form = if is_yaml { "YAML" } else { "TOML" };
        let problem = |(line, told): (usize, String)| {
            at(Some(line), String::new(), format!("is no {form}: {told}"), format!("write it as {form}"))
        };
        errors.into_iter().map(problem).collect::<Vec<_>>()
    })?;
    let mut problems: Vec<FileProblem> = Vec::new();
    for (line, name) in tree::expand(&mut node, lookup) {
        let remedy = format!("set {name}, or write $${{{name}}} for the text itself");
        problems.push(at(Some(line), String::new(), format!("names the variable {name}, which is not set"), remedy));
    }
    let whole = node.clone();
    let (raw, wrong) = orszem_yaml::read_all::<RawFile>(node);
    for problem in wrong {
        let key = problem.key();
        let line = tree::line_at(&whole, &key);
        let (told, remedy) = match problem.what {
            What::UnknownKey { key: _, known } => {
                ("is no such key".to_owned(), format!("known are {}", known.join(", ")))
            }
            What::MissingKey(missing) => (format!("lacks {missing}"), format!("add {missing}")),
            What::NotA(expected) => {
                (format!("= {:?} is of the wrong kind", problem.value), format!("write {expected}"))
            }
            What::Other(told) => (told, "write it as docs/sql.md says".to_owned()),
        };
        problems.push(at(Some(line), key, told, remedy));
    }
    let mut loaded = Loaded::default();
    if let Some(raw) = raw {
        let metrics: Vec<_> = raw.metrics().collect();
        if metrics.is_empty() && problems.is_empty() {
            let remedy = "add a metric, such as `[[metric]]` with metricsdesc and request";
            problems.push(at(None, String::new(), "has no metric".to_owned(), remedy.to_owned()));
        }
        if metrics.len() > METRICS_MAX {
            let told = format!("has {} metrics", metrics.len());
            problems.push(at(None, String::new(), told, format!("split it, at most {METRICS_MAX} a file")));
        }
        for (key, metric) in metrics {
            let line = tree::line_at(&whole, &key);
            match check::check(metric, file, line) {
                Ok(metric) => loaded.add(metric),
                Err(wrong) => problems.extend(wrong.into_iter().map(|wrong| {
                    let key = if wrong.key.is_empty() { key.clone() } else { format!("{key}.{}", wrong.key) };
                    at(Some(tree::line_at(&whole, &key)), key, wrong.wrong, wrong.remedy)
                })),
            }
        }
    }
    problems.sort_by_key(|problem| problem.line);
    problems.dedup();
    if problems.is_empty() { Ok(loaded) } else { Err(problems) }
}

impl Loaded {
    fn add(&mut self, metric: Metric) {
        match self.metrics.iter_mut().find(|known| known.is_same(&metric)) {
            Some(known) => *known = metric,
            None => self.metrics.push(metric),
        }
    }
}
