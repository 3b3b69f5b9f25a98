//! The site from outside: the same for the same seed, and what the facts engine makes of its stories.

mod determinism;
mod stories;
