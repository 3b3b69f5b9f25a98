//! One server as this host reaches it: name, connection, encryption, readiness, clock, token.

use std::time::Duration;

use bytes::Bytes;
use http::Uri;
use http::header::DATE;
use orszem_model::Timestamp;
use orszem_model::time::parse_timestamp;
use tokio::net::{TcpStream, lookup_host};

use super::Finding;
use super::local::OutputSettings;
use crate::cli::chain;
use crate::client::{Client, Refused};

/// How long each step may take.
const WITHIN: Duration = Duration::from_secs(10);
/// Clocks that differ by more are told; the `Date` header counts whole seconds.
const SKEW_MAX_S: i64 = 3;

/// Tries the steps in order, up to the first that fails. `now` is this host's clock.
pub async fn check(url: &str, output: &OutputSettings, now: impl Fn() -> Timestamp) -> Vec<Finding> {
    let mut findings = Vec::new();
    if let Err(wrong) = steps(url, output, now, &mut findings).await {
        findings.push(wrong);
    }
    findings
}

async fn steps(
    url: &str,
    output: &OutputSettings,
    now: impl Fn() -> Timestamp,
    findings: &mut Vec<Finding>,
) -> Result<(), Finding> {
    let write = "write endpoints such as \"https://logs.example:7450\"";
    let client = Client::new(url, output.token_file.as_deref(), output.ca_file.as_deref(), None)
        .map_err(|error| Finding::fail(format!("endpoint {url}"), chain(&error), write))?;
    let uri: Uri = url.parse().map_err(|_| Finding::fail(format!("endpoint {url}"), "is no URL", write))?;
    let host = uri.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']').to_owned();
    let port = uri.port_u16().unwrap_or(if uri.scheme_str() == Some("https") { 443 } else { 80 });
    connect(&host, port, findings).await?;

    let what = format!("server {url}");
    let answer = tokio::time::timeout(WITHIN, client.look("/-/ready")).await;
    let response = match answer {
        Err(_) => {
            return Err(Finding::fail(
                what,
                format!("does not answer within {} s", WITHIN.as_secs()),
                "look at the server's log and load",
            ));
        }
        Ok(Err(error)) => return Err(untrusted(what, &error)),
        Ok(Ok(response)) => response,
    };
    if !response.status().is_success() {
        return Err(Finding::fail(
            what,
            format!("answers {}: it is starting, stopping, or something else", response.status()),
            "orszem doctor again in a minute",
        ));
    }
    findings.push(Finding::ok(what, "is ready"));
    let date = response.headers().get(DATE).and_then(|date| date.to_str().ok());
    findings.extend(date.and_then(|date| clock(date, now())));
    findings.push(authorised(url, &client).await);
    Ok(())
}

async fn connect(host: &str, port: u16, findings: &mut Vec<Finding>) -> Result<(), Finding> {
    let what = format!("name {host}");
    let found = tokio::time::timeout(WITHIN, lookup_host((host, port))).await;
    let addresses: Vec<_> = match found {
        Ok(Ok(addresses)) => addresses.collect(),
        Ok(Err(error)) => {
            return Err(Finding::fail(
                what,
                error.to_string(),
                format!("getent hosts {host}; correct DNS or /etc/hosts"),
            ));
        }
        Err(_) => return Err(Finding::fail(what, "the name server does not answer", "see /etc/resolv.conf")),
    };
    let shown: Vec<String> = addresses.iter().map(|address| address.ip().to_string()).collect();
    findings.push(Finding::ok(what, format!("is {}", shown.join(", "))));
    let what = format!("connection to {host}:{port}");
    match tokio::time::timeout(WITHIN, TcpStream::connect(addresses.as_slice())).await {
        Ok(Ok(_)) => findings.push(Finding::ok(what, "is open")),
        Ok(Err(error)) => {
            let fix = format!("start the server there, let it listen on {port} for others, open its firewall");
            return Err(Finding::fail(what, error.to_string(), fix));
        }
        Err(_) => {
            return Err(Finding::fail(
                what,
                "nothing answers",
                format!("open the firewalls between here and there for TCP {port}"),
            ));
        }
    }
    Ok(())
}

