//! Queries over small sources, and properties against a naive evaluation.

mod memory;
mod naive;
mod properties;
mod queries;
