//! The published description of what the gateway serves over HTTP.

pub(crate) mod schemas;

use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{Components, OpenApi};
use utoipa::{Modify, OpenApi as Describe};

use crate::http::{admin, events, health};

#[derive(Describe)]
#[openapi(
    info(
        title = "Sluice",
        description = "Takes in events, keeps every one it acknowledged, and answers searches over them. \
            The same is served over gRPC, where the server's reflection describes it.",
        license(name = "Apache-2.0", identifier = "Apache-2.0"),
    ),
    tags(
        (name = "ingestion", description = "Events in and out."),
        (name = "admin", description = "Tenants and keys."),
    ),
    paths(
        events::one,
        events::many,
        events::validate,
        health::health,
        admin::tenants::list,
        admin::tenants::create,
        admin::keys::list,
        admin::keys::create,
        admin::keys::revoke,
    ),
    security(("bearer" = []), ("api_key" = [])),
    modifiers(&Keys),
)]
struct Document;

/// The two ways to present a key.
struct Keys;

impl Modify for Keys {
    fn modify(&self, document: &mut OpenApi) {
        let components = document.components.get_or_insert_with(Components::default);
        let bearer = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .description(Some(
                "A key: slk_<id>_<secret>. Scopes: ingest, read, manage, platform.",
            ))
            .build();
        let api_key =
            ApiKeyValue::with_description("X-Api-Key", "A key, for clients that can't set Authorization.");
        components.add_security_scheme("bearer", SecurityScheme::Http(bearer));
        components.add_security_scheme("api_key", SecurityScheme::ApiKey(ApiKey::Header(api_key)));
    }
}

/// The part of the description that is the gateway's.
pub fn openapi() -> OpenApi {
    let mut document = Document::openapi();
    // Every crate has the version of the workspace.
    env!("CARGO_PKG_VERSION").clone_into(&mut document.info.version);
    document
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_path_and_reference_is_described() {
        let document = serde_json::to_value(openapi()).unwrap();
        let paths: Vec<_> = document["paths"].as_object().unwrap().keys().collect();
        insta::assert_json_snapshot!(paths);
        let text = document.to_string();
        for reference in text.split("\"#/components/schemas/").skip(1) {
            let name = reference.split('"').next().unwrap();
            assert!(document["components"]["schemas"][name].is_object(), "{name}");
        }
        assert_eq!(document["openapi"], "3.1.0");
    }
}
