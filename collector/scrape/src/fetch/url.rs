//! Where a request goes.

use std::collections::BTreeMap;
use std::fmt;

use http::uri::{Authority, PathAndQuery};

use crate::config::Scheme;

/// An http or https URL.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Url {
    pub(crate) scheme: Scheme,
    /// A name or an address; of IPv6 without brackets.
    pub(crate) host: String,
    pub(crate) port: u16,
    /// As it was written, for `Host`.
    pub(crate) authority: String,
    /// Begins with `/`.
    pub(crate) path: PathAndQuery,
}

/// Why a text is no [`Url`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum UrlError {
    #[error("has the unsupported protocol scheme {0:?}")]
    Scheme(String),
    #[error("has no valid host: {0:?}")]
    Host(String),
    #[error("has no valid path: {0:?}")]
    Path(String),
}

impl Url {
    /// Reads an absolute URL. What follows `#` is left out.
    pub(crate) fn parse(text: &str) -> Result<Self, UrlError> {
        let (scheme, rest) = text.split_once("://").ok_or_else(|| UrlError::Scheme(text.to_owned()))?;
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        let path = path.split('#').next().unwrap_or_default();
        let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
        Self::new(scheme, authority, &path)
    }

    /// The URL of a target: `params` are encoded, and what can't stand in a path is escaped.
    pub(crate) fn of_target(
        scheme: &str,
        address: &str,
        path: &str,
        params: &BTreeMap<String, Vec<String>>,
    ) -> Result<Self, UrlError> {
        let mut whole = escape_path(path);
        if !whole.starts_with('/') {
            whole.insert(0, '/');
        }
        let mut query = form_urlencoded::Serializer::new(String::new());
        for (name, values) in params {
            values.iter().for_each(|value| {
                query.append_pair(name, value);
            });
        }
        let query = query.finish();
        if !query.is_empty() {
            whole = format!("{whole}?{query}");
        }
        Self::new(scheme, address, &whole)
    }

    /// Where a redirect to `location` leads from here.
    pub(crate) fn join(&self, location: &str) -> Result<Self, UrlError> {
        if location.contains("://") {
            return Self::parse(location);
        }
        if let Some(rest) = location.strip_prefix("//") {
            return Self::parse(&format!("{}://{rest}", self.scheme.name()));
        }
        let directory = self.path.path().rsplit_once('/').map_or("", |(directory, _)| directory);
        let path = match location.strip_prefix('/') {
            Some(_) => location.to_owned(),
            None if location.starts_with('?') => format!("{}{location}", self.path.path()),
            None => format!("{directory}/{location}"),
        };
        let path = path.split('#').next().unwrap_or_default();
        Self::new(self.scheme.name(), &self.authority, path)
    }

    fn new(scheme: &str, authority: &str, path: &str) -> Result<Self, UrlError> {
        let scheme = match scheme {
            "" | "http" => Scheme::Http,
            "https" => Scheme::Https,
            other => return Err(UrlError::Scheme(other.to_owned())),
        };
        let no_host = || UrlError::Host(authority.to_owned());
        let parsed: Authority = authority.parse().map_err(|_| no_host())?;
        let host = parsed.host().trim_start_matches('[').trim_end_matches(']').to_owned();
        let is_whole = match authority.strip_prefix(parsed.host()) {
            Some("") => true,
            Some(rest) => parsed.port_u16().is_some_and(|port| rest == format!(":{port}")),
            None => false,
        };
        if host.is_empty() || !is_whole {
            return Err(no_host());
        }
        let port = match (parsed.port_u16(), scheme) {
            (Some(port), _) => port,
            (None, Scheme::Http) => 80,
            (None, Scheme::Https) => 443,
        };
        let path = path.parse().map_err(|_| UrlError::Path(path.to_owned()))?;
        Ok(Self { scheme, host, port, authority: authority.to_owned(), path })
    }

    /// Whether a request there goes to the same server.
    pub(crate) fn is_same_server(&self, other: &Self) -> bool {
        (self.scheme, &self.host, self.port) == (other.scheme, &other.host, other.port)
    }

    /// The URL of the server alone.
    pub(super) fn server(&self) -> String {
        format!("{}://{}:{}", self.scheme.name(), self.host, self.port)
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}{}", self.scheme.name(), self.authority, self.path)
    }
}

fn escape_path(path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~$&+,/:;=@!*'()".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_targets_url_is_encoded_and_odd_ones_are_refused() {
        let params = [("b", vec!["x y", "&"]), ("a", vec!["ő"])];
        let params = params.map(|(name, values)| (name.to_owned(), values.into_iter().map(str::to_owned).collect()));
        let url =
            |scheme: &str, address: &str, path: &str| Url::of_target(scheme, address, path, &params.clone().into());
        let told = |url: Result<Url, UrlError>| url.map(|url| (url.to_string(), url.host, url.port));
        let query = "?a=%C5%91&b=x+y&b=%26";
        let expected = (format!("http://h/a%20b%3F{query}"), "h".to_owned(), 80);
        assert_eq!(told(url("http", "h", "/a b?")), Ok(expected));
        assert_eq!(told(url("https", "[::1]", "m")), Ok((format!("https://[::1]/m{query}"), "::1".to_owned(), 443)));
        assert_eq!(told(url("ftp", "h", "/")), Err(UrlError::Scheme("ftp".into())));
        for bad in ["", "h:", "h:x", "h:99999", "u@h", "a b", ":80"] {
            assert_eq!(told(url("http", bad, "/")), Err(UrlError::Host(bad.into())));
        }
    }

    #[test]
    fn redirects_lead_where_they_say() {
        let from = Url::parse("http://h:81/a/b?c").expect("a URL");
        for (location, to) in [
            ("/x?y#z", "http://h:81/x?y"),
            ("x", "http://h:81/a/x"),
            ("?d", "http://h:81/a/b?d"),
            ("//g/x", "http://g/x"),
            ("https://g", "https://g/"),
        ] {
            assert_eq!(from.join(location).map(|url| url.to_string()), Ok(to.to_owned()));
        }
        assert_eq!(from.join("file:///x"), Err(UrlError::Scheme("file".into())));
    }
}
