//! Parameters in the query of a URL. Each stands once and is known: a typo must not widen a search silently.
//!
//! - `stats`: those of statistics.

pub(crate) mod stats;

use std::collections::HashSet;

use domain::cursor::Order;
use domain::fault::Code;
use domain::filter::{Field, Filter, InvalidFilter};
use edge::{ApiError, ErrorCode};
use serde_json::Map;

use crate::fault;
use crate::search::{Asked, MAX_LIMIT};

/// A typo has at most this distance from what was meant.
const MAX_TYPO_DISTANCE: usize = 2;

/// Name, meaning and example of a parameter that is not a field.
pub(crate) type Parameter = (&'static str, &'static str, &'static str);

const FROM: Parameter = (
    "from",
    "Begin of the range, included: RFC 3339, or relative such as `now-15m` (units s, m, h, d, w). The default is 24 \
     hours before `to`.",
    "now-1h",
);
const TO: Parameter = (
    "to",
    "End of the range, not included. The default is now.",
    "2026-01-31T09:00:00Z",
);
const Q: Parameter = (
    "q",
    "Which events. Conditions beside each other must all hold; `OR`, `NOT` or `-` and parentheses join them. \
     `service:checkout` compares the whole value, `route:/api/*` its begin, `user_id:*` asks for any, \
     `status_code:>=500` and `duration_ms:10..50` compare numbers, `severity:(error OR fatal)` says the field once; \
     a value with blanks or parentheses wants quotes, and in them `\\` before `\"` and `\\`. \
     `attributes.cart.total:>100` looks into attributes, with an odd key in quotes. A word or `\"a phrase\"` alone is \
     searched for in `message`, `name` and the texts of attributes. At most 8 KiB and 64 conditions; an error says \
     the column.",
    "service:checkout (status_code:>=500 OR kind:error) -environment:dev \"connection reset\"",
);
const LIMIT: Parameter = (
    "limit",
    "Events in a page, 1 to 1,000. The default is 100.",
    "100",
);
const CURSOR: Parameter = (
    "cursor",
    "`next_cursor` of the page before, with the other parameters as they were.",
    "hJ2k...",
);
const ORDER: Parameter = ("order", "`newest` (the default) or `oldest` first.", "newest");
const AFTER: Parameter = (
    "after",
    "Token of an ingest: wait until that write is visible.",
    "q83v...",
);
const EXPLAIN: Parameter = (
    "explain",
    "`true`: say what was read to answer. The default is `false`.",
    "true",
);
const OF_SEARCH: [Parameter; 8] = [FROM, TO, Q, LIMIT, CURSOR, ORDER, AFTER, EXPLAIN];

/// The parameters of a search that are not fields.
pub(crate) fn parameters() -> [Parameter; 8] {
    OF_SEARCH
}

/// Parameters of which each stands once.
pub(crate) struct Pairs(Vec<(String, String)>);

impl Pairs {
    pub(crate) fn new(pairs: Vec<(String, String)>) -> Result<Self, ApiError> {
        let mut names = HashSet::new();
        if let Some((name, _)) = pairs.iter().find(|(name, _)| !names.insert(name.as_str())) {
            let name = shown(name);
            let message = format!(
                "{name:?} stands more than once; once is allowed (conditions of a search that all must hold go into q)"
            );
            return Err(fault::of_field(
                ErrorCode::InvalidRequest,
                Code::DuplicateField,
                name,
                message,
            ));
        }
        Ok(Self(pairs))
    }
}

/// What `GET /events` asks for.
pub(crate) fn search(pairs: Pairs) -> Result<Asked, ApiError> {
    let mut asked = Asked::default();
    let mut conditions = Vec::new();
    for (name, value) in pairs.0 {
        match name.as_str() {
            "from" => asked.from = Some(value),
            "to" => asked.to = Some(value),
            "q" => asked.filter = Filter::parse(&value).map_err(|error| invalid_filter(&error))?,
            "limit" => asked.limit = Some(limit(&value, MAX_LIMIT)?),
            "cursor" => asked.cursor = Some(value),
            "order" => asked.order = order(&value)?,
            "after" => asked.after = Some(value),
            "explain" => asked.explain = truth(&value)?,
            field if Field::parse(field).is_some() => conditions.push((name, value)),
            unknown => return Err(unknown_parameter(unknown, &names_of_search())),
        }
    }
    add_conditions(&mut asked.filter, &conditions)?;
    Ok(asked)
}

/// The token that `GET /events/{id}` waits for.
pub(crate) fn get(pairs: Pairs) -> Result<Option<String>, ApiError> {
    let mut after = None;
    for (name, value) in pairs.0 {
        if name != AFTER.0 {
            return Err(unknown_parameter(&name, &[AFTER.0]));
        }
        after = Some(value);
    }
    Ok(after)
}

/// `DELETE /events/{id}` has no parameters.
pub(crate) fn delete(pairs: &Pairs) -> Result<(), ApiError> {
    pairs
        .0
        .first()
        .map_or(Ok(()), |(name, _)| Err(unknown_parameter(name, &[])))
}

/// Adds conditions that came as names and values.
pub(crate) fn add_conditions(filter: &mut Filter, conditions: &[(String, String)]) -> Result<(), ApiError> {
    for (name, value) in conditions {
        filter.add(name, value).map_err(|error| invalid_filter(&error))?;
    }
    Ok(())
}

/// A filter that does not parse. Over HTTP it says the column also by itself.
pub(crate) fn invalid_filter(error: &InvalidFilter) -> ApiError {
    let refused = fault::of_value(
        ErrorCode::InvalidFilter,
        error.parameter.clone(),
        error.to_string(),
    );
    match error.column {
        Some(column) => refused.with_extra(Map::from_iter([("column".to_owned(), column.into())])),
        None => refused,
    }
}

fn names_of_search() -> Vec<&'static str> {
    let own = OF_SEARCH.iter().map(|(name, ..)| *name);
    own.chain(Field::ALL.iter().map(|field| field.as_str())).collect()
}

