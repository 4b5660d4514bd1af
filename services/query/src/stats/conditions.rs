//! Which groups are meant: those that have the value asked for in each dimension that is named.

use domain::event::{Kind, Severity};
use domain::rollup::{Dimension, Group, Rollup, Value};
use edge::{ApiError, ErrorCode};

use crate::fault;

/// What the status of a request can be.
pub(crate) const STATUS_CLASSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];

/// Conditions that all must hold.
#[derive(Clone, Debug, Default)]
pub(crate) struct Conditions {
    /// Places in a group, each with what must be there.
    wanted: Vec<(usize, Value)>,
}

impl Conditions {
    /// Of names of dimensions and values. An empty value is that of events that have none.
    pub(crate) fn new(rollup: Rollup, filters: &[(String, String)]) -> Result<Self, ApiError> {
        let condition = |(name, text): &(String, String)| {
            let (dimension, place) = place(rollup, name).map_err(|message| refused(name, message))?;
            check(dimension, text).map_err(|message| refused(name, message))?;
            let text = Some(text.as_str()).filter(|text| !text.is_empty());
            Ok((place, Value::from(text)))
        };
        let wanted = filters.iter().map(condition).collect::<Result<_, ApiError>>()?;
        Ok(Self { wanted })
    }

    /// Whether a group is meant; none where that can't be told, for what it has there is anything.
    pub(crate) fn keep(&self, group: &Group) -> Option<bool> {
        let mut is_decided = true;
        for (place, wanted) in &self.wanted {
            match &group.values()[*place] {
                Value::Other => is_decided = false,
                found if found == wanted => {}
                _ => return Some(false),
            }
        }
        is_decided.then_some(true)
    }
}

/// A dimension of a rollup, with its place in a group; or why it has none.
pub(crate) fn place(rollup: Rollup, name: &str) -> Result<(Dimension, usize), String> {
    let own = rollup.dimensions();
    let found = own.iter().position(|dimension| dimension.as_str() == name);
    found.map(|place| (own[place], place)).ok_or_else(|| {
        let names: Vec<_> = own.iter().map(|dimension| dimension.as_str()).collect();
        let shown: String = name.chars().take(64).collect();
        format!(
            "{} are not counted by {shown:?}, but by {}",
            rollup.as_str(),
            names.join(", ")
        )
    })
}

/// Refuses a value that no event has: a typo must not look like silence.
fn check(dimension: Dimension, text: &str) -> Result<(), String> {
    let (is_one, names) = match dimension {
        Dimension::Kind => (Kind::parse(text).is_some(), Kind::names()),
        Dimension::Severity => (Severity::parse(text).is_some(), Severity::names()),
        Dimension::StatusClass => (STATUS_CLASSES.contains(&text), STATUS_CLASSES.join(", ")),
        _ => return Ok(()),
    };
    let shown: String = text.chars().take(64).collect();
    is_one
        .then_some(())
        .ok_or_else(|| format!("{shown:?} is no {}, which is one of {names}", dimension.as_str()))
}

fn refused(name: &str, message: String) -> ApiError {
    let field: String = name.chars().take(64).collect();
    fault::of_value(ErrorCode::InvalidFilter, field, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(rollup: Rollup, name: &str, value: &str) -> String {
        let error = Conditions::new(rollup, &[(name.into(), value.into())]).unwrap_err();
        assert_eq!(
            (error.code, error.errors[0].field.as_ref()),
            (ErrorCode::InvalidFilter, name)
        );
        error.detail
    }

    #[test]
    fn a_dimension_that_is_not_counted_by_is_refused_with_those_that_are() {
        assert_eq!(
            refusal(Rollup::Events, "route", "/"),
            "events are not counted by \"route\", but by kind, severity, service, environment"
        );
        assert!(refusal(Rollup::Users, "service", "a").ends_with("but by user_id"));
    }

    #[test]
    fn a_value_that_no_event_has_is_refused_with_those_that_there_are() {
        assert!(refusal(Rollup::Events, "kind", "errors").contains("api_request, error"));
        assert!(refusal(Rollup::Events, "severity", "warn").contains("warning"));
        assert!(refusal(Rollup::Requests, "status_class", "500").contains("5xx"));
    }
}
