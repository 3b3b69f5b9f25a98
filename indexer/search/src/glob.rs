//! Patterns with wildcards, matched in time linear in the text.
//!
//! All ways a pattern can be partly matched are followed at once, one bit for each place in the pattern, so no text
//! makes it slow, and the boundary conditions are exact (a regular expression's `\b` counts `_` as a word character).

use std::ops::Range;

use crate::ast::Required;
use crate::error::PatternError;
use crate::fold::{fold, is_word, items};

/// The most characters, without stars, that a pattern may have.
pub const CHARACTERS_MAX: usize = 255;

/// One place of a pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Piece {
    Literal(char),
    /// `?`
    One,
    /// `*`
    Star,
}

/// What a pattern is matched against.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// It occurs in the text, at word boundaries except where a star is at its edge; wildcards match no whitespace.
    Within,
    /// It is the whole text; wildcards match any character, a star also invalid bytes.
    Whole,
}

/// A compiled pattern.
#[derive(Clone, Debug)]
pub struct Glob {
    /// As written, literals folded, without runs of stars.
    pieces: Vec<Piece>,
    scope: Scope,
    /// The places of the literals, by character.
    places: Vec<(char, Places)>,
    /// The places that `?` holds.
    ones: Places,
    /// The places before which a star stands (bit `n` for the end of a pattern of `n` characters).
    stars: Places,
    /// The number of places, stars not counted.
    length: usize,
    bounded_left: bool,
    bounded_right: bool,
}

impl Glob {
    /// Compiles `pieces`; literals need not be folded.
    ///
    /// # Errors
    /// More than [`CHARACTERS_MAX`] characters.
    pub fn new(pieces: &[Piece], scope: Scope) -> Result<Self, PatternError> {
        let mut kept: Vec<Piece> = pieces
            .iter()
            .map(|piece| match piece {
                Piece::Literal(c) => Piece::Literal(fold(*c)),
                Piece::One => Piece::One,
                Piece::Star => Piece::Star,
            })
            .collect();
        kept.dedup_by(|a, b| *a == Piece::Star && *b == Piece::Star);
        let mut glob = Self {
            bounded_left: scope == Scope::Within && kept.first() != Some(&Piece::Star),
            bounded_right: scope == Scope::Within && kept.last() != Some(&Piece::Star),
            pieces: kept,
            scope,
            places: Vec::new(),
            ones: Places::default(),
            stars: Places::default(),
            length: 0,
        };
        let characters = glob.pieces.iter().filter(|piece| **piece != Piece::Star).count();
        if characters > CHARACTERS_MAX {
            return Err(PatternError::GlobTooLong { characters, limit: CHARACTERS_MAX });
        }
        for piece in &glob.pieces {
            match piece {
                Piece::Star => glob.stars.set(glob.length),
                Piece::One => glob.ones.set(glob.length),
                Piece::Literal(c) => match glob.places.binary_search_by_key(c, |entry| entry.0) {
                    Ok(at) => glob.places[at].1.set(glob.length),
                    Err(at) => glob.places.insert(at, (*c, Places::single(glob.length))),
                },
            }
            glob.length += usize::from(*piece != Piece::Star);
        }
        Ok(glob)
    }

    /// The pattern, literals folded.
    pub fn pieces(&self) -> &[Piece] {
        &self.pieces
    }

    /// What it is matched against.
    pub fn scope(&self) -> Scope {
        self.scope
    }

    /// The literals that every match contains, with the boundaries that every match has there.
    pub fn required(&self) -> Vec<Required> {
        let mut found: Vec<Required> = Vec::new();
        let mut at = 0;
        for run in self.pieces.split(|piece| !matches!(piece, Piece::Literal(_))) {
            let folded: String =
                run.iter().filter_map(|piece| if let Piece::Literal(c) = piece { Some(*c) } else { None }).collect();
            let end = at + run.len();
            let left_boundary = at == 0 && (self.bounded_left || self.scope == Scope::Whole);
            let right_boundary = end == self.pieces.len() && (self.bounded_right || self.scope == Scope::Whole);
            let required = Required { folded, left_boundary, right_boundary };
            if !required.folded.is_empty() && !found.contains(&required) {
                found.push(required);
            }
            at = end + 1;
        }
        found
    }

