//! Errors as one text.

use std::error::Error;

/// The error with its causes, for messages that are one text.
pub fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("can't read the token")]
    struct Outer(#[source] io::Error);

    #[test]
    fn causes_follow_what_they_caused() {
        let inner = || io::Error::other("no such file");
        assert_eq!(chain(&inner()), "no such file");
        assert_eq!(chain(&Outer(inner())), "can't read the token: no such file");
    }
}
