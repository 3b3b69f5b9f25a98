//! `orszem backup`: the whole data directory as one file.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};

use crate::cli::Global;
use crate::data_dir::{DataDir, LOCK_NAME};

/// Write journal, partitions and catalogue of a data directory to one file
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The server of the data directory must be stopped, so that its parts fit together. The file is a tar archive compressed
with zstd and has checksums; `orszem restore` reads it back. It holds the key of the local certificate authority too.

EXAMPLES
  orszem backup /backup/orszem.tar.zst
  orszem backup /backup/orszem.tar.zst --data-dir /srv/orszem")]
pub struct Args {
    /// The file to write; it must not be there yet
    pub file: PathBuf,
}

/// Archives the data directory. The file appears under its name only when it is complete and on disk.
pub fn run(global: &Global, Args { file }: Args) -> anyhow::Result<ExitCode> {
    let path = global.data_dir()?;
    if !path.is_dir() {
        bail!("there is no data directory {}", path.display());
    }
    let data_dir = DataDir::open(&path)?;
    write(data_dir.path(), &file)?;
    let bytes = fs::metadata(&file)?.len();
    writeln!(io::stdout().lock(), "{}: {bytes} bytes", file.display())?;
    Ok(ExitCode::SUCCESS)
}

/// Archives `directory` as `file`.
pub(super) fn write(directory: &Path, file: &Path) -> anyhow::Result<()> {
    if file.try_exists()? {
        bail!("{} is there already", file.display());
    }
    let failed = || format!("can't write {}", file.display());
    let mut name = file.file_name().context("the file has no name")?.to_owned();
    name.push(".part");
    let part = file.with_file_name(name);
    let out = BufWriter::new(File::create(&part).with_context(failed)?);
    let mut encoder = zstd::Encoder::new(out, 3).with_context(failed)?;
    encoder.include_checksum(true).with_context(failed)?;
    let mut archive = tar::Builder::new(encoder);
    archive.follow_symlinks(false);
    append(&mut archive, directory, Path::new(""))?;
    let encoder = archive.into_inner().with_context(failed)?;
    let out = encoder.finish().with_context(failed)?;
    out.into_inner().map_err(io::IntoInnerError::into_error).and_then(|file| file.sync_all()).with_context(failed)?;
    fs::rename(&part, file).with_context(failed)
}

/// Everything in `root/inner`, in the order of names, so that equal directories give equal archives.
fn append<W: Write>(archive: &mut tar::Builder<W>, root: &Path, inner: &Path) -> anyhow::Result<()> {
    let directory = root.join(inner);
    let failed = || format!("can't read {}", directory.display());
    let entries = fs::read_dir(&directory).with_context(failed)?;
    let mut names: Vec<_> =
        entries.map(|entry| Ok(entry?.file_name())).collect::<io::Result<_>>().with_context(failed)?;
    names.sort();
    for name in names {
        let inner = inner.join(&name);
        let path = root.join(&inner);
        if inner == Path::new(LOCK_NAME) {
            continue;
        }
        archive.append_path_with_name(&path, &inner).with_context(|| format!("can't archive {}", path.display()))?;
        if fs::symlink_metadata(&path)?.is_dir() {
            append(archive, root, &inner)?;
        }
    }
    Ok(())
}
