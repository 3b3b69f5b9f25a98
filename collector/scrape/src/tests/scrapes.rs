//! What comes out of scrapes: samples, ends, failures, reloads.

use std::time::Duration;

use http::StatusCode;
use orszem_model::Labels;

use super::server::{Page, Server};
use super::steps::{Run, ended, is_down, is_up, job, settings, value};
use crate::{Health, Options};

const REPORTS: [&str; 5] = [
    "scrape_duration_seconds",
    "scrape_samples_post_metric_relabeling",
    "scrape_samples_scraped",
    "scrape_series_added",
    "up",
];

#[tokio::test]
async fn a_target_is_scraped_goes_down_and_comes_back() {
    let server = Server::start("# TYPE a gauge\na 1\nb 2\n").await;
    let options = Options { labels: Labels::from([("host", "n1")]), ..Options::default() };
    let mut run = Run::start_with(&job(server.address, ""), options);
    let first = run.next().await;
    assert_eq!((value(&first, "a"), value(&first, "up")), (Some(1.0), Some(1.0)));
    assert_eq!((value(&first, "scrape_samples_scraped"), value(&first, "scrape_series_added")), (Some(2.0), Some(2.0)));
    let instance = server.address.to_string();
    let labels = [("__name__", "a"), ("host", "n1"), ("instance", instance.as_str()), ("job", "j")];
    assert_eq!(first.samples[0].0, Labels::from(labels));
    assert_eq!(first.metadata.len(), 1);
    let second = run.next().await;
    assert_eq!((value(&second, "scrape_series_added"), second.metadata.len()), (Some(0.0), 0));
    let targets = run.scraper.targets();
    let status = &targets.active[0];
    assert_eq!((status.health, status.last_error.as_str(), &*status.pool), (Health::Up, "", "j"));
    assert_eq!(status.url, format!("http://{instance}/metrics"));
    assert_eq!(status.labels, Labels::from([("instance", instance.as_str()), ("job", "j")]));
    assert_eq!(status.discovered_labels.get("__address__"), Some(instance.as_str()));
    assert_eq!(&*status.metadata[0].family, "a");

    server.set(Page::text("a 3\n"));
    assert_eq!(ended(&run.until(|scraped| value(scraped, "a") == Some(3.0)).await), ["b"]);
    server.set(Page::status(StatusCode::NOT_FOUND));
    let down = run.until(is_down).await;
    assert_eq!((ended(&down), value(&down, "scrape_samples_scraped")), (vec!["a"], Some(0.0)));
    assert_eq!(ended(&run.next().await), Vec::<&str>::new());
    let status = &run.scraper.targets().active[0];
    let told = format!("Get \"http://{instance}/metrics\": server returned HTTP status 404 Not Found");
    assert_eq!((status.health, &status.last_error), (Health::Down, &told));
    server.set(Page::text("a 4\n"));
    assert_eq!(value(&run.until(is_up).await, "a"), Some(4.0));
    let counts = run.scraper.counts();
    assert!(counts.scrapes > counts.failed_scrapes && counts.failed_scrapes >= 2, "{counts:?}");
    let rest = run.stop().await;
    let last = rest.last().expect("an end");
    assert_eq!(ended(last), [&["a"], REPORTS.as_slice()].concat());
}

