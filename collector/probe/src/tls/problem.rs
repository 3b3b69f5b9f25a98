//! What is the matter with a certificate.

use std::fmt;

/// All that is wrong with a server's certificate; never nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    pub kinds: Vec<ProblemKind>,
    /// What the verification said first.
    pub told: String,
}

/// The kinds that are told apart; the `reason` of `probe_ssl_certificate_problem_info`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ProblemKind {
    Expired,
    NotYetValid,
    /// It is signed by itself, and not trusted.
    SelfSigned,
    /// Nobody who is trusted has signed it.
    UnknownIssuer,
    WrongName,
    Revoked,
    /// Whatever else keeps it from being used.
    Other,
}

impl ProblemKind {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Expired => "expired",
            Self::NotYetValid => "not_yet_valid",
            Self::SelfSigned => "self_signed",
            Self::UnknownIssuer => "unknown_issuer",
            Self::WrongName => "wrong_name",
            Self::Revoked => "revoked",
            Self::Other => "other",
        }
    }

    const fn words(self) -> &'static str {
        match self {
            Self::Expired => "has expired",
            Self::NotYetValid => "is not valid yet",
            Self::SelfSigned => "is signed by itself",
            Self::UnknownIssuer => "is signed by nobody who is trusted",
            Self::WrongName => "is for another name",
            Self::Revoked => "is revoked",
            Self::Other => "can't be used",
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the certificate ")?;
        for (at, kind) in self.kinds.iter().enumerate() {
            f.write_str(if at == 0 { "" } else { " and " })?;
            f.write_str(kind.words())?;
        }
        write!(f, " ({})", self.told)
    }
}
