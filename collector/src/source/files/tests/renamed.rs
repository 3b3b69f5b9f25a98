//! Files that are renamed and created anew.

use super::*;

#[test]
fn renamed_and_created_anew() {
    for kind in ["watched", "down", "packed", "zstd"] {
        let mut bench = Bench::new();
        bench.append("a.log", &text("a", 0..30));
        bench.settle();
        bench.append("a.log", &text("a", 30..40));
        bench.rename("a.log", "a.log.1");
        bench.append("a.log", &text("a", 40..50));
        match kind {
            "watched" => {
                // The writer still holds the renamed file.
                bench.drain(0.5);
                bench.append("a.log.1", "late\n");
                let mut got = bench.settle();
                got.sort();
                assert_eq!(got, [lines("a", 30..50), vec!["late".to_owned()]].concat());
            }
            "down" => assert_eq!(bench.crash_and_settle(), lines("a", 30..50)),
            "packed" => {
                bench.gzip("a.log.1");
                assert_eq!(bench.crash_and_settle(), lines("a", 30..50), "{kind}");
            }
            _ => {
                bench.zstd("a.log.1");
                assert_eq!(bench.crash_and_settle(), lines("a", 30..50), "{kind}");
            }
        }
        assert_eq!(bench.gap_facts(), [], "{kind}");
        // Later generations of the same content are not read again.
        if kind == "watched" || kind == "down" {
            bench.drain(100.0);
            bench.rename("a.log.1", "a.log.2");
            bench.gzip("a.log.2");
            assert_eq!(bench.settle(), Vec::<String>::new());
            bench.rename("a.log.2.gz", "a.log.3.gz");
            assert_eq!(bench.crash_and_settle(), Vec::<String>::new());
        }
    }
}

#[test]
fn several_rotations_while_down_come_in_order() {
    let mut bench = Bench::new();
    bench.append("a.log", &text("a", 0..10));
    bench.settle();
    bench.crash();
    bench.append("a.log", &text("a", 10..20));
    for generation in 2..5 {
        for old in (1..generation - 1).rev() {
            let ending = if old > 1 { ".gz" } else { "" };
            bench.rename(&format!("a.log.{old}{ending}"), &format!("a.log.{}{ending}", old + 1));
            if old == 1 {
                bench.gzip("a.log.2");
            }
        }
        bench.rename("a.log", "a.log.1");
        bench.append("a.log", &text("a", generation * 10..generation * 10 + 10));
    }
    assert_eq!(bench.settle(), lines("a", 10..50));
    assert_eq!(bench.gap_facts(), []);
    assert_eq!(bench.crash_and_settle(), Vec::<String>::new());
}

#[test]
fn several_rotations_between_two_looks_with_one_banner() {
    for is_down in [false, true] {
        let mut bench = Bench::new();
        let banner = text("banner", 0..40);
        bench.append("a.log", &banner);
        bench.append("a.log", &text("a", 0..10));
        bench.settle();
        if is_down {
            bench.crash();
        }
        bench.append("a.log", &text("a", 10..20));
        bench.rename("a.log", "a.log.2");
        bench.append("a.log.1", &(banner.clone() + &text("a", 20..22)));
        bench.append("a.log", &(banner.clone() + &text("a", 30..40)));
        let banner = lines("banner", 0..40);
        let expected = [lines("a", 10..20), banner.clone(), lines("a", 20..22), banner, lines("a", 30..40)].concat();
        assert_eq!(bench.settle(), expected, "{is_down}");
        assert_eq!(bench.gap_facts(), []);
        assert_eq!(bench.crash_and_settle(), Vec::<String>::new());
    }
}
