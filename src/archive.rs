//! The file of a backup: a tar archive compressed with zstd, whose last entry is a list of checksums of all others.
//!
//! The list is a text: a line with the version, then for each file its CRC-32C in hexadecimal, its bytes, its path.
//! zstd's own checksum stands behind all of it.

use std::cell::Cell;
use std::fs::{self, File};
use std::io::{self, BufReader, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Component, Path, PathBuf};
use std::rc::Rc;

use anyhow::{Context, bail, ensure};

/// The entry that holds the list.
const LIST_NAME: &str = "BACKUP";
const LIST_HEAD: &str = "orszem backup 2\n";
/// A list that is longer than this is none: some 10 million files.
const LIST_BYTES_MAX: u64 = 1 << 30;
const LEVEL: i32 = 3;

/// An archive being written.
pub(crate) struct ArchiveWriter<W: Write> {
    archive: tar::Builder<zstd::Encoder<'static, W>>,
    list: String,
}

impl<W: Write> ArchiveWriter<W> {
    pub(crate) fn new(out: W) -> io::Result<Self> {
        let mut encoder = zstd::Encoder::new(out, LEVEL)?;
        encoder.include_checksum(true)?;
        Ok(Self { archive: tar::Builder::new(encoder), list: LIST_HEAD.to_owned() })
    }

    /// Adds what is in `root`, but for those `without` directly in it, in the order of names, so that equal directories
    /// give equal archives. Symbolic links are followed.
    pub(crate) fn add(&mut self, root: &Path, without: &[&str]) -> anyhow::Result<()> {
        self.add_directory(root, Path::new(""), &[without, &[LIST_NAME]].concat())
    }

    /// Ends the archive with its list.
    pub(crate) fn finish(mut self) -> io::Result<W> {
        let mut header = tar::Header::new_gnu();
        header.set_size(self.list.len() as u64);
        header.set_mode(0o600);
        self.archive.append_data(&mut header, LIST_NAME, self.list.as_bytes())?;
        self.archive.into_inner()?.finish()
    }

    fn add_directory(&mut self, root: &Path, inner: &Path, without: &[&str]) -> anyhow::Result<()> {
        let directory = root.join(inner);
        let failed = || format!("can't read {}", directory.display());
        let entries = fs::read_dir(&directory).with_context(failed)?;
        let mut names: Vec<_> =
            entries.map(|entry| Ok(entry?.file_name())).collect::<io::Result<_>>().with_context(failed)?;
        names.retain(|name| !without.iter().any(|left_out| name == left_out));
        names.sort();
        for name in names {
            let inner = inner.join(&name);
            let path = root.join(&inner);
            let failed = || format!("can't archive {}", path.display());
            let metadata = fs::metadata(&path).with_context(failed)?;
            if metadata.is_dir() {
                self.archive.append_dir(&inner, &path).with_context(failed)?;
                self.add_directory(root, &inner, &[])?;
            } else {
                ensure!(metadata.is_file(), "can't archive {}: it is neither file nor directory", path.display());
                self.add_file(&path, &inner, &metadata).with_context(failed)?;
            }
        }
        Ok(())
    }

    fn add_file(&mut self, path: &Path, inner: &Path, metadata: &fs::Metadata) -> anyhow::Result<()> {
        let bytes = metadata.len();
        let mut header = tar::Header::new_gnu();
        header.set_metadata(metadata);
        let mut content = Checked::new(File::open(path)?.take(bytes));
        self.archive.append_data(&mut header, inner, &mut content)?;
        ensure!(content.bytes == bytes, "it became shorter while it was read");
        self.list.push_str(&line(content.crc, bytes, inner));
        Ok(())
    }
}

/// What a whole archive holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Contents {
    pub(crate) files: u64,
    pub(crate) bytes: u64,
}

/// Reads the archive `file` to its end and verifies all checksums. What is damaged is named.
pub(crate) fn check(file: &Path) -> anyhow::Result<Contents> {
    read(file, None)
}

/// As [`check`], and unpacks it into the directory `into`, which is there and empty. After an error only a part is there.
pub(crate) fn unpack(file: &Path, into: &Path) -> anyhow::Result<Contents> {
    read(file, Some(into))
}

