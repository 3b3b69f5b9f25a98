//! The tree of a file, whichever form it is written in.

use orszem_yaml::{Content, Key, Mark, Node};
use toml::de::{DeTable, DeValue};

/// Lines and texts of what is wrong with the syntax.
type SyntaxErrors = Vec<(usize, String)>;

pub(super) fn of_yaml(text: &str) -> Result<Node, SyntaxErrors> {
    Node::parse(text).map_err(|error| vec![(error.mark.line, error.reason)])
}

pub(super) fn of_toml(text: &str) -> Result<Node, SyntaxErrors> {
    let (table, errors) = DeTable::parse_recoverable(text);
    if !errors.is_empty() {
        let line = |error: &toml::de::Error| error.span().map_or(1, |span| mark_of(text, span.start).line);
        return Err(errors.iter().map(|error| (line(error), error.message().to_owned())).collect());
    }
    Ok(Node { content: mapping(text, table.get_ref()), mark: Mark { line: 1, column: 1 } })
}

fn mapping(text: &str, table: &DeTable<'_>) -> Content {
    let mut pairs: Vec<(usize, Key, Node)> = Vec::with_capacity(table.len());
    for (key, value) in table {
        let start = key.span().start;
        let mark = mark_of(text, start);
        let node = Node { content: content(text, value.get_ref()), mark };
        pairs.push((start, Key { text: key.get_ref().to_string(), mark }, node));
    }
    pairs.sort_by_key(|(start, _, _)| *start);
    Content::Mapping(pairs.into_iter().map(|(_, key, node)| (key, node)).collect())
}

fn content(text: &str, value: &DeValue<'_>) -> Content {
    let plain = |text: String| Content::Scalar { text, is_plain: true };
    match value {
        DeValue::String(text) => Content::Scalar { text: text.to_string(), is_plain: false },
        DeValue::Integer(number) => plain(match number.radix() {
            2 => format!("0b{}", number.as_str()),
            8 => format!("0o{}", number.as_str()),
            16 => format!("0x{}", number.as_str()),
            _ => number.as_str().to_owned(),
        }),
        DeValue::Float(number) => plain(number.as_str().to_owned()),
        DeValue::Boolean(value) => plain(value.to_string()),
        DeValue::Datetime(time) => plain(time.to_string()),
        DeValue::Array(items) => Content::Sequence(
            items
                .iter()
                .map(|item| Node { content: content(text, item.get_ref()), mark: mark_of(text, item.span().start) })
                .collect(),
        ),
        DeValue::Table(table) => mapping(text, table),
    }
}

fn mark_of(text: &str, offset: usize) -> Mark {
    let before = text.get(..offset).unwrap_or(text);
    let line = before.bytes().filter(|byte| *byte == b'\n').count() + 1;
    let column = before.rsplit('\n').next().map_or(0, |begun| begun.chars().count()) + 1;
    Mark { line, column }
}

/// Replaces `${NAME}` in all texts, `$${` becoming `${`; lines and names of variables that are not set.
pub(super) fn expand(node: &mut Node, lookup: &dyn Fn(&str) -> Option<String>) -> Vec<(usize, String)> {
    let mut missing = Vec::new();
    let line = node.mark.line;
    match &mut node.content {
        Content::Null => {}
        Content::Sequence(items) => items.iter_mut().for_each(|item| missing.extend(expand(item, lookup))),
        Content::Mapping(pairs) => pairs.iter_mut().for_each(|(_, value)| missing.extend(expand(value, lookup))),
        Content::Scalar { text, .. } if text.contains("${") => {
            let mut expanded = String::with_capacity(text.len());
            let mut rest = text.as_str();
            while let Some((before, after)) = rest.split_once("${") {
                if let Some(before) = before.strip_suffix('$') {
                    expanded.push_str(before);
                    expanded.push_str("${");
                    rest = after;
                    continue;
                }
                expanded.push_str(before);
                let name = after.split_once('}').filter(|(name, _)| is_variable(name));
                let Some((name, next)) = name else {
                    expanded.push_str("${");
                    rest = after;
                    continue;
                };
                match lookup(name) {
                    Some(value) => expanded.push_str(&value),
                    None => missing.push((line, name.to_owned())),
                }
                rest = next;
            }
            expanded.push_str(rest);
            *text = expanded;
        }
        Content::Scalar { .. } => {}
    }
    missing
}

fn is_variable(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// The line of the value at `key`, such as `metric[2].labels[0]`, else of what it would be in.
pub(super) fn line_at(root: &Node, key: &str) -> usize {
    let mut node = root;
    for step in key.split(['.', '[']).filter(|step| !step.is_empty()) {
        let inner = match (&node.content, step.strip_suffix(']')) {
            (Content::Sequence(items), Some(index)) => index.parse::<usize>().ok().and_then(|index| items.get(index)),
            (Content::Mapping(_), None) => node.get(step),
            _ => None,
        };
        match inner {
            Some(inner) => node = inner,
            None => break,
        }
    }
    node.mark.line
}
