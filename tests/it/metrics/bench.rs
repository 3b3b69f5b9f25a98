//! `orszem bench metrics` at a small size: it runs beside its peers and without them, and prints every row.

use crate::program::orszem;
use crate::tools;

const SERIES: u64 = 200;

/// A small load.
struct Load {
    /// 15 s are between two samples.
    hours: &'static str,
    /// Of all series.
    samples: u64,
    /// Whether there are enough to measure what they take on the disk.
    is_settled: bool,
    /// Questions of the query set that it is enough for.
    questions: usize,
}

const HALF_AN_HOUR: Load = Load { hours: "0.5", samples: SERIES * 120, is_settled: true, questions: 12 };
const HALF_A_MINUTE: Load = Load { hours: "0.0084", samples: SERIES * 2, is_settled: false, questions: 7 };

/// Standard output of a benchmark that ends well, with `path` as where programs are looked for.
fn bench(path: &str, load: &Load) -> String {
    let series = SERIES.to_string();
    let mut command = orszem(&["bench", "metrics", "--repeat", "1", "--series", &series, "--hours", load.hours]);
    let output = command.env("PATH", path).output().expect("runs");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{errors}");
    String::from_utf8(output.stdout).expect("text")
}

/// All numbers of a row.
fn numbers(row: &str) -> Vec<f64> {
    let words = row.split([' ', ',', ':', ';']);
    words
        .filter(|word| word.starts_with(|char: char| char.is_ascii_digit()))
        .filter_map(|word| word.parse().ok())
        .collect()
}

/// Panics unless all rows of a system are there, with numbers that can be.
fn check(report: &str, name: &str, load: &Load) {
    let Load { hours: _, samples: all, is_settled, questions: asked } = *load;
    let rows: Vec<&str> = report.lines().filter_map(|line| line.strip_prefix(&format!("{name}: "))).collect();
    let row =
        |begin: &str| rows.iter().find(|row| row.starts_with(begin)).unwrap_or_else(|| panic!("{begin}:\n{report}"));
    for begin in [
        format!("{SERIES} new series in "),
        format!("{} samples of known series: ", all - SERIES),
        format!("{all} samples in "),
    ] {
        let numbers = numbers(row(&begin));
        assert!(numbers.len() >= 3 && numbers.iter().all(|number| *number >= 0.0), "{}", row(&begin));
    }
    let on_disk: Vec<_> = rows.iter().filter(|row| row.contains(" MB on disk for ")).map(|row| numbers(row)).collect();
    assert_eq!(on_disk.len(), usize::from(is_settled), "{report}");
    for numbers in on_disk {
        let [megabytes, samples, bytes] = numbers[..] else { panic!("{report}") };
        assert!(samples == all as f64 && megabytes > 0.0 && bytes > 0.01 && bytes < 1_000.0, "{report}");
    }
    let restarted = numbers(row("killed and restarted: ready in "));
    assert!(restarted.len() == 2 && restarted[0] <= restarted[1] && restarted[1] < 60.0, "{restarted:?}");
    let is_question = |line: &&str| line.strip_prefix(name).is_some_and(|rest| rest.starts_with(' '));
    let questions: Vec<&str> = report.lines().filter(is_question).collect();
    assert_eq!(questions.len(), asked, "{report}");
    for question in questions {
        let mut cells = question.split_whitespace().rev();
        let mut cell = || cells.next().and_then(|cell| cell.parse::<f64>().ok());
        assert!(cell() >= Some(0.0) && cell() > Some(0.0), "{question}");
    }
}

#[test]
fn metrics_are_measured_beside_prometheus_and_victoria_metrics() {
    let peers = ["prometheus", "victoria-metrics"];
    if peers.iter().any(|peer| tools::program(peer).is_none()) {
        return;
    }
    let path = std::env::var("PATH").expect("a path");
    let report = bench(&path, &HALF_AN_HOUR);
    for name in ["orszem", "prometheus", "victoria-metrics"] {
        check(&report, name, &HALF_AN_HOUR);
    }
}

#[test]
fn without_its_peers_the_benchmark_measures_this_program_and_says_so() {
    let nowhere = tempfile::tempdir().expect("a directory");
    let path = nowhere.path().to_str().expect("a plain path");
    let report = bench(path, &HALF_A_MINUTE);
    check(&report, "orszem", &HALF_A_MINUTE);
    for peer in ["prometheus", "victoria-metrics"] {
        let of_peer: Vec<&str> = report.lines().filter(|line| line.starts_with(peer)).collect();
        assert_eq!(of_peer, [format!("{peer}: not in PATH; Debian has a package of this name")]);
    }
}
