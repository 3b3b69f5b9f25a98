//! Availability as several collectors see it: votes, the verdict by quorum, the ledger of what was held and for how long.
//!
//! Pure: no IO, no clock. Collectors and the server share it.

pub mod ledger;
pub mod verdict;
mod votes;

pub use votes::{ASKS_MAX, Asked, Reply, Told, ToldVote, VOTES_MAX, WAIT_MS_MAX};
