//! All that a status tells at one moment.

use super::row::{Key, Row};

/// What was there. Objects that are not in it were not; paths are left out by some sources.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Snapshot {
    pub rows: Vec<(Key, Row)>,
}
