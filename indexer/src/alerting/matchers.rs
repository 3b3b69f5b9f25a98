//! Matchers as people and Alertmanager's clients write them: `severity="critical"`, `host=~db.*`, `{a="b",c!="d"}`.

use orszem_model::{MatchOp, Matcher};

/// Why a matcher is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MatcherError {
    #[error("bad matcher format: {0}")]
    Format(String),
    #[error("bad matcher format: {name}{op}{value}: it is no regular expression")]
    Regex { name: String, op: &'static str, value: String },
}

/// One matcher. The value may be quoted, and must be where it holds a quote or a comma; names that are not plain are
/// quoted, too.
///
/// # Errors
/// When it is none.
pub fn parse_matcher(text: &str) -> Result<Matcher, MatcherError> {
    let wrong = || MatcherError::Format(text.to_owned());
    let trimmed = text.trim();
    let (name, rest) = if trimmed.starts_with('"') {
        let end = closing_quote(trimmed).ok_or_else(wrong)?;
        let (quoted, rest) = trimmed.split_at(end + 1);
        (unquote(quoted).ok_or_else(wrong)?, rest)
    } else {
        let end = trimmed.find(['=', '!', '~']).ok_or_else(wrong)?;
        let (name, rest) = trimmed.split_at(end);
        let name = name.trim();
        let is_plain =
            |at: usize, c: char| c.is_ascii_alphabetic() || c == '_' || c == ':' || (at > 0 && c.is_ascii_digit());
        if name.is_empty() || !name.chars().enumerate().all(|(at, c)| is_plain(at, c)) {
            return Err(wrong());
        }
        (name.to_owned(), rest)
    };
    let rest = rest.trim_start();
    let ops = [MatchOp::Regex, MatchOp::NotRegex, MatchOp::NotEqual, MatchOp::Equal];
    let found = ops.into_iter().find_map(|op| Some((op, rest.strip_prefix(op.symbol())?)));
    let (op, value) = found.ok_or_else(wrong)?;
    let value = value.trim();
    let value = if value.starts_with('"') {
        unquote(value).ok_or_else(wrong)?
    } else if value.contains('"') && !value.contains("\\\"") {
        return Err(wrong());
    } else {
        value.to_owned()
    };
    let failed = || MatcherError::Regex { name: name.clone(), op: op.symbol(), value: value.clone() };
    Matcher::new(name.clone(), op, value.clone()).map_err(|_| failed())
}

/// Matchers behind each other with commas, in braces or not.
///
/// # Errors
/// The first that is none.
pub fn parse_matchers(text: &str) -> Result<Vec<Matcher>, MatcherError> {
    let text = text.trim();
    let inner = text.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')).unwrap_or(text);
    let mut matchers = Vec::new();
    for part in split(inner) {
        if !part.trim().is_empty() {
            matchers.push(parse_matcher(part)?);
        }
    }
    Ok(matchers)
}

/// The parts between commas that are not quoted.
fn split(text: &str) -> Vec<&str> {
    let (mut is_quoted, mut is_escaped) = (false, false);
    let is_end = |c: char| {
        let ends = c == ',' && !is_quoted;
        is_quoted ^= c == '"' && !is_escaped;
        is_escaped = c == '\\' && !is_escaped;
        ends
    };
    text.split(is_end).collect()
}

/// Where the quote that opens the text closes.
fn closing_quote(text: &str) -> Option<usize> {
    let mut is_escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        if c == '"' && !is_escaped {
            return Some(at);
        }
        is_escaped = c == '\\' && !is_escaped;
    }
    None
}

/// The text between quotes, with `\"`, `\\` and `\n` put right.
fn unquote(text: &str) -> Option<String> {
    if closing_quote(text)? + 1 != text.len() {
        return None;
    }
    let inner = text.strip_prefix('"')?.strip_suffix('"')?;
    let mut out = String::with_capacity(inner.len());
    let mut chars = inner.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => match chars.next()? {
                'n' => out.push('\n'),
                other @ ('"' | '\\') => out.push(other),
                other => {
                    out.push('\\');
                    out.push(other);
                }
            },
            other => out.push(other),
        }
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn matchers_in_the_forms_that_clients_write() {
        let equal = |name: &str, value: &str| Ok(Matcher::equal(name, value));
        assert_eq!(parse_matcher("alertname=Down"), equal("alertname", "Down"));
        assert_eq!(parse_matcher(" alertname = \"a \\\"b\\\" c\" "), equal("alertname", "a \"b\" c"));
        assert_eq!(parse_matcher("\"a b\"=c"), equal("a b", "c"));
        assert_eq!(parse_matcher("foo="), equal("foo", ""));
        let regex = Matcher::new("host", MatchOp::Regex, "db.*").expect("a regex");
        assert_eq!(parse_matchers("{host=~\"db.*\", a!=\"x,y\",}").map(|all| all.len()), Ok(2));
        assert_eq!(parse_matcher("host=~db.*"), Ok(regex));
        for bad in ["", "foo", "1a=b", "a b=c", "=x", "a=\"x", "a=\"x\"y", "a~b"] {
            assert_eq!(parse_matcher(bad), Err(MatcherError::Format(bad.to_owned())), "{bad}");
        }
        assert!(matches!(parse_matcher("a=~("), Err(MatcherError::Regex { .. })));
    }
}
