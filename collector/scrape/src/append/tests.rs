use orszem_model::is_stale;

use super::*;
use crate::config::load_str;
use crate::target::Populated;

const NOW: i64 = 1_700_000_000_000;

fn appender(job: &str) -> Appender {
    let text = format!("scrape_configs: [{{job_name: j, static_configs: [], {job}}}]");
    let loaded = load_str(&text, std::path::Path::new("/")).expect("loads");
    let job = Arc::clone(&loaded.settings.jobs[0]);
    let labels = [("__address__", "h:1"), ("env", "prod")].map(|(name, value)| (name.to_owned(), value.to_owned()));
    let Ok(Populated::Target(target)) = Target::populate(&labels, &job) else { panic!("no target") };
    Appender::new(job, &target, &Labels::from([("site", "bud"), ("env", "ignored")]), Vec::new())
}

/// The samples as text: metric and labels but those of the target, time after [`NOW`], value.
fn shown(scraped: &Scraped) -> Vec<String> {
    let samples = scraped.samples.iter().map(|(labels, time, value)| {
        let own = labels.without(|name| ["job", "instance", "env", "site"].contains(&name));
        let pairs: Vec<_> = own.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let value = if is_stale(*value) { "stale".to_owned() } else { value.to_string() };
        format!("{} @{} {value}", pairs.join(","), time - NOW)
    });
    samples.collect()
}

fn scrape(appender: &mut Appender, body: &str, after: i64) -> (Vec<String>, Counts, Option<String>) {
    let mut out = Scraped::default();
    let (counts, result) = appender.append(body.as_bytes(), Format::Text, NOW + after, &mut out);
    (shown(&out), counts, result.err().map(|error| error.to_string()))
}

fn counts(scraped: u64, kept: u64, new_series: u64) -> Counts {
    Counts { scraped, kept, new_series, ..Counts::default() }
}

#[test]
fn series_have_the_targets_labels_and_end_when_they_are_gone() {
    let mut appender = appender("");
    let mut out = Scraped::default();
    let (_, result) = appender.append(b"a{x=\"1\"} 1\nb 2\n", Format::Text, NOW, &mut out);
    assert!(result.is_ok());
    let labels = |pairs: &[(&str, &str)]| {
        let of_target = [("env", "prod"), ("instance", "h:1"), ("job", "j"), ("site", "bud")];
        Labels::new([pairs, &of_target].concat())
    };
    let first = labels(&[("__name__", "a"), ("x", "1")]);
    assert_eq!(out.samples, [(first.clone(), NOW, 1.0), (labels(&[("__name__", "b")]), NOW, 2.0)]);
    let mut again = Scraped::default();
    let (counted, _) = appender.append(b"a{x=\"1\"} 3\n", Format::Text, NOW + 5, &mut again);
    // The labels are the very same, not made again.
    assert!(std::ptr::eq(again.samples[0].0.identity(), out.samples[0].0.identity()));
    assert_eq!(shown(&again), ["__name__=a,x=1 @5 3", "__name__=b @5 stale"]);
    assert_eq!(counted, counts(1, 1, 0));
    let told = scrape(&mut appender, "b 4\n", 10);
    assert_eq!(told, (vec!["__name__=b @10 4".into(), "__name__=a,x=1 @10 stale".into()], counts(1, 1, 1), None));
    assert_eq!(scrape(&mut appender, "", 15), (vec!["__name__=b @15 stale".into()], counts(0, 0, 0), None));
    assert_eq!(scrape(&mut appender, "", 20), (vec![], counts(0, 0, 0), None));
}

#[test]
fn a_body_that_breaks_ends_all_series() {
    let mut appender = appender("");
    scrape(&mut appender, "a 1\nb 1\n", 0);
    let (samples, _, error) = scrape(&mut appender, "a 2\n7&-\n", 5);
    assert_eq!(samples, ["__name__=a @5 stale", "__name__=b @5 stale"]);
    assert!(error.is_some_and(|error| error.starts_with("line 2:")));
    // What is known of them stays, so they are not new when they are back.
    let back = scrape(&mut appender, "a 3\nb 3\nc 3\n", 10);
    let expected = ["__name__=a @10 3", "__name__=b @10 3", "__name__=c @10 3"].map(str::to_owned).to_vec();
    assert_eq!(back, (expected, counts(3, 3, 1), None));
    let mut out = Scraped::default();
    appender.fail(NOW + 15, &mut out);
    assert_eq!(shown(&out), ["__name__=a @15 stale", "__name__=b @15 stale", "__name__=c @15 stale"]);
    out.clear();
    appender.fail(NOW + 20, &mut out);
    assert!(out.is_empty());
}

