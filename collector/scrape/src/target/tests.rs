use orszem_transform::Wrong;

use super::*;
use crate::config::load_str;

fn job(yaml: &str) -> std::sync::Arc<Job> {
    let text = format!("scrape_configs:\n- {}", yaml.replace('\n', "\n  "));
    let loaded = load_str(&text, std::path::Path::new("/")).unwrap_or_else(|wrongs: Vec<Wrong>| panic!("{wrongs:?}"));
    std::sync::Arc::clone(&loaded.settings.jobs[0])
}

fn populate(yaml: &str, labels: &[(&str, &str)]) -> Result<Populated, TargetError> {
    let labels: Vec<_> = labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Target::populate(&labels, &job(yaml))
}

fn target(yaml: &str, labels: &[(&str, &str)]) -> Target {
    match populate(yaml, labels) {
        Ok(Populated::Target(target)) => target,
        other => panic!("{other:?}"),
    }
}

#[test]
fn defaults_are_filled_in_and_hidden_labels_are_not_for_series() {
    let target = target("job_name: j\nparams: {module: [a, b]}", &[(ADDRESS, "h:1"), ("__meta_x", "y"), ("env", "p")]);
    let mut all = vec![
        (ADDRESS, "h:1"),
        (METRICS_PATH, "/metrics"),
        ("__param_module", "a"),
        (SCHEME, "http"),
        (INTERVAL, "1m"),
        (TIMEOUT, "10s"),
        ("env", "p"),
        ("job", "j"),
    ];
    let discovered = Labels::new([all.clone(), vec![("__meta_x", "y")]].concat());
    assert_eq!(target.discovered, discovered);
    all.push(("instance", "h:1"));
    assert_eq!(target.all, Labels::new(all));
    assert_eq!(target.labels, Labels::from([("env", "p"), ("instance", "h:1"), ("job", "j")]));
    assert_eq!(target.url.to_string(), "http://h:1/metrics?module=a&module=b");
    assert_eq!((target.interval, target.timeout), (PromDuration::secs(60), PromDuration::secs(10)));
}

#[test]
fn relabelling_moves_a_target() {
    let yaml = "job_name: probe
params: {module: [icmp]}
relabel_configs:
- {source_labels: [__address__], target_label: __param_target}
- {source_labels: [__param_target], target_label: instance}
- {target_label: __address__, replacement: 'exporter:9115'}
- {target_label: __scheme__, replacement: https}
- {target_label: __metrics_path__, replacement: /probe}
- {target_label: __scrape_interval__, replacement: 5s}
- {target_label: __scrape_timeout__, replacement: 2s}
- {regex: __meta_(.+), action: labelmap}";
    let target = target(yaml, &[(ADDRESS, "db1"), ("__meta_rack", "r1"), ("job", "mine")]);
    assert_eq!(target.url.to_string(), "https://exporter:9115/probe?module=icmp&target=db1");
    assert_eq!(target.labels, Labels::from([("instance", "db1"), ("job", "mine"), ("rack", "r1")]));
    assert_eq!((target.interval, target.timeout), (PromDuration::secs(5), PromDuration::secs(2)));
}

#[test]
fn what_can_not_be_scraped_is_refused() {
    let relabelled = |label: &str, value: &str| {
        let yaml = format!("job_name: j\nrelabel_configs:\n- {{target_label: {label}, replacement: '{value}'}}");
        populate(&yaml, &[(ADDRESS, "h:1")]).map_err(|error| error.to_string())
    };
    let told = |label: &str, value: &str| relabelled(label, value).expect_err("refused");
    assert_eq!(told(ADDRESS, ""), "no address");
    assert_eq!(told(ADDRESS, "http://h"), "\"http://h\" is not a valid hostname");
    assert_eq!(told(SCHEME, "ftp"), "the URL of h:1");
    assert_eq!(told(INTERVAL, "5"), "__scrape_interval__ \"5\"");
    assert_eq!(told(TIMEOUT, "0s"), "scrape timeout cannot be 0");
    let longer = "scrape timeout cannot be greater than scrape interval (2m > 1m)";
    assert_eq!(told(TIMEOUT, "2m"), longer);
    let dropped = populate("job_name: j\nrelabel_configs:\n- {action: drop, regex: ''}", &[(ADDRESS, "h:1")]);
    assert!(matches!(dropped, Ok(Populated::Dropped(labels)) if labels.get(ADDRESS) == Some("h:1")));
}

#[test]
fn turns_are_at_fixed_times_spread_over_the_interval() {
    let interval = PromDuration::secs(60).duration().as_nanos();
    let mut turns: Vec<u128> = (0..20)
        .map(|at| {
            let target = target("job_name: j", &[(ADDRESS, &format!("h{at}:1"))]);
            let turn = |now: u128| (now + target.offset(now, 7).as_nanos()) % interval;
            let first = turn(1_700_000_000_000_000_123);
            assert!((0..9).all(|later| turn(1_700_000_000_000_000_123 + later * 7_777_777_777) == first));
            first
        })
        .collect();
    turns.sort_unstable();
    turns.dedup();
    assert_eq!(turns.len(), 20);
    assert!(turns[0] < interval / 3 && turns[19] > interval * 2 / 3, "{turns:?}");
}
