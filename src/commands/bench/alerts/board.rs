//! Which series have crossed, who was given a sample of that and when, and who has told of it and when.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Context;
use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::{get, post};
use serde::Deserialize;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// The part of the golden ratio by which crossings are spread: evenly, whatever their number, and in no order.
const GOLDEN: f64 = 0.618_033_988_749_895;

pub(super) struct Board {
    /// When each series crosses, after the beginning.
    crossings: Vec<Duration>,
    begun: OnceLock<Instant>,
    noted: Mutex<Noted>,
}

/// By a name and the number of a series.
type Times = BTreeMap<(String, usize), Instant>;

#[derive(Default)]
struct Noted {
    /// Who was scraped at all.
    scrapers: BTreeSet<String>,
    /// The first sample beyond the threshold.
    samples: Times,
    /// The first message that it fires.
    told: Times,
}

/// Alertmanager's webhook, version 4, as far as it is read.
#[derive(Deserialize)]
struct Message {
    alerts: Vec<Alert>,
}

#[derive(Deserialize)]
struct Alert {
    status: String,
    labels: AlertLabels,
}

#[derive(Deserialize)]
struct AlertLabels {
    alertname: String,
    host: String,
}

impl Board {
    pub(super) fn new(count: usize, spread: Duration) -> Self {
        let crossings = (0..count).map(|at| spread.mul_f64((at as f64 * GOLDEN).fract())).collect();
        Self { crossings, begun: OnceLock::new(), noted: Mutex::default() }
    }

    pub(super) fn len(&self) -> usize {
        self.crossings.len()
    }

    /// From now on series cross.
    pub(super) fn begin(&self) {
        self.begun.get_or_init(Instant::now);
    }

    /// When each series crosses, the first one first; nothing before the beginning.
    pub(super) fn schedule(&self) -> Vec<(Instant, usize)> {
        let Some(begun) = self.begun.get() else { return Vec::new() };
        let mut all: Vec<_> = self.crossings.iter().zip(0..).map(|(after, series)| (*begun + *after, series)).collect();
        all.sort_unstable();
        all
    }

    /// `who` is given a sample of a series that has crossed.
    pub(super) fn note_sample(&self, who: &str, series: usize) {
        self.noted().samples.entry((who.to_owned(), series)).or_insert_with(Instant::now);
    }

    pub(super) fn is_scraped_by(&self, who: &str) -> bool {
        self.noted().scrapers.contains(who)
    }

    /// How many crossings were told in alerts of this name.
    pub(super) fn told(&self, alert: &str) -> usize {
        self.noted().told.keys().filter(|(name, _)| name == alert).count()
    }

    /// For each that was told: since its sample, and since it crossed.
    pub(super) fn times(&self, alert: &str, samples: &str) -> Vec<(Duration, Duration)> {
        let noted = self.noted();
        let times = self.schedule().into_iter().filter_map(|(crossed, series)| {
            let told = noted.told.get(&(alert.to_owned(), series))?;
            let sample = noted.samples.get(&(samples.to_owned(), series))?;
            Some((told.duration_since(*sample), told.duration_since(crossed)))
        });
        times.collect()
    }

    fn noted(&self) -> MutexGuard<'_, Noted> {
        self.noted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The page as it is now, to `who`.
    fn page(&self, who: &str) -> String {
        let mut page = String::new();
        let now = Instant::now();
        self.noted().scrapers.insert(who.to_owned());
        for (after, series) in self.crossings.iter().zip(0..) {
            let has_crossed = self.begun.get().is_some_and(|begun| *begun + *after <= now);
            if has_crossed {
                self.note_sample(who, series);
            }
            // Writing to memory does not fail.
            writeln!(page, "{}", line(series, has_crossed)).unwrap_or(());
        }
        page
    }

    fn hear(&self, message: Message) -> Result<(), std::num::ParseIntError> {
        let now = Instant::now();
        for Alert { status, labels: AlertLabels { alertname, host } } in message.alerts {
            let series = host.trim_start_matches('h').parse()?;
            if status == "firing" {
                self.noted().told.entry((alertname, series)).or_insert(now);
            }
        }
        Ok(())
    }
}

/// A sample of a series.
pub(super) fn line(series: usize, has_crossed: bool) -> String {
    format!("m{{host=\"h{series}\"}} {}", u8::from(has_crossed))
}

/// The pages that peers scrape, and the webhook.
pub(super) struct Served {
    /// Host and port.
    pub(super) address: String,
    serving: JoinHandle<std::io::Result<()>>,
}

impl Served {
    pub(super) async fn start(board: &Arc<Board>) -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await.context("can't listen")?;
        let address = listener.local_addr()?.to_string();
        let router = Router::new()
            .route(
                "/metrics/{who}",
                get(|Path(who): Path<String>, State(board): State<Arc<Board>>| async move { board.page(&who) }),
            )
            .route("/hook", post(hook))
            .with_state(Arc::clone(board));
        let serving = tokio::spawn(async move { axum::serve(listener, router).await });
        Ok(Self { address, serving })
    }

    pub(super) fn hook(&self) -> String {
        format!("http://{}/hook", self.address)
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// A message that is not understood is refused for good, and so counts as not told.
async fn hook(State(board): State<Arc<Board>>, body: Bytes) -> StatusCode {
    match serde_json::from_slice(&body).map(|message| board.hear(message)) {
        Ok(Ok(())) => StatusCode::OK,
        Ok(Err(_)) | Err(_) => StatusCode::BAD_REQUEST,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_crossed_is_on_the_page_and_timed_until_it_is_told() {
        let board = Board::new(2, Duration::ZERO);
        assert_eq!(board.page("p"), "m{host=\"h0\"} 0\nm{host=\"h1\"} 0\n");
        assert!(board.is_scraped_by("p") && !board.is_scraped_by("q"));
        board.begin();
        assert_eq!(board.page("p"), "m{host=\"h0\"} 1\nm{host=\"h1\"} 1\n");
        let hear = |text: &str| board.hear(serde_json::from_str(text).expect("a message"));
        let one = |name: &str, status: &str, host: &str| {
            format!(
                "{{\"alerts\": [{{\"status\": \"{status}\", \"labels\": {{\"alertname\": \"{name}\", \"host\": \"{host}\"}}}}]}}"
            )
        };
        hear(&one("A", "firing", "h1")).expect("is heard");
        hear(&one("A", "resolved", "h0")).expect("is heard");
        hear(&one("B", "firing", "h0")).expect("is heard");
        assert!(hear(&one("A", "firing", "x")).is_err());
        assert_eq!((board.told("A"), board.told("B"), board.told("C")), (1, 1, 0));
        let times = board.times("A", "p");
        assert!(times.len() == 1 && times[0].0 <= times[0].1, "{times:?}");
        assert_eq!(board.times("A", "q"), []);
    }

    #[test]
    fn crossings_are_spread_over_the_whole_time() {
        let board = Board::new(40, Duration::from_secs(60));
        let mut seconds: Vec<u64> = board.crossings.iter().map(Duration::as_secs).collect();
        assert!(seconds.windows(2).any(|two| two[0] > two[1]), "in no order: {seconds:?}");
        seconds.sort_unstable();
        let gap = seconds.windows(2).map(|two| two[1] - two[0]).max();
        assert!(gap <= Some(3) && seconds[0] <= 3 && seconds[39] >= 57 && seconds[39] < 60, "{seconds:?}");
    }
}
