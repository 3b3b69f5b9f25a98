//! XML documents with limits, and what is read from their elements.

use roxmltree::{Document, Node, ParsingOptions};

/// Bytes of a document. The status of a cluster of 64 nodes with thousands of resources has a few MiB.
pub const BYTES_MAX: usize = 64 << 20;
/// Elements within each other.
pub const DEPTH_MAX: usize = 64;
/// Attributes of an element.
pub const ATTRIBUTES_MAX: usize = 256;
/// Elements, texts and comments of a document, and its attributes; each takes up to 100 bytes of memory.
pub const NODES_MAX: u32 = 2_000_000;

/// Why a document is not read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum XmlError {
    #[error("the document has {bytes} bytes; at most {BYTES_MAX} are read")]
    TooLong { bytes: usize },
    #[error("the document's elements are nested deeper than {DEPTH_MAX}")]
    TooDeep,
    #[error("an element of the document has more than {ATTRIBUTES_MAX} attributes")]
    TooWide,
    #[error("the document has more than {NODES_MAX} elements or attributes")]
    TooMany,
    #[error("the document is not well-formed XML")]
    Malformed(#[source] roxmltree::Error),
}

/// Reads a document. What stands before its first `<`, such as a warning of the tool, is passed over.
pub(crate) fn parse(text: &str) -> Result<Document<'_>, XmlError> {
    if text.len() > BYTES_MAX {
        return Err(XmlError::TooLong { bytes: text.len() });
    }
    let text = text.find('<').and_then(|at| text.get(at..)).unwrap_or(text);
    check(text.as_bytes())?;
    let options = ParsingOptions { nodes_limit: NODES_MAX, ..ParsingOptions::default() };
    Document::parse_with_options(text, options).map_err(|error| match error {
        roxmltree::Error::NodesLimitReached => XmlError::TooMany,
        error => XmlError::Malformed(error),
    })
}

/// Whether the document keeps the limits. One that is not well-formed may pass; the parser tells it then.
fn check(mut rest: &[u8]) -> Result<(), XmlError> {
    let mut depth = 0_usize;
    let mut attributes = 0_u32;
    while let Some(at) = rest.iter().position(|byte| *byte == b'<') {
        rest = rest.get(at + 1..).unwrap_or_default();
        let other = [(&b"!--"[..], &b"-->"[..]), (b"![CDATA[", b"]]>"), (b"?", b"?>"), (b"!", b">")];
        if let Some((_, end)) = other.iter().find(|(start, _)| rest.starts_with(start)) {
            rest = after(rest, end);
        } else if rest.first() == Some(&b'/') {
            depth = depth.saturating_sub(1);
        } else {
            let tag = Tag::of(rest);
            if tag.attributes > ATTRIBUTES_MAX {
                return Err(XmlError::TooWide);
            }
            attributes = attributes.saturating_add(u32::try_from(tag.attributes).unwrap_or(u32::MAX));
            if attributes > NODES_MAX {
                return Err(XmlError::TooMany);
            }
            if !tag.is_empty {
                depth += 1;
                if depth > DEPTH_MAX {
                    return Err(XmlError::TooDeep);
                }
            }
            rest = rest.get(tag.bytes..).unwrap_or_default();
        }
    }
    Ok(())
}

/// What follows the first `end`.
fn after<'t>(text: &'t [u8], end: &[u8]) -> &'t [u8] {
    let at = text.windows(end.len()).position(|window| window == end);
    at.and_then(|at| text.get(at + end.len()..)).unwrap_or_default()
}

/// The start of an element.
struct Tag {
    bytes: usize,
    attributes: usize,
    is_empty: bool,
}

impl Tag {
    fn of(text: &[u8]) -> Self {
        let mut attributes = 0;
        let mut quote = None;
        let mut last = b' ';
        for (at, byte) in text.iter().copied().enumerate() {
            match quote {
                Some(open) if open == byte => quote = None,
                Some(_) => {}
                None if byte == b'>' => return Self { bytes: at + 1, attributes, is_empty: last == b'/' },
                None if byte == b'"' || byte == b'\'' => quote = Some(byte),
                None if byte == b'=' => attributes += 1,
                None => {}
            }
            last = byte;
        }
        Self { bytes: text.len(), attributes, is_empty: false }
    }
}

