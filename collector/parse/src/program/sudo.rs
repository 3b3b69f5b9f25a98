//! `sudo`: `bob : TTY=pts/0 ; PWD=/home/bob ; USER=root ; COMMAND=/bin/ls`.

use orszem_model::Severity;

use super::super::Parsed;
use super::super::found::{at_least, cut, text};

pub(super) fn refine<'a>(said: &'a [u8], parsed: &mut Parsed<'a>) {
    let Some((user, rest)) = cut(said, b" : ").filter(|(user, _)| !user.contains(&b' ')) else { return };
    text(parsed, "user", user);
    at_least(parsed, Severity::NOTICE);
    let (before, command) = cut(rest, b"COMMAND=").unwrap_or((rest, b""));
    for part in before.split(|b| *b == b';') {
        let part = part.trim_ascii();
        if let Some(target) = part.strip_prefix(b"USER=") {
            text(parsed, "target_user", target);
        } else if part.ends_with(b"incorrect password attempts")
            || part.ends_with(b"incorrect password attempt")
            || part == b"user NOT in sudoers"
            || part == b"command not allowed"
        {
            at_least(parsed, Severity::WARN);
        }
    }
    text(parsed, "command", command);
}
