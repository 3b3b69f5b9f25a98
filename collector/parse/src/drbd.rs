//! What the kernel says of DRBD, 8.4 and 9: `drbd r0/0 drbd1000 peer: …`, `drbd r0: …`, `block drbd0: …`.

use std::borrow::Cow;
use std::sync::LazyLock;

use memchr::memmem::Finder;
use orszem_model::Severity;

use super::found::{at_least, between, cut, digits, entity, first_word, integer, push, text};
use super::{Layer, Parsed, Value, word};

/// State changes of one line beyond this many stay in the body only.
const TRANSITIONS_MAX: usize = 8;

/// Whether a kernel message, without its stamp, is DRBD's.
pub(crate) fn is_drbd(message: &[u8]) -> bool {
    message.starts_with(b"drbd") || message.starts_with(b"block drbd")
}

/// Reads a kernel message of DRBD's. `None`, and nothing added, if it is none.
pub(crate) fn refine<'a>(message: &'a [u8], parsed: &mut Parsed<'a>) -> Option<()> {
    let (subject, told) = cut(word::head(message), b": ")?;
    let subject = Subject::read(subject)?;
    parsed.layer = Some(Layer::Storage);
    if let Some(resource) = subject.resource {
        text(parsed, "drbd.resource", resource);
        entity(parsed, "drbd", resource);
    }
    integer(parsed, "drbd.volume", subject.volume.unwrap_or_default());
    integer(parsed, "drbd.minor", subject.minor.unwrap_or_default());
    text(parsed, "drbd.peer", subject.peer.unwrap_or_default());
    if subject.resource.is_none()
        && let Some(minor) = subject.minor
    {
        push_minor_entity(parsed, minor);
    }
    transitions(told, parsed);
    transaction(told, parsed);
    helper(told, parsed);
    resync(told, parsed);
    local_error(told, parsed);
    if let Some((_, severity)) = FINDERS.iter().find(|(words, _)| words.find(told).is_some()) {
        at_least(parsed, *severity);
    }
    Some(())
}

/// What stands before the peer in messages of DRBD 9's transports.
const TRANSPORTS: [&[u8]; 3] = [b"tcp:", b"lb-tcp:", b"rdma:"];

/// What a line is about.
#[derive(Default)]
struct Subject<'a> {
    resource: Option<&'a [u8]>,
    volume: Option<&'a [u8]>,
    minor: Option<&'a [u8]>,
    peer: Option<&'a [u8]>,
}

impl<'a> Subject<'a> {
    /// `block drbdN`, `drbd`, `drbd RES`, `drbd RES PEER`, `drbd RES TRANSPORT:PEER`, `drbd RES/VOL drbdN`,
    /// `drbd RES/VOL drbdN PEER`; what is being taken down is `/unregistered/RES`.
    fn read(text: &'a [u8]) -> Option<Self> {
        if let Some(minor) = text.strip_prefix(b"block drbd").or_else(|| minor(text)) {
            return is_number(minor).then(|| Self { minor: Some(minor), ..Self::default() });
        }
        if text == b"drbd" {
            return Some(Self::default());
        }
        let mut words = text.strip_prefix(b"drbd ")?.split(|b| *b == b' ');
        let first = words.next().map(|word| word.strip_prefix(b"/unregistered/").unwrap_or(word));
        let first = first.filter(|word| !word.is_empty())?;
        let mut subject = Self { resource: Some(first), ..Self::default() };
        if let Some((resource, volume)) = cut(first, b"/").filter(|(_, volume)| is_number(volume)) {
            subject.resource = Some(resource);
            subject.volume = Some(volume);
            subject.minor = Some(words.next().and_then(minor)?);
        }
        subject.peer = words.next().map(|peer| TRANSPORTS.iter().find_map(|it| peer.strip_prefix(*it)).unwrap_or(peer));
        words.next().is_none().then_some(subject)
    }
}

fn minor(word: &[u8]) -> Option<&[u8]> {
    word.strip_prefix(b"drbd").filter(|digits| is_number(digits))
}

fn is_number(text: &[u8]) -> bool {
    !text.is_empty() && text.iter().all(u8::is_ascii_digit)
}

/// 8.4 names the device alone: the resource behind it is not known here.
fn push_minor_entity(parsed: &mut Parsed<'_>, minor: &[u8]) {
    let mut device = b"drbd".to_vec();
    device.extend_from_slice(minor);
    entity(parsed, "disk", &device);
}

