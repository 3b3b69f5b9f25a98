//! The token from its file, read again when the file changes.

use std::fs;
use std::io;
use std::path::PathBuf;
use std::time::SystemTime;

use ::http::HeaderValue;

/// Why there is no token to send.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TokenError {
    #[error("can't read the token in {}", path.display())]
    Read {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("{} must hold one token and nothing else, as `orszem token new` printed it", path.display())]
    NotOne { path: PathBuf },
}

/// The value of `Authorization`.
#[derive(Debug)]
pub(super) struct Token {
    path: PathBuf,
    read: Option<(Option<SystemTime>, HeaderValue)>,
}

impl Token {
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path, read: None }
    }

    /// Makes the next [`Self::header`] read the file even if it looks unchanged.
    pub(super) fn forget(&mut self) {
        self.read = None;
    }

    /// The header's value. A look at the file's time each call, a read of its hundred bytes when that is new.
    pub(super) fn header(&mut self) -> Result<HeaderValue, TokenError> {
        let failed = |source| TokenError::Read { path: self.path.clone(), source };
        let modified = fs::metadata(&self.path).map_err(failed)?.modified().ok();
        if let Some((read, value)) = &self.read
            && *read == modified
        {
            return Ok(value.clone());
        }
        let text = fs::read_to_string(&self.path).map_err(failed)?;
        let not_one = || TokenError::NotOne { path: self.path.clone() };
        let mut words = text.split_whitespace();
        let token = words.next().filter(|_| words.next().is_none()).ok_or_else(not_one)?;
        let mut value = HeaderValue::from_str(&format!("Bearer {token}")).map_err(|_| not_one())?;
        value.set_sensitive(true);
        self.read = Some((modified, value.clone()));
        Ok(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_is_followed_and_what_is_wrong_with_it_is_told() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("token");
        let mut token = Token::new(path.clone());
        let shown = |token: &mut Token| token.header().map_err(|error| error.to_string());
        assert_eq!(shown(&mut token), Err(format!("can't read the token in {}", path.display())));
        fs::write(&path, "one two").expect("writes");
        let wrong =
            format!("{} must hold one token and nothing else, as `orszem token new` printed it", path.display());
        assert_eq!(shown(&mut token), Err(wrong));
        fs::write(&path, "one\n").expect("writes");
        assert_eq!(shown(&mut token), Ok(HeaderValue::from_static("Bearer one")));
        fs::write(&path, "two\n").expect("writes");
        token.forget();
        assert_eq!(shown(&mut token), Ok(HeaderValue::from_static("Bearer two")));
        let later = SystemTime::now() + std::time::Duration::from_secs(60);
        fs::write(&path, "three").expect("writes");
        fs::File::options().write(true).open(&path).and_then(|file| file.set_modified(later)).expect("sets the time");
        assert_eq!(shown(&mut token), Ok(HeaderValue::from_static("Bearer three")));
    }
}
