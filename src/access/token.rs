//! Tokens: their file, their hashes, and whom they stand for.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// SHA-256 of a token. Tokens are 256 random bits, so a slow hash would add nothing.
pub type TokenHash = [u8; 32];

/// What the holder of a token may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Role {
    /// Send records; can't read.
    Ingest,
    /// Query.
    Read,
    /// Everything.
    Admin,
}

impl Role {
    /// Its name in the token file.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ingest => "ingest",
            Self::Read => "read",
            Self::Admin => "admin",
        }
    }
}

impl FromStr for Role {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        [Self::Ingest, Self::Read, Self::Admin].into_iter().find(|role| role.name() == text).ok_or(())
    }
}

/// Whom a request comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    pub name: String,
    pub role: Role,
    /// The tenant that all its records and queries belong to.
    pub tenant: u32,
}

impl Identity {
    /// Everyone on this host, while there is no token file.
    pub fn local() -> Self {
        Self { name: "local".to_owned(), role: Role::Admin, tenant: 0 }
    }
}

/// Why a token file can't be used.
#[derive(Debug, thiserror::Error)]
pub enum TokenFileError {
    #[error("can't read the token file {}", path.display())]
    Read {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("{}:{line}: {wrong}; a line is `name role tenant sha256:HASH` as `orszem token new` prints it", path.display())]
    Line { path: PathBuf, line: usize, wrong: LineError },
    #[error("the token file {} holds no token: add one with `orszem token new NAME --role ROLE`", path.display())]
    Empty { path: PathBuf },
}

/// What is wrong with a line of a token file. The hash is never repeated.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LineError {
    #[error("has {0} words instead of 4")]
    Words(usize),
    #[error("`{0}` is no role, which is ingest, read or admin")]
    Role(String),
    #[error("`{0}` is no tenant, which is a number from 0 to 4294967295")]
    Tenant(String),
    #[error("the hash is not `sha256:` and 64 hexadecimal digits")]
    Hash,
    #[error("the name `{0}` stands twice")]
    Twice(String),
}

/// The accepted tokens.
#[derive(Debug, Default)]
pub struct Table(Vec<(TokenHash, Identity)>);

impl Table {
    /// Reads a token file: a token a line, `#` begins a comment.
    pub fn load(path: &Path) -> Result<Self, TokenFileError> {
        let read = |source| TokenFileError::Read { path: path.to_owned(), source };
        let text = std::fs::read_to_string(path).map_err(read)?;
        let table =
            Self::parse(&text).map_err(|(line, wrong)| TokenFileError::Line { path: path.to_owned(), line, wrong })?;
        if table.0.is_empty() { Err(TokenFileError::Empty { path: path.to_owned() }) } else { Ok(table) }
    }

    fn parse(text: &str) -> Result<Self, (usize, LineError)> {
        let mut tokens: Vec<(TokenHash, Identity)> = Vec::new();
        for (at, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let (hash, identity) = parse_line(line).map_err(|wrong| (at + 1, wrong))?;
            if tokens.iter().any(|(_, known)| known.name == identity.name) {
                return Err((at + 1, LineError::Twice(identity.name)));
            }
            tokens.push((hash, identity));
        }
        Ok(Self(tokens))
    }

    /// Whom the token with this hash stands for. Looks at every token whatever it finds, each in constant time.
    pub fn find(&self, hash: &TokenHash) -> Option<&Identity> {
        let mut found = None;
        for (known, identity) in &self.0 {
            if bool::from(known.ct_eq(hash)) {
                found = Some(identity);
            }
        }
        found
    }
}

fn parse_line(line: &str) -> Result<(TokenHash, Identity), LineError> {
    let words: Vec<&str> = line.split_ascii_whitespace().collect();
    let [name, role, tenant, hash] = words.as_slice() else { return Err(LineError::Words(words.len())) };
    let role = role.parse().map_err(|()| LineError::Role((*role).to_owned()))?;
    let tenant = tenant.parse().map_err(|_| LineError::Tenant((*tenant).to_owned()))?;
    let hash = hash.strip_prefix("sha256:").and_then(parse_hex).ok_or(LineError::Hash)?;
    Ok((hash, Identity { name: (*name).to_owned(), role, tenant }))
}

fn parse_hex(text: &str) -> Option<TokenHash> {
    let mut hash = [0; 32];
    if text.len() != 64 {
        return None;
    }
    for (at, byte) in hash.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(2 * at..2 * at + 2)?, 16).ok()?;
    }
    Some(hash)
}

/// The hash under which a token is known.
pub fn hash(secret: &str) -> TokenHash {
    Sha256::digest(secret.as_bytes()).into()
}

/// A fresh token and the line that makes a server accept it.
pub struct NewToken {
    /// Shown once; nobody keeps it.
    pub secret: String,
    pub line: String,
}

impl fmt::Debug for NewToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewToken").field("secret", &"***").field("line", &self.line).finish()
    }
}

impl NewToken {
    /// A token for `identity`, from the system's randomness.
    pub fn generate(identity: &Identity) -> Result<Self, getrandom::Error> {
        let secret = format!("orszem_{}", random_secret()?);
        let hex: String = hash(&secret).iter().map(|byte| format!("{byte:02x}")).collect();
        let Identity { name, role, tenant } = identity;
        let line = format!("{name} {} {tenant} sha256:{hex}", role.name());
        Ok(Self { secret, line })
    }
}

/// 256 random bits as 43 characters that need no quoting anywhere.
pub(super) fn random_secret() -> Result<String, getrandom::Error> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes)?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_token_is_accepted_by_its_line() {
        let identity = Identity { name: "node1".into(), role: Role::Ingest, tenant: 7 };
        let token = NewToken::generate(&identity).expect("random");
        let table = Table::parse(&format!("# nodes\n\n  {}  \n", token.line)).expect("a good file");
        assert_eq!(table.find(&hash(&token.secret)), Some(&identity));
        assert_eq!(table.find(&hash("orszem_other")), None);
        assert!(!format!("{token:?}").contains(&token.secret));
    }

    #[test]
    fn wrong_lines_are_told_without_the_hash() {
        let good = format!("sha256:{}", "0f".repeat(32));
        for (line, wrong) in [
            ("a read 0".to_owned(), LineError::Words(3)),
            (format!("a reader 0 {good}"), LineError::Role("reader".into())),
            (format!("a read -1 {good}"), LineError::Tenant("-1".into())),
            ("a read 0 sha256:xyz".to_owned(), LineError::Hash),
            (format!("a read 0 {}", "0f".repeat(32)), LineError::Hash),
        ] {
            assert_eq!(Table::parse(&format!("#\n{line}\n")).map(|_| ()), Err((2, wrong)), "{line}");
        }
        let twice = Table::parse(&format!("a read 0 {good}\na admin 0 {good}\n")).map(|_| ());
        assert_eq!(twice, Err((2, LineError::Twice("a".into()))));
    }
}
