//! A target in this process, whose answers a test changes as it goes.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

/// What the target answers.
#[derive(Clone, Debug)]
pub(super) struct Page {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    /// How long it takes.
    pub(super) delay: Duration,
}

/// A request as it came.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    pub(super) uri: String,
    pub(super) headers: HeaderMap,
}

#[derive(Debug)]
struct State {
    page: Page,
    asked: Vec<Asked>,
    connections: usize,
}

/// A running target; stops when dropped.
#[derive(Debug)]
pub(super) struct Server {
    pub(super) address: SocketAddr,
    state: Arc<Mutex<State>>,
    task: JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Page {
    pub(super) fn text(body: &str) -> Self {
        let mut headers = HeaderMap::new();
        headers.insert("content-type", "text/plain; version=0.0.4".parse().expect("a value"));
        Self { status: StatusCode::OK, headers, body: body.to_owned().into(), delay: Duration::ZERO }
    }

    pub(super) fn status(status: StatusCode) -> Self {
        Self { status, ..Self::text("") }
    }

    pub(super) fn with(mut self, name: &'static str, value: &str) -> Self {
        self.headers.insert(name, value.parse().expect("a value"));
        self
    }
}

impl Server {
    pub(super) async fn start(body: &str) -> Self {
        Self::start_tls(body, None).await
    }

    pub(super) async fn start_tls(body: &str, tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("binds");
        let address = listener.local_addr().expect("an address");
        let state = Arc::new(Mutex::new(State { page: Page::text(body), asked: Vec::new(), connections: 0 }));
        let shared = Arc::clone(&state);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                shared.lock().expect("a state").connections += 1;
                let (shared, tls) = (Arc::clone(&shared), tls.clone());
                tokio::spawn(async move {
                    match tls {
                        None => serve(stream, shared).await,
                        Some(tls) => {
                            if let Ok(stream) = tls.accept(stream).await {
                                serve(stream, shared).await;
                            }
                        }
                    }
                });
            }
        });
        Self { address, state, task }
    }

    pub(super) fn set(&self, page: Page) {
        self.state.lock().expect("a state").page = page;
    }

    /// The requests that came since the last call.
    pub(super) fn asked(&self) -> Vec<Asked> {
        std::mem::take(&mut self.state.lock().expect("a state").asked)
    }

    pub(super) fn connections(&self) -> usize {
        self.state.lock().expect("a state").connections
    }
}

async fn serve<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(stream: S, state: Arc<Mutex<State>>) {
    let service = service_fn(move |request: Request<Incoming>| {
        let state = Arc::clone(&state);
        async move {
            let page = {
                let mut state = state.lock().expect("a state");
                state.asked.push(Asked { uri: request.uri().to_string(), headers: request.headers().clone() });
                state.page.clone()
            };
            tokio::time::sleep(page.delay).await;
            let mut response = Response::new(Full::new(page.body));
            *response.status_mut() = page.status;
            *response.headers_mut() = page.headers;
            Ok::<_, Infallible>(response)
        }
    });
    if let Err(error) = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await {
        tracing::debug!(%error, "a test's connection ended");
    }
}
