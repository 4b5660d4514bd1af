//! Who makes a call: `Authorization: Bearer <key>` or `X-Api-Key: <key>`, in HTTP headers and gRPC metadata alike.
//!
//! Looking a key up is a read in memory. It happens before the body is read. A stream that outlives the look-up asks
//! [`Access::recheck`] from time to time.

mod denials;

use std::convert::Infallible;
use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::body::Body;
use axum::response::Response;
use chassis::clock::Clock;
use control::View;
use domain::control::{Caller, Denied, State};
use domain::key::{ApiKey, KeyId, Peppers, Scope};
use domain::tenant::TenantId;
use domain::time::Millis;
use futures::future::{Either, Ready, ready};
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderName, HeaderValue, Request};
use tower::{Layer, Service};

use self::denials::Denials;
use crate::error::{ApiError, ErrorCode};
use crate::layers::Whose;
use crate::protocol::Protocol;

/// The header for clients that can't set `Authorization`.
pub const API_KEY: HeaderName = HeaderName::from_static("x-api-key");

const BEARER: &str = "bearer";
/// When to ask again where keys can't be checked.
const STALE_RETRY_MS: u32 = 2_000;

/// What is needed to tell who makes a call. Clones share it.
#[derive(Clone)]
pub struct Access {
    view: View,
    peppers: Arc<Peppers>,
    clock: Arc<dyn Clock>,
    denials: Arc<Denials>,
}

impl Access {
    /// Access for the keys of `view`.
    pub fn new(view: View, peppers: Arc<Peppers>, clock: Arc<dyn Clock>) -> Self {
        Self {
            view,
            peppers,
            clock,
            denials: Arc::default(),
        }
    }

    /// Who makes a call with these headers. A key that opens nothing is always answered in the same words; the log
    /// tells why.
    pub fn caller(&self, headers: &HeaderMap) -> Result<Caller, ApiError> {
        let presented = presented(headers)?;
        self.state()?
            .authenticate(presented, &self.peppers, self.now())
            .map_err(|denied| self.refuse(denied, ApiKey::parse(presented).ok().map(|key| *key.id())))
    }

    /// Whether the key that opened a call would still open it: not revoked and not expired meanwhile.
    pub fn recheck(&self, caller: &Caller) -> Result<(), ApiError> {
        self.state()?
            .recheck(caller, self.now())
            .map_err(|denied| self.refuse(denied, Some(caller.key().id)))
    }

    /// Tenants and keys, unless what is known of them is too old: a key may be revoked meanwhile.
    fn state(&self) -> Result<Arc<State>, ApiError> {
        self.view.current().map_err(|stale| {
            tracing::debug!(%stale, "request refused");
            let detail = "keys can't be checked now: the service has heard nothing of changes for too long";
            ApiError::new(ErrorCode::Unavailable, detail).with_retry_after(STALE_RETRY_MS)
        })
    }

    fn refuse(&self, denied: Denied, id: Option<KeyId>) -> ApiError {
        self.denials.tell(denied, id);
        unauthenticated("the key is not valid")
    }

    /// A layer that lets in who has a live key, and puts the [`Caller`] into the extensions of the request.
    pub fn layer(&self) -> AccessLayer {
        AccessLayer(self.clone())
    }

    fn now(&self) -> Millis {
        Millis::from_ms(self.clock.now_ms())
    }
}

impl fmt::Debug for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Access").finish_non_exhaustive()
    }
}

/// Lets a caller pass that has this scope.
pub fn require(caller: &Caller, scope: Scope) -> Result<(), ApiError> {
    if caller.may(scope) {
        return Ok(());
    }
    let detail = format!("this needs a key with the scope {}", scope.as_str());
    Err(ApiError::new(ErrorCode::MissingScope, detail))
}

/// Lets a caller pass that has this scope, and tells whose data it may touch.
pub fn tenant_of(caller: &Caller, scope: Scope) -> Result<TenantId, ApiError> {
    require(caller, scope)?;
    caller
        .tenant()
        .cloned()
        .ok_or_else(|| ApiError::new(ErrorCode::MissingScope, "this needs a key of a tenant"))
}

/// The key in the headers. One key may stand in both.
fn presented(headers: &HeaderMap) -> Result<&str, ApiError> {
    let authorization = single(headers, &AUTHORIZATION)?.map(bearer).transpose()?;
    let api_key = single(headers, &API_KEY)?.map(text).transpose()?;
    match (authorization, api_key) {
        (Some(one), Some(other)) if one != other => Err(unauthenticated(
            "Authorization and X-Api-Key hold different keys: send one",
        )),
        (Some(key), _) | (None, Some(key)) => Ok(key),
        (None, None) => Err(unauthenticated(
            "no key: send it as `Authorization: Bearer <key>` or `X-Api-Key: <key>`",
        )),
    }
}

fn single<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a HeaderValue>, ApiError> {
    let mut values = headers.get_all(name).iter();
    let first = values.next();
    if values.next().is_some() {
        return Err(unauthenticated(format!("the header {name} stands twice")));
    }
    Ok(first)
}

fn text(value: &HeaderValue) -> Result<&str, ApiError> {
    let text = value
        .to_str()
        .map_err(|_| unauthenticated("the key has characters that no key has"))?;
    Ok(text.trim())
}

fn bearer(value: &HeaderValue) -> Result<&str, ApiError> {
    let (scheme, key) = text(value)?.split_once(' ').unwrap_or_default();
    if scheme.eq_ignore_ascii_case(BEARER) {
        Ok(key.trim_start())
    } else {
        Err(unauthenticated("Authorization must be `Bearer <key>`"))
    }
}

fn unauthenticated(detail: impl Into<String>) -> ApiError {
    ApiError::new(ErrorCode::Unauthenticated, detail)
}

/// Puts [`Access`] in front of a service, HTTP or gRPC.
#[derive(Clone, Debug)]
pub struct AccessLayer(Access);

/// A service behind [`Access`].
#[derive(Clone, Debug)]
pub struct Guarded<S> {
    access: Access,
    inner: S,
}

impl<S> Layer<S> for AccessLayer {
    type Service = Guarded<S>;

    fn layer(&self, inner: S) -> Guarded<S> {
        let access = self.0.clone();
        Guarded { access, inner }
    }
}

impl<S> Service<Request<Body>> for Guarded<S>
where
    S: Service<Request<Body>, Response = Response, Error = Infallible>,
{
    type Response = Response;
    type Error = Infallible;
    type Future = Either<Ready<Result<Response, Infallible>>, S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        match self.access.caller(request.headers()) {
            Ok(caller) => {
                let span = tracing::Span::current();
                span.record("key", caller.key().id.as_str());
                span.record("tenant", caller.tenant().map_or("", TenantId::as_str));
                if let (Some(tenant), Some(whose)) = (caller.tenant(), request.extensions().get::<Whose>()) {
                    whose.tell(tenant);
                }
                request.extensions_mut().insert(caller);
                Either::Right(self.inner.call(request))
            }
            Err(error) => Either::Left(ready(Ok(Protocol::of(request.headers()).refuse(error)))),
        }
    }
}

#[cfg(test)]
mod tests;
