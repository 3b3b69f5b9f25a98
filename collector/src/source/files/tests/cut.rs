//! Files that are copied and cut before they are read.

use super::*;

#[test]
fn a_copy_that_was_seen_before_anything_was_read_is_read_after_the_cut() {
    let mut bench = Bench::new();
    bench.append("a.log", "");
    assert_eq!(bench.settle(), Vec::<String>::new());
    bench.append("a.log", &text("a", 0..30));
    bench.copy("a.log", "a.log.1");
    bench.pass(1.0);
    bench.watch();
    bench.truncate("a.log");
    bench.append("a.log", &text("a", 30..33));
    assert_eq!(bench.settle(), lines("a", 0..33));
    assert_eq!(bench.gap_facts(), [(GapReason::CopyTruncate, 0)]);
    assert_eq!(bench.crash_and_settle(), Vec::<String>::new());
}

#[test]
fn a_copy_that_ends_before_the_fingerprint_does_is_known() {
    for is_down in [false, true] {
        let mut bench = Bench::new();
        bench.append("a.log", &text("a", 0..4));
        bench.copy("a.log", "a.log.1");
        bench.append("a.log", &text("a", 4..10));
        bench.room = 2;
        bench.watch();
        let (batch, is_full) = bench.read();
        assert_eq!((&batch, is_full), (&lines("a", 0..2), true));
        bench.save(batch);
        bench.room = usize::MAX;
        if is_down {
            bench.crash();
        }
        bench.truncate("a.log");
        bench.append("a.log", &text("b", 0..3));
        assert_eq!(bench.settle(), [lines("a", 0..4), lines("b", 0..3)].concat(), "{is_down}");
        // What was seen beyond the copy, as far as that is known.
        let lost = if is_down { 0 } else { text("a", 4..10).len() as u64 };
        assert_eq!(bench.gap_facts(), [(GapReason::CopyTruncate, lost)], "{is_down}");
        assert_eq!(bench.crash_and_settle(), Vec::<String>::new());
    }
}

#[test]
fn a_cut_before_anything_was_read_is_told_after_a_restart() {
    let mut bench = Bench::new();
    bench.append("a.log", &text("a", 0..30));
    bench.watch();
    bench.save(Vec::new());
    bench.crash();
    bench.copy("a.log", "a.log.1");
    bench.truncate("a.log");
    bench.append("a.log", &text("a", 30..33));
    assert_eq!(bench.settle(), lines("a", 0..33));
    bench.drain(61.0);
    assert_eq!(bench.gap_facts(), [(GapReason::CopyTruncate, 0)]);
}

#[test]
fn a_cut_is_seen_though_the_next_generation_begins_alike() {
    let mut bench = Bench::new();
    let banner = text("banner", 0..40);
    bench.append("a.log", &(banner.clone() + &text("a", 0..10)));
    bench.room = 3;
    bench.watch();
    let (batch, _) = bench.read();
    assert_eq!(batch, lines("banner", 0..3));
    bench.save(batch);
    bench.room = usize::MAX;
    bench.copy("a.log", "a.log.1");
    bench.pass(1.0);
    bench.watch();
    bench.truncate("a.log");
    bench.append("a.log", &(banner + &text("a", 20..40)));
    let banner = lines("banner", 0..40);
    let expected = [banner.clone(), lines("a", 0..10), banner, lines("a", 20..40)].concat();
    assert_eq!(bench.settle(), expected);
    assert_eq!(bench.gap_facts(), [(GapReason::CopyTruncate, 0)]);
}