#[tokio::test]
async fn what_takes_too_long_or_is_too_long_or_of_no_known_type_fails() {
    let server = Server::start("a 1\n").await;
    let mut run = Run::start(&job(server.address, "body_size_limit: 20B\nextra_scrape_metrics: true"));
    assert_eq!(value(&run.next().await, "scrape_body_size_bytes"), Some(4.0));
    let error = |run: &Run| run.scraper.targets().active[0].last_error.clone();
    server.set(Page { delay: Duration::from_secs(60), ..Page::text("a 1\n") });
    assert_eq!(ended(&run.until(is_down).await), ["a"]);
    assert!(error(&run).ends_with("no whole answer within 200ms"), "{}", error(&run));
    server.set(Page::text(&"a 1\n".repeat(6)));
    run.until(|scraped| value(scraped, "scrape_body_size_bytes") == Some(-1.0)).await;
    assert!(error(&run).ends_with("body size limit exceeded"), "{}", error(&run));
    server.set(Page::text("a 1\n"));
    run.until(is_up).await;
    server.set(Page::text("a 1\n").with("content-type", "text/html"));
    run.until(is_down).await;
    assert!(error(&run).starts_with("received unsupported Content-Type \"text/html\""), "{}", error(&run));
    run.stop().await;
    let mut run = Run::start(&job(server.address, "fallback_scrape_protocol: PrometheusText0.0.4"));
    assert_eq!(value(&run.next().await, "a"), Some(1.0));
    run.stop().await;
    let address = server.address;
    drop(server);
    let mut run = Run::start(&job(address, ""));
    run.until(is_down).await;
    assert!(error(&run).contains("no connection"), "{}", error(&run));
    run.stop().await;
}

#[tokio::test]
async fn too_many_targets_fail_all() {
    let server = Server::start("a 1\n").await;
    let more = "target_limit: 1\nrelabel_configs:\n- {source_labels: [x], target_label: x, regex: 2, action: drop}";
    let yaml = job(server.address, more).replace(
        "static_configs: [",
        &format!(
            "static_configs: [{{targets: ['{0}'], labels: {{x: 1}}}}, {{targets: ['{0}'], labels: {{x: 2}}}}, ",
            server.address
        ),
    );
    let mut run = Run::start(&yaml);
    run.until(is_down).await;
    let targets = run.scraper.targets();
    let errors: Vec<_> = targets.active.iter().map(|target| target.last_error.as_str()).collect();
    assert!(errors.contains(&"target_limit exceeded (number of targets: 2, limit: 1)"), "{errors:?}");
    assert_eq!((targets.dropped.len(), targets.dropped_counts), (1, vec![("j".into(), 1)]));
    assert_eq!(targets.dropped[0].discovered_labels.get("x"), Some("2"));
    assert!(server.asked().is_empty());
    run.stop().await;
}

#[tokio::test]
async fn a_reload_ends_only_what_is_gone() {
    let (kept, moved) = (Server::start("kept 1\n").await, Server::start("moved 1\nextra 1\n").await);
    let moved_address = || moved.address.to_string();
    let second = |more: &str| {
        let static_configs = "static_configs: [{targets: ['@']}]";
        format!("- job_name: k\n  scrape_interval: 200ms\n  {static_configs}\n  {more}\n")
    };
    let yaml = |more: Option<&str>| {
        job(kept.address, "") + &more.map(|more| second(more).replace('@', &moved_address())).unwrap_or_default()
    };
    let mut run = Run::start(&yaml(Some("")));
    run.until(|scraped| value(scraped, "moved").is_some()).await;
    run.until(|scraped| value(scraped, "kept").is_some()).await;
    let connections = kept.connections();
    let drop_extra = "metric_relabel_configs: [{source_labels: [__name__], regex: extra, action: drop}]";
    let scraper = run.scraper.clone();
    let reloaded = settings(&yaml(Some(drop_extra)));
    let reloading = tokio::spawn(async move { scraper.reload(&reloaded).await });
    // The loop that follows knows what the one before it left open.
    let next = run.until(|scraped| ended(scraped) == ["extra"]).await;
    assert_eq!(value(&next, "moved"), Some(1.0));
    reloading.await.expect("reloads");
    let scraper = run.scraper.clone();
    let reloaded = settings(&yaml(None));
    let reloading = tokio::spawn(async move { scraper.reload(&reloaded).await });
    run.until(|scraped| ended(scraped) == [&["moved"], REPORTS.as_slice()].concat()).await;
    reloading.await.expect("reloads");
    assert_eq!(run.scraper.targets().active.len(), 1);
    run.until(|scraped| value(scraped, "kept").is_some()).await;
    // The other job was not touched.
    assert_eq!(kept.connections(), connections);
    run.stop().await;
}