/// The value of an attribute; empty where there is none.
pub(crate) fn text<'a>(node: Node<'a, '_>, name: &str) -> &'a str {
    node.attribute(name).unwrap_or_default()
}

pub(crate) fn owned(node: Node<'_, '_>, name: &str) -> String {
    text(node, name).to_owned()
}

/// Whether an attribute says yes, in one of Pacemaker's words.
pub(crate) fn is(node: Node<'_, '_>, name: &str) -> bool {
    is_true(text(node, name))
}

/// Whether a word means yes, as Pacemaker reads it.
pub(crate) fn is_true(word: &str) -> bool {
    ["true", "yes", "on", "y", "1"].iter().any(|yes| word.eq_ignore_ascii_case(yes))
}

pub(crate) fn number<N: std::str::FromStr>(node: Node<'_, '_>, name: &str) -> Option<N> {
    text(node, name).parse().ok()
}

/// The elements of this name right below.
pub(crate) fn children<'a, 'i>(node: Node<'a, 'i>, name: &'static str) -> impl Iterator<Item = Node<'a, 'i>> {
    node.children().filter(move |child| child.has_tag_name(name))
}

pub(crate) fn child<'a, 'i>(node: Node<'a, 'i>, name: &'static str) -> Option<Node<'a, 'i>> {
    children(node, name).next()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nested(depth: usize) -> String {
        format!("{}{}", "<a b='>\"'>".repeat(depth), "</a>".repeat(depth))
    }

    #[test]
    fn a_document_keeps_the_limits_or_is_refused() {
        assert_eq!(parse(&nested(DEPTH_MAX)).map(|document| document.descendants().count()), Ok(DEPTH_MAX + 1));
        assert_eq!(parse(&nested(DEPTH_MAX + 1)).err(), Some(XmlError::TooDeep));
        let wide = |count: usize| {
            let attributes: String = (0..count).map(|at| format!(" a{at}='='")).collect();
            format!("<r><e{attributes}/></r>")
        };
        assert!(parse(&wide(ATTRIBUTES_MAX)).is_ok());
        assert_eq!(parse(&wide(ATTRIBUTES_MAX + 1)).err(), Some(XmlError::TooWide));
        let long = format!("<r>{}</r>", " ".repeat(BYTES_MAX));
        assert_eq!(parse(&long).err(), Some(XmlError::TooLong { bytes: BYTES_MAX + 7 }));
    }

    #[test]
    fn neither_too_many_elements_nor_attributes_are_taken() {
        let half = NODES_MAX as usize / 2 + 1;
        let elements = format!("<r>{}</r>", "<a/>".repeat(half * 2));
        assert_eq!(parse(&elements).err(), Some(XmlError::TooMany));
        let attributes = format!("<r>{}</r>", "<a b='' c=''/>".repeat(half));
        assert_eq!(parse(&attributes).err(), Some(XmlError::TooMany));
    }

    #[test]
    fn what_is_no_element_is_no_depth() {
        let odd = "<!-- <a><a> --><?pi <a> ?><a><![CDATA[ <a><a> ]]><b/></a>";
        assert_eq!(parse(&format!("{}{odd}", "warning: x\n")).map(|d| d.descendants().count()), Ok(6));
        // Entities can't be defined, so none can grow.
        assert_eq!(
            parse("<!DOCTYPE a [<!ENTITY x 'y'>]><a>&x;</a>").err(),
            Some(XmlError::Malformed(roxmltree::Error::DtdDetected))
        );
    }

    #[test]
    fn yes_has_many_words() {
        assert!(["true", "Yes", "ON", "1", "y"].into_iter().all(is_true));
        assert!(!["", "false", "no", "0", "truee"].into_iter().any(is_true));
    }
}
