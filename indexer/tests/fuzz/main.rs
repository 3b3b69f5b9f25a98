//! Mutation fuzzing of everything that reads metrics and queries from outside, all from one seed and so repeatable.
//!
//! Each target runs for `ORSZEM_FUZZ_SECONDS` (60 s where `CI` is `true`, 1 s elsewhere) from `ORSZEM_FUZZ_SEED` on and
//! prints both with the number of its executions. A failure shows the input and comes again with the same
//! seed.

#![expect(clippy::print_stdout, reason = "what was run is what this test has to tell")]

mod exposition;
mod mutate;
mod promql;
mod proto;
mod remote_write;

use std::time::{Duration, Instant};

use mutate::Mutator;

fn seconds() -> u64 {
    let asked = std::env::var("ORSZEM_FUZZ_SECONDS").ok();
    let is_ci = std::env::var("CI").is_ok_and(|value| value == "true");
    asked.map_or(if is_ci { 60 } else { 1 }, |text| text.parse().expect("ORSZEM_FUZZ_SECONDS is a number"))
}

fn seed() -> u64 {
    let asked = std::env::var("ORSZEM_FUZZ_SEED").ok();
    asked.map_or(0x6f72_737a_656d, |text| text.parse().expect("ORSZEM_FUZZ_SEED is a number"))
}

/// Shows the input when the target panics.
struct Shown<'i>(&'static str, &'i [u8]);

impl Drop for Shown<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            println!("{}: failed with {:?}\nas text: {}", self.0, self.1, String::from_utf8_lossy(self.1));
        }
    }
}

/// Gives `run` mutations of `seeds` until the time is over; it answers whether the input was good. A corpus of what was
/// good grows up to 1,000 inputs, so that mutations pile up.
fn fuzz(
    target: &'static str,
    seeds: &[Vec<u8>],
    mut mutated: impl FnMut(&mut Mutator, &[Vec<u8>]) -> Vec<u8>,
    mut run: impl FnMut(&[u8]) -> bool,
) {
    const CORPUS_MAX: usize = 1_000;
    const CORPUS_INPUT_BYTES_MAX: usize = 2_000;
    let (seed, seconds) = (seed(), seconds());
    let mut mutator = Mutator::new(seed);
    let end = Instant::now() + Duration::from_secs(seconds);
    let mut corpus = seeds.to_vec();
    for input in seeds {
        let _shown = Shown(target, input);
        assert!(run(input), "a seed is refused");
    }
    let (mut executions, mut good) = (seeds.len() as u64, seeds.len() as u64);
    while Instant::now() < end {
        let input = mutated(&mut mutator, &corpus);
        let _shown = Shown(target, &input);
        executions += 1;
        if run(&input) {
            good += 1;
            if input.len() <= CORPUS_INPUT_BYTES_MAX && mutator.below(16) == 0 {
                if corpus.len() < CORPUS_MAX {
                    corpus.push(input.clone());
                } else {
                    let at = seeds.len() + mutator.below(CORPUS_MAX - seeds.len());
                    corpus[at] = input.clone();
                }
            }
        }
    }
    println!("fuzz {target}: {executions} executions, {good} of good input, in {seconds} s from seed {seed}");
    assert!(good < executions, "every mutation was good, so nothing bad was tried");
}

/// All targets at once, however many processors there are, so that the whole takes as long as one.
#[test]
fn no_input_breaks_a_reader() {
    let targets: [fn(); 5] =
        [promql::queries, exposition::texts, exposition::protobuf, remote_write::version_1, remote_write::version_2];
    std::thread::scope(|scope| {
        let running = targets.map(|target| scope.spawn(target));
        let failed = running.into_iter().filter_map(|target| target.join().err()).count();
        assert_eq!(failed, 0, "targets failed; their inputs are above");
    });
}
