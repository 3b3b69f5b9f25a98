//! Layouts that are told apart by the stamp they begin with: HDFS, Spark, Android, klog, Redis, containers, …

mod machines;

use std::borrow::Cow;

use orszem_model::Severity;

use super::found::{first_word, integer, text};
use super::{Moment, Parsed, generic, head, name, offset, stamp::Stamp, time, word};

/// Reads a record whose stamp says what it is; `None` for others.
pub(crate) fn parse<'a>(record: &'a [u8], moment: &Moment<'_>) -> Option<Parsed<'a>> {
    let line = head(record);
    let (mut parsed, message) = match *line.first()? {
        b'0'..=b'9' => digits(line, moment)?,
        b'[' => bracketed(line, moment)?,
        b'I' | b'W' | b'E' | b'F' => klog(line, moment)?,
        _ => machines::labelled(line, moment)?,
    };
    parsed.message = offset(line, message);
    if parsed.severity == Severity::UNSET {
        generic::grade(message, &mut parsed);
    }
    Some(parsed)
}

/// What was read, and the text behind it.
type Read<'a> = Option<(Parsed<'a>, &'a [u8])>;

fn digits<'a>(line: &'a [u8], moment: &Moment<'_>) -> Read<'a> {
    // The byte behind the first run of digits tells the layouts apart.
    match line.iter().position(|b| !b.is_ascii_digit()).and_then(|end| Some((end, *line.get(end)?)))? {
        (4, b'-' | b'/' | b'.') => iso(line, moment),
        (2, b'/') => levelled(line, time::short(line, moment)?),
        (2, b'-') => android(line, moment),
        (2, b' ') => {
            time::day_month_year(line, moment).and_then(|stamp| plain(line, stamp)).or_else(|| machines::numbered(line))
        }
        (6, b' ') => hdfs(line, moment).or_else(|| machines::numbered(line)),
        (8, b'-') => health(line, moment),
        (8, b' ') => health(line, moment).or_else(|| machines::numbered(line)),
        (10.., b'.' | b' ') => plain(line, time::epoch(line)?),
        (_, b':') => redis(line, moment),
        (_, b' ') => machines::numbered(line),
        _ => None,
    }
}

fn plain<'a>(line: &'a [u8], stamp: Stamp) -> Read<'a> {
    let rest = line.get(stamp.len..)?;
    matches!(rest.first(), None | Some(b' ' | b',' | b':')).then_some((Parsed::stamped(stamp), trimmed(rest)))
}

/// ISO, and then one of: `stdout F message` (containers), `, Info  CBS  message` (Windows), `[pid] LEVEL logger message`.
fn iso<'a>(line: &'a [u8], moment: &Moment<'_>) -> Read<'a> {
    let stamp = time::iso(line, moment)?;
    let mut parsed = Parsed::stamped(stamp);
    let rest = line.get(stamp.len..)?;
    if let Some(rest) = rest.strip_prefix(b", ") {
        let (level, rest) = word(rest)?;
        grade(level, &mut parsed)?;
        let (component, message) = word(trimmed(rest))?;
        parsed.service = name(component).map(Cow::Borrowed);
        return Some((parsed, trimmed(message)));
    }
    let rest = trimmed(rest.strip_prefix(b" ")?);
    let (first, after) = word(rest)?;
    if matches!(first, b"stdout" | b"stderr")
        && let Some((b"F" | b"P", message)) = word(after)
    {
        text(&mut parsed, "stream", first);
        return Some((parsed, message));
    }
    let (pid, after_pid) = if first.iter().all(u8::is_ascii_digit) { (first, after) } else { (&b""[..], rest) };
    let (level, after_level) = word(after_pid)?;
    let is_upper = level.len() > 2 && level.iter().all(u8::is_ascii_uppercase);
    if !is_upper || grade(level, &mut parsed).is_none() {
        return None;
    }
    integer(&mut parsed, "pid", pid);
    let message = logger(trimmed(after_level), &mut parsed);
    Some((parsed, message))
}

/// `26/11/22 10:00:00 INFO executor.Backend: message`, Spark.
fn levelled<'a>(line: &'a [u8], stamp: Stamp) -> Read<'a> {
    let mut parsed = Parsed::stamped(stamp);
    let rest = trimmed(line.get(stamp.len..)?);
    let Some(after) = word(rest).and_then(|(level, after)| grade(level, &mut parsed).map(|()| after)) else {
        return Some((parsed, rest));
    };
    let message = logger(trimmed(after), &mut parsed);
    Some((parsed, message))
}