#[test]
fn labels_that_collide_are_exported_or_honoured() {
    let body = "a{job=\"own\",exported_job=\"x\",env=\"\",instance=\"i\"} 1\n";
    for (honors, expected) in [
        (
            "honor_labels: false",
            [
                ("__name__", "a"),
                ("env", "prod"),
                ("exported_exported_job", "own"),
                ("exported_instance", "i"),
                ("exported_job", "x"),
                ("instance", "h:1"),
                ("job", "j"),
                ("site", "bud"),
            ]
            .as_slice(),
        ),
        (
            "honor_labels: true",
            // An empty label says that the target's is not to be added; the external one is, as on remote write.
            &[
                ("__name__", "a"),
                ("env", "ignored"),
                ("exported_job", "x"),
                ("instance", "i"),
                ("job", "own"),
                ("site", "bud"),
            ],
        ),
    ] {
        let mut out = Scraped::default();
        let (_, result) = appender(honors).append(body.as_bytes(), Format::Text, NOW, &mut out);
        assert!(result.is_ok());
        assert_eq!(out.samples, [(Labels::new(expected.to_vec()), NOW, 1.0)], "{honors}");
    }
}

#[test]
fn metrics_are_relabelled_and_dropped_ones_counted() {
    let job = "metric_relabel_configs: [{source_labels: [__name__], regex: 'go_.*', action: drop}, \
               {regex: x, action: labeldrop}]";
    let mut appender = appender(job);
    for (after, new) in [(0, 1), (5, 0)] {
        let (samples, counted, error) = scrape(&mut appender, "go_a 1\na{x=\"1\"} 1\na{x=\"2\"} 2\n", after);
        // The first of two that become the same series stays.
        assert_eq!(samples, [format!("__name__=a @{after} 1")]);
        assert_eq!(counted, Counts { duplicates: 1, ..counts(3, 2, 2 * new) });
        assert_eq!(error, None);
    }
    let unnamed = "metric_relabel_configs: [{regex: __name__, action: labeldrop}]";
    let (_, _, error) = scrape(&mut self::appender(unnamed), "a 1\n", 0);
    assert_eq!(error.as_deref(), Some("missing metric name (__name__ label)"));
}

#[test]
fn times_of_the_targets_own_are_honoured_within_bounds() {
    let body = format!("a 1 {}\na 2 {}\na 3 {}\nb 1\nb 2\n", NOW - 7, NOW - 7, NOW + 600_001);
    let mut honouring = appender("");
    let (samples, counted, _) = scrape(&mut honouring, &body, 0);
    assert_eq!(samples, ["__name__=a @-7 1", "__name__=b @0 1"]);
    assert_eq!(counted, Counts { duplicates: 2, out_of_bounds: 1, ..counts(5, 5, 2) });
    // A series with times of its own just ends.
    assert_eq!(scrape(&mut honouring, "b 2\n", 5).0, ["__name__=b @5 2"]);
    let mut tracking = appender("track_timestamps_staleness: true");
    scrape(&mut tracking, &body, 0);
    assert_eq!(scrape(&mut tracking, "b 2\n", 5).0, ["__name__=b @5 2", "__name__=a @5 stale"]);
    let (samples, _, _) = scrape(&mut appender("honor_timestamps: false"), &body, 0);
    assert_eq!(samples, ["__name__=a @0 1", "__name__=b @0 1"]);
}

