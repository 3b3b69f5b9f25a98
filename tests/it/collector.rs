//! The collector as a process of its own: every written line arrives exactly once, whatever happens in between.

pub(crate) mod site;
mod verify;
mod writers;

use std::fs;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::torture::client::{count_of, export, rows};
use crate::torture::random::{Random, seed};
use site::Site;
use verify::{Gap, differences, gaps, missing, newest};
use writers::{Program, Rotation, pause};

/// How long the last lines may take to arrive, and how long none may come until they are taken for lost.
const SETTLE_WITHIN: Duration = Duration::from_secs(1_200);
const QUIET: Duration = Duration::from_secs(20);

/// The longest pause of a program between two writes: few write much, many not much more, so that there is time left to
/// compare every line.
fn rest_ms(programs: u64) -> u64 {
    (programs * 12).saturating_sub(160).max(80)
}

/// How hard it is made.
struct Torture {
    seconds: u64,
    programs: u64,
    kills: u64,
}

impl Torture {
    /// A minute where everything is required, more where it is asked for.
    fn asked() -> Self {
        let number = |name: &str, otherwise: u64| {
            std::env::var(name).ok().map_or(otherwise, |text| text.parse().expect("is a number"))
        };
        let is_ci = std::env::var_os("CI").is_some_and(|value| !value.is_empty());
        let seconds = number("ORSZEM_COLLECTOR_TORTURE_SECONDS", if is_ci { 60 } else { 15 });
        let programs = number("ORSZEM_COLLECTOR_TORTURE_WRITERS", 20);
        Self { seconds, programs, kills: number("ORSZEM_COLLECTOR_TORTURE_KILLS", seconds.div_ceil(6)) }
    }
}

fn told_gaps(site: &Site) -> Vec<Gap> {
    gaps(&rows(site.address(), "service%3Aorszem-collector%20event.name%3Acollector.gap"))
}

/// Waits until everything has arrived, or nothing more does, and compares.
fn settle(site: &Site, programs: &[Program]) -> (Vec<String>, Vec<String>) {
    let begun = Instant::now();
    let written: usize = programs.iter().map(|program| program.written().len()).sum();
    let (mut most, mut since) = (0, Instant::now());
    while since.elapsed() < QUIET && begun.elapsed() < SETTLE_WITHIN {
        let count = count_of(site.address(), "INFO");
        if count > most {
            (most, since) = (count, Instant::now());
        }
        if most >= written as u64 {
            break;
        }
        pause(1_000);
    }
    let bodies = export(site.address());
    (differences(programs, &bodies, &told_gaps(site)), bodies)
}

/// Learns again and again up to where the server has the lines of each program.
fn follow_stored(address: SocketAddr, programs: &[Program], is_over: &AtomicBool) {
    while !is_over.load(Ordering::Acquire) {
        for program in programs.iter().filter(|program| program.rotation != Rotation::None) {
            if let Some(seq) = newest(address, program.number) {
                program.stored.fetch_max(seq, Ordering::Relaxed);
            }
            pause(20);
        }
    }
}

/// The usual time between two rotations of a program: together they rotate a file every 20 ms, as each rotation starts a
/// process that compresses.
fn rotate_ms(programs: u64) -> u64 {
    (programs * 20).max(400)
}

#[test]
fn torture_every_line_exactly_once() {
    let Torture { seconds, programs, kills } = Torture::asked();
    let seed = seed();
    eprintln!("{seconds} s, {programs} programs, {kills} kills; to repeat: ORSZEM_TORTURE_SEED={seed}");
    let folder = tempfile::tempdir().expect("a directory");
    let mut site = Site::new(folder.path(), "");
    let programs: Vec<Program> = (0..programs).map(|number| Program::new(&folder.path().join("log"), number)).collect();
    let is_over = AtomicBool::new(false);
    let mut random = Random::new(seed);
    let (rest_ms, rotate_ms) = (rest_ms(programs.len() as u64), rotate_ms(programs.len() as u64));
    let address = site.address();
    thread::scope(|scope| {
        let (all, is_over) = (&programs, &is_over);
        scope.spawn(move || follow_stored(address, all, is_over));
        for program in &programs {
            let (writing, rotating) = (Random::new(random.next()), Random::new(random.next()));
            scope.spawn(move || program.write(is_over, writing, rest_ms));
            scope.spawn(move || program.rotate(is_over, rotating, rotate_ms));
        }
        site.start_collector();
        for kill in 0..kills {
            pause(seconds * 1_000 / (kills + 1));
            match kill % 3 {
                0 => {
                    site.kill_collector();
                    pause(random.below(1_500));
                    site.start_collector();
                }
                1 => {
                    site.kill_server();
                    pause(random.below(1_500));
                    site.start_server();
                }
                _ => {
                    site.kill_server();
                    site.kill_collector();
                    pause(random.below(1_000));
                    site.start_collector();
                    site.start_server();
                }
            }
        }
        pause(seconds * 1_000 / (kills + 1));
        is_over.store(true, Ordering::Release);
    });
    let (wrong, bodies) = settle(&site, &programs);
    let written: usize = programs.iter().map(|program| program.written().len()).sum();
    let missing = missing(&programs, &bodies);
    eprintln!("{written} lines, {} gaps told, {missing} lines in them", told_gaps(&site).len());
    let kept = folder.keep();
    assert!(wrong.is_empty(), "{}; everything is kept in {}", wrong.join("\n"), kept.display());
    fs::remove_dir_all(kept).expect("removes");
}
