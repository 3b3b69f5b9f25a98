//! A web server that keeps what it gets, and answers as the first word of the path says.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};

/// A request as it came.
#[derive(Clone, Debug)]
pub(crate) struct Got {
    pub(crate) path: String,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: Vec<u8>,
}

impl Got {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).expect("JSON")
    }
}

type All = Arc<Mutex<Vec<Got>>>;

/// The server, on an address of its own; it ends with the test's runtime.
pub(crate) struct Sink {
    pub(crate) port: u16,
    all: All,
}

impl Sink {
    pub(crate) async fn start() -> Self {
        let all = All::default();
        let router = Router::new().fallback(answer).with_state(Arc::clone(&all));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("binds");
        let port = listener.local_addr().expect("an address").port();
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { port, all }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// All requests so far.
    pub(crate) fn all(&self) -> Vec<Got> {
        self.all.lock().expect("not poisoned").clone()
    }

    pub(crate) fn last(&self) -> Got {
        self.all().pop().expect("a request")
    }
}

async fn answer(State(all): State<All>, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    let headers = headers.iter().map(|(name, value)| (name.to_string(), value.to_str().expect("text").to_owned()));
    let got = Got { path: uri.to_string(), headers: headers.collect(), body: body.to_vec() };
    all.lock().expect("not poisoned").push(got);
    let path = uri.path().trim_start_matches('/');
    let path = path.strip_prefix("chat/").unwrap_or(path);
    match path.split('/').next().unwrap_or_default() {
        "editMessageText" if is_about(&body, "message_id", &404.into()) => {
            (StatusCode::BAD_REQUEST, r#"{"ok":false,"description":"Bad Request: message to edit not found"}"#)
                .into_response()
        }
        "editMessageText" if is_about(&body, "message_id", &304.into()) => {
            (StatusCode::BAD_REQUEST, r#"{"ok":false,"description":"Bad Request: message is not modified: x"}"#)
                .into_response()
        }
        "sendMessage" | "editMessageText" => r#"{"ok":true,"result":{"message_id":42}}"#.into_response(),
        "chat.update" if is_about(&body, "ts", &"404".into()) => {
            r#"{"ok":false,"error":"message_not_found"}"#.into_response()
        }
        "chat.postMessage" | "chat.update" if is_about(&body, "channel", &"nowhere".into()) => {
            r#"{"ok":false,"error":"channel_not_found"}"#.into_response()
        }
        "chat.postMessage" | "chat.update" if is_about(&body, "channel", &"busy".into()) => {
            r#"{"ok":false,"error":"ratelimited"}"#.into_response()
        }
        "chat.postMessage" | "chat.update" => r#"{"ok":true,"channel":"C1","ts":"5.6"}"#.into_response(),
        "fails" => (StatusCode::INTERNAL_SERVER_ERROR, "out of order").into_response(),
        "busy" => (StatusCode::TOO_MANY_REQUESTS, [(header::RETRY_AFTER, "7")], "slow down").into_response(),
        "slow" => std::future::pending().await,
        "moved" => (StatusCode::TEMPORARY_REDIRECT, [(header::LOCATION, "/ok")]).into_response(),
        "huge" => "x".repeat(10 << 20).into_response(),
        "gone" => StatusCode::GONE.into_response(),
        "bad" => {
            (StatusCode::BAD_REQUEST, format!("what is {uri} and {}", String::from_utf8_lossy(&body))).into_response()
        }
        "push" => (StatusCode::CREATED, [(header::LOCATION, "/m/1")]).into_response(),
        "telegram" => r#"{"ok":true,"result":{"message_id":42}}"#.into_response(),
        "ntfy" => r#"{"id":"hwQ2YpKdmg","event":"message","topic":"t","message":"all of it"}"#.into_response(),
        _ => "thanks".into_response(),
    }
}

/// Whether the field of a JSON body has this value.
fn is_about(body: &[u8], field: &str, value: &serde_json::Value) -> bool {
    serde_json::from_slice::<serde_json::Value>(body).is_ok_and(|body| body[field] == *value)
}
