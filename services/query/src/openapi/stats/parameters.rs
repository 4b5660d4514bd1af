//! The parameters of statistics, from the lists that requests are read by.

use domain::event::{Kind, Severity};
use domain::rollup::{Dimension, Rollup};
use serde_json::Value;
use utoipa::openapi::path::{Parameter, ParameterBuilder};
use utoipa::openapi::schema::Type;
use utoipa::openapi::{ObjectBuilder, Required};

use super::super::{in_query, text};
use super::{OVERVIEW, SUMMARY, TIMESERIES, TOP};
use crate::http::{self, stats_params};
use crate::stats::asked::{self, Ranking};
use crate::stats::conditions::STATUS_CLASSES;
use crate::stats::step::Step;
use crate::stats::summary;

/// Each path of statistics, with all its parameters.
pub(crate) fn parameters() -> impl Iterator<Item = (&'static str, Vec<Parameter>)> {
    paths().into_iter().map(|(path, own, dimensions)| {
        let own = own.iter().map(|parameter| of_own(path, *parameter));
        let filters = dimensions.into_iter().map(of_dimension);
        (path, own.chain(filters).collect())
    })
}

/// Each path, with its own parameters and the dimensions by which it filters.
fn paths() -> [(&'static str, &'static [http::Parameter], Vec<Dimension>); 4] {
    let parse = |names: &[&str]| names.iter().filter_map(|name| Dimension::parse(name)).collect();
    [
        (
            OVERVIEW,
            &stats_params::OF_OVERVIEW,
            Rollup::Events.dimensions().to_vec(),
        ),
        (TIMESERIES, &stats_params::OF_TIMESERIES, Dimension::ALL.to_vec()),
        (TOP, &stats_params::OF_GREATEST, Dimension::ALL.to_vec()),
        (SUMMARY, &stats_params::OF_OVERVIEW, parse(&summary::FILTERS)),
    ]
}

fn of_own(path: &str, (name, meaning, example): http::Parameter) -> Parameter {
    let limit = if path == TOP {
        asked::MAX_TOP
    } else {
        asked::MAX_SERIES
    };
    let schema = match name {
        "limit" => ObjectBuilder::new()
            .schema_type(Type::Integer)
            .minimum(Some(1))
            .maximum(Some(limit))
            .default(Some(asked::DEFAULT_LIMIT.into())),
        "step" => text().enum_values(Some(Step::ALL.map(Step::as_str))),
        "of" if path == TOP => text().enum_values(Some(Ranking::ALL.map(Ranking::as_str))),
        "of" => text().enum_values(Some(Rollup::ALL.map(Rollup::as_str))),
        _ => text(),
    };
    let example: Value = serde_json::from_str(example).unwrap_or_else(|_| example.into());
    let parameter = in_query(name, meaning, schema.examples([example]));
    let is_required = name == "of" && path == TOP;
    let required = if is_required {
        Required::True
    } else {
        Required::False
    };
    ParameterBuilder::from(parameter).required(required).build()
}

fn of_dimension(dimension: Dimension) -> Parameter {
    let schema = match dimension {
        Dimension::Kind => text().enum_values(Some(Kind::ALL.iter().map(|kind| kind.as_str()))),
        Dimension::Severity => {
            text().enum_values(Some(Severity::ALL.iter().map(|severity| severity.as_str())))
        }
        Dimension::StatusClass => text().enum_values(Some(STATUS_CLASSES)),
        _ => text(),
    };
    let meaning = format!(
        "Only events with this `{}`, where it is counted by; an empty value is that of events that have none.",
        dimension.as_str()
    );
    in_query(dimension.as_str(), &meaning, schema)
}
