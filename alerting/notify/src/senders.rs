//! All channels of a site: which one an intent goes through, and the limits that hold for every attempt.

use std::collections::BTreeMap;
use std::time::{Duration, UNIX_EPOCH};

use orszem_model::Timestamp;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use crate::config::NotifyConfig;
use crate::email::Email;
use crate::exec::Exec;
use crate::notice::Notice;
use crate::ntfy::Ntfy;
use crate::outcome::Outcome;
use crate::template::{TemplateError, Templates};
use crate::view::Site;
use crate::webhook::Webhook;
use crate::webpush::WebPush;

/// Attempts of a channel at a time; others wait within their deadline.
const CONCURRENT_MAX: usize = 8;
/// What a program has beyond its own deadline, to be killed and waited for.
const EXEC_GRACE: Duration = Duration::from_secs(5);

/// Why there are no channels, or one can't be used.
#[derive(Debug, thiserror::Error)]
pub enum ChannelError {
    #[error("the channel {channel} has an address that is none")]
    Address {
        channel: String,
        #[source]
        source: crate::email::AddressError,
    },
    #[error("{zone:?} is no time zone")]
    Zone {
        zone: String,
        #[source]
        source: jiff::Error,
    },
    #[error("the channel {channel} wants the template {template}, which there is not")]
    Template { channel: String, template: String },
}

#[derive(Debug)]
enum Kind {
    Email(Box<Email>),
    WebPush(Box<WebPush>),
    Ntfy(Box<Ntfy>),
    Webhook(Box<Webhook>),
    Exec(Exec),
}

#[derive(Debug)]
struct Channel {
    kind: Kind,
    within: Duration,
    permits: Semaphore,
}

/// The channels of a site.
#[derive(Debug)]
pub struct Senders {
    site: Site,
    templates: Templates,
    channels: BTreeMap<String, Channel>,
}

/// What is wrong, but keeps nobody from being told: templates that are replaced by the built-in texts.
pub type Warnings = Vec<TemplateError>;

impl Senders {
    /// The channels of a configuration that was validated. Reads the templates, and no other file.
    ///
    /// # Errors
    /// The first channel that can't be used at all.
    pub fn new(config: &NotifyConfig) -> Result<(Self, Warnings), ChannelError> {
        let NotifyConfig {
            language, origin, external_url, templates: folder, email, webpush, ntfy, webhook, exec, ..
        } = config;
        let (templates, warnings) = Templates::load(folder.as_deref());
        let mut channels = BTreeMap::new();
        let mut add = |name: &String, kind: Kind, within: Duration| {
            channels.insert(name.clone(), Channel { kind, within, permits: Semaphore::new(CONCURRENT_MAX) });
        };
        for config in email {
            let failed = |source| ChannelError::Address { channel: config.name.clone(), source };
            let email = Email::new(config).map_err(failed)?;
            add(&config.name, Kind::Email(Box::new(email)), config.timeout.duration());
        }
        for config in webpush {
            add(&config.name, Kind::WebPush(Box::new(WebPush::new(config))), config.timeout.duration());
        }
        for config in ntfy {
            add(&config.name, Kind::Ntfy(Box::new(Ntfy::new(config))), config.timeout.duration());
        }
        for config in webhook {
            let webhook = Webhook::new(config);
            if let Some(template) = webhook.template().filter(|name| !templates.knows(name)) {
                let (channel, template) = (config.name.clone(), template.to_owned());
                return Err(ChannelError::Template { channel, template });
            }
            add(&config.name, Kind::Webhook(Box::new(webhook)), config.timeout.duration());
        }
        for config in exec {
            add(&config.name, Kind::Exec(Exec::new(config)), config.timeout.duration() + EXEC_GRACE);
        }
        let (origin, external_url) = (origin.clone(), external_url.clone());
        let zone = config.zone().map_err(|source| ChannelError::Zone { zone: config.time_zone.clone(), source })?;
        let site = Site { language: *language, zone, origin, external_url };
        Ok((Self { site, templates, channels }, warnings))
    }

    /// The names of the channels.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.channels.keys().map(String::as_str)
    }

    /// One attempt, which ends within the channel's deadline. Safe to drop: what it started ends with it.
    pub async fn send(&self, notice: &Notice, now: Timestamp) -> Outcome {
        let name = &notice.intent.recipient.channel;
        let Some(channel) = self.channels.get(name) else {
            return Outcome::refused(&format!("there is no channel {name:?}"));
        };
        let now = UNIX_EPOCH + Duration::from_nanos(now.0.max(0).unsigned_abs());
        let attempt = async {
            let Ok(_permit) = channel.permits.acquire().await else {
                return Outcome::retry("the channel is closing");
            };
            let (site, templates) = (&self.site, &self.templates);
            match &channel.kind {
                Kind::Email(email) => email.send(notice, site, templates, now).await,
                Kind::WebPush(webpush) => webpush.send(notice, site, templates, now).await,
                Kind::Ntfy(ntfy) => ntfy.send(notice, site, templates, now).await,
                Kind::Webhook(webhook) => webhook.send(notice, site, templates, now).await,
                Kind::Exec(exec) => exec.send(notice, site, templates).await,
            }
        };
        match timeout(channel.within, attempt).await {
            Ok(outcome) => outcome,
            Err(_) => Outcome::retry(&format!("no answer within {:?}", channel.within)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zone_that_there_is_not_is_told_and_not_replaced() {
        let of = |zone: &str| NotifyConfig { time_zone: zone.to_owned(), ..NotifyConfig::default() };
        let error = Senders::new(&of("Europe/Nowhere")).expect_err("no zone");
        assert_eq!(error.to_string(), "\"Europe/Nowhere\" is no time zone");
        let (senders, _) = Senders::new(&of("Europe/Budapest")).expect("a zone");
        assert_eq!(senders.site.zone.iana_name(), Some("Europe/Budapest"));
    }
}
