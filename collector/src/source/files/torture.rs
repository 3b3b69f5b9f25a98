//! Random rotation against random reading, with crashes: every line comes once, or lies in a gap that is told.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fs;

use orszem_model::Timestamp;

use super::tests::{Bench, wall};
use super::{Gap, GapReason, ROTATED_MAX};

/// xorshift64*: the same numbers for the same seed.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % sides
    }
}

/// How a writer's log is rotated.
#[derive(Clone, Copy, PartialEq)]
enum Rotation {
    Rename,
    CopyAndCut,
}

/// A log, its writer and its rotation.
struct Log {
    name: &'static str,
    rotation: Rotation,
    has_banner: bool,
    next: usize,
    /// When each line was written.
    written: BTreeMap<String, Timestamp>,
    /// The names of the generations, the youngest first.
    generations: VecDeque<String>,
    /// A copy was made that was not cut off yet.
    is_copied: bool,
    kept: usize,
    /// Generations that were removed.
    removed: usize,
}

const KEPT: usize = 12;
/// What is not opened is not kept from being removed.
const KEPT_WAITING: usize = 1_000;

impl Log {
    fn step(&mut self, bench: &Bench, dice: &mut Dice) {
        match dice.roll(10) {
            0..=6 => self.append(bench, dice),
            7 | 8 if self.next > 0 => self.rotate(bench, dice),
            _ => self.pack(bench, dice),
        }
    }

    fn append(&mut self, bench: &Bench, dice: &mut Dice) {
        if self.has_banner && !bench.path(self.name).is_file() {
            bench.append(self.name, &"-- a line that every generation begins with\n".repeat(30));
        }
        for _ in 0..=dice.roll(40) {
            let line = format!("{} {:06} {}", self.name, self.next, "x".repeat(dice.roll(60)));
            bench.append(self.name, &(line.clone() + "\n"));
            self.next += 1;
            self.written.insert(line, wall());
        }
    }

    /// Shifts the generations and makes the present file the youngest of them.
    fn rotate(&mut self, bench: &Bench, dice: &mut Dice) {
        if !bench.path(self.name).is_file() || fs::metadata(bench.path(self.name)).expect("there").len() == 0 {
            return;
        }
        if self.is_copied {
            bench.truncate(self.name);
            self.is_copied = false;
            return;
        }
        while self.generations.len() >= self.kept {
            let oldest = self.generations.pop_back().expect("there");
            fs::remove_file(bench.path(&oldest)).expect("removes");
            self.removed += 1;
        }
        for at in (0..self.generations.len()).rev() {
            let ending = if self.generations[at].ends_with(".gz") { ".gz" } else { "" };
            let shifted = format!("{}.{}{ending}", self.name, at + 2);
            bench.rename(&self.generations[at], &shifted);
            self.generations[at] = shifted;
        }
        let youngest = format!("{}.1", self.name);
        match self.rotation {
            Rotation::Rename => bench.rename(self.name, &youngest),
            Rotation::CopyAndCut => {
                bench.copy(self.name, &youngest);
                self.is_copied = true;
                if dice.roll(3) > 0 {
                    bench.truncate(self.name);
                    self.is_copied = false;
                }
            }
        }
        self.generations.push_front(youngest);
    }

    fn pack(&mut self, bench: &Bench, dice: &mut Dice) {
        let from = usize::from(dice.roll(3) > 0 || self.is_copied);
        if let Some(name) = self.generations.iter_mut().skip(from).find(|name| !name.ends_with(".gz")) {
            bench.gzip(name);
            name.push_str(".gz");
        }
    }
}

fn run(seed: u64) {
    let mut dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let mut bench = Bench::new();
    bench.options.rotated_max = [1, 3, ROTATED_MAX][dice.roll(3)];
    let kept = if bench.options.rotated_max < KEPT { KEPT_WAITING } else { KEPT };
    let log = |name, rotation, has_banner| Log {
        name,
        rotation,
        has_banner,
        next: 0,
        written: BTreeMap::new(),
        generations: VecDeque::new(),
        is_copied: false,
        kept,
        removed: 0,
    };
    let mut logs = [
        log("rename.log", Rotation::Rename, false),
        log("banner.log", Rotation::Rename, true),
        log("copy.log", Rotation::CopyAndCut, false),
    ];
    bench.watch();
    let mut is_down = false;
    let mut held = Vec::new();
    for _ in 0..120 {
        let (log, steps) = (dice.roll(logs.len()), dice.roll(3));
        for _ in 0..steps {
            logs[log].step(&bench, &mut dice);
        }
        bench.pass(dice.roll(30) as f64 / 10.0);
        bench.room = 1 + dice.roll(100);
        match dice.roll(12) {
            _ if is_down && dice.roll(2) == 0 => {}
            0 => {
                bench.crash();
                held.clear();
                is_down = true;
            }
            1..=3 => {
                is_down = false;
                bench.watch();
            }
            // The queue is full: the batch is held, and queued later.
            4 if held.is_empty() => {
                is_down = false;
                held = bench.read().0;
            }
            _ => {
                is_down = false;
                bench.watch();
                if held.is_empty() {
                    held = bench.read().0;
                }
                let batch = std::mem::take(&mut held);
                bench.save(batch);
            }
        }
    }
    bench.save(held);
    bench.room = usize::MAX;
    for _ in 0..30 {
        bench.pass(5.0);
        bench.watch();
        loop {
            let (batch, is_full) = bench.read();
            bench.save(batch);
            if !is_full {
                break;
            }
        }
    }
    check(seed, &bench, &logs);
}

fn check(seed: u64, bench: &Bench, logs: &[Log]) {
    let mut got: BTreeSet<&str> = BTreeSet::new();
    for record in bench.records.iter().filter(|record| !record.starts_with("--")) {
        assert!(got.insert(record), "seed {seed}: twice: {record}");
    }
    for log in logs {
        let gaps: Vec<&Gap> = bench.gaps.iter().filter(|gap| gap.path == bench.path(log.name)).collect();
        let missing: Vec<(&String, &Timestamp)> =
            log.written.iter().filter(|(line, _)| !got.contains(line.as_str())).collect();
        if log.rotation == Rotation::Rename {
            assert_eq!(missing, [], "seed {seed}: missing; gaps {gaps:?}");
            // Of a file that was removed while nobody looked, nobody knows whether it was written to before.
            let (gone, others): (Vec<&Gap>, Vec<&Gap>) = gaps.iter().partition(|gap| gap.reason == GapReason::Gone);
            assert_eq!(others, Vec::<&Gap>::new(), "seed {seed}");
            assert!(gone.len() <= log.removed, "seed {seed}: {} removed; {gone:?}", log.removed);
        }
        for (line, at) in &missing {
            assert!(
                gaps.iter().any(|gap| gap.from <= **at && **at <= gap.to),
                "seed {seed}: no gap has {line} {gaps:?}"
            );
        }
    }
    let renamed: Vec<&String> = bench.records.iter().filter(|record| record.starts_with("rename.log")).collect();
    let swapped = renamed.windows(2).find(|pair| pair[0] > pair[1]);
    assert_eq!(swapped, None, "seed {seed}: out of order");
}

#[test]
fn every_line_comes_once() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse().ok());
    let last = number("TORTURE_SEEDS").unwrap_or(200);
    for seed in number("TORTURE_SEED").map_or(1..=last, |seed| seed..=seed) {
        run(seed);
    }
}
