//! How a target, or an HTTP service discovery, is talked to.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::secret::Secret;

/// A name and a password, sent as `Authorization: Basic`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BasicAuth {
    pub username: String,
    pub username_file: Option<PathBuf>,
    pub password: Option<Secret>,
    /// Read for every request; white space around it is cut.
    pub password_file: Option<PathBuf>,
}

/// What `Authorization` says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Authorization {
    /// `Bearer` if absent.
    #[serde(rename = "type")]
    pub kind: Option<String>,
    pub credentials: Option<Secret>,
    /// Read for every request; white space around it is cut.
    pub credentials_file: Option<PathBuf>,
}

/// A header of one's own: its values in the order of these three.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HeaderValues {
    pub values: Vec<String>,
    pub secrets: Vec<Secret>,
    pub files: Vec<PathBuf>,
}

/// Whom https targets are trusted by, and the certificate that is shown to them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TlsConfig {
    /// PEM text in the configuration itself.
    pub ca: Option<String>,
    pub ca_file: Option<PathBuf>,
    pub cert: Option<String>,
    pub cert_file: Option<PathBuf>,
    pub key: Option<Secret>,
    pub key_file: Option<PathBuf>,
    /// The name that the certificate must have, if it is not the target's host.
    pub server_name: Option<String>,
    pub insecure_skip_verify: bool,
    pub min_version: Option<TlsVersion>,
    pub max_version: Option<TlsVersion>,
}

/// Older ones than 1.2 are not spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum TlsVersion {
    #[serde(rename = "TLS12")]
    Tls12,
    #[serde(rename = "TLS13")]
    Tls13,
}

/// Prometheus' `http_config`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClientConfig {
    pub basic_auth: Option<BasicAuth>,
    pub authorization: Option<Authorization>,
    pub bearer_token: Option<Secret>,
    pub bearer_token_file: Option<PathBuf>,
    pub tls_config: TlsConfig,
    pub follow_redirects: bool,
    pub http_headers: BTreeMap<String, HeaderValues>,
}

/// A struct of the configuration with Prometheus' `http_config` among its own keys.
macro_rules! with_client {
    ($(#[$meta:meta])* pub struct $name:ident { $($body:tt)* }) => {
        $(#[$meta])*
        #[derive(Clone, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
        #[serde(default, deny_unknown_fields)]
        pub struct $name {
            $($body)*
            pub basic_auth: Option<crate::config::BasicAuth>,
            pub authorization: Option<crate::config::Authorization>,
            /// The old way to write `authorization.credentials`.
            pub bearer_token: Option<crate::config::Secret>,
            pub bearer_token_file: Option<std::path::PathBuf>,
            pub tls_config: crate::config::TlsConfig,
            /// True if absent.
            pub follow_redirects: Option<bool>,
            /// Read, without effect: HTTP/1.1 is spoken.
            pub enable_http2: Option<bool>,
            pub http_headers: std::collections::BTreeMap<String, crate::config::HeaderValues>,
        }

        impl $name {
            /// The keys of `http_config`.
            pub fn client(&self) -> crate::config::ClientConfig {
                crate::config::ClientConfig {
                    basic_auth: self.basic_auth.clone(),
                    authorization: self.authorization.clone(),
                    bearer_token: self.bearer_token.clone(),
                    bearer_token_file: self.bearer_token_file.clone(),
                    tls_config: self.tls_config.clone(),
                    follow_redirects: self.follow_redirects.unwrap_or(true),
                    http_headers: self.http_headers.clone(),
                }
            }

            fn for_client_files(&mut self, change: &mut dyn FnMut(&mut std::path::PathBuf)) {
                let basic = self.basic_auth.iter_mut().flat_map(|a| [&mut a.username_file, &mut a.password_file]);
                let credentials = self.authorization.iter_mut().map(|a| &mut a.credentials_file);
                let tls = &mut self.tls_config;
                let tls = [&mut tls.ca_file, &mut tls.cert_file, &mut tls.key_file];
                let token = std::iter::once(&mut self.bearer_token_file);
                basic.chain(credentials).chain(tls).chain(token).flatten().for_each(|file| change(file));
                self.http_headers.values_mut().flat_map(|header| &mut header.files).for_each(|file| change(file));
            }
        }
    };
}
pub(crate) use with_client;
