//! What is found and followed, and what is told of the rest.

use std::os::unix::fs::{PermissionsExt, symlink};

use super::*;

#[test]
fn what_was_there_before_the_first_start() {
    let mut bench = Bench::new();
    bench.options.groups[0].include.push(format!("{}/old/*.gz", bench.dir.path().display()));
    fs::create_dir(bench.path("old")).expect("mkdir");
    bench.append("a.log.1", &text("a", 0..10));
    bench.append("a.log.2", &text("a", 20..30));
    bench.gzip("a.log.2");
    bench.append("a.log", &text("a", 30..40));
    bench.append("old/whole", &text("old", 0..5));
    bench.gzip("old/whole");
    let mut got = bench.settle();
    got.sort();
    assert_eq!(got, [lines("a", 30..40), lines("old", 0..5)].concat());
    bench.rename("a.log.2.gz", "a.log.3.gz");
    bench.rename("a.log.1", "a.log.2");
    bench.gzip("a.log.2");
    bench.rename("old/whole.gz", "old/other.gz");
    assert_eq!(bench.crash_and_settle(), Vec::<String>::new());

    let mut bench = Bench::new();
    bench.options.from = StartAt::End;
    bench.append("a.log", &(text("a", 0..10) + "par"));
    assert_eq!(bench.settle(), Vec::<String>::new());
    bench.append("a.log", "tial\n");
    bench.append("b.log", &text("b", 0..3));
    let mut got = bench.settle();
    got.sort();
    assert_eq!(got, [lines("b", 0..3), vec!["partial".to_owned()]].concat());

    let mut bench = Bench::new();
    bench.options.first_read_bytes_max = 100;
    bench.append("a.log", &text("a", 0..10));
    assert_eq!(bench.settle(), lines("a", 8..10));
}

#[test]
fn links_binaries_and_files_that_cannot_be_read() {
    let mut bench = Bench::new();
    bench.append("a.log", &text("a", 0..3));
    symlink(bench.path("a.log"), bench.path("b.log")).expect("links");
    fs::hard_link(bench.path("a.log"), bench.path("c.log")).expect("links");
    fs::write(bench.path("d.log"), b"ELF\0\0\0\n").expect("writes");
    symlink(bench.path("nowhere"), bench.path("e.log")).expect("links");
    bench.append("real", &text("r", 0..3));
    symlink(bench.path("real"), bench.path("f.log")).expect("links");
    let mut got = bench.settle();
    got.sort();
    assert_eq!(got, [lines("a", 0..3), lines("r", 0..3)].concat());
    let name = |status: &FileStatus| status.path.file_name().map(|n| n.to_string_lossy().into_owned());
    let states: Vec<_> = bench.source().statuses().iter().map(|s| (name(s), s.state == FileState::Following)).collect();
    assert_eq!(states, [(Some("a.log".into()), true), (Some("e.log".into()), false), (Some("f.log".into()), true)]);
    // A link that points elsewhere is a rotation.
    bench.append("real2", &text("r", 3..6));
    fs::remove_file(bench.path("f.log")).expect("removes");
    symlink(bench.path("real2"), bench.path("f.log")).expect("links");
    bench.append("real", &text("late", 0..1));
    let got = bench.settle();
    assert_eq!(got, [lines("late", 0..1), lines("r", 3..6)].concat());
}

#[test]
fn more_files_than_allowed_are_told() {
    let mut bench = Bench::new();
    bench.options.files_max = 2;
    for name in ["a.log", "b.log", "c.log"] {
        bench.append(name, &text(name, 0..1));
    }
    assert_eq!(bench.settle(), [lines("a.log", 0..1), lines("b.log", 0..1)].concat());
    let told: Vec<_> = bench.source().statuses().into_iter().filter(|s| s.state != FileState::Following).collect();
    assert_eq!((told.len(), &told[0].path), (1, &bench.path("c.log")));
    fs::remove_file(bench.path("a.log")).expect("removes");
    bench.settle();
    bench.drain(61.0);
    bench.drain(61.0);
    assert_eq!(bench.settle(), lines("c.log", 0..1));
}

#[test]
fn an_unreadable_directory_is_told() {
    let mut bench = Bench::new();
    bench.options.groups[0].include = vec![format!("{}/**", bench.dir.path().display())];
    fs::create_dir(bench.path("closed")).expect("mkdir");
    fs::set_permissions(bench.path("closed"), fs::Permissions::from_mode(0o000)).expect("closes");
    let is_closed = fs::read_dir(bench.path("closed")).is_err();
    bench.settle();
    let told: Vec<_> = bench.source().statuses().into_iter().map(|s| s.path).collect();
    assert_eq!(told, if is_closed { vec![bench.path("closed")] } else { Vec::new() });
    fs::set_permissions(bench.path("closed"), fs::Permissions::from_mode(0o700)).expect("opens");
}
