//! `orszem backup`: the whole data directory as one file, of a stopped server or of one that runs.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};
use orszem_model::Timestamp;

use crate::archive::{self, ArchiveWriter, Contents};
use crate::cli::Global;
use crate::collecting::now;
use crate::data_dir::{DataDir, LOCK_NAME, STAGING_NAME};

/// Write logs, metrics and all that belongs to them to one file
#[derive(Debug, clap::Args)]
#[command(
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true,
    after_help = "\
With --server (or ORSZEM_SERVER) a running server sends its backup, for a token with the role admin: all that it
acknowledged before, while it goes on taking in. Otherwise the data directory is read, and its server must be stopped.
The file is a tar archive compressed with zstd; `orszem backup check` verifies its checksums and `orszem restore` reads
it back. It holds the key of the local certificate authority too.

EXAMPLES
  orszem backup /backup/orszem.tar.zst
  orszem backup /backup/orszem.tar.zst --data-dir /srv/orszem
  orszem backup /backup --server https://logs.example:7450 --token-file ~/admin.token
  orszem backup check /backup/orszem.tar.zst"
)]
pub struct Args {
    /// The file to write, which must not be there yet; or a directory, for a file that is named after the time
    #[arg(required = true)]
    pub file: Option<PathBuf>,
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// What can be done with a backup.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Read a backup to its end and verify all checksums; says what is damaged
    Check {
        /// The file that `orszem backup` wrote
        file: PathBuf,
    },
}

/// Writes or checks a backup.
pub async fn run(global: &Global, Args { file, command }: Args) -> anyhow::Result<ExitCode> {
    if let Some(Command::Check { file }) = command {
        let Contents { files, bytes } = archive::check(&file)?;
        writeln!(io::stdout().lock(), "{} is whole: {files} files, {bytes} bytes", file.display())?;
        return Ok(ExitCode::SUCCESS);
    }
    let file = destination(file.context("name the file to write")?, now());
    if global.server.is_some() {
        fetch(global, &file).await?;
    } else {
        let path = global.data_dir()?;
        if !path.is_dir() {
            bail!("there is no data directory {}", path.display());
        }
        let data_dir = DataDir::open(&path).context("name a running server with --server to back it up")?;
        write(data_dir.path(), &file)?;
    }
    let bytes = fs::metadata(&file)?.len();
    writeln!(io::stdout().lock(), "{}: {bytes} bytes", file.display())?;
    Ok(ExitCode::SUCCESS)
}

/// The file itself, or one in it if it is a directory.
fn destination(file: PathBuf, now: Timestamp) -> PathBuf {
    if !file.is_dir() {
        return file;
    }
    let seconds = Timestamp(now.0 - now.0.rem_euclid(1_000_000_000)).to_string();
    let seconds: String = seconds.chars().filter(|char| !matches!(char, '-' | ':')).collect();
    file.join(format!("orszem-{seconds}.tar.zst"))
}

/// Archives the data directory `directory` as `file`.
pub(super) fn write(directory: &Path, file: &Path) -> anyhow::Result<()> {
    let part = Part::create(file)?;
    let failed = || format!("can't write {}", file.display());
    let mut archive = ArchiveWriter::new(BufWriter::new(part.file.try_clone()?)).with_context(failed)?;
    archive.add(directory, &[LOCK_NAME, STAGING_NAME])?;
    archive.finish().and_then(|mut out| out.flush()).with_context(failed)?;
    part.finish()
}

/// Writes what the server sends to `file`, and checks it.
async fn fetch(global: &Global, file: &Path) -> anyhow::Result<()> {
    let mut part = Part::create(file)?;
    global.client()?.download("/app/v1/admin/backup", &mut part.file).await?;
    tokio::task::block_in_place(|| {
        archive::check(&part.path)?;
        part.finish()
    })
}

/// A file that appears under its name only when it is complete and on disk; else it goes.
struct Part {
    file: File,
    path: PathBuf,
    name: PathBuf,
    is_finished: bool,
}

impl Part {
    fn create(name: &Path) -> anyhow::Result<Self> {
        if name.try_exists()? {
            bail!("{} is there already", name.display());
        }
        let path = archive::unfinished(name, ".part")?;
        // It holds a private key.
        let file = File::options().write(true).create(true).truncate(true).mode(0o600).open(&path);
        let file = file.with_context(|| format!("can't write {}", path.display()))?;
        Ok(Self { file, path, name: name.to_owned(), is_finished: false })
    }

    fn finish(mut self) -> anyhow::Result<()> {
        let finished = self.file.sync_all().and_then(|()| fs::rename(&self.path, &self.name)).and_then(|()| {
            self.is_finished = true;
            let directory = self.name.parent().filter(|parent| !parent.as_os_str().is_empty());
            File::open(directory.unwrap_or(Path::new(".")))?.sync_all()
        });
        finished.with_context(|| format!("can't write {}", self.name.display()))
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        if !self.is_finished
            && let Err(error) = fs::remove_file(&self.path)
        {
            tracing::warn!(path = %self.path.display(), %error, "an unfinished backup can't be removed");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_backup_into_a_directory_is_named_after_the_time() {
        let directory = tempfile::tempdir().expect("a directory");
        let at = Timestamp(1_795_341_600_250_000_000);
        let named = directory.path().join("orszem-20261122T100000Z.tar.zst");
        assert_eq!(destination(directory.path().to_owned(), at), named);
        let file = directory.path().join("b.tar.zst");
        assert_eq!(destination(file.clone(), at), file);
    }
}
