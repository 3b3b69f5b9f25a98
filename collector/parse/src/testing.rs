//! Shows whole parses as text, and checks the samples against what is expected of them.

use std::path::Path;

use super::{Format, Moment, Parsed, Recogniser, Value, Zone, program};
use crate::tests::NOW;

/// `time severity(word) host service layer message=N key=value… {entity …}`; what is missing is left out.
pub(crate) fn shown(parsed: &Parsed<'_>) -> String {
    let mut out = Vec::new();
    out.extend(parsed.format.map(|format| format.name().to_owned()));
    out.extend(parsed.timestamp.map(|t| {
        let mark = match (parsed.inferred.year, parsed.inferred.zone) {
            (true, _) => "~",
            (false, true) => "?",
            (false, false) => "",
        };
        format!("{}.{:09}{mark}", t.0.div_euclid(1_000_000_000), t.0.rem_euclid(1_000_000_000))
    }));
    let severity = format!("{}{}", parsed.severity.name(), parsed.severity.number());
    out.push(match &parsed.severity_text {
        Some(word) => format!("{severity}({word})"),
        None => severity,
    });
    out.extend(parsed.host.iter().map(|host| format!("host={host}")));
    out.extend(parsed.service.iter().map(|service| format!("service={service}")));
    out.extend(parsed.layer.iter().map(|layer| format!("layer={}", layer.name())));
    out.extend(parsed.trace_id.iter().map(|id| format!("trace={:02x}{:02x}…", id[0], id[1])));
    for (key, value) in &parsed.attributes {
        out.push(match value {
            Value::Text(v) => format!("{key}={v:?}"),
            Value::Json(v) => format!("{key}={v}"),
            Value::Integer(v) => format!("{key}={v}"),
            Value::Float(v) => format!("{key}={v:?}"),
            Value::Bool(v) => format!("{key}={v}"),
            Value::Null => format!("{key}=null"),
        });
    }
    if !parsed.entities.is_empty() {
        out.push(format!("{{{}}}", parsed.entities.join(" ")));
    }
    out.join(" ")
}

/// Reads `message` as what `service` said, and compares what was recognised.
#[track_caller]
pub(crate) fn check_refined(service: &str, message: &str, expected: &str) {
    let mut parsed = Parsed::default();
    program::refine(service, message.as_bytes(), &mut parsed);
    assert_eq!(shown(&parsed), expected, "{message}");
}

/// Reads `record` by `parse` and compares what was recognised, with the text behind the header; `-` if nothing.
#[track_caller]
pub(crate) fn check(parse: for<'a> fn(&'a [u8], &Moment<'_>) -> Option<Parsed<'a>>, record: &str, expected: &str) {
    let zone = Zone::utc();
    let moment = Moment { now: NOW, zone: &zone };
    let shown = parse(record.as_bytes(), &moment).map_or_else(
        || "-".to_owned(),
        |parsed| {
            let message = record.get(parsed.message..).unwrap_or("no boundary");
            format!("{} | {}", self::shown(&parsed), message.lines().next().unwrap_or_default())
        },
    );
    assert_eq!(shown, expected, "{record}");
}

/// The records of a file, as the recogniser cuts them, each with its first line and its parse.
fn records(text: &str) -> String {
    let zone = Zone::utc();
    let moment = Moment { now: NOW, zone: &zone };
    let mut recogniser = Recogniser::auto();
    recogniser.learn(text.as_bytes());
    let mut records: Vec<String> = Vec::new();
    for line in text.lines() {
        match records.last_mut() {
            Some(last) if !recogniser.is_start(format!("{last}\n").as_bytes(), line.as_bytes()) => {
                last.push('\n');
                last.push_str(line);
            }
            _ => records.push(line.to_owned()),
        }
    }
    let mut out = String::new();
    for record in &records {
        let parsed = recogniser.parse(record.as_bytes(), &moment);
        let further = record.lines().count() - 1;
        let message = record.get(parsed.message..).and_then(|m| m.lines().next()).unwrap_or_default();
        out.push_str(&format!("{}\n    +{further} | {message}\n", shown(&parsed)));
    }
    out
}

#[test]
fn records_begin_where_their_format_says() {
    use Format::{Catalina, Java, Jul, Mariadb, OracleAlert, Postgres};
    for (format, line, expected) in [
        (Java, "2026-11-22 10:00:00,123 ERROR [main] com.example.Pay - x", true),
        (Java, "10:00:00.123 [main] INFO com.example.Pay - x", true),
        (Java, "[2026-11-22T10:00:00,123][WARN ][o.e.n.Node] x", true),
        (Java, "INFO  [main] 2026-11-22 10:00:00,123 Pay.java:6 - x", true),
        (Java, "Exception in thread \"main\" java.lang.Error", true),
        (Java, "java.lang.IllegalStateException: x", false),
        (Java, "\tat com.example.Pay.go(Pay.java:3)", false),
        (Java, "INFO is the first word of this line", false),
        (Java, "10:00:00 is the time", false),
        (Java, "", false),
        (Catalina, "22-Nov-2026 10:00:00.123 SEVERE [main] x.Y.z w", true),
        (Catalina, "22-Nov-2026, a Sunday", false),
        (Jul, "Nov 22, 2026 10:00:00 AM com.example.Pay go", true),
        (Jul, "Nov 2, 2026 1:00:00 AM com.example.Pay go", true),
        (Jul, "SEVERE: x", false),
        (Jul, "Nov 22 10:00:00 db1 sshd[1]: x", false),
        (OracleAlert, "Sun Nov 22 10:00:00 2026", true),
        (OracleAlert, "2026-11-22T10:00:00.123456+00:00", true),
        (OracleAlert, "22-NOV-2026 10:00:00 * ping * 0", true),
        (OracleAlert, "ORA-00600: internal error", false),
        (OracleAlert, "Sun Nov 22 10:00:00 2026 was a bad day", false),
        (Postgres, "2026-11-22 10:00:00.123 UTC [77] LOG:  x", true),
        (Postgres, "\tFROM orders", false),
        (Mariadb, "2026-11-22  9:00:00 0 [Note] x", true),
        (Mariadb, "261122 10:00:00 [Note] x", true),
        (Mariadb, "# Time: 261122 10:00:00", true),
        (Mariadb, "# User@Host: bob[bob] @ app1 []", false),
        (Mariadb, "Version: '10.11.6-MariaDB'", false),
    ] {
        assert_eq!(format.is_start(line.as_bytes()), expected, "{format:?} {line}");
    }
}

