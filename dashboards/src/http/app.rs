//! Page and API as one router.

use axum::Router;

pub use super::page::{document, is_page};
use super::{LogsApi, page};

/// `/` with its files, which need no access. See [`page`](super::page).
pub fn page_router() -> Router {
    page::router()
}

/// Everything of this crate; requests under `/app/v1` need an [`Access`](super::access::Access) in their extensions.
pub fn router(logs: LogsApi) -> Router {
    page_router().merge(logs.router())
}