/// `conn( A -> B ) disk( C -> D ) [reason]`.
fn transitions<'a>(told: &'a [u8], parsed: &mut Parsed<'a>) {
    let mut rest = told;
    let mut count = 0;
    while count < TRANSITIONS_MAX
        && let Some((name, from, to, after)) = transition(rest)
    {
        push(parsed, key(name, true), Value::Text(Cow::Borrowed(from)));
        push(parsed, key(name, false), Value::Text(Cow::Borrowed(to)));
        at_least(parsed, weight(name, from, to));
        rest = after.trim_ascii_start();
        count += 1;
    }
    if count > 0
        && let Some(reason) = rest.strip_prefix(b"[").and_then(|rest| cut(rest, b"]"))
    {
        text(parsed, "drbd.reason", reason.0);
    }
}

/// One `name( from -> to )`, and what follows.
fn transition(told: &[u8]) -> Option<(&str, &str, &str, &[u8])> {
    let length = told.iter().take_while(|b| b.is_ascii_lowercase() || matches!(b, b'-' | b'_')).count();
    let (name, rest) = told.split_at_checked(length).filter(|(name, _)| (2..=24).contains(&name.len()))?;
    let (from, rest) = cut(rest.strip_prefix(b"( ")?, b" -> ").filter(|(from, _)| from.len() <= 64)?;
    let (to, rest) = cut(rest, b" )").filter(|(to, _)| to.len() <= 64)?;
    let text = |bytes| std::str::from_utf8(bytes).ok();
    Some((text(name)?, text(from)?, text(to)?, rest))
}

/// The state names that both versions use, with the fields they become.
const KEYS: [(&str, &str, &str); 10] = [
    ("conn", "drbd.conn.from", "drbd.conn.to"),
    ("role", "drbd.role.from", "drbd.role.to"),
    ("peer", "drbd.peer_role.from", "drbd.peer_role.to"),
    ("disk", "drbd.disk.from", "drbd.disk.to"),
    ("pdsk", "drbd.peer_disk.from", "drbd.peer_disk.to"),
    ("repl", "drbd.repl.from", "drbd.repl.to"),
    ("quorum", "drbd.quorum.from", "drbd.quorum.to"),
    ("susp-io", "drbd.susp_io.from", "drbd.susp_io.to"),
    ("resync-susp", "drbd.resync_susp.from", "drbd.resync_susp.to"),
    ("susp", "drbd.susp.from", "drbd.susp.to"),
];

fn key(name: &str, is_from: bool) -> Cow<'static, str> {
    match KEYS.iter().find(|(known, ..)| *known == name) {
        Some((_, from, to)) => Cow::Borrowed(if is_from { from } else { to }),
        None => Cow::Owned(format!("drbd.{}.{}", name.replace('-', "_"), if is_from { "from" } else { "to" })),
    }
}

/// How much a state change matters by itself.
fn weight(name: &str, from: &str, to: &str) -> Severity {
    match (name, to) {
        ("disk", "Failed") | ("quorum", "no") => Severity::ERROR,
        ("disk", "Diskless") if from == "Failed" => Severity::ERROR,
        ("susp-io" | "susp" | "susp_fen" | "susp_nod", now) if !matches!(now, "no" | "0") => Severity::ERROR,
        ("conn", "NetworkFailure" | "Timeout" | "BrokenPipe" | "ProtocolError") => Severity::WARN,
        ("conn", "StandAlone") if from != "Disconnecting" => Severity::WARN,
        ("disk", "Outdated" | "Inconsistent" | "Diskless") if from == "UpToDate" => Severity::WARN,
        ("pdsk", "Failed") => Severity::WARN,
        _ => Severity::NOTICE,
    }
}

/// `Preparing cluster-wide state change 1234567890 (0->1 496/16)`: the number is the same on all nodes.
fn transaction<'a>(told: &'a [u8], parsed: &mut Parsed<'a>) {
    let Some((number, rest)) = cut(told, b"tate change ").and_then(|(_, rest)| digits(rest)) else { return };
    integer(parsed, "drbd.transaction", number);
    if let Some((result, _)) = cut(rest, b"rv = ").and_then(|(_, rest)| digits(rest)) {
        integer(parsed, "drbd.result", result);
    }
}

