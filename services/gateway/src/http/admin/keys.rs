//! `/api/v1/admin/keys`.

use axum::Json;
use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Extension, Path, Query, State};
use axum::http::header::CACHE_CONTROL;
use axum::http::{Request, StatusCode};
use axum::response::{IntoResponse, Response};
use domain::control::{Caller, KeyRecord};
use domain::key::{KeyId, Scope, Scopes};
use domain::tenant::TenantId;
use domain::time::Millis;
use edge::{ApiError, ErrorCode};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::fields::Fields;
use super::{Admin, Reach, by, other_tenant};
use crate::openapi::schemas;
use crate::refusal;

/// A key, without its secret.
#[derive(Serialize, ToSchema)]
pub(crate) struct Key {
    /// Its public part.
    #[schema(example = "0aB1cD2eF3gH")]
    id: String,
    /// Whose it is; a platform key has none.
    tenant: Option<String>,
    name: String,
    #[schema(example = json!(["ingest", "read"]))]
    scopes: Vec<&'static str>,
    #[schema(format = DateTime)]
    created_at: String,
    #[schema(format = DateTime)]
    expires_at: Option<String>,
    revoked: bool,
}

/// Keys, by tenant and time.
#[derive(Serialize, ToSchema)]
pub(crate) struct Keys {
    keys: Vec<Key>,
}

/// A key that was just made.
#[derive(Serialize, ToSchema)]
pub(crate) struct CreatedKey {
    #[serde(flatten)]
    record: Key,
    /// The whole key. It is shown this once.
    key: String,
}

/// A key to make.
#[derive(ToSchema)]
#[schema(example = json!({"tenant": "demo", "name": "checkout", "scopes": ["ingest"]}))]
#[expect(
    dead_code,
    reason = "the shape for the published document; the body is read field by field"
)]
pub(crate) struct NewKey {
    /// Whose it will be. Without it: the caller's own tenant, or none where the caller is of the platform.
    tenant: Option<String>,
    /// 1 to 128 bytes.
    name: String,
    /// Of a tenant's key: `ingest`, `read`, `manage`. Of a platform key: `platform`.
    scopes: Vec<String>,
    /// From when on it is refused.
    #[schema(format = DateTime)]
    expires_at: Option<String>,
}

/// Which keys to list.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Filter {
    tenant: Option<String>,
}

/// Lists keys: those of the caller's tenant, or of all where the caller is of the platform.
#[utoipa::path(
    get,
    path = "/api/v1/admin/keys",
    tag = "admin",
    operation_id = "listKeys",
    params(("tenant" = Option<String>, Query, description = "Only keys of this tenant.")),
    responses((status = 200, description = "Keys without their secrets.", body = Keys), schemas::Denied),
)]
pub(crate) async fn list(
    State(admin): State<Admin>,
    Extension(caller): Extension<Caller>,
    filter: Result<Query<Filter>, axum::extract::rejection::QueryRejection>,
) -> Result<Json<Keys>, ApiError> {
    let reach = Reach::of(&caller)?;
    let Query(filter) = filter?;
    let wanted = filter.tenant.as_deref().map(TenantId::parse).transpose();
    let wanted = wanted.map_err(|error| refusal::invalid_field("tenant", error.to_string()))?;
    if wanted.is_some() && !reach.covers(wanted.as_ref()) {
        return Err(other_tenant());
    }
    let state = admin.view.state();
    let covered = |key: &&KeyRecord| reach.covers(key.tenant.as_ref());
    let named = |key: &&KeyRecord| wanted.is_none() || key.tenant == wanted;
    let mut records: Vec<&KeyRecord> = state.keys().filter(covered).filter(named).collect();
    records.sort_by_key(|key| (&key.tenant, key.created_at, &key.id));
    let keys = records
        .into_iter()
        .map(|record| shown(record, state.is_revoked(&record.id)));
    Ok(Json(Keys { keys: keys.collect() }))
}