#[test]
fn what_stands_before_a_line_counts() {
    use Format::{Catalina, Mariadb, Postgres};
    let trace = "22-Nov-2026 10:00:00.123 SEVERE [main] x.Y.z w\n\tx.E: y\n\t\tat a.B.c(B.java:1)\n";
    for (format, before, line, expected) in [
        (Mariadb, "# Time: 261122 10:00:00\n", "# User@Host: bob[bob] @ app1 []", false),
        (Mariadb, "# Time: 261122 10:00:00\n# User@Host: a\nDO 1;\n", "# User@Host: bob[bob] @ app1 []", true),
        (Mariadb, "DO 1;\n", "mariadbd, Version: 10.11.6-MariaDB (Debian 12). started with:", true),
        (Mariadb, "SELECT 1,\n", "', Version: started with:'", false),
        (Catalina, trace, "java.lang.RuntimeException: printed", true),
        (Catalina, "22-Nov-2026 10:00:00.123 SEVERE [main] x.Y.z w\n", "java.lang.RuntimeException: its", false),
        (Postgres, trace, "java.lang.RuntimeException: printed", false),
    ] {
        assert_eq!(format.is_start_behind(before.as_bytes(), line.as_bytes()), expected, "{format:?} {line}");
    }
}

/// Each `tests/samples/NAME.log` beside its `NAME.expected`; run with `ORSZEM_WRITE_EXPECTED=1` to write them anew, and
/// read the difference.
#[test]
fn samples_are_read_as_expected() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/samples");
    let mut names: Vec<_> = std::fs::read_dir(&folder).expect("samples").map(|e| e.expect("an entry").path()).collect();
    names.retain(|path| path.extension().is_some_and(|e| e == "log"));
    names.sort();
    assert!(names.len() >= 10, "{names:?}");
    for path in names {
        let text = std::fs::read_to_string(&path).expect("a sample");
        let beside = path.with_extension("expected");
        let read = records(&text);
        if std::env::var_os("ORSZEM_WRITE_EXPECTED").is_some() {
            std::fs::write(&beside, &read).expect("written");
        }
        let expected = std::fs::read_to_string(&beside).expect("what is expected");
        assert_eq!(read, expected, "{}", path.display());
    }
}

/// Every program whose messages are read further.
const PROGRAMS: [&str; 11] = [
    "kernel",
    "corosync",
    "pacemaker-controld",
    "postgres",
    "mariadbd",
    "sshd",
    "systemd",
    "sudo",
    "cron",
    "java",
    "IPaddr2(vip)",
];

/// All samples, each a text of lines.
fn samples() -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/samples");
    let paths = std::fs::read_dir(&folder).expect("samples").map(|entry| entry.expect("an entry").path());
    let mut paths: Vec<_> = paths.filter(|path| path.extension().is_some_and(|e| e == "log")).collect();
    paths.sort();
    paths.iter().map(|path| std::fs::read(path).expect("a sample")).collect()
}

proptest::proptest! {
    /// A piece of a sample with some bytes changed is read by every format and as every program's without a panic, and
    /// the message lies within the record.
    #[test]
    fn no_cut_or_changed_record_panics(
        sample in 0..64_usize,
        from in 0..2000_usize,
        len in 0..600_usize,
        changes in proptest::collection::vec((0..600_usize, proptest::prelude::any::<u8>()), 0..6),
    ) {
        let samples = samples();
        let text = &samples[sample % samples.len()];
        let from = from % text.len();
        let mut record: Vec<u8> = text[from..(from + len).min(text.len())].to_vec();
        for (at, byte) in changes {
            if let Some(place) = record.get_mut(at) {
                *place = byte;
            }
        }
        let zone = Zone::utc();
        let moment = Moment { now: NOW, zone: &zone };
        for format in Format::ALL {
            format.is_start(&record);
            if let Some(parsed) = format.parse(&record, &moment) {
                assert!(parsed.message <= record.len(), "{format:?} {}", parsed.message);
            }
        }
        for program in PROGRAMS {
            let mut parsed = Parsed::default();
            program::refine(program, &record, &mut parsed);
            assert!(parsed.message <= record.len(), "{program} {}", parsed.message);
        }
    }
}
