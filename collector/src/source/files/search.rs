//! What names tell of rotations: which file one was rotated from, and which is older.

use std::collections::BTreeSet;
use std::fs::Metadata;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::followed::modified;

/// The name that `path` was rotated from, if one of `names` is.
pub(super) fn family<'n>(path: &Path, names: &'n BTreeSet<PathBuf>) -> Option<&'n Path> {
    let name = path.file_name()?.as_bytes();
    let unpacked = packed_name(name);
    let parent = path.parent()?;
    let known = |candidate: &[u8]| -> Option<&'n Path> {
        let candidate = parent.join(std::ffi::OsStr::from_bytes(candidate));
        names.get(&candidate).map(PathBuf::as_path).filter(|known| *known != path)
    };
    if let Some(found) = unpacked.and_then(known) {
        return Some(found);
    }
    let name = unpacked.unwrap_or(name);
    // `app.log.1`, `app.log-20261122`, `app.log.2026-11-22_10`, `app.log.old`
    for (at, byte) in name.iter().enumerate().rev() {
        if matches!(byte, b'.' | b'-' | b'_')
            && is_rotation_mark(&name[at + 1..])
            && let Some(found) = known(&name[..at])
        {
            return Some(found);
        }
    }
    // `app-20261122.log`, `app.1.log`
    let dot = name.iter().rposition(|byte| *byte == b'.')?;
    let (stem, extension) = (&name[..dot], &name[dot..]);
    for (at, byte) in stem.iter().enumerate().rev() {
        if matches!(byte, b'.' | b'-' | b'_') && is_rotation_mark(&stem[at + 1..]) {
            let candidate = [&stem[..at], extension].concat();
            if let Some(found) = known(&candidate) {
                return Some(found);
            }
        }
    }
    None
}

/// The name of what is packed in a file of this name, when it is packed.
pub(super) fn packed_name(name: &[u8]) -> Option<&[u8]> {
    [&b".gz"[..], b".zst"].iter().find_map(|end| name.strip_suffix(*end))
}

/// Sorts rotated files of one name, the oldest first: by the numbers of their generations if the name is in `numbered`,
/// else by the time of their last change.
pub(super) fn sort_oldest_first(rotated: &mut [(PathBuf, Metadata, PathBuf)], numbered: &BTreeSet<PathBuf>) {
    rotated.sort_by_cached_key(|(path, metadata, family)| {
        let number = numbered.contains(family).then(|| generation(path)).flatten();
        (family.clone(), std::cmp::Reverse(number), modified(metadata), path.clone())
    });
}

/// Whether a rotated file's name counts generations.
pub(super) fn is_numbered(path: &Path) -> bool {
    generation(path).is_some()
}

/// The number at the end of a rotated file's name, if it counts generations: at most four digits.
fn generation(path: &Path) -> Option<u32> {
    let name = path.file_name()?.as_bytes();
    let name = packed_name(name).unwrap_or(name);
    let digits = name.iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
    let (rest, number) = name.split_at(name.len() - digits);
    let counts = (1..=4).contains(&digits) && matches!(rest.last(), Some(b'.' | b'-' | b'_'));
    if counts { std::str::from_utf8(number).ok()?.parse().ok() } else { None }
}

/// A number, a date, or one of the words that rotations use.
fn is_rotation_mark(mark: &[u8]) -> bool {
    matches!(mark, b"old" | b"bak" | b"orig" | b"prev" | b"save")
        || (mark.first().is_some_and(u8::is_ascii_digit)
            && mark.iter().all(|b| b.is_ascii_digit() || matches!(b, b'-' | b'_' | b'T' | b':' | b'.' | b'Z' | b'+')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rotations_are_told_from_other_files() {
        let names = BTreeSet::from(["/l/app.log", "/l/syslog", "/l/catalina.out"].map(PathBuf::from));
        for (path, expected) in [
            ("/l/app.log.1", Some("/l/app.log")),
            ("/l/app.log.12.gz", Some("/l/app.log")),
            ("/l/app.log-20261122.zst", Some("/l/app.log")),
            ("/l/app.log-20261122-1795", Some("/l/app.log")),
            ("/l/app.log.2026-11-22_10", Some("/l/app.log")),
            ("/l/app-20261122.log", Some("/l/app.log")),
            ("/l/app.1.log", Some("/l/app.log")),
            ("/l/syslog.old", Some("/l/syslog")),
            ("/l/catalina.out.2026-11-22T10:00:00Z", Some("/l/catalina.out")),
            ("/l/app.log", None),
            ("/l/app.log.gz", Some("/l/app.log")),
            ("/l/app.log.1.swp", None),
            ("/l/app2.log", None),
            ("/k/app.log.1", None),
            ("/l/app-error.log", None),
        ] {
            assert_eq!(family(Path::new(path), &names), expected.map(Path::new), "{path}");
        }
    }
}
