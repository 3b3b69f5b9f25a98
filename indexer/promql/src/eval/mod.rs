//! Evaluation: from an expression and a source of series to an answer.
//!
//! Columnar: a series is computed for all steps of the query at once, one series after the other, and what an
//! aggregation needs of it is taken at once; only what must stand side by side (both sides of a matching, `topk`,
//! buckets of a histogram) is held in memory.

mod absent;
mod aggregate;
mod answer;
mod binary;
mod call;
mod column;
mod count_values;
mod counted;
mod duration;
mod element;
mod engine;
mod explain;
mod expr;
mod extended;
mod group;
mod group_native;
mod hash;
mod info;
mod instant;
mod invariant;
mod label;
pub mod math;
mod mixed;
mod native;
mod notes;
mod order;
mod over_time;
mod prefix;
mod quantile;
mod rate;
mod regression;
mod row;
mod scalar;
mod selection;
mod set;
mod smooth;
mod sort;
mod stage;
mod stream;
mod subquery;
#[cfg(test)]
mod tests;
mod time;
mod top;
mod trace;
mod wants;
mod window;

pub use answer::evaluate;
pub use explain::explain;
