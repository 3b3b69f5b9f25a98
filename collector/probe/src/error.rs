//! Why a probe failed.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use orszem_client::TlsError;
use orszem_sql::QueryError;

use crate::tls::Problem;

/// What went wrong first. No text holds a password.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    #[error("no end within {0:?}")]
    Timeout(Duration),
    #[error("the target {target:?} {wrong}")]
    Target { target: String, wrong: &'static str },
    #[error("{host:?} can't be resolved")]
    Resolve {
        host: String,
        #[source]
        source: io::Error,
    },
    #[error("{host:?} has no address of the wanted protocol")]
    NoAddress { host: String },
    #[error("no connection to {address}")]
    Connect {
        address: SocketAddr,
        #[source]
        source: io::Error,
    },
    #[error("no socket to probe from")]
    Socket(#[source] io::Error),
    #[error("no TLS to connect with")]
    TlsSettings(#[source] TlsError),
    #[error("{name:?} can't be the name of a TLS server")]
    TlsName { name: String },
    #[error("{0}")]
    Certificate(Problem),
    #[error("the TLS handshake failed")]
    Handshake(#[source] io::Error),
    #[error("the connection is encrypted")]
    IsEncrypted,
    #[error("the connection is not encrypted")]
    IsNotEncrypted,
    #[error("a secret can't be read from {path}")]
    Secret {
        path: String,
        #[source]
        source: io::Error,
    },
    #[error("the request can't be made")]
    Request(#[source] http::Error),
    #[error("no answer to the request")]
    Http(#[source] hyper::Error),
    #[error("the redirect to {0:?} leads nowhere")]
    Redirect(String),
    #[error("a redirect is not followed, to {0:?}")]
    RedirectNotFollowed(String),
    #[error("more than 10 redirects")]
    Redirects,
    #[error("the body broke off")]
    Body(#[source] Box<dyn std::error::Error + Send + Sync>),
    #[error("the body has more than {0} bytes")]
    BodySize(u64),
    #[error("the body is not compressed as {0}")]
    Compression(&'static str, #[source] io::Error),
    #[error("the status is {0}")]
    Status(u16),
    #[error("the version is {0}")]
    Version(&'static str),
    #[error("the header {0:?} is missing")]
    HeaderMissing(String),
    #[error("the header {name:?} {told} {pattern:?}")]
    Header { name: String, told: &'static str, pattern: String },
    #[error("the body {told} {pattern:?}")]
    Pattern { told: &'static str, pattern: String },
    #[error("reading failed")]
    Read(#[source] io::Error),
    #[error("writing failed")]
    Write(#[source] io::Error),
    #[error("what was expected did not come: {0:?}")]
    Expect(String),
    #[error("the message can't be sent to {address}")]
    Send {
        address: IpAddr,
        #[source]
        source: io::Error,
    },
    #[error("the name server's answer is malformed")]
    Message,
    #[error("the query can't be made: {0}")]
    Query(&'static str),
    #[error("the response code is {0}")]
    Rcode(String),
    #[error("the {section} records {told} {pattern:?}")]
    Records { section: &'static str, told: &'static str, pattern: String },
    #[error("no login to the database")]
    Login(#[source] QueryError),
    #[error("the query failed")]
    Sql(#[source] QueryError),
    #[error("the condition {0} does not hold")]
    Condition(String),
    #[error("the probe could not be finished")]
    Task,
}
