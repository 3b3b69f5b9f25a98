//! The query commands against the API as the page uses it, over a store of three canned records.

use std::io::{BufRead, BufReader};
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use axum::extract::Request;
use axum::middleware::{Next, from_fn};
use orszem::config::ServerConfig;
use orszem::server::{Server, bind};
use orszem_dashboards::http::LogsApi;
use orszem_dashboards::http::access::Access;
use orszem_dashboards::http::app;
use orszem_dashboards::http::engine::{
    Answer, Context, Cursor, Engine, EngineError, FieldSummary, Numbers, Order, Pattern, Row, RowPage, Scope, Stats,
    TailFeed, Top,
};
use orszem_model::{Labels, Record, Severity, Stream, Timestamp};

use crate::program::{orszem, run};

/// 2026-11-22T10:00:00Z.
const START: i64 = 1_795_341_600_000_000_000;

fn row(n: u64, body: &str) -> Row {
    let labels = Labels::from([("host", "db1"), ("service", "drbd")]);
    let stream = Stream { tenant: 0, class: "default".into(), labels };
    let mut record = Record::line(Timestamp(START + i64::try_from(n).expect("small")), stream, body);
    record.severity = Severity::WARN;
    Row { seq: n, record }
}

/// Oldest first.
fn rows() -> Vec<Row> {
    vec![row(1, "link down"), row(2, "resync \x1b[31mdone"), row(3, "link up")]
}

/// Rows whose body has the query's only word.
fn matching(scope: &Scope) -> Vec<Row> {
    let word = scope.query.source.clone();
    rows().into_iter().filter(|row| String::from_utf8_lossy(&row.record.body).contains(&word)).collect()
}

fn whole<T>(value: T) -> Result<Answer<T>, EngineError> {
    let stats = Stats { bytes_scanned: 42, records_scanned: 3 };
    Ok(Answer { value, stats, partial: None })
}

fn engine() -> Engine {
    Engine {
        search: Box::new(|ask, _| {
            let mut rows = matching(&ask.scope);
            if ask.order == Order::NewestFirst {
                rows.reverse();
            }
            let seen = ask.after.map_or(0, |after| rows.iter().take_while(|row| row.cursor() != after).count() + 1);
            let left = rows.split_off(seen.min(rows.len()));
            let page: Vec<Row> = left.iter().take(ask.limit).cloned().collect();
            let next = page.last().filter(|_| left.len() > page.len()).map(Row::cursor);
            whole(RowPage { rows: page, next })
        }),
        count: Box::new(|scope, _| whole(matching(scope).len() as u64)),
        histogram: Box::new(|ask, _| whole(vec![(START, [0, 0, 0, matching(&ask.scope).len() as u64, 0, 0, 0])])),
        top: Box::new(|ask, _| {
            whole(Top {
                values: vec![("db1".into(), matching(&ask.scope).len() as u64)],
                distinct: 1,
                other: 0,
                missing: 1,
            })
        }),
        numbers: Box::new(|_, _| whole(Numbers { count: 0, min: 0.0, max: 0.0, mean: 0.0, quantiles: Vec::new() })),
        fields: Box::new(|_, _| whole(vec![FieldSummary { name: "host".into(), count: 3 }])),
        context: Box::new(|ask, _| {
            let at = |n| rows().into_iter().find(|row| row.cursor() == Cursor { ts: START + n, seq: n as u64 });
            assert_eq!((ask.at, ask.before, ask.after), (Cursor { ts: START + 2, seq: 2 }, 1, 1));
            Ok(at(2).map(|row| Context {
                before: at(1).into_iter().collect(),
                row,
                after: at(3).into_iter().collect(),
            }))
        }),
        patterns: Box::new(|_, _| whole(vec![Pattern { skeleton: "link <*>".into(), count: 2 }])),
        explain: Box::new(|_, _| whole(vec!["scan of 3 records".into()])),
        delete: Box::new(|_, _| Ok(0)),
        tail: Box::new(|scope| {
            let (sender, rows) = tokio::sync::mpsc::channel(4);
            for row in matching(&scope) {
                sender.try_send(row).expect("there is room");
            }
            TailFeed { rows, dropped: Arc::new(AtomicU64::new(5)) }
        }),
    }
}

