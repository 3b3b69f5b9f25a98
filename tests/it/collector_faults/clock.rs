//! A clock that is set forward and back while the collector runs (libfaketime).

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{Numbered, asked, wait, wait_exact};
use crate::collector::site::Site;
use crate::tools;

/// The library of Debian's package `libfaketime`.
fn faketime() -> Option<PathBuf> {
    let folders = fs::read_dir("/usr/lib").expect("lists").filter_map(Result::ok).map(|entry| entry.path());
    let found = folders.map(|folder| folder.join("faketime/libfaketimeMT.so.1")).find(|file| file.is_file());
    found.or_else(|| tools::skip("libfaketime"))
}

/// Sets the clock in one step, as a reader of the file sees either offset.
fn set_clock(file: &Path, offset: &str) {
    let beside = file.with_extension("new");
    fs::write(&beside, offset).expect("writes");
    fs::rename(beside, file).expect("renames");
}

#[test]
fn clock_steps_lose_and_double_nothing_and_nothing_stalls() {
    let Some(library) = faketime() else { return };
    let folder = tempfile::tempdir().expect("a directory");
    let mut site = Site::new(folder.path(), "");
    let clock = folder.path().join("clock");
    set_clock(&clock, "+0");
    let path = |path: &Path| path.to_str().expect("a plain path").to_owned();
    // As on a real host, only the time of day is set; the time since the start goes on.
    site.environment = [
        ("LD_PRELOAD", path(&library)),
        ("FAKETIME_TIMESTAMP_FILE", path(&clock)),
        ("FAKETIME_NO_CACHE", "1".to_owned()),
        ("FAKETIME_DONT_FAKE_MONOTONIC", "1".to_owned()),
        ("DONT_FAKE_MONOTONIC", "1".to_owned()),
        ("NO_FAKE_STAT", "1".to_owned()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .to_vec();
    let mut stamped = Numbered::new(&site, "c0");
    let mut timeless = Numbered::new(&site, "c1");
    timeless.time = "-".to_owned();
    [&mut stamped, &mut timeless].into_iter().for_each(|log| log.append(1, 100, false));
    site.start_collector();
    wait_exact(&site, &[&stamped, &timeless]);
    let steps = ["+0", "+5h", "-3h", "+30d", "-400d", "+1h", "+90s", "+0"];
    for step in 0..asked("ORSZEM_CLOCK_STEPS", 8) {
        let offset = steps[step as usize % steps.len()];
        set_clock(&clock, offset);
        // A server takes no stamp that is far in the future, and does not keep what is older than its retention.
        let is_near = ["+0", "-3h", "+90s"].contains(&offset);
        let logs = if is_near { vec![&mut stamped, &mut timeless] } else { vec![&mut stamped] };
        for log in logs {
            log.append(50, 100, false);
            log.rotate();
            log.append(50, 100, false);
        }
        let written = stamped.written + timeless.written;
        let begun = std::time::Instant::now();
        wait(&site, &format!("lines arrive with the clock at {offset}"), || {
            super::lines_at_server(&site, &[&stamped, &timeless]) >= written
        });
        let took = begun.elapsed();
        assert!(took < Duration::from_secs(15), "with the clock at {offset} it took {took:?}");
    }
    wait_exact(&site, &[&stamped]);
    // The times of these are the collector's own, so their order by time is not that of their arrival.
    let mut seqs = super::arrived(&site, &timeless);
    seqs.sort_unstable();
    assert_eq!(seqs, (0..timeless.written).collect::<Vec<_>>());
    assert_eq!(site.stop_collector(), Some(0));
}
