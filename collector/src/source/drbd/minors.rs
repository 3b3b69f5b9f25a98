//! The resources and volumes of minors, as udev links them: `/dev/drbd/by-res/r0/0 -> ../../../drbd3`.
//!
//! `/proc/drbd` of 8.4 knows minors alone. Where a resource has one volume only, older rules link `by-res/r0` itself.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// Links that are looked at; DRBD is not told of more.
const LINKS_MAX: usize = 4_096;

/// By minor. What can't be read is not known.
pub(super) fn of(folder: &Path) -> BTreeMap<u32, (String, u32)> {
    let mut minors = BTreeMap::new();
    for (resource, path) in entries(folder) {
        if let Some(minor) = minor(&path) {
            minors.insert(minor, (resource, 0));
            continue;
        }
        for (volume, path) in entries(&path) {
            if let (Ok(volume), Some(minor)) = (volume.parse(), minor(&path)) {
                minors.insert(minor, (resource.clone(), volume));
            }
        }
    }
    minors
}

fn entries(folder: &Path) -> impl Iterator<Item = (String, std::path::PathBuf)> {
    let entries = fs::read_dir(folder).into_iter().flatten().take(LINKS_MAX);
    entries.filter_map(|entry| {
        let entry = entry.ok()?;
        Some((entry.file_name().into_string().ok()?, entry.path()))
    })
}

/// Of `…/drbd3`.
fn minor(link: &Path) -> Option<u32> {
    fs::read_link(link).ok()?.file_name()?.to_str()?.strip_prefix("drbd")?.parse().ok()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn links_name_minors() {
        let folder = tempfile::tempdir().expect("a directory");
        fs::create_dir(folder.path().join("web.data")).expect("makes");
        symlink("../../../drbd12", folder.path().join("web.data/1")).expect("links");
        symlink("../../../drbd", folder.path().join("web.data/2")).expect("links");
        symlink("../../drbd3", folder.path().join("old")).expect("links");
        fs::write(folder.path().join("file"), "").expect("writes");
        let expected = [(3, ("old".to_owned(), 0)), (12, ("web.data".to_owned(), 1))];
        assert_eq!(of(folder.path()), BTreeMap::from(expected));
        assert_eq!(of(&folder.path().join("nowhere")), BTreeMap::new());
    }
}
