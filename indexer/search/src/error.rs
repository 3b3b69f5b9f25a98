//! What is wrong with a query, told so that whoever typed it can mend it.

use serde::Serialize;

/// A query that cannot be understood.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, thiserror::Error)]
#[error("{message} (at character {}: expected {expected}, found {found})", .character + 1)]
pub struct ParseError {
    /// Where it went wrong, in bytes from the query's beginning; at most its length.
    pub byte: usize,
    /// The same in characters.
    pub character: usize,
    /// A sentence for whoever typed the query.
    pub message: String,
    /// What would have been right there.
    pub expected: String,
    /// What stands there, or `the end of the query`.
    pub found: String,
}

impl ParseError {
    pub(crate) fn new(query: &str, byte: usize, message: impl Into<String>, expected: impl Into<String>) -> Self {
        let before = query.get(..byte).unwrap_or(query);
        let rest = query.get(byte..).unwrap_or("");
        Self {
            byte: before.len(),
            character: before.chars().count(),
            message: message.into(),
            expected: expected.into(),
            found: found(rest),
        }
    }

    /// The query's line that holds the position, and a line with a caret below it. Control characters become spaces.
    pub fn caret(&self, query: &str) -> String {
        let before = query.get(..self.byte).unwrap_or(query);
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        let line = query.get(line_start..).unwrap_or("").lines().next().unwrap_or("");
        let column = before.get(line_start..).unwrap_or("").chars().count();
        format!("{}\n{:column$}^", shown(line), "")
    }
}

/// The beginning of `rest`, for a message.
fn found(rest: &str) -> String {
    const SHOWN: usize = 20;
    let mut word: String = rest.chars().take_while(|c| !c.is_whitespace()).take(SHOWN + 1).collect();
    match (word.chars().count(), rest.chars().next()) {
        (0, None) => "the end of the query".to_owned(),
        (0, Some(_)) => "a space".to_owned(),
        (count, _) => {
            if count > SHOWN {
                word.pop();
                word.push('…');
            }
            format!("`{}`", shown(&word))
        }
    }
}

/// `text` with a space for each control character, so that a terminal shows it harmlessly.
pub(crate) fn shown(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// A single pattern that cannot be compiled.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    #[error("the regular expression is not valid: {message}")]
    RegexSyntax {
        /// Byte offset in the expression.
        offset: usize,
        message: String,
    },
    #[error("the regular expression is too large once compiled, the limit is {limit_bytes} bytes")]
    RegexTooLarge { limit_bytes: usize },
    #[error("a pattern with wildcards may have {limit} characters, not {characters}")]
    GlobTooLong { characters: usize, limit: usize },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_caret_stands_under_the_mistake() {
        let query = "első\nő \tvalami )";
        let error = ParseError::new(query, query.len() - 1, "no", "yes");
        assert_eq!((error.byte, error.character), (17, 15));
        assert_eq!(error.caret(query), "ő  valami )\n          ^");
        assert_eq!(error.found, "`)`");
        assert_eq!(error.to_string(), "no (at character 16: expected yes, found `)`)");
    }

    #[test]
    fn the_end_and_long_words_are_told() {
        assert_eq!(ParseError::new("ab", 2, "", "").found, "the end of the query");
        assert_eq!(ParseError::new("a b", 1, "", "").found, "a space");
        assert_eq!(ParseError::new("aaaaaaaaaabbbbbbbbbbc", 0, "", "").found, "`aaaaaaaaaabbbbbbbbbb…`");
        assert_eq!(ParseError::new("", 0, "", "").caret(""), "\n^");
    }
}
