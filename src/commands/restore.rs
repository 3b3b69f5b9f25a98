//! `orszem restore`: a data directory from the file that `orszem backup` wrote.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};

use crate::archive;
use crate::cli::Global;

/// Make a data directory from a backup
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The data directory must not be there yet, or be empty. It appears under its name only when all of it is on disk and
its checksums are right.

EXAMPLES
  orszem restore /backup/orszem.tar.zst
  orszem restore /backup/orszem.tar.zst --data-dir /srv/orszem")]
pub struct Args {
    /// The file that `orszem backup` wrote
    pub file: PathBuf,
}

/// Restores the data directory.
pub fn run(global: &Global, Args { file }: Args) -> anyhow::Result<ExitCode> {
    let path = std::path::absolute(global.data_dir()?)?;
    read(&file, &path)?;
    writeln!(io::stdout().lock(), "{} is restored", path.display())?;
    Ok(ExitCode::SUCCESS)
}

/// Unpacks `file` as the directory `path`.
pub(super) fn read(file: &Path, path: &Path) -> anyhow::Result<()> {
    let is_free = match fs::read_dir(path) {
        Ok(mut entries) => entries.next().is_none(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => true,
        Err(error) => return Err(error).with_context(|| format!("can't read {}", path.display())),
    };
    if !is_free {
        bail!("{} is not empty: name another directory with --data-dir, or move it away", path.display());
    }
    let beside = archive::unfinished(path, ".restoring")?;
    let failed = || format!("can't unpack {} into {}", file.display(), beside.display());
    fs::DirBuilder::new().mode(0o700).create(&beside).with_context(failed)?;
    if let Err(error) = archive::unpack(file, &beside) {
        fs::remove_dir_all(&beside).with_context(failed)?;
        return Err(error).with_context(failed);
    }
    sync_all(&beside).with_context(failed)?;
    fs::rename(&beside, path).with_context(failed)
}

fn sync_all(directory: &Path) -> io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        match entry.file_type()? {
            kind if kind.is_dir() => sync_all(&entry.path())?,
            kind if kind.is_file() => File::open(entry.path())?.sync_all()?,
            _ => {}
        }
    }
    File::open(directory)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::super::backup;
    use super::*;

    #[test]
    fn what_was_backed_up_comes_back_and_a_damaged_file_does_not() {
        let parent = tempfile::tempdir().expect("a directory");
        let path = |name: &str| parent.path().join(name);
        fs::create_dir_all(path("data/logs/2026-11-22.0")).expect("made");
        fs::write(path("data/lock"), "held").expect("written");
        fs::write(path("data/logs/2026-11-22.0/segment"), "records".repeat(1_000)).expect("written");
        backup::write(&path("data"), &path("b.tar.zst")).expect("backed up");
        assert!(backup::write(&path("data"), &path("b.tar.zst")).is_err(), "an existing file is not replaced");

        read(&path("b.tar.zst"), &path("back")).expect("restored");
        let segment = fs::read_to_string(path("back/logs/2026-11-22.0/segment")).expect("there");
        assert_eq!(segment, "records".repeat(1_000));
        assert!(!path("back/lock").is_file());
        let again = read(&path("b.tar.zst"), &path("back")).expect_err("not empty").to_string();
        assert!(again.contains("is not empty"), "{again}");

        let mut bytes = fs::read(path("b.tar.zst")).expect("read");
        let last = bytes.len() - 1;
        bytes[last] ^= 1;
        fs::write(path("bad.tar.zst"), bytes).expect("written");
        read(&path("bad.tar.zst"), &path("bad")).expect_err("the checksum is wrong");
        assert!(!path("bad").is_dir() && !path("bad.restoring").is_dir());
    }
}
