//! Where in a body the conditions on it are met.

use std::ops::Range;

use crate::ast::{Expr, FieldMatcher, FieldName, FieldPattern, TextPattern, Verify};
use crate::literal::Searcher;

/// The byte ranges of `body` that terms of `expr` (those not under a negation) match: sorted, not empty, not touching.
/// Of each term at most `max` occurrences are looked for, and at most `max` ranges are returned, the first.
pub fn highlight(expr: &Expr, body: &[u8], max: usize) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    collect(expr, body, max, &mut found);
    found.retain(|range| !range.is_empty());
    found.sort_unstable_by_key(|range| (range.start, range.end));
    let mut merged: Vec<Range<usize>> = Vec::new();
    for range in found {
        match merged.last_mut() {
            Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
            _ => merged.push(range),
        }
    }
    merged.truncate(max);
    merged
}

fn collect(expr: &Expr, body: &[u8], max: usize, found: &mut Vec<Range<usize>>) {
    match expr {
        Expr::All | Expr::Not(_) => {}
        Expr::And(parts) | Expr::Or(parts) => parts.iter().for_each(|part| collect(part, body, max, found)),
        Expr::Text(pattern)
        | Expr::Field(FieldPattern { field: FieldName::Body, matcher: FieldMatcher::Pattern(pattern) }) => {
            collect_pattern(pattern, body, max, found);
        }
        Expr::Field(_) => {}
    }
}

fn collect_pattern(pattern: &TextPattern, body: &[u8], max: usize, found: &mut Vec<Range<usize>>) {
    match &pattern.verify {
        Verify::Exact => {
            pattern.searchers.iter().for_each(|searcher| found.extend(occurrences(searcher, body).take(max)))
        }
        Verify::Regex(regex) => found.extend(regex.find_iter(body).take(max).map(|found| found.range())),
        Verify::Glob(glob) => found.extend(glob.ranges(body, max)),
    }
}

fn occurrences<'a>(searcher: &'a Searcher, body: &'a [u8]) -> impl Iterator<Item = Range<usize>> + 'a {
    let mut from = 0;
    std::iter::from_fn(move || {
        let (range, next) = searcher.find(body, from)?;
        from = next;
        Some(range)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Query;

    #[test]
    fn ranges_are_merged_and_capped() {
        let ranges = |query: &str, body: &str, max| {
            let ranges = highlight(&Query::parse(query).expect(query).expr, body.as_bytes(), max);
            ranges.into_iter().map(|range| (range.start, range.end)).collect::<Vec<_>>()
        };
        assert_eq!(ranges("error OR *ror", "an error, no errors", 9), [(3, 8)]);
        assert_eq!(ranges("error*", "Error errors", 9), [(0, 5), (6, 11)]);
        assert_eq!(ranges("error*", "Error errors", 1), [(0, 5)]);
        assert_eq!(ranges("a -b host:a body:c", "a b c", 9), [(0, 1), (4, 5)]);
        assert_eq!(ranges("/x*/", "axxb", 9), [(1, 3)]);
        assert_eq!(ranges("f?o*z \"b c\"", "fooz fxobaz b c", 9), [(0, 4), (5, 11), (12, 15)]);
        assert_eq!(ranges("*aa*", "aaa", 9), [(0, 3)]);
    }
}
