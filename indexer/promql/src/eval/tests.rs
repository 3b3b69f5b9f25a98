//! Queries over small sources, and properties against a naive evaluation.

mod explain;
mod memory;
mod naive;
mod properties;
mod queries;
