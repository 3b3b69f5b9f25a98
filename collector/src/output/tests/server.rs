//! Servers in memory, or on a socket, that answer by a script and remember what they were sent.

use std::collections::{BTreeMap, VecDeque};
use std::convert::Infallible;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard};

use ::http::{HeaderMap, Request, Response};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use orszem_client::Stream;
use tokio::io::{AsyncRead, AsyncWrite};

use super::super::split;

/// How a server answers one request.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    Status(u16, Vec<(&'static str, &'static str)>, Vec<u8>),
    /// 413 for more records than this, else 200.
    AtMost(u64),
    /// As `AtMost`, but what it takes it takes without an answer for the first time.
    Silent(u64),
    /// Never.
    Hang,
    /// Breaks the connection off.
    BreakOff,
}

pub(crate) fn status(status: u16) -> Answer {
    Answer::Status(status, Vec::new(), Vec::new())
}

/// One batch as it came.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    /// Decompressed.
    pub(crate) body: Vec<u8>,
    /// Which connection to this host it came over, from 1.
    pub(crate) connection: usize,
    pub(crate) status: u16,
}

impl Seen {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().expect("text"))
    }
}

/// One server.
#[derive(Debug, Default)]
pub(crate) struct Host {
    pub(crate) is_down: bool,
    /// The answers to come; 200 after the last.
    pub(crate) script: VecDeque<Answer>,
    pub(crate) seen: Vec<Seen>,
    connections: usize,
}

/// Servers by name.
#[derive(Clone, Debug, Default)]
pub(crate) struct Network {
    hosts: Arc<Mutex<BTreeMap<String, Host>>>,
}

impl Network {
    pub(crate) fn connect(&self, name: &str) -> io::Result<Box<dyn Stream>> {
        if self.host(name, |host| host.is_down) {
            return Err(io::ErrorKind::ConnectionRefused.into());
        }
        let (client, server) = tokio::io::duplex(1 << 16);
        let (network, name) = (self.clone(), name.to_owned());
        tokio::spawn(async move { network.serve(&name, server).await });
        Ok(Box::new(client))
    }

    /// Does something with a server; it is made when it is new.
    pub(crate) fn host<T>(&self, name: &str, act: impl FnOnce(&mut Host) -> T) -> T {
        act(self.lock().entry(name.to_owned()).or_default())
    }

    pub(crate) fn script(&self, name: &str, answers: impl IntoIterator<Item = Answer>) {
        self.host(name, |host| host.script.extend(answers));
    }

    pub(crate) fn seen(&self, name: &str) -> Vec<Seen> {
        self.host(name, |host| host.seen.clone())
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Host>> {
        self.hosts.lock().expect("not poisoned")
    }

    /// Serves one connection to its end.
    pub(crate) async fn serve(&self, name: &str, stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) {
        let connection = self.host(name, |host| {
            host.connections += 1;
            host.connections
        });
        let service = service_fn(|request| self.answer(name, connection, request));
        let served = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        drop(served);
    }

    async fn answer(
        &self,
        name: &str,
        connection: usize,
        request: Request<Incoming>,
    ) -> Result<Response<Full<Bytes>>, io::Error> {
        let (parts, body) = request.into_parts();
        if parts.uri.path() == "/-/ready" {
            return Ok(Response::new(Full::default()));
        }
        assert_eq!(parts.method.as_str(), "POST");
        let path = parts.uri.path().to_owned();
        let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
        let body = zstd::decode_all(body.as_ref()).expect("zstd");
        let answer = self.host(name, |host| host.script.pop_front()).unwrap_or(status(200));
        let records = match path.as_str() {
            "/v1/logs" => split::count(&body),
            "/api/v1/write" => split::series::count(&body),
            other => panic!("a request to {other}"),
        };
        let records = records.expect("protobuf");
        let (status, headers, text) = match answer {
            Answer::Status(status, headers, text) => (status, headers, text),
            Answer::AtMost(most) => {
                self.host(name, |host| host.script.push_front(Answer::AtMost(most)));
                (if records > most { 413 } else { 200 }, Vec::new(), Vec::new())
            }
            Answer::Silent(most) => {
                let is_repeat = self.host(name, |host| {
                    host.script.push_front(Answer::Silent(most));
                    host.seen.iter().any(|seen| seen.body == body)
                });
                (
                    if records > most {
                        413
                    } else if is_repeat {
                        200
                    } else {
                        1
                    },
                    Vec::new(),
                    Vec::new(),
                )
            }
            Answer::Hang => (0, Vec::new(), Vec::new()),
            Answer::BreakOff => (1, Vec::new(), Vec::new()),
        };
        self.host(name, |host| host.seen.push(Seen { path, headers: parts.headers, body, connection, status }));
        match status {
            0 => std::future::pending::<Result<_, Infallible>>().await.map_err(io::Error::other),
            1 => Err(io::ErrorKind::BrokenPipe.into()),
            status => {
                let mut response = Response::builder().status(status);
                for (name, value) in headers {
                    response = response.header(name, value);
                }
                Ok(response.body(Full::from(text)).expect("a response"))
            }
        }
    }
}
