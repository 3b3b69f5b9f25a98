//! A stamp read from a line.

use orszem_model::Timestamp;

use super::Inferred;

/// The point in time that a text begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stamp {
    pub(crate) at: Timestamp,
    /// The bytes that it takes.
    pub(crate) len: usize,
    pub(crate) inferred: Inferred,
}
