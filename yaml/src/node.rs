//! The tree of a YAML document.

use std::collections::HashMap;

use saphyr_parser::{Event, Parser, ScalarStyle, ScanError, Span, StrInput};

use super::error::Step;

/// Deeper nesting is refused.
const DEPTH_MAX: usize = 64;
/// More values, those of aliases counted each time, are refused.
const NODES_MAX: usize = 1 << 20;

/// A place in a text: line and column, from 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
pub struct Mark {
    pub line: usize,
    pub column: usize,
}

impl From<Span> for Mark {
    fn from(span: Span) -> Self {
        Self { line: span.start.line(), column: span.start.col() + 1 }
    }
}

/// A value of a document.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    pub content: Content,
    /// Of an alias, where that stands.
    pub mark: Mark,
}

/// A key of a mapping.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    pub text: String,
    pub mark: Mark,
}

/// What a value is.
#[derive(Clone, Debug, PartialEq)]
pub enum Content {
    Null,
    /// `is_plain`: without quotes, so that it may be a number or a boolean.
    Scalar {
        text: String,
        is_plain: bool,
    },
    Sequence(Vec<Node>),
    /// In the order of the document, each key once.
    Mapping(Vec<(Key, Node)>),
}

/// Why a text is no YAML, or none that is taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {}: {reason}", mark.line)]
pub struct SyntaxError {
    pub mark: Mark,
    pub reason: String,
}

impl From<ScanError> for SyntaxError {
    fn from(error: ScanError) -> Self {
        let mark = Mark { line: error.marker().line(), column: error.marker().col() + 1 };
        Self { mark, reason: error.info().to_owned() }
    }
}

impl Node {
    /// Reads the first document of a text; an empty one is null.
    ///
    /// # Errors
    /// Broken syntax, a key that a mapping has twice, nesting deeper than 64, more than 1,048,576 values.
    pub fn parse(text: &str) -> Result<Self, SyntaxError> {
        let mut tree = Tree { parser: Parser::new_from_str(text), anchors: HashMap::new(), left: NODES_MAX };
        loop {
            match tree.event()? {
                (Event::StreamEnd, span) => return Ok(Self { content: Content::Null, mark: span.into() }),
                (Event::StreamStart | Event::DocumentStart(_) | Event::DocumentEnd | Event::Nothing, _) => {}
                (event, span) => return tree.node(event, span, 0),
            }
        }
    }

    /// The value of a mapping's key.
    pub fn get(&self, key: &str) -> Option<&Self> {
        match &self.content {
            Content::Mapping(pairs) => pairs.iter().find(|pair| pair.0.text == key).map(|pair| &pair.1),
            Content::Null | Content::Scalar { .. } | Content::Sequence(_) => None,
        }
    }

    /// The scalar at the end of `path`, which begins with the innermost step; empty if there is none.
    pub(super) fn text_at(&self, path: &[Step]) -> String {
        let mut node = Some(self);
        for step in path.iter().rev() {
            node = node.and_then(|node| match (&node.content, step) {
                (Content::Mapping(_), Step::Key(key)) => node.get(key),
                (Content::Sequence(items), Step::Index(index)) => items.get(*index),
                _ => None,
            });
        }
        match node.map(|node| &node.content) {
            Some(Content::Scalar { text, .. }) => text.clone(),
            _ => String::new(),
        }
    }

    /// Removes the value at the end of `path`, an item of a sequence by making it null; false if there is none.
    pub(super) fn remove(&mut self, path: &[Step]) -> bool {
        let Some((step, outer)) = path.split_last() else { return false };
        match (&mut self.content, step) {
            (Content::Mapping(pairs), Step::Key(key)) => {
                let Some(at) = pairs.iter().position(|pair| pair.0.text == *key) else { return false };
                if outer.is_empty() {
                    pairs.remove(at);
                    return true;
                }
                pairs.get_mut(at).is_some_and(|pair| pair.1.remove(outer))
            }
            (Content::Sequence(items), Step::Index(index)) => match items.get_mut(*index) {
                Some(item) if outer.is_empty() => {
                    let was_null = item.content == Content::Null;
                    item.content = Content::Null;
                    !was_null
                }
                Some(item) => item.remove(outer),
                None => false,
            },
            _ => false,
        }
    }
}

struct Tree<'t> {
    parser: Parser<'t, StrInput<'t>>,
    anchors: HashMap<usize, Node>,
    left: usize,
}

