//! `http_sd_configs`: targets that a server lists.

use std::time::Duration;

use http::header::ACCEPT;
use http::{HeaderMap, HeaderName, HeaderValue};
use tokio::time::timeout;

use super::group::WrittenGroup;
use super::{Group, Teller, pause};
use crate::config::{HttpSdConfig, PromDuration};
use crate::error::chain;
use crate::fetch::{Fetcher, Url};

const REFRESH: PromDuration = PromDuration::secs(60);
const REFRESH_HEADER: HeaderName = HeaderName::from_static("x-prometheus-refresh-interval-seconds");
/// The longest list.
const LIST_BYTES_MAX: u64 = 64 << 20;

/// Asks again and again.
pub(super) async fn ask(config: HttpSdConfig, mut teller: Teller) {
    let url = match Url::parse(&config.url) {
        Ok(url) => url,
        Err(error) => return teller.failed(&config.url, &error.to_string()),
    };
    let refresh = config.refresh_interval.unwrap_or(REFRESH).duration();
    let mut fetcher = Fetcher::new(config.client());
    let mut headers = HeaderMap::new();
    headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
    if let Ok(seconds) = HeaderValue::from_str(&refresh.as_secs_f64().to_string()) {
        headers.insert(REFRESH_HEADER, seconds);
    }
    loop {
        match list(&mut fetcher, &url, &headers, refresh).await {
            Ok(groups) => {
                let groups = groups.into_iter().map(|group| Group::from(group).with("__meta_url", &config.url));
                teller.succeeded();
                teller.found(groups.collect()).await;
            }
            Err(error) => teller.failed(&config.url, &error),
        }
        pause(refresh).await;
    }
}

async fn list(
    fetcher: &mut Fetcher,
    url: &Url,
    headers: &HeaderMap,
    within: Duration,
) -> Result<Vec<WrittenGroup>, String> {
    let fetched = timeout(within, fetcher.get(url, headers, LIST_BYTES_MAX)).await;
    let fetched = fetched.map_err(|_| format!("no answer within {within:?}"))?.map_err(|error| chain(&error))?;
    if !fetched.content_type.trim_start().starts_with("application/json") {
        return Err(format!("unsupported content type {:?}", fetched.content_type));
    }
    serde_json::from_slice(&fetched.body).map_err(|error| error.to_string())
}
