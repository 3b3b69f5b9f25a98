//! Watches the endpoints that are better than the one in use, and offers the first that is ready for long enough.

use std::sync::Arc;
use std::time::Duration;

use ::http::header::HOST;
use ::http::{HeaderValue, Request, StatusCode};
use bytes::Bytes;
use http_body_util::Full;
use rustls::ClientConfig;
use tokio::sync::watch;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::config::Endpoint;
use super::dial::{ANSWER, Dial};
use super::endpoints::OutputStatus;
use super::pause::jittered;

/// How long an endpoint must have been ready without a break, give or take a fifth.
const READY_FOR: Duration = Duration::from_secs(60);
/// How often it is asked, give or take a fifth.
const ASK_EVERY: Duration = Duration::from_secs(5);
const READY_PATH: &str = "/-/ready";

/// Asks until cancelled.
pub(super) async fn keep_asking(
    endpoints: Arc<[Endpoint]>,
    tls: watch::Receiver<Option<Arc<ClientConfig>>>,
    dial: Dial,
    status: OutputStatus,
    cancel: CancellationToken,
) {
    let watching = async {
        let mut current = status.watch_current();
        loop {
            let in_use = *current.borrow_and_update();
            if in_use == 0 {
                if current.changed().await.is_err() {
                    return;
                }
                continue;
            }
            tokio::select! {
                better = first_ready(endpoints.get(..in_use).unwrap_or_default(), &tls, &dial) => {
                    status.offer(better);
                    if current.changed().await.is_err() {
                        return;
                    }
                }
                changed = current.changed() => {
                    if changed.is_err() {
                        return;
                    }
                }
            }
        }
    };
    tokio::select! {
        () = cancel.cancelled() => {}
        () = watching => {}
    }
}

/// The first of `better` that was ready long enough.
async fn first_ready(better: &[Endpoint], tls: &watch::Receiver<Option<Arc<ClientConfig>>>, dial: &Dial) -> usize {
    let mut ready_since: Vec<Option<Instant>> = vec![None; better.len()];
    let wanted = jittered(READY_FOR);
    loop {
        for (at, (endpoint, since)) in better.iter().zip(&mut ready_since).enumerate() {
            let tls = tls.borrow().clone();
            if is_ready(endpoint, tls, dial).await {
                let since = since.get_or_insert_with(Instant::now);
                if since.elapsed() >= wanted {
                    return at;
                }
            } else {
                *since = None;
            }
        }
        sleep(jittered(ASK_EVERY)).await;
    }
}

async fn is_ready(endpoint: &Endpoint, tls: Option<Arc<ClientConfig>>, dial: &Dial) -> bool {
    let mut request = Request::new(Full::new(Bytes::new()));
    *request.uri_mut() = ::http::Uri::from_static(READY_PATH);
    let Ok(host) = HeaderValue::from_str(&endpoint.authority()) else { return false };
    request.headers_mut().insert(HOST, host);
    let asked = async { dial.open(endpoint, tls).await?.send(request, ANSWER).await };
    match asked.await {
        // A server of another make has no such path, and takes batches when it answers at all.
        Ok(answer) => answer.status.is_success() || answer.status == StatusCode::NOT_FOUND,
        Err(error) => {
            tracing::trace!(endpoint = endpoint.url, %error, "still not ready");
            false
        }
    }
}
