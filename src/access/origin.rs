//! Whether a request comes from this server's own page, another site's page, or no page at all.

use http::header::{HOST, ORIGIN, UPGRADE};
use http::{HeaderMap, Method, Uri};

/// Whether the request can change something, or opens a WebSocket (which the same-origin policy does not cover).
pub(super) fn changes_something(method: &Method, headers: &HeaderMap) -> bool {
    let is_safe = matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS);
    !is_safe || headers.get(UPGRADE).is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"websocket"))
}

/// Whether a browser says that the request comes from this server's own page.
pub(super) fn is_same_origin(headers: &HeaderMap, uri: &Uri) -> bool {
    said_origin(headers, uri) == Some(true)
}

/// Whether a browser says that the request comes from another site's page. Programs say nothing.
pub(super) fn is_cross_site(headers: &HeaderMap, uri: &Uri) -> bool {
    said_origin(headers, uri) == Some(false)
}

/// `Sec-Fetch-Site` where the browser sends it (it can't be forged by a page), else `Origin` compared with the host.
fn said_origin(headers: &HeaderMap, uri: &Uri) -> Option<bool> {
    if let Some(site) = headers.get("sec-fetch-site") {
        return Some(matches!(site.as_bytes(), b"same-origin" | b"none"));
    }
    let origin = headers.get(ORIGIN)?.to_str().ok().and_then(|origin| origin.split_once("://"));
    Some(origin.is_some_and(|(_, authority)| authority_of(headers, uri) == Some(authority)))
}

/// Whether the request names this host by a loopback name, as every request must while there are no tokens:
/// a page elsewhere whose name was pointed at 127.0.0.1 still sends its own name.
pub(super) fn is_loopback_host(headers: &HeaderMap, uri: &Uri) -> bool {
    let Some(authority) = authority_of(headers, uri) else { return true };
    let host = match authority.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or(rest),
        None => authority.rsplit_once(':').map_or(authority, |(host, _)| host),
    };
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    let is_loopback_ip = host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.to_canonical().is_loopback());
    host == "localhost" || host.ends_with(".localhost") || is_loopback_ip
}

/// `:authority` of HTTP/2, `Host` of HTTP/1.
fn authority_of<'a>(headers: &'a HeaderMap, uri: &'a Uri) -> Option<&'a str> {
    match uri.authority() {
        Some(authority) => Some(authority.as_str()),
        None => headers.get(HOST).map(|host| host.to_str().unwrap_or("?")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| (http::HeaderName::from_static(name), http::HeaderValue::from_static(value)))
            .collect()
    }

    #[test]
    fn the_browsers_word_decides() {
        let uri = Uri::from_static("/app/v1/x");
        for (pairs, expected) in [
            (&[("host", "a:1"), ("origin", "http://a:1")][..], Some(true)),
            (&[("host", "a:1"), ("origin", "http://a:2")], Some(false)),
            (&[("host", "a:1"), ("origin", "http://evil")], Some(false)),
            (&[("host", "a:1"), ("origin", "null")], Some(false)),
            (&[("host", "a:1"), ("sec-fetch-site", "same-origin")], Some(true)),
            (&[("host", "a:1"), ("sec-fetch-site", "same-site"), ("origin", "http://a:1")], Some(false)),
            (&[("host", "a:1"), ("sec-fetch-site", "cross-site")], Some(false)),
            (&[("host", "a:1")], None),
        ] {
            assert_eq!(said_origin(&headers(pairs), &uri), expected, "{pairs:?}");
        }
    }

    #[test]
    fn loopback_names_are_told_from_others() {
        let uri = Uri::from_static("/");
        for (host, expected) in [
            ("localhost:7450", true),
            ("LOCALHOST", true),
            ("x.localhost:1", true),
            ("127.0.0.1:7450", true),
            ("[::1]:7450", true),
            ("evil.example", false),
            ("localhost.evil.example:7450", false),
            ("10.0.0.1:7450", false),
            ("[fe80::1]:7450", false),
        ] {
            assert_eq!(is_loopback_host(&headers(&[("host", host)]), &uri), expected, "{host}");
        }
        assert!(!is_loopback_host(&headers(&[]), &Uri::from_static("http://evil/")));
    }

    #[test]
    fn websockets_count_as_changes() {
        assert!(!changes_something(&Method::GET, &headers(&[])));
        assert!(changes_something(&Method::GET, &headers(&[("upgrade", "WebSocket")])));
        assert!(changes_something(&Method::POST, &headers(&[])));
        assert!(changes_something(&Method::DELETE, &headers(&[])));
    }
}
