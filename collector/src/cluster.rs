//! What is seen of a cluster, on its way to records, samples and edges.

pub(crate) mod latest;
pub(crate) mod record;
mod sentence;
