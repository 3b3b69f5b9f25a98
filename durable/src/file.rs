//! Directories and small files, made durable.

use std::fs::{self, File, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

/// Makes creations, renames and removals in `directory` durable.
pub fn sync_directory(directory: &Path) -> io::Result<()> {
    File::open(directory)?.sync_all()
}

/// Replaces the file at `path` durably: after a crash there is the old content or the new, never a mixture.
///
/// It is written beside, under the extension `tmp`, which what a crash leaves keeps until the next time.
pub fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    replace_with(path, content, |temporary| File::create(temporary))
}

/// As [`replace`], for what nobody but the owner may read: at no moment there is a file with it and another mode than 0600.
pub fn replace_private(path: &Path, content: &[u8]) -> io::Result<()> {
    replace_with(path, content, |temporary| {
        let file = File::options().write(true).create(true).truncate(true).mode(0o600).open(temporary)?;
        // What a crash left may have another one.
        file.set_permissions(Permissions::from_mode(0o600))?;
        Ok(file)
    })
}

fn replace_with(path: &Path, content: &[u8], create: impl FnOnce(&Path) -> io::Result<File>) -> io::Result<()> {
    let temporary = path.with_extension("tmp");
    let mut file = create(&temporary)?;
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

    #[test]
    fn what_is_private_is_nobody_elses_at_any_moment() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("secret.state");
        fs::write(path.with_extension("tmp"), "what a crash left").expect("writes");
        fs::set_permissions(path.with_extension("tmp"), Permissions::from_mode(0o644)).expect("sets the mode");
        fs::write(&path, "old").expect("writes");
        replace_private(&path, b"new").expect("replaces");
        let mode = fs::metadata(&path).expect("is there").permissions().mode();
        assert_eq!((fs::read(&path).expect("reads").as_slice(), mode & 0o777), (b"new".as_slice(), 0o600));
    }
}
