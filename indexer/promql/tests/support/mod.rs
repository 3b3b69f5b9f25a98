//! What runs scripts.

mod classic;
mod compare;
pub(crate) mod run;
mod script;
