//! `2026-11-22T10:00:00+01:00 host prog[pid]: message` (rsyslog's and syslog-ng's modern file format).

use super::bsd_syslog::{grade, header, take_priority};
use super::{Moment, Parsed, time};

pub(super) fn parse<'a>(line: &'a [u8], moment: &Moment<'_>) -> Option<Parsed<'a>> {
    let (priority, rest) = take_priority(line);
    // With a blank for the `T` it is some program's own format, and what follows is no host.
    let (stamp, len) = time::iso(rest, moment.zone).filter(|_| rest.get(10) == Some(&b'T'))?;
    let mut parsed = Parsed { timestamp: Some(stamp), ..Parsed::default() };
    let message = header(rest.get(len..)?.strip_prefix(b" ")?, &mut parsed)?;
    grade(&mut parsed, priority, message);
    Some(parsed)
}
