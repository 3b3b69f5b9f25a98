//! Rows as lines of a terminal: coloured, and with control characters shown instead of obeyed.

use std::fmt::Write as _;

use orszem_indexer::facts::SERVICE;
use orszem_model::Kind;
use serde::Deserialize;

/// A row as the server sends it; what is not shown is not read.
#[derive(Debug, Deserialize)]
pub struct Row {
    pub ts: String,
    pub ts_ns: String,
    pub seq: String,
    pub level: String,
    #[serde(default)]
    pub stream: std::collections::BTreeMap<String, String>,
    /// `log`, `event`, …
    #[serde(default)]
    pub kind: String,
    pub body: String,
    /// Begin and end in UTF-16 units.
    #[serde(default)]
    pub highlights: Vec<(usize, usize)>,
}

const RESET: &str = "\x1b[0m";
const DIM: &str = "\x1b[2m";
const BOLD: &str = "\x1b[1m";
const MARK: &str = "\x1b[1;30;43m";

/// `time level host service body`, in colour if `colour`. Events stand in columns, their time cut to milliseconds; for
/// facts, which the server concluded itself, the service is `fact`.
pub fn line(row: &Row, colour: bool) -> String {
    if row.kind == Kind::Event.name() {
        return event(row, colour);
    }
    let mut out = String::with_capacity(row.body.len() + 80);
    let host = row.stream.get("host").map_or("-", String::as_str);
    let service = ["service", "service_name", "unit", "job"].iter().find_map(|name| row.stream.get(*name));
    let service = service.map_or("-", String::as_str);
    push_styled(&mut out, &row.ts, DIM, colour);
    out.push(' ');
    push_styled(&mut out, &format!("{:<5}", row.level), level_style(&row.level), colour);
    out.push(' ');
    push_styled(&mut out, host, "\x1b[36m", colour);
    out.push(' ');
    push_styled(&mut out, service, "\x1b[34m", colour);
    out.push(' ');
    push_body(&mut out, row, colour);
    out
}

fn event(row: &Row, colour: bool) -> String {
    let label = |name: &str| row.stream.get(name).map_or("-", String::as_str);
    let is_fact = label("service") == SERVICE;
    let source = if is_fact { "fact" } else { label("service") };
    let columns = [
        (milliseconds(&row.ts), DIM),
        (format!("{:<5}", row.level), level_style(&row.level)),
        (format!("{:<6}", label("host")), "\x1b[36m"),
        (format!("{source:<9}"), if is_fact { BOLD } else { "\x1b[34m" }),
    ];
    let mut out = String::with_capacity(row.body.len() + 80);
    for (text, style) in columns {
        push_styled(&mut out, &text, style, colour);
        out.push(' ');
    }
    push_body(&mut out, row, colour);
    out
}

/// A time with three digits of its second's fraction.
fn milliseconds(ts: &str) -> String {
    let ts = ts.trim_end_matches('Z');
    let (seconds, fraction) = ts.split_once('.').unwrap_or((ts, ""));
    let fraction: String = fraction.chars().chain("000".chars()).take(3).collect();
    format!("{seconds}.{fraction}Z")
}

fn level_style(level: &str) -> &'static str {
    match level {
        "fatal" | "error" => "\x1b[31m",
        "warn" => "\x1b[33m",
        "info" => "\x1b[32m",
        _ => DIM,
    }
}

fn push_styled(out: &mut String, text: &str, style: &str, colour: bool) {
    if colour {
        out.push_str(style);
    }
    for c in text.chars() {
        push_harmless(out, c);
    }
    if colour {
        out.push_str(RESET);
    }
}

fn push_body(out: &mut String, row: &Row, colour: bool) {
    let mut unit = 0;
    let mut marked = false;
    for c in row.body.chars() {
        let is_marked = colour && row.highlights.iter().any(|(begin, end)| (*begin..*end).contains(&unit));
        if is_marked != marked {
            out.push_str(if is_marked { MARK } else { RESET });
            marked = is_marked;
        }
        push_harmless(out, c);
        unit += c.len_utf16();
    }
    if marked {
        out.push_str(RESET);
    }
}

/// Control characters would let a log line move the cursor or set colours, and bidirectional ones reorder it.
fn push_harmless(out: &mut String, c: char) {
    let reorders = matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    if c == '\t' {
        out.push(c);
    } else if c.is_control() && u32::from(c) < 0x100 {
        write!(out, "\\x{:02x}", u32::from(c)).unwrap_or(());
    } else if reorders {
        write!(out, "\\u{{{:x}}}", u32::from(c)).unwrap_or(());
    } else {
        out.push(c);
    }
}

/// A text from anywhere, on one line and harmless.
pub fn harmless(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        push_harmless(&mut out, c);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(body: &str, highlights: &[(usize, usize)]) -> Row {
        let stream = [("host", "db1"), ("service", "drbd")].map(|(name, value)| (name.to_owned(), value.to_owned()));
        Row {
            ts: "2026-11-22T10:00:00Z".into(),
            ts_ns: "0".into(),
            seq: "1".into(),
            level: "warn".into(),
            stream: stream.into(),
            kind: "log".into(),
            body: body.into(),
            highlights: highlights.to_vec(),
        }
    }

    #[test]
    fn control_characters_are_shown() {
        let plain = line(&row("a\x1b[2J\tb\r\n\u{202e}ő\u{9b}", &[]), false);
        assert_eq!(plain, "2026-11-22T10:00:00Z warn  db1 drbd a\\x1b[2J\tb\\x0d\\x0a\\u{202e}ő\\x9b");
    }

    #[test]
    fn events_stand_in_columns_and_facts_are_told_apart() {
        let seen = Row { kind: "event".into(), ts: "2026-11-22T10:00:00.5678Z".into(), ..row("r0 is Primary", &[]) };
        assert_eq!(line(&seen, false), "2026-11-22T10:00:00.567Z warn  db1    drbd      r0 is Primary");
        let mut fact = Row { kind: "event".into(), ..row("db1 was lost", &[]) };
        fact.stream.insert("service".into(), SERVICE.into());
        assert_eq!(line(&fact, false), "2026-11-22T10:00:00.000Z warn  db1    fact      db1 was lost");
    }

    #[test]
    fn marks_count_as_the_server_does() {
        let coloured = line(&row("😀ab", &[(2, 3)]), true);
        assert!(coloured.ends_with(&format!("😀{MARK}a{RESET}b")), "{coloured:?}");
        assert!(!line(&row("😀ab", &[(2, 3)]), false).contains('\x1b'));
    }
}
