//! Why a host's logs are missing, from the host's side and from the server's, one subject a file.

pub mod endpoint;
pub mod finding;
pub mod local;
pub mod remote;

pub use finding::{Finding, Level};
