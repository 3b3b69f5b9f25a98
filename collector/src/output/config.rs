//! The `[output]` section: which servers, how they are trusted, and how the collector shows who it is.

use std::path::PathBuf;

use ::http::Uri;
use orszem_client::{Pem, Trust};
use serde::{Deserialize, Serialize};

use crate::Wrong;

/// Where batches are sent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OutputConfig {
    /// URLs without a path, such as `https://logs.example:7450`; the first one that works is used.
    pub endpoints: Vec<String>,
    /// Holds the token to send with, and nothing else; read again when it changes.
    pub token_file: Option<PathBuf>,
    /// PEM, the authorities to trust instead of the system's.
    pub ca_file: Option<PathBuf>,
    /// PEM, this collector's certificate, then its chain; read again when it changes.
    pub certificate: Option<PathBuf>,
    /// PEM, the certificate's private key.
    pub key: Option<PathBuf>,
}

/// A server's address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Endpoint {
    /// As configured.
    pub(super) url: String,
    /// A name or an address, without brackets.
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) is_https: bool,
}

impl OutputConfig {
    /// Everything that can't be used, in the order of the keys.
    pub fn validate(&self) -> Vec<Wrong> {
        let Self { endpoints, token_file: _, ca_file, certificate, key } = self;
        let wrong = |key: &str, value: &str, wrong: &str, remedy: &str| Wrong {
            key: format!("output.{key}"),
            value: value.to_owned(),
            wrong: wrong.to_owned(),
            remedy: remedy.to_owned(),
        };
        let mut all = Vec::new();
        if endpoints.is_empty() {
            all.push(wrong("endpoints", "[]", "names no server", "write a URL such as https://logs.example:7450"));
        }
        let mut has_https = false;
        for (at, url) in endpoints.iter().enumerate() {
            let place = format!("endpoints[{at}]");
            match Endpoint::parse(url) {
                Ok(endpoint) => has_https |= endpoint.is_https,
                Err((cause, remedy)) => all.push(wrong(&place, url, cause, remedy)),
            }
            if endpoints.iter().take(at).any(|earlier| earlier == url) {
                all.push(wrong(&place, url, "is named twice", "leave one of them out"));
            }
        }
        let plain = !has_https && all.is_empty();
        let shown = |path: &PathBuf| path.display().to_string();
        if let (Some(ca_file), true) = (ca_file, plain) {
            let remedy = "write https:// or leave it out";
            all.push(wrong("ca_file", &shown(ca_file), "is of no use, as no endpoint is https", remedy));
        }
        match (certificate, key) {
            (Some(certificate), None) => {
                all.push(wrong("certificate", &shown(certificate), "has no key", "name its file with output.key"));
            }
            (None, Some(key)) => {
                let remedy = "name its file with output.certificate";
                all.push(wrong("key", &shown(key), "has no certificate", remedy));
            }
            (Some(certificate), Some(_)) if plain => {
                let remedy = "write https:// or leave it out";
                all.push(wrong("certificate", &shown(certificate), "is of no use, as no endpoint is https", remedy));
            }
            (Some(_), Some(_)) | (None, None) => {}
        }
        all
    }

    /// Whom endpoints are trusted by, and what they are shown.
    pub(super) fn trust(&self) -> Trust<'_> {
        Trust {
            ca: self.ca_file.as_deref().map(Pem::File),
            certificate: self.certificate.as_deref().map(Pem::File),
            key: self.key.as_deref().map(Pem::File),
            versions: rustls::DEFAULT_VERSIONS.to_vec(),
            takes_any: false,
        }
    }
}

