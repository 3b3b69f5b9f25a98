//! Files whose last path part matches a pattern: `*`, `?` and `[a-z]`.

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// The files that `pattern` names, sorted. A directory that can't be read holds none.
pub(crate) fn expand(pattern: &Path) -> Vec<PathBuf> {
    let Some(last) = pattern.file_name().map(OsStrExt::as_bytes) else { return Vec::new() };
    if !last.iter().any(|byte| b"*?[".contains(byte)) {
        return if pattern.is_file() { vec![pattern.to_owned()] } else { Vec::new() };
    }
    let directory = pattern.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let Ok(entries) = fs::read_dir(directory) else { return Vec::new() };
    let mut found: Vec<PathBuf> = entries
        .flatten()
        .filter(|entry| matches(last, entry.file_name().as_bytes()))
        .map(|entry| entry.path())
        .filter(|path| path.is_file())
        .collect();
    found.sort();
    found
}

fn matches(pattern: &[u8], text: &[u8]) -> bool {
    match pattern {
        [] => text.is_empty(),
        [b'*', rest @ ..] => (0..=text.len()).any(|at| matches(rest, text.get(at..).unwrap_or_default())),
        [b'?', rest @ ..] => text.split_first().is_some_and(|(_, tail)| matches(rest, tail)),
        [b'[', rest @ ..] => match (rest.iter().position(|byte| *byte == b']'), text.split_first()) {
            (Some(end), Some((byte, tail))) => {
                let (set, behind) = rest.split_at(end);
                in_set(set, *byte) && matches(behind.get(1..).unwrap_or_default(), tail)
            }
            _ => false,
        },
        [first, rest @ ..] => text.split_first().is_some_and(|(byte, tail)| byte == first && matches(rest, tail)),
    }
}

fn in_set(set: &[u8], byte: u8) -> bool {
    match set {
        [from, b'-', to, rest @ ..] => (*from..=*to).contains(&byte) || in_set(rest, byte),
        [one, rest @ ..] => *one == byte || in_set(rest, byte),
        [] => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_files_that_match_are_found_in_order() {
        let directory = tempfile::tempdir().expect("a directory");
        for name in ["b.yml", "a.yml", "c.json", "a1.yml"] {
            fs::write(directory.path().join(name), "").expect("writes");
        }
        fs::create_dir(directory.path().join("d.yml")).expect("a directory");
        let names = |pattern: &str| -> Vec<String> {
            let found = expand(&directory.path().join(pattern));
            found.iter().map(|path| path.file_name().expect("a name").to_string_lossy().into_owned()).collect()
        };
        assert_eq!(names("*.yml"), ["a.yml", "a1.yml", "b.yml"]);
        assert_eq!(names("[ab].y?l"), ["a.yml", "b.yml"]);
        assert_eq!(names("c.json"), ["c.json"]);
        assert_eq!(names("x.json"), Vec::<String>::new());
        assert_eq!(names("x/*.json"), Vec::<String>::new());
    }
}
