//! Logs of large machines: a label and an epoch first (Blue Gene/L, Thunderbird), or a number and a node (HPC).

use std::borrow::Cow;

use super::{Read, grade, trimmed};
use crate::bsd_syslog::tagged;
use crate::found::{number, text};
use crate::{Moment, Parsed, host_name, name, time, word};

/// `- 1795341600 2026.11.22 node …`; in place of the dash an alert's name may stand.
pub(super) fn labelled<'a>(line: &'a [u8], moment: &Moment<'_>) -> Read<'a> {
    let (label, rest) = word(line)?;
    let mut stamp = time::epoch(rest)?;
    let (date, rest) = word(rest.get(stamp.len..)?.strip_prefix(b" ")?)?;
    if date.len() != 10 || date.get(4) != Some(&b'.') {
        return None;
    }
    let (node, rest) = word(rest)?;
    if let Some(precise) = time::dotted(rest, moment) {
        stamp.at.0 += precise.at.0.rem_euclid(1_000_000_000);
    }
    let mut parsed = Parsed::stamped(stamp);
    parsed.host = host_name(node).map(Cow::Borrowed);
    if label != b"-" {
        text(&mut parsed, "label", label);
    }
    let message = syslog(rest, moment, &mut parsed).or_else(|| ras(rest, &mut parsed)).unwrap_or(rest);
    Some((parsed, trimmed(message)))
}

/// `Nov 22 10:00:00 node/node crond[29]: message`
fn syslog<'a>(rest: &'a [u8], moment: &Moment<'_>, parsed: &mut Parsed<'a>) -> Option<&'a [u8]> {
    let stamp = time::bsd(rest, moment)?;
    let (_, rest) = word(rest.get(stamp.len..)?.strip_prefix(b" ")?)?;
    tagged(rest, parsed)
}

/// `stamp node RAS KERNEL INFO message`
fn ras<'a>(rest: &'a [u8], parsed: &mut Parsed<'a>) -> Option<&'a [u8]> {
    let mut words = rest.splitn(6, |b| *b == b' ');
    let [_, _, _, component, level] = [words.next()?, words.next()?, words.next()?, words.next()?, words.next()?];
    grade(level, parsed)?;
    parsed.service = name(component).map(Cow::Borrowed);
    words.next()
}

/// `134681 node-246 unix.hw state_change.unavailable 1795341600 1 message`
pub(super) fn numbered(line: &[u8]) -> Read<'_> {
    let mut words = line.splitn(7, |b| *b == b' ');
    let [_, node, component, state, epoch, flag] =
        [words.next()?, words.next()?, words.next()?, words.next()?, words.next()?, words.next()?];
    let stamp = time::epoch(epoch).filter(|stamp| stamp.len == epoch.len())?;
    number(flag)?;
    let mut parsed = Parsed::stamped(stamp);
    parsed.host = host_name(node).map(Cow::Borrowed);
    parsed.service = name(component).map(Cow::Borrowed);
    text(&mut parsed, "state", state);
    Some((parsed, words.next().unwrap_or_default()))
}
