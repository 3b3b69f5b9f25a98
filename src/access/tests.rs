//! The guard as a client meets it: who gets in, as what, and with which answer otherwise.

use axum::Router;
use axum::body::Body;
use axum::extract::Extension;
use axum::routing::{any, get};
use http::header::{CONTENT_TYPE, HOST, ORIGIN, SET_COOKIE};
use http::{Method, Request as HttpRequest, StatusCode};
use tower::ServiceExt;

use super::*;
use crate::access::token::NewToken;

struct Shell {
    router: Router,
    access: Arc<Access>,
    secrets: [String; 3],
    file: tempfile::NamedTempFile,
}

/// A server with a token of each role.
fn shell() -> Shell {
    let file = tempfile::NamedTempFile::new().expect("a file");
    let tokens = [Role::Ingest, Role::Read, Role::Admin]
        .map(|role| NewToken::generate(&Identity { name: role.name().into(), role, tenant: 3 }).expect("random"));
    let lines: Vec<&str> = tokens.iter().map(|token| token.line.as_str()).collect();
    std::fs::write(file.path(), lines.join("\n")).expect("writes");
    let config =
        AccessConfig { token_file: Some(file.path().to_owned()), failed_logins_max: 2, ..AccessConfig::default() };
    let access = Arc::new(Access::new(&config, &ServerConfig::default(), true).expect("a good file"));
    Shell { router: router(&access), access, secrets: tokens.map(|token| token.secret), file }
}

fn router(access: &Arc<Access>) -> Router {
    let who =
        |Extension(identity): Extension<Identity>| async move { format!("{}/{}", identity.name, identity.tenant) };
    Router::new()
        .route("/app/v1/search", get(who).post(who))
        .route("/app/v1/ingest", any(who))
        .route("/app/v1/delete", any(who))
        .route("/probe", get(who))
        .route("/-/ready", get(|| async { "ready" }))
        .merge(login::routes(Arc::clone(access)))
        .layer(axum::middleware::from_fn_with_state(Arc::clone(access), guard))
}

