//! Cookies from one redirect to the next (RFC 6265, of one host each).

use http::header::{COOKIE, SET_COOKIE};
use http::{HeaderMap, HeaderValue};

/// Further cookies are not kept.
const COOKIES_MAX: usize = 64;

/// Cookies that were set, with their hosts.
#[derive(Debug, Default)]
pub(super) struct Cookies(Vec<(String, String, String)>);

impl Cookies {
    /// Takes what `host` sets.
    pub(super) fn learn(&mut self, host: &str, headers: &HeaderMap) {
        for text in headers.get_all(SET_COOKIE).iter().filter_map(|value| value.to_str().ok()) {
            let mut parts = text.split(';').map(str::trim);
            let Some((name, value)) = parts.next().and_then(|pair| pair.split_once('=')) else { continue };
            self.0.retain(|(known, other, _)| known != host || other != name);
            let is_gone = parts.any(|part| part.eq_ignore_ascii_case("max-age=0"));
            if !is_gone && !name.is_empty() && self.0.len() < COOKIES_MAX {
                self.0.push((host.to_owned(), name.to_owned(), value.to_owned()));
            }
        }
    }

    /// Adds what goes to `host`.
    pub(super) fn tell(&self, host: &str, headers: &mut HeaderMap) {
        let own: Vec<String> = self
            .0
            .iter()
            .filter(|(known, _, _)| known == host)
            .map(|(_, name, value)| format!("{name}={value}"))
            .collect();
        if own.is_empty() || headers.contains_key(COOKIE) {
            return;
        }
        if let Ok(value) = HeaderValue::try_from(own.join("; ")) {
            headers.insert(COOKIE, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cookies_go_back_to_their_host_alone() {
        let set = |text: &'static str| HeaderMap::from_iter([(SET_COOKIE, HeaderValue::from_static(text))]);
        let mut cookies = Cookies::default();
        cookies.learn("a", &set("s=1; Path=/; HttpOnly"));
        cookies.learn("a", &set("t=2"));
        cookies.learn("a", &set("s=3"));
        cookies.learn("b", &set("u=4"));
        let told = |cookies: &Cookies, host: &str| {
            let mut headers = HeaderMap::new();
            cookies.tell(host, &mut headers);
            headers.get(COOKIE).map(|value| value.to_str().expect("text").to_owned())
        };
        assert_eq!(told(&cookies, "a").as_deref(), Some("t=2; s=3"));
        assert_eq!((told(&cookies, "b").as_deref(), told(&cookies, "c")), (Some("u=4"), None));
        cookies.learn("a", &set("t=; Max-Age=0"));
        assert_eq!(told(&cookies, "a").as_deref(), Some("s=3"));
    }
}
