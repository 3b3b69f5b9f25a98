//! What runs scripts.

mod classic;
mod compare;
mod memory;
mod notation;
pub(crate) mod run;
mod script;
