//! Takes values out of a YAML tree and notes all that does not fit.

use orszem_promql::parse_duration_ms;

use crate::problem::Problem;
use orszem_yaml::{Content, Key, Mark, Node};

/// After this many problems the rest is not told.
const PROBLEMS_MAX: usize = 200;

#[derive(Default)]
pub(crate) struct Reader {
    pub(crate) problems: Vec<Problem>,
}

impl Reader {
    pub(crate) fn note(&mut self, mark: Mark, key: &str, message: impl Into<String>, remedy: impl Into<String>) {
        if self.problems.len() < PROBLEMS_MAX {
            self.problems.push(Problem { mark, key: key.to_owned(), message: message.into(), remedy: remedy.into() });
        }
    }

    fn not_a(&mut self, node: &Node, key: &str, expected: &str, example: &str) {
        let found = match &node.content {
            Content::Null => "nothing".to_owned(),
            Content::Scalar { text, .. } => format!("`{text}`"),
            Content::Sequence(_) => "a list".to_owned(),
            Content::Mapping(_) => "a mapping".to_owned(),
        };
        self.note(node.mark, key, format!("{found} is not {expected}"), format!("write {example}"));
    }

    /// The pairs of a mapping, with the keys that are `known`; null has none.
    pub(crate) fn mapping<'n>(&mut self, node: &'n Node, key: &str, known: &[&str]) -> &'n [(Key, Node)] {
        let Content::Mapping(pairs) = &node.content else {
            if node.content != Content::Null {
                self.not_a(node, key, "a mapping", &format!("{}: …", known.first().unwrap_or(&"key")));
            }
            return &[];
        };
        for (name, _) in pairs {
            if !known.contains(&name.text.as_str()) {
                let remedy = format!("known here are {}", known.join(", "));
                self.note(name.mark, &within(key, &name.text), "there is no such key", remedy);
            }
        }
        pairs
    }

    pub(crate) fn sequence<'n>(&mut self, node: &'n Node, key: &str) -> &'n [Node] {
        match &node.content {
            Content::Sequence(items) => items,
            Content::Null => &[],
            Content::Scalar { .. } | Content::Mapping(_) => {
                self.not_a(node, key, "a list", "its items with `- ` before each");
                &[]
            }
        }
    }

    /// A text; numbers and the like are taken as they are written, null is empty.
    pub(crate) fn text(&mut self, node: &Node, key: &str) -> String {
        match &node.content {
            Content::Scalar { text, .. } => text.clone(),
            Content::Null => String::new(),
            Content::Sequence(_) | Content::Mapping(_) => {
                self.not_a(node, key, "a text", "a text, in quotes if it has braces");
                String::new()
            }
        }
    }

    pub(crate) fn texts(&mut self, node: &Node, key: &str) -> Vec<String> {
        let items = self.sequence(node, key);
        items.iter().enumerate().map(|(at, item)| self.text(item, &format!("{key}[{at}]"))).collect()
    }

    /// Names and texts of a mapping, with the place of each.
    pub(crate) fn pairs(&mut self, node: &Node, key: &str) -> Vec<Pair> {
        match &node.content {
            Content::Null => Vec::new(),
            Content::Mapping(pairs) => pairs
                .iter()
                .map(|(name, value)| Pair {
                    name: name.text.clone(),
                    text: self.text(value, &within(key, &name.text)),
                    name_mark: name.mark,
                    mark: value.mark,
                })
                .collect(),
            Content::Scalar { .. } | Content::Sequence(_) => {
                self.not_a(node, key, "a mapping", "`name: value`");
                Vec::new()
            }
        }
    }

    /// Milliseconds; 0 where there is no value.
    pub(crate) fn duration(&mut self, node: &Node, key: &str) -> i64 {
        if node.content == Content::Null {
            return 0;
        }
        let text = self.text(node, key);
        match parse_duration_ms(&text) {
            Ok(milliseconds) => milliseconds,
            Err(_) if matches!(node.content, Content::Sequence(_) | Content::Mapping(_)) => 0,
            Err(reason) => {
                self.note(node.mark, key, reason, "write a length such as 30s, 5m or 1h30m");
                0
            }
        }
    }

    pub(crate) fn integer(&mut self, node: &Node, key: &str) -> i64 {
        match &node.content {
            Content::Null => 0,
            Content::Scalar { text, is_plain: true } if text.parse::<i64>().is_ok() => text.parse().unwrap_or(0),
            _ => {
                self.not_a(node, key, "a whole number", "digits, such as 10");
                0
            }
        }
    }

    pub(crate) fn boolean(&mut self, node: &Node, key: &str) -> bool {
        match &node.content {
            Content::Null => false,
            Content::Scalar { text, is_plain: true } => match text.to_ascii_lowercase().as_str() {
                "true" | "yes" | "on" | "y" => true,
                "false" | "no" | "off" | "n" => false,
                _ => {
                    self.not_a(node, key, "true or false", "true or false");
                    false
                }
            },
            _ => {
                self.not_a(node, key, "true or false", "true or false");
                false
            }
        }
    }

    pub(crate) fn number(&mut self, node: &Node, key: &str) -> f64 {
        let number = match &node.content {
            Content::Null => Some(0.0),
            Content::Scalar { text, is_plain: true } => number(text),
            _ => None,
        };
        number.unwrap_or_else(|| {
            self.not_a(node, key, "a number", "a number, such as 1.5, .inf or .nan, without quotes");
            0.0
        })
    }
}

/// A pair of a mapping.
pub(crate) struct Pair {
    pub(crate) name: String,
    pub(crate) text: String,
    pub(crate) name_mark: Mark,
    pub(crate) mark: Mark,
}

pub(crate) fn within(key: &str, name: &str) -> String {
    if key.is_empty() { name.to_owned() } else { format!("{key}.{name}") }
}

fn number(text: &str) -> Option<f64> {
    let lower = text.to_ascii_lowercase();
    match lower.as_str() {
        ".inf" | "+.inf" => return Some(f64::INFINITY),
        "-.inf" => return Some(f64::NEG_INFINITY),
        ".nan" => return Some(f64::NAN),
        _ => {}
    }
    let digits = lower.replace('_', "");
    #[expect(clippy::cast_precision_loss, reason = "as every reader of YAML does")]
    if let Some(hex) = digits.strip_prefix("0x") {
        return u64::from_str_radix(hex, 16).ok().map(|number| number as f64);
    }
    let is_number =
        digits.bytes().any(|byte| byte.is_ascii_digit()) && !digits.contains("inf") && !digits.contains("nan");
    digits.parse().ok().filter(|_| is_number)
}