/// `261122 100000 148 INFO dfs.DataNode$PacketResponder: message`, HDFS.
fn hdfs<'a>(line: &'a [u8], moment: &Moment<'_>) -> Read<'a> {
    let stamp = time::packed(line, moment)?;
    let rest = trimmed(line.get(stamp.len..)?);
    let mut parsed = Parsed::stamped(stamp);
    let Some((thread, after)) = word(rest).filter(|(thread, _)| thread.iter().all(u8::is_ascii_digit)) else {
        return Some((parsed, rest));
    };
    let (level, after) = word(after)?;
    integer(&mut parsed, "pid", thread);
    grade(level, &mut parsed)?;
    let message = logger(after, &mut parsed);
    Some((parsed, message))
}

/// `11-22 10:00:00.606  1702  2395 D WindowManager: message`, Android's logcat.
fn android<'a>(line: &'a [u8], moment: &Moment<'_>) -> Read<'a> {
    let Some(stamp) = time::month_day(line, b'-', moment) else {
        return plain(line, time::day_month_year(line, moment)?);
    };
    let mut parsed = Parsed::stamped(stamp);
    let (pid, rest) = word(trimmed(line.get(stamp.len..)?))?;
    let (thread, rest) = word(trimmed(rest))?;
    let (level, rest) = word(trimmed(rest))?;
    if !pid.iter().chain(thread).all(u8::is_ascii_digit) || level.len() != 1 {
        return None;
    }
    match level {
        b"V" => parsed.severity = Severity::TRACE,
        _ => grade(level, &mut parsed)?,
    }
    integer(&mut parsed, "pid", pid);
    integer(&mut parsed, "tid", thread);
    let colon = memchr::memchr(b':', rest)?;
    parsed.service = name(rest.get(..colon)?.trim_ascii()).map(Cow::Borrowed);
    Some((parsed, trimmed(rest.get(colon + 1..)?)))
}

/// `20261122-10:00:00:606|Step_LSC|30002312|message`, of a phone's health application.
fn health<'a>(line: &'a [u8], moment: &Moment<'_>) -> Read<'a> {
    let stamp = time::packed_date(line, moment)?;
    let mut parsed = Parsed::stamped(stamp);
    let rest = line.get(stamp.len..)?;
    let Some(fields) = rest.strip_prefix(b"|") else { return Some((parsed, trimmed(rest))) };
    let mut parts = fields.splitn(3, |b| *b == b'|');
    parsed.service = parts.next().and_then(name).map(Cow::Borrowed);
    integer(&mut parsed, "pid", parts.next()?);
    Some((parsed, parts.next()?))
}

/// `4711:M 22 Nov 2026 10:00:00.123 * message`, Redis and Valkey.
fn redis<'a>(line: &'a [u8], moment: &Moment<'_>) -> Read<'a> {
    let (process, rest) = word(line)?;
    let pid = process.get(..process.len().checked_sub(2)?)?;
    if !matches!(process.get(pid.len()..)?, b":M" | b":S" | b":C" | b":X") {
        return None;
    }
    let stamp = time::day_month_year(rest, moment)?;
    let mut parsed = Parsed::stamped(stamp);
    let (sign, message) = word(rest.get(stamp.len..)?.strip_prefix(b" ")?)?;
    parsed.severity = match sign {
        b"." => Severity::DEBUG,
        b"-" => Severity::INFO,
        b"*" => Severity::NOTICE,
        b"#" => Severity::WARN,
        _ => return None,
    };
    parsed.service = Some(Cow::Borrowed("redis"));
    integer(&mut parsed, "pid", pid);
    Some((parsed, message))
}

/// `[11.22 10:00:00] chrome.exe - message` (Proxifier), `[1795341600] message` (Nagios).
fn bracketed<'a>(line: &'a [u8], moment: &Moment<'_>) -> Read<'a> {
    let inner = line.strip_prefix(b"[")?;
    let stamp = time::month_day(inner, b'.', moment).or_else(|| time::epoch(inner));
    let stamp = stamp.or_else(|| time::day_month_year(inner, moment)).or_else(|| time::short(inner, moment))?;
    let rest = trimmed(inner.get(stamp.len..)?.strip_prefix(b"]")?);
    let mut parsed = Parsed::stamped(stamp);
    if stamp.inferred.year {
        parsed.service = name(first_word(rest)).map(Cow::Borrowed);
    }
    Some((parsed, rest))
}

/// `I1122 10:00:00.123456   12345 file.go:12] message`, Kubernetes and other users of glog.
fn klog<'a>(line: &'a [u8], moment: &Moment<'_>) -> Read<'a> {
    let (month, rest) = line.get(1..)?.split_at_checked(2)?;
    let (day, clock) = rest.split_at_checked(2)?;
    let mut date = [b' '; 21];
    for (part, at) in [(month, 0), (b"-", 2), (day, 3)] {
        date.get_mut(at..at + part.len())?.copy_from_slice(part);
    }
    let clock = clock.get(..clock.len().min(16))?;
    date.get_mut(5..5 + clock.len())?.copy_from_slice(clock);
    let stamp = time::month_day(&date, b'-', moment)?;
    let mut parsed = Parsed::stamped(stamp);
    grade(line.get(..1)?, &mut parsed)?;
    let (thread, rest) = word(trimmed(line.get(stamp.len..)?))?;
    let close = memchr::memchr(b']', rest)?;
    integer(&mut parsed, "pid", thread);
    text(&mut parsed, "caller", rest.get(..close)?);
    Some((parsed, trimmed(rest.get(close + 1..)?)))
}

