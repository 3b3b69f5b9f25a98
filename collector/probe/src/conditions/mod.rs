//! Conditions in Gatus' notation: `[STATUS] == any(200, 429)`, `[BODY].data[0].id == 1`.
//!
//! Pure. An operand is a placeholder, a function of one, or a literal. A placeholder that there is nothing for, such as
//! a path that the body does not have, is unlike everything: only `!=` holds.

mod evaluate;
mod path;

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use evaluate::Known;
use path::Step;

/// A condition.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Condition {
    text: String,
    left: Operand,
    operator: Operator,
    right: Operand,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operator {
    Equal,
    NotEqual,
    LessOrEqual,
    GreaterOrEqual,
    Less,
    Greater,
}

/// In the order in which they are looked for.
const OPERATORS: [(&str, Operator); 6] = [
    ("==", Operator::Equal),
    ("!=", Operator::NotEqual),
    ("<=", Operator::LessOrEqual),
    (">=", Operator::GreaterOrEqual),
    ("<", Operator::Less),
    (">", Operator::Greater),
];

#[derive(Clone, Debug, PartialEq)]
enum Operand {
    Placeholder(Placeholder),
    /// How many elements, members or characters there are.
    Length(Placeholder),
    /// Whether there is such a thing.
    Has(Placeholder),
    /// One of these.
    Any(Vec<Operand>),
    /// `*` stands for any characters.
    Like(String),
    Literal(String),
}

#[derive(Clone, Debug, PartialEq)]
enum Placeholder {
    Status,
    ResponseTime,
    Body(Vec<Step>),
    Connected,
    Ip,
    CertificateExpiration,
    DnsRcode,
}

/// A text that is no condition.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConditionError {
    #[error("has no operator; write ==, !=, <, <=, > or >= between spaces")]
    Operator,
    #[error("has nothing on one side")]
    Empty,
    #[error("names the unknown placeholder {0}")]
    Placeholder(String),
    #[error("has a path that can't be read: {0}")]
    Path(String),
    #[error("gives {function} no placeholder, but {given:?}")]
    Function { function: &'static str, given: String },
}

impl Condition {
    /// Reads one.
    pub fn parse(text: &str) -> Result<Self, ConditionError> {
        let (at, sign, operator) = operator(text).ok_or(ConditionError::Operator)?;
        let (left, rest) = text.split_at(at);
        let right = rest.get(sign.len()..).unwrap_or_default();
        Ok(Self { text: text.trim().to_owned(), left: operand(left)?, operator, right: operand(right)? })
    }

    /// As it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether the body is looked into.
    pub fn needs_body(&self) -> bool {
        self.asks(&|placeholder| matches!(placeholder, Placeholder::Body(_)))
    }

    fn asks(&self, is_it: &dyn Fn(&Placeholder) -> bool) -> bool {
        [&self.left, &self.right].into_iter().any(|operand| operand.asks(is_it))
    }
}

impl Operand {
    fn asks(&self, is_it: &dyn Fn(&Placeholder) -> bool) -> bool {
        match self {
            Self::Placeholder(placeholder) | Self::Length(placeholder) | Self::Has(placeholder) => is_it(placeholder),
            Self::Any(operands) => operands.iter().any(|operand| operand.asks(is_it)),
            Self::Like(_) | Self::Literal(_) => false,
        }
    }
}

/// The first operator outside of brackets.
fn operator(text: &str) -> Option<(usize, &'static str, Operator)> {
    let mut depth = 0_u32;
    for (at, next) in text.char_indices() {
        match next {
            '(' | '[' => depth += 1,
            ')' | ']' => depth = depth.saturating_sub(1),
            _ if depth == 0 => {
                let rest = text.get(at..).unwrap_or_default();
                if let Some((sign, operator)) = OPERATORS.iter().find(|(sign, _)| rest.starts_with(sign)) {
                    return Some((at, sign, *operator));
                }
            }
            _ => {}
        }
    }
    None
}

fn operand(text: &str) -> Result<Operand, ConditionError> {
    let text = text.trim();
    if text.is_empty() {
        return Err(ConditionError::Empty);
    }
    let inner = |name: &str| text.strip_prefix(name)?.strip_prefix('(')?.strip_suffix(')');
    let of = |function, given: &str| {
        let wrong = || ConditionError::Function { function, given: given.to_owned() };
        placeholder(given.trim())?.ok_or_else(wrong)
    };
    if let Some(given) = inner("len") {
        return Ok(Operand::Length(of("len", given)?));
    }
    if let Some(given) = inner("has") {
        return Ok(Operand::Has(of("has", given)?));
    }
    if let Some(pattern) = inner("pat") {
        return Ok(Operand::Like(pattern.to_owned()));
    }
    if let Some(given) = inner("any") {
        return Ok(Operand::Any(given.split(',').map(operand).collect::<Result<_, _>>()?));
    }
    Ok(placeholder(text)?.map_or_else(|| Operand::Literal(text.to_owned()), Operand::Placeholder))
}

/// `None` for what does not look like one.
fn placeholder(text: &str) -> Result<Option<Placeholder>, ConditionError> {
    if let Some(path) = text.strip_prefix("[BODY]") {
        let steps = path::parse(path).ok_or_else(|| ConditionError::Path(path.to_owned()))?;
        return Ok(Some(Placeholder::Body(steps)));
    }
    Ok(Some(match text {
        "[STATUS]" => Placeholder::Status,
        "[RESPONSE_TIME]" => Placeholder::ResponseTime,
        "[CONNECTED]" => Placeholder::Connected,
        "[IP]" => Placeholder::Ip,
        "[CERTIFICATE_EXPIRATION]" => Placeholder::CertificateExpiration,
        "[DNS_RCODE]" => Placeholder::DnsRcode,
        other => {
            let name = other.strip_prefix('[').and_then(|rest| rest.split_once(']')).map(|(name, _)| name);
            let is_name = |name: &&str| !name.is_empty() && name.bytes().all(|b| b.is_ascii_uppercase() || b == b'_');
            return match name.filter(is_name) {
                Some(name) => Err(ConditionError::Placeholder(format!("[{name}]"))),
                None => Ok(None),
            };
        }
    }))
}

/// Gatus' durations: Go's, such as `48h` or `1h30m`.
fn duration(text: &str) -> Option<Duration> {
    const UNITS: [(&str, f64); 6] = [("ns", 1e-9), ("us", 1e-6), ("ms", 1e-3), ("s", 1.0), ("m", 60.0), ("h", 3600.0)];
    let (mut rest, mut seconds) = (text, 0.0);
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(|b| b.is_ascii_digit() || *b == b'.').count();
        let (number, behind) = rest.split_at(digits);
        let letters = behind.bytes().take_while(u8::is_ascii_alphabetic).count();
        let (unit, behind) = behind.split_at(letters);
        let (_, factor) = UNITS.iter().find(|(name, _)| *name == unit)?;
        seconds += number.parse::<f64>().ok()? * factor;
        rest = behind;
    }
    if text.is_empty() { None } else { Duration::try_from_secs_f64(seconds).ok() }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl TryFrom<String> for Condition {
    type Error = ConditionError;

    fn try_from(text: String) -> Result<Self, ConditionError> {
        Self::parse(&text)
    }
}

impl From<Condition> for String {
    fn from(condition: Condition) -> Self {
        condition.text
    }
}

#[cfg(test)]
mod tests;
