//! The channels of the configuration as alerting sends through them.

use std::future::Future;
use std::path::Path;
use std::pin::Pin;
use std::sync::{Arc, PoisonError, RwLock};

use anyhow::Context;
use orszem_dashboards::http::devices::{Push, PushChannel};
use orszem_dashboards::http::links::path_of;
use orszem_indexer::alerting::{Act, Deliver, Sending, Sent};
use orszem_notify::{
    Action, ActionKind, Links, Notice, NotifyConfig, Outcome, Senders, Subscription, VapidKey, WebPushConfig,
};
use tracing::warn;

use crate::collecting;

/// The channels; a reload replaces them.
pub(crate) struct Channels {
    senders: RwLock<Arc<Senders>>,
    /// Where people reach the page; empty where nobody says.
    url: RwLock<String>,
    /// What browsers subscribe to; the first counts.
    push: RwLock<Vec<WebPushConfig>>,
}

impl Channels {
    /// The channels of a configuration that was checked.
    pub(crate) fn new(config: &NotifyConfig) -> anyhow::Result<Self> {
        Ok(Self {
            senders: RwLock::new(Arc::new(senders(config)?)),
            url: RwLock::new(config.external_url.clone()),
            push: RwLock::new(config.webpush.clone()),
        })
    }

    /// Those of another one. What is under way ends as it began.
    pub(crate) fn replace(&self, config: &NotifyConfig) -> anyhow::Result<()> {
        let fresh = Arc::new(senders(config)?);
        *self.senders.write().unwrap_or_else(PoisonError::into_inner) = fresh;
        self.url.write().unwrap_or_else(PoisonError::into_inner).clone_from(&config.external_url);
        self.push.write().unwrap_or_else(PoisonError::into_inner).clone_from(&config.webpush);
        Ok(())
    }

    /// Adds where to look, and what can be done; without an address of the page neither.
    fn link(&self, notice: &mut Notice, grants: &[(Act, String)]) {
        let url = self.url.read().unwrap_or_else(PoisonError::into_inner);
        let url = url.trim_end_matches('/');
        if url.is_empty() || notice.intent.incident == 0 {
            return;
        }
        let incident = format!("{url}/?incident={}", notice.intent.incident);
        notice.links = Links { incident, ..Links::default() };
        let action = |(act, token): &(Act, String)| {
            let kind = match act {
                Act::Acknowledge => ActionKind::Ack,
                Act::Snooze => ActionKind::Snooze,
            };
            Action { kind, url: format!("{url}{}", path_of(token)) }
        };
        notice.actions = grants.iter().map(action).collect();
    }
}

fn senders(config: &NotifyConfig) -> anyhow::Result<Senders> {
    let (senders, warnings) = Senders::new(config).context("a channel can't be used")?;
    for warning in warnings {
        warn!(error = &warning as &dyn std::error::Error, "a template is replaced by the built-in text");
    }
    Ok(senders)
}

impl Push for Channels {
    fn channel(&self) -> Option<PushChannel> {
        let WebPushConfig { name, key_file, .. } =
            self.push.read().unwrap_or_else(PoisonError::into_inner).first()?.clone();
        match push_key(&key_file) {
            Ok(key) => Some(PushChannel { name, key }),
            Err(error) => {
                warn!(error = &*error as &dyn std::error::Error, "browsers can't subscribe to pushes");
                None
            }
        }
    }

    fn check(&self, subscription: &str) -> Result<(), String> {
        Subscription::parse(subscription).map(|_| ()).map_err(|error| error.to_string())
    }
}

fn push_key(file: &Path) -> anyhow::Result<String> {
    let text = std::fs::read_to_string(file).with_context(|| format!("can't read {}", file.display()))?;
    Ok(VapidKey::parse(&text)?.public())
}

impl Deliver for Channels {
    fn deliver<'a>(&'a self, sending: &'a Sending) -> Pin<Box<dyn Future<Output = Sent> + Send + 'a>> {
        let senders = Arc::clone(&self.senders.read().unwrap_or_else(PoisonError::into_inner));
        let Sending { intent, grants, earlier, curve } = sending;
        let mut notice = Notice::new(intent.clone());
        notice.earlier.clone_from(earlier);
        notice.curve = curve.clone().map(|curve| {
            let orszem_indexer::alerting::Curve { alert, points, warning, critical } = curve;
            orszem_notify::Curve { alert, points, warning, critical }
        });
        self.link(&mut notice, grants);
        Box::pin(async move {
            match senders.send(&notice, collecting::now()).await {
                Outcome::Delivered { detail, remote_id } => Sent::Delivered { detail, remote_id },
                Outcome::Retry { after, reason } => Sent::Retry { after, reason },
                Outcome::Refused { reason, is_gone } => Sent::Refused { reason, is_gone },
            }
        })
    }
}