/// `helper command: /sbin/drbdadm split-brain minor-0 exit code 0 (0x0)`.
fn helper<'a>(told: &'a [u8], parsed: &mut Parsed<'a>) {
    let Some((_, arguments)) = told.strip_prefix(b"helper command: ").and_then(|command| cut(command, b" ")) else {
        return;
    };
    let name = first_word(arguments);
    text(parsed, "drbd.helper", name);
    if let Some((code, _)) = cut(arguments, b"exit code ").and_then(|(_, rest)| digits(rest)) {
        integer(parsed, "drbd.helper_exit", code);
    }
    at_least(
        parsed,
        match name {
            b"split-brain" | b"pri-lost" | b"pri-lost-after-sb" | b"pri-on-incon-degr" | b"local-io-error"
            | b"quorum-lost" => Severity::ERROR,
            b"initial-split-brain" | b"out-of-sync" | b"fence-peer" | b"disconnected" => Severity::WARN,
            _ => Severity::UNSET,
        },
    );
}

/// `Resync done (total 33 sec; paused 0 sec; 1984 K/sec)` and `Began resync as SyncTarget (will sync 65496 KB …`.
fn resync<'a>(told: &'a [u8], parsed: &mut Parsed<'a>) {
    if told.starts_with(b"Resync done (") || told.starts_with(b"Online verify done (") {
        integer(parsed, "drbd.resync.seconds", between(told, b"total ", b" sec").unwrap_or_default());
        integer(parsed, "drbd.resync.kib_per_second", between(told, b"sec; ", b" K/sec").map_or(&[], last_word));
    } else if told.starts_with(b"Began resync as ") {
        integer(parsed, "drbd.resync.kib", between(told, b"will sync ", b" KB").unwrap_or_default());
    }
}

fn last_word(text: &[u8]) -> &[u8] {
    text.rsplit(|b| *b == b' ').next().unwrap_or(text)
}

/// `local READ IO error sector 4656+8 on sda`.
fn local_error<'a>(told: &'a [u8], parsed: &mut Parsed<'a>) {
    let Some((_, rest)) = told.strip_prefix(b"local ").and_then(|rest| cut(rest, b" IO error sector ")) else { return };
    if let Some((sector, rest)) = digits(rest) {
        integer(parsed, "sector", sector);
        let disk = cut(rest, b" on ").map_or(&[][..], |(_, disk)| first_word(disk));
        text(parsed, "disk", disk);
        entity(parsed, "disk", disk);
    }
}

static FINDERS: LazyLock<Vec<(Finder<'static>, Severity)>> =
    LazyLock::new(|| TOLD.iter().map(|(words, severity)| (Finder::new(*words), *severity)).collect());

/// Words of a message and what they weigh; the first that is found counts.
const TOLD: [(&str, Severity); 26] = [
    ("Split-Brain detected but unresolved", Severity::CRITICAL),
    ("Split-Brain detected, ", Severity::WARN),
    ("uuid_compare()=split-brain", Severity::WARN),
    ("Unrelated data, aborting", Severity::ERROR),
    ("Local IO failed", Severity::ERROR),
    (" IO error sector ", Severity::ERROR),
    ("Failing IOs", Severity::ERROR),
    ("IO ERROR", Severity::ERROR),
    ("disk is too small", Severity::ERROR),
    ("ASSERT", Severity::ERROR),
    ("igest mismatch", Severity::ERROR),
    ("igest integrity check FAILED", Severity::ERROR),
    ("Online verify found ", Severity::ERROR),
    ("I shall become SyncTarget, but I am primary", Severity::ERROR),
    ("uthentication of peer failed", Severity::ERROR),
    ("Out of sync: ", Severity::WARN),
    ("PingAck did not arrive in time", Severity::WARN),
    ("sock_recvmsg returned", Severity::WARN),
    ("sock was shut down by peer", Severity::WARN),
    ("State change failed", Severity::WARN),
    ("Would lose quorum", Severity::WARN),
    ("time expired", Severity::WARN),
    ("Remote failed to finish a request within", Severity::WARN),
    ("Resync suspended", Severity::WARN),
    ("Declined by peer", Severity::WARN),
    ("Aborting cluster-wide state change", Severity::WARN),
];

#[cfg(test)]
mod tests;
