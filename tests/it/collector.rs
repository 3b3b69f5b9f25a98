//! The collector as a process of its own: every written line arrives exactly once, whatever happens in between.

pub(crate) mod site;
mod verify;
mod writers;

use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::torture::client::{export, request};
use crate::torture::random::{Random, seed};
use site::Site;
use verify::{Gap, differences, gaps, missing};
use writers::{Program, pause};

/// How long the last lines may take to arrive.
const SETTLE_WITHIN: Duration = Duration::from_secs(120);

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

fn search(site: &Site, query: &str) -> Value {
    let query = query.replace(':', "%3A").replace(' ', "%20");
    let target = format!("GET /app/v1/search?limit=5000&timeout=5m&q={query}");
    let answer = request(site.address(), &target, "", "").expect("answers");
    assert_eq!(answer.status, 200, "{}", answer.body);
    serde_json::from_str(&answer.body).expect("JSON")
}

fn told_gaps(site: &Site) -> Vec<Gap> {
    gaps(&search(site, "service:orszem-collector event.name:collector.gap"))
}

/// Waits until nothing is missing that is not told of, and compares.
fn settle(site: &Site, programs: &[Program]) -> Vec<String> {
    let begun = Instant::now();
    loop {
        let wrong = differences(programs, &export(site.address()), &told_gaps(site));
        if wrong.is_empty() || begun.elapsed() > SETTLE_WITHIN {
            return wrong;
        }
        pause(1_000);
    }
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
    thread::scope(|scope| {
        for program in &programs {
            let (writing, rotating) = (Random::new(random.next()), Random::new(random.next()));
            let is_over = &is_over;
            scope.spawn(move || program.write(is_over, writing, 80));
            scope.spawn(move || program.rotate(is_over, rotating, 400));
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
    let wrong = settle(&site, &programs);
    let written: usize = programs.iter().map(|program| program.written().len()).sum();
    let missing = missing(&programs, &export(site.address()));
    eprintln!("{written} lines, {} gaps told, {missing} lines in them", told_gaps(&site).len());
    let kept = folder.keep();
    assert!(wrong.is_empty(), "{}; everything is kept in {}", wrong.join("\n"), kept.display());
    fs::remove_dir_all(kept).expect("removes");
}
