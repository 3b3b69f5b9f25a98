//! Going on in a file that is known by device and inode from an earlier run.

use std::fs::{File, Metadata};
use std::io;
use std::path::Path;
use std::time::Instant;

use tracing::info;

use super::content::{Compression, Content};
use super::followed::Followed;
use super::position::{FileId, Position};
use super::{Cut, FileSource};
use crate::FileStatus;

impl FileSource {
    /// Opens a file whose device and inode are known from closed positions; `false` when it is none of them.
    /// `group` is given for files that are followed under their own name.
    pub(super) fn resume(
        &mut self,
        path: &Path,
        metadata: &Metadata,
        slots: Option<&Vec<u64>>,
        group: Option<usize>,
        tick: Instant,
    ) -> bool {
        let mut slots: Vec<u64> = slots.into_iter().flatten().copied().collect();
        slots.sort_unstable_by(|a, b| b.cmp(a));
        let mut is_found = false;
        for slot in slots {
            let Some(position) = self.closed.get(&slot) else { continue };
            if group.is_none() && position.is_all_of(metadata, Compression::of(path)) {
                is_found = true;
                continue;
            }
            let position = position.clone();
            let continued = if is_found { Ok(None) } else { self.reopen(path, &position, group) };
            match continued {
                Ok(Some(mut followed)) => {
                    is_found = true;
                    let is_rest = !followed.content.is_compressed() && metadata.len() > position.offset;
                    if position.is_done && group.is_none() && !is_rest {
                        continue;
                    }
                    if group.is_none() {
                        followed.rotated = Some(tick);
                        self.rotated_open += 1;
                    }
                    followed.position.is_done = false;
                    info!(path = %path.display(), offset = position.offset, "going on");
                    self.closed.remove(&slot);
                    self.open.insert(slot, followed);
                }
                // The same name with another content: it was cut while nobody looked.
                Ok(None) if group.is_some() && !position.is_done && position.path == path && !position.is_blank() => {
                    self.closed.remove(&slot);
                    let (size_seen, group) = (position.offset, group.unwrap_or(0));
                    self.changed.insert(slot);
                    self.cut.insert(slot, Cut { position, group, size_seen, since: tick });
                }
                Ok(None) => {}
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    self.doubt(path);
                    return true;
                }
                Err(error) => {
                    self.unreadable.insert(path.to_owned(), FileStatus::unreadable(path, &error));
                    return true;
                }
            }
        }
        is_found
    }

    /// The file at `path` from `position` on, if it still is what was read up to there.
    fn reopen(&self, path: &Path, position: &Position, group: Option<usize>) -> io::Result<Option<Followed>> {
        let file = File::open(path)?;
        let metadata = file.metadata()?;
        if FileId::of(&metadata) != position.id {
            // It was renamed since the directory was listed; the next search finds both.
            return Err(io::Error::from(io::ErrorKind::NotFound));
        }
        let mut content = Content::new(file, Compression::of(path))?;
        if !position.head.begins(&content.head()?) {
            return Ok(None);
        }
        let group = group.or_else(|| self.options.group_of(&position.path)).unwrap_or(0);
        let mut followed = Followed::new(content, &metadata, position.clone(), group, self.options.recogniser(group));
        Ok(followed.is_continued()?.then_some(followed))
    }
}
