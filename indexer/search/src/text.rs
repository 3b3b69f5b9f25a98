//! Making text patterns and matching them: what is run over every candidate body.

use regex_syntax::hir::Hir;

use crate::ast::{Required, TextPattern, Verify};
use crate::error::PatternError;
use crate::fold::fold_text;
use crate::glob::{Glob, Piece, Scope};
use crate::literal::Searcher;
use crate::regex_literals;

/// The most memory one compiled regular expression may take, and its cache of states besides.
pub const REGEX_BYTES_MAX: usize = 1 << 20;

impl TextPattern {
    /// The literal, in any case; with a boundary on a side, no word character may continue the literal's own there.
    /// An empty literal matches every text.
    pub fn literal(text: &str, left_boundary: bool, right_boundary: bool) -> Self {
        let folded = fold_text(text);
        let required =
            if folded.is_empty() { vec![] } else { vec![Required { folded, left_boundary, right_boundary }] };
        Self::new(required, Verify::Exact, text)
    }

    /// A regular expression over the raw bytes.
    ///
    /// # Errors
    /// Wrong syntax, or larger than [`REGEX_BYTES_MAX`] once compiled.
    pub fn regex(pattern: &str) -> Result<Self, PatternError> {
        let hir = parse_regex(pattern)?;
        let regex = regex::bytes::RegexBuilder::new(pattern)
            .size_limit(REGEX_BYTES_MAX)
            .dfa_size_limit(REGEX_BYTES_MAX)
            .build()
            .map_err(|error| match error {
                regex::Error::CompiledTooBig(limit_bytes) => PatternError::RegexTooLarge { limit_bytes },
                other => PatternError::RegexSyntax { offset: 0, message: other.to_string() },
            })?;
        Ok(Self::new(regex_literals::required(&hir), Verify::Regex(regex), pattern))
    }

    /// A pattern with wildcards; `source` is what the user wrote.
    ///
    /// # Errors
    /// Too many characters.
    pub fn glob(pieces: &[Piece], scope: Scope, source: &str) -> Result<Self, PatternError> {
        let glob = Glob::new(pieces, scope)?;
        Ok(Self::new(glob.required(), Verify::Glob(glob), source))
    }

    fn new(required: Vec<Required>, verify: Verify, source: &str) -> Self {
        let searchers = required.iter().map(Searcher::new).collect();
        Self { required, verify, source: source.to_owned(), searchers }
    }

    pub(crate) fn with_source(mut self, source: &str) -> Self {
        source.clone_into(&mut self.source);
        self
    }

    /// Whether `text` matches. Does not allocate, but for the regular expression engine's caches.
    pub fn is_match(&self, text: &[u8]) -> bool {
        match &self.verify {
            // The engine looks for its own literals first.
            Verify::Regex(regex) => regex.is_match(text),
            Verify::Exact => self.has_required(text),
            Verify::Glob(glob) => self.has_required(text) && glob.is_match(text),
        }
    }

    fn has_required(&self, text: &[u8]) -> bool {
        self.searchers.iter().all(|searcher| searcher.is_match(text))
    }

    /// Calls `found` with the start of each occurrence of the first required literal, in order.
    pub fn for_each_occurrence(&self, text: &[u8], mut found: impl FnMut(usize)) {
        let Some(searcher) = self.searchers.first() else { return };
        let mut from = 0;
        while let Some((range, next)) = searcher.find(text, from) {
            found(range.start);
            from = next;
        }
    }
}

fn parse_regex(pattern: &str) -> Result<Hir, PatternError> {
    let syntax_error = |offset: usize, message: String| PatternError::RegexSyntax { offset, message };
    regex_syntax::ParserBuilder::new().utf8(false).build().parse(pattern).map_err(|error| match &error {
        regex_syntax::Error::Parse(error) => syntax_error(error.span().start.offset, error.kind().to_string()),
        regex_syntax::Error::Translate(error) => syntax_error(error.span().start.offset, error.kind().to_string()),
        other => syntax_error(0, other.to_string()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn regular_expressions_see_raw_bytes_and_mind_the_case() {
        let pattern = TextPattern::regex(r"Time ?out (?-u:\xFF)").expect("valid");
        assert!(pattern.is_match(b"a Timeout \xFF"));
        assert!(!pattern.is_match(b"a timeout \xFF"));
        assert!(!pattern.is_match(b"a Timeout x"));
    }

    #[test]
    fn bad_expressions_are_refused_with_their_place() {
        assert_eq!(
            TextPattern::regex("ab(c").err(),
            Some(PatternError::RegexSyntax { offset: 2, message: "unclosed group".to_owned() })
        );
        assert_eq!(
            TextPattern::regex(r"(\w{100}){100}").err(),
            Some(PatternError::RegexTooLarge { limit_bytes: REGEX_BYTES_MAX })
        );
    }

    #[test]
    fn an_empty_literal_is_everywhere() {
        assert!(TextPattern::literal("", true, true).is_match(b""));
        assert!(!TextPattern::literal("a", true, true).is_match(b""));
    }
}
