//! Pacemaker's own log: `Nov 22 10:00:00.123 node1 pacemaker-controld  [1234] (function) notice: message`, and 1.1's
//! `Nov 22 10:00:00 [1234] node1       crmd:   notice: function: message`.

mod saying;

use orszem_model::Severity;

use super::found::{between, cut, integer, level, text};
use super::{Moment, Parsed, time, word};

/// Daemons of 2.x begin with `pacemaker`; these are those of 1.1.
const OLD_DAEMONS: [&[u8]; 8] =
    [b"crmd", b"pengine", b"cib", b"attrd", b"lrmd", b"stonith-ng", b"stonithd", b"crm_resource"];

pub(crate) fn parse<'a>(line: &'a [u8], moment: &Moment<'_>) -> Option<Parsed<'a>> {
    let head = word::head(line);
    let stamp = time::bsd(head, moment).or_else(|| time::iso(head, moment))?;
    let mut parsed = Parsed::stamped(stamp);
    let rest = head.get(stamp.len..)?.strip_prefix(b" ")?;
    let message = match rest.strip_prefix(b"[") {
        Some(inner) => old(inner, &mut parsed)?,
        None => new(rest, &mut parsed)?,
    };
    parsed.message = word::offset(head, message);
    Some(parsed)
}

/// Whether a program is one of Pacemaker's.
pub(crate) fn is_daemon(name: &[u8]) -> bool {
    name.starts_with(b"pacemaker") || OLD_DAEMONS.contains(&name)
}

/// `node1 pacemaker-controld  [1234] (function) notice: message`; answers the message.
fn new<'a>(rest: &'a [u8], parsed: &mut Parsed<'a>) -> Option<&'a [u8]> {
    let (host, rest) = word::word(rest)?;
    // The name is padded to twenty bytes, which the longest fills.
    let (daemon, rest) = cut(rest, b"[")?;
    let daemon = daemon.trim_ascii_end();
    if !is_daemon(daemon) {
        return None;
    }
    let (pid, rest) = cut(rest, b"]")?;
    let rest = rest.trim_ascii_start();
    let function = rest.strip_prefix(b"(").and_then(|inner| cut(inner, b")")).map(|(function, _)| function);
    let rest = rest.get(function.map_or(0, |function| function.len() + 2)..)?.trim_ascii_start();
    named(host, daemon, pid, parsed)?;
    // Newer ones write `function@file.c:123`.
    let function = function.map(|function| cut(function, b"@").map_or(function, |(name, _)| name));
    text(parsed, "function", function.unwrap_or_default());
    let message = leveled(rest, parsed)?;
    saying::describe(message, parsed);
    Some(message)
}

/// `1234] node1       crmd:   notice: function: message`; answers the message.
fn old<'a>(inner: &'a [u8], parsed: &mut Parsed<'a>) -> Option<&'a [u8]> {
    let (pid, rest) = cut(inner, b"] ")?;
    let (host, rest) = word::word(rest)?;
    let (daemon, rest) = cut(rest.trim_ascii_start(), b":")?;
    if !is_daemon(daemon) {
        return None;
    }
    named(host, daemon, pid, parsed)?;
    let message = leveled(rest.trim_ascii_start(), parsed)?;
    let function = cut(message, b":").filter(|(name, _)| is_function(name));
    text(parsed, "function", function.map_or(&[], |(name, _)| name));
    let message = function.map_or(message, |(_, after)| after.trim_ascii_start());
    saying::describe(message, parsed);
    Some(message)
}

fn named<'a>(host: &'a [u8], daemon: &'a [u8], pid: &'a [u8], parsed: &mut Parsed<'a>) -> Option<()> {
    parsed.host = Some(word::host_name(host)?.into());
    parsed.service = Some(word::name(daemon)?.into());
    integer(parsed, "pid", pid);
    Some(())
}

fn is_function(name: &[u8]) -> bool {
    (3..=64).contains(&name.len())
        && name.iter().all(|b| b.is_ascii_alphanumeric() || *b == b'_')
        && name.contains(&b'_')
}

/// `notice: message`; answers the message.
fn leveled<'a>(rest: &'a [u8], parsed: &mut Parsed<'a>) -> Option<&'a [u8]> {
    let (level_word, message) = cut(rest, b": ")?;
    level(parsed, severity(level_word)?, level_word);
    Some(message)
}

/// Reads `notice: message` behind a syslog header.
pub(crate) fn refine<'a>(message: &'a [u8], parsed: &mut Parsed<'a>) {
    let head = word::head(message);
    let told = leveled(head.trim_ascii_start(), parsed);
    parsed.message += told.map_or(0, |told| word::offset(head, told));
    saying::describe(told.unwrap_or(head.trim_ascii_start()), parsed);
}

fn severity(word: &[u8]) -> Option<Severity> {
    Some(match word {
        b"emerg" => Severity::FATAL,
        b"alert" => Severity::ALERT,
        b"crit" => Severity::CRITICAL,
        b"error" => Severity::ERROR,
        b"warning" => Severity::WARN,
        b"notice" => Severity::NOTICE,
        b"info" => Severity::INFO,
        b"debug" => Severity::DEBUG,
        b"trace" => Severity::TRACE,
        _ => return None,
    })
}

/// What stands between the first pair of brackets, if the text before them has no blank.
fn indexed(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let (name, rest) = cut(text, b"[")?;
    let index = between(text, b"[", b"]")?;
    (!name.contains(&b' ') && rest.len() > index.len()).then_some((name, index))
}

#[cfg(test)]
mod tests;
