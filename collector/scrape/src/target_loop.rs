//! Scrapes one target again and again.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use http::header::{ACCEPT, ACCEPT_ENCODING};
use http::{HeaderMap, HeaderName, HeaderValue};
use orszem_exposition::Format;
use orszem_model::Labels;
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval_at, timeout};
use tokio_util::sync::CancellationToken;

use crate::append::{Appender, Counts, Report};
use crate::counters::add;
use crate::error::{ScrapeError, chain};
use crate::fetch::{FetchError, Fetched, Fetcher};
use crate::output::Scraped;
use crate::settings::Job;
use crate::shared::{Shared, millis};
use crate::status::{Health, Outcome, OutcomeCell};
use crate::target::Target;

/// A scrape that begins no later than this after its turn gets the turn's time, which compresses better; of short
/// intervals a hundredth.
const TIME_TOLERANCE: Duration = Duration::from_millis(2);
/// Longer bodies are read off the threads that serve sockets.
const INLINE_BYTES_MAX: usize = 256 << 10;
const TIMEOUT_HEADER: HeaderName = HeaderName::from_static("x-prometheus-scrape-timeout-seconds");

/// Which targets of a job are too many.
pub(crate) type TargetLimit = watch::Receiver<Option<(u64, u64)>>;

/// The loop of a target.
pub(crate) struct TargetLoop {
    job: Arc<Job>,
    target: Arc<Target>,
    /// Taken while a body is read elsewhere.
    appender: Option<Appender>,
    fetcher: Fetcher,
    headers: HeaderMap,
    shared: Arc<Shared>,
    outcome: Arc<OutcomeCell>,
    target_limit: TargetLimit,
}

impl TargetLoop {
    pub(crate) fn new(
        job: &Arc<Job>,
        target: &Arc<Target>,
        external: &Labels,
        inherited: Vec<Labels>,
        shared: &Arc<Shared>,
        outcome: &Arc<OutcomeCell>,
        target_limit: TargetLimit,
    ) -> Self {
        Self {
            appender: Some(Appender::new(Arc::clone(job), target, external, inherited)),
            fetcher: Fetcher::new(job.config.client()),
            headers: headers(job, target),
            job: Arc::clone(job),
            target: Arc::clone(target),
            shared: Arc::clone(shared),
            outcome: Arc::clone(outcome),
            target_limit,
        }
    }

    /// Scrapes until `cancel`; gives the series that are open then.
    pub(crate) async fn run(mut self, cancel: CancellationToken) -> Vec<Labels> {
        let interval = self.target.interval.duration();
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
        let first = tokio::time::Instant::now() + self.target.offset(now, self.shared.seed);
        let mut turns = interval_at(first, interval);
        turns.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let mut aligned: Option<SystemTime> = None;
        let mut is_first = true;
        loop {
            let shared = Arc::clone(&self.shared);
            let turn = async {
                turns.tick().await;
                shared.turns.acquire().await
            };
            let permit = tokio::select! {
                permit = turn => permit,
                () = cancel.cancelled() => break,
            };
            let Ok(permit) = permit else { break };
            let time = align(&mut aligned, SystemTime::now(), interval);
            let started = Instant::now();
            let fetched = tokio::select! {
                fetched = self.fetch() => fetched,
                () = cancel.cancelled() => break,
            };
            let scraped = self.finish(fetched, time, started, is_first).await;
            drop(permit);
            is_first = false;
            self.shared.send(scraped).await;
        }
        self.appender.map(Appender::into_live).unwrap_or_default()
    }

    async fn fetch(&mut self) -> Result<Fetched, ScrapeError> {
        if let Some((count, limit)) = *self.target_limit.borrow() {
            return Err(ScrapeError::TargetLimit { count, limit });
        }
        let (url, within) = (&self.target.url, self.target.timeout.duration());
        let fetching = self.fetcher.get(url, &self.headers, self.job.config.body_size_limit.0);
        match timeout(within, fetching).await {
            Ok(Ok(fetched)) => Ok(fetched),
            Ok(Err(source)) => Err(ScrapeError::Fetch { url: url.to_string(), source }),
            Err(_) => Err(ScrapeError::Timeout { url: url.to_string(), within }),
        }
    }

    async fn finish(
        &mut self,
        fetched: Result<Fetched, ScrapeError>,
        time: SystemTime,
        started: Instant,
        is_first: bool,
    ) -> Scraped {
        let now = millis(time);
        let body_bytes = match &fetched {
            Ok(fetched) => fetched.body.len() as f64,
            Err(ScrapeError::Fetch { source: FetchError::TooLarge, .. }) => -1.0,
            Err(_) => 0.0,
        };
        let mut scraped = Scraped::default();
        let (counts, result) = match fetched {
            Ok(fetched) => self.append(fetched, now, &mut scraped).await,
            Err(error) => {
                if let Some(appender) = &mut self.appender {
                    appender.fail(now, &mut scraped);
                }
                (Counts::default(), Err(error))
            }
        };
        let took = started.elapsed();
        let report = Report { is_up: result.is_ok(), seconds: took.as_secs_f64(), counts, body_bytes };
        let metadata = self.appender.as_mut().and_then(|appender| {
            appender.report(&report, now, &mut scraped);
            appender.take_metadata()
        });
        self.count(counts, &result, is_first);
        let health = if result.is_ok() { Health::Up } else { Health::Down };
        let error = result.err().map(|error| chain(&error)).unwrap_or_default();
        let outcome = Outcome { health, error, at: Some(time), took, metadata: Arc::default() };
        self.outcome.set(outcome, metadata);
        scraped
    }

