//! What a crash must not tear apart: names of files, small files that are replaced as a whole, damage set aside.

mod file;
pub mod numbered;
mod quarantine;

pub use file::{replace, sync_directory};
pub use quarantine::{Copied, QUARANTINE_BYTES_MAX, Quarantine};
