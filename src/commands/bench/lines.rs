//! Lines as programs write them, made from a seed.

use std::io::{self, Write};

/// A kind of line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// syslog, as rsyslog writes it.
    Plain,
    /// One JSON object a line.
    Json,
    /// Combined access log.
    Access,
}

impl Kind {
    pub(super) const ALL: [Self; 3] = [Self::Plain, Self::Json, Self::Access];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Json => "json",
            Self::Access => "access",
        }
    }
}

/// S. Vigna, splitmix64.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (word ^ (word >> 31)) % bound
    }

    fn of<'a>(&mut self, all: &[&'a str]) -> &'a str {
        all[self.below(all.len() as u64) as usize]
    }
}

const PROGRAMS: [&str; 5] = ["sshd", "cron", "systemd", "pacemaker-controld", "postfix/smtpd"];
const PHRASES: [&str; 6] = [
    "connection from unknown peer closed after negotiation",
    "session opened for user root by (uid=0)",
    "Result of monitor operation for vip on db1: ok",
    "error: could not read from the remote repository",
    "Started Session of user www-data.",
    "warning: hostname does not resolve to the address",
];
const PATHS: [&str; 5] = ["/", "/api/v1/orders", "/static/app.js", "/login?next=%2Fhome", "/images/logo.svg"];
const AGENTS: [&str; 3] = [
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0 Safari/537.36",
    "curl/8.5.0",
    "-",
];
const LEVELS: [&str; 4] = ["info", "info", "warn", "error"];

/// Writes about `bytes` bytes of lines; answers how many lines and bytes.
pub(super) fn write(kind: Kind, bytes: u64, out: &mut impl Write) -> io::Result<(u64, u64)> {
    let mut random = Random(7);
    let (mut lines, mut written) = (0, 0);
    let mut line = Vec::new();
    while written < bytes {
        line.clear();
        let at = lines / 400;
        let (hour, minute, second) = (at / 3600 % 24, at / 60 % 60, at % 60);
        match kind {
            Kind::Plain => writeln!(
                line,
                "Nov 21 {hour:02}:{minute:02}:{second:02} db{} {}[{}]: {} (id {:08x}, took {} ms)",
                1 + random.below(3),
                random.of(&PROGRAMS),
                1_000 + random.below(30_000),
                random.of(&PHRASES),
                random.below(1 << 32),
                random.below(5_000)
            ),
            Kind::Json => writeln!(
                line,
                r#"{{"ts":"2026-11-21T{hour:02}:{minute:02}:{second:02}.{:06}Z","level":"{}","service":"shop","msg":"{}","order":{},"duration_ms":{},"user":"u{}","trace_id":"{:016x}{:016x}"}}"#,
                random.below(1_000_000),
                random.of(&LEVELS),
                random.of(&PHRASES),
                random.below(1_000_000),
                random.below(5_000),
                random.below(10_000),
                random.below(u64::MAX),
                random.below(u64::MAX)
            ),
            Kind::Access => writeln!(
                line,
                r#"10.{}.{}.{} - - [21/Nov/2026:{hour:02}:{minute:02}:{second:02} +0100] "GET {} HTTP/1.1" {} {} "-" "{}""#,
                random.below(256),
                random.below(256),
                random.below(256),
                random.of(&PATHS),
                random.of(&["200", "200", "304", "404", "503"]),
                random.below(100_000),
                random.of(&AGENTS)
            ),
        }?;
        out.write_all(&line)?;
        written += line.len() as u64;
        lines += 1;
    }
    Ok((lines, written))
}
