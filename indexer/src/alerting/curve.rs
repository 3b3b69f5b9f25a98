//! The curve of an alert: how the series that a message tells of went up to its first attempt.
//!
//! What a message shows is kept under its key before it is sent, so that a repeat says the same, after kill -9 too.

mod question;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::{Duration, Instant};

use orszem_alerting::{Intent, IntentKey};
use orszem_model::{Timestamp, varint};
use orszem_promql::{EvalError, ParseError};
use tokio::sync::{AcquireError, Semaphore, watch};
use tokio::task::JoinError;
use tokio_util::sync::CancellationToken;

use super::metrics::AlertingMetrics;
use super::prometheus::{Patience, RuleSources};
use super::store::Store;
use crate::error::{Error, chain};
use crate::maintenance;
use crate::samples::Samples;
use question::Question;

/// A message waits for its curve for so long, and goes without one then.
const LOOK_MAX: Duration = Duration::from_secs(2);
/// The part of it that the evaluation may take.
const EVALUATION_MAX: Duration = Duration::from_millis(1_500);
/// Curves that are looked for at once; others wait within their time.
const LOOKING_MAX: usize = 2;
/// In front of a curve that is kept.
const VERSION: u8 = 1;

/// A series over time, with the thresholds that it is judged by.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Curve {
    /// Which of the message's alerts it is of, counted from 0.
    pub alert: usize,
    /// Oldest first, evenly spaced; NaN where there is no value, but not at the ends. Never empty.
    pub points: Vec<(Timestamp, f64)>,
    pub warning: Option<f64>,
    pub critical: Option<f64>,
}

/// Where curves are found.
pub(super) struct Curves {
    store: Arc<Store>,
    samples: Samples,
    rules: watch::Receiver<Arc<RuleSources>>,
    metrics: Arc<AlertingMetrics>,
    looking: Arc<Semaphore>,
    stop: CancellationToken,
}

#[derive(Debug, thiserror::Error)]
enum CurveError {
    #[error("the value of a threshold does not read")]
    Parse(#[from] ParseError),
    #[error("the expression can't be evaluated")]
    Evaluate(#[from] EvalError),
    #[error(transparent)]
    Store(#[from] Error),
    #[error("it took more than {LOOK_MAX:?}")]
    TimedOut,
    #[error("looking for it ended badly")]
    Ended(#[from] JoinError),
    #[error("curves are not looked for any more")]
    Closed(#[from] AcquireError),
}

impl Curves {
    pub(super) fn new(
        (store, samples): (Arc<Store>, Samples),
        rules: watch::Receiver<Arc<RuleSources>>,
        metrics: Arc<AlertingMetrics>,
        stop: CancellationToken,
    ) -> Self {
        Self { store, samples, rules, metrics, looking: Arc::new(Semaphore::new(LOOKING_MAX)), stop }
    }

    /// The curve of the worst alert of a message; `None` where its rule has none, or where it was not found within
    /// [`LOOK_MAX`], which is counted. Only the first attempt looks: later ones have what it had.
    pub(super) async fn of(&self, intent: &Intent, is_first: bool) -> Option<Curve> {
        // Tests and digests.
        if intent.incident == 0 {
            return None;
        }
        let looked = tokio::time::timeout(LOOK_MAX, self.look(intent, is_first)).await;
        match looked.unwrap_or(Err(CurveError::TimedOut)) {
            Ok(curve) => curve,
            Err(error) => {
                self.metrics.curve_failures.inc();
                tracing::debug!(key = %intent.key, error = %chain(&error), "a message goes without the curve of its alert");
                None
            }
        }
    }

    async fn look(&self, intent: &Intent, is_first: bool) -> Result<Option<Curve>, CurveError> {
        let begun = Instant::now();
        let permit = Arc::clone(&self.looking).acquire_owned().await?;
        let (store, samples) = (Arc::clone(&self.store), self.samples.clone());
        let (rules, stop) = (Arc::clone(&self.rules.borrow()), self.stop.clone());
        let (key, alerts) = (intent.key, intent.message.alerts.clone());
        let look = move || {
            // A thread that a slow disk holds counts until it is free.
            let held = permit;
            let looked = match store.curve(key)? {
                Some(kept) => Ok(decode(&kept)),
                None if !is_first => Ok(None),
                None => match Question::of(&rules, &alerts)? {
                    None => Ok(None),
                    Some(question) => {
                        let (source, now) = (samples.source(rules.tenant), maintenance::now());
                        let patience = Patience { until: begun + EVALUATION_MAX, stop: &stop };
                        let found = question.answer(&source, &rules.environment.options, &patience, now);
                        let kept = found.as_ref().map_or_else(|_| None, Option::as_ref);
                        keep(&store, key, kept, begun, now)?;
                        found.map_err(CurveError::Evaluate)
                    }
                },
            };
            drop(held);
            looked
        };
        tokio::task::spawn_blocking(look).await?
    }
}

/// Keeps what the message will show; nothing once it went without.
fn keep(
    store: &Store,
    key: IntentKey,
    curve: Option<&Curve>,
    begun: Instant,
    now: Timestamp,
) -> Result<(), CurveError> {
    if begun.elapsed() >= LOOK_MAX {
        return Err(CurveError::TimedOut);
    }
    Ok(store.keep_curve(key, &encode(curve), now)?)
}

/// The form that is kept: the version, then nothing for none.
fn encode(curve: Option<&Curve>) -> Vec<u8> {
    let mut out = vec![VERSION];
    let Some(Curve { alert, points, warning, critical }) = curve else { return out };
    varint::put(&mut out, *alert as u64);
    for threshold in [warning, critical] {
        out.push(u8::from(threshold.is_some()));
        out.extend(threshold.unwrap_or_default().to_le_bytes());
    }
    varint::put(&mut out, points.len() as u64);
    let mut before = 0;
    for (Timestamp(at), value) in points {
        varint::put_signed(&mut out, at.wrapping_sub(before));
        out.extend(value.to_le_bytes());
        before = *at;
    }
    out
}

/// `None` where none was found, and for what another version wrote.
fn decode(bytes: &[u8]) -> Option<Curve> {
    let (&version, mut rest) = bytes.split_first()?;
    let input = &mut rest;
    if version != VERSION || input.is_empty() {
        return None;
    }
    let alert = usize::try_from(varint::take(input)?).ok()?;
    let (warning, critical) = (threshold(input)?, threshold(input)?);
    let mut points = Vec::new();
    let mut before = 0_i64;
    for _ in 0..varint::take(input)? {
        before = before.wrapping_add(varint::take_signed(input)?);
        points.push((Timestamp(before), float(input)?));
    }
    input.is_empty().then_some(Curve { alert, points, warning, critical })
}

fn threshold(input: &mut &[u8]) -> Option<Option<f64>> {
    let is_there = varint::take_exact(input, 1)? == [1];
    let value = float(input)?;
    Some(is_there.then_some(value))
}

fn float(input: &mut &[u8]) -> Option<f64> {
    varint::take_exact(input, 8)?.try_into().ok().map(f64::from_le_bytes)
}
