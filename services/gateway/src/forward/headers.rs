//! What headers say to the other end of one connection, and to nobody behind it (RFC 9110, section 7.6.1).

use axum::http::header::{
    CONNECTION, EXPECT, HOST, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, TE, TRAILER, TRANSFER_ENCODING,
    UPGRADE,
};
use axum::http::{HeaderMap, HeaderName};

const OF_ONE_CONNECTION: [HeaderName; 9] = [
    CONNECTION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    PROXY_AUTHENTICATE,
    PROXY_AUTHORIZATION,
    TE,
    TRAILER,
    TRANSFER_ENCODING,
    UPGRADE,
];

/// Leaves what is for whom a request is passed on to.
pub(super) fn of_request(headers: &mut HeaderMap) {
    strip(headers);
    // The address is ours to say, and the sender was told to go on when we began to read.
    headers.remove(HOST);
    headers.remove(EXPECT);
}

/// Leaves what is for the caller.
pub(super) fn of_answer(headers: &mut HeaderMap) {
    strip(headers);
}

fn strip(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    for name in named.iter().chain(&OF_ONE_CONNECTION) {
        headers.remove(name);
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn headers(all: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in all {
            headers.append(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        headers
    }

    fn names(headers: &HeaderMap) -> Vec<&str> {
        let mut names: Vec<&str> = headers.keys().map(HeaderName::as_str).collect();
        names.sort_unstable();
        names
    }

    #[test]
    fn what_is_for_one_connection_stays_there() {
        let mut given = headers(&[
            ("connection", "close, x-private"),
            ("connection", "x-other , , b@d"),
            ("keep-alive", "timeout=5"),
            ("te", "trailers"),
            ("transfer-encoding", "chunked"),
            ("upgrade", "h2c"),
            ("x-private", "1"),
            ("x-other", "1"),
            ("host", "gateway"),
            ("expect", "100-continue"),
            ("authorization", "Bearer k"),
            ("x-request-id", "r"),
            ("accept", "application/json"),
        ]);
        let mut answer = given.clone();
        of_request(&mut given);
        assert_eq!(names(&given), ["accept", "authorization", "x-request-id"]);
        of_answer(&mut answer);
        assert_eq!(
            names(&answer),
            ["accept", "authorization", "expect", "host", "x-request-id"]
        );
    }
}