/// A level that is named by `word`; `None` when it names none.
fn grade<'a>(word: &'a [u8], parsed: &mut Parsed<'a>) -> Option<()> {
    let word = std::str::from_utf8(word).ok()?;
    parsed.severity = Severity::from_text(word)?;
    parsed.severity_text = Some(Cow::Borrowed(word));
    Some(())
}

/// A dotted name, perhaps with a colon, before the message; answers the message.
fn logger<'a>(rest: &'a [u8], parsed: &mut Parsed<'a>) -> &'a [u8] {
    let first = first_word(rest);
    let bare = first.strip_suffix(b":").unwrap_or(first);
    let is_logger = bare.contains(&b'.') && !bare.ends_with(b".");
    let fits = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-' | b'$' | b'/' | b':');
    if !is_logger || !bare.iter().all(fits) {
        return rest;
    }
    text(parsed, "logger", bare);
    trimmed(rest.get(first.len()..).unwrap_or_default())
}

fn trimmed(text: &[u8]) -> &[u8] {
    text.trim_ascii_start()
}

#[cfg(test)]
mod tests {
    use crate::tests::shown;

    fn check(line: &str, expected: &str) {
        assert_eq!(shown(line.as_bytes()), expected, "{line}");
    }

    #[test]
    fn each_layout_is_read() {
        for (line, expected) in [
            (
                "261122 100000 148 INFO dfs.DataNode$PacketResponder: Got block",
                r#"1795341600.000000000 INFO - - pid=148 logger="dfs.DataNode$PacketResponder""#,
            ),
            (
                "26/11/22 10:00:00 WARN storage.BlockManager: Full",
                r#"1795341600.000000000 WARN - - logger="storage.BlockManager""#,
            ),
            (
                "11-22 10:00:00.606  1702  2395 E PowerManager: lock",
                "1795341600.606000000 E - PowerManager pid=1702 tid=2395",
            ),
            ("20261122-10:0:0:606|Step_LSC|30002312|step 3", "1795341600.606000000 unset - Step_LSC pid=30002312"),
            ("2026-11-22 10:00:00, Error                 CBS    Failed", "1795341600.000000000 Error - CBS"),
            (
                "2026-11-22 10:00:00.008 25746 INFO nova.osapi.server [req-1] GET",
                r#"1795341600.008000000 INFO - - pid=25746 logger="nova.osapi.server""#,
            ),
            ("[11.22 10:00:00] chrome.exe - proxy open", "1795341600.000000000 unset - chrome.exe"),
            ("[1795341600] SERVICE ALERT: x", "1795341600.000000000 ALERT - -"),
            (
                "W1122 10:00:00.123456   12345 reflector.go:12] slow",
                r#"1795341600.123456000 W - - pid=12345 caller="reflector.go:12""#,
            ),
            ("4711:M 22 Nov 2026 10:00:00.123 # Low memory", "1795341600.123000000 warn - redis pid=4711"),
            ("2026-11-22T10:00:00.000000001Z stderr F ERROR x", r#"1795341600.000000001 ERROR - - stream="stderr""#),
            ("1795341600.123    90 10.0.0.1 TCP_MISS/200 512 GET x", "1795341600.123000000 unset - -"),
            (
                "- 1795341600 2026.11.22 R02-M1 2026-11-22-02.00.00.675872 R02-M1 RAS KERNEL FATAL parity",
                "1795341600.675872000 FATAL R02-M1 KERNEL",
            ),
            (
                "- 1795341600 2026.11.22 dn2 Nov 22 02:00:00 dn2/dn2 crond(pam_unix)[29]: session closed",
                "1795341600.000000000 unset dn2 crond pid=29",
            ),
            (
                "12 node-246 unix.hw state_change.unavailable 1795341600 1 Component",
                r#"1795341600.000000000 unset node-246 unix.hw state="state_change.unavailable""#,
            ),
        ] {
            check(line, expected);
        }
    }

    #[test]
    fn what_only_begins_so_is_left_alone() {
        for line in [
            "261322 100000 148 INFO x",
            "26/13/22 10:00:00 WARN x",
            "20261322-10:0:0:606|Step_LSC|1|x",
            "W1322 10:00:00.123456   12345 a.go:12] x",
            "4711:Q 22 Nov 2026 10:00:00.123 # x",
            "12 monkeys",
            "134681 node-246 unix.hw running 12 1 x",
            "[11.32 10:00:00] chrome.exe - x",
            "- 12 2026.11.22 a b",
        ] {
            assert!(shown(line.as_bytes()).starts_with("- "), "{line}");
        }
    }
}
