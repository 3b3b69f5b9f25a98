//! Starts a scraper and waits for what it yields.

use std::path::Path;
use std::time::Duration;

use orszem_model::is_stale;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::config::load_str;
use crate::{Options, Scraped, Scraper, Settings};

/// How long anything may take.
const WITHIN: Duration = Duration::from_secs(20);

/// A scraper and what it yields.
pub(super) struct Run {
    pub(super) scraper: Scraper,
    pub(super) yields: mpsc::Receiver<Scraped>,
    pub(super) shutdown: CancellationToken,
}

pub(super) fn settings(yaml: &str) -> Settings {
    load_str(yaml, Path::new("/")).unwrap_or_else(|wrongs| panic!("{wrongs:?}")).settings
}

/// One job with turns every 200 ms.
pub(super) fn job(address: impl std::fmt::Display, more: &str) -> String {
    let more = more.replace('\n', "\n  ");
    format!(
        "scrape_configs:\n- job_name: j\n  scrape_interval: 200ms\n  static_configs: [{{targets: ['{address}']}}]\n  {more}\n"
    )
}

impl Run {
    pub(super) fn start(yaml: &str) -> Self {
        Self::start_with(yaml, Options::default())
    }

    pub(super) fn start_with(yaml: &str, options: Options) -> Self {
        let (sink, yields) = mpsc::channel(4);
        let shutdown = CancellationToken::new();
        let scraper = Scraper::start(&settings(yaml), options, sink, shutdown.clone());
        Self { scraper, yields, shutdown }
    }

    pub(super) async fn next(&mut self) -> Scraped {
        timeout(WITHIN, self.yields.recv()).await.expect("in time").expect("a yield")
    }

    /// The first yield for which `is_it` is true.
    pub(super) async fn until(&mut self, is_it: impl Fn(&Scraped) -> bool) -> Scraped {
        let looking = async {
            loop {
                let scraped = self.yields.recv().await.expect("a yield");
                if is_it(&scraped) {
                    return scraped;
                }
            }
        };
        timeout(WITHIN, looking).await.expect("in time")
    }

    /// Stops, and gives what was still to come.
    pub(super) async fn stop(mut self) -> Vec<Scraped> {
        self.shutdown.cancel();
        let (scraper, mut rest) = (self.scraper.clone(), Vec::new());
        let stopping = tokio::spawn(async move { scraper.stopped().await });
        drop(self.scraper);
        while !stopping.is_finished() {
            if let Ok(Some(scraped)) = timeout(Duration::from_millis(5), self.yields.recv()).await {
                rest.push(scraped);
            }
        }
        while let Ok(scraped) = self.yields.try_recv() {
            rest.push(scraped);
        }
        rest
    }
}

/// The value of a metric in a yield.
pub(super) fn value(scraped: &Scraped, metric: &str) -> Option<f64> {
    scraped.samples.iter().find(|sample| sample.0.get("__name__") == Some(metric)).map(|sample| sample.2)
}

/// The names of the metrics that end in a yield, sorted.
pub(super) fn ended(scraped: &Scraped) -> Vec<&str> {
    let stale = scraped.samples.iter().filter(|sample| is_stale(sample.2));
    let mut names: Vec<&str> = stale.filter_map(|sample| sample.0.get("__name__")).collect();
    names.sort_unstable();
    names
}

pub(super) fn is_up(scraped: &Scraped) -> bool {
    value(scraped, "up") == Some(1.0)
}

pub(super) fn is_down(scraped: &Scraped) -> bool {
    value(scraped, "up") == Some(0.0)
}
