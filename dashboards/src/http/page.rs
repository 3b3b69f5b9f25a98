//! The web page and its files, embedded in the binary.
//!
//! One document serves all addresses of the page; which of them it shows it decides itself. Names of files that change
//! with their content may be kept for ever, the rest is asked for again by its tag.

use std::io::{self, Read};

use axum::Router;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use flate2::read::GzDecoder;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use orszem_assets::Asset;
use serde_json::json;
use tracing::error;

/// The document of every address.
const DOCUMENT: &str = "index.html";
/// The addresses of the page beside `/`, as `dashboards/ui/src/app/pages.tsx` has them.
const PAGES: [&str; 10] =
    ["/logs", "/alerts", "/hosts", "/map", "/at", "/explore", "/status", "/settings", "/pair", "/m"];
/// A moment, as links name it: `/at/2026-11-22T10:00:00Z`.
const MOMENT: &str = "/at/";

const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; \
                      connect-src 'self'; worker-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'self'; \
                      frame-ancestors 'none'";
const FOR_EVER: &str = "public, max-age=31536000, immutable";

/// The version that Elasticsearch clients are told; they refuse to speak to unknown ones.
const ELASTICSEARCH_VERSION: &str = "8.15.0";

/// How a file is packed for the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Encoding {
    Brotli,
    Gzip,
    Identity,
}

/// `/` and the files; open to everybody, since the page is where one logs in.
pub(super) fn router() -> Router {
    let mut router = Router::new().route("/", get(root));
    for asset in orszem_assets::ASSETS.iter().filter(|asset| asset.path != DOCUMENT) {
        let path = format!("/{}", asset.path);
        router = router.route(&path, get(move |headers: HeaderMap| async move { serve(asset, &headers) }));
    }
    router
}

/// Whether `path` is the page or a file of it; these hold no records.
pub fn is_page(path: &str) -> bool {
    is_address(path) || path.strip_prefix('/').is_some_and(|name| orszem_assets::find(name).is_some())
}

/// The page, where a browser asks for one of its addresses. Those are also names that an index of Elasticsearch may
/// have, so other clients and methods are not answered.
pub fn document(method: &Method, path: &str, headers: &HeaderMap) -> Option<Response> {
    let is_asked = *method == Method::GET && is_address(path) && wants_html(headers);
    is_asked.then(|| page(headers))
}

fn is_address(path: &str) -> bool {
    PAGES.contains(&path) || path.strip_prefix(MOMENT).is_some_and(|time| !time.is_empty() && !time.contains('/'))
}

async fn root(headers: HeaderMap) -> Response {
    if wants_html(&headers) { page(&headers) } else { elasticsearch() }
}

fn wants_html(headers: &HeaderMap) -> bool {
    text(headers, &header::ACCEPT).contains("text/html")
}

fn text<'a>(headers: &'a HeaderMap, name: &header::HeaderName) -> &'a str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or("")
}

fn page(headers: &HeaderMap) -> Response {
    match orszem_assets::find(DOCUMENT) {
        Some(asset) => serve(asset, headers),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

/// What Elasticsearch clients ask for before they send `_bulk`.
fn elasticsearch() -> Response {
    let body = json!({
        "name": "orszem",
        "cluster_name": "orszem",
        "cluster_uuid": "orszem",
        "version": {
            "number": ELASTICSEARCH_VERSION,
            "build_flavor": "default",
            "lucene_version": "9.11.1",
            "minimum_wire_compatibility_version": "7.17.0",
            "minimum_index_compatibility_version": "7.0.0",
        },
        "tagline": "You Know, for Search",
    });
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("application/json")),
        (header::HeaderName::from_static("x-elastic-product"), HeaderValue::from_static("Elasticsearch")),
        (header::VARY, HeaderValue::from_static("accept")),
    ];
    (headers, body.to_string()).into_response()
}

