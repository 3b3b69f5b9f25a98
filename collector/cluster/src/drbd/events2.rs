//! One line of `drbdsetup events2`, of DRBD 9 or 8.4, with any of its options.
//!
//! `[TIME ]VERB OBJECT [key:value…]`; a value may have colons in it, and with `--diff` it is `old->new`. Words and keys
//! that are not known are kept. Source: drbd-utils, `user/v9/drbdsetup_events2.c`.

use orszem_model::Timestamp;

/// The longest line; what `drbdsetup` prints is far below.
pub const LINE_BYTES_MAX: usize = 64 * 1024;
/// The longest value: a path.
const VALUE_BYTES_MAX: usize = 4096;
/// The longest verb, object or key.
const WORD_BYTES_MAX: usize = 64;

/// A line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// When `drbdsetup` printed it, with `--timestamps`.
    pub at: Option<Timestamp>,
    pub verb: Verb,
    pub object: Object,
    /// In their order.
    pub keys: Vec<Pair>,
}

/// A key with its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pair {
    pub key: String,
    pub value: String,
    /// What it was before, with `--diff`.
    pub was: Option<String>,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verb {
    /// It was there when the tool began.
    Exists,
    Create,
    Change,
    Destroy,
    /// A helper is called.
    Call,
    /// A helper has ended.
    Response,
    Rename,
    /// `- skipped N`: the kernel told more than the tool could take, and what it was is lost.
    Skipped,
    Other(String),
}

/// What it happened to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Object {
    Resource,
    Device,
    Connection,
    PeerDevice,
    Path,
    Helper,
    /// `-`: the end of what was there when the tool began.
    End,
    Other(String),
}

/// Why a line is no event.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EventError {
    #[error("line of {bytes} bytes; at most {LINE_BYTES_MAX} are read")]
    TooLong { bytes: usize },
    #[error("line is not UTF-8")]
    NotText,
    #[error("output ended within a line")]
    Truncated,
    #[error("`{text}` is not a time")]
    Time { text: String },
    #[error("no verb and object")]
    NoObject,
    #[error("`{word}` is not a word of letters, `-` and `_`")]
    Word { word: String },
    #[error("`{text}` is not a key and a value")]
    NoValue { text: String },
    #[error("value of `{key}` has {bytes} bytes; at most {VALUE_BYTES_MAX} are kept")]
    ValueTooLong { key: String, bytes: usize },
}

impl Event {
    /// The value of a key.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.keys.iter().find(|pair| pair.key == key).map(|pair| pair.value.as_str())
    }
}

impl Verb {
    fn read(word: &str) -> Self {
        match word {
            "exists" => Self::Exists,
            "create" => Self::Create,
            "change" => Self::Change,
            "destroy" => Self::Destroy,
            "call" => Self::Call,
            "response" => Self::Response,
            "rename" => Self::Rename,
            other => Self::Other(other.to_owned()),
        }
    }
}

impl Object {
    fn read(word: &str) -> Self {
        match word {
            "resource" => Self::Resource,
            "device" => Self::Device,
            "connection" => Self::Connection,
            "peer-device" => Self::PeerDevice,
            "path" => Self::Path,
            "helper" => Self::Helper,
            "-" => Self::End,
            other => Self::Other(other.to_owned()),
        }
    }
}

/// Reads a line, with its end or without. `None` for an empty one.
pub fn parse(line: &[u8]) -> Result<Option<Event>, EventError> {
    if line.len() > LINE_BYTES_MAX {
        return Err(EventError::TooLong { bytes: line.len() });
    }
    let line = std::str::from_utf8(line).map_err(|_| EventError::NotText)?;
    let mut words = line.split_ascii_whitespace().peekable();
    let Some(first) = words.peek().copied() else { return Ok(None) };
    let at = if first.starts_with(|c: char| c.is_ascii_digit()) {
        words.next();
        Some(first.parse().map_err(|_| EventError::Time { text: shortened(first) })?)
    } else {
        None
    };
    let (Some(verb), Some(object)) = (words.next(), words.next()) else { return Err(EventError::NoObject) };
    if (verb, object) == ("-", "skipped") {
        return Ok(Some(Event { at, verb: Verb::Skipped, object: Object::End, keys: Vec::new() }));
    }
    let (verb, object) = (Verb::read(checked(verb)?), Object::read(checked(object)?));
    let keys = words.map(pair).collect::<Result<Vec<_>, _>>()?;
    if keys.is_empty() && object != Object::End {
        return Err(EventError::NoValue { text: String::new() });
    }
    Ok(Some(Event { at, verb, object, keys }))
}

/// Keys that tell what it is about: with `--diff` they have one value all the same.
const IDENTITY: [&str; 9] =
    ["name", "peer-node-id", "conn-name", "volume", "minor", "local", "peer", "helper", "new_name"];

fn pair(text: &str) -> Result<Pair, EventError> {
    let no_value = || EventError::NoValue { text: shortened(text) };
    let (key, value) = text.split_once(':').ok_or_else(no_value)?;
    checked(key)?;
    if value.is_empty() {
        return Err(no_value());
    }
    if value.len() > VALUE_BYTES_MAX {
        return Err(EventError::ValueTooLong { key: key.to_owned(), bytes: value.len() });
    }
    let (was, value) = match value.split_once("->").filter(|_| !IDENTITY.contains(&key)) {
        Some((_, "")) => return Err(no_value()),
        Some((was, value)) => (Some(was.to_owned()), value),
        None => (None, value),
    };
    Ok(Pair { key: key.to_owned(), value: value.to_owned(), was })
}

fn checked(word: &str) -> Result<&str, EventError> {
    let is_word = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
    if word.is_empty() || word.len() > WORD_BYTES_MAX || !word.bytes().all(is_word) {
        return Err(EventError::Word { word: shortened(word) });
    }
    Ok(word)
}

/// Enough of a text to tell what it is.
fn shortened(text: &str) -> String {
    text.chars().take(WORD_BYTES_MAX).collect()
}

#[cfg(test)]
mod tests;