#[test]
fn limits_fail_the_whole_scrape() {
    let mut limited = appender("sample_limit: 2");
    assert_eq!(scrape(&mut limited, "a 1\nb 1\n", 0).2, None);
    let over = scrape(&mut limited, "a 1\nb 1\nc 1\nd 1\n", 5);
    let ended = vec!["__name__=a @5 stale".to_owned(), "__name__=b @5 stale".to_owned()];
    assert_eq!(over, (ended, counts(4, 4, 0), Some("sample limit exceeded".to_owned())));
    let told = |job: &str, body: &str| scrape(&mut appender(job), body, 0).2;
    assert_eq!(told("label_limit: 6", "abc{x=\"1\"} 1\n"), None);
    let expected = "label_limit exceeded (metric: abc, number of labels: 5, limit: 4)";
    assert_eq!(told("label_limit: 4", "abc{x=\"1\"} 1\n").as_deref(), Some(expected));
    let expected = "label_name_length_limit exceeded (metric: abc, label name: xxxxxxxxx, length: 9, limit: 8)";
    assert_eq!(told("label_name_length_limit: 8", "abc{xxxxxxxxx=\"1\"} 1\n").as_deref(), Some(expected));
    let expected = "label_value_length_limit exceeded (metric: abc, label name: x, value: 12345, length: 5, limit: 4)";
    assert_eq!(told("label_value_length_limit: 4", "abc{x=\"12345\"} 1\n").as_deref(), Some(expected));
    let utf8 = "{\"a.b\",x=\"1\"} 1\n";
    assert_eq!(told("", utf8), None);
    let legacy = told("metric_name_validation_scheme: legacy", utf8);
    assert!(
        legacy.is_some_and(|error| error.starts_with("invalid metric name or label names: {\"__name__\": \"a.b\""))
    );
    assert_eq!(told("", "a{x=\"1\",x=\"2\"} 1\n").as_deref(), Some("label name \"x\" is not unique"));
}

#[test]
fn exemplars_and_metadata_are_handed_on_once() {
    let mut appender = appender("");
    let body = |value: u32, trace: &str, help: &str| {
        let line = format!("a_total {value} # {{trace_id=\"{trace}\"}} 0.5\n");
        format!("# TYPE a counter\n# HELP a {help}\n{line}# EOF\n")
    };
    let mut scrape = |body: String, after: i64| {
        let mut out = Scraped::default();
        let (_, result) = appender.append(body.as_bytes(), Format::OpenMetrics, NOW + after, &mut out);
        assert!(result.is_ok(), "{result:?}");
        let exemplars = out.exemplars.iter().map(|(labels, exemplar)| {
            let trace = exemplar.labels.get("trace_id").unwrap_or_default().to_owned();
            (labels.get("__name__").unwrap_or_default().to_owned(), trace, exemplar.time)
        });
        (
            exemplars.collect::<Vec<_>>(),
            out.metadata.iter().map(|m| (m.family.to_string(), m.kind, m.help.to_string())).collect::<Vec<_>>(),
        )
    };
    let one = |trace: &str, time: i64| vec![("a_total".to_owned(), trace.to_owned(), Some(time))];
    let family = |help: &str| vec![("a".to_owned(), orszem_exposition::MetricType::Counter, help.to_owned())];
    assert_eq!(scrape(body(1, "t1", "one"), 0), (one("t1", NOW), family("one")));
    assert_eq!(scrape(body(2, "t1", "one"), 5), (vec![], vec![]));
    assert_eq!(scrape(body(3, "t2", "two"), 10), (one("t2", NOW + 10), family("two")));
    assert_eq!(appender.take_metadata().map(|list| list.len()), Some(1));
    assert_eq!(appender.take_metadata(), None);
}

#[test]
fn a_loop_ends_what_the_one_before_it_left_open() {
    let mut first = appender("");
    scrape(&mut first, "a 1\nb 1\n", 0);
    first.report(
        &Report { is_up: true, seconds: 0.5, counts: counts(2, 2, 2), body_bytes: 8.0 },
        NOW,
        &mut Scraped::default(),
    );
    let live = first.into_live();
    assert_eq!(live.len(), 2 + 5);
    let mut second = appender("");
    second.inherited = live;
    assert_eq!(scrape(&mut second, "a 2\nc 2\n", 5).0, ["__name__=a @5 2", "__name__=c @5 2", "__name__=b @5 stale"]);
    assert_eq!(scrape(&mut second, "a 3\nc 3\n", 10).0, ["__name__=a @10 3", "__name__=c @10 3"]);
}