fn limit(text: &str, most: u32) -> Result<u32, ApiError> {
    let is_plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    is_plain.then(|| text.parse().ok()).flatten().ok_or_else(|| {
        let message = format!("limit is {:?}, a number from 1 to {most} is wanted", shown(text));
        fault::of_value(ErrorCode::InvalidRequest, LIMIT.0, message)
    })
}

fn order(text: &str) -> Result<Order, ApiError> {
    match text {
        "newest" => Ok(Order::NewestFirst),
        "oldest" => Ok(Order::OldestFirst),
        _ => {
            let message = format!("order is {:?}, newest or oldest is wanted", shown(text));
            Err(fault::of_value(ErrorCode::InvalidRequest, ORDER.0, message))
        }
    }
}

fn truth(text: &str) -> Result<bool, ApiError> {
    text.parse().map_err(|_| {
        let message = format!("explain is {:?}, true or false is wanted", shown(text));
        fault::of_value(ErrorCode::InvalidRequest, EXPLAIN.0, message)
    })
}

fn unknown_parameter(name: &str, known: &[&str]) -> ApiError {
    let shown = shown(name);
    let nearest = known
        .iter()
        .map(|known| (strsim::damerau_levenshtein(known, &shown), known))
        .filter(|(distance, _)| *distance <= MAX_TYPO_DISTANCE)
        .min();
    let message = match nearest {
        Some((_, nearest)) => format!("{shown:?} is not a parameter of this request, {nearest} is one"),
        None => format!("{shown:?} is not a parameter of this request"),
    };
    fault::of_field(ErrorCode::InvalidRequest, Code::UnknownField, shown, message)
}

fn shown(text: &str) -> String {
    text.chars().take(64).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(pairs: &[(&str, &str)]) -> Result<Asked, ApiError> {
        let owned = pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Pairs::new(owned.collect()).and_then(search)
    }

    #[test]
    fn conditions_of_q_and_of_fields_are_one_filter() {
        let together = asked(&[
            ("kind", "error"),
            ("q", "service:a"),
            ("limit", "7"),
            ("order", "oldest"),
        ])
        .unwrap();
        assert_eq!(together.filter, Filter::parse("service:a kind:error").unwrap());
        assert_eq!((together.limit, together.order), (Some(7), Order::OldestFirst));
    }

    #[test]
    fn an_unknown_parameter_is_refused_and_the_nearest_is_named() {
        for (name, part) in [
            ("servise", "service is one"),
            ("form", "from is one"),
            ("colour", "parameter of this request"),
        ] {
            let error = asked(&[(name, "x")]).unwrap_err();
            assert_eq!(error.code, ErrorCode::InvalidRequest);
            assert_eq!(error.errors[0].field, name);
            assert!(error.detail.ends_with(part), "{}", error.detail);
        }
    }

    #[test]
    fn a_repeated_parameter_is_refused() {
        let error = asked(&[("kind", "error"), ("limit", "1"), ("kind", "generic")]).unwrap_err();
        assert_eq!(
            (error.errors[0].code.as_ref(), error.errors[0].field.as_ref()),
            ("duplicate_field", "kind")
        );
    }

    #[test]
    fn wrong_values_name_their_parameter() {
        for (name, value, code) in [
            ("limit", "", ErrorCode::InvalidRequest),
            ("limit", "+5", ErrorCode::InvalidRequest),
            ("limit", "99999999999", ErrorCode::InvalidRequest),
            ("order", "best", ErrorCode::InvalidRequest),
            ("explain", "yes", ErrorCode::InvalidRequest),
            ("explain", "", ErrorCode::InvalidRequest),
            ("q", "(free", ErrorCode::InvalidFilter),
            ("kind", "x", ErrorCode::InvalidFilter),
            ("status_code", "999", ErrorCode::InvalidFilter),
        ] {
            let error = asked(&[(name, value)]).unwrap_err();
            assert_eq!(
                (error.code, error.errors[0].field.as_ref()),
                (code, name),
                "{value}"
            );
        }
    }
}
