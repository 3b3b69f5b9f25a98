//! Live tail: rows over a WebSocket as they are stored.
//!
//! The server sends texts: `{"type":"rows","rows":[…]}`, and `{"type":"overload","dropped":n}` when the client was
//! too slow for `n` rows. What the client sends is ignored.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::extract::{FromRequestParts, State};
use axum::response::Response;
use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use http::{HeaderMap, Uri, header};
use serde_json::json;
use tokio::time::{Instant, sleep_until, timeout};
use tracing::debug;

use super::access::Reader;
use super::engine::{Row, Scope, TailFeed, TimeRange};
use super::error::ApiError;
use super::logs::LogsApi;
use super::params::Params;
use super::rows::views;

/// Rows of one message, at most.
const ROWS_MAX: usize = 200;
/// How long rows are gathered before they are sent.
const GATHER: Duration = Duration::from_millis(50);
/// A client that takes nothing for this long is left.
const SEND_WITHIN: Duration = Duration::from_secs(30);
const PING_EVERY: Duration = Duration::from_secs(20);

pub(super) async fn tail(
    State(api): State<LogsApi>,
    reader: Reader,
    headers: HeaderMap,
    request: axum::extract::Request,
) -> Result<Response, ApiError> {
    own_origin(&headers)?;
    let (mut parts, _) = request.into_parts();
    let params = axum::extract::Query::<Params>::try_from_uri(&parts.uri);
    let params = params.map_err(|e| ApiError::Parameters { reason: e.body_text() })?.0;
    let scope =
        Scope { query: params.query()?, tenant: reader.0.tenant, range: TimeRange { from: i64::MIN, to: i64::MAX } };
    let Ok(permit) = Arc::clone(&api.tails).try_acquire_owned() else { return Err(ApiError::Busy) };
    let upgrade = WebSocketUpgrade::from_request_parts(&mut parts, &api).await;
    let upgrade = upgrade.map_err(|e| ApiError::Parameters { reason: e.body_text() })?;
    Ok(upgrade.on_upgrade(move |socket| async move {
        let query = scope.query.clone();
        let feed = (api.engine.tail)(scope);
        if let Err(e) = run(socket, feed, &query).await {
            debug!(error = %e, "live tail ended");
        }
        drop(permit);
    }))
}

/// Browsers let any page open a WebSocket with the user's cookies; only our own may.
fn own_origin(headers: &HeaderMap) -> Result<(), ApiError> {
    let Some(origin) = headers.get(header::ORIGIN) else { return Ok(()) };
    let origin = origin.to_str().unwrap_or("?");
    let authority = origin.parse::<Uri>().ok().and_then(|uri| uri.authority().map(ToString::to_string));
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    if authority.is_some() && authority.as_deref() == host {
        return Ok(());
    }
    Err(ApiError::ForeignOrigin { origin: origin.to_owned() })
}

async fn run(socket: WebSocket, mut feed: TailFeed, query: &orszem_search::Query) -> Result<(), axum::Error> {
    let (mut sender, mut receiver) = socket.split();
    let mut told_dropped = 0;
    let mut next_ping = Instant::now() + PING_EVERY;
    loop {
        let mut rows = Vec::new();
        let message = tokio::select! {
            received = feed.rows.recv() => match received {
                Some(row) => {
                    rows.push(row);
                    gather(&mut feed, &mut rows).await;
                    Message::text(rows_message(&rows, query)?)
                }
                None => return sender.send(Message::Close(None)).await,
            },
            incoming = receiver.next() => match incoming {
                None | Some(Err(_) | Ok(Message::Close(_))) => return Ok(()),
                Some(Ok(Message::Text(_) | Message::Binary(_) | Message::Ping(_) | Message::Pong(_))) => continue,
            },
            () = sleep_until(next_ping) => Message::Ping(Bytes::new()),
        };
        next_ping = Instant::now() + PING_EVERY;
        deliver(&mut sender, message).await?;
        let dropped = feed.dropped.load(Ordering::Relaxed);
        if dropped > told_dropped {
            let notice = json!({ "type": "overload", "dropped": dropped - told_dropped });
            deliver(&mut sender, Message::text(notice.to_string())).await?;
            told_dropped = dropped;
        }
    }
}

async fn gather(feed: &mut TailFeed, rows: &mut Vec<Row>) {
    let until = Instant::now() + GATHER;
    while rows.len() < ROWS_MAX {
        tokio::select! {
            row = feed.rows.recv() => match row {
                Some(row) => rows.push(row),
                None => return,
            },
            () = sleep_until(until) => return,
        }
    }
}

fn rows_message(rows: &[Row], query: &orszem_search::Query) -> Result<String, axum::Error> {
    let rows = views(rows, Some(query)).map_err(axum::Error::new)?;
    serde_json::to_string(&json!({ "type": "rows", "rows": rows })).map_err(axum::Error::new)
}

async fn deliver<S>(sender: &mut S, message: Message) -> Result<(), axum::Error>
where
    S: SinkExt<Message, Error = axum::Error> + Unpin,
{
    timeout(SEND_WITHIN, sender.send(message)).await.map_err(axum::Error::new)?
}
