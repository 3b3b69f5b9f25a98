//! Collectors that tell people when the server is gone: deputies.
//!
//! The server hands each collector that asks for it what it needs for that ([`handing`]): whom to tell, through which
//! channels, after what time, and its rank among the collectors. A collector keeps it and looks whether the server
//! answers ([`watch`]); when to tell, and what is owed to whom, is decided by a state machine without IO ([`duty`]).

mod counts;
mod duty;
mod handing;
mod kept;
mod page;
mod watch;
mod wire;

pub(crate) use counts::Counts;
pub(crate) use handing::Deputies;
pub(crate) use page::Page;
pub(crate) use watch::Deputy;

/// Where collectors ask a server.
const PATH: &str = "/app/v1/deputies";
/// Where collectors ask each other.
const PEER_PATH: &str = "/-/server";
