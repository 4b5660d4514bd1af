//! Passing reads on to query, where that is a process of its own.
//!
//! It promises that a request reaches the configured address and no other; that its path, query string, key and id
//! arrive as they were, and the answer too; that bodies flow through and are not kept; that a caller is told
//! `unavailable` at once where query is away or too many reads are under way, and in time where query is slow. What is
//! not answered was not changed by us: a search, a get and a delete may all be sent again.
//!
//! It checks the key of what it knows, so that strangers take nothing of query; query checks it again.
//!
//! - [`http`], [`grpc`](fn@grpc): the two interfaces; [`watch`](fn@watch): whether query answers, for people.
//! - `upstream`: the connections, the bounds, the failures. `upload` and `answer`: the bodies. `headers`: what belongs
//!   to one connection only.

mod answer;
mod grpc;
mod headers;
mod http;
mod upload;
mod upstream;
mod watch;

use std::path::PathBuf;

use axum::Router;
use chassis::config::{ByteSize, Problem, Span, Validate};
use chassis::ops::Check;
use edge::Access;
use edge::dial::{Dial, Origin, Protocol};
use edge::tls::{self, Trust};
use tonic::service::Routes;

use self::upstream::Upstream;
pub use self::watch::Watch;

chassis::section! {
    /// Where the gateway passes reads on to.
    pub struct Forward {
        /// Query over HTTP, as `http://HOST:PORT` or `https://HOST:PORT`.
        url: Origin = Origin::local(8410),
        /// Query over gRPC, likewise.
        grpc: Origin = Origin::local(8411),
        /// Certificates in PEM that those of query are checked against with https, instead of those of the system.
        ca: Option<PathBuf> = None,
        /// Our certificate in PEM, where query wants one.
        cert: Option<PathBuf> = None,
        /// The key of `cert` in PEM.
        key: Option<PathBuf> = None,
        /// How long it may take to connect.
        connect: Span = Span::from_secs(2),
        /// How long query may take to begin its answer: longer than `query.wait` and the longer of
        /// `query.search.time` and `query.stats.time` together.
        answer: Span = Span::from_secs(15),
        /// An answer of which nothing comes for so long is given up.
        stall: Span = Span::from_secs(10),
        /// The largest body of a request that is passed on.
        body: ByteSize = ByteSize::mib(1),
        /// Reads under way, for HTTP and for gRPC each.
        in_flight: u32 = 512,
    }
}

/// Why nothing can be passed on.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A connection to query can't be encrypted.
    #[error("encryption of connections to query")]
    Tls(#[from] tls::Error),
}

/// Serves what is under `/api/v1` by passing it on, with whole paths. Connects to nothing yet.
pub fn http(config: &Forward, access: &Access) -> Result<Router, Error> {
    let upstream = Upstream::over_http(config)?;
    Ok(http::router(upstream, access))
}

/// Serves `sluice.v1.Query` by passing it on, every method of it. Connects to nothing yet.
pub fn grpc(config: &Forward, access: &Access) -> Result<Routes, Error> {
    let upstream = Upstream::over_grpc(config)?;
    Ok(grpc::routes(upstream, access))
}

/// Keeps `check` telling whether query answers over both. It should be one that only informs: without query events
/// are still taken in.
pub fn watch(config: &Forward, check: Check) -> Result<Watch, Error> {
    Watch::new(config, check)
}

impl Forward {
    fn dial(&self, protocol: Protocol) -> Result<Dial, Error> {
        let origin = match protocol {
            Protocol::Http1 => &self.url,
            Protocol::Http2 => &self.grpc,
        };
        let trust = Trust {
            ca: self.ca.clone(),
            identity: self.cert.clone().zip(self.key.clone()),
        };
        Ok(Dial::new(
            origin.clone(),
            protocol,
            &trust,
            self.connect.duration(),
        )?)
    }

    fn is_encrypted(&self) -> bool {
        self.url.is_https() || self.grpc.is_https()
    }
}

impl Validate for Forward {
    fn validate(&self) -> Result<(), Vec<Problem>> {
        let spans = [
            ("connect", self.connect),
            ("answer", self.answer),
            ("stall", self.stall),
        ];
        let mut problems: Vec<_> = spans
            .into_iter()
            .filter(|(_, span)| span.duration().is_zero())
            .map(|(key, _)| Problem::new(key, "must be more than 0"))
            .collect();
        if !(1..=100_000).contains(&self.in_flight) {
            problems.push(Problem::new("in_flight", "must be 1 to 100000"));
        }
        if self.body.as_u64() > 64 << 20 {
            problems.push(Problem::new("body", "must be at most 64MiB"));
        }
        match (&self.cert, &self.key) {
            (Some(_), None) => problems.push(Problem::new("key", "must be given with `cert`")),
            (None, Some(_)) => problems.push(Problem::new("cert", "must be given with `key`")),
            _ => {}
        }
        let files = [("ca", &self.ca), ("cert", &self.cert)];
        let idle = files
            .into_iter()
            .filter(|(_, file)| file.is_some() && !self.is_encrypted());
        problems.extend(idle.map(|(key, _)| Problem::new(key, "is of no use: neither address is https")));
        Problem::none_of(problems)
    }
}

#[cfg(test)]
mod tests {
    use chassis::config::Section;

    use super::*;

    fn problems(config: &Forward) -> Vec<String> {
        let mut problems = Vec::new();
        config.check(&mut problems);
        problems.into_iter().map(|problem| problem.key).collect()
    }

    #[test]
    fn the_defaults_are_valid_and_reach_query_on_this_machine() {
        let config = Forward::default();
        assert!(problems(&config).is_empty());
        assert_eq!(config.url.to_string(), "http://127.0.0.1:8410");
        assert_eq!(config.grpc.to_string(), "http://127.0.0.1:8411");
    }

    #[test]
    fn bounds_of_nothing_and_idle_files_are_refused() {
        let mut config = Forward {
            connect: Span::default(),
            in_flight: 0,
            cert: Some("cert.pem".into()),
            ..Forward::default()
        };
        assert_eq!(problems(&config), ["connect", "in_flight", "key", "cert"]);
        config.connect = Span::from_secs(1);
        config.in_flight = 1;
        config.key = Some("key.pem".into());
        config.url = "https://query".parse().unwrap();
        assert!(problems(&config).is_empty());
    }
}
