//! Directories and small files, made durable.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

/// Makes creations, renames and removals in `directory` durable.
pub fn sync_directory(directory: &Path) -> io::Result<()> {
    File::open(directory)?.sync_all()
}

/// Replaces the file at `path` durably: after a crash there is the old content or the new, never a mixture.
///
/// It is written beside, under the extension `tmp`, which what a crash leaves keeps until the next time.
pub fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    let temporary = path.with_extension("tmp");
    let mut file = File::create(&temporary)?;
    file.write_all(content)?;
    file.sync_all()?;
    fs::rename(&temporary, path)?;
    path.parent().map_or(Ok(()), sync_directory)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_as_a_whole_or_stays() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("known.json");
        replace(&path, b"a longer one").expect("writes");
        fs::write(path.with_extension("tmp"), "what a crash left, which is the longest").expect("writes");
        replace(&path, b"new").expect("replaces");
        assert_eq!(fs::read(&path).expect("reads"), b"new");
        fs::create_dir(path.with_extension("tmp")).expect("stands in the way");
        assert_eq!(replace(&path, b"newer").map_err(|error| error.kind()), Err(io::ErrorKind::IsADirectory));
        assert_eq!(fs::read(&path).expect("reads"), b"new");
    }
}
