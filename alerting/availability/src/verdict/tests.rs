use proptest::prelude::*;

use super::*;

/// A target with the times and votes of sites; the verdict after each.
struct Case {
    watch: Watch,
    policy: Policy,
    effects: Vec<Effect>,
}

impl Case {
    fn new() -> Self {
        Self { watch: Watch::default(), policy: Policy::default(), effects: Vec::new() }
    }

    fn vote(&mut self, at: i64, site: &str, vote: Vote) -> Verdict {
        let input = Input::Ballot { site: site.to_owned(), vote, reason: format!("{site} says so") };
        self.effects = self.watch.step(input, &self.policy, at);
        self.watch.verdict
    }

    fn tick(&mut self, at: i64) -> Verdict {
        self.effects = self.watch.step(Input::Tick, &self.policy, at);
        self.watch.verdict
    }
}

use Vote::{Down, Unknown, Up};

#[test]
fn a_lone_collector_asks_twice_more() {
    let mut case = Case::new();
    assert_eq!(case.vote(0, "a", Up), Verdict::Up);
    assert_eq!(case.vote(10_000, "a", Down), Verdict::Suspect);
    let changed =
        Effect::Changed { from: Verdict::Up, to: Verdict::Suspect, at: 10_000, reason: "a says so".to_owned() };
    assert_eq!(case.effects, [changed, Effect::Retry { site: "a".to_owned(), at: 11_000 }]);
    assert_eq!(case.vote(11_000, "a", Down), Verdict::Suspect);
    assert_eq!(case.effects, [Effect::Retry { site: "a".to_owned(), at: 12_000 }]);
    assert_eq!(case.vote(12_000, "a", Down), Verdict::Down);
    assert_eq!(case.vote(20_000, "a", Up), Verdict::Recovering);
    assert_eq!(case.vote(30_000, "a", Down), Verdict::Down);
    assert_eq!(case.vote(40_000, "a", Up), Verdict::Recovering);
    assert_eq!(case.vote(50_000, "a", Up), Verdict::Up);
    // A retry that works ends the suspicion.
    assert_eq!(case.vote(60_000, "a", Down), Verdict::Suspect);
    assert_eq!(case.vote(61_000, "a", Up), Verdict::Up);
}

#[test]
fn several_decide_by_quorum_and_one_alone_never_does() {
    let mut case = Case::new();
    for (at, site) in [(0, "a"), (1, "b"), (2, "c")] {
        assert_eq!(case.vote(at, site, Up), Verdict::Up);
    }
    assert_eq!(case.vote(10_000, "a", Down), Verdict::Suspect);
    let ask = Effect::AskOthers { except: "a".to_owned(), deadline: 15_000 };
    assert!(case.effects.contains(&ask), "{:?}", case.effects);
    assert_eq!(case.vote(10_100, "b", Up), Verdict::Suspect);
    assert_eq!(case.vote(10_200, "c", Up), Verdict::Up);
    assert_eq!(case.watch.dissent, 1);
    assert_eq!(case.vote(20_000, "a", Down), Verdict::Suspect);
    assert_eq!(case.vote(20_100, "b", Down), Verdict::Down);
    assert_eq!(case.vote(30_000, "b", Up), Verdict::Down, "one of three is not most");
    assert_eq!(case.vote(30_100, "c", Up), Verdict::Recovering);
    assert_eq!(case.vote(40_000, "b", Up), Verdict::Recovering);
    assert_eq!(case.vote(40_100, "c", Up), Verdict::Up);
}

#[test]
fn who_is_isolated_has_no_vote() {
    let mut case = Case::new();
    for (at, site) in [(0, "a"), (1, "b"), (2, "c")] {
        case.vote(at, site, Up);
    }
    for at in 1..20 {
        assert_eq!(case.vote(at * 1000, "a", Unknown), Verdict::Up);
    }
    case.vote(20_000, "b", Unknown);
    assert_eq!(case.vote(21_000, "c", Down), Verdict::Suspect, "alone now, it asks again");
    assert_eq!(case.vote(22_000, "c", Down), Verdict::Suspect);
    assert_eq!(case.vote(23_000, "c", Unknown), Verdict::Unknown);
    assert_eq!(case.vote(24_000, "a", Up), Verdict::Up);
    assert_eq!(case.tick(200_000), Verdict::Unknown, "votes grow old");
}

#[test]
fn others_that_do_not_answer_are_waited_for_up_to_the_deadline() {
    let mut case = Case::new();
    for (at, site) in [(0, "a"), (1, "b"), (2, "c")] {
        case.vote(at, site, Up);
    }
    assert_eq!(case.vote(10_000, "a", Down), Verdict::Suspect);
    assert_eq!(case.tick(14_999), Verdict::Suspect);
    assert_eq!(case.tick(15_000), Verdict::Unknown);
    assert_eq!(case.vote(15_100, "b", Up), Verdict::Up);
}

fn votes() -> impl Strategy<Value = Vec<(i64, usize, Vote)>> {
    let vote = prop::sample::select(vec![Up, Down, Unknown]);
    prop::collection::vec((1_i64..8_000, 0_usize..4, vote), 1..120)
}

proptest! {
    #[test]
    fn one_site_of_several_healthy_ones_is_never_enough(pauses in prop::collection::vec((1_i64..4_000, any::<bool>()), 1..200)) {
        let mut case = Case::new();
        let mut at = 0;
        for (pause, is_down) in pauses {
            at += pause;
            case.vote(at, "b", Up);
            case.vote(at + 1, "c", Up);
            at += 2;
            let verdict = case.vote(at, "a", if is_down { Down } else { Up });
            prop_assert!(!matches!(verdict, Verdict::Down | Verdict::Recovering));
        }
    }

    #[test]
    fn changes_chain_and_down_has_a_vote_against_it(steps in votes()) {
        let (mut case, mut at, mut verdict, mut since) = (Case::new(), 0, Verdict::Unknown, 0);
        for (pause, site, vote) in steps {
            at += pause;
            case.vote(at, ["a", "b", "c", "d"][site], vote);
            for effect in &case.effects {
                match effect {
                    Effect::Changed { from, to, at: changed, reason } => {
                        prop_assert_eq!(*from, verdict);
                        prop_assert_ne!(*to, verdict);
                        prop_assert!(*changed >= since && !reason.is_empty());
                        if *to == Verdict::Down {
                            let against = case.watch.ballots.values().filter(|ballot| ballot.vote == Down).count();
                            prop_assert!(against >= 1);
                            prop_assert!(matches!(from, Verdict::Suspect | Verdict::Recovering));
                        }
                        (verdict, since) = (*to, *changed);
                    }
                    Effect::Retry { at: later, .. } => prop_assert!(*later > at),
                    Effect::AskOthers { deadline, .. } => prop_assert!(*deadline > at),
                }
            }
            prop_assert_eq!(case.watch.verdict, verdict);
        }
        // It ends well whenever all find it up.
        for round in 0..8 {
            for site in ["a", "b", "c", "d"] {
                at += 1_000;
                case.vote(at, site, Up);
            }
            prop_assert!(round < 7 || case.watch.verdict == Verdict::Up);
        }
    }
}
