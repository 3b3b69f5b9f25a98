//! What the store consists of at one moment, and how it goes over into the next.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::block::Block;
use crate::error::Result;
use crate::head::generation::Generation;

use super::head_file::HeadFile;
use super::manifest::Manifest;
use super::{Inner, lock};

/// The sources of samples, from the oldest to the newest: blocks and files by number, frozen, active. Of two samples
/// of one series and time that of the newer source counts.
#[derive(Debug, Default)]
pub(crate) struct State {
    /// What is on disk; `files` says it once more.
    pub(crate) manifest: Manifest,
    pub(crate) blocks: Arc<Vec<Arc<Block>>>,
    pub(crate) files: Arc<Vec<HeadFile>>,
    /// Being flushed, or left by a flush that failed.
    pub(crate) frozen: Option<Frozen>,
    pub(crate) active: Arc<Generation>,
}

/// A generation to be flushed.
#[derive(Clone, Debug)]
pub(crate) struct Frozen {
    pub(crate) samples: Arc<Generation>,
    /// The journal position that flushing it reaches.
    pub(crate) end: u64,
    /// Its series have lower numbers.
    pub(crate) next_series: u32,
}

impl Inner {
    /// Changes what is on disk: writes the manifest that `change` makes of the current one, then lets `then` change
    /// the rest together with it. Nothing changes when the manifest can't be written.
    pub(super) fn commit(&self, change: impl FnOnce(&mut Manifest), then: impl FnOnce(&mut State)) -> Result<()> {
        let _guard = lock(&self.committing);
        let mut manifest = self.state().manifest.clone();
        change(&mut manifest);
        manifest.next_number = self.next_number.load(Ordering::Relaxed);
        manifest.save(&self.paths.manifest())?;
        let mut state = self.state_mut();
        state.manifest = manifest;
        then(&mut state);
        Ok(())
    }

    /// The generations with samples in memory, the frozen one first.
    pub(super) fn generations(state: &State) -> Vec<Arc<Generation>> {
        let frozen = state.frozen.iter().map(|frozen| Arc::clone(&frozen.samples));
        frozen.chain([Arc::clone(&state.active)]).collect()
    }
}