/// The best encoding that `Accept-Encoding` allows (RFC 9110, 12.5.3); one with the weight 0 is not allowed.
fn encoding_for(accepted: &str) -> Encoding {
    let allows = |wanted: &str| {
        accepted.split(',').any(|item| {
            let mut parts = item.split(';').map(str::trim);
            let is_named = parts.next().is_some_and(|name| name.eq_ignore_ascii_case(wanted));
            let weight = parts.find_map(|part| part.strip_prefix("q=")).map_or(Ok(1.0), str::parse::<f32>);
            is_named && weight.is_ok_and(|weight| weight > 0.0)
        })
    };
    if allows("br") {
        Encoding::Brotli
    } else if allows("gzip") {
        Encoding::Gzip
    } else {
        Encoding::Identity
    }
}

impl Encoding {
    /// The end of the tag: each encoding is a representation of its own.
    fn suffix(self) -> &'static str {
        match self {
            Self::Brotli => "-br",
            Self::Gzip => "-gz",
            Self::Identity => "",
        }
    }

    fn name(self) -> Option<&'static str> {
        match self {
            Self::Brotli => Some("br"),
            Self::Gzip => Some("gzip"),
            Self::Identity => None,
        }
    }
}

fn serve(asset: &Asset, request: &HeaderMap) -> Response {
    let encoding = encoding_for(text(request, &header::ACCEPT_ENCODING));
    let tag = format!("\"{}{}\"", asset.tag, encoding.suffix());
    let known = text(request, &header::IF_NONE_MATCH);
    let is_known = known.split(',').any(|one| one.trim().trim_start_matches("W/") == tag);
    let mut response = if is_known { StatusCode::NOT_MODIFIED.into_response() } else { content(asset, encoding) };
    let headers = response.headers_mut();
    if let (Some(name), false) = (encoding.name(), is_known) {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(name));
    }
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        headers.insert(header::ETAG, tag);
    }
    let is_document = asset.path == DOCUMENT;
    let set = [
        (header::CONTENT_TYPE, asset.kind),
        (header::CACHE_CONTROL, if asset.is_immutable { FOR_EVER } else { "no-cache" }),
        (header::VARY, if is_document { "accept, accept-encoding" } else { "accept-encoding" }),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "same-origin"),
        (header::HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    ];
    for (name, value) in set {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

fn content(asset: &Asset, encoding: Encoding) -> Response {
    match encoding {
        Encoding::Brotli => asset.brotli.into_response(),
        Encoding::Gzip => asset.gzip.into_response(),
        Encoding::Identity => match unpacked(asset.gzip) {
            Ok(bytes) => bytes.into_response(),
            Err(problem) => {
                error!(path = asset.path, error = %problem, "a file of the page can't be unpacked");
                StatusCode::INTERNAL_SERVER_ERROR.into_response()
            }
        },
    }
}

fn unpacked(gzip: &[u8]) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    GzDecoder::new(gzip).read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_encoding_that_is_allowed_is_taken() {
        for (accepted, expected) in [
            ("gzip, deflate, br, zstd", Encoding::Brotli),
            ("BR;q=0.5, gzip", Encoding::Brotli),
            ("br;q=0, gzip", Encoding::Gzip),
            ("br;q=x, gzip; q=1.0", Encoding::Gzip),
            ("gzip;q=0.0", Encoding::Identity),
            ("bread", Encoding::Identity),
            ("", Encoding::Identity),
        ] {
            assert_eq!(encoding_for(accepted), expected, "{accepted}");
        }
    }

    #[test]
    fn only_browsers_get_the_page_at_its_addresses() {
        let html = HeaderMap::from_iter([(header::ACCEPT, HeaderValue::from_static("text/html,*/*"))]);
        let status = |method: Method, path: &str, headers: &HeaderMap| {
            document(&method, path, headers).map(|response| response.status())
        };
        assert_eq!(status(Method::GET, "/logs", &html), Some(StatusCode::OK));
        assert_eq!(status(Method::GET, "/logs", &HeaderMap::new()), None);
        assert_eq!(status(Method::HEAD, "/logs", &html), None);
        assert_eq!(status(Method::GET, "/logstash", &html), None);
        assert_eq!(status(Method::GET, "/at/2026-11-22T10:00:00Z", &html), Some(StatusCode::OK));
        assert_eq!(status(Method::GET, "/at/_doc/1", &html), None);
        assert_eq!(["/logs", "/favicon.svg", "/filebeat", "/app/v1/search"].map(is_page), [true, true, false, false]);
    }
}
