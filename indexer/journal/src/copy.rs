//! Copying a journal for a backup while it is written to.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;

use crate::index::Index;
use crate::{Error, paths};

/// Copies the durable part of every segment, the cursors and the checkpoint to `target`.
///
/// The small files come first, so that no cursor in the copy stands behind its content.
pub(crate) fn copy(directory: &Path, index: &Index, target: &Path) -> Result<(), Error> {
    let small = [
        (paths::cursors(directory), paths::cursors(target)),
        (paths::deduplication(directory), paths::deduplication(target)),
    ];
    for (from, to) in small {
        match fs::copy(&from, &to) {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(Error::copy(&from, error)),
        }
    }
    for segment in index.segments() {
        let (from, to) = (paths::segment(directory, segment.start), paths::segment(target, segment.start));
        let length = segment.end - segment.start;
        let copied = File::open(&from).and_then(|file| io::copy(&mut file.take(length), &mut File::create(&to)?));
        copied.map_err(|error| Error::copy(&from, error))?;
    }
    Ok(())
}
