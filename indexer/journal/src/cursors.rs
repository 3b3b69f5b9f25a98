//! How far each named subscriber has come, kept in one small file.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use orszem_durable::Format;
use orszem_model::varint;

use crate::header::take_text;
use crate::{Damage, Error, Reason, atomic_file, paths};

/// The most cursors of a journal.
pub const CURSORS_MAX: usize = 1024;
/// The longest cursor name, in bytes.
pub const CURSOR_NAME_BYTES_MAX: usize = 128;

const FORMAT: Format = Format { magic: *b"ORSZCURS", version: 1 };

/// The durable cursors of a journal's subscribers. A cursor is the position to read on from: everything before it is
/// done with. What a change returned without error survives a crash.
#[derive(Debug)]
pub struct Cursors {
    path: PathBuf,
    positions: BTreeMap<String, u64>,
}

impl Cursors {
    /// Opens the cursors of the journal in `directory`, which must exist. Where their file is damaged it goes to the
    /// quarantine, is returned, and all subscribers begin at the start of the journal.
    pub fn open(directory: &Path) -> Result<(Cursors, Option<Damage>), Error> {
        let path = paths::cursors(directory);
        let (positions, damage) = match atomic_file::load(directory, &path, decode)? {
            Ok(positions) => (positions.unwrap_or_default(), None),
            Err(damage) => (BTreeMap::new(), Some(damage)),
        };
        Ok((Cursors { path, positions }, damage))
    }

    /// The position of a cursor; `None` if there is none of that name.
    pub fn get(&self, name: &str) -> Option<u64> {
        self.positions.get(name).copied()
    }

    /// All cursors by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, u64)> {
        self.positions.iter().map(|(name, &position)| (name.as_str(), position))
    }

    /// The lowest position that a subscriber still needs; `None` without subscribers.
    pub fn min(&self) -> Option<u64> {
        self.positions.values().copied().min()
    }

    /// Creates or moves a cursor, forwards or back.
    pub fn set(&mut self, name: &str, position: u64) -> Result<(), Error> {
        self.set_all(&[(name, position)])
    }

    /// Creates or moves several cursors at once: all or none.
    pub fn set_all(&mut self, cursors: &[(&str, u64)]) -> Result<(), Error> {
        let mut positions = self.positions.clone();
        for &(name, position) in cursors {
            if name.is_empty() || name.len() > CURSOR_NAME_BYTES_MAX {
                return Err(Error::CursorName { name: name.to_owned(), limit: CURSOR_NAME_BYTES_MAX });
            }
            positions.insert(name.to_owned(), position);
        }
        if positions.len() > CURSORS_MAX {
            return Err(Error::TooManyCursors { limit: CURSORS_MAX });
        }
        self.store(positions)
    }

    /// Removes a cursor, so that it no longer holds back trimming. Returns whether there was one.
    pub fn remove(&mut self, name: &str) -> Result<bool, Error> {
        let mut positions = self.positions.clone();
        let existed = positions.remove(name).is_some();
        if existed {
            self.store(positions)?;
        }
        Ok(existed)
    }

    fn store(&mut self, positions: BTreeMap<String, u64>) -> Result<(), Error> {
        orszem_durable::replace(&self.path, &encode(&positions))
            .map_err(|error| Error::write_file(&self.path, error))?;
        self.positions = positions;
        Ok(())
    }
}

fn encode(positions: &BTreeMap<String, u64>) -> Vec<u8> {
    let mut body = Vec::new();
    varint::put(&mut body, positions.len() as u64);
    for (name, &position) in positions {
        varint::put_bytes(&mut body, name.as_bytes());
        varint::put(&mut body, position);
    }
    FORMAT.seal(&body)
}

fn decode(bytes: &[u8]) -> Result<BTreeMap<String, u64>, Reason> {
    let mut body = FORMAT.unseal(bytes)?;
    decode_body(&mut body).filter(|_| body.is_empty()).ok_or(Reason::Content)
}

fn decode_body(body: &mut &[u8]) -> Option<BTreeMap<String, u64>> {
    let count = varint::take(body)?;
    let mut positions = BTreeMap::new();
    for _ in 0..count {
        positions.insert(take_text(body)?, varint::take(body)?);
    }
    Some(positions)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(cursors: &Cursors) -> Vec<(&str, u64)> {
        cursors.iter().collect()
    }

    #[test]
    fn cursors_survive_reopening() {
        let directory = tempfile::tempdir().expect("temporary directory");
        let (mut cursors, damage) = Cursors::open(directory.path()).expect("open");
        assert_eq!((all(&cursors), cursors.min(), damage), (vec![], None, None));
        cursors.set("tail", 900).expect("set");
        cursors.set_all(&[("store", 70), ("rules", 5000)]).expect("set all");
        cursors.set("tail", 40).expect("set back");
        assert!(cursors.remove("rules").expect("remove"));
        assert!(!cursors.remove("rules").expect("remove again"));
        let (reopened, damage) = Cursors::open(directory.path()).expect("reopen");
        assert_eq!(all(&reopened), [("store", 70), ("tail", 40)]);
        assert_eq!((reopened.min(), reopened.get("rules"), damage), (Some(40), None, None));
    }

    #[test]
    fn limits_refuse_and_change_nothing() {
        let directory = tempfile::tempdir().expect("temporary directory");
        let (mut cursors, _) = Cursors::open(directory.path()).expect("open");
        let long = "n".repeat(CURSOR_NAME_BYTES_MAX + 1);
        assert!(matches!(cursors.set_all(&[("a", 1), (&long, 1)]), Err(Error::CursorName { .. })));
        assert!(matches!(cursors.set("", 1), Err(Error::CursorName { .. })));
        let names: Vec<String> = (0..=CURSORS_MAX).map(|number| number.to_string()).collect();
        let many: Vec<(&str, u64)> = names.iter().map(|name| (name.as_str(), 1)).collect();
        assert!(matches!(cursors.set_all(&many), Err(Error::TooManyCursors { .. })));
        assert_eq!(all(&cursors), []);
    }

    #[test]
    fn a_flipped_bit_anywhere_sends_the_file_to_quarantine() {
        let directory = tempfile::tempdir().expect("temporary directory");
        let path = paths::cursors(directory.path());
        let (mut cursors, _) = Cursors::open(directory.path()).expect("open");
        cursors.set("store", 70).expect("set");
        let good = std::fs::read(&path).expect("read");
        for at in 0..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 0x10;
            std::fs::write(&path, &bad).expect("write");
            let (cursors, damage) = Cursors::open(directory.path()).expect("open damaged");
            assert_eq!(all(&cursors), []);
            let kept = damage.and_then(|damage| damage.kept).expect("kept");
            assert_eq!(std::fs::read(kept).expect("read kept"), bad);
        }
    }
}
