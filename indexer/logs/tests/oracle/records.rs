//! Random records: enough lines of few skeletons for groups of every form, and all that spoils log lines.

use orszem_model::{Attribute, AttributeValue, Kind, Labels, Record, Severity, Stream, Timestamp};

use crate::random::Random;

/// `#` stands for a variable part.
const SKELETONS: &[&[u8]] = &[
    b"Accepted password for user# from 10.0.#.# port # ssh2",
    b"GET /api/orders/# status=# took #ms",
    b"connection reset by peer",
    b"blk_-# received from /10.#:#",
    "őr# hő=# \u{212a}# kelvin \u{212a}elvin".as_bytes(),
    "e\u{301}# 日本#語 ÁRVÍZ# tűrő".as_bytes(),
    b"",
    b"\x1b[31mERROR\x1b[0m code # in module",
    b"a\xff#b\xc5 tail# x\x91",
    b"carriage # return\r",
    b"nul\0byte # \0",
    b"#",
    b"ERROR: job-# failed, error_code=E#",
    b"v#.#.# Error",
];

const WORDS: &[&str] = &[
    "error",
    "Error",
    "ERRORS",
    "conn",
    "connection",
    "connect",
    "timeout",
    "10.0.0.1",
    "110.0.0.1",
    "őr",
    "ŐR",
    "ß",
    "\u{212a}elvin",
    "kelvin",
    "İ",
    "日本語",
    "e\u{301}",
    "user7",
    "blk_-12",
    "a",
    "k",
    "id=7",
    "uid=7",
    "_",
    "--",
    "https://example.org/x?y=1",
    "[tag]",
    "\"quoted\"",
    "back\\slash",
    "*",
    "😀",
    "E42",
];

const SEPARATORS: &[&str] = &[" ", " ", " ", "_", "-", ": ", "\t", "\u{a0}", "\r\n", "", "/", "="];

fn variable(random: &mut Random) -> String {
    match random.below(8) {
        0..=3 => random.below(12).to_string(),
        4 => random.below(100_000).to_string(),
        5 => format!("{:x}", random.next() >> 40),
        6 => format!("{:08X}-{:04x}", random.next() as u32, random.next() as u16),
        _ => format!("{}{}", random.pick(&["K", "\u{212a}", "ő", "z", "Err"]), random.below(5)),
    }
}

fn skeleton_line(random: &mut Random) -> Vec<u8> {
    let mut line = Vec::new();
    for &byte in *random.pick(SKELETONS) {
        match byte {
            b'#' => line.extend_from_slice(variable(random).as_bytes()),
            other => line.push(other),
        }
    }
    line
}

fn free_text(random: &mut Random) -> Vec<u8> {
    let mut line = Vec::new();
    for _ in 0..random.below(10) {
        match random.below(12) {
            0 => line.extend_from_slice(&[0xff, 0xc5, 0x91, 0xe2, 0x84][..1 + random.below(5)]),
            1 => line.extend_from_slice(format!("rare{:x}", random.next()).as_bytes()),
            2 => line.extend_from_slice(variable(random).as_bytes()),
            _ => line.extend_from_slice(random.pick(WORDS).as_bytes()),
        }
        line.extend_from_slice(random.pick(SEPARATORS).as_bytes());
    }
    line
}

fn body(random: &mut Random, long: bool) -> Vec<u8> {
    match random.below(40) {
        0..=25 => skeleton_line(random),
        26..=35 => free_text(random),
        36 => {
            // Words near and beyond what the index keeps of them, with ends that differ.
            let part = *random.pick(&["x", "ő", "a1", "日", "\u{212a}"]);
            let bytes = *random.pick(&[60, 127, 128, 129, 130, 145, 300]);
            let tail = random.pick(&["", "", "0", "y", "Z1"]);
            format!("long {}{tail} token", part.repeat(bytes / part.len())).into_bytes()
        }
        37 => (0..45 + random.below(8)).map(|n| format!("n{n}={} ", random.below(9))).collect::<String>().into_bytes(),
        38 if long => {
            let line = "lorem ipsum 12 dolor ".repeat(if random.one_in(80) { 50_000 } else { 300 });
            format!("{line}needle{}", random.below(4)).into_bytes()
        }
        38 => format!("{}needle{}", "lorem ipsum 12 ".repeat(140), random.below(4)).into_bytes(),
        _ => (0..random.below(30)).map(|_| random.next() as u8).collect(),
    }
}

fn attribute_value(random: &mut Random) -> AttributeValue {
    match random.below(12) {
        0..=2 => AttributeValue::String((*random.pick(WORDS)).to_owned()),
        3 | 4 => AttributeValue::Integer(random.pick(&["0", "7", "-3", "200", "500", "503"]).to_string()),
        5 => AttributeValue::Float(random.pick(&["2.5", "1e1", "-0.0", "5.0e2"]).to_string()),
        6 => AttributeValue::Bool(random.one_in(2)),
        7 => AttributeValue::Null,
        8 => AttributeValue::Json("[1,\"a\"]".to_owned()),
        9 => AttributeValue::Bytes([&b"raw"[..], b"\xff\x00", b"", b"7"][random.below(4)].to_vec()),
        10 => AttributeValue::String(String::new()),
        _ => AttributeValue::String(variable(random)),
    }
}

