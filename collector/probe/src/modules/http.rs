//! `http` of a module.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use orszem_scrape::config::{Authorization, BasicAuth, BodySize, HeaderValues, Secret, TlsConfig};
use orszem_transform::Wrong;
use serde::{Deserialize, Serialize};

use super::tcp::set_directory;
use crate::pattern::Pattern;
use crate::resolve::{Choice, IpProtocol};

/// What is asked by HTTP, and what the answer has to be.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HttpProbe {
    /// If empty, 200 to 299.
    pub valid_status_codes: Vec<u16>,
    /// Such as `HTTP/1.1` and `HTTP/2.0`; if empty, any.
    pub valid_http_versions: Vec<String>,
    pub preferred_ip_protocol: IpProtocol,
    pub ip_protocol_fallback: bool,
    /// The old way to write `follow_redirects`.
    pub no_follow_redirects: Option<bool>,
    pub follow_redirects: bool,
    pub fail_if_ssl: bool,
    pub fail_if_not_ssl: bool,
    /// `GET` if empty.
    pub method: String,
    /// `Host` among them is what the server is called.
    pub headers: BTreeMap<String, String>,
    pub fail_if_body_matches_regexp: Vec<Pattern>,
    pub fail_if_body_not_matches_regexp: Vec<Pattern>,
    pub fail_if_header_matches: Vec<HeaderCheck>,
    pub fail_if_header_not_matches: Vec<HeaderCheck>,
    pub body: String,
    pub body_file: Option<PathBuf>,
    pub compression: Compression,
    /// Of the body, decompressed; 0 for no limit.
    pub body_size_limit: BodySize,
    /// Whether regular expressions may come with a request to `/probe`. Read, without effect: they may not.
    pub enable_regexps_from_params: bool,
    pub enable_http2: bool,
    pub tls_config: TlsConfig,
    pub basic_auth: Option<BasicAuth>,
    pub authorization: Option<Authorization>,
    /// The old way to write `authorization.credentials`.
    pub bearer_token: Option<Secret>,
    pub bearer_token_file: Option<PathBuf>,
    pub http_headers: BTreeMap<String, HeaderValues>,
}

/// How an answer is compressed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Compression {
    /// It is taken as it comes.
    #[default]
    #[serde(rename = "")]
    None,
    Identity,
    Gzip,
    Deflate,
    Br,
}

impl Compression {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "",
            Self::Identity => "identity",
            Self::Gzip => "gzip",
            Self::Deflate => "deflate",
            Self::Br => "br",
        }
    }
}

/// What a header must, or must not, match.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HeaderCheck {
    pub header: String,
    pub regexp: Pattern,
    #[serde(default)]
    pub allow_missing: bool,
}

impl Default for HttpProbe {
    fn default() -> Self {
        Self {
            valid_status_codes: Vec::new(),
            valid_http_versions: Vec::new(),
            preferred_ip_protocol: IpProtocol::default(),
            ip_protocol_fallback: true,
            no_follow_redirects: None,
            follow_redirects: true,
            fail_if_ssl: false,
            fail_if_not_ssl: false,
            method: String::new(),
            headers: BTreeMap::new(),
            fail_if_body_matches_regexp: Vec::new(),
            fail_if_body_not_matches_regexp: Vec::new(),
            fail_if_header_matches: Vec::new(),
            fail_if_header_not_matches: Vec::new(),
            body: String::new(),
            body_file: None,
            compression: Compression::None,
            body_size_limit: BodySize(0),
            enable_regexps_from_params: false,
            enable_http2: true,
            tls_config: TlsConfig::default(),
            basic_auth: None,
            authorization: None,
            bearer_token: None,
            bearer_token_file: None,
            http_headers: BTreeMap::new(),
        }
    }
}

impl HttpProbe {
    pub(crate) fn choice(&self) -> Choice {
        Choice { preferred: self.preferred_ip_protocol, falls_back: self.ip_protocol_fallback }
    }

