//! What of a configuration is taken, and what is said of the rest.

use super::*;

fn told(text: &str) -> Vec<String> {
    let config: NotifyConfig = toml::from_str(text).expect("reads");
    config.validate().iter().map(ToString::to_string).collect()
}

const GOOD: &str = r#"
language = "hu"
time_zone = "Europe/Budapest"
origin = "site-1"
external_url = "https://orszem.example:8443/x"

[[email]]
name = "mail"
host = "smtp.example.com"
user = "orszem"
password_file = "/etc/orszem/smtp"
from = "Őrszem <orszem@example.com>"

[[webpush]]
name = "push"
key_file = "/etc/orszem/vapid.pem"
subject = "mailto:admin@example.com"

[[ntfy]]
name = "ntfy"
token_file = "/etc/orszem/ntfy"

[[webhook]]
name = "slack"
url_file = "/etc/orszem/slack"
body = "slack"

[[exec]]
name = "modem"
program = "/usr/local/bin/sms"
timeout = "1m"
"#;

#[test]
fn a_good_one_has_nothing_wrong() {
    assert_eq!(told(GOOD), [""; 0]);
    assert_eq!(told(""), [""; 0]);
    let config: NotifyConfig = toml::from_str(GOOD).expect("reads");
    let ports = [EmailTls::Starttls, EmailTls::Tls, EmailTls::None]
        .map(|tls| EmailConfig { tls, ..config.email[0].clone() }.port());
    assert_eq!(ports, [587, 465, 25]);
}

#[test]
fn everything_wrong_is_told_with_its_key_and_value() {
    let bad = r#"
time_zone = "Europe/Nowhere"
origin = "a b"

[[email]]
name = "mail"
host = "smtp.example.com"
port = 0
tls = "none"
user = "orszem"
password_file = "/x"
from = "nobody"
timeout = "10ms"

[[webpush]]
name = "push"
subject = "admin"
hosts = ["https://x"]

[[ntfy]]
name = "mail"
url = "ftp://x"
user = "u"
token_file = "/x"

[[webhook]]
name = ""
url = "https://user:secret@x/"
body = "../etc/passwd"
headers = { "a b" = "c" }
key_file = "/x"

[[exec]]
name = "modem"
program = "sms"
"#;
    assert_eq!(
        told(bad),
        [
            "notify.time_zone \"Europe/Nowhere\" is no time zone; write a name as Europe/Budapest",
            "notify.origin \"a b\" is no name of a site; write letters, digits, - and .",
            "notify.email[0].timeout \"10ms\" is out of range; write 1s to 5m",
            "notify.email[0].port \"0\" is no port; write 1 to 65535, or leave it out",
            "notify.email[0].from \"nobody\" is no mail address; write Name <user@example.com>",
            "notify.email[0].tls \"none\" would send the password in the clear; write starttls or tls",
            "notify.webpush[0].key_file \"\" is missing; name a file with a P-256 key in PKCS #8 (PEM)",
            "notify.webpush[0].subject \"admin\" is no contact; write mailto:admin@example.com or an https URL",
            "notify.webpush[0].hosts \"https://x\" is no host; write a name alone; those below it are meant, too",
            "notify.ntfy[0].url \"ftp://x\" is no http or https URL; write it whole, without a user and password",
            "notify.ntfy[0].user \"u\" and password_file go together; name both, or neither",
            "notify.ntfy[0].user \"u\" and token_file exclude each other; name one of them",
            "notify.webhook[0].name \"\" is no name; write up to 64 characters; addresses of contacts name it",
            "notify.webhook[0].url \"https://user:***@x/\" is no http or https URL; write it whole, without a user and password",
            "notify.webhook[0].body \"../etc/passwd\" is no format; write alertmanager, slack, mattermost, teams, telegram, pagerduty, sms or the name of a template",
            "notify.webhook[0].headers \"a b\" is no name of a header; write one as X-Token",
            "notify.webhook[0].certificate_file \"\" and key_file go together; name both, or neither",
            "notify.exec[0].program \"sms\" is no whole path; write one from / on",
            "notify.ntfy[0].name \"mail\" names another channel, too; write a name of its own",
        ]
    );
}

#[test]
fn unknown_keys_are_refused() {
    for bad in ["[[email]]\npassword = \"x\"", "colour = 1", "[[webhook]]\nurls = []"] {
        assert!(toml::from_str::<NotifyConfig>(bad).is_err(), "{bad}");
    }
}

const COLLECTORS: &str = r#"
[[collectors.addresses]]
channel = "mail"
to = "ops@example.com"
[[collectors.addresses]]
channel = "slack"
to = "x"
"#;

#[test]
fn collectors_are_handed_the_channels_that_they_need() {
    let mut config: NotifyConfig = toml::from_str(&format!("{GOOD}{COLLECTORS}")).expect("reads");
    assert_eq!(config.validate(), []);
    let mut handed = config.of_collectors().expect("something is handed");
    assert_eq!((handed.language, handed.origin.as_str()), (config.language, "site-1"));
    assert_eq!((&handed.email, &handed.webhook), (&config.email, &config.webhook));
    assert_eq!((handed.ntfy.len(), handed.webpush.len(), handed.exec.len()), (0, 0, 0));
    let files: Vec<String> = handed.files_mut().iter().map(|path| path.display().to_string()).collect();
    assert_eq!(files, ["/etc/orszem/smtp", "/etc/orszem/slack"]);
    config.collectors = None;
    assert_eq!(config.of_collectors(), None);
}

#[test]
fn a_section_of_collectors_names_somebody() {
    let nobody = "notify.collectors.addresses \"[]\" names nobody; name somebody, or leave the section out";
    for bad in ["after = \"1m\"", "addresses = []"] {
        assert_eq!(told(&format!("{GOOD}[collectors]\n{bad}\n")), [nobody], "{bad}");
    }
    let no_topic = "notify.collectors.addresses[0].to \"\" is no topic; write letters, digits, - and _, at most 64";
    for (to, expected) in [("", vec![no_topic]), ("site", vec![])] {
        let text = format!("{GOOD}[collectors]\naddresses = [{{ channel = \"ntfy\", to = \"{to}\" }}]\n");
        assert_eq!(told(&text), expected);
    }
}

#[test]
fn collectors_are_not_handed_what_they_can_not_use() {
    let bad = r#"
[[webhook]]
name = "own"
url = "http://a"
body = "own.json"
[collectors]
after = "500ms"
spread = "2h"
tellers = 0
addresses = [{ channel = "modem", to = "1" }, { channel = "mail", to = "ops" }, { channel = "own", to = "" }]
"#;
    let expected = [
        "notify.collectors.after \"500ms\" is out of range; write 1s to 1d",
        "notify.collectors.spread \"2h\" is out of range; write 1s to 1h",
        "notify.collectors.tellers \"0\" is out of range; write 1 to 10",
        "notify.collectors.addresses[0].channel \"modem\" is no channel that collectors can use; name one of \
         [[notify.email]], [[notify.ntfy]] and [[notify.webhook]]",
        "notify.collectors.addresses[1].to \"ops\" is no mail address; write user@example.com",
        "notify.collectors.addresses[2].channel \"own\" has a template of the site as its body, which collectors do not \
         have; name a channel with a built-in body",
    ];
    assert_eq!(told(&format!("{GOOD}{bad}")), expected);
}
