//! The web page and its files, embedded in the binary.
//!
//! One document serves all addresses of the page; which of them it shows it decides itself. The copies of it, one for
//! each address, differ in the files that they name for browsers to load at once. Names of files that change with their
//! content may be kept for ever and icons for a day; the rest is asked for again by its tag.

use std::io::{self, Read};

use axum::Router;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use flate2::read::GzDecoder;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use orszem_assets::Asset;
use serde_json::json;
use tracing::error;

/// The document of `/`; that of `/logs` is `logs.html`.
const DOCUMENT: &str = "index";
const DOCUMENT_END: &str = ".html";
/// The addresses of the page beside `/`, as `dashboards/ui/src/app/pages.tsx` has them.
const PAGES: [&str; 10] =
    ["/logs", "/alerts", "/hosts", "/map", "/at", "/explore", "/status", "/settings", "/pair", "/m"];
/// A moment, as links name it: `/at/2026-11-22T10:00:00Z`.
const MOMENT: &str = "/at/";

const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; \
                      connect-src 'self'; worker-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'self'; \
                      frame-ancestors 'none'";
const FOR_EVER: &str = "public, max-age=31536000, immutable";
/// Icons are drawn anew seldom, and asked for by each page.
const A_DAY: &str = "public, max-age=86400";
const ASKED_AGAIN: &str = "no-cache";

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
    for asset in orszem_assets::ASSETS.iter().filter(|asset| !is_document(asset.path)) {
        let path = format!("/{}", asset.path);
        router = router.route(&path, get(move |headers: HeaderMap| async move { serve(asset, &headers) }));
    }
    router
}

/// Whether `path` is the page or a file of it; these hold no records.
pub fn is_page(path: &str) -> bool {
    let is_file = |name: &str| !is_document(name) && orszem_assets::find(name).is_some();
    is_address(path) || path.strip_prefix('/').is_some_and(is_file)
}

fn is_document(name: &str) -> bool {
    name.ends_with(DOCUMENT_END)
}

/// The page, where a browser asks for one of its addresses. Those are also names that an index of Elasticsearch may
/// have, so other clients and methods are not answered.
pub fn document(method: &Method, path: &str, headers: &HeaderMap) -> Option<Response> {
    let is_asked = *method == Method::GET && is_address(path) && wants_html(headers);
    is_asked.then(|| page(path, headers))
}

fn is_address(path: &str) -> bool {
    PAGES.contains(&path) || path.strip_prefix(MOMENT).is_some_and(|time| !time.is_empty() && !time.contains('/'))
}

async fn root(headers: HeaderMap) -> Response {
    if wants_html(&headers) { page("/", &headers) } else { elasticsearch() }
}

fn wants_html(headers: &HeaderMap) -> bool {
    text(headers, &header::ACCEPT).contains("text/html")
}

fn text<'a>(headers: &'a HeaderMap, name: &header::HeaderName) -> &'a str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or("")
}

fn page(path: &str, headers: &HeaderMap) -> Response {
    let name = path.split('/').nth(1).filter(|name| !name.is_empty()).unwrap_or(DOCUMENT);
    match orszem_assets::find(&format!("{name}{DOCUMENT_END}")) {
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
    let set = [
        (header::CONTENT_TYPE, asset.kind),
        (header::CACHE_CONTROL, lifetime(asset)),
        (header::VARY, if is_document(asset.path) { "accept, accept-encoding" } else { "accept-encoding" }),
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

fn lifetime(asset: &Asset) -> &'static str {
    if asset.is_immutable {
        FOR_EVER
    } else if asset.kind.starts_with("image/") {
        A_DAY
    } else {
        ASKED_AGAIN
    }
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
        assert!(!is_page("/logs.html"));
    }

    #[test]
    fn each_address_has_a_document_that_names_its_files() {
        let links = |path: &str| {
            let response = page(path, &HeaderMap::new());
            let tag = response.headers().get(header::ETAG).expect("is tagged").clone();
            let name = path.split('/').nth(1).filter(|name| !name.is_empty()).unwrap_or(DOCUMENT);
            let asset = orszem_assets::find(&format!("{name}.html")).expect("has a document of its own");
            assert_eq!(tag, format!("\"{}\"", asset.tag));
            let html = String::from_utf8(unpacked(asset.gzip).expect("is gzip")).expect("is UTF-8");
            let named: Vec<_> = html.split("\"/assets/").skip(1).filter_map(|rest| rest.split('"').next()).collect();
            for file in &named {
                assert!(orszem_assets::find(&format!("assets/{file}")).is_some(), "{path}: {file}");
            }
            named.len()
        };
        let common = links("/pair");
        assert!(PAGES.into_iter().chain(["/", "/at/2026-11-22T10:00:00Z"]).all(|path| links(path) >= common));
        assert!(links("/logs") > common);
    }
}
