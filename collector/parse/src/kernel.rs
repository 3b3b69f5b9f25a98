//! Kernel messages: `[12345.678901] text`, with `<3>` before it or not, and what stands behind `kernel:`.

use std::sync::LazyLock;

use memchr::memmem::Finder;
use orszem_model::Severity;

use super::found::{at_least, between, cut, digits, entity, float, integer, number, text};
use super::{Layer, Moment, Parsed, drbd, word};

/// Reads a line of `dmesg` or `/dev/kmsg`'s text. The stamp counts from boot, so it gives no time.
pub(crate) fn parse<'a>(line: &'a [u8], _moment: &Moment<'_>) -> Option<Parsed<'a>> {
    let (priority, rest) = priority(line);
    let (uptime, message) = uptime(rest)?;
    let mut parsed = Parsed { message: word::offset(line, message), ..Parsed::default() };
    parsed.service = Some("kernel".into());
    if let Some(priority) = priority {
        parsed.severity = Severity::from_syslog(priority);
    }
    float(&mut parsed, "kernel.uptime", uptime);
    told(message, &mut parsed);
    Some(parsed)
}

/// Reads a message behind a syslog or journal header; it may have the kernel's own stamp.
pub(crate) fn refine<'a>(message: &'a [u8], parsed: &mut Parsed<'a>) {
    match uptime(message.trim_ascii_start()) {
        Some((uptime, inner)) => {
            parsed.message += word::offset(message, inner);
            float(parsed, "kernel.uptime", uptime);
            told(inner, parsed);
        }
        None => told(message.trim_ascii_start(), parsed),
    }
}

/// `<n>` below 192.
fn priority(line: &[u8]) -> (Option<u8>, &[u8]) {
    let taken = || {
        let (number, rest) = digits(line.strip_prefix(b"<")?)?;
        let number = self::number(number).filter(|n| (0..192).contains(n))?;
        Some((u8::try_from(number).ok()?, rest.strip_prefix(b">")?))
    };
    taken().map_or((None, line), |(number, rest)| (Some(number), rest))
}

/// `[12345.678901] ` or `[12345.678901][  T123] `, and the message behind it.
fn uptime(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let inner = text.strip_prefix(b"[")?.trim_ascii_start();
    let (_, rest) = digits(inner)?;
    let (fraction, rest) = digits(rest.strip_prefix(b".")?)?;
    let uptime = inner.get(..inner.len() - rest.len()).filter(|_| fraction.len() == 6)?;
    let rest = rest.strip_prefix(b"]")?;
    let rest = match rest.strip_prefix(b"[") {
        Some(caller) => cut(caller, b"]")?.1,
        None => rest,
    };
    Some((uptime, rest.strip_prefix(b" ")?))
}

fn told<'a>(message: &'a [u8], parsed: &mut Parsed<'a>) {
    if drbd::is_drbd(message) && drbd::refine(message, parsed).is_some() {
        return;
    }
    let message = word::head(message);
    if let Some(severity) = WEIGHTS.iter().find(|(words, _)| words.find(message).is_some()).map(|(_, s)| *s) {
        at_least(parsed, severity);
    }
    if message.starts_with(b"device-mapper:") || message.starts_with(b"md/") || message.starts_with(b"md: ") {
        parsed.layer = Some(Layer::Storage);
    }
    disk(message, parsed);
    process(message, parsed);
    interface(message, parsed);
}

