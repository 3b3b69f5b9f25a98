//! Answers to the page, compressed: a phone far from a base station waits for bytes, not for this machine.

use axum::Router;
use http::{HeaderMap, StatusCode, Version, header};
use tower_http::CompressionLevel;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{Predicate, SizeAbove};

/// What is smaller fits into one packet as it is, in bytes.
const LEAST: u16 = 1024;

/// `routes` with their JSON answers of at least 1 KiB sent as gzip to clients that take it (RFC 9110, 12.5.3). Streams of
/// lines stay as they are, so that each line is seen when it comes.
pub fn packed(routes: Router) -> Router {
    let is_worth_it = SizeAbove::new(LEAST).and(is_json);
    routes.layer(CompressionLayer::new().quality(CompressionLevel::Fastest).compress_when(is_worth_it))
}

fn is_json(_: StatusCode, _: Version, headers: &HeaderMap, _: &http::Extensions) -> bool {
    headers.get(header::CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"application/json"))
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use axum::body::Body;
    use axum::response::IntoResponse;
    use axum::routing::get;
    use flate2::read::GzDecoder;
    use http::Request;
    use http_body_util::BodyExt;
    use tower::ServiceExt;

    use super::*;

    async fn ask(kind: &'static str, body: String, accepted: &'static str) -> (Option<String>, Vec<u8>) {
        let answer = ([(header::CONTENT_TYPE, kind)], body).into_response();
        let (parts, body) = answer.into_parts();
        let body = body.collect().await.expect("is read").to_bytes();
        let routes =
            Router::new().route("/", get(move || async move { (parts.headers.clone(), body.clone()).into_response() }));
        let request = Request::get("/").header(header::ACCEPT_ENCODING, accepted).body(Body::empty()).expect("is made");
        let response = packed(routes).oneshot(request).await.expect("answers");
        let encoding =
            response.headers().get(header::CONTENT_ENCODING).map(|name| name.to_str().expect("text").to_owned());
        (encoding, response.into_body().collect().await.expect("is read").to_bytes().to_vec())
    }

    #[tokio::test]
    async fn long_json_is_packed_where_it_may_be() {
        let long = format!("[{}0]", "12345,".repeat(1000));
        let (encoding, body) = ask("application/json", long.clone(), "gzip, br").await;
        assert_eq!(encoding.as_deref(), Some("gzip"));
        let mut plain = String::new();
        GzDecoder::new(body.as_slice()).read_to_string(&mut plain).expect("is gzip");
        assert!(plain == long && body.len() < long.len() / 10);
        for (kind, body, accepted) in [
            ("application/json", "[]".to_owned(), "gzip"),
            ("application/json", long.clone(), "identity"),
            ("application/x-ndjson", long, "gzip"),
        ] {
            assert_eq!(ask(kind, body.clone(), accepted).await, (None, body.into_bytes()), "{kind} {accepted}");
        }
    }
}
