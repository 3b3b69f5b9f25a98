//! The body of `_bulk`: an action a line, each but `delete` with its document on the next.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error, Visitor};

use super::super::error::IngestError;

/// The most items of one request; beyond it the request is refused (413).
pub(super) const ITEMS_MAX: usize = 100_000;

/// What is to be done with a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    Index,
    Create,
    Update,
    Delete,
}

impl Action {
    /// Its name in requests and answers.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Index => "index",
            Self::Create => "create",
            Self::Update => "update",
            Self::Delete => "delete",
        }
    }
}

/// One action with its document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Item<'b> {
    pub(super) action: Action,
    pub(super) index: Cow<'b, str>,
    pub(super) id: Option<String>,
    /// Empty for `delete`.
    pub(super) document: &'b [u8],
}

/// Splits a body into its items; `index` is for those that name none. Nothing is looked at inside documents.
///
/// # Errors
/// As in Elasticsearch, an empty body, a last line without its end, an action that can't be read and an item without an
/// index refuse the request (400); so do more than [`ITEMS_MAX`] items (413).
pub(super) fn items<'b>(body: &'b [u8], index: Option<&'b str>) -> Result<Vec<Item<'b>>, IngestError> {
    let Some(whole) = body.strip_suffix(b"\n") else {
        return Err(match body.trim_ascii() {
            [] => IngestError::new("ingest.empty_body", 400, "request body is required"),
            _ => bad_bulk("The bulk request must be terminated by a newline [\\n]".to_owned()),
        });
    };
    let mut items = Vec::new();
    let mut lines = whole.split(|byte| *byte == b'\n').zip(1_usize..);
    while let Some((line, number)) = lines.next() {
        let line = line.trim_ascii();
        if line.is_empty() {
            continue;
        }
        if items.len() == ITEMS_MAX {
            let message = format!("the bulk request has more than {ITEMS_MAX} items; send smaller requests");
            return Err(IngestError::new("ingest.too_many_items", 413, message));
        }
        let (action, meta) = action(line, number)?;
        let document = match action {
            Action::Delete => &[],
            Action::Index | Action::Create | Action::Update => match lines.next() {
                Some((document, _)) => document.strip_suffix(b"\r").unwrap_or(document),
                None => return Err(bad_bulk(format!("the action on line [{number}] has no document after it"))),
            },
        };
        let index = match (meta.index, index) {
            (Some(named), _) => Cow::Owned(named),
            (None, Some(index)) => Cow::Borrowed(index),
            (None, None) => Cow::Borrowed(""),
        };
        if index.is_empty() {
            return Err(bad_bulk(format!("Validation Failed: line [{number}]: index is missing;")));
        }
        items.push(Item { action, index, id: meta.id.map(|Id(id)| id), document });
    }
    if items.is_empty() {
        return Err(IngestError::new("ingest.empty_body", 400, "Validation Failed: 1: no requests added;"));
    }
    Ok(items)
}

fn action(line: &[u8], number: usize) -> Result<(Action, Meta), IngestError> {
    let read: Line = serde_json::from_slice(line)
        .map_err(|error| bad_bulk(format!("Malformed action/metadata line [{number}]: {error}")))?;
    Ok(match read {
        Line::Index(meta) if meta.op_type.as_deref() == Some("create") => (Action::Create, meta),
        Line::Index(meta) => (Action::Index, meta),
        Line::Create(meta) => (Action::Create, meta),
        Line::Update(meta) => (Action::Update, meta),
        Line::Delete(meta) => (Action::Delete, meta),
    })
}

fn bad_bulk(message: String) -> IngestError {
    IngestError::new("ingest.bad_bulk", 400, message)
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Line {
    Index(Meta),
    Create(Meta),
    Update(Meta),
    Delete(Meta),
}

/// What is read of an action; routing, pipelines and versions are nothing here.
#[derive(Deserialize)]
struct Meta {
    #[serde(rename = "_index", default)]
    index: Option<String>,
    #[serde(rename = "_id", default)]
    id: Option<Id>,
    #[serde(default)]
    op_type: Option<String>,
}

/// A document's id; numbers count as their text.
struct Id(String);

impl<'de> Deserialize<'de> for Id {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct IdVisitor;
        impl Visitor<'_> for IdVisitor {
            type Value = Id;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an id: a string or a whole number")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Id, E> {
                Ok(Id(text.to_owned()))
            }

            fn visit_u64<E: Error>(self, number: u64) -> Result<Id, E> {
                Ok(Id(number.to_string()))
            }

            fn visit_i64<E: Error>(self, number: i64) -> Result<Id, E> {
                Ok(Id(number.to_string()))
            }
        }
        deserializer.deserialize_any(IdVisitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `action index id document` of each item, or the error.
    fn shown(body: &str, index: Option<&str>) -> Result<Vec<String>, (u16, String)> {
        let items = items(body.as_bytes(), index).map_err(|error| (error.status, error.message))?;
        let show = |item: &Item<'_>| {
            let document = String::from_utf8_lossy(item.document);
            format!("{} {} {} {document}", item.action.name(), item.index, item.id.as_deref().unwrap_or("-"))
        };
        Ok(items.iter().map(show).collect())
    }

    #[test]
    fn actions_and_documents_are_paired() {
        let body = "{\"index\":{\"_index\":\"a\",\"_id\":\"1\",\"_type\":\"_doc\",\"pipeline\":\"p\"}}\n{\"x\":1}\n\n\
            {\"create\":{}}\r\n{\"x\":2}\r\n{ \"delete\" : {\"_id\":7} }\n{\"index\":{\"op_type\":\"create\"}}\nnoise\n\
            {\"update\":{\"_id\":\"9\"}}\n{\"doc\":{}}\n{\"index\":{}}\n\n";
        let expected = [
            "index a 1 {\"x\":1}",
            "create d - {\"x\":2}",
            "delete d 7 ",
            "create d - noise",
            "update d 9 {\"doc\":{}}",
            "index d - ",
        ];
        assert_eq!(shown(body, Some("d")), Ok(expected.map(str::to_owned).to_vec()));
    }

    #[test]
    fn what_is_no_bulk_request_is_refused_whole() {
        let line = "{\"index\":{\"_index\":\"a\"}}\n{}\n";
        for (body, status, message) in [
            (String::new(), 400, "request body is required"),
            ("\n\n".to_owned(), 400, "Validation Failed: 1: no requests added;"),
            (line.trim_end().to_owned(), 400, "The bulk request must be terminated by a newline [\\n]"),
            (format!("{line}{{\"index\":{{}}}}\n{{}}\n"), 400, "Validation Failed: line [3]: index is missing;"),
            (
                format!("{line}{{\"index\":{{\"_index\":\"a\"}}}}\n"),
                400,
                "the action on line [3] has no document after it",
            ),
        ] {
            assert_eq!(shown(&body, None), Err((status, message.to_owned())), "{body}");
        }
        for bad in [
            "noise",
            "[]",
            "\"index\"",
            "{}",
            "{\"index\":7}",
            "{\"drop\":{}}",
            "{\"index\":{},\"x\":1}",
            "{\"index\":{\"_id\":{}}}",
        ] {
            let (status, message) = shown(&format!("{line}{bad}\n{{}}\n"), Some("d")).expect_err(bad);
            assert_eq!((status, message.starts_with("Malformed action/metadata line [3]: ")), (400, true), "{message}");
        }
        let many = "{\"delete\":{}}\n".repeat(ITEMS_MAX + 1);
        let message = "the bulk request has more than 100000 items; send smaller requests".to_owned();
        assert_eq!(shown(&many, Some("d")), Err((413, message)));
    }
}
