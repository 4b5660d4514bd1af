//! `/api/v1/admin/tenants`.

use axum::Json;
use axum::body::Body;
use axum::extract::{Extension, State};
use axum::http::{Request, StatusCode};
use domain::control::{Caller, TenantRecord};
use domain::key::Scope;
use edge::{ApiError, require};
use serde::Serialize;
use utoipa::ToSchema;

use super::fields::Fields;
use super::{Admin, by};
use crate::openapi::schemas;

/// A tenant.
#[derive(Serialize, ToSchema)]
pub(crate) struct Tenant {
    #[schema(example = "demo")]
    id: String,
    #[schema(example = "Demo")]
    name: String,
    #[schema(format = DateTime)]
    created_at: String,
}

/// All tenants, by id.
#[derive(Serialize, ToSchema)]
pub(crate) struct Tenants {
    tenants: Vec<Tenant>,
}

/// A tenant to make.
#[derive(ToSchema)]
#[schema(example = json!({"id": "acme", "name": "Acme"}))]
#[expect(
    dead_code,
    reason = "the shape for the published document; the body is read field by field"
)]
pub(crate) struct NewTenant {
    /// 1 to 64 of `a-z 0-9 -`, starting with a letter.
    #[schema(pattern = "^[a-z][a-z0-9-]{0,63}$")]
    id: String,
    /// 1 to 128 bytes.
    name: String,
}

impl From<&TenantRecord> for Tenant {
    fn from(record: &TenantRecord) -> Self {
        Self {
            id: record.id.to_string(),
            name: record.name.to_string(),
            created_at: record.created_at.to_string(),
        }
    }
}

/// Lists all tenants. Needs the scope `platform`.
#[utoipa::path(
    get,
    path = "/api/v1/admin/tenants",
    tag = "admin",
    operation_id = "listTenants",
    responses((status = 200, description = "All tenants.", body = Tenants), schemas::Denied),
)]
pub(crate) async fn list(
    State(admin): State<Admin>,
    Extension(caller): Extension<Caller>,
) -> Result<Json<Tenants>, ApiError> {
    require(&caller, Scope::Platform)?;
    let state = admin.view.state();
    let mut tenants: Vec<&TenantRecord> = state.tenants().collect();
    tenants.sort_unstable_by_key(|tenant| &tenant.id);
    Ok(Json(Tenants {
        tenants: tenants.into_iter().map(Tenant::from).collect(),
    }))
}

/// Makes a tenant. Needs the scope `platform`.
#[utoipa::path(
    post,
    path = "/api/v1/admin/tenants",
    tag = "admin",
    operation_id = "createTenant",
    request_body = NewTenant,
    responses(
        (status = 201, description = "The tenant exists.", body = Tenant),
        (status = 400, description = "A field is wrong.",
            body = schemas::Problem, content_type = "application/problem+json"),
        (status = 409, description = "There is a tenant of this id.",
            body = schemas::Problem, content_type = "application/problem+json"),
        schemas::Denied,
    ),
)]
pub(crate) async fn create(
    State(admin): State<Admin>,
    Extension(caller): Extension<Caller>,
    request: Request<Body>,
) -> Result<(StatusCode, Json<Tenant>), ApiError> {
    require(&caller, Scope::Platform)?;
    let mut fields = Fields::parse(&admin.read(request).await?)?;
    let id = fields.tenant("id");
    if id.is_none() && !fields.names("id") {
        fields.fault("missing", "id", "id is required");
    }
    let name = fields.name();
    fields.finish()?;
    let (Some(id), Some(name)) = (id, name) else {
        return Err(ApiError::new(
            edge::ErrorCode::Internal,
            "a field is absent without a fault",
        ));
    };
    let record = admin.writer.create_tenant(&by(&caller), id, name).await?;
    Ok((StatusCode::CREATED, Json(Tenant::from(&record))))
}
