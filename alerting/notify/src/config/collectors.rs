//! `[notify.collectors]`: what collectors are handed so that they tell people while the server is gone.

use std::path::PathBuf;

use orszem_model::Span;
use serde::{Deserialize, Serialize};

use super::NotifyConfig;

/// Addresses that collectors are handed.
pub const COLLECTOR_ADDRESSES_MAX: usize = 8;

/// Who is told that the server is gone, and when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CollectorsConfig {
    /// 1 to [`COLLECTOR_ADDRESSES_MAX`], on channels that are mail, ntfy or a webhook.
    pub addresses: Vec<CollectorAddress>,
    /// How long a collector does not reach the server before it tells.
    pub after: Span,
    /// How much longer each next collector waits, so that one tells and not all.
    pub spread: Span,
    /// How many collectors may tell, if those before them do not.
    pub tellers: u32,
}

/// Somebody on a channel.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CollectorAddress {
    /// The name of a channel.
    pub channel: String,
    /// As contacts name it: a mail address, a topic.
    pub to: String,
}

impl Default for CollectorsConfig {
    fn default() -> Self {
        Self { addresses: Vec::new(), after: Span::secs(300), spread: Span::secs(60), tellers: 3 }
    }
}

impl NotifyConfig {
    /// What collectors need of it: the channels that their addresses name, with the words and the zone of the site.
    /// `None` where they are handed nothing.
    pub fn of_collectors(&self) -> Option<Self> {
        let collectors = self.collectors.as_ref()?;
        let is_named = |name: &String| collectors.addresses.iter().any(|address| address.channel == *name);
        Some(Self {
            language: self.language,
            time_zone: self.time_zone.clone(),
            origin: self.origin.clone(),
            email: self.email.iter().filter(|channel| is_named(&channel.name)).cloned().collect(),
            ntfy: self.ntfy.iter().filter(|channel| is_named(&channel.name)).cloned().collect(),
            webhook: self.webhook.iter().filter(|channel| is_named(&channel.name)).cloned().collect(),
            collectors: Some(collectors.clone()),
            ..Self::default()
        })
    }

    /// All files that mail, ntfy and webhooks read.
    pub fn files_mut(&mut self) -> Vec<&mut PathBuf> {
        let email = self.email.iter_mut().flat_map(|channel| [&mut channel.ca_file, &mut channel.password_file]);
        let ntfy = self
            .ntfy
            .iter_mut()
            .flat_map(|channel| [&mut channel.token_file, &mut channel.password_file, &mut channel.ca_file]);
        let mut files: Vec<&mut PathBuf> = email.chain(ntfy).flatten().collect();
        for channel in &mut self.webhook {
            let single = [
                &mut channel.url_file,
                &mut channel.token_file,
                &mut channel.password_file,
                &mut channel.secret_file,
                &mut channel.signing_key_file,
                &mut channel.ca_file,
                &mut channel.certificate_file,
                &mut channel.key_file,
            ];
            files.extend(single.into_iter().flatten());
            files.extend(channel.header_files.values_mut());
        }
        files
    }
}
