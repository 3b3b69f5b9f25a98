//! Configuration, good and bad.

use super::tree::{NOW_MS, Tree};
use crate::config::HostConfig;
use crate::family::{Family, Sink};
use crate::text::Text;

#[test]
fn the_default_is_right() {
    assert_eq!(HostConfig::default().validate(), []);
    assert_eq!(toml::from_str::<HostConfig>(""), Ok(HostConfig::default()));
}

#[test]
fn all_that_is_wrong_is_told() {
    let text = r#"
        collectors = ["cpu", "gpu"]
        collectors_exclude = ["tea"]
        disks_exclude = "("
        top_processes = 1000
        mount_timeout_ms = 0
        textfile_directory = "here"
        paths.procfs = "proc"
    "#;
    let config: HostConfig = toml::from_str(text).expect("toml");
    let wrong: Vec<_> = config
        .validate()
        .into_iter()
        .map(|wrong| format!("{} = {}: {}", wrong.key, wrong.value, wrong.wrong))
        .collect();
    let expected = [
        r#"collectors[1] = "gpu": is no collector"#,
        r#"collectors_exclude[0] = "tea": is no collector"#,
        r#"disks_exclude = "(": is no regular expression: unclosed group"#,
        "top_processes = 1000: is too many",
        "mount_timeout_ms = 0: is no usable patience",
        r#"paths.procfs = "proc": is not an absolute path"#,
        r#"textfile_directory = "here": is not an absolute path"#,
    ];
    assert_eq!(wrong, expected);
    assert!(toml::from_str::<HostConfig>("collector = []").is_err());
}

#[test]
fn collectors_are_turned_on_and_off() {
    let tree = Tree::new();
    let names = |text: &str| {
        let mut page = Text::default();
        tree.host_with(toml::from_str(text).expect("toml")).collect(NOW_MS, &mut page);
        let page = page.to_string();
        let lines = page.lines().filter_map(|line| line.strip_prefix("node_scrape_collector_success{collector=\""));
        lines.map(|line| line.split('"').next().unwrap_or_default().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(names(r#"collectors = ["stat", "loadavg"]"#), ["stat", "loadavg"]);
    assert_eq!(names("collectors = [\"stat\", \"loadavg\"]\ncollectors_exclude = [\"stat\"]"), ["loadavg"]);
    assert_eq!(names("").len(), crate::COLLECTORS.len());
}

#[test]
fn units_follow_from_names() {
    let unit = |name: &str| Family::gauge(name, "").unit();
    assert_eq!(unit("node_cpu_seconds_total"), "seconds");
    assert_eq!(unit("node_memory_MemFree_bytes"), "bytes");
    assert_eq!(unit("node_load1"), "");
    assert_eq!(unit("seconds"), "");
}

#[test]
fn text_format() {
    let mut text = Text::default();
    let (odd, sized) = (
        Family::unknown("odd", "a\\b\nc"),
        Family { kind: orszem_exposition::MetricType::Histogram, ..Family::gauge("sizes", "Sizes.") },
    );
    text.sample(&sized, "sizes_bucket", &[("le", "+Inf")], 3.0);
    text.sample(&odd, "odd", &[("a", "x\"y\\z\n")], f64::NEG_INFINITY);
    text.sample(&sized, "sizes_sum", &[], 1.5);
    text.sample(&odd, "odd", &[], f64::NAN);
    let expected = r#"# HELP odd a\\b\nc
# TYPE odd untyped
odd{a="x\"y\\z\n"} -Inf
odd NaN
# HELP sizes Sizes.
# TYPE sizes histogram
sizes_bucket{le="+Inf"} 3
sizes_sum 1.5
"#;
    assert_eq!(text.to_string(), expected);
}
