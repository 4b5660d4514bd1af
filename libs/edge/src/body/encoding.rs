//! How a body is compressed, by its `Content-Encoding`.

use http::HeaderMap;
use http::header::CONTENT_ENCODING;

use crate::error::{ApiError, ErrorCode};

/// Encodings that are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Encoding {
    Identity,
    Gzip,
    Zstd,
}

impl Encoding {
    /// The one of these headers. Several of them, one over the other, are not taken.
    pub(super) fn of(headers: &HeaderMap) -> Result<Self, ApiError> {
        let mut values = headers.get_all(CONTENT_ENCODING).iter();
        let Some(value) = values.next() else {
            return Ok(Self::Identity);
        };
        if values.next().is_some() {
            return Err(unsupported());
        }
        let name = value.to_str().map_err(|_| unsupported())?.trim();
        let named = |known: &str| name.eq_ignore_ascii_case(known);
        match name {
            _ if named("gzip") || named("x-gzip") => Ok(Self::Gzip),
            _ if named("zstd") => Ok(Self::Zstd),
            _ if named("identity") || name.is_empty() => Ok(Self::Identity),
            _ => Err(unsupported()),
        }
    }
}

fn unsupported() -> ApiError {
    let detail = "Content-Encoding must be gzip, zstd or identity";
    ApiError::new(ErrorCode::UnsupportedEncoding, detail)
}
