//! `/api/v1/admin`: tenants and keys.
//!
//! A key with the scope `platform` may do everything here; one with `manage` may list, make and revoke the keys of
//! its own tenant. What another tenant has is answered like what nobody has.

mod fields;
pub(crate) mod keys;
pub(crate) mod tenants;

use std::sync::Arc;

use super::format::Format;
use axum::Router;
use axum::body::Body;
use axum::http::Request;
use axum::routing::{delete, get};
use bytes::Bytes;
use chassis::clock::Clock;
use control::{By, View, Writer};
use domain::control::Caller;
use domain::key::Scope;
use domain::tenant::TenantId;
use edge::{ApiError, BodyReader, ErrorCode};

/// What these handlers need.
#[derive(Clone)]
pub(crate) struct Admin {
    pub(crate) view: View,
    pub(crate) writer: Writer,
    pub(crate) bodies: BodyReader,
    pub(crate) clock: Arc<dyn Clock>,
}

impl Admin {
    async fn read(&self, request: Request<Body>) -> Result<Bytes, ApiError> {
        let (head, body) = request.into_parts();
        Format::of(&head.headers, &[Format::Json])?;
        Ok(self.bodies.read(&head.headers, body).await?.bytes)
    }
}

/// The routes, for callers that are known already.
pub(crate) fn router(admin: Admin) -> Router {
    Router::new()
        .route("/api/v1/admin/tenants", get(tenants::list).post(tenants::create))
        .route("/api/v1/admin/keys", get(keys::list).post(keys::create))
        .route("/api/v1/admin/keys/{id}", delete(keys::revoke))
        .with_state(admin)
}

/// Whose keys a caller may touch.
enum Reach {
    All,
    Own(TenantId),
}

impl Reach {
    fn of(caller: &Caller) -> Result<Self, ApiError> {
        match caller.tenant() {
            _ if caller.may(Scope::Platform) => Ok(Self::All),
            Some(tenant) => edge::require(caller, Scope::Manage).map(|()| Self::Own(tenant.clone())),
            None => edge::require(caller, Scope::Platform).map(|()| Self::All),
        }
    }

    fn covers(&self, tenant: Option<&TenantId>) -> bool {
        match self {
            Self::All => true,
            Self::Own(own) => tenant == Some(own),
        }
    }
}

/// On whose behalf a change is made.
fn by(caller: &Caller) -> By {
    By::caller(
        caller,
        edge::request_id::current().map(|id| id.as_str().to_owned()),
    )
}

/// The same for a tenant that exists and for one that does not.
fn other_tenant() -> ApiError {
    ApiError::new(
        ErrorCode::MissingScope,
        "a key of a tenant reaches that tenant only; this needs the scope platform",
    )
}
