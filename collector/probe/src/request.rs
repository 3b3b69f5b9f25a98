//! blackbox_exporter's `/probe`: which module, which target, how long.

use std::time::Duration;

use crate::conditions::Condition;
use crate::modules::{Kind, Module, Modules};
use crate::probers::{Extras, Outcome, Prober};
use crate::watch::judge;

/// The module that is meant where none is named.
const MODULE: &str = "http_2xx";
/// How long a probe may take where nobody says.
const WITHIN: Duration = Duration::from_secs(120);
/// The longest, whatever a header says.
const WITHIN_MAX: Duration = Duration::from_secs(300);
/// A longer target, or name of a server, is refused.
const TARGET_BYTES_MAX: usize = 2048;
/// What the way back to who asks may take.
const OFFSET: Duration = Duration::from_millis(500);

/// What a request asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProbeRequest {
    pub module: Option<String>,
    pub target: Option<String>,
    /// `Host` of HTTP, the name in TLS.
    pub hostname: Option<String>,
    /// What happened is told, too.
    pub debug: bool,
    /// What `X-Prometheus-Scrape-Timeout-Seconds` says.
    pub timeout: Option<String>,
}

/// Why a request is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    #[error("Unknown module {0:?}")]
    Module(String),
    #[error("Target parameter is missing")]
    Target,
    #[error("The parameter {name} has {bytes} bytes; {TARGET_BYTES_MAX} are the most")]
    Length { name: &'static str, bytes: usize },
    #[error("The module {0:?} logs in to what it probes, so only targets of the configuration are probed with it")]
    LogsIn(String),
    #[error(
        "The host header is defined both in the module's configuration ({module:?}) and with the parameter hostname \
         ({parameter:?})"
    )]
    Hostname { module: String, parameter: String },
    #[error("Failed to parse timeout from Prometheus header: {0:?}")]
    Timeout(String),
}

impl ProbeRequest {
    /// Takes the parameters of a query; others than the known ones are passed over. Of a repeated one the first counts.
    pub fn of_query(pairs: impl Iterator<Item = (String, String)>, timeout: Option<&str>) -> Self {
        let mut request = Self { timeout: timeout.map(str::to_owned), ..Self::default() };
        for (name, value) in pairs.filter(|(_, value)| !value.is_empty()) {
            match name.as_str() {
                "module" => request.module.get_or_insert(value).shrink_to_fit(),
                "target" => request.target.get_or_insert(value).shrink_to_fit(),
                "hostname" => request.hostname.get_or_insert(value).shrink_to_fit(),
                "debug" => request.debug = value == "true",
                _ => {}
            }
        }
        request
    }

    /// The module that is meant.
    pub fn module(&self) -> &str {
        self.module.as_deref().unwrap_or(MODULE)
    }

    /// Probes, and gives the page: Prometheus' text format, or with `debug` what happened before it.
    ///
    /// # Errors
    /// What is wrong with the request; a failed probe is a page.
    pub async fn answer(&self, modules: &Modules, prober: &Prober) -> Result<String, RequestError> {
        let name = self.module();
        let module = modules.get(name).ok_or_else(|| RequestError::Module(name.to_owned()))?;
        let target = self.target.as_deref().ok_or(RequestError::Target)?;
        self.check(module)?;
        let within = within(self.timeout.as_deref(), module.timeout)?;
        let extras = Extras { hostname: self.hostname.clone(), wants_body: false };
        let outcome = prober.probe(module, target, &extras, within).await;
        let page = outcome.report.page.to_text();
        if !self.debug {
            return Ok(page);
        }
        let notes = outcome.report.notes.join("\n");
        Ok(format!(
            "Logs for the probe:\n{notes}\n{}\n\n\nMetrics that would have been returned:\n{page}",
            outcome.reason()
        ))
    }

    fn check(&self, module: &Module) -> Result<(), RequestError> {
        // Whoever asks could have the password sent anywhere, and files of this host opened.
        if let Kind::Sql(_) = module.kind {
            return Err(RequestError::LogsIn(module.name.clone()));
        }
        for (name, value) in [("target", &self.target), ("hostname", &self.hostname)] {
            if let Some(bytes) = value.as_ref().map(String::len).filter(|bytes| *bytes > TARGET_BYTES_MAX) {
                return Err(RequestError::Length { name, bytes });
            }
        }
        if let (Kind::Http(http), Some(parameter)) = (&module.kind, &self.hostname)
            && let Some(own) = http.host_header().filter(|own| own != parameter)
        {
            return Err(RequestError::Hostname { module: own.to_owned(), parameter: parameter.clone() });
        }
        Ok(())
    }
}

