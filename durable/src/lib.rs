//! What a crash must not tear apart: small files that are sealed and replaced as a whole, names of files, damage that is
//! set aside.

mod file;
pub mod numbered;
mod quarantine;
mod sealed;

pub use file::{replace, replace_private, sync_directory};
pub use quarantine::{Copied, QUARANTINE_BYTES_MAX, Quarantine};
pub use sealed::{Flaw, Format};
