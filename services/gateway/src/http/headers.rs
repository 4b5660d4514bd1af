//! Headers that say something of the events of a request.

use axum::http::HeaderMap;
use domain::time::Millis;
use edge::{ApiError, ErrorCode};

use crate::refusal;

/// Makes ids that a repeated request makes again.
pub(crate) const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// The producer's clock as it sent the request.
pub(crate) const SENT_AT: &str = "sluice-sent-at";

/// Longest idempotency key, in bytes.
pub(crate) const MAX_IDEMPOTENCY_KEY_BYTES: usize = 128;

/// What the headers of a request say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Stated {
    pub(crate) idempotency_key: Option<String>,
    pub(crate) sent_at: Option<Millis>,
}

impl Stated {
    /// Reads the headers.
    pub(crate) fn of(headers: &HeaderMap) -> Result<Self, ApiError> {
        let key = single(headers, IDEMPOTENCY_KEY)?;
        let sent_at = single(headers, SENT_AT)?.map(|text| {
            text.parse()
                .map_err(|error| refusal::invalid_field(SENT_AT, format!("{SENT_AT} is {error}")))
        });
        Ok(Self {
            idempotency_key: key.map(|key| idempotency_key(IDEMPOTENCY_KEY, key)).transpose()?,
            sent_at: sent_at.transpose()?,
        })
    }
}

/// A key that was given as `field`: 1 to 128 visible characters of ASCII.
pub(crate) fn idempotency_key(field: &'static str, key: &str) -> Result<String, ApiError> {
    let valid = (1..=MAX_IDEMPOTENCY_KEY_BYTES).contains(&key.len())
        && key.bytes().all(|byte| byte.is_ascii_graphic());
    if valid {
        return Ok(key.to_owned());
    }
    let message = format!("{field} must be 1 to {MAX_IDEMPOTENCY_KEY_BYTES} visible characters of ASCII");
    Err(refusal::invalid_field(field, message))
}

fn single<'a>(headers: &'a HeaderMap, name: &'static str) -> Result<Option<&'a str>, ApiError> {
    let mut values = headers.get_all(name).iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    if values.next().is_some() {
        return Err(ApiError::new(
            ErrorCode::InvalidRequest,
            format!("{name} is there more than once"),
        ));
    }
    // What is no visible ASCII is refused by the readers of the text.
    Ok(Some(value.to_str().unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stated(name: &'static str, value: &[u8]) -> Result<Stated, ApiError> {
        Stated::of(&HeaderMap::from_iter([(
            name.parse().unwrap(),
            value.try_into().unwrap(),
        )]))
    }

    #[test]
    fn a_key_has_1_to_128_visible_characters() {
        for key in ["a", "3f-!~", &"k".repeat(128)] {
            let stated = stated(IDEMPOTENCY_KEY, key.as_bytes()).unwrap();
            assert_eq!(stated.idempotency_key.as_deref(), Some(key));
        }
        for key in ["", "a b", "schlüssel", &"k".repeat(129)] {
            assert!(stated(IDEMPOTENCY_KEY, key.as_bytes()).is_err(), "{key}");
        }
    }

    #[test]
    fn a_time_is_in_rfc_3339() {
        assert_eq!(
            stated(SENT_AT, b"1970-01-01T00:00:00Z").unwrap().sent_at,
            Some(Millis::EPOCH)
        );
        for time in ["", "now", "1700000000"] {
            assert_eq!(
                stated(SENT_AT, time.as_bytes()).unwrap_err().errors[0].field,
                SENT_AT
            );
        }
    }

    #[test]
    fn a_header_that_is_there_twice_is_refused() {
        let mut headers = HeaderMap::new();
        headers.append(IDEMPOTENCY_KEY, "a".parse().unwrap());
        headers.append(IDEMPOTENCY_KEY, "a".parse().unwrap());
        assert!(Stated::of(&headers).is_err());
    }
}
