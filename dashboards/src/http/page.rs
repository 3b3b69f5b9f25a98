//! The web page and its assets, embedded in the binary.

use axum::Router;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde_json::json;
use xxhash_rust::xxh3::xxh3_64;

const PAGE: Asset = Asset { kind: "text/html; charset=utf-8", bytes: include_bytes!("../../assets/index.html") };

/// The path of each asset beside the page.
const ASSETS: [(&str, Asset); 4] = [
    ("/assets/app.css", Asset { kind: "text/css; charset=utf-8", bytes: include_bytes!("../../assets/app.css") }),
    ("/assets/app.js", Asset { kind: "text/javascript; charset=utf-8", bytes: include_bytes!("../../assets/app.js") }),
    (
        "/assets/texts.js",
        Asset { kind: "text/javascript; charset=utf-8", bytes: include_bytes!("../../assets/texts.js") },
    ),
    ("/assets/icon.svg", Asset { kind: "image/svg+xml", bytes: include_bytes!("../../assets/icon.svg") }),
];

const POLICY: &str =
    "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'";

/// The version that Elasticsearch clients are told; they refuse to speak to unknown ones.
const ELASTICSEARCH_VERSION: &str = "8.15.0";

#[derive(Clone, Copy)]
struct Asset {
    kind: &'static str,
    bytes: &'static [u8],
}

/// `/` and the assets; open to everybody, since the page is where one logs in.
pub(super) fn router() -> Router {
    let mut router = Router::new().route("/", get(root));
    for (path, asset) in ASSETS {
        router = router.route(path, get(move |headers: HeaderMap| async move { serve(asset, &headers) }));
    }
    router
}

async fn root(headers: HeaderMap) -> Response {
    let accepts = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or("");
    if accepts.contains("text/html") { serve(PAGE, &headers) } else { elasticsearch() }
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

fn serve(asset: Asset, request: &HeaderMap) -> Response {
    let tag = format!("\"{:016x}\"", xxh3_64(asset.bytes));
    let known = request.get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok());
    let is_known = known.is_some_and(|tags| tags.split(',').any(|t| t.trim().trim_start_matches("W/") == tag));
    let mut response = if is_known { StatusCode::NOT_MODIFIED.into_response() } else { asset.bytes.into_response() };
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(asset.kind));
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        headers.insert(header::ETAG, tag);
    }
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert(header::VARY, HeaderValue::from_static("accept"));
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    response
}
