//! DNS messages as bytes, and records as zone files print them (RFC 1035).

use std::net::{Ipv4Addr, Ipv6Addr};

const HEADER_BYTES: usize = 12;
/// A name with more jumps than this goes round in circles.
const JUMPS_MAX: usize = 128;
/// More records than this are no answer to a question.
const RECORDS_MAX: usize = 4096;

pub(crate) const SOA: u16 = 6;

/// By number.
pub(crate) const RCODES: [&str; 12] = [
    "NOERROR",
    "FORMERR",
    "SERVFAIL",
    "NXDOMAIN",
    "NOTIMP",
    "REFUSED",
    "YXDOMAIN",
    "YXRRSET",
    "NXRRSET",
    "NOTAUTH",
    "NOTZONE",
    "DSOTYPENI",
];

const TYPES: [(&str, u16); 30] = [
    ("A", 1),
    ("NS", 2),
    ("CNAME", 5),
    ("SOA", SOA),
    ("NULL", 10),
    ("PTR", 12),
    ("HINFO", 13),
    ("MX", 15),
    ("TXT", 16),
    ("RP", 17),
    ("AFSDB", 18),
    ("SIG", 24),
    ("KEY", 25),
    ("AAAA", 28),
    ("LOC", 29),
    ("SRV", 33),
    ("NAPTR", 35),
    ("DNAME", 39),
    ("OPT", 41),
    ("DS", 43),
    ("SSHFP", 44),
    ("RRSIG", 46),
    ("NSEC", 47),
    ("DNSKEY", 48),
    ("NSEC3", 50),
    ("TLSA", 52),
    ("SVCB", 64),
    ("HTTPS", 65),
    ("SPF", 99),
    ("ANY", 255),
];

const CLASSES: [(&str, u16); 5] = [("IN", 1), ("CH", 3), ("HS", 4), ("NONE", 254), ("ANY", 255)];

/// The code of a type, by its name or as `TYPE65`; `CAA` is 257.
pub(crate) fn type_code(name: &str) -> Option<u16> {
    let known = TYPES.iter().find(|(known, _)| *known == name).map(|(_, code)| *code);
    let caa = (name == "CAA").then_some(257);
    known.or(caa).or_else(|| name.strip_prefix("TYPE")?.parse().ok())
}

/// The code of a class, by its name.
pub(crate) fn class_code(name: &str) -> Option<u16> {
    let name = if name == "CHAOS" { "CH" } else { name };
    CLASSES.iter().find(|(known, _)| *known == name).map(|(_, code)| *code)
}

/// What stands for a response code.
pub(crate) fn rcode_name(code: u8) -> String {
    RCODES.get(usize::from(code)).map_or_else(|| format!("RCODE{code}"), |name| (*name).to_owned())
}

/// What is asked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Question<'n> {
    pub(crate) name: &'n str,
    pub(crate) kind: u16,
    pub(crate) class: u16,
    pub(crate) is_recursive: bool,
}

/// What a name server answered. Records are printed, parted by tabs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) rcode: u8,
    pub(crate) is_truncated: bool,
    pub(crate) answers: Vec<String>,
    pub(crate) authorities: Vec<String>,
    pub(crate) additionals: Vec<String>,
    /// The serial number of the last SOA among the answers.
    pub(crate) serial: Option<u32>,
}

/// The bytes of a query; `None` if the name is none.
pub(crate) fn query(id: u16, question: Question<'_>) -> Option<Vec<u8>> {
    let Question { name, kind, class, is_recursive } = question;
    let mut out = Vec::with_capacity(HEADER_BYTES + name.len() + 6);
    for word in [id, u16::from(is_recursive) << 8, 1, 0, 0, 0] {
        out.extend_from_slice(&word.to_be_bytes());
    }
    let name = name.strip_suffix('.').unwrap_or(name);
    if name.len() > 253 {
        return None;
    }
    for label in name.split('.').filter(|_| !name.is_empty()) {
        let length = u8::try_from(label.len()).ok().filter(|length| (1..=63).contains(length))?;
        out.push(length);
        out.extend_from_slice(label.as_bytes());
    }
    out.push(0);
    out.extend_from_slice(&kind.to_be_bytes());
    out.extend_from_slice(&class.to_be_bytes());
    Some(out)
}