impl Endpoint {
    /// Reads a URL; otherwise what is wrong with it and what to do.
    pub(super) fn parse(url: &str) -> Result<Self, (&'static str, &'static str)> {
        const EXAMPLE: &str = "write a URL such as https://logs.example:7450";
        let uri: Uri = url.parse().map_err(|_| ("is no URL", EXAMPLE))?;
        let is_https = match uri.scheme_str() {
            Some("http") => false,
            Some("https") => true,
            Some(_) => return Err(("has another scheme than http and https", EXAMPLE)),
            None => return Err(("has no scheme", EXAMPLE)),
        };
        let authority = uri.authority().ok_or(("names no host", EXAMPLE))?;
        if authority.as_str().contains('@') {
            return Err(("holds a user or a password", "leave it out; a token goes to output.token_file"));
        }
        if !matches!(uri.path(), "" | "/") || uri.query().is_some() {
            return Err(("has a path", "leave it out; batches go to /v1/logs"));
        }
        let host = authority.host().trim_start_matches('[').trim_end_matches(']');
        if host.is_empty() {
            return Err(("names no host", EXAMPLE));
        }
        let port = match (authority.port(), authority.port_u16()) {
            (Some(_), None | Some(0)) => return Err(("has no usable port", EXAMPLE)),
            (_, port) => port.unwrap_or(if is_https { 443 } else { 80 }),
        };
        Ok(Self { url: url.trim_end_matches('/').to_owned(), host: host.to_owned(), port, is_https })
    }

    /// The value of the `Host` header.
    pub(super) fn authority(&self) -> String {
        if self.host.contains(':') {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(config: &OutputConfig, expected: &[&str]) {
        let told: Vec<String> = config
            .validate()
            .into_iter()
            .map(|w| format!("{} = {}: {}; {}", w.key, w.value, w.wrong, w.remedy))
            .collect();
        assert_eq!(told, expected);
    }

    fn endpoints(urls: &[&str]) -> OutputConfig {
        OutputConfig { endpoints: urls.iter().map(|url| (*url).to_owned()).collect(), ..OutputConfig::default() }
    }

    #[test]
    fn every_problem_is_told_at_once() {
        check(&endpoints(&["https://a:1", "http://[::1]:7450/", "http://10.0.0.1"]), &[]);
        check(
            &OutputConfig::default(),
            &["output.endpoints = []: names no server; write a URL such as https://logs.example:7450"],
        );
        let bad = OutputConfig {
            key: Some("/k".into()),
            ..endpoints(&["a:1", "ftp://a", "http://a/x", "http://u:p@a", "http://a:0"])
        };
        check(
            &bad,
            &[
                "output.endpoints[0] = a:1: has no scheme; write a URL such as https://logs.example:7450",
                "output.endpoints[1] = ftp://a: has another scheme than http and https; write a URL such as https://logs.example:7450",
                "output.endpoints[2] = http://a/x: has a path; leave it out; batches go to /v1/logs",
                "output.endpoints[3] = http://u:p@a: holds a user or a password; leave it out; a token goes to output.token_file",
                "output.endpoints[4] = http://a:0: has no usable port; write a URL such as https://logs.example:7450",
                "output.key = /k: has no certificate; name its file with output.certificate",
            ],
        );
        let unused = OutputConfig { ca_file: Some("/ca".into()), ..endpoints(&["http://a", "http://a"]) };
        check(&unused, &["output.endpoints[1] = http://a: is named twice; leave one of them out"]);
        let unused = OutputConfig { ca_file: Some("/ca".into()), ..endpoints(&["http://a"]) };
        check(
            &unused,
            &["output.ca_file = /ca: is of no use, as no endpoint is https; write https:// or leave it out"],
        );
        let keyless = OutputConfig { certificate: Some("/c".into()), ..endpoints(&["https://a"]) };
        check(&keyless, &["output.certificate = /c: has no key; name its file with output.key"]);
    }

    #[test]
    fn an_endpoint_knows_its_port_and_host() {
        let shown = |url| Endpoint::parse(url).map(|e| (e.authority(), e.host, e.is_https));
        assert_eq!(shown("https://logs"), Ok(("logs:443".into(), "logs".into(), true)));
        assert_eq!(shown("http://[::1]:7450/"), Ok(("[::1]:7450".into(), "::1".into(), false)));
    }

    #[test]
    fn an_unknown_option_is_refused() {
        assert!(serde_json::from_str::<OutputConfig>(r#"{"endpoints":["http://a"]}"#).is_ok());
        assert!(serde_json::from_str::<OutputConfig>(r#"{"endpoint":["http://a"]}"#).is_err());
    }
}
