//! The scripts of `tests/scripts/`: each as it happened, in any order of arrival, and through bytes.

use std::fs;
use std::path::Path;

use orszem_facts::Facts;
use orszem_model::Timestamp;
use proptest::prelude::*;

use crate::script::{self, Step};

/// Name and text of each script.
fn scripts() -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scripts");
    let mut scripts: Vec<(String, String)> = fs::read_dir(folder)
        .expect("lists")
        .map(|entry| {
            let path = entry.expect("lists").path();
            let name = path.file_stem().and_then(|name| name.to_str()).expect("a name").to_owned();
            (name, fs::read_to_string(&path).expect("reads"))
        })
        .collect();
    scripts.sort();
    scripts
}

#[test]
fn each_script_tells_its_facts_and_no_others() {
    let scripts = scripts();
    assert!(scripts.len() > 25, "the scripts are found");
    for (name, text) in scripts {
        script::check(&name, &text);
    }
}

/// What is told, but for the records, whose numbers depend on the order.
fn without_records(mut facts: Vec<orszem_model::Fact>) -> Vec<orszem_model::Fact> {
    facts.iter_mut().for_each(|fact| fact.records.clear());
    facts.sort_by_key(|fact| (fact.at, fact.kind.name(), fact.entity.clone(), fact.text.clone()));
    facts
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, failure_persistence: None, ..ProptestConfig::default() })]

    /// Each record comes up to 0.9 s late, and some come twice: the facts are the same.
    #[test]
    fn the_order_of_arrival_does_not_matter(delays in proptest::collection::vec((0_i64..900, 0_i64..900, any::<bool>()), 64)) {
        for (name, text) in scripts() {
            let steps = script::read(&text).steps;
            let expected = without_records(script::run(&script::in_order(&steps), None));
            let mut arrivals: Vec<(Timestamp, Step)> = Vec::new();
            for (step, (first, second, is_twice)) in steps.iter().zip(delays.iter().cycle()) {
                let after = |ms: i64| Timestamp(step.at().0 + ms * 1_000_000);
                arrivals.push((after(*first), step.clone()));
                if *is_twice {
                    arrivals.push((after(*second), step.clone()));
                }
            }
            arrivals.sort_by_key(|(arrives, _)| *arrives);
            prop_assert_eq!(without_records(script::run(&arrivals, None)), expected, "{}", name);
        }
    }
}

#[test]
fn a_state_that_went_through_bytes_goes_on_the_same() {
    for (name, text) in scripts() {
        let steps = script::in_order(&script::read(&text).steps);
        let expected = script::run(&steps, None);
        for at in (0..steps.len()).step_by(3) {
            assert_eq!(script::run(&steps, Some(at)), expected, "{name} after step {at}");
        }
    }
}

#[test]
fn a_broken_state_is_refused() {
    let bytes = Facts::new(script::settings()).encode();
    assert!(Facts::decode(script::settings(), &bytes).is_some());
    assert!(Facts::decode(script::settings(), &[]).is_none());
    assert!(Facts::decode(script::settings(), &bytes[..bytes.len() - 1]).is_none());
    let behind = [&bytes[..], &[0]].concat();
    assert!(Facts::decode(script::settings(), &behind).is_none());
    let other = [&[bytes[0] + 1], &bytes[1..]].concat();
    assert!(Facts::decode(script::settings(), &other).is_none());
}
