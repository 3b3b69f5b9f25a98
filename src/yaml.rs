//! Writes YAML: what `/api/v1/status/config` shows.

use serde_json::{Map, Value};

/// `value` as a YAML document in block style.
pub(crate) fn to_yaml(value: &Value) -> String {
    let mut out = String::new();
    match value {
        Value::Object(map) if !map.is_empty() => put_map(&mut out, map, 0),
        Value::Array(items) if !items.is_empty() => put_list(&mut out, items, 0),
        other => {
            out.push_str(&inline(other));
            out.push('\n');
        }
    }
    out
}

fn put_map(out: &mut String, map: &Map<String, Value>, depth: usize) {
    for (at, (name, value)) in map.iter().enumerate() {
        // The first entry of a list's element stands behind its dash.
        if at > 0 || !out.ends_with("- ") {
            out.push_str(&"  ".repeat(depth));
        }
        out.push_str(&text(name));
        out.push(':');
        match value {
            Value::Object(inner) if !inner.is_empty() => {
                out.push('\n');
                put_map(out, inner, depth + 1);
            }
            Value::Array(items) if !items.is_empty() => {
                out.push('\n');
                put_list(out, items, depth);
            }
            other => {
                out.push(' ');
                out.push_str(&inline(other));
                out.push('\n');
            }
        }
    }
}

fn put_list(out: &mut String, items: &[Value], depth: usize) {
    for item in items {
        out.push_str(&"  ".repeat(depth));
        out.push_str("- ");
        match item {
            Value::Object(inner) if !inner.is_empty() => put_map(out, inner, depth + 1),
            // Lists of lists are written in one line.
            other => {
                out.push_str(&inline(other));
                out.push('\n');
            }
        }
    }
}

fn inline(value: &Value) -> String {
    match value {
        Value::String(value) => text(value),
        // JSON is YAML in flow style.
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => value.to_string(),
    }
}

/// A string, in quotes where it would be read as something else.
fn text(value: &str) -> String {
    if is_plain(value) { value.to_owned() } else { Value::from(value).to_string() }
}

/// Whether YAML 1.1 and 1.2 both read `value` as a string, as it stands and anywhere.
fn is_plain(value: &str) -> bool {
    const RESERVED: [&str; 13] =
        ["null", "true", "false", "yes", "no", "on", "off", "y", "n", ".nan", ".inf", "-", "~"];
    let is_first = |first: char| first.is_ascii_alphabetic() || matches!(first, '/' | '_' | '<');
    let is_inner = |char: char| char.is_ascii_alphanumeric() || "/_.-+<>=@()$^;".contains(char);
    value.starts_with(is_first)
        && value.chars().all(is_inner)
        && !value.starts_with("<<")
        && !RESERVED.contains(&value.to_ascii_lowercase().as_str())
        || is_duration(value)
}

/// Digits with units, such as `1m30s`: with a letter at the end it is no number, unless it is an exponent's or a hex
/// number's.
fn is_duration(value: &str) -> bool {
    value.starts_with(|first: char| first.is_ascii_digit())
        && value.ends_with(['s', 'm', 'h', 'd', 'w', 'y', 'B'])
        && value.chars().all(|char| char.is_ascii_digit() || "smhdwyKMGTiB".contains(char))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn maps_lists_and_strings_are_written_as_yaml_reads_them() {
        let value = json!({
            "a": { "empty": {}, "none": null, "list": [] },
            "jobs": [
                { "name": "node", "targets": ["db1:9100", "db2"], "labels": { "a b": "x" } },
                "second",
                [1, "two"],
                {},
            ],
            "numbers": [1, 2.5, true],
            "texts": ["yes", "1", "1e3", "", "a: b", "# c", "1m30s", "64MiB", "<secret>", "(.*)", "ő\n\"", "- x", "0x1"],
        });
        let expected = "\
a:
  empty: {}
  list: []
  none: null
jobs:
- labels:
    \"a b\": x
  name: node
  targets:
  - \"db1:9100\"
  - db2
- second
- [1,\"two\"]
- {}
numbers:
- 1
- 2.5
- true
texts:
- \"yes\"
- \"1\"
- \"1e3\"
- \"\"
- \"a: b\"
- \"# c\"
- 1m30s
- 64MiB
- <secret>
- \"(.*)\"
- \"ő\\n\\\"\"
- \"- x\"
- \"0x1\"
";
        assert_eq!(to_yaml(&value), expected);
        assert_eq!(to_yaml(&json!({})), "{}\n");
    }
}
