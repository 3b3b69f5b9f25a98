//! Files that are rotated just while the collector starts. The first search misses what is renamed under it, which is
//! played by a name that no search takes for a rotation.

use super::*;

/// `a.log` was read up to line 10 of 20 when the collector died; then it was rotated twice.
fn half_read() -> Bench {
    let mut bench = Bench::new();
    bench.append("a.log", &text("a", 0..10));
    assert_eq!(bench.settle(), lines("a", 0..10));
    bench.crash();
    bench.append("a.log", &text("a", 10..20));
    bench.rename("a.log", "hidden");
    bench.append("a.log.1", &text("a", 20..30));
    bench.append("a.log", &text("a", 30..40));
    bench
}

#[test]
fn renamed_during_the_start() {
    let mut bench = half_read();
    bench.drain(0.0);
    bench.drain(1.0);
    assert_eq!(std::mem::take(&mut bench.records), Vec::<String>::new(), "what is newer waits");
    bench.rename("hidden", "a.log.2");
    assert_eq!(bench.settle(), lines("a", 10..40));
    assert_eq!(bench.gap_facts(), []);
    assert_eq!(bench.crash_and_settle(), Vec::<String>::new());
}

#[test]
fn renamed_and_packed_during_the_start() {
    let mut bench = half_read();
    bench.drain(0.0);
    bench.gzip("hidden");
    bench.drain(1.0);
    assert_eq!(std::mem::take(&mut bench.records), Vec::<String>::new(), "what is newer waits");
    bench.rename("hidden.gz", "a.log.2.gz");
    assert_eq!(bench.settle(), lines("a", 10..40));
    assert_eq!(bench.gap_facts(), []);
    assert_eq!(bench.crash_and_settle(), Vec::<String>::new());
}

#[test]
fn copied_and_cut_before_the_start_and_renamed_during_it() {
    let mut bench = Bench::new();
    bench.append("a.log", &text("a", 0..10));
    assert_eq!(bench.settle(), lines("a", 0..10));
    bench.crash();
    bench.append("a.log", &text("a", 10..20));
    bench.copy("a.log", "hidden");
    bench.truncate("a.log");
    bench.append("a.log", &text("a", 20..30));
    bench.drain(0.0);
    assert_eq!(std::mem::take(&mut bench.records), Vec::<String>::new(), "what is newer waits");
    bench.rename("hidden", "a.log.1");
    assert_eq!(bench.settle(), lines("a", 10..30));
    assert_eq!(bench.gap_facts(), [(GapReason::CopyTruncate, 0)]);
}

#[test]
fn gone_for_good() {
    let mut bench = half_read();
    bench.append("b.log", &text("b", 0..3));
    fs::remove_file(bench.path("hidden")).expect("removes");
    bench.drain(0.0);
    bench.drain(REST_WAIT.as_secs_f64() - 0.1);
    // Other names do not wait.
    assert_eq!(std::mem::take(&mut bench.records), lines("b", 0..3));
    bench.drain(0.1);
    assert_eq!(bench.gap_facts(), [], "it may yet be found");
    assert_eq!(bench.settle(), lines("a", 20..40));
    bench.drain(60.0);
    assert_eq!(bench.gap_facts(), [(GapReason::Gone, 0)]);
    assert_eq!(bench.counters.files_gone.load(std::sync::atomic::Ordering::Relaxed), 1);
}

#[test]
fn what_is_older_does_not_wait() {
    let mut bench = Bench::new();
    bench.append("a.log", &text("a", 0..10));
    assert_eq!(bench.settle(), lines("a", 0..10));
    bench.append("a.log", &text("a", 10..20));
    bench.rename("a.log", "a.log.1");
    bench.append("a.log", &text("a", 20..30));
    bench.pass(1.0);
    bench.watch();
    bench.save(Vec::new());
    bench.crash();
    bench.rename("a.log.1", "a.log.2");
    bench.rename("a.log", "hidden");
    bench.append("a.log", &text("a", 30..40));
    bench.drain(0.0);
    bench.drain(1.0);
    assert_eq!(std::mem::take(&mut bench.records), lines("a", 10..20));
    bench.rename("hidden", "a.log.1");
    assert_eq!(bench.settle(), lines("a", 20..40));
    assert_eq!(bench.gap_facts(), []);
}