/// `I/O error, dev sda, sector 4656`, `EXT4-fs error (device sda1): …`, `XFS (dm-0): …`, `[sda] tag#1 FAILED Result`.
fn disk<'a>(message: &'a [u8], parsed: &mut Parsed<'a>) {
    let found = cut(message, b" error, dev ")
        .or_else(|| cut(message, b" error on dev "))
        .map(|(_, rest)| until(rest, b", "))
        .or_else(|| between(message, b"-fs error (device ", b")"))
        .or_else(|| between(message, b"-fs warning (device ", b")"))
        .or_else(|| message.strip_prefix(b"EXT4-fs (").and_then(|rest| cut(rest, b")")).map(|(device, _)| device))
        .or_else(|| message.strip_prefix(b"XFS (").and_then(|rest| cut(rest, b")")).map(|(device, _)| device))
        .or_else(|| message.strip_prefix(b"sd ").and_then(|rest| between(rest, b"[", b"]")))
        .or_else(|| cut(message, b"Disk failure on ").map(|(_, rest)| until(rest, b", ")));
    let Some(device) = found.filter(|device| device.len() <= 32) else { return };
    text(parsed, "disk", device);
    entity(parsed, "disk", device);
    if let Some((sector, _)) = cut(message, b", sector ").and_then(|(_, rest)| digits(rest)) {
        integer(parsed, "sector", sector);
    }
}

fn until<'a>(text: &'a [u8], stops: &[u8]) -> &'a [u8] {
    let end = text.iter().position(|b| stops.contains(b)).unwrap_or(text.len());
    text.get(..end).unwrap_or(text)
}

/// The process a message is about.
fn process<'a>(message: &'a [u8], parsed: &mut Parsed<'a>) {
    let found = killed(message).or_else(|| faulted(message)).or_else(|| hung(message)).or_else(|| locked(message));
    if let Some((name, pid)) = found {
        text(parsed, "process", name);
        integer(parsed, "pid", pid);
    } else if let Some((name, _)) = cut(message, b" invoked oom-killer") {
        text(parsed, "process", name);
    }
}

/// `Out of memory: Killed process 123 (java) total-vm:…`; before 4.19 `Kill process`.
fn killed(message: &[u8]) -> Option<(&[u8], &[u8])> {
    let (_, rest) = cut(message, b"Killed process ").or_else(|| cut(message, b"Kill process "))?;
    let (pid, rest) = digits(rest)?;
    let (name, _) = cut(rest.strip_prefix(b" (")?, b")")?;
    Some((name, pid))
}

/// `java[123]: segfault at 0 ip …` and `traps: java[123] general protection fault …`.
fn faulted(message: &[u8]) -> Option<(&[u8], &[u8])> {
    let message = message.strip_prefix(b"traps: ").unwrap_or(message);
    let (name, rest) = cut(message, b"[")?;
    let (pid, rest) = cut(rest, b"]")?;
    let told = rest.strip_prefix(b":").unwrap_or(rest);
    let is_fault = [&b" segfault at "[..], b" general protection", b" trap "].iter().any(|w| told.starts_with(w));
    is_fault.then_some((name, pid))
}

/// `INFO: task jbd2/sda1-8:123 blocked for more than 120 seconds.`
fn hung(message: &[u8]) -> Option<(&[u8], &[u8])> {
    let (task, _) = cut(message.strip_prefix(b"INFO: task ")?, b" blocked for more than ")?;
    let colon = memchr::memrchr(b':', task)?;
    Some((task.get(..colon)?, task.get(colon + 1..)?))
}

/// `watchdog: BUG: soft lockup - CPU#3 stuck for 22s! [java:123]`.
fn locked(message: &[u8]) -> Option<(&[u8], &[u8])> {
    let (_, rest) = cut(message, b"soft lockup - CPU#")?;
    cut(between(rest, b"[", b"]")?, b":")
}

