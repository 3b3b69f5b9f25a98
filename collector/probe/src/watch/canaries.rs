//! Targets that answer as long as this host can reach anything: where none does, it is this host that is cut off.

use std::sync::Arc;
use std::time::Duration;

use orszem_transform::Wrong;
use tokio::sync::Mutex;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::modules::Module;
use crate::probers::{Extras, Prober};
use crate::target::of_target;

/// The most of them.
const CANARIES_MAX: usize = 16;
/// How long they may take.
const WITHIN: Duration = Duration::from_secs(2);
/// How long an answer counts: one failure of the way fails many targets.
const FRESH: Duration = Duration::from_secs(2);

/// One of them, checked.
#[derive(Clone, Debug, PartialEq)]
pub struct Canary {
    name: String,
    module: Arc<Module>,
    target: String,
}

/// Reads canaries, written as targets without a module are.
///
/// # Errors
/// All that is wrong; keys are such as `probe_canaries[0]`.
pub fn canaries(texts: &[String]) -> Result<Vec<Canary>, Vec<Wrong>> {
    let (mut all, mut wrong) = (Vec::new(), Vec::new());
    for (at, text) in texts.iter().enumerate() {
        match of_target(text) {
            Some((module, target)) => all.push(Canary { name: text.clone(), module: Arc::new(module), target }),
            None => {
                let (key, remedy) = (format!("probe_canaries[{at}]"), "write one such as \"icmp://192.0.2.1\"");
                wrong.push(Wrong::new(key, format!("{text:?}"), "does not say how it is probed", remedy));
            }
        }
    }
    if all.len() > CANARIES_MAX {
        wrong.push(Wrong::new("probe_canaries", all.len(), "are too many", "name at most 16"));
    }
    if wrong.is_empty() { Ok(all) } else { Err(wrong) }
}

/// The canaries of a collector; clones share one. Without any, a collector is never isolated.
#[derive(Clone, Debug, Default)]
pub struct Canaries {
    /// Held while they are asked, so that failures at one time ask once.
    inner: Arc<Mutex<Inner>>,
}

#[derive(Debug, Default)]
struct Inner {
    known: Vec<Canary>,
    /// When they were asked, and what came of it.
    last: Option<(Instant, Option<String>)>,
}

impl Canaries {
    pub fn new(known: Vec<Canary>) -> Self {
        Self { inner: Arc::new(Mutex::new(Inner { known, last: None })) }
    }

    /// Has others from now on.
    pub async fn replace(&self, known: Vec<Canary>) {
        let mut inner = self.inner.lock().await;
        if inner.known != known {
            *inner = Inner { known, last: None };
        }
    }

    /// Why nothing can be reached from here; `None` while one of them answers. They are asked now unless they were asked
    /// a moment ago.
    pub(super) async fn isolated(&self, prober: &Prober) -> Option<String> {
        let mut inner = self.inner.lock().await;
        if inner.known.is_empty() {
            return None;
        }
        if let Some((at, answer)) = &inner.last
            && at.elapsed() < FRESH
        {
            return answer.clone();
        }
        let answer = ask(&inner.known, prober).await;
        inner.last = Some((Instant::now(), answer.clone()));
        answer
    }
}

async fn ask(known: &[Canary], prober: &Prober) -> Option<String> {
    let mut asking = JoinSet::new();
    for Canary { name: _, module, target } in known {
        let (prober, module, target) = (prober.clone(), Arc::clone(module), target.clone());
        asking.spawn(async move { prober.probe(&module, &target, &Extras::default(), WITHIN).await.is_success() });
    }
    while let Some(answer) = asking.join_next().await {
        if matches!(answer, Ok(true)) {
            return None;
        }
    }
    let names: Vec<&str> = known.iter().map(|canary| canary.name.as_str()).collect();
    Some(format!("none of its canaries answers: {}", names.join(", ")))
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn who_reaches_one_of_them_is_not_isolated() {
        let prober = Prober::default();
        assert_eq!(Canaries::default().isolated(&prober).await, None);
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("binds");
        let good = format!("tcp://{}", listener.local_addr().expect("an address"));
        let gone = TcpListener::bind("127.0.0.1:0").await.expect("binds");
        let bad = format!("tcp://{}", gone.local_addr().expect("an address"));
        drop(gone);
        let of = |texts: &[&String]| {
            let texts: Vec<String> = texts.iter().map(|text| (*text).clone()).collect();
            Canaries::new(canaries(&texts).expect("canaries"))
        };
        assert_eq!(of(&[&bad, &good]).isolated(&prober).await, None);
        let why = format!("none of its canaries answers: {bad}");
        assert_eq!(of(&[&bad]).isolated(&prober).await, Some(why));
        assert!(canaries(&["gopher://x".to_owned()]).is_err());
    }
}
