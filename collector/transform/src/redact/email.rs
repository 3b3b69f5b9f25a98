//! Mail addresses: `local@domain.tld`, as most are, without RFC 5322's quoted forms.

use super::Find;
use crate::Preset;

const LOCAL_BYTES_MAX: usize = 64;
const DOMAIN_BYTES_MAX: usize = 253;

/// Endings of what has an `@` and is no address: systemd's instances (`getty@tty1.service`) and pictures (`icon@2x.png`).
const NO_DOMAINS: [&[u8]; 17] = [
    b"service",
    b"socket",
    b"device",
    b"mount",
    b"automount",
    b"swap",
    b"target",
    b"path",
    b"timer",
    b"slice",
    b"scope",
    b"png",
    b"jpg",
    b"jpeg",
    b"gif",
    b"svg",
    b"webp",
];

pub(super) fn find(text: &[u8], finds: &mut Vec<Find>) {
    for at in memchr::memchr_iter(b'@', text) {
        if let (Some(start), Some(end)) = (local_start(text, at), domain_end(text, at + 1)) {
            finds.push(Find::new(start..end, Preset::Email));
        }
    }
}

/// Where the part before the `@` starts; none for the user of a URL.
fn local_start(text: &[u8], at: usize) -> Option<usize> {
    let is_local = |b: &u8| b.is_ascii_alphanumeric() || b"._%+-".contains(b);
    let head = &text[..at];
    let run = head.iter().rposition(|b| !is_local(b)).map_or(0, |i| i + 1);
    let start = run + head[run..].iter().position(u8::is_ascii_alphanumeric)?;
    let fits = at - start <= LOCAL_BYTES_MAX && !head[..run].ends_with(b"//");
    fits.then_some(start)
}

fn domain_end(text: &[u8], start: usize) -> Option<usize> {
    let run = text[start..].iter().take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-')).count();
    let domain = text[start..start + run].trim_ascii_end();
    let trimmed = domain.iter().rposition(u8::is_ascii_alphanumeric)? + 1;
    let domain = &domain[..trimmed];
    let dot = memchr::memrchr(b'.', domain)?;
    let (names, ending) = (&domain[..dot], &domain[dot + 1..]);
    let fits = trimmed <= DOMAIN_BYTES_MAX
        && names.split(|b| *b == b'.').all(|name| !name.is_empty())
        && (2..=24).contains(&ending.len())
        && ending.iter().all(u8::is_ascii_alphabetic)
        && !NO_DOMAINS.contains(&ending);
    fits.then_some(start + trimmed)
}
