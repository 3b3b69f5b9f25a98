//! `2026-11-22T10:00:00+01:00 host prog[pid]: message` (rsyslog's and syslog-ng's modern file format).

use super::bsd_syslog::{finish, header, take_priority};
use super::{Moment, Parsed, time};

pub(crate) fn parse<'a>(record: &'a [u8], moment: &Moment<'_>) -> Option<Parsed<'a>> {
    let (priority, rest) = take_priority(record);
    // With a blank for the `T` it is some program's own format, and what follows is no host.
    if rest.get(10) != Some(&b'T') {
        return None;
    }
    let stamp = time::iso(rest, moment)?;
    let mut parsed = Parsed::stamped(stamp);
    let message = header(rest.get(stamp.len..)?.strip_prefix(b" ")?, &mut parsed)?;
    finish(&mut parsed, priority, record, message);
    Some(parsed)
}