fn attributes(random: &mut Random) -> Vec<Attribute> {
    let attribute = |key: &str, value| Attribute { key: key.to_owned(), value };
    match random.below(30) {
        0..=9 => Vec::new(),
        10..=19 => {
            let status = random.pick(&["200", "404", "500"]).to_string();
            vec![
                attribute("status", AttributeValue::Integer(status)),
                attribute("http.path", AttributeValue::String(format!("/api/{}", random.below(4)))),
            ]
        }
        20 => (0..66).map(|n| attribute(&format!("wide{n}"), attribute_value(random))).collect(),
        _ => {
            let mut keys = vec!["status", "http.path", "host.name", "pid", "ő key", "user"];
            (0..1 + random.below(4))
                .map(|_| attribute(keys.swap_remove(random.below(keys.len())), attribute_value(random)))
                .collect()
        }
    }
}

fn stream(random: &mut Random) -> Stream {
    let labels = match random.below(6) {
        0 => Labels::default(),
        1 => Labels::from([("host", "db1"), ("service", "postgres")]),
        2 => Labels::from([("host", "DB1"), ("service.name", "postgres")]),
        3 => Labels::from([("hostname", "web2"), ("status", "200")]),
        4 => Labels::from([("host", "őr"), ("user", "")]),
        _ => Labels::from([("job", "user7")]),
    };
    let class = if random.one_in(6) { "audit" } else { "default" };
    Stream { tenant: if random.one_in(7) { 2 } else { 1 }, class: class.to_owned(), labels }
}

const DAY: i64 = 86_400_000_000_000;
/// 2026-11-20.
const BASE: i64 = 20_777 * DAY;

fn timestamp(random: &mut Random) -> Timestamp {
    let unit = *random.pick(&[1, 1_000, 1_000_000, 1_000_000_000, 1_000_000_000, 60_000_000_000]);
    let within = (random.next() % (DAY / unit) as u64) as i64 * unit;
    Timestamp(match random.below(100) {
        0..=39 => BASE + (random.below(40) as i64) * 1_000_000_000,
        40..=79 => BASE + within,
        80..=89 => BASE + DAY * random.below(3) as i64 + within,
        90..=93 => BASE + DAY - 1 + random.below(3) as i64,
        94..=97 => -DAY * random.below(3) as i64 + within - DAY,
        98 => random.below(3) as i64 - 1,
        _ => [i64::MIN, i64::MIN + 1, i64::MAX - 1, i64::MAX - 2][random.below(4)],
    })
}

/// A random record. `long` allows for lines of a megabyte.
pub(crate) fn record(random: &mut Random, long: bool) -> Record {
    let timestamp = timestamp(random);
    let plain = !random.one_in(3);
    let severity = match random.below(4) {
        0 => Severity::UNSET,
        1 | 2 => *random.pick(&[Severity::INFO, Severity::WARN, Severity::ERROR]),
        _ => Severity::from_number(random.below(25) as u8).expect("at most 24"),
    };
    let mut record = Record {
        severity,
        attributes: attributes(random),
        ..Record::line(timestamp, stream(random), body(random, long))
    };
    if plain {
        return record;
    }
    record.observed = random.one_in(2).then(|| Timestamp(timestamp.0.wrapping_add(random.below(5_000) as i64 - 1_000)));
    record.severity_text = random.one_in(2).then(|| random.pick(&["ERR", "loud", "Warning", ""]).to_string());
    record.trace_id = random.one_in(2).then(|| [random.below(20) as u8; 16]);
    record.span_id = random.one_in(2).then(|| [0xa0, 1, 2, 3, 4, 5, 6, random.below(9) as u8]);
    record.kind = if random.one_in(2) { *random.pick(&Kind::ALL) } else { Kind::Log };
    record.entities = (0..random.below(4).saturating_sub(1))
        .map(|_| random.pick(&["svc/a", "SVC/b", "host:db1"]).to_string())
        .collect();
    record
}

/// A record that differs from `base` only in digits, and in time and stream now and then.
pub(crate) fn variant(random: &mut Random, base: &Record) -> Record {
    let mut record = base.clone();
    let few = random.one_in(2);
    let mut digit =
        |byte: u8| if byte.is_ascii_digit() { b'0' + random.below(if few { 2 } else { 10 }) as u8 } else { byte };
    record.body = base.body.iter().map(|byte| digit(*byte)).collect();
    for attribute in &mut record.attributes {
        if let AttributeValue::String(text) | AttributeValue::Integer(text) = &mut attribute.value {
            *text = text.chars().map(|c| if c.is_ascii() { char::from(digit(c as u8)) } else { c }).collect();
        }
    }
    record.timestamp.0 =
        base.timestamp.0.saturating_add(random.below(50) as i64 * *random.pick(&[1, 1_000_000, 1_000_000_000]));
    if random.one_in(5) {
        record.stream = stream(random);
    }
    record
}
