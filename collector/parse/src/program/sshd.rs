//! OpenSSH's server: who came, from where, and whether he was let in.

use orszem_model::Severity;

use super::super::Parsed;
use super::super::found::{at_least, cut, first_word, integer, text};

pub(super) fn refine<'a>(said: &'a [u8], parsed: &mut Parsed<'a>) {
    let came = |mark: &[u8]| said.strip_prefix(mark);
    if let Some(rest) = came(b"Failed ").or_else(|| came(b"Accepted ")) {
        // `password for invalid user bob from 10.0.0.1 port 22 ssh2`
        let Some((method, rest)) = cut(rest, b" for ") else { return };
        text(parsed, "method", method);
        from(rest.strip_prefix(b"invalid user ").unwrap_or(rest), parsed);
        let is_failed = said.starts_with(b"Failed ");
        at_least(parsed, if is_failed { Severity::WARN } else { Severity::INFO });
    } else if let Some(rest) = came(b"Invalid user ") {
        from(rest, parsed);
        at_least(parsed, Severity::WARN);
    } else if let Some(rest) = came(b"Connection closed by ").or_else(|| came(b"Disconnected from ")) {
        // `authenticating user bob 10.0.0.1 port 22 [preauth]`, `invalid user bob …`, `user bob …` or no user
        let rest = rest.strip_prefix(b"authenticating ").or_else(|| rest.strip_prefix(b"invalid ")).unwrap_or(rest);
        let peer = match rest.strip_prefix(b"user ").and_then(|rest| cut(rest, b" ")) {
            Some((user, peer)) => {
                text(parsed, "user", user);
                peer
            }
            None => rest,
        };
        address(peer, parsed);
        at_least(parsed, Severity::INFO);
    } else if said.starts_with(b"error: maximum authentication attempts exceeded") {
        at_least(parsed, Severity::ERROR);
    }
}

/// `bob from 10.0.0.1 port 22`. A name may hold anything, so the last ` from ` counts.
fn from<'a>(rest: &'a [u8], parsed: &mut Parsed<'a>) {
    let Some(at) = memchr::memmem::rfind(rest, b" from ") else { return };
    text(parsed, "user", rest.get(..at).unwrap_or_default());
    address(rest.get(at + 6..).unwrap_or_default(), parsed);
}

fn address<'a>(rest: &'a [u8], parsed: &mut Parsed<'a>) {
    text(parsed, "client", first_word(rest));
    if let Some((_, port)) = cut(rest, b" port ") {
        integer(parsed, "port", first_word(port));
    }
}
