//! Metrics on their way: what a request holds, what a restart does, and from a target to a server.

mod decode;
mod flow;
mod formats;
mod requests;
