//! cron: `(root) CMD (run-parts /etc/cron.hourly)`.

use orszem_model::Severity;

use super::super::Parsed;
use super::super::found::{at_least, cut, text};

pub(super) fn refine<'a>(said: &'a [u8], parsed: &mut Parsed<'a>) {
    let Some((user, rest)) = said.strip_prefix(b"(").and_then(|rest| cut(rest, b") ")) else { return };
    text(parsed, "user", user);
    let (kind, inside) = cut(rest, b" (").unwrap_or((rest, b""));
    match kind {
        b"CMD" | b"CMDEND" => {
            text(parsed, "command", inside.strip_suffix(b")").unwrap_or(inside));
            at_least(parsed, Severity::INFO);
        }
        b"error" | b"ERROR" => at_least(parsed, Severity::ERROR),
        _ => {}
    }
}
