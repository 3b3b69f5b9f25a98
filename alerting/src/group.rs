//! What alerts of one incident have in common where labels group them.

use std::fmt;

use orszem_model::code::Code;
use orszem_model::{Labels, coded, varint};

/// A group of alerts under one route.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Group {
    /// The path of the route: `/0/2`; empty for the root.
    pub path: String,
    /// The rule, where every alert is a group of its own; else empty.
    pub rule: String,
    /// Those that group, with their values; empty values are labels that are not there.
    pub labels: Labels,
}

/// The group of a message's incident; `None` where topology groups, or it is about none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MessageGroup(pub Option<Group>);

/// In front of the parts of a group; what was written before them is a text, which begins with `/` or `:`.
const PARTS: u8 = 0;

/// The parts of a [`Group`] as they are written.
struct Parts {
    path: String,
    rule: String,
    labels: Labels,
}

coded! { Parts { path, rule, labels } }

impl Group {
    fn bytes(&self) -> Vec<u8> {
        let Self { path, rule, labels } = self.clone();
        let mut out = vec![PARTS];
        Parts { path, rule, labels }.put(&mut out);
        out
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        match bytes.split_first()? {
            (&PARTS, mut rest) => {
                let Parts { path, rule, labels } = Parts::take(&mut rest).filter(|_| rest.is_empty())?;
                Some(Self { path, rule, labels })
            }
            _ => Some(Self::of_text(std::str::from_utf8(bytes).ok()?)),
        }
    }

    /// The form in which groups were written once: `/0:{"name": "value"}` or `/0:rule:{…}`, texts as Rust shows them. One
    /// that is not understood stays a group of its own, without labels.
    fn of_text(text: &str) -> Self {
        let parsed = text.split_once(':').and_then(|(path, rest)| {
            let (rule, labels) = match rest.starts_with('{') {
                true => ("", rest),
                false => {
                    let colon = rest.find(":{")?;
                    (rest.get(..colon)?, rest.get(colon + 1..)?)
                }
            };
            Some(Self { path: path.to_owned(), rule: rule.to_owned(), labels: shown_labels(labels)? })
        });
        parsed.unwrap_or_else(|| Self { path: text.to_owned(), ..Self::default() })
    }
}

/// `{"name": "value", …}` as Rust shows a map of texts.
fn shown_labels(text: &str) -> Option<Labels> {
    let mut rest = text.strip_prefix('{')?;
    let mut pairs = Vec::new();
    while !rest.starts_with('}') {
        let (name, behind) = shown_text(rest)?;
        let (value, behind) = shown_text(behind.strip_prefix(": ")?)?;
        pairs.push((name, value));
        rest = behind.strip_prefix(", ").unwrap_or(behind);
    }
    (rest == "}").then(|| Labels::new(pairs))
}

/// A text in quotes as Rust shows it, and what is behind it.
fn shown_text(text: &str) -> Option<(String, &str)> {
    let mut chars = text.strip_prefix('"')?.chars();
    let mut out = String::new();
    loop {
        match chars.next()? {
            '"' => return Some((out, chars.as_str())),
            '\\' => match chars.next()? {
                'n' => out.push('\n'),
                'r' => out.push('\r'),
                't' => out.push('\t'),
                '0' => out.push('\0'),
                'u' => {
                    let (digits, behind) = chars.as_str().strip_prefix('{')?.split_once('}')?;
                    out.push(char::from_u32(u32::from_str_radix(digits, 16).ok()?)?);
                    chars = behind.chars();
                }
                c => out.push(c),
            },
            c => out.push(c),
        }
    }
}

/// For people.
impl fmt::Display for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, rule, labels } = self;
        let colon = if rule.is_empty() { "" } else { ":" };
        write!(f, "{path}:{rule}{colon}{labels:?}")
    }
}

impl Code for Group {
    fn put(&self, out: &mut Vec<u8>) {
        varint::put_bytes(out, &self.bytes());
    }

    fn take(input: &mut &[u8]) -> Option<Self> {
        Self::read(varint::take_bytes(input)?)
    }
}

/// No bytes where there is none.
impl Code for MessageGroup {
    fn put(&self, out: &mut Vec<u8>) {
        varint::put_bytes(out, &self.0.as_ref().map(Group::bytes).unwrap_or_default());
    }

    fn take(input: &mut &[u8]) -> Option<Self> {
        match varint::take_bytes(input)? {
            [] => Some(Self(None)),
            bytes => Group::read(bytes).map(|group| Self(Some(group))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(path: &str, rule: &str, labels: &[(&str, &str)]) -> Group {
        Group { path: path.to_owned(), rule: rule.to_owned(), labels: Labels::new(labels.to_vec()) }
    }

    fn taken<T: Code>(of: &impl Code) -> Option<T> {
        let mut bytes = Vec::new();
        of.put(&mut bytes);
        let mut rest = bytes.as_slice();
        T::take(&mut rest).filter(|_| rest.is_empty())
    }

    #[test]
    fn a_group_round_trips_whatever_its_labels_hold() {
        for group in [
            group("", "", &[]),
            group("/0/2", "", &[("host", "a"), ("x", "")]),
            group("/1", "Disk: full", &[("m", "\"\\,: {}\u{301}\n\u{7f}'")]),
        ] {
            assert_eq!(taken::<Group>(&group), Some(group.clone()));
            assert_eq!(taken::<MessageGroup>(&MessageGroup(Some(group.clone()))), Some(MessageGroup(Some(group))));
        }
        assert_eq!(taken::<MessageGroup>(&MessageGroup(None)), Some(MessageGroup(None)));
    }

    #[test]
    fn what_was_written_as_a_text_is_read() {
        for group in [
            group("", "", &[]),
            group("/0/2", "", &[("host", "a"), ("x", "")]),
            group("/1", "Disk", &[("m", "\"\\,: {}\u{301}\n\r\t\0\u{7f}'")]),
        ] {
            let text = group.to_string();
            assert_eq!(taken::<Group>(&text), Some(group.clone()), "{text}");
            assert_eq!(taken::<MessageGroup>(&text), Some(MessageGroup(Some(group))), "{text}");
        }
        assert_eq!(taken::<MessageGroup>(&String::new()), Some(MessageGroup(None)));
        let torn = "/0:{\"host\": \"a";
        assert_eq!(taken::<Group>(&torn.to_owned()), Some(group(torn, "", &[])));
    }

    #[test]
    fn what_is_neither_is_refused() {
        let mut cut = Vec::new();
        varint::put_bytes(&mut cut, &[PARTS, 9]);
        assert_eq!(Group::take(&mut cut.as_slice()), None);
        let mut empty = Vec::new();
        varint::put_bytes(&mut empty, &[]);
        assert_eq!(Group::take(&mut empty.as_slice()), None);
    }
}
