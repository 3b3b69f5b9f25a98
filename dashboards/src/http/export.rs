//! All matching lines as a stream, without a cap.

use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::stream;
use http::{HeaderValue, header};
use tokio::sync::mpsc;
use tracing::warn;

use super::access::Reader;
use super::engine::{Budget, Engine, Row, Scope, SearchAsk};
use super::error::ApiError;
use super::logs::{LogsApi, MEMORY_BYTES, now};
use super::params::{Format, LIMIT_MAX, Params};
use super::rows::view;

/// Chunks that wait for the client; the store waits when they are full.
const CHUNKS: usize = 4;
/// A chunk is sent when it is this large.
const CHUNK_BYTES: usize = 64 << 10;

/// What was asked for.
struct Export {
    scope: Scope,
    order: super::engine::Order,
    format: Format,
    /// Rows at most; `None` for all.
    limit: Option<u64>,
}

pub(super) async fn export(State(api): State<LogsApi>, reader: Reader, params: Params) -> Result<Response, ApiError> {
    let scope = Scope { query: params.query()?, tenant: reader.0.tenant, range: params.range(now())? };
    let export = Export { scope, order: params.order(), format: params.format, limit: params.limit };
    let Ok(permit) = Arc::clone(&api.exports).try_acquire_owned() else { return Err(ApiError::Busy) };
    let (kind, name) = match params.format {
        Format::Ndjson => ("application/x-ndjson", "attachment; filename=\"lines.ndjson\""),
        Format::Text => ("text/plain; charset=utf-8", "attachment; filename=\"lines.txt\""),
    };
    let (chunks, receiver) = mpsc::channel::<io::Result<Bytes>>(CHUNKS);
    let engine = Arc::clone(&api.engine);
    tokio::task::spawn_blocking(move || {
        if let Err(e) = write(&engine, &export, &chunks) {
            warn!(error = %e, "export ended early");
            // The connection is cut, so that the client sees that the file is not whole; if it left, nobody cares.
            chunks.blocking_send(Err(e)).unwrap_or(());
        }
        drop(permit);
    });
    let body = Body::from_stream(stream::unfold(receiver, |mut receiver| async move {
        let chunk = receiver.recv().await?;
        if chunk.is_err() {
            // What came before is still being sent; an error at once would take it along.
            tokio::task::yield_now().await;
        }
        Some((chunk, receiver))
    }));
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(kind)),
        (header::CONTENT_DISPOSITION, HeaderValue::from_static(name)),
    ];
    Ok((headers, body).into_response())
}

fn write(engine: &Engine, export: &Export, chunks: &mpsc::Sender<io::Result<Bytes>>) -> io::Result<()> {
    let budget = Budget { deadline: None, memory_bytes: MEMORY_BYTES, cancel: Arc::new(AtomicBool::new(false)) };
    let mut left = export.limit.unwrap_or(u64::MAX);
    let mut after = None;
    let mut partial = None;
    let mut chunk = Vec::with_capacity(CHUNK_BYTES + 4096);
    loop {
        let limit = usize::try_from(left.min(LIMIT_MAX)).unwrap_or(usize::MAX);
        let ask = SearchAsk { scope: export.scope.clone(), order: export.order, limit, after };
        let answer = (engine.search)(&ask, &budget).map_err(io::Error::other)?;
        partial = partial.or(answer.partial);
        let page = answer.value;
        for row in &page.rows {
            line(&mut chunk, row, export.format)?;
            if chunk.len() >= CHUNK_BYTES && send(chunks, &mut chunk).is_none() {
                return Ok(());
            }
        }
        left -= (page.rows.len() as u64).min(left);
        after = page.next;
        if after.is_none() || left == 0 {
            // Nothing is left to do if the client is gone.
            send(chunks, &mut chunk).unwrap_or(());
            return partial.map_or(Ok(()), |partial| Err(io::Error::other(format!("rows are missing: {partial:?}"))));
        }
    }
}

/// `None` if the client is gone.
fn send(chunks: &mpsc::Sender<io::Result<Bytes>>, chunk: &mut Vec<u8>) -> Option<()> {
    let full = std::mem::replace(chunk, Vec::with_capacity(CHUNK_BYTES + 4096));
    chunks.blocking_send(Ok(Bytes::from(full))).ok()
}

fn line(out: &mut Vec<u8>, row: &Row, format: Format) -> io::Result<()> {
    match format {
        Format::Ndjson => serde_json::to_writer(&mut *out, &view(row, None)?)?,
        Format::Text => out.extend_from_slice(&row.record.body),
    }
    out.push(b'\n');
    Ok(())
}
