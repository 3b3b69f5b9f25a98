//! SQLite, asked for real, and what becomes of its series.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use orszem_model::{STALE, Span};
use orszem_scrape::Scraped;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::config::Kind;
use crate::error::Reason;

/// A folder with a database and a metric file.
struct Site {
    folder: tempfile::TempDir,
}

impl Site {
    fn new(sql: &str, metrics: &str) -> Self {
        let site = Self { folder: tempfile::tempdir().expect("a folder") };
        site.execute(sql);
        std::fs::write(site.path("metrics.toml"), metrics).expect("writes");
        site
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn execute(&self, sql: &str) {
        let connection = rusqlite::Connection::open(self.path("a.db")).expect("opens");
        connection.execute_batch(sql).expect("runs");
    }

    fn plan(&self) -> Plan {
        let config = DatabaseConfig {
            name: "shop".to_owned(),
            kind: Some(Kind::Sqlite),
            database: self.path("a.db").display().to_string(),
            files: vec![self.path("metrics.toml")],
            interval: Span::secs(1),
            timeout: Span::secs(5),
            labels: BTreeMap::from([("site".to_owned(), "x".to_owned())]),
            ..DatabaseConfig::default()
        };
        assert_eq!(config.validate("sql[0]"), []);
        Plan::new(&config, BTreeMap::new(), BTreeMap::new(), &|_| None).expect("loads")
    }
}

/// The samples as `name{labels} value`, sorted.
fn shown(yielded: &Yield) -> Vec<String> {
    let mut lines: Vec<String> = yielded
        .samples
        .iter()
        .map(|sample| {
            let labels: Vec<String> = sample.labels.iter().map(|(name, value)| format!("{name}={value}")).collect();
            let time = sample.time.map(|time| format!(" @{time}")).unwrap_or_default();
            format!("{}{{{}}} {}{time}", sample.name, labels.join(","), sample.value)
        })
        .collect();
    lines.sort();
    lines
}

async fn once(site: &Site) -> Vec<(String, Result<Vec<String>, Reason>)> {
    let ran = run_once(&site.plan(), None).await.expect("connects");
    ran.into_iter().map(|one| (one.query, one.result.map(|y| shown(&y)).map_err(|error| error.reason))).collect()
}

/// A metric of the column `v`, with the label `l`.
fn metric(context: &str, request: &str, more: &str) -> String {
    format!(
        "[[metric]]\ncontext = \"{context}\"\nlabels = [\"l\"]\nmetricsdesc = {{ v = \"V\" }}\nrequest = \"{request}\"\n{more}\n"
    )
}

const FOREVER: &str = "with recursive n(i) as (select 1 union all select i + 1 from n) select count(*) as v from n";
const ORDERS: &str = "create table orders (status text, amount real, at text);
    insert into orders values ('NEW', 10.5, '2026-11-22 13:00:00'), ('NEW', 4.5, null), ('SENT', null, null);";

#[tokio::test]
async fn rows_become_samples() {
    let site = Site::new(
        ORDERS,
        r#"
[[metric]]
context = "orders"
labels = ["STATUS"]
metricsdesc = { count = "Orders.", amount = "Their sum.", newest = "The newest." }
request = "select status as Status, count(*) as Count, sum(amount) as AMOUNT, max(at) as newest from orders group by status"
static_labels = { tier = "gold" }

[[metric]]
context = "stat"
fieldtoappend = "name"
metricsdesc = { value = "A counter." }
metricstype = { value = "counter" }
request = "select 'parse count (total)' as name, 12 as value union all select 'User I/O', 3"

[[metric]]
context = "response"
metricsdesc = { seconds = "Times." }
metricstype = { seconds = "histogram" }
metricsbuckets = { seconds = { b = "1", a = "0.1" } }
request = "select 12.5 as seconds, 3 as a, 7 as b, 9 as count"

[[metric]]
context = "rows"
labels = ["kind"]
iterator = { request = "select name as tab, 'base' as kind from sqlite_master where type = 'table'", labels = ["tab"] }
metricsdesc = { count = "Rows." }
request = "select count(*) as count, {{kind}} as kind from {{ident tab}}"

[[metric]]
context = "timed"
metricsdesc = { value = "A value." }
timestamp = "at"
request = "select 7 as value, '2026-11-22T13:39:32.5Z' as at"
"#,
    );
    let expected = [
        (
            "orders",
            vec![
                "sqlite_orders_amount{status=NEW,tier=gold} 15",
                "sqlite_orders_count{status=NEW,tier=gold} 2",
                "sqlite_orders_count{status=SENT,tier=gold} 1",
                "sqlite_orders_newest{status=NEW,tier=gold} 1795352400",
            ],
        ),
        ("stat", vec!["sqlite_stat_parse_count_total{} 12", "sqlite_stat_user_io{} 3"]),
        (
            "response",
            vec![
                "sqlite_response_seconds_bucket{le=+Inf} 9",
                "sqlite_response_seconds_bucket{le=0.1} 3",
                "sqlite_response_seconds_bucket{le=1} 7",
                "sqlite_response_seconds_count{} 9",
                "sqlite_response_seconds_sum{} 12.5",
            ],
        ),
        ("rows", vec!["sqlite_rows_count{kind=base,tab=orders} 3"]),
        ("timed", vec!["sqlite_timed_value{} 7 @1795354772500"]),
    ];
    let expected =
        expected.map(|(query, lines)| (query.to_owned(), Ok(lines.into_iter().map(str::to_owned).collect())));
    assert_eq!(once(&site).await, expected);
}

/// A query, what it brought or why it failed, and what was left out.
type Told = (String, Result<Vec<String>, Reason>, Vec<Reason>);

#[tokio::test]
async fn failures_have_their_reasons_and_limits_hold() {
    let endless = "with recursive n(i) as (select 1 union all select i + 1 from n) select i as v from n";
    let metrics = [
        metric("missing", "select v from nowhere", ""),
        metric("refused", "selec 1", ""),
        metric("writes", "insert into orders values ('X', 1, null)", ""),
        metric("empty", "select 1 as v where 0", ""),
        metric("fine", "select 1 as v where 0", "ignorezeroresult = true"),
        metric("late", FOREVER, "querytimeout = \"300ms\""),
        metric("many", endless, "row_limit = 2"),
        metric("long", "select 1 as v, 'ábcdef' as l", "label_limit = 4"),
        metric("text", "select 'red' as v, 'a' as l union all select 2, 'b'", ""),
    ];
    let site = Site::new(ORDERS, &metrics.concat());
    let ran = run_once(&site.plan(), None).await.expect("connects");
    let told: Vec<Told> = ran
        .into_iter()
        .map(|one| {
            let flaws = one.result.as_ref().map(|y| y.flaws.keys().copied().collect()).unwrap_or_default();
            (one.query, one.result.map(|y| shown(&y)).map_err(|error| error.reason), flaws)
        })
        .collect();
    let lines = |lines: &[&str]| Ok(lines.iter().map(|line| (*line).to_owned()).collect());
    let expected = [
        ("missing", Err(Reason::Missing), vec![]),
        ("refused", Err(Reason::Query), vec![]),
        ("writes", Err(Reason::Permission), vec![]),
        ("empty", Err(Reason::NoRows), vec![]),
        ("fine", lines(&[]), vec![]),
        ("late", Err(Reason::Timeout), vec![]),
        ("many", lines(&["sqlite_many_v{} 1", "sqlite_many_v{} 2"]), vec![Reason::Limit]),
        ("long", lines(&["sqlite_long_v{l=ábc} 1"]), vec![]),
        ("text", lines(&["sqlite_text_v{l=b} 2"]), vec![Reason::Value]),
    ];
    let expected: Vec<_> = expected.into_iter().map(|(name, result, flaws)| (name.to_owned(), result, flaws)).collect();
    assert_eq!(told, expected);
}

/// What a round told, without times and durations.
fn lines(scraped: &Scraped) -> Vec<String> {
    let mut lines: Vec<String> = scraped
        .samples
        .iter()
        .map(|(labels, _, value)| {
            let pairs: Vec<String> = labels.iter().map(|(name, value)| format!("{name}={value}")).collect();
            let is_stale = value.to_bits() == STALE.to_bits();
            format!("{} {}", pairs.join(","), if is_stale { "stale".to_owned() } else { value.to_string() })
        })
        .filter(|line| !line.contains("_seconds"))
        .collect();
    lines.sort();
    lines
}

/// Waits for the round that has `line`.
async fn round_with(rounds: &mut mpsc::Receiver<Scraped>, line: &str) -> Vec<String> {
    let waiting = async {
        loop {
            let lines = lines(&rounds.recv().await.expect("a round"));
            if lines.iter().any(|told| told == line) {
                return lines;
            }
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(30), waiting).await.unwrap_or_else(|_| panic!("no {line}"))
}

#[tokio::test]
async fn series_come_go_and_end_with_their_query() {
    let site = Site::new(
        ORDERS,
        "[[metric]]\ncontext = \"orders\"\nlabels = [\"status\"]\nmetricsdesc = { count = \"Orders.\" }\n\
         request = \"select status, count(*) as count from orders group by status\"\nignorezeroresult = true\n",
    );
    let (sink, mut rounds) = mpsc::channel(4);
    let asker = keep_asking(Arc::new(site.plan()), sink, CancellationToken::new());
    let of = |status: &str, value: &str| {
        format!("__name__=sqlite_orders_count,database=shop,site=x,status={status} {value}")
    };
    let up = |value: &str| format!("__name__=sqlite_up,database=shop,site=x {value}");
    let rows = |value: &str| format!("__name__=sqlite_query_rows,database=shop,query=orders,site=x {value}");
    let first = round_with(&mut rounds, &up("1")).await;
    assert_eq!(first, [of("NEW", "2"), of("SENT", "1"), rows("2"), up("1")]);
    site.execute("delete from orders where status = 'SENT'");
    let second = round_with(&mut rounds, &of("SENT", "stale")).await;
    assert!(second.contains(&of("NEW", "2")), "{second:?}");
    site.execute("drop table orders");
    round_with(&mut rounds, &of("NEW", "stale")).await;
    let failed = "__name__=sqlite_query_errors_total,database=shop,query=orders,reason=missing,site=x 1";
    let third = round_with(&mut rounds, failed).await;
    assert!(third.contains(&up("1")), "{third:?}");
    site.execute(ORDERS);
    round_with(&mut rounds, &of("NEW", "2")).await;
    asker.cancel();
    asker.stopped().await;
    let mut last = Vec::new();
    while let Some(scraped) = rounds.recv().await {
        last = lines(&scraped);
    }
    assert!(last.contains(&of("NEW", "stale")) && last.contains(&up("stale")), "{last:?}");
}

#[tokio::test]
async fn a_database_that_is_gone_is_down_and_comes_back() {
    let site = Site::new(ORDERS, &metric("a", "select 1 as v", ""));
    let (from, to): (PathBuf, PathBuf) = (site.path("a.db"), site.path("b.db"));
    std::fs::rename(&from, &to).expect("renames");
    let (sink, mut rounds) = mpsc::channel(4);
    let asker = keep_asking(Arc::new(site.plan()), sink, CancellationToken::new());
    let up = |value: &str| format!("__name__=sqlite_up,database=shop,site=x {value}");
    round_with(&mut rounds, &up("0")).await;
    std::fs::rename(&to, &from).expect("renames");
    round_with(&mut rounds, "__name__=sqlite_a_v,database=shop,site=x 1").await;
    round_with(&mut rounds, &up("1")).await;
    asker.cancel();
    assert!(Path::new(&from).is_file());
}

#[tokio::test]
async fn a_query_that_hangs_ends_no_other_series() {
    let metrics =
        [metric("a", "select 1 as v", "interval = \"1h\""), metric("late", FOREVER, "querytimeout = \"200ms\"")];
    let site = Site::new(ORDERS, &metrics.concat());
    let (sink, mut rounds) = mpsc::channel(4);
    let asker = keep_asking(Arc::new(site.plan()), sink, CancellationToken::new());
    let last = "__name__=sqlite_query_errors_total,database=shop,query=late,reason=timeout,site=x 2";
    let mut told = Vec::new();
    while !told.iter().any(|line| line == last) {
        told.extend(lines(&rounds.recv().await.expect("a round")));
    }
    let value = "__name__=sqlite_a_v,database=shop,site=x 1";
    assert!(told.iter().filter(|line| *line == value).count() >= 2, "it is told again: {told:#?}");
    let is_wrong =
        |line: &String| line.ends_with(" stale") || line.starts_with("__name__=sqlite_up") && line.ends_with('0');
    assert_eq!(told.into_iter().filter(is_wrong).collect::<Vec<_>>(), Vec::<String>::new());
    asker.cancel();
}

#[tokio::test]
async fn an_iterator_stops_at_its_limits_and_tells() {
    let numbers = "with recursive n(i) as (select 1 union all select i + 1 from n limit 1500) select i from n";
    let metric = |context: &str, more: &str| {
        format!(
            "[[metric]]\ncontext = \"{context}\"\niterator = {{ request = \"{numbers}\", labels = [\"i\"] }}\n\
                 metricsdesc = {{ v = \"V\" }}\nrequest = \"select 1 as v\"\n{more}\n"
        )
    };
    let site = Site::new(ORDERS, &[metric("all", "row_limit = 100000"), metric("few", "row_limit = 3")].concat());
    let ran = run_once(&site.plan(), None).await.expect("connects");
    let told = ran.into_iter().map(|one| {
        let yielded = one.result.expect("works");
        (yielded.samples.len(), yielded.flaws)
    });
    let limit = |count: u64, text: &str| BTreeMap::from([(Reason::Limit, (count, text.to_owned()))]);
    let iterations = "the iterator has more than 1000 rows; the rest is left out";
    assert_eq!(told.collect::<Vec<_>>(), [(1000, limit(1, iterations)), (3, limit(2, iterations))]);
}

#[test]
fn a_moment_of_cron_comes_once_though_the_timer_is_early() {
    use chrono::TimeZone;
    use std::time::Duration;
    use tokio::time::Instant;
    let site = Site::new(ORDERS, &metric("a", "select 1 as v", "cron = \"*/5 * * * *\""));
    let begun = Instant::now();
    let mut query = query::Query::new(site.plan().metrics[0].clone(), "a".to_owned(), begun);
    let five = chrono::Local.with_ymd_and_hms(2026, 11, 22, 12, 5, 0).single().expect("a time");
    let mut wait = |milliseconds: i64| {
        query.succeeded(Duration::from_secs(30), begun, &(five + chrono::TimeDelta::milliseconds(milliseconds)));
        (query.due - begun).as_millis()
    };
    assert_eq!([wait(-1000), wait(-200), wait(0), wait(20)], [1000, 300_200, 300_000, 299_980]);
}

#[test]
fn a_query_that_keeps_failing_waits_longer_and_longer() {
    use std::time::Duration;
    use tokio::time::Instant;
    let site = Site::new(ORDERS, &metric("a", "select 1 as v", ""));
    let metric = site.plan().metrics[0].clone();
    let (now, clock, interval) = (Instant::now(), chrono::Local::now(), Duration::from_secs(30));
    let mut query = query::Query::new(metric, "a".to_owned(), now);
    let mut wait = |reason| {
        let is_new = query.failed(reason, interval, now, &clock);
        ((query.due - now).as_secs(), is_new)
    };
    let waits = [Reason::Query, Reason::Timeout, Reason::Missing, Reason::Permission].map(&mut wait);
    assert_eq!(waits, [(60, false), (120, false), (240, false), (480, false)]);
    assert_eq!([Reason::Missing, Reason::Missing].map(&mut wait), [(3600, true), (3600, false)]);
    query.succeeded(interval, now, &clock);
    assert_eq!((query.due - now).as_secs(), 30);
    assert!(!query.failed(Reason::Missing, interval, now, &clock), "it begins anew");
    query.took = Some(Duration::from_secs(8));
    query.failed(Reason::Timeout, interval, now, &clock);
    assert_eq!((query.due - now).as_secs(), 8 + 120, "the pause begins when the run has ended");
}