    /// Whether `text` matches.
    pub fn is_match(&self, text: &[u8]) -> bool {
        match self.scope {
            Scope::Within => self.is_match_within(text),
            Scope::Whole => self.is_match_whole(text),
        }
    }

    fn is_match_within(&self, text: &[u8]) -> bool {
        if self.length == 0 {
            return true;
        }
        let mut active = Places::default();
        let mut previous = None;
        for (item, _) in items(text) {
            if active.has(self.length) && self.may_end(previous, item) {
                return true;
            }
            let (moved, stayed) = self.step_within(active, previous, item);
            active = moved.or(stayed);
            previous = item;
        }
        active.has(self.length)
    }

    fn is_match_whole(&self, text: &[u8]) -> bool {
        let mut active = Places::single(0);
        for (item, _) in items(text) {
            let stay = active.and(self.stars);
            active = item.map_or(Places::default(), |c| active.and(self.places_of(c)).up()).or(stay);
            if active.is_empty() {
                return false;
            }
        }
        active.has(self.length)
    }

    /// The range of every match within `text` that begins earliest for its end, at most `max` of them; ranges may
    /// overlap. For highlights: it takes time proportional to text times pattern.
    pub fn ranges(&self, text: &[u8], max: usize) -> Vec<Range<usize>> {
        let mut found = Vec::new();
        if self.length == 0 {
            return found;
        }
        let mut active = Places::default();
        let mut starts = vec![0; self.length + 1];
        let (mut previous, mut at) = (None, 0);
        let ends = items(text).chain(std::iter::once((None, text.len())));
        for (item, next) in ends {
            if active.has(self.length) && self.may_end(previous, item) {
                found.push(starts[self.length]..at);
                if found.len() >= max {
                    break;
                }
            }
            let (moved, stayed) = self.step_within(active, previous, item);
            for place in (1..=self.length).rev().filter(|place| moved.has(*place)) {
                let origin = if place == 1 { at } else { starts[place - 1] };
                starts[place] = if stayed.has(place) { starts[place].min(origin) } else { origin };
            }
            active = moved.or(stayed);
            previous = item;
            at = next;
        }
        found
    }

    /// The places reached by `item`, which follows `previous`: by matching it, and by a star running over it.
    fn step_within(&self, active: Places, previous: Option<char>, item: Option<char>) -> (Places, Places) {
        let Some(c) = item else {
            return (Places::default(), Places::default());
        };
        let mut from = active;
        if !(self.bounded_left && is_word(c) && previous.is_some_and(is_word)) {
            from.set(0);
        }
        let mut matching = self.literals_of(c);
        let mut stay = Places::default();
        if !c.is_whitespace() {
            matching = matching.or(self.ones);
            // A star at an edge is no more than a missing boundary.
            stay = active.and(self.stars).without(0).without(self.length);
        }
        (from.and(matching).up(), stay)
    }

    fn may_end(&self, last: Option<char>, next: Option<char>) -> bool {
        !(self.bounded_right && last.is_some_and(is_word) && next.is_some_and(is_word))
    }

    fn places_of(&self, c: char) -> Places {
        self.literals_of(c).or(self.ones)
    }

    fn literals_of(&self, c: char) -> Places {
        let found = self.places.binary_search_by_key(&fold(c), |entry| entry.0);
        found.ok().and_then(|at| self.places.get(at)).map_or(Places::default(), |entry| entry.1)
    }
}

/// A set of the places 0 to 255.
#[derive(Clone, Copy, Debug, Default)]
struct Places([u64; 4]);

impl Places {
    fn single(place: usize) -> Self {
        let mut places = Self::default();
        places.set(place);
        places
    }

    fn set(&mut self, place: usize) {
        self.0[place / 64] |= 1 << (place % 64);
    }

    fn without(mut self, place: usize) -> Self {
        self.0[place / 64] &= !(1 << (place % 64));
        self
    }

    fn has(self, place: usize) -> bool {
        self.0[place / 64] >> (place % 64) & 1 == 1
    }

    fn is_empty(self) -> bool {
        self.0 == [0; 4]
    }

    fn and(self, other: Self) -> Self {
        Self(std::array::from_fn(|word| self.0[word] & other.0[word]))
    }

    fn or(self, other: Self) -> Self {
        Self(std::array::from_fn(|word| self.0[word] | other.0[word]))
    }

