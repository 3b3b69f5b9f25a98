//! The options of `orszem up --mail`, and the test message at the start.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use clap::ValueEnum;
use orszem_alerting::Input;
use orszem_indexer::alerting::{AlertingHandle, DeliveryRecord, DeliveryState};
use orszem_notify::EmailTls;

use crate::app::App;
use crate::lines::harmless;
use crate::mailing::{MAIL, Mailing};

/// How long the start waits for what becomes of the test message; it is tried on.
const OUTCOME_WITHIN: Duration = Duration::from_secs(15);
/// How often it is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// Deliveries among which it is looked for.
const DELIVERIES: usize = 100;

/// Where alerts are mailed to.
#[derive(Clone, Debug, clap::Args)]
pub struct MailArgs {
    /// Mail alerts to this address, and a test message at the first start
    #[arg(long, value_name = "ADDRESS")]
    pub mail: Option<String>,
    /// The mail server; port 587 with STARTTLS, 465 with TLS, 25 to this host
    #[arg(long, value_name = "HOST[:PORT]", default_value = "localhost", requires = "mail")]
    pub smtp: String,
    /// How the connection to it is encrypted, if not as its port says
    #[arg(long, value_enum, value_name = "HOW", requires = "mail")]
    pub smtp_tls: Option<SmtpTls>,
    /// The user to log in as
    #[arg(long, value_name = "NAME", requires = "smtp_password_file", requires = "mail")]
    pub smtp_user: Option<String>,
    /// The file with the password
    #[arg(long, value_name = "FILE", requires = "smtp_user")]
    pub smtp_password_file: Option<PathBuf>,
    /// The sender [default: the user, where that is an address, else the address that is mailed to]
    #[arg(long, value_name = "ADDRESS", requires = "mail")]
    pub mail_from: Option<String>,
    /// Send the test message again
    #[arg(long, requires = "mail")]
    pub mail_test: bool,
    /// Where those who read the mails reach this server, for the links in them [default: where it listens]
    #[arg(long, value_name = "URL", requires = "mail")]
    pub external_url: Option<String>,
}

/// How a connection is encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum SmtpTls {
    Starttls,
    Tls,
    None,
}

impl MailArgs {
    /// What it comes to; `None` without an address.
    ///
    /// # Errors
    /// When the mail server is none.
    pub fn mailing(&self) -> anyhow::Result<Option<Mailing>> {
        let Some(to) = self.mail.clone() else { return Ok(None) };
        let (host, port) = host_and_port(&self.smtp)?;
        let tls = self.smtp_tls.map(|tls| match tls {
            SmtpTls::Starttls => EmailTls::Starttls,
            SmtpTls::Tls => EmailTls::Tls,
            SmtpTls::None => EmailTls::None,
        });
        Ok(Some(Mailing {
            to: to.trim().to_owned(),
            host,
            port,
            tls,
            user: self.smtp_user.clone().unwrap_or_default(),
            password_file: self.smtp_password_file.clone(),
            from: self.mail_from.clone(),
            external_url: self.external_url.clone(),
        }))
    }
}

/// `host`, `host:port`, `[::1]` or `[::1]:port`.
fn host_and_port(text: &str) -> anyhow::Result<(String, Option<u16>)> {
    let (host, port) = match text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((host, "")) => (host, None),
        Some((host, rest)) => (host, Some(rest.strip_prefix(':').unwrap_or(rest))),
        None => match text.rsplit_once(':') {
            Some((host, port)) if !host.contains(':') => (host, Some(port)),
            _ => (text, None),
        },
    };
    let port = port.map(|port| port.parse::<u16>().ok().filter(|port| *port != 0)).map_or(Ok(None), |port| {
        port.map(Some).with_context(|| format!("--smtp {text:?} has no port from 1 to 65535 behind its colon"))
    })?;
    Ok((host.to_owned(), port))
}

