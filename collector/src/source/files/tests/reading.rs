//! Lines of one file: once each, whole, and in pieces where they are long.

use super::*;

#[test]
fn lines_arrive_once_across_restarts() {
    let mut bench = Bench::new();
    bench.append("a.log", &text("a", 0..3));
    assert_eq!(bench.settle(), lines("a", 0..3));
    bench.append("a.log", &text("a", 3..5));
    assert_eq!(bench.crash_and_settle(), lines("a", 3..5));
    assert_eq!(bench.crash_and_settle(), Vec::<String>::new());
    // What was read and not queued is read again.
    bench.append("a.log", &text("a", 5..7));
    bench.pass(2.0);
    bench.watch();
    assert_eq!(bench.read().0.len(), 1, "the last record of several lines waits");
    assert_eq!(bench.crash_and_settle(), lines("a", 5..7));
    assert_eq!(bench.gap_facts(), []);
}

#[test]
fn a_full_sink_is_offered_the_same_again() {
    let mut bench = Bench::new();
    bench.room = 2;
    bench.append("a.log", &text("a", 0..9));
    bench.append("b.log", &text("b", 0..9));
    let mut got = bench.settle();
    got.sort();
    assert_eq!(got, [lines("a", 0..9), lines("b", 0..9)].concat());
}

#[test]
fn lines_without_an_end_and_records_of_several_lines() {
    let mut bench = Bench::new();
    bench.append("a.log", "one\n  more\ntwo\r\n  of\r\nthr");
    bench.drain(0.0);
    assert_eq!(std::mem::take(&mut bench.records), ["one\n  more"]);
    bench.crash();
    bench.append("a.log", "ee\n  rest\n");
    bench.drain(0.5);
    assert_eq!(std::mem::take(&mut bench.records), ["two\r\n  of"]);
    bench.drain(0.4);
    assert_eq!(std::mem::take(&mut bench.records), Vec::<String>::new());
    bench.drain(1.1);
    assert_eq!(std::mem::take(&mut bench.records), ["three\n  rest"]);
    bench.append("a.log", "part");
    assert_eq!(bench.settle(), Vec::<String>::new());
    bench.rename("a.log", "a.log.1");
    bench.drain(61.0);
    bench.drain(61.0);
    assert_eq!(std::mem::take(&mut bench.records), ["part+"]);
    bench.drain(61.0);
    assert_eq!(bench.source().statuses(), []);
}

#[test]
fn long_lines_come_in_pieces() {
    let mut bench = Bench::new();
    bench.options.line_bytes_max = 600_000;
    let long = "x".repeat(1_500_000);
    bench.append("a.log", &format!("before\n{long}\nafter\n"));
    let sizes: Vec<(usize, bool)> = bench.settle().iter().map(|r| (r.len(), r.ends_with('+'))).collect();
    assert_eq!(sizes, [(6, false), (600_001, true), (600_001, true), (300_001, true), (5, false)]);
}