    /// Every place moved up by one.
    fn up(self) -> Self {
        let [a, b, c, d] = self.0;
        Self([a << 1, b << 1 | a >> 63, c << 1 | b >> 63, d << 1 | c >> 63])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pieces(pattern: &str) -> Vec<Piece> {
        pattern
            .chars()
            .map(|c| match c {
                '*' => Piece::Star,
                '?' => Piece::One,
                c => Piece::Literal(c),
            })
            .collect()
    }

    fn glob(pattern: &str, scope: Scope) -> Glob {
        Glob::new(&pieces(pattern), scope).expect("short enough")
    }

    #[test]
    fn within_a_text() {
        for (pattern, text, expected) in [
            ("a*b", "x a1B y", true),
            ("a*b", "ab", true),
            ("a*b", "a b", false),
            ("a*b", "xa-b", false),
            ("a*b", "x_a-b", true),
            ("a*b", "a1b2b", true),
            ("a*b", "a1b2c", false),
            ("a*b*", "a1b2c", true),
            ("*a?b", "xa-b", true),
            ("*a?b", "xab", false),
            ("a?b", "a\tb", false),
            ("?", "", false),
            ("?", "ab", false),
            ("?", "ab -", true),
            ("a?", "a- b", true),
            ("a?", "abc", false),
            ("a?", "ab", true),
            ("s*e", "sőe", true),
        ] {
            assert_eq!(glob(pattern, Scope::Within).is_match(text.as_bytes()), expected, "{pattern} in {text:?}");
        }
        assert!(!glob("a*b", Scope::Within).is_match(b"a\xFFb"));
    }

    #[test]
    fn a_whole_value() {
        for (pattern, text, expected) in [
            ("moz*", "Mozilla 5 (X11)", true),
            ("moz*", "a Mozilla", false),
            ("*5*", "Mozilla 5 (X11)", true),
            ("a?", "a", false),
            ("a?", "a ", true),
            ("*", "", true),
            ("?*", "", false),
        ] {
            assert_eq!(glob(pattern, Scope::Whole).is_match(text.as_bytes()), expected, "{pattern} is {text:?}");
        }
        assert!(glob("a*b", Scope::Whole).is_match(b"a\xFFb"));
        assert!(!glob("a?b", Scope::Whole).is_match(b"a\xFFb"));
    }

    #[test]
    fn required_literals_and_their_boundaries() {
        let required = |folded: &str, left_boundary, right_boundary| Required {
            folded: folded.to_owned(),
            left_boundary,
            right_boundary,
        };
        assert_eq!(
            glob("Ab*cd?e", Scope::Within).required(),
            [required("ab", true, false), required("cd", false, false), required("e", false, true)]
        );
        assert_eq!(glob("*a?b*", Scope::Within).required(), [required("a", false, false), required("b", false, false)]);
        assert_eq!(glob("host*", Scope::Whole).required(), [required("host", true, false)]);
        assert_eq!(glob("?*", Scope::Whole).required(), []);
    }

    #[test]
    fn ranges_begin_at_the_earliest_start() {
        let ranges = |pattern: &str, text: &[u8], max| {
            let ranges = glob(pattern, Scope::Within).ranges(text, max);
            ranges.into_iter().map(|range| (range.start, range.end)).collect::<Vec<_>>()
        };
        assert_eq!(ranges("a*b", b"a1b-b x ab", 9), [(0, 3), (0, 5), (8, 10)]);
        assert_eq!(ranges("a*b", b"a1b-b x ab", 1), [(0, 3)]);
        assert_eq!(ranges("?b", b"-b", 9), [(0, 2)]);
        assert_eq!(ranges("*?*", b"ab", 9), [(0, 1), (1, 2)]);
    }

    #[test]
    fn the_longest_pattern_matches_and_a_longer_one_is_refused() {
        let text = "x".repeat(253);
        let longest = glob(&format!("a*{text}?"), Scope::Within);
        assert!(longest.is_match(format!("a----{text}b").as_bytes()));
        assert!(!longest.is_match(format!("a----{text}").as_bytes()));
        assert_eq!(
            Glob::new(&pieces(&format!("a*{text}??")), Scope::Within).err(),
            Some(PatternError::GlobTooLong { characters: 256, limit: 255 })
        );
    }
}