    /// What the server is called, where the module says it.
    pub(crate) fn host_header(&self) -> Option<&str> {
        let own = self.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("host"));
        own.map(|(_, value)| value.as_str())
    }

    pub(crate) fn follows_redirects(&self) -> bool {
        self.follow_redirects && self.no_follow_redirects != Some(true)
    }

    pub(super) fn set_directory(&mut self, directory: &Path) {
        set_directory(&mut self.tls_config, directory);
        let basic = self.basic_auth.iter_mut().flat_map(|auth| [&mut auth.username_file, &mut auth.password_file]);
        let credentials = self.authorization.iter_mut().map(|auth| &mut auth.credentials_file);
        let own = [&mut self.body_file, &mut self.bearer_token_file];
        for path in basic.chain(credentials).chain(own).flatten() {
            *path = directory.join(&path);
        }
        for path in self.http_headers.values_mut().flat_map(|header| &mut header.files) {
            *path = directory.join(&path);
        }
    }

    pub(super) fn validate(&self, key: &str) -> Vec<Wrong> {
        let mut wrong = Vec::new();
        let mut tell = |name: &str, value: &str, what: &str, remedy: &str| {
            wrong.push(Wrong::new(format!("{key}.{name}"), value, what, remedy));
        };
        let method = self.method.as_bytes();
        if !method.is_empty() && http::Method::from_bytes(method).is_err() {
            tell("method", &self.method, "is no method", "write one such as GET");
        }
        for version in &self.valid_http_versions {
            if !["HTTP/1.0", "HTTP/1.1", "HTTP/2.0", "HTTP/2"].contains(&version.as_str()) {
                tell("valid_http_versions", version, "is no version", "write HTTP/1.0, HTTP/1.1 or HTTP/2.0");
            }
        }
        for (name, value) in &self.headers {
            let is_sound =
                http::HeaderName::try_from(name.as_str()).is_ok() && http::HeaderValue::try_from(value).is_ok();
            if !is_sound {
                tell(&format!("headers.{name}"), value, "is no header", "write a name and a value of HTTP");
            }
        }
        if !self.body.is_empty() && self.body_file.is_some() {
            tell("body_file", "", "stands beside body", "write one of the two");
        }
        let auths = [self.basic_auth.is_some(), self.authorization.is_some()];
        let tokens = self.bearer_token.is_some() || self.bearer_token_file.is_some();
        if auths.into_iter().chain([tokens]).filter(|is_set| *is_set).count() > 1 {
            tell("authorization", "", "is told twice", "write one of basic_auth, authorization and bearer_token");
        }
        let accept = self.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("accept-encoding"));
        if let Some((name, value)) = accept.filter(|(_, value)| !accepts(value, self.compression)) {
            let told = format!("does not accept the compression {}", self.compression.as_str());
            tell(&format!("headers.{name}"), value, &told, "accept it, or leave compression out");
        }
        wrong
    }
}

/// Whether an `Accept-Encoding` takes the compression (RFC 9110, 12.5.3).
fn accepts(header: &str, compression: Compression) -> bool {
    if compression == Compression::None {
        return true;
    }
    let quality = |wanted: &str| {
        header.split(',').find_map(|part| {
            let mut words = part.split(';').map(str::trim);
            let is_it = words.next().is_some_and(|name| name.eq_ignore_ascii_case(wanted));
            let quality = words.find_map(|word| word.strip_prefix("q=")).map_or(Some(1.0), |q| q.parse::<f64>().ok());
            if is_it { Some(quality.unwrap_or(0.0)) } else { None }
        })
    };
    let of_any = quality("*");
    let else_taken = if compression == Compression::Identity { of_any.unwrap_or(1.0) } else { of_any.unwrap_or(0.0) };
    quality(compression.as_str()).unwrap_or(else_taken) > 0.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_accepted_encoding_is_told_from_a_refused_one() {
        for (header, compression, is_accepted) in [
            ("br, gzip", Compression::Gzip, true),
            ("br;q=1.0, gzip;q=0.9", Compression::Gzip, true),
            ("gzip;q=0", Compression::Gzip, false),
            ("br, identity", Compression::Gzip, false),
            ("*", Compression::Br, true),
            ("*;q=0, br", Compression::Gzip, false),
            ("gzip", Compression::Identity, true),
            ("*;q=0", Compression::Identity, false),
            ("br", Compression::None, true),
        ] {
            assert_eq!(accepts(header, compression), is_accepted, "{header} {compression:?}");
        }
    }
}
