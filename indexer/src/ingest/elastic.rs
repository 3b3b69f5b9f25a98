//! Elasticsearch's ways to send documents: `_bulk`, `_doc` and `_create`, answered item by item as Elasticsearch does.
//!
//! Source: Elasticsearch 8 reference, "Bulk API", "Index API" and "Response filtering".

mod answer;
mod bulk;
mod filter_path;

pub(super) use answer::{Failure, bulk_text, error_text};
pub(super) use filter_path::FilterPath;

use std::sync::atomic::{AtomicU64, Ordering};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use xxhash_rust::xxh3::xxh3_128;

use super::error::IngestError;
use super::ndjson::Documents;
use super::rejection::{Reason, Rejected};
use super::{Context, Decoded};
use answer::{Items, Outcome};
use bulk::{Action, Item};

/// The label that holds the index a document was sent to.
const INDEX_LABEL: &str = "index";
/// The attribute that holds the id a document was sent with.
const ID_ATTRIBUTE: &str = "_id";
/// The longest index name, as in Elasticsearch.
const INDEX_BYTES_MAX: usize = 255;

/// What a request's address says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Target {
    /// The index of items that name none.
    pub(super) index: Option<String>,
    /// `None` for `_bulk`.
    pub(super) document: Option<Document>,
    /// Which parts of the answer are wanted.
    pub(super) filter: FilterPath,
}

/// The address of a single document.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Document {
    pub(super) id: Option<String>,
}

/// What is answered of each document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// The items of a bulk request, as JSON objects with commas between them.
    Bulk { items: Vec<u8>, has_errors: bool, filter: FilterPath },
    /// The one document's own answer, and its status.
    Single { status: u16, body: Vec<u8> },
}

/// Decodes a decompressed body. A document that can't be taken in is told in the answer; the others are taken.
///
/// # Errors
/// A body that is no bulk request (400), more items than [`bulk::ITEMS_MAX`] (413), and too many streams (400) refuse
/// the whole request.
pub(super) fn decode(body: &[u8], context: &Context<'_>, target: &Target) -> Result<(Decoded, Answer), IngestError> {
    let ids = Ids::new(context);
    match &target.document {
        None => decode_bulk(body, context, target, &ids),
        Some(document) => decode_single(body, context, target, document, &ids),
    }
}

fn decode_bulk(
    body: &[u8],
    context: &Context<'_>,
    target: &Target,
    ids: &Ids,
) -> Result<(Decoded, Answer), IngestError> {
    let items = bulk::items(body, target.index.as_deref())?;
    let documents = Documents::new();
    let mut writer = documents.writer(context);
    let mut answer = Items::new(&target.filter);
    for (at, item) in items.iter().enumerate() {
        let place = format_args!("item {}", at + 1);
        let rejected = match unusable(item) {
            Some((rejected, failure)) => {
                writer.reject(&rejected, item.document, place);
                Some(failure)
            }
            None => {
                let index = [(INDEX_LABEL, item.index.as_ref())];
                let id = item.id.as_deref().map(|id| [(ID_ATTRIBUTE, id)]);
                let id: &[(&str, &str)] = id.as_ref().map_or(&[], |id| id);
                writer.add(item.document, &index, id, place)?.err().map(|rejected| Failure::of(&rejected))
            }
        };
        let new_id = if item.id.is_none() { ids.of(at) } else { String::new() };
        let id = item.id.as_deref().unwrap_or(&new_id);
        let outcome = match &rejected {
            None => Outcome::Created { seq: at },
            Some(failure) => Outcome::Failed(failure),
        };
        answer.add(item.action.name(), &item.index, id, &outcome)?;
    }
    let (items, has_errors) = answer.finish();
    Ok((writer.finish(body.len()), Answer::Bulk { items, has_errors, filter: target.filter.clone() }))
}

fn decode_single(
    body: &[u8],
    context: &Context<'_>,
    target: &Target,
    document: &Document,
    ids: &Ids,
) -> Result<(Decoded, Answer), IngestError> {
    if body.trim_ascii().is_empty() {
        return Err(IngestError::new("ingest.empty_body", 400, "request body is required"));
    }
    let index = target.index.as_deref().unwrap_or("");
    let documents = Documents::new();
    let mut writer = documents.writer(context);
    let failure = match index_problem(index) {
        Some(failure) => {
            writer.reject(&Rejected::new(Reason::Malformed, "no index name"), body, "the document");
            Some(failure)
        }
        None => {
            let id = document.id.as_deref().map(|id| [(ID_ATTRIBUTE, id)]);
            let id: &[(&str, &str)] = id.as_ref().map_or(&[], |id| id);
            let added = writer.add(body, &[(INDEX_LABEL, index)], id, "the document")?;
            added.err().map(|rejected| Failure::of(&rejected))
        }
    };
    let answer = match failure {
        Some(failure) => Answer::Single { status: failure.status, body: error_text(&failure)? },
        None => {
            let id = document.id.clone().unwrap_or_else(|| ids.of(0));
            Answer::Single { status: 201, body: answer::created(index, &id, &target.filter)? }
        }
    };
    Ok((writer.finish(body.len()), answer))
}

/// Why an item can't be taken in whatever its document holds.
fn unusable(item: &Item<'_>) -> Option<(Rejected, Failure)> {
    let verb = match item.action {
        Action::Index | Action::Create => {
            let failure = index_problem(&item.index)?;
            return Some((Rejected::new(Reason::Malformed, "no index name"), failure));
        }
        Action::Update => "updated",
        Action::Delete => "deleted",
    };
    let reason =
        format!("documents are not {verb} here: records stay as they were sent; use the actions index and create");
    let failure = Failure::new(400, "action_request_validation_exception", reason);
    Some((Rejected::new(Reason::Malformed, "an action that is not index or create"), failure))
}

fn index_problem(index: &str) -> Option<Failure> {
    let starts_badly = index.starts_with(['_', '-', '+']);
    let is_bad =
        |c: char| c.is_control() || matches!(c, '\\' | '/' | '*' | '?' | '"' | '<' | '>' | '|' | ' ' | ',' | '#');
    let wrong = if index.len() > INDEX_BYTES_MAX {
        "must not be longer than 255 bytes"
    } else if starts_badly {
        "must not start with '_', '-', or '+'"
    } else if index.contains(is_bad) {
        "must not contain the following characters [ , \", *, \\, <, |, ,, >, /, ?, #]"
    } else {
        return None;
    };
    let shown: String = index.chars().take(64).collect();
    Some(Failure::new(400, "invalid_index_name_exception", format!("Invalid index name [{shown}], {wrong}")))
}

/// Ids for documents that came without: 20 characters, as Elasticsearch makes them. They name nothing here.
struct Ids {
    request: u64,
    now: i64,
}

impl Ids {
    fn new(context: &Context<'_>) -> Self {
        static REQUESTS: AtomicU64 = AtomicU64::new(0);
        Self { request: REQUESTS.fetch_add(1, Ordering::Relaxed), now: context.now.0 }
    }

    fn of(&self, at: usize) -> String {
        let mut seed = [0; 24];
        let numbers = [self.request.to_le_bytes(), self.now.to_le_bytes(), (at as u64).to_le_bytes()];
        for (place, byte) in seed.iter_mut().zip(numbers.iter().flatten()) {
            *place = *byte;
        }
        let hash = xxh3_128(&seed).to_le_bytes();
        URL_SAFE_NO_PAD.encode(hash.get(..15).unwrap_or(&hash))
    }
}
