//! Files that are saved anew, or deleted and back.

use super::*;

#[test]
fn an_editor_that_saves_does_not_repeat_a_file() {
    for is_down in [false, true] {
        let mut bench = Bench::new();
        bench.append("a.log", &text("a", 0..100));
        bench.settle();
        if is_down {
            bench.crash();
        }
        bench.copy("a.log", "swap");
        bench.rename("swap", "a.log");
        bench.append("a.log", &text("a", 100..103));
        assert_eq!(bench.settle(), lines("a", 100..103), "{is_down}");
        let old = fs::read_to_string(bench.path("a.log")).expect("reads");
        fs::write(bench.path("a.log"), old + &text("a", 103..105)).expect("writes");
        assert_eq!(bench.settle(), lines("a", 103..105), "{is_down}");
        assert_eq!(bench.gap_facts(), []);
    }
}

#[test]
fn deleted_and_back() {
    let mut bench = Bench::new();
    bench.append("a.log", &text("a", 0..3));
    bench.settle();
    bench.append("a.log", &text("a", 3..5));
    fs::remove_file(bench.path("a.log")).expect("removes");
    assert_eq!(bench.settle(), lines("a", 3..5), "read to the end");
    bench.append("a.log", &text("b", 0..3));
    assert_eq!(bench.settle(), lines("b", 0..3));
    bench.rename("a.log", "elsewhere");
    bench.drain(100.0);
    bench.drain(100.0);
    bench.append("elsewhere", &text("b", 3..5));
    bench.rename("elsewhere", "a.log");
    assert_eq!(bench.settle(), lines("b", 3..5));
    assert_eq!(bench.gap_facts(), []);
}
