//! Settings of the gateway. Every queue and every buffer that a producer can fill has its bound here.

use chassis::config::{ByteSize, Problem, Span, Validate};
use domain::limits::Limits;
use edge::Server;

chassis::section! {
    /// Settings of the gateway.
    pub struct Config {
        /// How long an answer waits for the log; what is not acknowledged by then is `unavailable`.
        append_deadline: Span = Span::from_secs(10),
        /// When a producer is told to send again what the log did not take.
        retry_after: Span = Span::from_secs(1),
        /// Bounds of one request.
        request: Request => Request::default(),
        /// Bounds of one gRPC stream.
        stream: Stream => Stream::default(),
        /// Bounds of one listener.
        server: Server => Server::default(),
    }
}

chassis::section! {
    /// Bounds of one request.
    pub struct Request {
        /// The largest body or gRPC message, decompressed.
        body: ByteSize = ByteSize::mib(8),
        /// The most events of one request.
        events: u32 = 1_000,
        /// A body of which no byte arrives for so long is given up.
        stall: Span = Span::from_secs(10),
        /// A body that is not complete by then is given up.
        total: Span = Span::from_secs(60),
        /// Bytes of all requests that are being read or appended, for HTTP and for gRPC each.
        in_flight: ByteSize = ByteSize::mib(64),
    }
}

chassis::section! {
    /// Bounds of one gRPC stream.
    pub struct Stream {
        /// Batches that wait behind the one that is answered next; at this many the stream is not read.
        batches: u32 = 64,
        /// Bytes of batches whose answers the producer has not taken, rounded up to the largest batch for the next.
        bytes: ByteSize = ByteSize::mib(16),
        /// Streams that may be open, over all connections.
        open: u32 = 1_000,
    }
}

impl Config {
    /// What an event and a request may measure.
    pub(crate) fn limits(&self) -> Limits {
        Limits {
            batch_events: usize::try_from(self.request.events).unwrap_or(usize::MAX),
            body_bytes: self.request.body.as_usize(),
            ..Limits::default()
        }
    }
}

impl Validate for Config {
    fn validate(&self) -> Result<(), Vec<Problem>> {
        let spans = [
            ("append_deadline", self.append_deadline),
            ("retry_after", self.retry_after),
        ];
        Problem::none_of(
            spans
                .into_iter()
                .filter(|(_, span)| span.duration().is_zero())
                .map(|(key, _)| zero(key)),
        )
    }
}

impl Validate for Request {
    fn validate(&self) -> Result<(), Vec<Problem>> {
        let mut problems = Vec::new();
        if self.events == 0 {
            problems.push(zero("events"));
        }
        if !(1 << 10..=64 << 20).contains(&self.body.as_u64()) {
            problems.push(Problem::new("body", "must be 1KiB to 64MiB"));
        }
        for (key, span) in [("stall", self.stall), ("total", self.total)] {
            if span.duration().is_zero() {
                problems.push(zero(key));
            }
        }
        let least = self.body.as_u64().saturating_mul(2);
        if !(least..=1 << 31).contains(&self.in_flight.as_u64()) {
            problems.push(Problem::new(
                "in_flight",
                "must be twice `body` to 2GiB, or a large body may never fit",
            ));
        }
        Problem::none_of(problems)
    }
}

impl Validate for Stream {
    fn validate(&self) -> Result<(), Vec<Problem>> {
        let mut problems = Vec::new();
        for (key, number) in [("batches", self.batches), ("open", self.open)] {
            if !(1..=1_000_000).contains(&number) {
                problems.push(Problem::new(key, "must be 1 to 1000000"));
            }
        }
        if !(1 << 10..=1 << 30).contains(&self.bytes.as_u64()) {
            problems.push(Problem::new("bytes", "must be 1KiB to 1GiB"));
        }
        Problem::none_of(problems)
    }
}

fn zero(key: &str) -> Problem {
    Problem::new(key, "must be more than 0")
}

#[cfg(test)]
mod tests {
    use chassis::config::Section;

    use super::*;

    fn problems(config: &Config) -> Vec<String> {
        let mut problems = Vec::new();
        config.check(&mut problems);
        problems.into_iter().map(|problem| problem.key).collect()
    }

    #[test]
    fn the_defaults_are_valid_and_are_the_published_limits() {
        let config = Config::default();
        assert!(problems(&config).is_empty());
        assert_eq!(config.limits(), Limits::default());
    }

    #[test]
    fn a_bound_of_nothing_is_refused_with_its_key() {
        let mut config = Config {
            append_deadline: Span::default(),
            ..Config::default()
        };
        config.request.events = 0;
        config.request.in_flight = ByteSize::mib(8);
        config.stream.batches = 0;
        config.server.connections = 0;
        let expected = [
            "append_deadline",
            "request.events",
            "request.in_flight",
            "stream.batches",
            "server.connections",
        ];
        assert_eq!(problems(&config), expected);
    }
}
