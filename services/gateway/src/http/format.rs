//! Media types: in which form a body comes, and in which form its answer is wanted.

use axum::http::HeaderMap;
use axum::http::header::{ACCEPT, CONTENT_TYPE};
use edge::{ApiError, ErrorCode};

/// Media type of protobuf messages.
pub(crate) const PROTOBUF: &str = "application/x-protobuf";

/// The form of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// One JSON value.
    Json,
    /// One JSON object per line.
    Ndjson,
    /// A message of the published schema.
    Protobuf,
}

impl Format {
    /// What `POST /events` takes.
    pub(crate) const OF_ONE: &[Self] = &[Self::Json, Self::Protobuf];

    /// What a request of many events may be.
    pub(crate) const OF_MANY: &[Self] = &[Self::Json, Self::Ndjson, Self::Protobuf];

    const fn media_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Ndjson => "application/x-ndjson",
            Self::Protobuf => PROTOBUF,
        }
    }

    /// The form that the headers tell, if it is one of `allowed`.
    pub(crate) fn of(headers: &HeaderMap, allowed: &[Self]) -> Result<Self, ApiError> {
        let mut values = headers.get_all(CONTENT_TYPE).iter();
        let (Some(value), None) = (values.next(), values.next()) else {
            return Err(unsupported("content-type must be there once", allowed));
        };
        let text = value.to_str().unwrap_or_default();
        let (media_type, parameters) = split(text);
        let known = allowed
            .iter()
            .copied()
            .find(|format| media_type.eq_ignore_ascii_case(format.media_type()));
        let shown: String = text.chars().take(64).collect();
        let format = known.ok_or_else(|| unsupported(&format!("content-type is {shown:?}"), allowed))?;
        if !parameters
            .filter_map(charset)
            .all(|charset| charset.eq_ignore_ascii_case("utf-8"))
        {
            return Err(unsupported(
                &format!("content-type is {shown:?}, only UTF-8 is read"),
                allowed,
            ));
        }
        Ok(format)
    }
}

/// Whether the caller accepts protobuf, and so gets it. Errors are JSON all the same.
pub(crate) fn wants_protobuf(headers: &HeaderMap) -> bool {
    let values = headers
        .get_all(ACCEPT)
        .iter()
        .filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|range| {
        let (media_type, mut parameters) = split(range);
        media_type.eq_ignore_ascii_case(PROTOBUF) && !parameters.any(is_weight_zero)
    })
}

fn split(text: &str) -> (&str, impl Iterator<Item = &str>) {
    let mut parts = text.split(';').map(str::trim);
    (parts.next().unwrap_or_default(), parts)
}

fn charset(parameter: &str) -> Option<&str> {
    let (name, value) = parameter.split_once('=')?;
    name.trim()
        .eq_ignore_ascii_case("charset")
        .then(|| value.trim().trim_matches('"'))
}

fn is_weight_zero(parameter: &str) -> bool {
    let weight = parameter
        .strip_prefix("q=")
        .or_else(|| parameter.strip_prefix("Q="));
    weight
        .and_then(|weight| weight.parse::<f32>().ok())
        .is_some_and(|weight| weight <= 0.0)
}

fn unsupported(what: &str, allowed: &[Format]) -> ApiError {
    let allowed: Vec<_> = allowed.iter().map(|format| format.media_type()).collect();
    ApiError::new(
        ErrorCode::UnsupportedMediaType,
        format!("{what}; send one of {}", allowed.join(", ")),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn format(content_type: &str) -> Option<Format> {
        let headers = HeaderMap::from_iter([(CONTENT_TYPE, content_type.parse().unwrap())]);
        Format::of(&headers, Format::OF_MANY).ok()
    }

    fn protobuf_is_wanted(accept: &str) -> bool {
        wants_protobuf(&HeaderMap::from_iter([(ACCEPT, accept.parse().unwrap())]))
    }

    #[test]
    fn known_types_are_read_in_any_case_and_with_utf_8() {
        assert_eq!(format("application/json"), Some(Format::Json));
        assert_eq!(format("Application/JSON; Charset=\"UTF-8\""), Some(Format::Json));
        assert_eq!(format("application/x-ndjson;charset=utf-8"), Some(Format::Ndjson));
        assert_eq!(
            format("application/x-protobuf; messageType=\"x\""),
            Some(Format::Protobuf)
        );
    }

    #[test]
    fn other_types_and_charsets_are_refused_with_the_right_ones() {
        for content_type in [
            "",
            "text/plain",
            "application/jsonp",
            "application/json; charset=latin1",
            "*/*",
        ] {
            assert_eq!(format(content_type), None, "{content_type}");
        }
        let error = Format::of(&HeaderMap::new(), Format::OF_ONE).unwrap_err();
        assert!(
            error
                .detail
                .ends_with("send one of application/json, application/x-protobuf"),
            "{}",
            error.detail
        );
    }

    #[test]
    fn two_content_types_are_refused() {
        let mut headers = HeaderMap::new();
        headers.append(CONTENT_TYPE, "application/json".parse().unwrap());
        headers.append(CONTENT_TYPE, "application/json".parse().unwrap());
        assert!(Format::of(&headers, Format::OF_MANY).is_err());
    }

    #[test]
    fn protobuf_is_answered_only_to_those_who_name_it() {
        assert!(protobuf_is_wanted(
            "application/json, application/x-protobuf;q=0.9"
        ));
        assert!(!protobuf_is_wanted("application/x-protobuf;q=0"));
        assert!(!protobuf_is_wanted("*/*"));
        assert!(!wants_protobuf(&HeaderMap::new()));
    }
}
