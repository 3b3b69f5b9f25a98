//! More rotated files than are open at once, and more than are remembered.

use super::*;

/// `generations` rotated files of ten lines each, none of which was seen under its own name, and the present one.
fn rotated(bench: &mut Bench, name: &str, generations: usize) {
    bench.append(name, &text(name, 0..10));
    assert_eq!(bench.settle(), lines(name, 0..10));
    bench.crash();
    for generation in 0..generations {
        bench.rename(name, &format!("{name}-{generation:06}"));
        let first = (generation + 1) * 10;
        bench.append(name, &text(name, first..first + 10));
    }
}

/// What comes in more looks than there are files.
fn drained(bench: &mut Bench) -> Vec<String> {
    for _ in 0..40 {
        bench.drain(1.0);
    }
    std::mem::take(&mut bench.records)
}

#[test]
fn the_oldest_are_opened_and_the_rest_waits() {
    let mut bench = Bench::new();
    bench.options.rotated_max = 3;
    rotated(&mut bench, "a.log", 20);
    bench.watch();
    assert_eq!(bench.source().statuses().len(), 1 + 3, "the present file and three rotated ones");
    assert_eq!(drained(&mut bench), lines("a.log", 10..210));
    assert_eq!(bench.gap_facts(), []);
    bench.crash();
    assert_eq!(drained(&mut bench), Vec::<String>::new());
}

#[test]
fn what_waits_is_not_taken_for_old_after_a_crash() {
    let mut bench = Bench::new();
    bench.options.rotated_max = 3;
    rotated(&mut bench, "a.log", 20);
    for generation in 0..20 {
        let long_ago = SystemTime::now() - Duration::from_secs(3_600 - generation);
        let file = fs::File::open(bench.path(&format!("a.log-{generation:06}"))).expect("opens");
        file.set_modified(long_ago).expect("sets");
    }
    for value in bench.saved.values_mut() {
        let mut position = Position::decode(value).expect("a position");
        position.seen = Timestamp(position.seen.0 - 7_200_000_000_000);
        *value = position.encode();
    }
    bench.drain(0.0);
    let before = std::mem::take(&mut bench.records);
    assert!(before.len() < 100, "some wait: {}", before.len());
    bench.crash();
    let after = drained(&mut bench);
    assert_eq!([before, after].concat(), lines("a.log", 10..210));
}

#[test]
fn what_is_forgotten_is_not_read_again() {
    let mut bench = Bench::new();
    bench.options.rotated_max = 2 * DONE_MAX;
    rotated(&mut bench, "a.log", DONE_MAX + 200);
    let last = (DONE_MAX + 201) * 10;
    assert_eq!(bench.settle(), lines("a.log", 10..last));
    bench.drain(60.0);
    bench.drain(0.0);
    assert!(bench.source().closed.len() <= DONE_MAX);
    bench.drain(10.0);
    assert_eq!(std::mem::take(&mut bench.records), Vec::<String>::new());
}

#[test]
fn what_is_missing_does_not_crowd_out_what_is_known() {
    let mut bench = Bench::new();
    bench.options.rotated_max = 2 * DONE_MAX;
    let generations = MISSING_MAX + 200;
    rotated(&mut bench, "a.log", generations);
    assert_eq!(bench.settle(), lines("a.log", 10..(generations + 1) * 10));
    bench.crash();
    for generation in 0..generations {
        fs::remove_file(bench.path(&format!("a.log-{generation:06}"))).expect("removes");
    }
    // It never runs for long enough to give up what is missing.
    for _ in 0..3 {
        bench.drain(0.0);
        bench.drain(REST_WAIT.as_secs_f64() + 0.1);
        bench.append("a.log", &text("a.log", 90_000..90_010));
        bench.rename("a.log", "a.log-900000");
        bench.drain(1.0);
        let missing = bench.source().closed.values().filter(|position| !position.is_done).count();
        assert!(missing <= MISSING_MAX, "{missing} are missing");
        bench.crash();
        bench.rename("a.log-900000", "a.log");
    }
    let told = bench.gaps.iter().filter(|gap| gap.reason == GapReason::Gone).count();
    assert_eq!(told, generations - MISSING_MAX, "each that was given up is told");
}
