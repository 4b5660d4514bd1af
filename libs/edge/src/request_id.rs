//! One id for each request: the caller's where it is a good one, else ours. It is in every answer, in every error
//! and in the log line of the request.
//!
//! While a request is handled, [`current`] tells its id. A task that is spawned for it does not know it, unless its
//! future is wrapped in [`RequestId::scope`].

use std::fmt::{self, Write};
use std::sync::Arc;

use chassis::random::Random;
use http::{HeaderMap, HeaderName, HeaderValue};

/// The header that carries it, both ways.
pub const HEADER: HeaderName = HeaderName::from_static("x-request-id");

const MAX_CHARS: usize = 64;
const RANDOM_BYTES: usize = 16;

tokio::task_local! {
    static CURRENT: RequestId;
}

/// Id of a request: 1 to 64 characters of `A-Z a-z 0-9 . _ -`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RequestId(Arc<str>);

/// The id of the request that this code runs for.
pub fn current() -> Option<RequestId> {
    CURRENT.try_with(Clone::clone).ok()
}

impl RequestId {
    /// Reads an id; `None` where it is not a good one.
    pub fn parse(text: &str) -> Option<Self> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
        let valid = (1..=MAX_CHARS).contains(&text.len()) && text.bytes().all(allowed);
        valid.then(|| Self(text.into()))
    }

    /// Makes an id of 32 hexadecimal digits.
    pub fn generate(random: &dyn Random) -> Self {
        let mut bytes = [0; RANDOM_BYTES];
        random.fill(&mut bytes);
        let mut text = String::with_capacity(2 * RANDOM_BYTES);
        for byte in bytes {
            write!(text, "{byte:02x}").expect("a string takes all text");
        }
        Self(text.into())
    }

    /// The one that the caller gave, if it gave one good one, or a new one.
    pub fn of(headers: &HeaderMap, random: &dyn Random) -> Self {
        let mut given = headers.get_all(HEADER).iter();
        given
            .next()
            .filter(|_| given.next().is_none())
            .and_then(|value| value.to_str().ok())
            .and_then(Self::parse)
            .unwrap_or_else(|| Self::generate(random))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The value of the header.
    pub fn to_header(&self) -> HeaderValue {
        HeaderValue::from_str(&self.0).expect("ids have characters of headers only")
    }

    /// Runs a future in which this is the [`current`] id.
    pub fn scope<F: Future>(self, future: F) -> impl Future<Output = F::Output> {
        CURRENT.scope(self, future)
    }

    /// Runs a function in which this is the [`current`] id.
    pub fn sync_scope<T>(&self, function: impl FnOnce() -> T) -> T {
        CURRENT.sync_scope(self.clone(), function)
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use chassis::random::Seeded;
    use proptest::prelude::*;

    use super::*;

    fn headers(values: &[&[u8]]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(HEADER, HeaderValue::from_bytes(value).unwrap());
        }
        headers
    }

    fn of(values: &[&[u8]]) -> RequestId {
        RequestId::of(&headers(values), &Seeded::new(1))
    }

    #[test]
    fn a_good_id_of_the_caller_is_kept() {
        for good in ["a", "0190-AbC._9", &"x".repeat(64)] {
            assert_eq!(of(&[good.as_bytes()]).as_str(), good);
        }
    }

    #[test]
    fn any_other_id_is_replaced_by_a_made_one() {
        let made = RequestId::generate(&Seeded::new(1));
        assert_eq!(made.as_str().len(), 32);
        let long = "x".repeat(65);
        for bad in [
            &b""[..],
            b"a b",
            b"a/b",
            "\u{e4}".as_bytes(),
            b"\xff",
            long.as_bytes(),
        ] {
            assert_eq!(of(&[bad]), made);
        }
        assert_eq!(of(&[]), made);
        assert_eq!(of(&[b"one", b"two"]), made);
    }

    #[tokio::test]
    async fn the_current_id_is_known_inside_of_its_scope_only() {
        let id = RequestId::parse("inside").unwrap();
        assert_eq!(current(), None);
        assert_eq!(id.clone().scope(async { current() }).await, Some(id.clone()));
        assert_eq!(id.sync_scope(current), Some(id));
        assert_eq!(current(), None);
    }

    proptest! {
        #[test]
        fn every_id_fits_a_header_and_reads_back(value in proptest::collection::vec(32_u8..=255, 0..100), seed: u64) {
            prop_assume!(HeaderValue::from_bytes(&value).is_ok());
            let id = RequestId::of(&headers(&[&value]), &Seeded::new(seed));
            prop_assert_eq!(RequestId::parse(id.to_header().to_str().unwrap()), Some(id));
        }
    }
}
