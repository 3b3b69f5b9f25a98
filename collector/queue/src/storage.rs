//! The three calls that a disk can refuse; tests make it refuse them.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

#[cfg(test)]
use std::sync::{Arc, Mutex};

/// Where segments are written.
#[derive(Debug, Clone)]
pub(crate) enum Storage {
    Disk,
    #[cfg(test)]
    Failing(Arc<Mutex<Faults>>),
}

/// What is to fail.
#[cfg(test)]
#[derive(Debug, Default)]
pub(crate) struct Faults {
    /// Bytes that can still be written; `None` for any number.
    pub(crate) room: Option<u64>,
    /// How many of the next syncs fail.
    pub(crate) syncs: u32,
    /// How many of the next truncations fail.
    pub(crate) truncations: u32,
}

impl Storage {
    pub(crate) fn write(&self, file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
        match self {
            Storage::Disk => file.write_all_at(bytes, offset),
            #[cfg(test)]
            Storage::Failing(faults) => {
                let mut faults = faults.lock().expect("faults");
                let Some(room) = faults.room else { return file.write_all_at(bytes, offset) };
                let fits = bytes.len().min(room as usize);
                faults.room = Some(room - fits as u64);
                file.write_all_at(&bytes[..fits], offset)?;
                if fits < bytes.len() { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
            }
        }
    }

    pub(crate) fn sync(&self, file: &File) -> io::Result<()> {
        #[cfg(test)]
        if let Storage::Failing(faults) = self
            && let Some(left) = faults.lock().expect("faults").take_sync()
        {
            return Err(io::Error::other(format!("injected, {left} more")));
        }
        file.sync_data()
    }

    pub(crate) fn truncate(&self, file: &File, bytes: u64) -> io::Result<()> {
        #[cfg(test)]
        if let Storage::Failing(faults) = self {
            let mut faults = faults.lock().expect("faults");
            if faults.truncations > 0 {
                faults.truncations -= 1;
                return Err(io::Error::other("injected"));
            }
        }
        file.set_len(bytes)
    }
}

#[cfg(test)]
impl Faults {
    fn take_sync(&mut self) -> Option<u32> {
        self.syncs = self.syncs.checked_sub(1)?;
        Some(self.syncs)
    }
}
