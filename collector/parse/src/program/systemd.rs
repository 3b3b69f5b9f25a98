//! The service manager: which unit, and what became of it.

use orszem_model::Severity;

use super::super::Parsed;
use super::super::found::{at_least, cut, first_word, text};

/// Endings of unit names.
const KINDS: [&[u8]; 8] = [b".service", b".timer", b".socket", b".mount", b".target", b".scope", b".slice", b".device"];

pub(super) fn refine<'a>(said: &'a [u8], parsed: &mut Parsed<'a>) {
    if let Some(rest) = said.strip_prefix(b"Failed to start ").or_else(|| said.strip_prefix(b"Failed to mount ")) {
        unit(rest, parsed);
        at_least(parsed, Severity::ERROR);
    } else if let Some((name, told)) = cut(said, b": ").filter(|(name, _)| is_unit(name)) {
        text(parsed, "unit", name);
        at_least(parsed, weight(told));
    } else if let Some(rest) = STARTS.iter().find_map(|start| said.strip_prefix(*start)) {
        unit(rest, parsed);
        at_least(parsed, Severity::INFO);
    } else if said.starts_with(b"Timed out waiting for") || said.starts_with(b"Dependency failed for") {
        at_least(parsed, Severity::ERROR);
    }
}

const STARTS: [&[u8]; 6] = [b"Starting ", b"Started ", b"Stopping ", b"Stopped ", b"Finished ", b"Reloading "];

/// How grave a sentence about a unit is.
fn weight(told: &[u8]) -> Severity {
    const SAYINGS: [(&[u8], Severity); 8] = [
        (b"Failed with result", Severity::ERROR),
        (b"Main process exited, code=exited, status=0", Severity::INFO),
        (b"Main process exited", Severity::ERROR),
        (b"Start request repeated too quickly", Severity::ERROR),
        (b"start operation timed out", Severity::ERROR),
        (b"A process of this unit has been killed by the OOM killer", Severity::ERROR),
        (b"State 'stop-sigterm' timed out", Severity::WARN),
        (b"Scheduled restart job", Severity::WARN),
    ];
    SAYINGS.iter().find(|(words, _)| told.starts_with(words)).map_or(Severity::UNSET, |(_, severity)| *severity)
}

/// `nginx.service - A web server...` since 247; before it only the description, which names no unit.
fn unit<'a>(rest: &'a [u8], parsed: &mut Parsed<'a>) {
    let name = first_word(rest);
    let name = name.strip_suffix(b"...").or_else(|| name.strip_suffix(b".")).unwrap_or(name);
    if is_unit(name) {
        text(parsed, "unit", name);
    }
}

fn is_unit(name: &[u8]) -> bool {
    !name.contains(&b' ') && KINDS.iter().any(|kind| name.ends_with(kind))
}