fn read(file: &Path, into: Option<&Path>) -> anyhow::Result<Contents> {
    let input = File::open(file).with_context(|| format!("can't read {}", file.display()))?;
    let reached = Rc::new(Cell::new(0));
    let input = Counted { input, reached: Rc::clone(&reached) };
    let mut place = "its first entry".to_owned();
    walk(input, into, &mut place)
        .with_context(|| format!("{} is no whole backup: {place}, before byte {}", file.display(), reached.get()))
}

/// `place` says what is being read.
fn walk(input: impl Read, into: Option<&Path>, place: &mut String) -> anyhow::Result<Contents> {
    let mut decoder = zstd::Decoder::new(BufReader::new(input))?;
    let mut archive = tar::Archive::new(&mut decoder);
    let mut found = Vec::new();
    let mut contents = Contents { files: 0, bytes: 0 };
    let mut list = None;
    for entry in archive.entries()? {
        let mut entry = entry?;
        let path = entry.path()?.into_owned();
        *place = path.display().to_string();
        ensure!(list.is_none(), "it stands behind the list of checksums");
        let outer = into.map(|into| into.join(&path));
        ensure!(path.components().all(|part| matches!(part, Component::Normal(_))), "the path lies outside");
        let kind = entry.header().entry_type();
        let mode = entry.header().mode()? & 0o777;
        if kind.is_dir() {
            if let Some(outer) = outer {
                fs::DirBuilder::new().mode(mode | 0o700).create(outer)?;
            }
        } else if path == Path::new(LIST_NAME) {
            let mut text = String::new();
            (&mut entry).take(LIST_BYTES_MAX).read_to_string(&mut text)?;
            list = Some(text);
        } else if kind.is_file() {
            let mut content = Checked::new(&mut entry);
            match outer {
                Some(outer) => write(&mut content, &outer, mode)?,
                None => drop(io::copy(&mut content, &mut io::sink())?),
            }
            contents.files += 1;
            contents.bytes += content.bytes;
            found.push(line(content.crc, content.bytes, &path));
        } else {
            bail!("it is neither file nor directory");
        }
    }
    let last = std::mem::replace(place, "its list of checksums".to_owned());
    let list = list.context("it is missing")?;
    let listed = list.strip_prefix(LIST_HEAD).context("this version can't read it")?;
    let mut listed = listed.split_inclusive('\n');
    for found in &found {
        let path = |line: &str| line.trim_end().splitn(3, ' ').nth(2).unwrap_or_default().to_owned();
        let expected = listed.next().unwrap_or_default();
        if found != expected {
            *place = path(found);
            bail!("its content is not what was backed up");
        }
    }
    if let Some(missing) = listed.next() {
        bail!("{} is missing", missing.trim_end());
    }
    *place = format!("behind {last}");
    // zstd verifies its checksum at the end of the file, so the file is read to its end.
    io::copy(&mut decoder, &mut io::sink())?;
    Ok(contents)
}

fn write(content: &mut impl Read, path: &Path, mode: u32) -> anyhow::Result<()> {
    let failed = || format!("can't write {}", path.display());
    let mut file = File::options().write(true).create_new(true).mode(0o600).open(path).with_context(failed)?;
    io::copy(content, &mut file)?;
    file.set_permissions(fs::Permissions::from_mode(mode)).with_context(failed)
}

/// A line of the list. Paths are escaped, so that they stay on it.
fn line(crc: u32, bytes: u64, path: &Path) -> String {
    format!("{crc:08x} {bytes} {}\n", path.to_string_lossy().escape_debug())
}

/// Where a file of the archive goes for a moment, until it is whole.
pub(crate) fn unfinished(path: &Path, ending: &str) -> anyhow::Result<PathBuf> {
    let mut name = path.file_name().with_context(|| format!("{} has no name", path.display()))?.to_owned();
    name.push(ending);
    Ok(path.with_file_name(name))
}

/// Counts what is read, and its checksum.
struct Checked<R> {
    input: R,
    crc: u32,
    bytes: u64,
}

impl<R> Checked<R> {
    fn new(input: R) -> Self {
        Self { input, crc: 0, bytes: 0 }
    }
}

impl<R: Read> Read for Checked<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.input.read(buffer)?;
        self.crc = crc32c::crc32c_append(self.crc, buffer.get(..length).unwrap_or_default());
        self.bytes += length as u64;
        Ok(length)
    }
}

/// Tells how far a file was read.
struct Counted<R> {
    input: R,
    reached: Rc<Cell<u64>>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.input.read(buffer)?;
        self.reached.set(self.reached.get() + length as u64);
        Ok(length)
    }
}

#[cfg(test)]
mod tests;
