//! The collector's disk queue: batches and the source positions they lead to, in one checksummed record each.
