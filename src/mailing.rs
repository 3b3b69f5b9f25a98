//! What `orszem up --mail` makes of the configuration: a mail server, one contact, and a policy that tells it everything.

use std::net::IpAddr;
use std::path::PathBuf;

use orszem_indexer::alerting::{AddressConfig, ContactConfig, PolicyConfig, StepConfig};
use orszem_model::Span;
use orszem_notify::{EmailConfig, EmailTls};

use crate::config::{Config, TlsMode};

/// The name of the channel, the contact and the policy.
pub const MAIL: &str = "mail";
/// Messages of ten minutes before the rest of them come together.
const RATE: (u32, Span) = (20, Span::secs(600));
/// SMTP with TLS from the beginning (RFC 8314).
const PORT_TLS: u16 = 465;

/// Where alerts go, and through which mail server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mailing {
    pub to: String,
    pub host: String,
    /// If unset that of the way in which the connection is encrypted.
    pub port: Option<u16>,
    /// If unset none to this host, from the beginning at port 465, else STARTTLS.
    pub tls: Option<EmailTls>,
    /// Empty for none.
    pub user: String,
    pub password_file: Option<PathBuf>,
    /// If unset the user, where that is an address, else `to`.
    pub from: Option<String>,
    /// Where people reach the page. If unset where the server listens.
    pub external_url: Option<String>,
}

