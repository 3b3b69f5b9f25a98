use std::collections::HashSet;

use proptest::prelude::*;

use super::*;

const SMALL: Limits = Limits { streams: 2, ranges: 2, ranges_total: 3, keys: 2 };

fn sequenced(source: &str, epoch: u64, seq: u64) -> Identity {
    Identity::Sequenced { source: source.to_owned(), epoch, signal: Signal::Logs, seq, skipped: 0 }
}

fn key(key: &str) -> Identity {
    Identity::Idempotent { key: key.to_owned() }
}

/// Admits each identity in a group of its own, one byte long.
fn admit_all(stage: &mut Deduplicator, identities: &[Identity]) -> Vec<Verdict> {
    let admit = |identity| {
        let position = stage.position();
        stage.admit(Some(identity), position, position + 1)
    };
    identities.iter().map(admit).collect()
}

const FRESH: Verdict = Verdict::Fresh;
const REPEAT: Verdict = Verdict::Duplicate(DuplicateReason::Sequence);

#[test]
fn source_epoch_and_signal_each_make_a_flow_of_their_own() {
    let mut stage = Deduplicator::default();
    let traces = Identity::Sequenced { source: "a".into(), epoch: 1, signal: Signal::Traces, seq: 5, skipped: 0 };
    let identities = [sequenced("a", 1, 5), sequenced("b", 1, 5), sequenced("a", 2, 5), traces, sequenced("a", 1, 5)];
    assert_eq!(admit_all(&mut stage, &identities), [FRESH, FRESH, FRESH, FRESH, REPEAT]);
    assert_eq!(admit_all(&mut stage, &[sequenced("a", 2, 6), sequenced("a", 2, 9)]), [FRESH, FRESH]);
    assert_eq!(stage.accepted_seq("a", 2, Signal::Logs), Some(9));
    assert_eq!(stage.horizon_seq("a", 2, Signal::Logs), Some(6));
    assert_eq!(stage.horizon_seq("a", 3, Signal::Logs), None);
    assert!(stage.is_duplicate(&sequenced("a", 2, 9)) && !stage.is_duplicate(&sequenced("a", 2, 8)));
    assert_eq!(stage.tally(), Tally { fresh: 6, duplicates: 1, ..Tally::default() });
}

#[test]
fn groups_without_identity_are_always_fresh_and_old_positions_are_past() {
    let mut stage = Deduplicator::default();
    assert_eq!(stage.admit(None, 32, 80), Verdict::Fresh);
    assert_eq!(stage.admit(None, 80, 90), Verdict::Fresh);
    assert_eq!(stage.admit(None, 32, 80), Verdict::Past);
    assert_eq!(stage.position(), 90);
}

#[test]
fn the_oldest_key_and_the_longest_unused_flow_are_forgotten() {
    let mut stage = Deduplicator::with_limits(SMALL);
    let verdicts = admit_all(&mut stage, &[key("1"), key("2"), key("1"), key("3"), key("2"), key("1")]);
    let repeat = Verdict::Duplicate(DuplicateReason::Key);
    assert_eq!(verdicts, [FRESH, FRESH, repeat, FRESH, repeat, FRESH]);
    let flows = ["a", "b", "a", "c", "a", "b"].map(|source| sequenced(source, 1, 1));
    assert_eq!(admit_all(&mut stage, &flows), [FRESH, FRESH, REPEAT, FRESH, REPEAT, FRESH]);
    assert_eq!((stage.tally().forgotten_keys, stage.tally().forgotten_streams), (2, 2));
}

#[test]
fn too_many_holes_cost_the_lowest_one() {
    let mut stage = Deduplicator::with_limits(SMALL);
    admit_all(&mut stage, &[1, 4, 6, 8].map(|seq| sequenced("a", 1, seq)));
    assert_eq!(stage.horizon_seq("a", 1, Signal::Logs), Some(4));
    assert_eq!(stage.tally().lost, 2);
    assert_eq!(admit_all(&mut stage, &[sequenced("a", 1, 2), sequenced("a", 1, 5)]), [REPEAT, FRESH]);
    // One run is left there; with two more in another flow the total is reached.
    admit_all(&mut stage, &[1, 3, 5, 7].map(|seq| sequenced("b", 1, seq)));
    assert_eq!(stage.tally().lost, 3);
    assert_eq!(stage.horizon_seq("b", 1, Signal::Logs), Some(3));
}

#[test]
fn damaged_checkpoints_are_quarantined_and_saved_ones_load() {
    let directory = tempfile::tempdir().expect("temporary directory");
    let (mut stage, damage) = Deduplicator::load(directory.path()).expect("load nothing");
    assert_eq!((stage.position(), damage), (0, None));
    admit_all(&mut stage, &[sequenced("a", 1, 5), key("k")]);
    let checkpoint = stage.encode();
    Deduplicator::save(directory.path(), &checkpoint).expect("save");
    let (loaded, damage) = Deduplicator::load(directory.path()).expect("load");
    assert_eq!((loaded.encode(), damage), (checkpoint.clone(), None));
    for at in 0..checkpoint.len() {
        let mut bad = checkpoint.clone();
        bad[at] ^= 1;
        Deduplicator::save(directory.path(), &bad).expect("save damaged");
        let (loaded, damage) = Deduplicator::load(directory.path()).expect("load damaged");
        assert_eq!(loaded.encode(), Deduplicator::default().encode());
        assert_eq!(damage.map(|damage| damage.bytes), Some(checkpoint.len() as u64));
    }
}

fn any_identity() -> impl Strategy<Value = Identity> {
    let source = prop::sample::select(vec!["a", "b"]);
    prop_oneof![
        (source, 1u64..3, 0u64..60).prop_map(|(source, epoch, seq)| sequenced(source, epoch, seq)),
        (0u8..20).prop_map(|number| key(&number.to_string())),
    ]
}

proptest! {
    /// Fresh exactly once per identity, whatever the order, and the same over a restart at any point.
    #[test]
    fn equals_a_set_of_identities(identities in prop::collection::vec(any_identity(), 1..200), restart in 0usize..200) {
        let mut seen = HashSet::new();
        let mut stage = Deduplicator::default();
        let mut restarted = Deduplicator::default();
        for (at, identity) in identities.iter().enumerate() {
            if at == restart {
                restarted = Deduplicator::decode(&stage.encode()).expect("own checkpoint");
            }
            let verdict = admit_all(&mut stage, std::slice::from_ref(identity))[0];
            prop_assert_eq!(verdict == Verdict::Fresh, seen.insert(identity.clone()));
            if at >= restart {
                prop_assert_eq!(admit_all(&mut restarted, std::slice::from_ref(identity))[0], verdict);
                prop_assert_eq!(restarted.encode(), stage.encode());
            }
        }
    }
}
