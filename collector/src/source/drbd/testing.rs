//! Where captures of real DRBD are.

use std::path::{Path, PathBuf};

/// The folder `drbd9` in the one that `ORSZEM_CLUSTER_CAPTURES` names.
pub(super) fn captures() -> Option<PathBuf> {
    std::env::var_os("ORSZEM_CLUSTER_CAPTURES").map(|folder| Path::new(&folder).join("drbd9"))
}
