//! The literals that every match of a regular expression contains.
//!
//! Conservative: a literal is reported only if no match can do without it. Matches are looked at folded, so that a
//! class such as `[Ee]` counts as a character.

use regex_syntax::hir::{Class, Hir, HirKind};

use crate::ast::Required;
use crate::fold::fold;

/// The most literals worth reporting.
const LITERALS_MAX: usize = 16;

/// The required literals of `hir`, without boundaries, none within another, the longest if there are too many.
pub(crate) fn required(hir: &Hir) -> Vec<Required> {
    let mut walk = Walk::default();
    walk.visit(hir);
    walk.end_run();
    let mut found = walk.found;
    found.sort_by_key(|literal| std::cmp::Reverse(literal.len()));
    let mut kept: Vec<String> = Vec::new();
    for literal in found {
        if kept.len() < LITERALS_MAX && !kept.iter().any(|longer| longer.contains(&literal)) {
            kept.push(literal);
        }
    }
    kept.into_iter().map(|folded| Required { folded, left_boundary: false, right_boundary: false }).collect()
}

#[derive(Default)]
struct Walk {
    /// What stands, without a gap, right before the place that the walk has reached.
    run: String,
    found: Vec<String>,
}

impl Walk {
    fn end_run(&mut self) {
        if !self.run.is_empty() {
            self.found.push(std::mem::take(&mut self.run));
        }
    }

    fn visit(&mut self, hir: &Hir) {
        match hir.kind() {
            HirKind::Empty | HirKind::Look(_) => {}
            HirKind::Literal(literal) => {
                for chunk in literal.0.utf8_chunks() {
                    self.run.extend(chunk.valid().chars().map(fold));
                    if !chunk.invalid().is_empty() {
                        self.end_run();
                    }
                }
            }
            HirKind::Class(class) => match one_folded(class) {
                Some(c) => self.run.push(c),
                None => self.end_run(),
            },
            HirKind::Capture(capture) => self.visit(&capture.sub),
            HirKind::Concat(parts) => parts.iter().for_each(|part| self.visit(part)),
            HirKind::Alternation(_) => self.end_run(),
            HirKind::Repetition(repetition) => {
                if repetition.min == 0 {
                    return self.end_run();
                }
                // The first round follows what is before it; what comes after it need not follow the first.
                self.visit(&repetition.sub);
                if repetition.max != Some(1) {
                    self.end_run();
                }
            }
        }
    }
}

/// The character that all of the class's characters fold to.
fn one_folded(class: &Class) -> Option<char> {
    /// Above every count of characters that fold to one.
    const CHARACTERS_MAX: usize = 8;
    let mut characters: Vec<char> = Vec::new();
    match class {
        Class::Unicode(class) => {
            for range in class.iter() {
                characters.extend((range.start()..=range.end()).take(CHARACTERS_MAX));
            }
        }
        Class::Bytes(class) => {
            for range in class.iter() {
                if !range.end().is_ascii() {
                    return None;
                }
                characters.extend((range.start()..=range.end()).take(CHARACTERS_MAX).map(char::from));
            }
        }
    }
    let first = fold(*characters.first()?);
    (characters.len() < CHARACTERS_MAX && characters.iter().all(|c| fold(*c) == first)).then_some(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn literals(pattern: &str) -> Vec<String> {
        let hir = regex_syntax::ParserBuilder::new().utf8(false).build().parse(pattern).expect(pattern);
        required(&hir).into_iter().map(|required| required.folded).collect()
    }

    #[test]
    fn what_no_match_can_do_without() {
        for (pattern, expected) in [
            ("Timeout after \\d+ ms", &["timeout after ", " ms"][..]),
            ("(?i)error", &["error"]),
            ("(?i)kernel", &["kernel"]),
            // The long s is a case of s for regular expressions, not for us.
            ("(?i)last", &["la", "t"]),
            ("foo|bar", &[]),
            ("a(foo|bar)b", &["a", "b"]),
            ("foo(bar)?baz", &["foo", "baz"]),
            ("ab+c", &["ab", "c"]),
            ("(abc){2,}d", &["abc", "d"]),
            ("^start.*end$", &["start", "end"]),
            ("x\\bfoo", &["xfoo"]),
            ("[Ee]rror [0-9]", &["error "]),
            ("(?-u:\\xFF)abc(?-u:\\x80)", &["abc"]),
            ("Ő[Őő]", &["őő"]),
            (".*", &[]),
            ("", &[]),
            ("a.a", &["a"]),
        ] {
            assert_eq!(literals(pattern), expected, "{pattern}");
        }
    }
}