fn untrusted(what: String, error: &anyhow::Error) -> Finding {
    let tls = error.chain().find_map(|cause| {
        let direct = cause.downcast_ref::<rustls::Error>();
        direct.or_else(|| cause.downcast_ref::<std::io::Error>()?.get_ref()?.downcast_ref::<rustls::Error>())
    });
    let fix = match tls {
        Some(rustls::Error::InvalidCertificate(rustls::CertificateError::UnknownIssuer)) => {
            "set ca_file in [collector.output] to the server's tls/ca.crt, or run `orszem collector install` with its --fingerprint"
        }
        Some(rustls::Error::InvalidCertificate(rustls::CertificateError::NotValidForNameContext { .. })) => {
            "use a name that the certificate has, or add this one to server.tls.names at the server"
        }
        Some(rustls::Error::InvalidCertificate(_)) => "date; then renew the server's certificate",
        Some(_) => "write http:// if the server has no TLS, else see its log",
        None => "see the server's log",
    };
    Finding::fail(what, chain(error), fix)
}

/// The server's `Date` beside this host's clock.
fn clock(date: &str, now: Timestamp) -> Option<Finding> {
    let server = http_date(date)?;
    let skew_s = server.0.saturating_sub(now.0) / 1_000_000_000;
    Some(match skew_s.abs() > SKEW_MAX_S {
        true => {
            let side = if skew_s > 0 { "behind" } else { "ahead of" };
            Finding::warn(
                "clock",
                format!("this host is {} s {side} the server", skew_s.abs()),
                "timedatectl set-ntp true, on both",
            )
        }
        false => Finding::ok("clock", format!("within {SKEW_MAX_S} s of the server's")),
    })
}

/// An IMF-fixdate (RFC 9110, 5.6.7), such as `Sun, 06 Nov 1994 08:49:37 GMT`.
fn http_date(text: &str) -> Option<Timestamp> {
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let words: Vec<&str> = text.split_ascii_whitespace().collect();
    let [_, day, month, year, time, "GMT"] = words.as_slice() else { return None };
    let month = MONTHS.iter().position(|name| name == month)? + 1;
    parse_timestamp(&format!("{year}-{month:02}-{day}T{time}Z"), Timestamp(0)).ok()
}

async fn authorised(url: &str, client: &Client) -> Finding {
    let what = format!("token for {url}");
    let sent = tokio::time::timeout(WITHIN, client.post("/v1/logs", "application/x-protobuf", Bytes::new())).await;
    let error = match sent {
        Ok(Ok(_)) => return Finding::ok(what, "may send"),
        Ok(Err(error)) => error,
        Err(_) => return Finding::fail(what, "the server does not answer a request to send", "see the server's log"),
    };
    let fix = match error.downcast_ref::<Refused>().map(|refused| refused.code.as_str()) {
        Some("access.no_token") => "set token_file in [collector.output]",
        Some("access.unknown_token") => {
            "orszem token new NAME --role ingest at the server; its line into the server's token file, SIGHUP; the token into token_file here"
        }
        Some("access.forbidden") => "use a token of the role ingest",
        Some("ingest.disk_full") => "make room at the server",
        _ => "see the server's log",
    };
    Finding::fail(what, chain(&error), fix)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_is_judged_by_the_date_header() {
        let date = "Sun, 22 Nov 2026 10:00:00 GMT";
        let noon = Timestamp(1_795_341_600_000_000_000);
        assert_eq!(http_date(date), Some(noon));
        assert_eq!(http_date("Sun, 22 Now 2026 10:00:00 GMT"), None);
        let told = |offset_s: i64| clock(date, Timestamp(noon.0 + offset_s * 1_000_000_000)).map(|finding| finding.why);
        assert_eq!(told(-3).as_deref(), Some("within 3 s of the server's"));
        assert_eq!(told(-4).as_deref(), Some("this host is 4 s behind the server"));
        assert_eq!(told(9).as_deref(), Some("this host is 9 s ahead of the server"));
    }

    #[tokio::test]
    async fn a_closed_port_and_a_wrong_url_are_told() {
        let now = || Timestamp(0);
        let findings = check("http://127.0.0.1:9", &OutputSettings::default(), now).await;
        let lines: Vec<String> = findings.iter().map(Finding::to_string).collect();
        assert_eq!(lines.len(), 2, "{lines:?}");
        assert_eq!(lines[0], "ok    name 127.0.0.1 — is 127.0.0.1");
        assert!(lines[1].starts_with("FAIL  connection to 127.0.0.1:9 — Connection refused"), "{lines:?}");
        let findings = check("logs:7450", &OutputSettings::default(), now).await;
        assert!(findings[0].to_string().contains("write a URL such as"), "{findings:?}");
    }
}