#[test]
fn scrapes_report_on_themselves() {
    let report = Report { is_up: true, seconds: 0.25, counts: counts(5, 4, 3), body_bytes: 99.0 };
    let mut out = Scraped::default();
    appender("extra_scrape_metrics: true, sample_limit: 7").report(&report, NOW, &mut out);
    let expected = [
        "__name__=up @0 1",
        "__name__=scrape_duration_seconds @0 0.25",
        "__name__=scrape_samples_scraped @0 5",
        "__name__=scrape_samples_post_metric_relabeling @0 4",
        "__name__=scrape_series_added @0 3",
        "__name__=scrape_timeout_seconds @0 10",
        "__name__=scrape_sample_limit @0 7",
        "__name__=scrape_body_size_bytes @0 99",
    ];
    assert_eq!(shown(&out), expected);
    let labels = [("__name__", "up"), ("env", "prod"), ("instance", "h:1"), ("job", "j"), ("site", "bud")];
    assert_eq!(out.samples[0].0, Labels::from(labels));
    let mut plain = Scraped::default();
    appender("").report(&Report { is_up: false, ..report }, NOW, &mut plain);
    assert_eq!((plain.samples.len(), plain.samples[0].2), (5, 0.0));
}

/// A length-delimited field of a protobuf message.
fn field(number: u8, content: &[u8]) -> Vec<u8> {
    [&[number << 3 | 2, content.len() as u8], content].concat()
}

/// A histogram with the buckets 2 and 3 above 0, classic and native, exposed as protobuf.
fn native() -> Vec<u8> {
    let double = |number: u8, value: f64| [&[number << 3 | 1], value.to_le_bytes().as_slice()].concat();
    let classic = [&[1 << 3, 5], double(2, 4.0).as_slice()].concat();
    let parts: [&[u8]; 7] = [
        // sample_count 5, sample_sum 7.5, one classic bucket; schema 0, zero_threshold, a span of two, deltas 2 and 1.
        &[1 << 3, 5],
        &double(2, 7.5),
        &field(3, &classic),
        &[5 << 3, 0],
        &double(6, 0.001),
        &field(12, &[1 << 3, 0, 2 << 3, 2]),
        &[13 << 3, 4, 13 << 3, 2],
    ];
    let metric = field(4, &field(7, &parts.concat()));
    let family = [field(1, b"h"), vec![3 << 3, 4], metric].concat();
    [vec![family.len() as u8], family].concat()
}

#[test]
fn native_histograms_are_handed_on_where_they_are_asked_for() {
    let scrape = |appender: &mut Appender, body: &[u8], after: i64| {
        let mut out = Scraped::default();
        let (counts, result) = appender.append(body, Format::Protobuf, NOW + after, &mut out);
        assert!(result.is_ok(), "{result:?}");
        (out, counts)
    };
    let mut asking = appender("scrape_native_histograms: true");
    let (out, counted) = scrape(&mut asking, &native(), 0);
    assert_eq!((out.samples.len(), out.histograms.len(), counted), (0, 1, counts(1, 1, 1)));
    let (labels, time, histogram) = &out.histograms[0];
    assert_eq!((labels.get("__name__"), *time), (Some("h"), NOW));
    assert_eq!((histogram.count, histogram.sum, histogram.schema), (5.0, 7.5, 0));
    assert_eq!(histogram.positive.counts, [2.0, 3.0]);
    assert_eq!(shown(&scrape(&mut asking, b"", 5).0), ["__name__=h @5 stale"]);
    let classic = [
        "__name__=h_bucket,le=4.0 @0 5",
        "__name__=h_bucket,le=+Inf @0 5",
        "__name__=h_count @0 5",
        "__name__=h_sum @0 7.5",
    ];
    for (job, histograms) in [("", 0), ("scrape_native_histograms: true, always_scrape_classic_histograms: true", 1)] {
        let (out, _) = scrape(&mut appender(job), &native(), 0);
        let mut samples = shown(&out);
        samples.sort_by_key(|sample| classic.iter().position(|known| known == sample));
        assert_eq!(samples, classic, "{job}");
        assert_eq!(out.histograms.len(), histograms);
    }
}
