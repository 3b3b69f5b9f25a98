//! The indexer: takes in, keeps and searches what the sources send.

pub mod ingest;
