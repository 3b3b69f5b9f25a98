//! Targets whose metrics follow from how often they were scraped.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;

/// Scrapes in the middle without the series that comes and goes.
const ABSENT: std::ops::Range<u64> = 9..14;
/// The scrape at which the counters begin anew.
const RESET_AT: u64 = 12;
const BUCKETS: [&str; 5] = ["0.1", "0.25", "0.5", "1.0", "+Inf"];

/// A running exporter; it ends when it is dropped.
pub(crate) struct Exporter {
    pub(crate) address: SocketAddr,
    scrapes: Arc<AtomicU64>,
    is_over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Exporter {
    /// `variant` makes its numbers differ from those of others.
    pub(crate) fn start(variant: u64) -> Self {
        Self::serving(move |scrape| Some(exposed(variant, scrape)))
    }

    /// Answers its `n`th scrape with what `exposed` gives for `n`, and with an error where that is nothing.
    pub(crate) fn serving(mut exposed: impl FnMut(u64) -> Option<String> + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("binds");
        let address = listener.local_addr().expect("bound");
        let (scrapes, is_over) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
        let (counting, ending) = (Arc::clone(&scrapes), Arc::clone(&is_over));
        let thread = std::thread::spawn(move || {
            for stream in listener.incoming() {
                if ending.load(Ordering::Acquire) {
                    return;
                }
                let scrape = counting.fetch_add(1, Ordering::AcqRel);
                // A scrape that was given up is a failed one, to the scraper too.
                if let Err(error) = stream.and_then(|stream| answer(stream, exposed(scrape))) {
                    eprintln!("a scrape failed: {error}");
                }
            }
        });
        Self { address, scrapes, is_over, thread: Some(thread) }
    }

    pub(crate) fn scrapes(&self) -> u64 {
        self.scrapes.load(Ordering::Acquire)
    }
}

impl Drop for Exporter {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Release);
        TcpStream::connect(self.address).map(drop).unwrap_or(());
        self.thread.take().map_or(Ok(()), JoinHandle::join).unwrap_or(());
    }
}

fn answer(mut stream: TcpStream, body: Option<String>) -> std::io::Result<()> {
    let mut lines = BufReader::new(stream.try_clone()?).lines();
    while lines.next().transpose()?.is_some_and(|line| !line.is_empty()) {}
    let status = if body.is_some() { "200 OK" } else { "503 Service Unavailable" };
    let body = body.unwrap_or_default();
    let length = body.len();
    write!(
        stream,
        "HTTP/1.1 {status}\r\nContent-Type: text/plain; version=0.0.4\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    )
}

/// What it exposes at its `scrape`th scrape.
fn exposed(variant: u64, scrape: u64) -> String {
    let since = if scrape < RESET_AT { scrape } else { scrape - RESET_AT };
    let mut out = "# HELP demo_requests_total Requests served.\n# TYPE demo_requests_total counter\n".to_owned();
    let mut line = |text: std::fmt::Arguments<'_>| writeln!(out, "{text}").expect("writes to memory");
    for (at, path) in ["/", "/login", "/search"].into_iter().enumerate() {
        for (code, weight) in [("200", 7), ("500", 1)] {
            let count = since * (at as u64 + 1) * weight * (variant + 1) + since * since % 5;
            line(format_args!("demo_requests_total{{path=\"{path}\",code=\"{code}\"}} {count}"));
        }
    }
    line(format_args!("# TYPE demo_temperature gauge"));
    for room in 0..3_u64 {
        let value = 20.0 + ((scrape * (room + 2) + variant) as f64 / 3.0).sin() * 4.0;
        line(format_args!("demo_temperature{{room=\"{room}\"}} {value}"));
    }
    line(format_args!("# TYPE demo_limit gauge\ndemo_limit {}", 100 * (variant + 1)));
    line(format_args!("# TYPE demo_odd gauge\ndemo_odd {}", ["+Inf", "NaN", "-1.5e-7", "0"][(scrape % 4) as usize]));
    if !ABSENT.contains(&scrape) {
        line(format_args!("# TYPE demo_job_active gauge\ndemo_job_active{{name=\"backup\"}} {}", scrape % 3));
    }
    line(format_args!("# TYPE demo_latency_seconds histogram"));
    for method in ["GET", "PUT"] {
        let mut count = 0;
        for (at, le) in BUCKETS.into_iter().enumerate() {
            count += since * (5 - at as u64) + (since * (at as u64 + variant)) % 3 * u64::from(method == "GET");
            line(format_args!("demo_latency_seconds_bucket{{method=\"{method}\",le=\"{le}\"}} {count}"));
        }
        line(format_args!("demo_latency_seconds_sum{{method=\"{method}\"}} {}", count as f64 * 0.31));
        line(format_args!("demo_latency_seconds_count{{method=\"{method}\"}} {count}"));
    }
    line(format_args!("# TYPE demo_build_info gauge\ndemo_build_info{{version=\"1.{variant}\",revision=\"abc\"}} 1"));
    out
}
