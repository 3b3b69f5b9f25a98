use proptest::prelude::*;

use super::*;

fn exclusion(from: i64, until: i64) -> Exclusion {
    Exclusion { from, until, reason: "maintenance".to_owned() }
}

#[test]
fn only_confirmed_outages_outside_of_exclusions_count() {
    let mut ledger = Ledger::default();
    for (at, held) in [(100, Held::Up), (200, Held::Down), (260, Held::Up), (400, Held::Unknown), (450, Held::Up)] {
        ledger.enter(at, held, "x").expect("enters");
    }
    ledger.enter(460, Held::Up, "again").expect("enters");
    assert_eq!(ledger.intervals().len(), 5, "the same again is no entry");
    assert_eq!(ledger.enter(10, Held::Down, "late"), Err(LedgerError::Backwards { last: 450 }));
    assert_eq!(ledger.exclude(exclusion(5, 5)), Err(LedgerError::Empty));
    ledger.exclude(exclusion(240, 300)).expect("excludes");
    ledger.exclude(exclusion(250, 280)).expect("excludes");
    let expected = Availability {
        up: 100 + 100 + 50,
        down: 40,
        unknown: 100 + 50,
        excluded: 60,
        outages: 1,
        longest: 40,
        mttr: Some(40),
        mtbf: Some(250),
        ratio: Some(250.0 / 290.0),
    };
    assert_eq!(ledger.count(0, 500), expected);
    assert_eq!(expected.budget_left(0.9), 4);
    assert_eq!(expected.budget_left(0.999), -40);
    let nothing = ledger.count(0, 50);
    assert_eq!((nothing.unknown, nothing.ratio, nothing.mttr), (50, None, None));
}

proptest! {
    #[test]
    fn a_period_is_the_sum_of_its_parts(
        entries in prop::collection::vec((0_i64..500, 0_u8..3), 0..40),
        exclusions in prop::collection::vec((0_i64..9_000, 1_i64..2_000), 0..6),
        cut in 0_i64..10_000,
    ) {
        let (mut ledger, mut at) = (Ledger::default(), 0);
        for (pause, held) in entries {
            at += pause;
            let held = [Held::Up, Held::Down, Held::Unknown][usize::from(held)];
            prop_assert_eq!(ledger.enter(at, held, ""), Ok(()));
        }
        for (from, length) in exclusions {
            prop_assert_eq!(ledger.exclude(exclusion(from, from + length)), Ok(()));
        }
        let (whole, before, after) = (ledger.count(0, 10_000), ledger.count(0, cut), ledger.count(cut, 10_000));
        prop_assert_eq!(whole.up + whole.down + whole.unknown + whole.excluded, 10_000);
        let parts = |a: &Availability| [a.up, a.down, a.unknown, a.excluded];
        for ((whole, before), after) in parts(&whole).into_iter().zip(parts(&before)).zip(parts(&after)) {
            prop_assert!(whole >= 0);
            prop_assert_eq!(whole, before + after);
        }
        prop_assert!(whole.longest <= whole.down);
        prop_assert!(whole.outages <= before.outages + after.outages);
    }
}
