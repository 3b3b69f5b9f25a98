//! Reading a file of the spool, to which others may write: no link is followed, nothing is waited for.

use std::fs::OpenOptions;
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use orszem_model::chain;
use rustix::fs::OFlags;

use crate::spool::{Event, FILE_BYTES_MAX};

/// Why there is no event.
#[derive(Debug)]
pub(super) enum Refused {
    /// The file is not there any more.
    Gone,
    /// It may be read later.
    Closed(io::Error),
    /// It will never be one.
    Unreadable(String),
}

/// Reads a file as a whole.
pub(super) fn read(path: &Path) -> Result<Event, Refused> {
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let opened = OpenOptions::new().read(true).custom_flags(flags.bits().cast_signed()).open(path);
    let file = match opened {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Err(Refused::Gone),
        Err(error) if error.kind() == ErrorKind::PermissionDenied => return Err(Refused::Closed(error)),
        Err(error) => return Err(Refused::Unreadable(error.to_string())),
    };
    if !file.metadata().map_err(Refused::Closed)?.is_file() {
        return Err(Refused::Unreadable("it is no plain file".to_owned()));
    }
    let mut bytes = Vec::new();
    file.take(FILE_BYTES_MAX as u64 + 1).read_to_end(&mut bytes).map_err(Refused::Closed)?;
    Event::decode(&bytes).map_err(|error| Refused::Unreadable(chain(&error)))
}