/// Makes a key and shows it once.
#[utoipa::path(
    post,
    path = "/api/v1/admin/keys",
    tag = "admin",
    operation_id = "createKey",
    request_body = NewKey,
    responses(
        (status = 201, description = "The key, shown this once.", body = CreatedKey),
        (status = 400, description = "A field is wrong.",
            body = schemas::Problem, content_type = "application/problem+json"),
        (status = 404, description = "There is no such tenant.",
            body = schemas::Problem, content_type = "application/problem+json"),
        schemas::Denied,
    ),
)]
pub(crate) async fn create(
    State(admin): State<Admin>,
    Extension(caller): Extension<Caller>,
    request: Request<Body>,
) -> Result<Response, ApiError> {
    let reach = Reach::of(&caller)?;
    let mut fields = Fields::parse(&admin.read(request).await?)?;
    let tenant = fields.tenant("tenant");
    let tenant = match &reach {
        Reach::Own(own) if tenant.is_none() && !fields.names("tenant") => Some(own.clone()),
        _ => tenant,
    };
    let name = fields.name();
    let scopes = scopes(&mut fields, tenant.is_some());
    let expires_at = expires_at(&mut fields, Millis::from_ms(admin.clock.now_ms()));
    let names_tenant = fields.names("tenant");
    if !names_tenant && !reach.covers(tenant.as_ref()) {
        return Err(other_tenant());
    }
    fields.finish()?;
    let (Some(name), Some(scopes)) = (name, scopes) else {
        return Err(ApiError::new(
            ErrorCode::Internal,
            "a field is absent without a fault",
        ));
    };
    let request = control::NewKey {
        tenant,
        name,
        scopes,
        expires_at,
    };
    let (key, record) = admin.writer.create_key(&by(&caller), request).await?;
    let created = CreatedKey {
        record: shown(&record, false),
        key: key.reveal().to_owned(),
    };
    Ok((StatusCode::CREATED, [(CACHE_CONTROL, "no-store")], Json(created)).into_response())
}

/// Revokes a key. Revoking it again changes nothing.
#[utoipa::path(
    delete,
    path = "/api/v1/admin/keys/{id}",
    tag = "admin",
    operation_id = "revokeKey",
    params(("id" = String, Path, description = "The public part of the key.")),
    responses(
        (status = 204, description = "The key is refused from now on, everywhere within 5 seconds."),
        (status = 404, description = "There is no such key, or it is another tenant's.",
            body = schemas::Problem, content_type = "application/problem+json"),
        schemas::Denied,
    ),
)]
pub(crate) async fn revoke(
    State(admin): State<Admin>,
    Extension(caller): Extension<Caller>,
    id: Result<Path<String>, PathRejection>,
) -> Result<StatusCode, ApiError> {
    let reach = Reach::of(&caller)?;
    let absent = || ApiError::new(ErrorCode::NotFound, "there is no such key");
    let Path(id) = id?;
    let id = KeyId::parse(&id).map_err(|_| absent())?;
    let state = admin.view.state();
    let record = state
        .key(&id)
        .filter(|record| reach.covers(record.tenant.as_ref()));
    record.ok_or_else(absent)?;
    admin.writer.revoke_key(&by(&caller), &id).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn shown(record: &KeyRecord, revoked: bool) -> Key {
    Key {
        id: record.id.to_string(),
        tenant: record.tenant.as_ref().map(TenantId::to_string),
        name: record.name.to_string(),
        scopes: record.scopes.iter().map(Scope::as_str).collect(),
        created_at: record.created_at.to_string(),
        expires_at: record.expires_at.map(|time| time.to_string()),
        revoked,
    }
}

/// Scopes that suit the key: all of a tenant, or the platform's.
fn scopes(fields: &mut Fields, of_tenant: bool) -> Option<Scopes> {
    let allowed: &[Scope] = if of_tenant {
        &[Scope::Ingest, Scope::Read, Scope::Manage]
    } else {
        &[Scope::Platform]
    };
    let Some(names) = fields.texts("scopes") else {
        if !fields.names("scopes") {
            fields.fault("missing", "scopes", "scopes is required");
        }
        return None;
    };
    let read = |name: &String| Scope::parse(name).filter(|scope| allowed.contains(scope));
    let scopes: Option<Scopes> = names.iter().map(read).collect();
    let scopes = scopes.filter(|scopes| !scopes.is_empty());
    if scopes.is_none() {
        let allowed: Vec<_> = allowed.iter().map(|scope| scope.as_str()).collect();
        let whose = if of_tenant {
            "a key of a tenant"
        } else {
            "a platform key"
        };
        fields.fault(
            "invalid_value",
            "scopes",
            format!("scopes of {whose} must be some of {}", allowed.join(", ")),
        );
    }
    scopes
}

fn expires_at(fields: &mut Fields, now: Millis) -> Option<Millis> {
    let text = fields.text("expires_at")?;
    match text.parse::<Millis>() {
        Ok(time) if time > now => Some(time),
        Ok(_) => {
            fields.fault("invalid_value", "expires_at", "expires_at is past");
            None
        }
        Err(error) => {
            fields.fault("invalid_value", "expires_at", format!("expires_at is {error}"));
            None
        }
    }
}
