//! Copies of whole stores.

use std::fs;
use std::path::Path;

/// Copies a directory with all that is in it; creates the target.
pub(crate) fn copy_directory(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("creates");
    for entry in fs::read_dir(from).expect("lists") {
        let path = entry.expect("an entry").path();
        let target = to.join(path.file_name().expect("a name"));
        if path.is_dir() { copy_directory(&path, &target) } else { fs::copy(&path, &target).map(drop).expect("copies") }
    }
}
