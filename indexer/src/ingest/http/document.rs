//! Requests whose body is one JSON document that is taken in as a whole or not at all.

use std::sync::Arc;

use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use http::header::CONTENT_TYPE;

use super::super::error::IngestError;
use super::body::{self, Packing, Sender};
use super::protocol::{Protocol, Shape};
use super::{IngestState, SubmitError, Tenant, answer, headers};
use crate::error::Error;

/// Reads a document within the limits of all bodies; `parse` sees it decompressed, off the async threads.
///
/// # Errors
/// Those of any body, and those of `parse`.
pub(super) async fn read<T: Send + 'static>(
    state: &Arc<IngestState>,
    request: Request,
    parse: impl FnOnce(&Sender, &[u8]) -> Result<T, IngestError> + Send + 'static,
) -> Result<T, IngestError> {
    let (parts, body) = request.into_parts();
    let tenant = parts.extensions.get::<Tenant>().copied().unwrap_or_default().0;
    let encoding = headers::encoding(&parts.headers, Protocol::JsonLines)?;
    let sender = Sender { tenant, source: headers::source(&parts, None), now: (state.clock)() };
    body::check_rates(state, &sender, 0)?;
    let mut permit = body::reserve(state, body::stated_len(&parts.headers), encoding)?;
    let bytes = body::read(state, body).await?;
    let state = Arc::clone(state);
    let reading = tokio::task::spawn_blocking(move || {
        let packing = Packing { encoding, hash: None };
        let unpacked = body::unpack(&state, &sender, &packing, &bytes, &mut permit)?;
        parse(&sender, &unpacked)
    });
    reading.await.map_err(|error| IngestError::new("ingest.internal", 500, format!("reading stopped: {error}")))?
}

/// The answer, in JSON either way.
pub(super) fn answered(taken: Result<String, IngestError>) -> Response {
    match taken {
        Ok(answer) => ([(CONTENT_TYPE, "application/json")], answer).into_response(),
        Err(error) => answer::refused(&error, Shape::Json),
    }
}

/// What a sender is told of a failure to write, which is to be in the log.
pub(super) fn unwritten(error: &Error) -> IngestError {
    match error {
        Error::ShuttingDown => SubmitError::ShuttingDown.into(),
        _ => {
            IngestError::new("ingest.write_failed", 503, "the server could not write; its log says why").retry_after(5)
        }
    }
}

/// Whether a text of the document has `least` to `most` bytes and no control characters; else what is wrong with it.
pub(super) fn check_text(name: &str, text: &str, least: usize, most: usize) -> Result<(), String> {
    if text.len() < least || text.len() > most || text.chars().any(char::is_control) {
        let shown: String = text.chars().take(64).collect();
        return Err(format!("{name}: {shown:?} must have {least} to {most} bytes and no control characters"));
    }
    Ok(())
}
