//! Where a request goes.

use std::fmt;

use http::uri::{Authority, PathAndQuery, Uri};

/// An http or https URL without a user. Its path may be a secret, so that only its server is shown.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Url {
    pub(crate) is_https: bool,
    /// A name or an address; of IPv6 without brackets.
    pub(crate) host: String,
    pub(crate) port: u16,
    /// For the header `Host`.
    pub(crate) authority: String,
    pub(crate) path: PathAndQuery,
}

/// Why a text is no [`Url`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum UrlError {
    #[error("no URL")]
    Form,
    #[error("a URL that is neither http nor https")]
    Scheme,
    #[error("a URL with a user")]
    User,
}

impl Url {
    pub(crate) fn parse(text: &str) -> Result<Self, UrlError> {
        let text = text.split_once('#').map_or(text, |(before, _)| before);
        let uri: Uri = text.parse().map_err(|_| UrlError::Form)?;
        let is_https = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            Some(_) | None => return Err(UrlError::Scheme),
        };
        let authority = uri.authority().ok_or(UrlError::Form)?;
        if authority.as_str().contains('@') {
            return Err(UrlError::User);
        }
        let host = authority.host().trim_start_matches('[').trim_end_matches(']');
        if host.is_empty() || has_wrong_port(authority) {
            return Err(UrlError::Form);
        }
        let port = authority.port_u16().unwrap_or(if is_https { 443 } else { 80 });
        let path = uri.path_and_query().cloned().unwrap_or_else(|| PathAndQuery::from_static("/"));
        Ok(Self { is_https, host: host.to_owned(), port, authority: authority.as_str().to_owned(), path })
    }

    /// Scheme, host and port, as RFC 6454 writes an origin.
    pub(crate) fn origin(&self) -> String {
        let scheme = if self.is_https { "https" } else { "http" };
        let is_usual = self.port == if self.is_https { 443 } else { 80 };
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        if is_usual { format!("{scheme}://{host}") } else { format!("{scheme}://{host}:{}", self.port) }
    }
}

/// Something other than a colon and a number behind the host.
fn has_wrong_port(authority: &Authority) -> bool {
    let Some(rest) = authority.as_str().strip_prefix(authority.host()) else { return true };
    !rest.is_empty() && authority.port_u16().is_none_or(|port| rest != format!(":{port}"))
}

/// The server alone.
impl fmt::Debug for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.origin())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_taken_apart_and_its_path_is_not_shown() {
        let url = Url::parse("https://hooks.example/services/s3cret?x=1#y").expect("a URL");
        assert_eq!((url.host.as_str(), url.port, url.path.as_str()), ("hooks.example", 443, "/services/s3cret?x=1"));
        assert_eq!(format!("{url:?}"), "https://hooks.example");
        let url = Url::parse("http://[::1]:8080").expect("a URL");
        assert_eq!((url.host.as_str(), url.port, url.path.as_str()), ("::1", 8080, "/"));
        assert_eq!(url.origin(), "http://[::1]:8080");
        let bad = [
            ("", UrlError::Form),
            ("/x", UrlError::Scheme),
            ("ftp://h/", UrlError::Scheme),
            ("https://u:p@h/", UrlError::User),
            ("https://h:x/", UrlError::Form),
            ("https://h:/", UrlError::Form),
            ("https://:80/", UrlError::Form),
            ("https://h/a b", UrlError::Form),
        ];
        for (text, error) in bad {
            assert_eq!(Url::parse(text), Err(error), "{text}");
        }
    }
}