/// Reads the answer to `query`; `None` if it is none.
pub(crate) fn read(message: &[u8], query: &[u8]) -> Option<Answer> {
    let flags = word(message, 2)?;
    if message.get(..2) != query.get(..2) || flags & 0x8000 == 0 {
        return None;
    }
    let mut answer = Answer { rcode: (flags & 15) as u8, is_truncated: flags & 0x0200 != 0, ..Answer::default() };
    let mut at = HEADER_BYTES;
    for _ in 0..word(message, 4)? {
        at = name(message, at)?.1 + 4;
    }
    let counts = [word(message, 6)?, word(message, 8)?, word(message, 10)?];
    if counts.iter().map(|count| usize::from(*count)).sum::<usize>() > RECORDS_MAX {
        return None;
    }
    for (section, count) in counts.into_iter().enumerate() {
        for _ in 0..count {
            let (owner, behind) = name(message, at)?;
            let (kind, class) = (word(message, behind)?, word(message, behind + 2)?);
            let ttl = u32::from(word(message, behind + 4)?) << 16 | u32::from(word(message, behind + 6)?);
            let length = usize::from(word(message, behind + 8)?);
            let begin = behind + 10;
            message.get(begin..begin + length)?;
            let content = content(message, begin, length, kind)?;
            let record = format!("{owner}\t{ttl}\t{}\t{}\t{content}", class_name(class), type_name(kind));
            match section {
                0 => {
                    if kind == SOA {
                        answer.serial = content.split(' ').nth(2).and_then(|word| word.parse().ok());
                    }
                    answer.answers.push(record);
                }
                1 => answer.authorities.push(record),
                _ => answer.additionals.push(record),
            }
            at = begin + length;
        }
    }
    Some(answer)
}

fn type_name(code: u16) -> String {
    let known = TYPES.iter().find(|(_, known)| *known == code).map(|(name, _)| (*name).to_owned());
    known.unwrap_or_else(|| if code == 257 { "CAA".to_owned() } else { format!("TYPE{code}") })
}

fn class_name(code: u16) -> String {
    let known = CLASSES.iter().find(|(_, known)| *known == code).map(|(name, _)| (*name).to_owned());
    known.unwrap_or_else(|| format!("CLASS{code}"))
}

fn content(message: &[u8], at: usize, length: usize, kind: u16) -> Option<String> {
    let bytes = message.get(at..at + length)?;
    Some(match kind {
        1 => Ipv4Addr::from(<[u8; 4]>::try_from(bytes).ok()?).to_string(),
        28 => Ipv6Addr::from(<[u8; 16]>::try_from(bytes).ok()?).to_string(),
        2 | 5 | 12 | 39 => name(message, at)?.0,
        15 | 18 => format!("{} {}", word(message, at)?, name(message, at + 2)?.0),
        33 => {
            let words = [word(message, at)?, word(message, at + 2)?, word(message, at + 4)?];
            format!("{} {} {} {}", words[0], words[1], words[2], name(message, at + 6)?.0)
        }
        SOA => {
            let (server, behind) = name(message, at)?;
            let (mailbox, behind) = name(message, behind)?;
            let mut text = format!("{server} {mailbox}");
            for number in 0..5 {
                let at = behind + number * 4;
                let value = u32::from(word(message, at)?) << 16 | u32::from(word(message, at + 2)?);
                text.push_str(&format!(" {value}"));
            }
            text
        }
        16 | 99 | 13 => strings(bytes)?.join(" "),
        257 => {
            let (flags, tag_length) = (*bytes.first()?, usize::from(*bytes.get(1)?));
            let tag = String::from_utf8_lossy(bytes.get(2..2 + tag_length)?).into_owned();
            format!("{flags} {tag} {}", quoted(bytes.get(2 + tag_length..)?))
        }
        43 => {
            let digest = hex(bytes.get(4..)?).to_uppercase();
            format!("{} {} {} {digest}", word(message, at)?, bytes.get(2)?, bytes.get(3)?)
        }
        44 => format!("{} {} {}", bytes.first()?, bytes.get(1)?, hex(bytes.get(2..)?).to_uppercase()),
        52 => format!("{} {} {} {}", bytes.first()?, bytes.get(1)?, bytes.get(2)?, hex(bytes.get(3..)?)),
        _ => format!("\\# {length} {}", hex(bytes)),
    })
}

/// Texts with their lengths before them.
fn strings(mut bytes: &[u8]) -> Option<Vec<String>> {
    let mut all = Vec::new();
    while let Some((length, rest)) = bytes.split_first() {
        let (text, behind) = rest.split_at_checked(usize::from(*length))?;
        all.push(quoted(text));
        bytes = behind;
    }
    Some(all)
}

fn quoted(bytes: &[u8]) -> String {
    let mut text = String::from("\"");
    for &byte in bytes {
        match byte {
            b'"' | b'\\' => {
                text.push('\\');
                text.push(char::from(byte));
            }
            b' '..=b'~' => text.push(char::from(byte)),
            other => text.push_str(&format!("\\{other:03}")),
        }
    }
    text.push('"');
    text
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn word(message: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(message.get(at..at + 2)?.try_into().ok()?))
}

