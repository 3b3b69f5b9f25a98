//! Page and API as one router.

use axum::Router;

use super::{LogsApi, page};

/// `/` with its assets, which need no access. See [`page`](super::page).
pub fn page_router() -> Router {
    page::router()
}

/// Everything of this crate; requests under `/app/v1` need an [`Access`](super::access::Access) in their extensions.
pub fn router(logs: LogsApi) -> Router {
    page_router().merge(logs.router())
}
