//! The address of a service, as in `http://127.0.0.1:8410`: a scheme, a host and a port, and nothing else.

use std::fmt;
use std::str::FromStr;

use http::Uri;
use http::uri::{Authority, Scheme};
use serde::{Deserialize, Serialize};

/// The address of a service.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Origin {
    is_https: bool,
    authority: Authority,
    port: u16,
}

/// A text that is no address of a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("http:// or https://, a host and perhaps a port are expected, and nothing after them")]
pub struct NotAnOrigin;

impl Origin {
    /// This machine, in the clear.
    pub fn local(port: u16) -> Self {
        let text = format!("127.0.0.1:{port}");
        Self {
            is_https: false,
            authority: text.parse().expect("an address and a port are an authority"),
            port,
        }
    }

    /// Whether connections are encrypted.
    pub const fn is_https(&self) -> bool {
        self.is_https
    }

    /// The host, without the brackets of an IPv6 address.
    pub fn host(&self) -> &str {
        let host = self.authority.host();
        host.strip_prefix('[')
            .and_then(|host| host.strip_suffix(']'))
            .unwrap_or(host)
    }

    /// The port, that of the scheme where none is given.
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// For the URI of a request.
    pub fn scheme(&self) -> Scheme {
        if self.is_https {
            Scheme::HTTPS
        } else {
            Scheme::HTTP
        }
    }

    /// For the URI of a request.
    pub fn authority(&self) -> &Authority {
        &self.authority
    }
}

impl FromStr for Origin {
    type Err = NotAnOrigin;

    fn from_str(text: &str) -> Result<Self, NotAnOrigin> {
        let uri: Uri = text.parse().map_err(|_| NotAnOrigin)?;
        let parts = uri.into_parts();
        let is_https = match parts.scheme.as_ref().map(Scheme::as_str) {
            Some("https") => true,
            Some("http") => false,
            _ => return Err(NotAnOrigin),
        };
        let authority = parts.authority.ok_or(NotAnOrigin)?;
        let has_more = parts.path_and_query.is_some_and(|path| path.as_str() != "/") || text.contains('#');
        let is_host = !authority.host().is_empty() && !authority.as_str().contains('@');
        if has_more || !is_host {
            return Err(NotAnOrigin);
        }
        let port = match (
            authority.port_u16(),
            authority.as_str().len() > authority.host().len(),
        ) {
            (Some(port), _) if port > 0 => port,
            (None, false) if is_https => 443,
            (None, false) => 80,
            _ => return Err(NotAnOrigin),
        };
        Ok(Self {
            is_https,
            authority,
            port,
        })
    }
}

impl TryFrom<String> for Origin {
    type Error = NotAnOrigin;

    fn try_from(text: String) -> Result<Self, NotAnOrigin> {
        text.parse()
    }
}

impl From<Origin> for String {
    fn from(origin: Origin) -> Self {
        origin.to_string()
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme(), self.authority)
    }
}

impl fmt::Debug for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parts(text: &str) -> Option<(bool, String, u16)> {
        let origin: Origin = text.parse().ok()?;
        Some((origin.is_https(), origin.host().to_owned(), origin.port()))
    }

    #[test]
    fn an_address_has_a_scheme_a_host_and_a_port() {
        let is = |https, host: &str, port| Some((https, host.to_owned(), port));
        assert_eq!(parts("http://127.0.0.1:8410"), is(false, "127.0.0.1", 8410));
        assert_eq!(parts("https://query.internal/"), is(true, "query.internal", 443));
        assert_eq!(parts("http://query"), is(false, "query", 80));
        assert_eq!(parts("https://[::1]:1"), is(true, "::1", 1));
        assert_eq!(parts("https://[::1]"), is(true, "::1", 443));
    }

    #[test]
    fn anything_else_is_refused() {
        for text in [
            "",
            "query:8410",
            "ftp://query",
            "http://",
            "http://query/path",
            "http://query?x",
            "http://query#x",
            "http://query/#x",
            "http://user@query",
            "http://query:0",
            "http://query:",
            "http://query:99999",
            "http://qu ery",
            "/query",
        ] {
            assert_eq!(parts(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn nothing_panics_and_what_is_shown_reads_back(text in "(https?://)?[a-z\\[\\]:0-9@/?#. ]{0,20}") {
            if let Ok(origin) = text.parse::<Origin>() {
                prop_assert_eq!(origin.to_string().parse(), Ok(origin));
            }
        }
    }
}