/// Runs `check` with the URL of a server over the canned records.
fn with_server(check: impl FnOnce(&str)) {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let server = runtime.block_on(async {
        let listener = bind("127.0.0.1:0".parse().expect("an address")).await.expect("binds");
        let allow = |mut request: Request, next: Next| {
            request.extensions_mut().insert(Access { tenant: 0, may_read: true, is_admin: false });
            next.run(request)
        };
        let router = app::router(LogsApi::new(engine())).layer(from_fn(allow));
        Server::start(vec![listener], router, None, &ServerConfig::default()).expect("serves")
    });
    let address = server.addresses().first().expect("one address").to_string();
    check(&format!("http://{address}"));
    runtime.block_on(server.stop(std::time::Duration::from_secs(1)));
}

const UP: &str = "2026-11-22T10:00:00.000000003Z warn  db1 drbd link up\n";
const DONE: &str = "2026-11-22T10:00:00.000000002Z warn  db1 drbd resync \\x1b[31mdone\n";
const DOWN: &str = "2026-11-22T10:00:00.000000001Z warn  db1 drbd link down\n";

#[test]
fn search_prints_what_its_flags_say() {
    with_server(|url| {
        let search = |arguments: &[&str]| {
            let (code, out, err) = run(&[&["search", "--server", url], arguments].concat());
            assert_eq!(err, "", "{arguments:?}");
            (code, out)
        };
        assert_eq!(search(&[]), (0, [UP, DONE, DOWN].concat()));
        assert_eq!(search(&["link", "--order", "oldest"]), (0, [DOWN, UP].concat()));
        assert_eq!(search(&["--limit", "1"]), (0, UP.to_owned()));
        assert_eq!(search(&["nothing"]), (1, String::new()));
        assert_eq!(search(&["link", "--count"]), (0, "2\n".to_owned()));
        assert_eq!(search(&["nothing", "--count"]), (1, "0\n".to_owned()));
        assert_eq!(
            search(&["link", "--histogram", "5m"]),
            (0, format!("2026-11-22T10:00:00Z          2 {}\n", "#".repeat(60)))
        );
        assert_eq!(
            search(&["link", "--top", "host"]),
            (0, "         2 db1\n         0 of other values, 1 without the field\n".to_owned())
        );
        assert_eq!(search(&["resync", "--context", "1"]), (0, format!("  {DOWN}> {DONE}  {UP}--\n")));
        assert_eq!(search(&["link", "--explain"]), (0, "scan of 3 records\nscanned 42 bytes, 3 records\n".to_owned()));
        let (code, json) = search(&["resync", "--json"]);
        let json: serde_json::Value = serde_json::from_str(&json).expect("one object");
        assert_eq!((code, json["body"].as_str()), (0, Some("resync \x1b[31mdone")));
    });
}

#[test]
fn a_wrong_query_is_an_error_that_points_at_it() {
    with_server(|url| {
        let (code, out, err) = run(&["search", "--server", url, "link AND ("]);
        assert_eq!((code, out.as_str()), (2, ""));
        assert!(err.contains("(search.syntax)\n  link AND (\n  ") && err.ends_with("^\n"), "{err}");
    });
}

#[test]
fn tail_prints_rows_and_tells_what_it_left_out() {
    with_server(|url| {
        let mut child = orszem(&["tail", "--server", url, "link"])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("starts");
        let stdout = BufReader::new(child.stdout.take().expect("piped"));
        let lines: Vec<String> = stdout.lines().take(2).map(|line| line.expect("reads") + "\n").collect();
        assert_eq!(lines, [DOWN, UP]);
        let output = child.wait_with_output().expect("ends");
        let err = String::from_utf8(output.stderr).expect("text");
        assert_eq!(output.status.code(), Some(2));
        assert!(err.contains("5 lines were left out"), "{err}");
        assert!(err.contains("the server ended the live connection"), "{err}");
    });
}
