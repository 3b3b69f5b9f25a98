//! Reads rule files, and those that the program brings.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use orszem_promql::ParseOptions;
use orszem_rules::{BUILT_IN, RuleFile};

use super::Wrong;

/// Files that patterns may name together.
const FILES_MAX: usize = 1_000;

/// All files that the patterns name, in order, each once.
pub(super) fn read(patterns: &[PathBuf], is_experimental: bool) -> Result<Vec<(String, RuleFile)>, Vec<Wrong>> {
    let mut wrong = Vec::new();
    let mut files: Vec<(String, RuleFile)> = Vec::new();
    for (at, pattern) in patterns.iter().enumerate() {
        let key = format!("rule_files[{at}]");
        let shown = pattern.display().to_string();
        let found = match find(pattern) {
            Ok(found) => found,
            Err(error) => {
                wrong.push(Wrong::new(key, &shown, format!("can't be read: {error}"), "correct the path"));
                continue;
            }
        };
        for path in found {
            let name = path.display().to_string();
            if files.iter().any(|(known, _)| *known == name) {
                continue;
            }
            if files.len() == FILES_MAX {
                let remedy = "put rules together";
                wrong.push(Wrong::new(key, &shown, format!("names more than {FILES_MAX} files"), remedy));
                return Err(wrong);
            }
            let text = match fs::read_to_string(&path) {
                Ok(text) => text,
                Err(error) => {
                    wrong.push(Wrong::new(key.clone(), &name, format!("can't be read: {error}"), "correct the path"));
                    continue;
                }
            };
            match orszem_rules::read(&text, ParseOptions { is_experimental }) {
                Ok(file) => files.push((name, file)),
                Err(problems) => wrong.extend(problems.0.into_iter().map(|problem| {
                    let what = format!("{name}:{problem}");
                    Wrong::new(key.clone(), &shown, what, "see `orszem rules check`")
                })),
            }
        }
    }
    if wrong.is_empty() { Ok(files) } else { Err(wrong) }
}

/// Adds the rules that the program brings. Of an own rule that a file has, too, the file's counts.
pub(super) fn add_built_in(files: &mut Vec<(String, RuleFile)>) -> Result<(), Vec<Wrong>> {
    let known: BTreeSet<String> =
        files.iter().flat_map(|(_, file)| file.own.abouts()).map(|about| about.name.clone()).collect();
    for (name, text) in BUILT_IN {
        let mut file = orszem_rules::read(text, ParseOptions::default()).map_err(|problems| {
            let wrong = |problem: orszem_rules::Problem| {
                Wrong::new("built_in_rules", name, problem.to_string(), "write false, and tell the makers")
            };
            problems.0.into_iter().map(wrong).collect::<Vec<_>>()
        })?;
        file.own.retain(|rule| !known.contains(rule));
        files.push((format!("built-in/{name}"), file));
    }
    Ok(())
}

/// The files that a pattern names, sorted; `*` in its last part stands for any characters.
fn find(pattern: &Path) -> io::Result<Vec<PathBuf>> {
    let name = pattern.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    if !name.contains('*') {
        return Ok(vec![pattern.to_owned()]);
    }
    let directory = pattern.parent().filter(|path| !path.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut found = Vec::new();
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        let is_named = path.file_name().is_some_and(|own| is_like(&own.to_string_lossy(), &name));
        if is_named && path.is_file() {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

/// Whether the pieces between stars come in order, the first at the start and the last at the end.
fn is_like(name: &str, pattern: &str) -> bool {
    let mut pieces = pattern.split('*');
    let first = pieces.next().unwrap_or_default();
    let Some(mut rest) = name.strip_prefix(first) else { return false };
    let mut pieces: Vec<&str> = pieces.collect();
    let last = pieces.pop().unwrap_or_default();
    for piece in pieces {
        let Some((_, behind)) = rest
            .split_once(piece)
            .filter(|_| !piece.is_empty())
            .or(Some(("", rest)))
            .filter(|_| piece.is_empty() || rest.contains(piece))
        else {
            return false;
        };
        rest = behind;
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_stand_for_any_characters() {
        let like = |pattern: &str| ["a.yml", "ab.yml", "b.yaml", ".yml"].map(|name| is_like(name, pattern));
        assert_eq!(like("*.yml"), [true, true, false, true]);
        assert_eq!(like("a*.yml"), [true, true, false, false]);
        assert_eq!(like("*b*y*l"), [false, true, true, false]);
        assert_eq!(like("*"), [true; 4]);
    }
}
