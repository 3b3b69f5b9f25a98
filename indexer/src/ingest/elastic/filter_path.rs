//! `filter_path`: which parts of an answer a client wants.
//!
//! Source: Elasticsearch 8 reference, "Response filtering".

use serde_json::Value;

/// The most patterns that are read of a request.
const PATTERNS_MAX: usize = 32;

/// Dotted patterns, `*` for any part of a name, `**` for any names; those that begin with `-` take away.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in super::super) struct FilterPath {
    wanted: Vec<Vec<String>>,
    unwanted: Vec<Vec<String>>,
}

impl FilterPath {
    /// Reads the parameter's value.
    pub(in super::super) fn new(text: &str) -> Self {
        let mut filter = Self::default();
        for pattern in text.split(',').map(str::trim_ascii).filter(|pattern| !pattern.is_empty()).take(PATTERNS_MAX) {
            let (list, pattern) = match pattern.strip_prefix('-') {
                Some(pattern) => (&mut filter.unwanted, pattern),
                None => (&mut filter.wanted, pattern),
            };
            list.push(pattern.split('.').map(str::to_owned).collect());
        }
        filter
    }

    /// Whether everything is wanted.
    pub(in super::super) fn is_empty(&self) -> bool {
        self.wanted.is_empty() && self.unwanted.is_empty()
    }

    /// What is wanted of `value`, which stands below the names of `path`; `None` for nothing. Arrays have no names.
    pub(in super::super) fn apply(&self, path: &mut Vec<String>, value: Value) -> Option<Value> {
        match value {
            Value::Object(entries) if !entries.is_empty() => {
                let mut kept = serde_json::Map::new();
                for (name, value) in entries {
                    path.push(name);
                    let value = self.apply(path, value);
                    if let (Some(name), Some(value)) = (path.pop(), value) {
                        kept.insert(name, value);
                    }
                }
                (!kept.is_empty()).then_some(Value::Object(kept))
            }
            Value::Array(values) if !values.is_empty() => {
                let kept: Vec<Value> = values.into_iter().filter_map(|value| self.apply(path, value)).collect();
                (!kept.is_empty()).then_some(Value::Array(kept))
            }
            leaf => self.is_wanted(path).then_some(leaf),
        }
    }

    fn is_wanted(&self, path: &[String]) -> bool {
        let names = |pattern: &Vec<String>| covers(pattern, path);
        (self.wanted.is_empty() || self.wanted.iter().any(names)) && !self.unwanted.iter().any(names)
    }
}

/// Whether the pattern names `path` or something that it lies in.
fn covers(pattern: &[String], path: &[String]) -> bool {
    let Some((first, rest)) = pattern.split_first() else { return true };
    if first == "**" {
        return (0..=path.len()).any(|skipped| path.get(skipped..).is_some_and(|path| covers(rest, path)));
    }
    path.split_first().is_some_and(|(name, below)| is_like(first, name) && covers(rest, below))
}

/// Whether `name` is like a pattern with `*` for any characters.
fn is_like(pattern: &str, name: &str) -> bool {
    let Some((front, rest)) = pattern.split_once('*') else { return pattern == name };
    let Some(name) = name.strip_prefix(front) else { return false };
    let mut rest = rest.split('*').peekable();
    let mut name = name;
    while let Some(part) = rest.next() {
        if rest.peek().is_none() {
            return name.ends_with(part);
        }
        let Some((_, behind)) = name.split_once(part) else { return false };
        name = behind;
    }
    true
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(filter: &str, expected: &Value) {
        let answer = json!({"took": 3, "errors": true, "items": [
            {"index": {"_index": "a", "status": 201, "_shards": {"total": 1}}},
            {"create": {"_index": "a", "status": 400, "error": {"type": "t", "reason": "r"}}},
        ]});
        let kept = FilterPath::new(filter).apply(&mut Vec::new(), answer);
        assert_eq!(kept.as_ref().unwrap_or(&Value::Null), expected, "{filter}");
    }

    #[test]
    fn what_is_wanted_is_kept_and_nothing_else() {
        check("took", &json!({"took": 3}));
        check(
            "errors,items.*.status",
            &json!({"errors": true, "items": [{"index": {"status": 201}}, {"create": {"status": 400}}]}),
        );
        check("items.*.error", &json!({"items": [{"create": {"error": {"type": "t", "reason": "r"}}}]}));
        check("items.create.error.reason", &json!({"items": [{"create": {"error": {"reason": "r"}}}]}));
        check("**.reason", &json!({"items": [{"create": {"error": {"reason": "r"}}}]}));
        check("-items", &json!({"took": 3, "errors": true}));
        check("items.*.s*s,-items.index", &json!({"items": [{"create": {"status": 400}}]}));
        check("e*r*s", &json!({"errors": true}));
        check("nothing", &Value::Null);
        check("items.*.stat", &Value::Null);
    }
}
