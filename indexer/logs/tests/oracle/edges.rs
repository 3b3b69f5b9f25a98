//! Cases that chance hardly meets, each with the queries that tell right from wrong.

use orszem_logs::Range;
use orszem_model::{Kind, Labels, Record, Stream, Timestamp};
use orszem_search::Query;

use crate::World;
use crate::random::Random;

fn line(n: usize, body: String) -> Record {
    let stream = Stream { tenant: 1, class: "default".to_owned(), labels: Labels::from([("host", "a")]) };
    Record::line(Timestamp(1_795_000_000_000_000_000 + n as i64), stream, body)
}

/// Puts the records twelve times into memtable and segments, and asks the queries at each stage.
fn check(records: &[Record], queries: &[(&str, usize)]) {
    let mut random = Random(3);
    let mut world = World::new(&mut Random(1));
    for stage in 0..4 {
        match stage {
            0 | 2 => world.put(records.to_vec()),
            1 => world.store().flush().map(drop).expect("flushes"),
            _ => while world.store().seal_due(i64::MAX).expect("seals") {},
        }
        let copies = if stage < 2 { 1 } else { 2 };
        for (source, count) in queries {
            let query = Query::parse(source).expect("parses");
            world.ask(&mut random, &query, 1, Range::ALL);
            let counted = world.store().snapshot().count(&query, 1, Range::ALL, &orszem_logs::Budget::default());
            assert_eq!(counted.expect("counts").value, (copies * count) as u64, "`{source}` at stage {stage}");
        }
    }
}

#[test]
fn a_part_of_a_word_may_lie_in_what_varies_while_the_rest_does_not() {
    let mut records: Vec<Record> = (0..20).map(|n| line(n, format!("stage prefoo ab{n} done"))).collect();
    records.extend((0..20).map(|n| line(n, format!("stage {n}foo bar done"))));
    check(
        &records,
        &[
            ("*foo\\ ab*", 20),
            ("*foo\\ ba*", 20),
            ("*foo\\ b*", 20),
            ("\"foo ab\"", 0),
            ("*foo\\ bar", 20),
            ("*0foo\\ b*", 2),
            ("*foo\\ ab1*", 11),
            ("*refoo*", 20),
            ("foo", 0),
            ("*e\\ *", 40),
        ],
    );
}

#[test]
fn words_longer_than_the_index_keeps_differ_behind() {
    let long = |part: &str, times: usize, tail: &str| format!("{}{tail}", part.repeat(times));
    let mut records = Vec::new();
    for (n, tail) in ["a", "b", "", "q", "Z9"].iter().enumerate() {
        records.push(line(n, format!("once {} here", long("x", 140, tail))));
        records.push(line(n, format!("twice {} there", long("y", 128, tail))));
        records.push(line(n, format!("{} \u{e9}", long("日", 43, tail))));
    }
    let (x, y) = ("x".repeat(140), "y".repeat(127));
    let queries = [
        (format!("{x}a*"), 1),
        (format!("{x}*"), 5),
        (x.clone(), 1),
        (format!("{x}b"), 1),
        (format!("{}*", "x".repeat(135)), 5),
        (format!("{}a*", "x".repeat(135)), 0),
        (format!("{y}*"), 5),
        (format!("{y}y"), 1),
        (format!("{y}yq"), 1),
        (format!("{y}yc*"), 0),
        ("*xa".to_owned(), 1),
        ("*xb*".to_owned(), 1),
        ("*yz9".to_owned(), 1),
        ("*yy".to_owned(), 1),
        ("*日".to_owned(), 1),
        ("*日q".to_owned(), 1),
        ("日日*".to_owned(), 5),
        (format!("-{x}*"), 10),
        ("*a*".to_owned(), 3),
        ("*0*".to_owned(), 0),
    ];
    let queries: Vec<(&str, usize)> = queries.iter().map(|(source, count)| (source.as_str(), *count)).collect();
    check(&records, &queries);
}

#[test]
fn kinds_that_are_not_asked_for_stay_out() {
    let mut records = Vec::new();
    for kind in Kind::ALL {
        records.extend((0..10).map(|n| Record { kind, ..line(n, format!("span {n} of work")) }));
        records.push(Record { kind, ..line(3, format!("{} alone at work", kind.name())) });
    }
    check(
        &records,
        &[
            ("work", 22),
            ("*", 22),
            ("", 22),
            ("of", 20),
            ("alone", 2),
            ("kind:span work", 11),
            ("kind:*", 44),
            ("-kind:log", 33),
            ("-absent", 22),
        ],
    );
}

#[test]
fn the_kelvin_sign_and_other_letters_fold_wherever_they_lie() {
    let mut records: Vec<Record> = (0..12).map(|n| line(n, format!("temp {n}\u{212a} \u{212a}elvin ŐR"))).collect();
    records.extend((0..12).map(|n| line(n, format!("temp {n}k kelvin őr"))));
    records.push(line(5, "\u{212a}iosk é e\u{301}".to_owned()));
    check(
        &records,
        &[
            ("5k", 2),
            ("5\u{212a}", 2),
            ("KELVIN", 24),
            ("\u{212a}EL*", 24),
            ("őr", 24),
            ("*k", 25),
            ("KIOSK", 1),
            ("*osk", 1),
            ("/k elvin/", 0),
            ("/\u{212a}elvin/", 12),
            ("/(?i)kelvin/", 24),
            ("É", 1),
        ],
    );
}
