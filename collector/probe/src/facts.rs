//! What conditions ask for.

use std::net::IpAddr;

use bytes::Bytes;

use crate::tls::{Certificate, Problem};

/// What a probe has learned of its target.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Facts {
    /// Whether a connection came about, or an answer where there are no connections.
    pub is_connected: bool,
    pub ip: Option<IpAddr>,
    /// The status of HTTP.
    pub status: Option<u16>,
    /// What came, where a condition asks for it.
    pub body: Option<Bytes>,
    /// The response code of DNS, such as `NOERROR`.
    pub rcode: Option<String>,
    /// As the server showed them, its own first.
    pub certificates: Vec<Certificate>,
    /// What is wrong with them.
    pub certificate_problem: Option<Problem>,
    /// When the first of them ends, in seconds since 1970.
    pub certificate_expiry: Option<i64>,
}
