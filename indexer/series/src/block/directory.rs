//! The directory of all blocks.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::{Block, REMOVED, UNFINISHED};
use crate::error::{Error, Result};
use crate::files::sync_directory;

/// The blocks of a directory.
#[derive(Debug)]
pub struct OpenedBlocks {
    /// By number: those that were merged from others come later, so that they win where times are equal.
    pub blocks: Vec<Block>,
    /// Those that can't be read, and why.
    pub damaged: Vec<(PathBuf, Error)>,
}

/// Opens all blocks below `blocks`. Removes what writers left unfinished, and blocks that were merged into others
/// that are all there: a crash may have kept them from being removed.
///
/// # Errors
/// When the directory can't be listed, or leftovers can't be removed. A block that can't be read is no error.
pub fn open_blocks(blocks: &Path) -> Result<OpenedBlocks> {
    let mut opened = OpenedBlocks { blocks: Vec::new(), damaged: Vec::new() };
    for entry in std::fs::read_dir(blocks).map_err(Error::list(blocks))? {
        let entry = entry.map_err(Error::list(blocks))?;
        let name = entry.file_name();
        let (name, path) = (name.to_string_lossy(), entry.path());
        if name.starts_with(UNFINISHED) || name.starts_with(REMOVED) {
            std::fs::remove_dir_all(&path).map_err(Error::remove(&path))?;
        } else if name.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-') {
            match Block::open(&path) {
                Ok(block) => opened.blocks.push(block),
                Err(error) => opened.damaged.push((path, error)),
            }
        }
    }
    remove_merged(&mut opened.blocks)?;
    opened.blocks.sort_by_key(|block| block.meta().number);
    opened.damaged.sort_by(|a, b| a.0.cmp(&b.0));
    Ok(opened)
}

/// Removes the blocks that are wholly contained in others.
fn remove_merged(blocks: &mut Vec<Block>) -> Result<()> {
    let numbers: BTreeSet<u64> = blocks.iter().map(|block| block.meta().number).collect();
    let mut merged = BTreeSet::new();
    for block in blocks.iter().map(Block::meta) {
        if block.siblings.iter().all(|sibling| numbers.contains(sibling)) {
            merged.extend(block.sources.iter().copied());
        }
    }
    for block in blocks.iter().filter(|block| merged.contains(&block.meta().number)) {
        remove_block(block.path())?;
    }
    blocks.retain(|block| !merged.contains(&block.meta().number));
    Ok(())
}

/// Removes a block. From the first moment on it is no block any more, also after a crash.
///
/// # Errors
/// When it can't be renamed (it is still there then) or removed (the rest goes with the next [`open_blocks`]).
pub fn remove_block(path: &Path) -> Result<()> {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let removed = path.with_file_name(format!("{REMOVED}{name}"));
    std::fs::rename(path, &removed).map_err(Error::rename(path))?;
    path.parent().map_or(Ok(()), sync_directory)?;
    std::fs::remove_dir_all(&removed).map_err(Error::remove(&removed))
}
