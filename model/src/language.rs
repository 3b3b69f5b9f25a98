//! The languages in which people are told.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// One of them, written as its ISO 639-1 code.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Language {
    #[default]
    #[serde(rename = "en")]
    English,
    #[serde(rename = "hu")]
    Hungarian,
}

/// A text that is the code of none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no language that is known; write en or hu")]
pub struct LanguageError(String);

impl FromStr for Language {
    type Err = LanguageError;

    fn from_str(code: &str) -> Result<Self, Self::Err> {
        match code {
            "en" => Ok(Self::English),
            "hu" => Ok(Self::Hungarian),
            _ => Err(LanguageError(code.to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_read_and_others_are_named() {
        assert_eq!("hu".parse(), Ok(Language::Hungarian));
        assert_eq!("en".parse(), Ok(Language::default()));
        assert_eq!("HU".parse::<Language>(), Err(LanguageError("HU".to_owned())));
    }
}