/// The name at `at`, with its last dot, and where what follows it begins.
fn name(message: &[u8], at: usize) -> Option<(String, usize)> {
    let (mut text, mut behind, mut at) = (String::new(), None, at);
    for _ in 0..JUMPS_MAX * 2 {
        let length = *message.get(at)?;
        match length {
            0 => {
                if text.is_empty() {
                    text.push('.');
                }
                return Some((text, behind.unwrap_or(at + 1)));
            }
            1..=63 => {
                let end = at + 1 + usize::from(length);
                for &byte in message.get(at + 1..end)? {
                    match byte {
                        b'.' | b'\\' | b'(' | b')' | b';' | b'@' | b'"' | b' ' | b'\'' => {
                            text.push('\\');
                            text.push(char::from(byte));
                        }
                        b'!'..=b'~' => text.push(char::from(byte)),
                        other => text.push_str(&format!("\\{other:03}")),
                    }
                }
                text.push('.');
                at = end;
            }
            0xc0.. => {
                behind.get_or_insert(at + 2);
                at = usize::from(word(message, at)? & 0x3fff);
            }
            _ => return None,
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(query: &[u8], flags: u16, records: [&[(u16, Vec<u8>)]; 3]) -> Vec<u8> {
        let mut out = query.to_vec();
        out[2..4].copy_from_slice(&flags.to_be_bytes());
        for (at, section) in records.iter().enumerate() {
            out[6 + at * 2..8 + at * 2].copy_from_slice(&(section.len() as u16).to_be_bytes());
            for (kind, content) in *section {
                out.extend_from_slice(&[0xc0, 12]);
                out.extend_from_slice(&kind.to_be_bytes());
                out.extend_from_slice(&[0, 1, 0, 0, 0, 60]);
                out.extend_from_slice(&(content.len() as u16).to_be_bytes());
                out.extend_from_slice(content);
            }
        }
        out
    }

    fn asked(kind: u16) -> Vec<u8> {
        query(7, Question { name: "example.com", kind, class: 1, is_recursive: true }).expect("a query")
    }

    #[test]
    fn records_are_printed_as_zone_files_have_them() {
        let query = asked(SOA);
        assert_eq!(query[..3], [0, 7, 1]);
        let mut soa = vec![2, b'n', b's', 0xc0, 12, 0xc0, 12];
        for number in [2026_u32, 7200, 3600, 1_209_600, 60] {
            soa.extend_from_slice(&number.to_be_bytes());
        }
        let sections: [&[(u16, Vec<u8>)]; 3] = [
            &[(SOA, soa), (1, vec![192, 0, 2, 1])],
            &[(15, vec![0, 10, 0xc0, 12]), (16, vec![2, b'a', b'"', 1, 200])],
            &[(257, vec![0, 5, b'i', b's', b's', b'u', b'e', b'x']), (4242, vec![1, 255])],
        ];
        let read = read(&message(&query, 0x8583, sections), &query).expect("an answer");
        let owner = "example.com.\t60\tIN\t";
        let of = |texts: &[&str]| texts.iter().map(|text| format!("{owner}{text}")).collect::<Vec<_>>();
        let soa = "SOA\tns.example.com. example.com. 2026 7200 3600 1209600 60";
        let expected = Answer {
            rcode: 3,
            is_truncated: false,
            answers: of(&[soa, "A\t192.0.2.1"]),
            authorities: of(&["MX\t10 example.com.", "TXT\t\"a\\\"\" \"\\200\""]),
            additionals: of(&["CAA\t0 issue \"x\"", "TYPE4242\t\\# 2 01ff"]),
            serial: Some(2026),
        };
        assert_eq!(read, expected);
        assert_eq!((rcode_name(3), rcode_name(23)), ("NXDOMAIN".to_owned(), "RCODE23".to_owned()));
        assert_eq!((type_code("CAA"), type_code("TYPE7"), type_code("B")), (Some(257), Some(7), None));
    }

    #[test]
    fn what_is_no_answer_is_none() {
        let query = asked(1);
        let whole = message(&query, 0x8180, [&[(1, vec![192, 0, 2, 1])], &[], &[]]);
        for length in 0..whole.len() {
            assert_eq!(read(&whole[..length], &query), None, "{length}");
        }
        let mut other = whole.clone();
        other[1] = 8;
        assert_eq!(read(&other, &query), None, "another's");
        assert_eq!(read(&message(&query, 0x0180, [&[], &[], &[]]), &query), None, "a question");
        let circle = message(&query, 0x8180, [&[(2, vec![0xc0, 41])], &[], &[]]);
        assert_eq!(read(&circle, &query), None);
        let bad = |name| super::query(1, Question { name, kind: 1, class: 1, is_recursive: false });
        assert_eq!((bad("a..b"), bad(&"x".repeat(64))), (None, None));
    }
}
