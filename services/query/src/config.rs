//! Settings of query.

use chassis::config::{ByteSize, Problem, Span, Validate};
use edge::Server;

use crate::search::MAX_LIMIT;

chassis::section! {
    /// Settings of query.
    pub struct Config {
        /// What one search may take.
        search: Search => Search::default(),
        /// What one request for statistics may take.
        stats: Stats => Stats::default(),
        /// How long a request waits until a write is visible that it names by `after`.
        wait: Span = Span::from_secs(5),
        /// Requests of one tenant that wait so.
        waiting_per_tenant: u32 = 32,
        /// Requests of all tenants that wait so.
        waiting: u32 = 512,
        /// Bounds of one listener, where query is a process of its own.
        server: Server => Server::default(),
    }
}

chassis::section! {
    /// What one search may take.
    pub struct Search {
        /// Events in one page. gRPC has at most 4032KiB, so that clients with the usual limit can read it.
        page: ByteSize = ByteSize::mib(8),
        /// Events that one search may test. Beyond it the page ends early, with a cursor to go on.
        tested: u32 = 200_000,
        /// Pages of the index that one search may read, likewise.
        pages: u32 = 20_000,
        /// How long one search may read, likewise.
        time: Span = Span::from_secs(2),
        /// Searches of one tenant at once.
        per_tenant: u32 = 4,
        /// Searches of all tenants at once. Each holds a page and some events in memory.
        at_once: u32 = 8,
        /// Events that all searches of one tenant may test in a second, over time; a page of the index that is read
        /// counts as ten, as do 10 KiB of statistics. Beyond it they are `limited`.
        tested_per_second: u32 = 200_000,
        /// What a tenant has not used may be saved up for so long.
        tested_burst: Span = Span::from_secs(5),
        /// Events in one page of a stream (gRPC), at most 1,000.
        stream_page: u32 = 500,
        /// Streams of one tenant that may be open.
        streams_per_tenant: u32 = 8,
        /// Streams of all tenants that may be open.
        streams: u32 = 128,
        /// Pages of the index that are kept in memory.
        cache: ByteSize = ByteSize::mib(64),
    }
}

chassis::section! {
    /// What one request for statistics may take.
    pub struct Stats {
        /// Bytes of rows that one request may read. Beyond it the request is refused.
        bytes: ByteSize = ByteSize::mib(256),
        /// How long one request may read, likewise.
        time: Span = Span::from_secs(8),
        /// Requests of one tenant at once.
        per_tenant: u32 = 4,
        /// Requests of all tenants at once.
        at_once: u32 = 32,
    }
}

impl Validate for Config {
    fn validate(&self) -> Result<(), Vec<Problem>> {
        nonzero([
            ("waiting_per_tenant", self.waiting_per_tenant),
            ("waiting", self.waiting),
        ])
    }
}

impl Validate for Stats {
    fn validate(&self) -> Result<(), Vec<Problem>> {
        nonzero([("per_tenant", self.per_tenant), ("at_once", self.at_once)])
    }
}

impl Validate for Search {
    fn validate(&self) -> Result<(), Vec<Problem>> {
        nonzero([
            ("tested", self.tested),
            ("pages", self.pages),
            ("per_tenant", self.per_tenant),
            ("at_once", self.at_once),
            ("tested_per_second", self.tested_per_second),
            ("stream_page", self.stream_page),
            ("streams_per_tenant", self.streams_per_tenant),
            ("streams", self.streams),
        ])?;
        let is_page = self.stream_page <= MAX_LIMIT;
        is_page.then_some(()).ok_or_else(|| {
            vec![Problem::new(
                "stream_page",
                format!("must be at most {MAX_LIMIT}"),
            )]
        })
    }
}

fn nonzero<const N: usize>(numbers: [(&str, u32); N]) -> Result<(), Vec<Problem>> {
    let problems: Vec<_> = numbers
        .into_iter()
        .filter(|(_, number)| *number == 0)
        .map(|(key, _)| Problem::new(key, "must be at least 1"))
        .collect();
    if problems.is_empty() {
        Ok(())
    } else {
        Err(problems)
    }
}
