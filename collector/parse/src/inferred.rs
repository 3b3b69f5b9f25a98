//! What a stamp left out and was filled in.

/// The parts of a stamp that the line did not write.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Inferred {
    /// The year, from the moment of reading.
    pub year: bool,
    /// The offset from UTC, from the host's zone.
    pub zone: bool,
}
