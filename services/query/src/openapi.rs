//! The published description of what query serves over HTTP.

mod schemas;
mod stats;

use domain::event::{Kind, Priority, Severity};
use domain::filter::Field;
use serde_json::Value;
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::Type;
use utoipa::openapi::{ObjectBuilder, OpenApi, RefOr, Required};
use utoipa::{Modify, OpenApi as Describe};

use crate::http;
use crate::search::{DEFAULT_LIMIT, MAX_LIMIT};

#[derive(Describe)]
#[openapi(
    info(title = "Sluice: reads", license(name = "Apache-2.0", identifier = "Apache-2.0")),
    tags(
        (name = "ingestion", description = "Events in and out."),
        (name = "analytics", description = "Statistics of events, counted once each as they come."),
    ),
    paths(
        schemas::search,
        schemas::get,
        schemas::delete,
        stats::overview,
        stats::timeseries,
        stats::top,
        stats::summary,
    ),
    security(("bearer" = []), ("api_key" = [])),
    modifiers(&Parameters),
)]
struct Document;

/// The parameters of searches and statistics, from the lists that requests are read by.
struct Parameters;

impl Modify for Parameters {
    fn modify(&self, document: &mut OpenApi) {
        let mut add = |path: &str, parameters: Vec<Parameter>| {
            let operations = document.paths.paths.get_mut(path);
            if let Some(operation) = operations.and_then(|path| path.get.as_mut()) {
                operation.parameters = Some(parameters.into_iter().map(RefOr::T).collect());
            }
        };
        let own = http::parameters().into_iter().map(of_parameter);
        let fields = Field::ALL.iter().map(|field| of_field(*field));
        add(schemas::EVENTS, own.chain(fields).collect());
        for (path, parameters) in stats::parameters() {
            add(path, parameters);
        }
    }
}

/// The part of the description that is query's.
pub fn openapi() -> OpenApi {
    let mut document = Document::openapi();
    // Every crate has the version of the workspace.
    env!("CARGO_PKG_VERSION").clone_into(&mut document.info.version);
    document
}

fn of_parameter((name, meaning, example): http::Parameter) -> Parameter {
    let schema = match name {
        "limit" => ObjectBuilder::new()
            .schema_type(Type::Integer)
            .minimum(Some(1))
            .maximum(Some(MAX_LIMIT))
            .default(Some(DEFAULT_LIMIT.into())),
        "order" => text().enum_values(Some(["newest", "oldest"])),
        "explain" => ObjectBuilder::new()
            .schema_type(Type::Boolean)
            .default(Some(false.into())),
        _ => text(),
    };
    let example: Value = serde_json::from_str(example).unwrap_or_else(|_| example.into());
    in_query(name, meaning, schema.examples([example]))
}

fn of_field(field: Field) -> Parameter {
    let schema = match field {
        Field::Kind => text().enum_values(Some(Kind::ALL.iter().map(|kind| kind.as_str()))),
        Field::Severity => text().enum_values(Some(Severity::ALL.iter().map(|severity| severity.as_str()))),
        Field::Priority => text().enum_values(Some(Priority::ALL.iter().map(|priority| priority.as_str()))),
        Field::StatusCode => ObjectBuilder::new()
            .schema_type(Type::Integer)
            .minimum(Some(100))
            .maximum(Some(599)),
        Field::DurationMs | Field::RequestBytes | Field::ResponseBytes => {
            ObjectBuilder::new().schema_type(Type::Number).minimum(Some(0))
        }
        Field::Handled | Field::Bot => ObjectBuilder::new().schema_type(Type::Boolean),
        _ => text(),
    };
    let meaning = match field {
        Field::Message => "Only events with these words in their `message`, one behind the other.".to_owned(),
        _ => format!("Only events with this `{}`.", field.as_str()),
    };
    in_query(field.as_str(), &meaning, schema)
}

fn text() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String)
}

fn in_query(name: &str, meaning: &str, schema: ObjectBuilder) -> Parameter {
    ParameterBuilder::new()
        .name(name)
        .parameter_in(ParameterIn::Query)
        .required(Required::False)
        .description(Some(meaning))
        .schema(Some(schema))
        .build()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_path_and_reference_is_described() {
        let document = serde_json::to_value(openapi()).unwrap();
        let operations = document["paths"]
            .as_object()
            .unwrap()
            .iter()
            .flat_map(|(path, item)| {
                item.as_object()
                    .unwrap()
                    .keys()
                    .map(move |method| format!("{method} {path}"))
            });
        assert_eq!(
            operations.collect::<BTreeSet<_>>(),
            [
                "delete /api/v1/ingestion/events/{id}",
                "get /api/v1/analytics/summary",
                "get /api/v1/analytics/timeseries",
                "get /api/v1/analytics/top",
                "get /api/v1/ingestion/events",
                "get /api/v1/ingestion/events/{id}",
                "get /api/v1/ingestion/stats"
            ]
            .map(String::from)
            .into()
        );
        let text = document.to_string();
        for reference in text.split("\"#/components/schemas/").skip(1) {
            let name = reference.split('"').next().unwrap();
            assert!(document["components"]["schemas"][name].is_object(), "{name}");
        }
    }

    #[test]
    fn the_parameters_of_a_search_are_described() {
        let document = serde_json::to_value(openapi()).unwrap();
        insta::assert_json_snapshot!(document["paths"]["/api/v1/ingestion/events"]["get"]["parameters"]);
    }
}