    async fn append(&mut self, fetched: Fetched, now: i64, out: &mut Scraped) -> (Counts, Result<(), ScrapeError>) {
        let format = match self.format(&fetched) {
            Ok(format) => format,
            Err(error) => {
                if let Some(appender) = &mut self.appender {
                    appender.fail(now, out);
                }
                return (Counts::default(), Err(error));
            }
        };
        let Some(mut appender) = self.appender.take() else {
            return (Counts::default(), Err(ScrapeError::Panicked));
        };
        if fetched.body.len() <= INLINE_BYTES_MAX {
            let outcome = appender.append(&fetched.body, format, now, out);
            self.appender = Some(appender);
            return outcome;
        }
        let reading = tokio::task::spawn_blocking(move || {
            let mut scraped = Scraped::default();
            let outcome = appender.append(&fetched.body, format, now, &mut scraped);
            (appender, scraped, outcome)
        });
        match reading.await {
            Ok((appender, scraped, outcome)) => {
                self.appender = Some(appender);
                *out = scraped;
                outcome
            }
            Err(error) => {
                tracing::error!(url = %self.target.url, %error, "a scrape's body could not be read");
                (Counts::default(), Err(ScrapeError::Panicked))
            }
        }
    }

    fn format(&self, fetched: &Fetched) -> Result<Format, ScrapeError> {
        match (Format::from_content_type(&fetched.content_type), self.job.fallback) {
            (Ok(format), _) => Ok(format),
            (Err(_), Some(fallback)) => Ok(fallback),
            // Nothing is to be read, so nobody needs to know how.
            (Err(_), None) if fetched.body.is_empty() => Ok(Format::Text),
            (Err(error), None) => Err(error.into()),
        }
    }

    fn count(&self, counts: Counts, result: &Result<(), ScrapeError>, is_first: bool) {
        let counters = &self.shared.counters;
        add(&counters.scrapes, 1);
        add(&counters.duplicates, counts.duplicates);
        add(&counters.out_of_bounds, counts.out_of_bounds);
        let Err(error) = result else { return };
        add(&counters.failed_scrapes, 1);
        match error {
            ScrapeError::SampleLimit => add(&counters.sample_limits, 1),
            ScrapeError::LabelLimit { .. }
            | ScrapeError::LabelNameLength { .. }
            | ScrapeError::LabelValueLength { .. } => add(&counters.label_limits, 1),
            _ => {}
        }
        if is_first || self.outcome.get().health == Health::Up {
            let (job, url) = (self.job.name(), &self.target.url);
            tracing::warn!(job, %url, error = chain(error), "a target is down");
        }
    }
}

fn headers(job: &Job, target: &Target) -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(3);
    if let Ok(accept) = HeaderValue::from_str(&job.accept) {
        headers.insert(ACCEPT, accept);
    }
    let encoding = if job.config.enable_compression.unwrap_or(true) { "gzip" } else { "identity" };
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static(encoding));
    let seconds = target.timeout.duration().as_secs_f64().to_string();
    if let Ok(seconds) = HeaderValue::from_str(&seconds) {
        headers.insert(TIMEOUT_HEADER, seconds);
    }
    headers
}

/// The time of a scrape that begins `now`: that of its turn, where it is hardly later.
fn align(aligned: &mut Option<SystemTime>, now: SystemTime, interval: Duration) -> SystemTime {
    let Some(last) = *aligned else {
        *aligned = Some(now);
        return now;
    };
    let late = now.duration_since(last).unwrap_or_default();
    let turns = (late.as_nanos() / interval.as_nanos().max(1)).min(u128::from(u32::MAX));
    let turn = last + interval * u32::try_from(turns).unwrap_or(u32::MAX);
    *aligned = Some(turn);
    let tolerance = TIME_TOLERANCE.min(interval / 100);
    if now.duration_since(turn).is_ok_and(|late| late <= tolerance) { turn } else { now }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scrape_that_is_hardly_late_has_the_time_of_its_turn() {
        let start = UNIX_EPOCH + Duration::from_secs(1_000);
        let interval = Duration::from_secs(10);
        let mut aligned = None;
        let mut at = |millis: u64| {
            let time = align(&mut aligned, start + Duration::from_millis(millis), interval);
            time.duration_since(start).expect("is later").as_millis()
        };
        assert_eq!([0, 10_001, 20_003, 50_002, 60_000].map(&mut at), [0, 10_000, 20_003, 50_000, 60_000]);
    }
}