async fn send(
    router: &Router,
    method: Method,
    path: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> (StatusCode, String, HeaderMap) {
    let mut request = HttpRequest::builder().method(method).uri(path).header(HOST, "localhost:7450");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(Body::from(body.to_owned())).expect("a request");
    let response = router.clone().oneshot(request).await.expect("infallible");
    let (parts, body) = response.into_parts();
    let bytes = axum::body::to_bytes(body, 1 << 20).await.expect("a body");
    let text = String::from_utf8(bytes.to_vec()).expect("text");
    (parts.status, code_or_text(&text), parts.headers)
}

/// The code of an error, else the text itself.
fn code_or_text(text: &str) -> String {
    let json: Option<serde_json::Value> = serde_json::from_str(text).ok();
    let code = json.as_ref().and_then(|json| json["code"].as_str());
    code.unwrap_or(text).to_owned()
}

#[tokio::test]
async fn each_role_gets_its_paths_and_no_others() {
    let shell = shell();
    let [ingest, read, admin] = shell.secrets.each_ref().map(|secret| format!("Bearer {secret}"));
    let none = String::new();
    for (auth, method, path, status, text) in [
        (&ingest, Method::POST, "/app/v1/ingest", 200, "ingest/3"),
        (&ingest, Method::GET, "/app/v1/search", 403, "access.forbidden"),
        (&read, Method::GET, "/app/v1/search", 200, "read/3"),
        (&read, Method::POST, "/app/v1/search", 200, "read/3"),
        (&read, Method::POST, "/app/v1/ingest", 403, "access.forbidden"),
        (&read, Method::POST, "/app/v1/delete", 403, "access.forbidden"),
        (&admin, Method::POST, "/app/v1/delete", 200, "admin/3"),
        (&admin, Method::POST, "/app/v1/ingest", 200, "admin/3"),
        (&none, Method::GET, "/app/v1/search", 401, "access.no_token"),
        (&"Bearer wrong".to_owned(), Method::GET, "/app/v1/search", 401, "access.unknown_token"),
        (&none, Method::GET, "/-/ready", 200, "ready"),
    ] {
        let headers: &[(&str, &str)] = if auth.is_empty() { &[] } else { &[("authorization", auth)] };
        let (got_status, got, _) = send(&shell.router, method, path, headers, "").await;
        assert_eq!((got_status.as_u16(), got.as_str()), (status, text), "{auth} {path}");
    }
}

#[tokio::test]
async fn a_login_is_good_for_the_own_page_only_and_ends_with_its_token() {
    let shell = shell();
    let body = format!("{{\"token\":\"{}\"}}", shell.secrets[2]);
    let json = [(CONTENT_TYPE.as_str(), "application/json")];
    let (status, _, headers) = send(&shell.router, Method::POST, "/app/v1/login", &json, &body).await;
    assert_eq!(status, 200);
    let set = headers.get(SET_COOKIE).and_then(|value| value.to_str().ok()).expect("a cookie").to_owned();
    assert!(set.ends_with("; Path=/; Max-Age=43200; HttpOnly; SameSite=Strict; Secure"), "{set}");
    let cookie = set.split(';').next().expect("a pair").to_owned();
    let own = [("cookie", cookie.as_str()), (ORIGIN.as_str(), "https://localhost:7450")];
    let foreign = [("cookie", cookie.as_str()), (ORIGIN.as_str(), "https://evil.example")];
    let silent = [("cookie", cookie.as_str())];
    let socket = [("cookie", cookie.as_str()), (ORIGIN.as_str(), "https://evil.example"), ("upgrade", "websocket")];
    for (headers, method, path, status, text) in [
        (&own[..], Method::POST, "/app/v1/delete", 200, "admin/3"),
        (&silent, Method::GET, "/app/v1/search", 200, "admin/3"),
        (&silent, Method::POST, "/app/v1/delete", 403, "access.cross_site"),
        (&foreign, Method::POST, "/app/v1/delete", 403, "access.cross_site"),
        (&own, Method::GET, "/probe", 200, "admin/3"),
        (&foreign, Method::GET, "/probe", 403, "access.cross_site"),
        (&socket, Method::GET, "/app/v1/search", 403, "access.cross_site"),
    ] {
        let (got_status, got, _) = send(&shell.router, method, path, headers, "").await;
        assert_eq!((got_status.as_u16(), got.as_str()), (status, text), "{headers:?} {path}");
    }
    let one = std::fs::read_to_string(shell.file.path()).expect("reads");
    std::fs::write(shell.file.path(), one.lines().next().expect("a line")).expect("writes");
    shell.access.reload().expect("a good file");
    let (_, got, _) = send(&shell.router, Method::GET, "/app/v1/search", &silent, "").await;
    assert_eq!(got, "access.unknown_token");
}

#[tokio::test]
async fn logging_out_ends_the_login() {
    let shell = shell();
    let (_, _, headers) =
        send(&shell.router, Method::POST, "/app/v1/login", &[], &format!("token={}", shell.secrets[1])).await;
    let set = headers.get(SET_COOKIE).and_then(|value| value.to_str().ok()).expect("a cookie").to_owned();
    let cookie = set.split(';').next().expect("a pair").to_owned();
    let own = [("cookie", cookie.as_str()), ("sec-fetch-site", "same-origin")];
    let search = |headers| send(&shell.router, Method::GET, "/app/v1/search", headers, "");
    assert_eq!(search(&own).await.1, "read/3");
    assert_eq!(send(&shell.router, Method::POST, "/app/v1/logout", &own, "").await.0, 200);
    assert_eq!(search(&own).await.1, "access.unknown_token");
}

#[tokio::test]
async fn guessing_is_stopped_after_the_limit() {
    let shell = shell();
    let mut codes = Vec::new();
    for _ in 0..3 {
        codes.push(send(&shell.router, Method::POST, "/app/v1/login", &[], "token=wrong").await.1);
    }
    assert_eq!(codes, ["access.login_failed", "access.login_failed", "access.login_limited"]);
    assert_eq!(send(&shell.router, Method::POST, "/app/v1/login", &[], "nothing").await.1, "access.login_limited");
}

#[tokio::test]
async fn without_tokens_only_this_host_gets_in() {
    let access = Arc::new(Access::new(&AccessConfig::default(), &ServerConfig::default(), false).expect("loopback"));
    let router = router(&access);
    for (headers, method, path, text) in [
        (&[][..], Method::POST, "/app/v1/search", "local/0"),
        (&[("origin", "http://localhost:7450")], Method::POST, "/app/v1/search", "local/0"),
        (&[("origin", "http://evil.example")], Method::POST, "/app/v1/search", "access.cross_site"),
        (&[("sec-fetch-site", "cross-site")], Method::GET, "/app/v1/search", "local/0"),
        (&[("sec-fetch-site", "cross-site")], Method::GET, "/probe", "access.cross_site"),
        (&[], Method::GET, "/probe", "local/0"),
        (
            &[("origin", "http://evil.example"), ("upgrade", "websocket")],
            Method::GET,
            "/app/v1/search",
            "access.cross_site",
        ),
    ] {
        let (_, got, _) = send(&router, method, path, headers, "").await;
        assert_eq!(got, text, "{headers:?} {path}");
    }
    let request =
        HttpRequest::get("/app/v1/search").header(HOST, "rebound.example:7450").body(Body::empty()).expect("a request");
    assert_eq!(router.oneshot(request).await.expect("infallible").status(), 403);
}

#[test]
fn other_addresses_need_a_token_file() {
    let server = ServerConfig { listen: vec!["0.0.0.0:7450".parse().expect("an address")], ..ServerConfig::default() };
    let refused = Access::new(&AccessConfig::default(), &server, true).expect_err("refused").to_string();
    assert!(refused.starts_with("server.listen has 0.0.0.0:7450, which other hosts can reach"), "{refused}");
    assert!(refused.contains("orszem token new admin --role admin"), "{refused}");
}

#[tokio::test]
async fn a_code_logs_another_device_in_once() {
    let shell = shell();
    let bearer = format!("Bearer {}", shell.secrets[1]);
    let asks = [("authorization", bearer.as_str())];
    let (status, me, _) = send(&shell.router, Method::GET, "/app/v1/me", &asks, "").await;
    let version = env!("CARGO_PKG_VERSION");
    let expected = serde_json::json!({
        "status": "ok", "name": "read", "role": "read", "tenant": 3, "has_tokens": true, "version": version,
    });
    assert_eq!((status.as_u16(), me), (200, expected.to_string()));
    let (status, offered, _) = send(&shell.router, Method::POST, "/app/v1/pair", &asks, "").await;
    assert_eq!(status, 200, "{offered}");
    let body = serde_json::json!({ "code": offered }).to_string();
    let (status, who, headers) = send(&shell.router, Method::POST, "/app/v1/login/pair", &[], &body).await;
    assert_eq!((status.as_u16(), who.as_str()), (200, r#"{"name":"read","role":"read"}"#));
    let set = headers.get(SET_COOKIE).and_then(|value| value.to_str().ok()).expect("a cookie").to_owned();
    let cookie = [("cookie", set.split(';').next().expect("a pair"))];
    assert_eq!(send(&shell.router, Method::GET, "/app/v1/search", &cookie, "").await.1, "read/3");
    assert_eq!(send(&shell.router, Method::POST, "/app/v1/login/pair", &[], &body).await.1, "access.pairing_failed");
    assert_eq!(send(&shell.router, Method::POST, "/app/v1/pair", &[], "").await.1, "access.no_token");
}
