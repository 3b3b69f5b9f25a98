//! Where lines come from.

mod discover;
pub(crate) mod file;
pub(crate) mod journald;
pub(crate) mod tailer;

#[cfg(test)]
mod tests;
