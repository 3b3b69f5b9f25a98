//! Where records come from, one kind a file.

pub(crate) mod exec;
pub(crate) mod files;
pub(crate) mod journald;
pub(crate) mod stdin;