/// `e1000e: eth0 NIC Link is Down`, `r8169 0000:02:00.0 eth0: Link is Down`, `bond0: (slave eth0): link status …`.
fn interface<'a>(message: &'a [u8], parsed: &mut Parsed<'a>) {
    let slave = between(message, b"(slave ", b")");
    let Some((before, is_down)) = link(message).or_else(|| slave.map(|name| (name, None))) else { return };
    // What tells of no interface by name, `eth0:` or `eth0 NIC`, is some other sentence.
    let before = before.trim_ascii_end();
    let card = before.strip_suffix(b" NIC");
    let marked = card.unwrap_or(before).strip_suffix(b":").or(card);
    let last = marked.and_then(|before| before.rsplit(|b| *b == b' ').next());
    let Some(name) = slave.or(last) else { return };
    let fits = |b: &u8| b.is_ascii_alphanumeric() || b"._-@".contains(b);
    if name.is_empty() || name.len() > 32 || !name.iter().all(fits) {
        return;
    }
    text(parsed, "interface", name);
    entity(parsed, "interface", name);
    match is_down {
        Some(true) => at_least(parsed, Severity::WARN),
        Some(false) => at_least(parsed, Severity::NOTICE),
        None => {}
    }
}

/// What stands before `link is down` in any case, and whether it is down.
fn link(message: &[u8]) -> Option<(&[u8], Option<bool>)> {
    const SAYINGS: [(&[u8], bool); 8] = [
        (b"Link is Down", true),
        (b"Link is Up", false),
        (b"link is down", true),
        (b"Link is down", true),
        (b"link is up", false),
        (b"Link is up", false),
        (b"link down", true),
        (b"link becomes ready", false),
    ];
    SAYINGS.iter().find_map(|(words, is_down)| cut(message, words).map(|(before, _)| (before, Some(*is_down))))
}

/// Words of a message and what they weigh; the first that is found counts.
static WEIGHTS: LazyLock<Vec<(Finder<'static>, Severity)>> =
    LazyLock::new(|| WORDS.iter().map(|(words, severity)| (Finder::new(*words), *severity)).collect());

const WORDS: [(&str, Severity); 45] = [
    ("Kernel panic", Severity::FATAL),
    ("soft lockup", Severity::CRITICAL),
    ("hard LOCKUP", Severity::CRITICAL),
    ("BUG: ", Severity::CRITICAL),
    ("kernel BUG at", Severity::CRITICAL),
    ("Oops: ", Severity::CRITICAL),
    ("general protection fault", Severity::ERROR),
    ("unable to handle kernel", Severity::CRITICAL),
    ("ut of memory: Kill", Severity::CRITICAL),
    ("Machine check", Severity::CRITICAL),
    ("Uncorrected error", Severity::CRITICAL),
    ("[Hardware Error]", Severity::ERROR),
    ("Call Trace:", Severity::ERROR),
    ("I/O error", Severity::ERROR),
    ("critical medium error", Severity::ERROR),
    ("critical target error", Severity::ERROR),
    ("FAILED Result", Severity::ERROR),
    ("Medium Error", Severity::ERROR),
    ("Unrecovered read error", Severity::ERROR),
    ("-fs error (device", Severity::ERROR),
    ("Corruption", Severity::ERROR),
    ("emounting filesystem read-only", Severity::ERROR),
    ("Aborting journal", Severity::ERROR),
    ("Disk failure on ", Severity::ERROR),
    ("Failing path", Severity::ERROR),
    ("rejecting I/O to offline device", Severity::ERROR),
    ("blocked for more than ", Severity::ERROR),
    ("self-detected stall", Severity::ERROR),
    ("detected stalls on CPUs", Severity::ERROR),
    ("segfault at ", Severity::ERROR),
    ("transmit queue", Severity::ERROR),
    ("page allocation failure", Severity::ERROR),
    ("table full, dropping packet", Severity::ERROR),
    ("invoked oom-killer", Severity::WARN),
    ("-fs warning (device", Severity::WARN),
    ("WARNING: ", Severity::WARN),
    ("link status definitely down", Severity::WARN),
    (", timed out", Severity::WARN),
    ("not responding", Severity::WARN),
    ("Possible SYN flooding", Severity::WARN),
    ("clock throttled", Severity::WARN),
    ("temperature above threshold", Severity::WARN),
    ("hung task", Severity::WARN),
    ("reset SuperSpeed", Severity::NOTICE),
    ("link status definitely up", Severity::NOTICE),
];

#[cfg(test)]
mod tests;
