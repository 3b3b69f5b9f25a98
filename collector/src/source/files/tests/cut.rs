//! Files that are cut, copied before or not.

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

#[test]
fn copied_and_cut() {
    for (is_down, is_packed, regrows) in
        [(false, false, false), (true, false, false), (false, true, false), (true, true, true), (false, false, true)]
    {
        let mut bench = Bench::new();
        bench.append("a.log", &text("a", 0..30));
        bench.settle();
        if is_down {
            bench.crash();
        }
        // The reader is behind the copy.
        bench.append("a.log", &text("a", 30..40));
        bench.copy("a.log", "a.log.1");
        bench.truncate("a.log");
        if is_packed {
            bench.gzip("a.log.1");
        }
        let new = if regrows { 40..120 } else { 40..45 };
        bench.append("a.log", &text("a", new.clone()));
        assert_eq!(bench.settle(), lines("a", 30..new.end), "{is_down} {is_packed} {regrows}");
        assert_eq!(bench.gap_facts(), [(GapReason::CopyTruncate, 0)]);
        assert_eq!(bench.crash_and_settle(), Vec::<String>::new());
        // The copy turns up under other names.
        if !is_packed {
            bench.rename("a.log.1", "a.log.2");
            bench.gzip("a.log.2");
            assert_eq!(bench.crash_and_settle(), Vec::<String>::new());
        }
    }
}

#[test]
fn the_reader_is_ahead_of_the_copy() {
    let mut bench = Bench::new();
    bench.append("a.log", &text("a", 0..30));
    bench.copy("a.log", "a.log.1");
    bench.append("a.log", &text("a", 30..40));
    assert_eq!(bench.settle(), lines("a", 0..40), "a copy of a live file is not read");
    bench.truncate("a.log");
    bench.append("a.log", &text("a", 40..45));
    assert_eq!(bench.settle(), lines("a", 40..45));
    assert_eq!(bench.gap_facts(), [(GapReason::CopyTruncate, 0)]);
    bench.rename("a.log.1", "a.log.2");
    bench.gzip("a.log.2");
    assert_eq!(bench.crash_and_settle(), Vec::<String>::new());
}

#[test]
fn cut_without_a_copy_is_a_gap() {
    let mut bench = Bench::new();
    bench.append("a.log", &text("a", 0..30));
    bench.settle();
    bench.append("a.log", &text("a", 30..40));
    bench.pass(2.0);
    bench.watch();
    bench.truncate("a.log");
    bench.append("a.log", &text("b", 0..3));
    assert_eq!(bench.settle(), lines("b", 0..3));
    let seen_and_unread = text("a", 30..40).len() as u64;
    assert_eq!(bench.gap_facts(), [(GapReason::Truncated, seen_and_unread)]);
    bench.crash();
    fs::remove_file(bench.path("a.log")).expect("removes");
    bench.settle();
    bench.drain(61.0);
    assert_eq!(bench.gap_facts(), [(GapReason::Gone, 0)]);
}

#[test]
fn holes_after_a_cut_are_passed() {
    let mut bench = Bench::new();
    let path = bench.path("a.log");
    let mut writer = fs::File::create(&path).expect("creates");
    writer.write_all(text("a", 0..100).as_bytes()).expect("writes");
    assert_eq!(bench.settle(), lines("a", 0..100));
    bench.truncate("a.log");
    writer.write_all(text("a", 100..103).as_bytes()).expect("writes");
    assert_eq!(bench.settle(), lines("a", 100..103));
    assert_eq!(bench.gap_facts(), [(GapReason::Truncated, 0)]);
}

#[test]
fn a_cut_file_that_cant_be_asked_is_opened_again_and_what_was_lost_of_it_told() {
    let mut bench = Bench::new();
    bench.append("a.log", &text("a", 0..30));
    assert_eq!(bench.settle(), lines("a", 0..30));
    bench.append("a.log", &text("a", 30..40));
    bench.pass(1.0);
    bench.watch();
    bench.truncate("a.log");
    bench.append("a.log", &text("b", 0..3));
    let tick = bench.tick;
    let source = bench.source();
    let (slot, followed) = source.open.pop_first().expect("it is followed");
    let failure = std::io::Error::other("the disk does not answer");
    source.begin_next(slot, followed, Err(failure), wall(), tick);
    assert_eq!(bench.settle(), lines("b", 0..3));
    assert_eq!(bench.gap_facts(), [(GapReason::Truncated, text("a", 30..40).len() as u64)]);
    assert_eq!(bench.crash_and_settle(), Vec::<String>::new());
}
