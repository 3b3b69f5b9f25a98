//! What a collector says of its server to other collectors, on its metrics page.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::header::CONTENT_TYPE;

use super::PEER_PATH;
use super::wire::Heard;

/// What is told. Cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct Page(Arc<Mutex<Known>>);

#[derive(Default)]
struct Known {
    heard: Heard,
    /// Until when it counts that the server was reached.
    until: Option<Instant>,
}

impl Page {
    /// Puts what is known in place of what was; that the server is reached counts for `lasts`.
    pub(super) fn tell(&self, heard: Heard, lasts: Duration) {
        let until = Instant::now().checked_add(lasts);
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Known { heard, until };
    }

    /// The route. It needs nothing of who asks, and tells no secret.
    pub(crate) fn routes(&self) -> Router {
        Router::new().route(PEER_PATH, get(shown).post(shown)).with_state(self.clone())
    }

    fn heard(&self, now: Instant) -> Heard {
        let Known { heard, until } = &*self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Heard { reached: heard.reached && until.is_some_and(|until| now < until), ..*heard }
    }
}

async fn shown(State(page): State<Page>) -> Response {
    match serde_json::to_string(&page.heard(Instant::now())) {
        Ok(text) => ([(CONTENT_TYPE, "application/json")], text).into_response(),
        Err(error) => (http::StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")).into_response(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn that_the_server_is_reached_counts_for_its_time() {
        let page = Page::default();
        let now = Instant::now();
        assert_eq!(page.heard(now), Heard::default());
        page.tell(Heard { reached: true, told: true }, Duration::from_secs(60));
        assert_eq!(page.heard(now + Duration::from_secs(50)), Heard { reached: true, told: true });
        assert_eq!(page.heard(now + Duration::from_secs(90)), Heard { reached: false, told: true });
    }
}
