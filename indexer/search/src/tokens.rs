//! The words that a text must contain for a literal to occur in it; an index of words is narrowed by them.

use crate::ast::Required;
use crate::fold::is_word;

/// The maximal runs of word characters in the literal, and for each whether it is a complete word of every text that
/// the literal occurs in, or maybe only a part of one.
pub fn required_tokens(required: &Required) -> impl Iterator<Item = (&str, bool)> {
    let text = required.folded.as_str();
    let mut at = 0;
    std::iter::from_fn(move || {
        let rest = text.get(at..)?;
        let start = at + rest.find(is_word)?;
        let run = text.get(start..)?;
        let end = start + run.find(|c| !is_word(c)).unwrap_or(run.len());
        at = end;
        let complete = (start > 0 || required.left_boundary) && (end < text.len() || required.right_boundary);
        Some((text.get(start..end)?, complete))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(folded: &str, left_boundary: bool, right_boundary: bool) -> Vec<(String, bool)> {
        let required = Required { folded: folded.to_owned(), left_boundary, right_boundary };
        required_tokens(&required).map(|(token, complete)| (token.to_owned(), complete)).collect()
    }

    fn expected(tokens: &[(&str, bool)]) -> Vec<(String, bool)> {
        tokens.iter().map(|(token, complete)| ((*token).to_owned(), *complete)).collect()
    }

    #[test]
    fn inner_words_are_complete_and_outer_ones_where_bounded() {
        assert_eq!(tokens("blk_-12.ő", true, true), expected(&[("blk", true), ("12", true), ("ő", true)]));
        assert_eq!(tokens("blk_-12.ő", false, false), expected(&[("blk", false), ("12", true), ("ő", false)]));
        assert_eq!(tokens("word", true, false), expected(&[("word", false)]));
        assert_eq!(tokens("word", true, true), expected(&[("word", true)]));
        assert_eq!(tokens("=7=", false, false), expected(&[("7", true)]));
        assert_eq!(tokens("--", true, true), expected(&[]));
    }
}
