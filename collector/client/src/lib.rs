//! The HTTP/1.1 client of whatever speaks to servers: connections that are kept, and TLS from files that may change.

mod connection;
mod kept;
mod tls;
mod trusting;

pub use connection::{Answer, Connection, ConnectionError, Limits, Stream, dial};
pub use kept::Kept;
pub use tls::{Pem, Tls, TlsError, Trust};
pub use trusting::Trusting;
