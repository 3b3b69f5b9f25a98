//! Files that a pattern of shells names: `*`, `?` and `[a-z]` in every part of the path.

use std::fs;
use std::path::{Component, Path, PathBuf};

/// The files, sorted. What can't be listed holds none.
pub(super) fn expand(pattern: &Path) -> Vec<PathBuf> {
    let mut found = vec![PathBuf::new()];
    for part in pattern.components() {
        let text = part.as_os_str().to_string_lossy();
        if !matches!(part, Component::Normal(_)) || !text.contains(['*', '?', '[']) {
            found.iter_mut().for_each(|path| path.push(part));
            continue;
        }
        let signs: Vec<char> = text.chars().collect();
        found = found.iter().flat_map(|directory| matching(directory, &signs)).collect();
    }
    found.retain(|path| path.is_file());
    found.sort();
    found
}

fn matching(directory: &Path, pattern: &[char]) -> Vec<PathBuf> {
    let listed = if directory.as_os_str().is_empty() { Path::new(".") } else { directory };
    let Ok(entries) = fs::read_dir(listed) else { return Vec::new() };
    let names = entries.flatten().map(|entry| entry.file_name());
    let matches = |name: &std::ffi::OsString| {
        let signs: Vec<char> = name.to_string_lossy().chars().collect();
        matches(pattern, &signs)
    };
    names.filter(matches).map(|name| directory.join(name)).collect()
}

fn matches(pattern: &[char], text: &[char]) -> bool {
    match pattern {
        [] => text.is_empty(),
        ['*', rest @ ..] => (0..=text.len()).any(|at| matches(rest, text.get(at..).unwrap_or_default())),
        ['?', rest @ ..] => text.split_first().is_some_and(|(_, tail)| matches(rest, tail)),
        ['[', rest @ ..] => match (rest.iter().position(|sign| *sign == ']'), text.split_first()) {
            (Some(end), Some((sign, tail))) => {
                let (set, behind) = rest.split_at(end);
                in_set(set, *sign) && matches(behind.get(1..).unwrap_or_default(), tail)
            }
            _ => false,
        },
        ['\\', sign, rest @ ..] | [sign, rest @ ..] => {
            text.split_first().is_some_and(|(first, tail)| first == sign && matches(rest, tail))
        }
    }
}

fn in_set(set: &[char], sign: char) -> bool {
    match set {
        ['^', rest @ ..] => !in_set(rest, sign),
        [from, '-', to, rest @ ..] => (*from..=*to).contains(&sign) || in_set(rest, sign),
        [one, rest @ ..] => *one == sign || in_set(rest, sign),
        [] => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_stand_for_files_in_any_part() {
        let directory = tempfile::tempdir().expect("a directory");
        for name in ["a", "b", "c"] {
            fs::create_dir(directory.path().join(name)).expect("a directory");
            fs::write(directory.path().join(name).join("r.yml"), "").expect("writes");
        }
        let found = |pattern: &str| -> Vec<String> {
            let found = expand(&directory.path().join(pattern));
            let inner =
                |path: PathBuf| path.strip_prefix(directory.path()).expect("inside").to_string_lossy().into_owned();
            found.into_iter().map(inner).collect()
        };
        assert_eq!(found("[ab]/*.yml"), ["a/r.yml", "b/r.yml"]);
        assert_eq!(found("?/r.yml").len(), 3);
        assert_eq!(found("c/r.yml"), ["c/r.yml"]);
        assert_eq!(found("[^ab]/r.y*"), ["c/r.yml"]);
        assert_eq!(found("*"), [""; 0]);
        assert_eq!(found("a/none.yml"), [""; 0]);
    }
}
