//! Path patterns: `*` and `?` within a level, `**` across levels, `[a-z]` one of a set.

use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// Whether `pattern` matches all of `text`.
pub(crate) fn matches(pattern: &[u8], text: &[u8]) -> bool {
    let Some((&first, rest)) = pattern.split_first() else { return text.is_empty() };
    match first {
        b'*' if rest.first() == Some(&b'*') => {
            let rest = &rest[1..];
            (0..=text.len()).any(|at| matches(rest, &text[at..]))
        }
        b'*' => {
            let level = text.iter().position(|b| *b == b'/').unwrap_or(text.len());
            (0..=level).any(|at| matches(rest, &text[at..]))
        }
        b'?' => text.split_first().is_some_and(|(b, tail)| *b != b'/' && matches(rest, tail)),
        b'[' => match (rest.iter().position(|b| *b == b']'), text.split_first()) {
            (Some(end), Some((b, tail))) => in_set(&rest[..end], *b) && matches(&rest[end + 1..], tail),
            _ => false,
        },
        _ => text.split_first().is_some_and(|(b, tail)| *b == first && matches(rest, tail)),
    }
}

fn in_set(set: &[u8], byte: u8) -> bool {
    match set {
        [from, b'-', to, rest @ ..] => (*from..=*to).contains(&byte) || in_set(rest, byte),
        [one, rest @ ..] => *one == byte || in_set(rest, byte),
        [] => false,
    }
}

/// Whether one of `patterns` matches the path, or, for a pattern without `/`, its file name.
pub(crate) fn any_matches(patterns: &[String], path: &Path) -> bool {
    let whole = path.as_os_str().as_bytes();
    let name = path.file_name().map_or(&b""[..], OsStrExt::as_bytes);
    patterns.iter().any(|p| matches(p.as_bytes(), if p.contains('/') { whole } else { name }))
}

/// The directory above a pattern's first wildcard: where a search for it begins.
pub(crate) fn fixed_part(pattern: &str) -> PathBuf {
    let wild = pattern.find(['*', '?', '[']).unwrap_or(pattern.len());
    let end = pattern.bytes().take(wild).rposition(|b| b == b'/').unwrap_or(0);
    PathBuf::from(pattern.get(..end.max(1)).unwrap_or("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_stay_in_their_level_unless_doubled() {
        for (pattern, text, expected) in [
            ("/var/log/**", "/var/log/a/b.log", true),
            ("/var/log/*", "/var/log/a/b.log", false),
            ("/var/log/*", "/var/log/b.log", true),
            ("*.[0-9]", "syslog.1", true),
            ("*.[0-9]", "syslog.x", false),
            ("a?c", "abc", true),
            ("a?c", "a/c", false),
            ("a[", "a[", false),
        ] {
            assert_eq!(matches(pattern.as_bytes(), text.as_bytes()), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn names_are_compared_by_patterns_without_a_slash() {
        let patterns = ["*.gz".to_owned(), "/var/log/x/*".to_owned()];
        assert!(any_matches(&patterns, Path::new("/var/log/a.gz")));
        assert!(any_matches(&patterns, Path::new("/var/log/x/a")));
        assert!(!any_matches(&patterns, Path::new("/var/log/y/a")));
    }

    #[test]
    fn the_fixed_part_ends_before_the_first_wildcard() {
        assert_eq!(fixed_part("/var/log/**"), Path::new("/var/log"));
        assert_eq!(fixed_part("/var/log/ngi*/x"), Path::new("/var/log"));
        assert_eq!(fixed_part("/var/log/syslog"), Path::new("/var/log"));
        assert_eq!(fixed_part("/*"), Path::new("/"));
    }
}
