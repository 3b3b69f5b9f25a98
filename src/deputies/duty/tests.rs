//! Time tables: what a collector does second by second.

use super::*;

const RULES: Rules = Rules { after: s(300), spread: s(60), tellers: 3, rank: 0 };
const NOBODY: [Heard; 1] = [Heard { reached: false, told: false }];

const fn s(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn address(to: &str) -> CollectorAddress {
    CollectorAddress { channel: "mail".to_owned(), to: to.to_owned() }
}

fn attempt(outage: u64, to: &str) -> Attempt {
    Attempt { outage, address: address(to) }
}

fn delivered() -> Outcome {
    Outcome::Delivered { detail: String::new(), remote_id: String::new() }
}

fn retry() -> Outcome {
    Outcome::Retry { after: None, reason: String::new() }
}

fn states(duty: &Duty) -> Vec<TellState> {
    duty.outages.iter().flat_map(|outage| outage.told.iter().map(|told| told.state)).collect()
}

/// A duty that was reached at 100 s, and 200,000 ms of the clock, with 10 records read.
fn reached() -> Duty {
    let mut duty = Duty::new(Vec::new(), s(0), 100_000);
    assert_eq!(duty.reached(s(100), 200_000, 10), 0);
    duty
}

/// One that has told `a` of outage 7 at 400 s.
fn told() -> Duty {
    let mut duty = reached();
    assert!(duty.missed(s(400), 10, RULES) && !duty.begin(7, &[address("a")]));
    let attempts = duty.tell(s(400));
    assert_eq!(attempts, [attempt(7, "a")]);
    assert_eq!(duty.ended(&attempts[0], s(401), &delivered()), Ended::Delivered);
    duty
}

#[test]
fn each_rank_has_its_time_and_those_behind_are_silent() {
    for (rank, silent_at, due_at) in [(0, 399, 400), (1, 459, 460), (2, 519, 520)] {
        let rules = Rules { rank, ..RULES };
        let mut duty = reached();
        assert_eq!((duty.missed(s(silent_at), 10, rules), duty.missed(s(due_at), 10, rules)), (false, true), "{rank}");
    }
    assert!(!reached().missed(s(100_000), 10, Rules { rank: 3, ..RULES }));
    // Without any answer since the start the time counts from there.
    let mut never = Duty::new(Vec::new(), s(50), 0);
    assert_eq!((never.missed(s(349), 0, RULES), never.missed(s(350), 0, RULES)), (false, true));
}

#[test]
fn who_hears_that_the_server_answers_or_that_it_was_told_is_silent_and_asks_again() {
    for heard in [Heard { reached: true, told: false }, Heard { reached: false, told: true }] {
        let mut duty = reached();
        assert!(duty.missed(s(400), 10, RULES) && duty.heard(s(400), &[NOBODY[0], heard], RULES.spread));
        assert_eq!((duty.missed(s(459), 10, RULES), duty.missed(s(460), 10, RULES)), (false, true), "{heard:?}");
    }
    assert!(!reached().heard(s(400), &NOBODY, RULES.spread) && !reached().heard(s(400), &[], RULES.spread));
}

#[test]
fn an_outage_is_told_once_and_its_end_once() {
    let mut duty = told();
    assert_eq!(duty.told(), Some(7));
    assert!(!duty.missed(s(4_000), 60, RULES), "it was told");
    assert_eq!(duty.reached(s(5_000), 5_100_000, 110), 0);
    assert_eq!((duty.told(), duty.owes()), (None, true));
    let outage = duty.outage(7).expect("is owed");
    assert_eq!((outage.since_ms, outage.ended_ms, outage.records), (200_000, Some(5_100_000), 100));
    let (clears, dropped) = duty.clear(s(5_000), 5_100_000);
    assert_eq!((clears.as_slice(), dropped), ([attempt(7, "a")].as_slice(), 0));
    assert_eq!(duty.ended(&clears[0], s(5_001), &retry()), Ended::Failed);
    assert_eq!(duty.clear(s(5_015), 0).0, [], "there is a pause");
    assert_eq!(duty.clear(s(5_016), 0).0, clears);
    assert_eq!(duty.ended(&clears[0], s(5_017), &delivered()), Ended::Delivered);
    assert_eq!(duty.clear(s(9_000), 0), (Vec::new(), 0));
    assert_eq!(duty.outages(), []);
    // The next one counts from the last answer on.
    assert_eq!((duty.missed(s(5_299), 0, RULES), duty.missed(s(5_300), 0, RULES)), (false, true));
}

#[test]
fn who_reaches_no_relay_tries_with_pauses_until_the_server_is_back() {
    let mut duty = reached();
    duty.begin(7, &[address("a"), address("b")]);
    let mut at = s(400);
    let mut pauses = Vec::new();
    for _ in 0..7 {
        assert!(duty.missed(at, 10, RULES));
        let attempts = duty.tell(at);
        assert_eq!(attempts, [attempt(7, "a"), attempt(7, "b")]);
        attempts.iter().for_each(|attempt| assert_eq!(duty.ended(attempt, at, &retry()), Ended::Failed));
        let begun = at;
        while !duty.missed(at, 10, RULES) {
            at += s(5);
        }
        pauses.push((at - begun).as_secs());
    }
    assert_eq!(pauses, [15, 30, 60, 120, 240, 300, 300]);
    assert_eq!((duty.told(), duty.reached(at, 9_000_000, 10)), (None, 2));
    assert_eq!((duty.outages(), duty.owes()), ([].as_slice(), false), "nobody was told, so nobody is owed");
}

#[test]
fn who_asks_to_be_left_alone_is_and_who_refuses_is_not_asked_again() {
    let mut duty = reached();
    duty.begin(7, &[address("a"), address("b")]);
    let attempts = duty.tell(s(400));
    let later = Outcome::Retry { after: Some(s(120)), reason: String::new() };
    let refused = Outcome::Refused { reason: String::new(), is_gone: false };
    assert_eq!(duty.ended(&attempts[0], s(400), &later), Ended::Failed);
    assert_eq!(duty.ended(&attempts[1], s(400), &refused), Ended::Refused);
    assert_eq!((duty.missed(s(519), 10, RULES), duty.missed(s(520), 10, RULES)), (false, true));
    assert_eq!(duty.tell(s(520)), [attempt(7, "a")]);
}

#[test]
fn a_restart_neither_tells_twice_nor_forgets_the_all_clear() {
    let restart = |duty: &Duty| {
        let kept = serde_json::to_vec(duty.outages()).expect("JSON");
        Duty::new(serde_json::from_slice(&kept).expect("reads"), s(0), 1_000_000)
    };
    let mut told = told();
    told.missed(s(500), 40, RULES);
    let mut duty = restart(&told);
    assert!(!duty.missed(s(100_000), 5, RULES), "it was told before");
    duty.reached(s(600), 1_600_000, 25);
    let outage = duty.outage(7).expect("is owed");
    assert_eq!((outage.since_ms, outage.ended_ms, outage.records), (200_000, Some(1_600_000), 55));
    let mut duty = restart(&duty);
    assert_eq!(duty.clear(s(0), 1_600_000).0, [attempt(7, "a")]);

    // What a crash cut off may have arrived: it is repeated under its key, and its end is told.
    let mut cut = reached();
    cut.begin(8, &[address("a")]);
    cut.tell(s(400));
    let mut duty = restart(&cut);
    assert_eq!((states(&duty), duty.told()), (vec![TellState::Trying], Some(8)));
    assert!(duty.missed(s(1), 0, RULES));
    assert_eq!(duty.tell(s(1)), [attempt(8, "a")]);
    let mut duty = restart(&cut);
    assert_eq!(duty.reached(s(1), 2_000_000, 0), 0);
    assert_eq!(states(&duty), [TellState::Owed]);
}

#[test]
fn what_is_owed_too_long_or_of_too_many_outages_is_given_up() {
    let mut duty = told();
    duty.reached(s(500), 1_000_000, 10);
    assert_eq!(duty.clear(s(500), 1_000_000 + CLEAR_MS).1, 0);
    assert_eq!(duty.clear(s(500), 1_000_001 + CLEAR_MS), (Vec::new(), 1));
    assert_eq!(duty.outages(), []);
    for number in 0..4 {
        assert!(!duty.begin(number, &[address("a")]));
        let attempts = duty.tell(s(600));
        duty.ended(&attempts[0], s(600), &delivered());
        duty.reached(s(600), 1_000_000, 10);
    }
    assert!(duty.begin(4, &[address("a")]));
    let numbers: Vec<u64> = duty.outages().iter().map(|outage| outage.number).collect();
    assert_eq!(numbers, [1, 2, 3, 4]);
}
