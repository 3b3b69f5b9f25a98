//! Points and spans in time, in nanoseconds.

/// Nanoseconds since 1970-01-01T00:00:00Z; covers the years 1678 to 2262.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(pub i64);
