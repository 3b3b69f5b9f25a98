//! Who asks. Whoever authenticates a request puts an [`Access`] into its extensions.

use axum::extract::FromRequestParts;
use http::request::Parts;

use super::ApiError;

/// What the sender of a request may see and do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Access {
    pub tenant: u32,
    pub may_read: bool,
    /// May delete.
    pub is_admin: bool,
}

/// An [`Access`] that may read; without one the request is answered 401, without the right 403.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reader(pub(super) Access);

impl<S: Send + Sync> FromRequestParts<S> for Reader {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        let access = parts.extensions.get::<Access>().ok_or(ApiError::AccessRequired)?;
        if access.may_read { Ok(Self(*access)) } else { Err(ApiError::Forbidden { role: "read" }) }
    }
}
