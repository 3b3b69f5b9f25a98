//! Asks name servers for the records that targets are found by (RFC 1035, RFC 2782, RFC 3596).

mod message;
mod resolver;

pub(crate) use message::{Answer, RecordType};
pub(crate) use resolver::Resolver;

#[cfg(test)]
mod tests;