impl<'t> Tree<'t> {
    fn event(&mut self) -> Result<(Event<'t>, Span), SyntaxError> {
        let cut = || SyntaxError { mark: Mark::default(), reason: "the document is cut short".to_owned() };
        Ok(self.parser.next_event().ok_or_else(cut)??)
    }

    fn node(&mut self, event: Event<'t>, span: Span, depth: usize) -> Result<Node, SyntaxError> {
        let mark = Mark::from(span);
        let wrong = |reason: String| SyntaxError { mark, reason };
        if depth > DEPTH_MAX {
            return Err(wrong(format!("nested deeper than {DEPTH_MAX} levels")));
        }
        let many = || wrong(format!("more than {NODES_MAX} values"));
        self.left = self.left.checked_sub(1).ok_or_else(many)?;
        let (content, anchor) = match event {
            Event::Alias(anchor) => {
                let node = self.anchors.get(&anchor).cloned().ok_or_else(|| wrong("an alias of nothing".to_owned()))?;
                self.left = self.left.checked_sub(size(&node)).ok_or_else(many)?;
                return Ok(Node { mark, ..node });
            }
            Event::Scalar(text, style, anchor, tag) => {
                let is_plain = style == ScalarStyle::Plain && tag.is_none();
                let is_null = is_plain && matches!(text.as_ref(), "" | "~" | "null" | "Null" | "NULL");
                let scalar = Content::Scalar { text: text.into_owned(), is_plain };
                (if is_null { Content::Null } else { scalar }, anchor)
            }
            Event::SequenceStart(anchor, _) => (self.sequence(depth)?, anchor),
            Event::MappingStart(anchor, _) => (self.mapping(depth)?, anchor),
            _ => return Err(wrong("a value is missing".to_owned())),
        };
        let node = Node { content, mark };
        if anchor > 0 {
            self.anchors.insert(anchor, node.clone());
        }
        Ok(node)
    }

    fn sequence(&mut self, depth: usize) -> Result<Content, SyntaxError> {
        let mut items = Vec::new();
        loop {
            match self.event()? {
                (Event::SequenceEnd, _) => return Ok(Content::Sequence(items)),
                (event, span) => items.push(self.node(event, span, depth + 1)?),
            }
        }
    }

    fn mapping(&mut self, depth: usize) -> Result<Content, SyntaxError> {
        let mut pairs: Vec<(Key, Node)> = Vec::new();
        let mut merged = Vec::new();
        loop {
            let (event, span) = self.event()?;
            if event == Event::MappingEnd {
                break;
            }
            let mark = Mark::from(span);
            let text = match self.node(event, span, depth + 1)?.content {
                Content::Scalar { text, .. } => text,
                Content::Null => "null".to_owned(),
                Content::Sequence(_) | Content::Mapping(_) => {
                    return Err(SyntaxError { mark, reason: "a key must be a scalar".to_owned() });
                }
            };
            let (event, span) = self.event()?;
            let value = self.node(event, span, depth + 1)?;
            if text == "<<" {
                merged.push(value);
            } else if let Some(first) = pairs.iter().find(|pair| pair.0.text == text) {
                let line = first.0.mark.line;
                return Err(SyntaxError { mark, reason: format!("the key `{text}` is there already, at line {line}") });
            } else {
                pairs.push((Key { text, mark }, value));
            }
        }
        for value in merged {
            merge(&mut pairs, value);
        }
        Ok(Content::Mapping(pairs))
    }
}

/// Adds what a `<<` key holds; keys of the mapping itself win.
fn merge(pairs: &mut Vec<(Key, Node)>, value: Node) {
    match value.content {
        Content::Mapping(others) => {
            for other in others {
                if !pairs.iter().any(|pair| pair.0.text == other.0.text) {
                    pairs.push(other);
                }
            }
        }
        Content::Sequence(items) => items.into_iter().for_each(|item| merge(pairs, item)),
        Content::Null | Content::Scalar { .. } => {}
    }
}

fn size(node: &Node) -> usize {
    match &node.content {
        Content::Null | Content::Scalar { .. } => 1,
        Content::Sequence(items) => 1 + items.iter().map(size).sum::<usize>(),
        Content::Mapping(pairs) => 1 + pairs.iter().map(|pair| 1 + size(&pair.1)).sum::<usize>(),
    }
}
