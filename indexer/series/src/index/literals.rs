//! What a regex says about the texts it matches, so that not all values need to be tried.

use regex_syntax::ParserBuilder;
use regex_syntax::hir::literal::{ExtractKind, Extractor, Seq};

/// More literals than this are not worth a look-up each.
const LITERALS_MAX: usize = 4_096;
const LITERAL_BYTES_MAX: usize = 256;

/// The values that a regex may match; each is still to be tried.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Candidates {
    All,
    /// No others than these, sorted, each once.
    Exact(Vec<String>),
    /// Those that begin with one of these: sorted, none the beginning of another.
    Prefixes(Vec<Vec<u8>>),
}

/// Reads `pattern` as matchers do: anchored at both ends, `.` matches line ends too.
pub(super) fn candidates(pattern: &str) -> Candidates {
    let Ok(hir) = ParserBuilder::new().dot_matches_new_line(true).build().parse(pattern) else {
        return Candidates::All;
    };
    let mut extractor = Extractor::new();
    extractor.kind(ExtractKind::Prefix).limit_total(LITERALS_MAX).limit_literal_len(LITERAL_BYTES_MAX);
    of_prefixes(&extractor.extract(&hir))
}

fn of_prefixes(seq: &Seq) -> Candidates {
    let Some(literals) = seq.literals() else { return Candidates::All };
    let mut texts: Vec<Vec<u8>> = literals.iter().map(|literal| literal.as_bytes().to_vec()).collect();
    texts.sort_unstable();
    texts.dedup();
    if seq.is_exact() || texts.is_empty() {
        let exact: Option<Vec<String>> = texts.into_iter().map(|text| String::from_utf8(text).ok()).collect();
        return exact.map_or(Candidates::All, Candidates::Exact);
    }
    texts.dedup_by(|text, before| text.starts_with(before));
    if texts.first().is_some_and(Vec::is_empty) { Candidates::All } else { Candidates::Prefixes(texts) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alternations_are_exact_and_beginnings_are_prefixes() {
        let exact = |texts: &[&str]| Candidates::Exact(texts.iter().map(|text| (*text).to_owned()).collect());
        let prefixes =
            |texts: &[&str]| Candidates::Prefixes(texts.iter().map(|text| text.as_bytes().to_vec()).collect());
        assert_eq!(candidates("b|a|a"), exact(&["a", "b"]));
        assert_eq!(candidates("web(1|2)|db"), exact(&["db", "web1", "web2"]));
        assert_eq!(candidates("a?"), exact(&["", "a"]));
        assert_eq!(candidates("(?i)ab"), exact(&["AB", "Ab", "aB", "ab"]));
        assert_eq!(candidates("(web|db|webx).*"), prefixes(&["db", "web"]));
        assert_eq!(candidates("node_.+"), prefixes(&["node_"]));
        assert_eq!(candidates(".*"), Candidates::All);
        assert_eq!(candidates("a|.*b"), Candidates::All);
        assert_eq!(candidates("a("), Candidates::All);
    }
}
