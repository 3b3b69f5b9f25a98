//! The secret in an `Authorization` header: as Bearer, as the password of Basic, or as an API key of Elasticsearch.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::HeaderValue;

/// The token that `value` carries; the user name of Basic and the id of an API key are not looked at.
pub(super) fn secret(value: &HeaderValue) -> Option<String> {
    let (scheme, rest) = value.to_str().ok()?.trim().split_once(' ')?;
    let rest = rest.trim();
    if scheme.eq_ignore_ascii_case("bearer") {
        return Some(rest.to_owned());
    }
    if scheme.eq_ignore_ascii_case("basic") {
        let decoded = String::from_utf8(STANDARD.decode(rest).ok()?).ok()?;
        return decoded.split_once(':').map(|(_, password)| password.to_owned());
    }
    if scheme.eq_ignore_ascii_case("apikey") {
        // Some clients send the key as it was configured, without an id and its encoding.
        let decoded = STANDARD.decode(rest).ok().and_then(|bytes| String::from_utf8(bytes).ok());
        let key = decoded.as_deref().and_then(|pair| pair.split_once(':')).map_or(rest, |(_, key)| key);
        return Some(key.to_owned());
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_scheme_is_read() {
        for (text, expected) in [
            ("Bearer abc", Some("abc")),
            ("bearer  abc ", Some("abc")),
            ("Basic dXNlcjphOmI=", Some("a:b")),
            ("Basic dXNlcg==", None),
            ("Basic !", None),
            ("ApiKey aWQ6YTpi", Some("a:b")),
            ("apikey abc", Some("abc")),
            ("ApiKey  aWQ= ", Some("aWQ=")),
            ("Digest abc", None),
            ("abc", None),
        ] {
            assert_eq!(secret(&HeaderValue::from_static(text)).as_deref(), expected, "{text}");
        }
    }
}
