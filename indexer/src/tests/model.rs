//! Random histories: after any of them the store holds what a plain list says.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

#[derive(Clone, Debug)]
enum Step {
    /// A batch of the source under this number; the same number again is a repeat.
    Submit(u64),
    /// A batch under this key.
    SubmitKeyed(u8),
    SubmitUnnamed,
    Flush,
    Merge,
    /// Deletes what was submitted under numbers that end in this digit.
    Delete(u64),
    Stop,
    Crash,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0..30u64).prop_map(Step::Submit),
        2 => (0..6u8).prop_map(Step::SubmitKeyed),
        3 => Just(Step::SubmitUnnamed),
        2 => Just(Step::Flush),
        1 => Just(Step::Merge),
        1 => (0..5u64).prop_map(Step::Delete),
        1 => Just(Step::Stop),
        2 => Just(Step::Crash),
    ]
}

/// What must be there.
#[derive(Default)]
struct Model {
    numbers: BTreeMap<u64, ()>,
    keys: BTreeMap<u8, ()>,
    bodies: Vec<String>,
}

async fn check(steps: Vec<Step>) {
    let directory = directory();
    let mut indexer = open(&directory);
    let mut model = Model::default();
    for (at, step) in steps.into_iter().enumerate() {
        match step {
            Step::Submit(number) => {
                let body = format!("digit{} number {number}", number % 5);
                let is_new = model.numbers.insert(number, ()).is_none();
                // 4,096 below the first number would be refused; 30 never are.
                assert_eq!(submit(&indexer, numbered(number, &[&body])).await.duplicate, !is_new);
                model.bodies.extend(is_new.then_some(body));
            }
            Step::SubmitKeyed(key) => {
                let is_new = model.keys.insert(key, ()).is_none();
                let key = key.to_string();
                assert_eq!(submit(&indexer, keyed(&key, &["keyed"])).await.duplicate, !is_new);
                model.bodies.extend(is_new.then(|| "keyed".to_owned()));
            }
            Step::SubmitUnnamed => {
                let body = format!("unnamed {at}");
                assert!(!submit(&indexer, submission(&[&body])).await.duplicate);
                model.bodies.push(body);
            }
            Step::Flush => indexer.flush().expect("flushes"),
            Step::Merge => indexer.settle(true).expect("settles"),
            Step::Delete(digit) => {
                let word = format!("digit{digit}");
                let query = Query::parse(&word).expect("parses");
                let before = model.bodies.len();
                model.bodies.retain(|body| !body.starts_with(&word));
                let deleted = indexer.delete(&query, 0, Range::ALL).await.expect("deletes");
                assert_eq!(deleted, (before - model.bodies.len()) as u64);
            }
            Step::Stop => {
                indexer.shutdown().await.expect("stops");
                drop(indexer);
                indexer = open(&directory);
            }
            Step::Crash => {
                drop(indexer);
                indexer = open(&directory);
            }
        }
        model.bodies.sort();
        assert_eq!(bodies(&indexer), model.bodies, "after step {at}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]
    #[test]
    fn a_random_history_ends_as_the_model_says(steps in prop::collection::vec(step(), 1..40)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("builds");
        runtime.block_on(check(steps));
    }
}