/// Sends the test message where it was not sent yet from this data directory, and says what became of it.
///
/// # Errors
/// When nothing can be printed, or the store of alerting fails.
pub(super) async fn test(out: &mut impl Write, app: &App, mailing: &Mailing, is_asked: bool) -> anyhow::Result<()> {
    let (to, server) = (harmless(&mailing.to), mailing.server());
    let tested = app.mail_tested();
    let way = format!("{} through {server}\n", mailing.to);
    if !is_asked && was_tested(&tested, &way)? {
        writeln!(out, "\nalerts are mailed to {to} through {server}; --mail-test sends a test message again")?;
        return Ok(out.flush()?);
    }
    writeln!(out, "\nalerts are mailed to {to} through {server}; a test message goes out now …")?;
    out.flush()?;
    match outcome(&app.alerting()).await? {
        Some(sent) if sent.state == DeliveryState::Delivered => {
            orszem_durable::replace(&tested, way.as_bytes())
                .with_context(|| format!("can't write {}", tested.display()))?;
            writeln!(out, "the test message was delivered: {}", said(&sent))?;
        }
        Some(sent) => {
            let goes_on = match sent.state {
                DeliveryState::Waiting => "it is tried again for a day, as alerts are",
                _ => "alerts will not arrive either",
            };
            writeln!(out, "THE TEST MESSAGE WAS NOT DELIVERED: {}; {goes_on}", said(&sent))?;
            writeln!(out, "  fix: check --mail, --smtp, --smtp-tls, --smtp-user and --mail-from, then start again")?;
        }
        None => {
            writeln!(out, "the test message is still on its way; `orszem alerts deliveries` tells what becomes of it")?;
        }
    }
    Ok(out.flush()?)
}

/// What the last attempt came to, in the words of the other side.
fn said(sent: &DeliveryRecord) -> String {
    sent.attempts.last().map(|(_, _, text)| harmless(text).to_string()).unwrap_or_default()
}

fn was_tested(path: &Path, way: &str) -> anyhow::Result<bool> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(text == way),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error).with_context(|| format!("can't read {}", path.display())),
    }
}

/// The test message once it was tried; `None` when that takes too long.
async fn outcome(alerting: &AlertingHandle) -> anyhow::Result<Option<DeliveryRecord>> {
    let before: Vec<String> = tests(alerting).await?.into_iter().map(|sent| sent.key).collect();
    let input = Input::Test { contact: MAIL.to_owned(), by: "orszem up".to_owned() };
    if let Some(refusal) = alerting.submit(vec![input]).await?.into_iter().flatten().next() {
        anyhow::bail!("the test message was refused: {refusal}");
    }
    let tried = async {
        let mut tick = tokio::time::interval(LOOK_EVERY);
        loop {
            tick.tick().await;
            let mut sent = tests(alerting).await?;
            sent.retain(|sent| !before.contains(&sent.key));
            if let Some(sent) = sent.into_iter().find(|sent| !sent.attempts.is_empty()) {
                return Ok::<_, anyhow::Error>(sent);
            }
        }
    };
    tokio::time::timeout(OUTCOME_WITHIN, tried).await.ok().transpose()
}

async fn tests(alerting: &AlertingHandle) -> anyhow::Result<Vec<DeliveryRecord>> {
    let alerting = alerting.clone();
    let mut sent = tokio::task::spawn_blocking(move || alerting.deliveries(None, DELIVERIES)).await??;
    sent.retain(|sent| sent.kind == "test" && sent.recipient.contact == MAIL);
    Ok(sent)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_has_a_port_or_none() {
        let read = |text: &str| host_and_port(text).ok();
        let of = |host: &str, port| Some((host.to_owned(), port));
        assert_eq!(read("smtp.example.com"), of("smtp.example.com", None));
        assert_eq!(read("smtp.example.com:465"), of("smtp.example.com", Some(465)));
        assert_eq!(read("[::1]:25"), of("::1", Some(25)));
        assert_eq!(read("[::1]"), of("::1", None));
        assert_eq!(read("::1"), of("::1", None));
        assert_eq!([read("a:"), read("a:0"), read("a:99999"), read("[::1]25x")], [None, None, None, None]);
    }
}