/// Why alerts can't be sent there.
#[derive(Debug, thiserror::Error)]
pub enum MailingError {
    #[error(
        "--mail is for a start without contacts, but the configuration has {has}; name {to} in [[alerting.contacts]] instead"
    )]
    Configured { has: &'static str, to: String },
    #[error("--mail {to:?} is no mail address; write user@example.com")]
    Address { to: String },
    #[error("{option} {value:?} {wrong}; {remedy}")]
    Option { option: &'static str, value: String, wrong: &'static str, remedy: &'static str },
}

impl Mailing {
    /// Adds it to a configuration that tells nobody yet.
    ///
    /// # Errors
    /// When the configuration tells somebody already, or a value can't be used.
    pub fn apply(&self, config: &mut Config) -> Result<(), MailingError> {
        let alerting = &config.alerting;
        let has = [
            (alerting.contacts.is_empty(), "contacts"),
            (alerting.policies.is_empty(), "policies"),
            (alerting.route.policy.is_none() && alerting.route.routes.is_empty(), "a route"),
            (config.notify.email.iter().all(|channel| channel.name != MAIL), "a channel of this name"),
        ];
        if let Some((_, has)) = has.into_iter().find(|(is_absent, _)| !is_absent) {
            return Err(MailingError::Configured { has, to: self.to.clone() });
        }
        let email = self.email();
        let to_itself = EmailConfig { from: self.to.clone(), ..email.clone() };
        if to_itself.wrong().is_some_and(|wrong| wrong.key == "from") {
            return Err(MailingError::Address { to: self.to.clone() });
        }
        if let Some(wrong) = email.wrong() {
            let option = match wrong.key.as_str() {
                "from" => "--mail-from",
                "user" => "--smtp-user",
                "tls" => "--smtp-tls",
                _ => "--smtp",
            };
            return Err(MailingError::Option { option, value: wrong.value, wrong: wrong.wrong, remedy: wrong.remedy });
        }
        config.notify.email.push(email);
        match &self.external_url {
            Some(url) => config.notify.external_url.clone_from(url),
            None if config.notify.external_url.is_empty() => config.notify.external_url = listening(config),
            None => {}
        }
        let (rate, rate_per) = RATE;
        let address = AddressConfig { channel: MAIL.to_owned(), to: self.to.clone(), level_min: "warning".to_owned() };
        let alerting = &mut config.alerting;
        alerting.contacts.push(ContactConfig {
            name: MAIL.to_owned(),
            addresses: vec![address],
            quiet: Vec::new(),
            rate,
            rate_per,
        });
        let step = StepConfig { after: Span::secs(0), contacts: vec![MAIL.to_owned()] };
        let (repeat, repeat_after) = (0, Span::secs(0));
        alerting.policies.push(PolicyConfig { name: MAIL.to_owned(), steps: vec![step], repeat, repeat_after });
        alerting.route.policy = Some(MAIL.to_owned());
        Ok(())
    }

    /// The server as people write it.
    pub fn server(&self) -> String {
        match self.port {
            Some(port) if self.host.contains(':') => format!("[{}]:{port}", self.host),
            Some(port) => format!("{}:{port}", self.host),
            None => self.host.clone(),
        }
    }

    fn email(&self) -> EmailConfig {
        let tls = self.tls.unwrap_or(match self.port {
            Some(PORT_TLS) => EmailTls::Tls,
            _ if is_this_host(&self.host) => EmailTls::None,
            _ => EmailTls::Starttls,
        });
        let usual = if self.user.contains('@') { &self.user } else { &self.to };
        EmailConfig {
            name: MAIL.to_owned(),
            host: self.host.clone(),
            port: self.port,
            tls,
            user: self.user.clone(),
            password_file: self.password_file.clone(),
            from: self.from.clone().unwrap_or_else(|| format!("Őrszem <{usual}>")),
            ..EmailConfig::default()
        }
    }
}

fn is_this_host(host: &str) -> bool {
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// Where the page is for those who can reach it: the name of this host where it listens everywhere. Empty where the
/// system chooses the port.
fn listening(config: &Config) -> String {
    let server = &config.server;
    let Some(address) = server.listen.iter().find(|address| address.port() != 0) else { return String::new() };
    let is_plain = match server.tls.mode {
        TlsMode::Auto => server.is_loopback(),
        TlsMode::Off => true,
        TlsMode::Files | TlsMode::LocalCa => false,
    };
    let scheme = if is_plain { "http" } else { "https" };
    let host = match address.ip() {
        ip if ip.is_unspecified() => crate::app::host_name(),
        IpAddr::V4(ip) => ip.to_string(),
        IpAddr::V6(ip) => format!("[{ip}]"),
    };
    format!("{scheme}://{host}:{}", address.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mailing(host: &str, port: Option<u16>) -> Mailing {
        Mailing {
            to: "eva@example.com".to_owned(),
            host: host.to_owned(),
            port,
            tls: None,
            user: String::new(),
            password_file: None,
            from: None,
            external_url: None,
        }
    }

    fn refused(mailing: &Mailing, config: &mut Config) -> String {
        mailing.apply(config).expect_err("refused").to_string()
    }

    #[test]
    fn what_no_configuration_sends_anywhere_goes_to_one_address() {
        let mut config = Config::default();
        mailing("smtp.example.com", None).apply(&mut config).expect("is taken");
        assert_eq!(config.validate(), []);
        let email = &config.notify.email[0];
        assert_eq!(
            (email.tls, email.port, email.from.as_str()),
            (EmailTls::Starttls, None, "Őrszem <eva@example.com>")
        );
        assert_eq!(config.notify.external_url, "http://127.0.0.1:7450");
        assert_eq!(config.alerting.route.policy.as_deref(), Some(MAIL));
        assert_eq!(
            refused(&mailing("smtp.example.com", None), &mut config),
            "--mail is for a start without contacts, but the configuration has contacts; name eva@example.com in \
             [[alerting.contacts]] instead"
        );
    }

    #[test]
    fn a_connection_is_encrypted_unless_it_stays_on_this_host() {
        let tls = |host: &str, port| mailing(host, port).email().tls;
        assert_eq!(tls("127.0.0.1", Some(2525)), EmailTls::None);
        assert_eq!(tls("::1", None), EmailTls::None);
        assert_eq!(tls("localhost", Some(465)), EmailTls::Tls);
        assert_eq!(tls("smtp.example.com", Some(25)), EmailTls::Starttls);
        let clear = Mailing { tls: Some(EmailTls::None), ..mailing("smtp.example.com", None) };
        assert_eq!(clear.email().tls, EmailTls::None);
    }

    #[test]
    fn what_is_wrong_is_told_by_its_option() {
        let of = |mailing: Mailing| refused(&mailing, &mut Config::default());
        let to = Mailing { to: "eva".to_owned(), ..mailing("a", None) };
        assert_eq!(of(to), "--mail \"eva\" is no mail address; write user@example.com");
        let half = Mailing { user: "eva".to_owned(), ..mailing("a", None) };
        assert_eq!(of(half), "--smtp-user \"eva\" and password_file go together; name both, or neither");
        let from = Mailing { from: Some("nobody".to_owned()), ..mailing("a", None) };
        assert_eq!(of(from), "--mail-from \"nobody\" is no mail address; write Name <user@example.com>");
        assert_eq!(of(mailing("", None)), "--smtp \"\" is no host; write a name or an address");
    }
}
