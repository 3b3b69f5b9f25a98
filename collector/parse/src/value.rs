//! The value of a recognised field.

use std::borrow::Cow;

/// What a field holds; text is borrowed from the line where it can be.
#[derive(Clone, Debug, PartialEq)]
pub enum Value<'a> {
    Text(Cow<'a, str>),
    Integer(i64),
    Float(f64),
    Bool(bool),
    Null,
    /// An array, as JSON text.
    Json(Cow<'a, str>),
}

impl Value<'_> {
    /// Bytes of its text; 8 for what has none.
    pub fn text_len(&self) -> usize {
        match self {
            Self::Text(text) | Self::Json(text) => text.len(),
            Self::Integer(_) | Self::Float(_) | Self::Bool(_) | Self::Null => 8,
        }
    }
}
