//! IP addresses, cut to their network: the last octet of IPv4, all but 48 bits of IPv6.

use std::borrow::Cow;
use std::net::{Ipv4Addr, Ipv6Addr};

use super::{Find, is_word_at};
use crate::Preset;

pub(super) fn find(text: &[u8], finds: &mut Vec<Find>) {
    // Up to where runs with points and runs with colons were looked at: each run once.
    let (mut points, mut colons) = (0, 0);
    for at in memchr::memchr2_iter(b'.', b':', text) {
        let is_point = text[at] == b'.';
        let seen = if is_point { &mut points } else { &mut colons };
        if at < *seen {
            continue;
        }
        let (start, end) = match is_point {
            true => run(text, at, *seen, |b| b.is_ascii_digit() || b == b'.'),
            false => run(text, at, *seen, |b| b.is_ascii_hexdigit() || b == b':'),
        };
        *seen = end;
        let end = without_stop(text, end);
        if end <= at || is_word_at(text, start.checked_sub(1)) || is_word_at(text, Some(end)) {
            continue;
        }
        if let Some(instead) = if is_point { v4(text, start, end) } else { v6(text, start, end) } {
            finds.push(Find { at: start..end, preset: Preset::Ip, instead: Cow::Owned(instead) });
        }
    }
}

/// The run of such bytes around `at`, not before `from`.
fn run(text: &[u8], at: usize, from: usize, is_part: impl Fn(u8) -> bool) -> (usize, usize) {
    let start = text[from..at].iter().rposition(|b| !is_part(*b)).map_or(from, |i| from + i + 1);
    let end = text[at..].iter().position(|b| !is_part(*b)).map_or(text.len(), |i| at + i);
    (start, end)
}

/// The end without a sentence's point or colon.
fn without_stop(text: &[u8], end: usize) -> usize {
    let run = &text[..end];
    let stops = run.ends_with(b".") || (run.ends_with(b":") && !run.ends_with(b"::"));
    end - usize::from(stops)
}

fn v4(text: &[u8], start: usize, end: usize) -> Option<String> {
    let is_version = start.checked_sub(1).is_some_and(|i| text[i] == b'-');
    let address: Ipv4Addr = std::str::from_utf8(&text[start..end]).ok()?.parse().ok()?;
    let [a, b, c, d] = address.octets();
    (!is_version && d != 0 && !address.is_loopback()).then(|| Ipv4Addr::new(a, b, c, 0).to_string())
}

/// Only with a first group of two digits or more: `a::b` is more often a path in code.
fn v6(text: &[u8], start: usize, end: usize) -> Option<String> {
    let run = &text[start..end];
    if run.iter().take_while(|b| **b != b':').count() < 2 {
        return None;
    }
    let address: Ipv6Addr = std::str::from_utf8(run).ok()?.parse().ok()?;
    let [a, b, c, ..] = address.segments();
    let network = Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0);
    (network != address).then(|| network.to_string())
}
