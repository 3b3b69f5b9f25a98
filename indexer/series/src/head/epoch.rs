//! Leases: whoever holds numbers of series outside the head says so, and no series goes meanwhile.

use std::sync::{Arc, Mutex, PoisonError};

/// Held with numbers of series by batches under way and by selections.
#[derive(Clone, Debug, Default)]
pub(crate) struct Lease(#[expect(dead_code, reason = "held for its count of holders")] Arc<()>);

/// Gives out leases.
#[derive(Debug, Default)]
pub(crate) struct Epochs {
    current: Mutex<Arc<()>>,
}

/// The leases given out before a turn.
#[derive(Debug)]
pub(crate) struct Past(Arc<()>);

impl Epochs {
    pub(crate) fn lease(&self) -> Lease {
        Lease(Arc::clone(&self.current.lock().unwrap_or_else(PoisonError::into_inner)))
    }

    /// Begins a new epoch and answers the one that ended.
    pub(crate) fn turn(&self) -> Past {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        Past(std::mem::take(&mut *current))
    }
}

impl Past {
    /// Whether all leases of the epoch were given back.
    pub(crate) fn is_over(&self) -> bool {
        Arc::strong_count(&self.0) == 1
    }
}
