//! Label matchers, as PromQL and LogQL write them.

use std::fmt;

use regex::Regex;

/// The largest compiled regex, in bytes; larger ones are refused.
const REGEX_BYTES_MAX: usize = 10 << 20;

/// How a label's value is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum MatchOp {
    Equal,
    NotEqual,
    Regex,
    NotRegex,
}

impl MatchOp {
    /// As it is written: `=`, `!=`, `=~`, `!~`.
    pub fn symbol(self) -> &'static str {
        match self {
            Self::Equal => "=",
            Self::NotEqual => "!=",
            Self::Regex => "=~",
            Self::NotRegex => "!~",
        }
    }
}

/// One condition on a label. A label that is absent has the empty value. Regexes match the whole value; `.` matches
/// also line ends.
#[derive(Clone)]
pub struct Matcher {
    pub name: String,
    pub op: MatchOp,
    pub value: String,
    /// For the two regex operators, anchored.
    regex: Option<Regex>,
}

impl Matcher {
    /// # Errors
    /// When `value` is to be a regex and is none, or one that is too large.
    pub fn new(name: impl Into<String>, op: MatchOp, value: impl Into<String>) -> Result<Self, regex::Error> {
        let value = value.into();
        let regex = match op {
            MatchOp::Equal | MatchOp::NotEqual => None,
            MatchOp::Regex | MatchOp::NotRegex => {
                // On its own first, so that `a)(b` is refused.
                Regex::new(&value)?;
                let anchored = format!("^(?s:{value})$");
                Some(regex::RegexBuilder::new(&anchored).size_limit(REGEX_BYTES_MAX).build()?)
            }
        };
        Ok(Self { name: name.into(), op, value, regex })
    }

    /// `name="value"`.
    pub fn equal(name: impl Into<String>, value: impl Into<String>) -> Self {
        Self { name: name.into(), op: MatchOp::Equal, value: value.into(), regex: None }
    }

    /// Whether the value satisfies the condition; absent labels are "".
    #[inline]
    pub fn matches(&self, value: &str) -> bool {
        match (self.op, &self.regex) {
            (MatchOp::Equal, _) => value == self.value,
            (MatchOp::NotEqual, _) => value != self.value,
            (MatchOp::Regex, regex) => regex.as_ref().is_some_and(|regex| regex.is_match(value)),
            (MatchOp::NotRegex, regex) => !regex.as_ref().is_some_and(|regex| regex.is_match(value)),
        }
    }

    /// Whether series without the label match.
    pub fn matches_absent(&self) -> bool {
        self.matches("")
    }
}

impl PartialEq for Matcher {
    fn eq(&self, other: &Self) -> bool {
        (&self.name, self.op, &self.value) == (&other.name, other.op, &other.value)
    }
}

impl Eq for Matcher {}

impl fmt::Debug for Matcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}{:?}", self.name, self.op.symbol(), self.value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn regexes_are_anchored_and_an_absent_label_is_empty() {
        let of = |op, value: &str| Matcher::new("job", op, value).expect("a good matcher");
        let on = |op, value: &str| ["", "a", "ab", "b\nb"].map(|text| of(op, value).matches(text));
        assert_eq!(on(MatchOp::Equal, "a"), [false, true, false, false]);
        assert_eq!(on(MatchOp::NotEqual, "a"), [true, false, true, true]);
        assert_eq!(on(MatchOp::Regex, "a|b.*"), [false, true, false, true]);
        assert_eq!(on(MatchOp::NotRegex, "a|b.*"), [true, false, true, false]);
        assert!(of(MatchOp::Regex, "a*").matches_absent() && !of(MatchOp::Regex, "a+").matches_absent());
        assert!(Matcher::new("job", MatchOp::Regex, "a)(b").is_err());
    }
}