fn within(header: Option<&str>, of_module: Option<Duration>) -> Result<Duration, RequestError> {
    let asked = match header {
        Some(text) => {
            let seconds: f64 = text.parse().map_err(|_| RequestError::Timeout(text.to_owned()))?;
            let told = Duration::try_from_secs_f64(seconds).map_err(|_| RequestError::Timeout(text.to_owned()))?;
            if told.is_zero() { WITHIN } else { told.min(WITHIN_MAX) }
        }
        None => WITHIN,
    };
    let left = asked.checked_sub(OFFSET).filter(|left| !left.is_zero()).unwrap_or(asked);
    Ok(of_module.map_or(left, |own| own.min(left)))
}

/// Probes once, with conditions that have to hold; `now` is in seconds since 1970.
pub async fn probe_once(
    prober: &Prober,
    module: &Module,
    target: &str,
    extras: &Extras,
    conditions: &[Condition],
    within: Duration,
    now: i64,
) -> Outcome {
    let wants_body = extras.wants_body || conditions.iter().any(Condition::needs_body);
    let extras = Extras { wants_body, ..extras.clone() };
    let mut outcome = prober.probe(module, target, &extras, within).await;
    judge(&mut outcome, conditions, now);
    outcome
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn who_asks_gets_the_answer_before_its_time_is_over() {
        let of = |header: Option<&str>, own: Option<u64>| {
            within(header, own.map(Duration::from_secs)).map(|within| within.as_millis())
        };
        assert_eq!(of(None, None), Ok(119_500));
        assert_eq!(of(Some("10"), None), Ok(9_500));
        assert_eq!(of(Some("10"), Some(5)), Ok(5_000));
        assert_eq!(of(Some("3"), Some(5)), Ok(2_500));
        assert_eq!(of(Some("0.2"), None), Ok(200));
        assert_eq!(of(Some("1e9"), None), Ok(299_500));
        for bad in ["soon", "-1", "inf", "NaN"] {
            assert_eq!(of(Some(bad), None), Err(RequestError::Timeout(bad.into())));
        }
    }

    #[tokio::test]
    async fn what_is_missing_is_told() {
        let text =
            "modules: {own: {prober: tcp}, db: {prober: sql}, web: {prober: http, http: {headers: {host: a.example}}}}";
        let modules = Modules::parse(text, Path::new(".")).expect("modules");
        let asked = async |query: &[(&str, &str)]| {
            let pairs = query.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
            ProbeRequest::of_query(pairs, None).answer(&modules, &Prober::default()).await
        };
        assert_eq!(asked(&[("target", "x")]).await, Err(RequestError::Module("http_2xx".into())));
        assert_eq!(asked(&[("module", "own")]).await, Err(RequestError::Target));
        assert_eq!(asked(&[("module", "db"), ("target", "x")]).await, Err(RequestError::LogsIn("db".into())));
        let long = "a".repeat(2049);
        let refused = RequestError::Length { name: "target", bytes: 2049 };
        assert_eq!(asked(&[("module", "own"), ("target", &long)]).await, Err(refused));
        let web = async |name: &str| {
            asked(&[("module", "web"), ("target", "127.0.0.1:1"), ("hostname", name)]).await.map(|_| ())
        };
        let twice = RequestError::Hostname { module: "a.example".into(), parameter: "b.example".into() };
        assert_eq!((web("a.example").await, web("b.example").await), (Ok(()), Err(twice)));
        let page = asked(&[("module", "own"), ("target", "nothing")]).await.expect("a page");
        assert!(page.contains("\nprobe_success 0\n"), "{page}");
        let told = asked(&[("module", "own"), ("target", "nothing"), ("debug", "true")]).await.expect("a page");
        assert!(told.contains("\nthe target \"nothing\" names no port\n"), "{told}");
    }
}
