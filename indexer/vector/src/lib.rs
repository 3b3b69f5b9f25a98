//! What the query languages share: matching the elements of two vectors, and aggregating one.
//!
//! Vectors are columnar: an element is a series with one value for each step of the query, and each operation goes over
//! all steps of a series at once. Pure: no IO, no clock, no async.

pub mod accumulator;
pub mod column;
pub mod grouping;
pub mod kahan;
pub mod matching;
pub mod quantile;
pub mod rank;

pub use accumulator::{Accumulator, Fold};
pub use column::{ABSENT, is_absent};
pub use grouping::{Grouping, put_pairs};
pub use matching::{MatchLabels, Ordinals};
