//! Settings of retention.

use chassis::config::{ByteSize, Problem, Span, Validate};
use eventlog::runner;

chassis::section! {
    /// Settings of retention.
    pub struct Config {
        /// Events of a partition that are written in one call, in bytes of their records.
        put: ByteSize = ByteSize::mib(1),
        /// Records of a partition after which its events and its position are written.
        flush: ByteSize = ByteSize::mib(2),
        /// The same, in time. A partition that is up to date is written at once.
        flush_every: Span = Span::from_ms(250),
        /// A partition that is up to date is written this long after the last time at the earliest, so that events
        /// that trickle in are written together. The first after a quiet time does not wait.
        flush_apart: Span = Span::from_ms(200),
        /// Records of a partition that are read ahead.
        read_ahead: ByteSize = ByteSize::mib(4),
        /// How long a partition that goes to another process may take to finish what is in hand.
        drain_within: Span = Span::from_secs(5),
        /// The search index.
        index: Index => Index::default(),
    }
}

chassis::section! {
    /// How the search index is written.
    pub struct Index {
        /// How often what a partition has stored is sealed: made into units, which take the place of one segment for
        /// each write. After a restart that much is read again.
        seal_every: Span = Span::from_secs(5 * 60),
        /// Segments of a partition that are kept in memory; it is sealed early when it has more.
        unsealed: ByteSize = ByteSize::mib(32),
        /// Segments of one tenant in a partition; its own are sealed early when it has as many.
        tenant_segments: u32 = 256,
        /// Events in them, likewise.
        tenant_events: u32 = 131_072,
        /// Whether this process merges units into larger ones. Without it a search over a long time reads ever more of
        /// them.
        merge: bool = true,
        /// Pages of small units that are kept in memory until they are merged, so that they are not read back.
        recent: ByteSize = ByteSize::mib(16),
        /// How long the pages of units that were merged are kept for searches that have begun before.
        remove_after: Span = Span::from_secs(10 * 60),
        /// Goes on where the log has removed records before they were sealed. The index then lacks their events until
        /// their hours are made anew with `sluice index rebuild`. For one start.
        skip_unsealed: bool = false,
    }
}

impl Validate for Config {
    fn validate(&self) -> Result<(), Vec<Problem>> {
        let sizes = [
            ("put", self.put),
            ("flush", self.flush),
            ("read_ahead", self.read_ahead),
        ];
        let sizes = sizes
            .into_iter()
            .filter(|(_, size)| size.as_u64() == 0)
            .map(|(key, _)| Problem::new(key, "must be at least 1B"));
        let apart = (self.flush_apart.duration() > self.flush_every.duration())
            .then(|| Problem::new("flush_apart", "must be at most flush_every"));
        Problem::none_of(sizes.chain(apart))
    }
}

impl Validate for Index {
    fn validate(&self) -> Result<(), Vec<Problem>> {
        let counts = [
            ("tenant_segments", self.tenant_segments),
            ("tenant_events", self.tenant_events),
        ];
        let counts = counts
            .into_iter()
            .filter(|(_, count)| *count == 0)
            .map(|(key, _)| Problem::new(key, "must be at least 1"));
        Problem::none_of(counts)
    }
}

impl Config {
    pub(crate) fn runner_options(&self) -> runner::Options {
        runner::Options {
            flush_every: self.flush_every.duration(),
            flush_apart: self.flush_apart.duration(),
            flush_bytes: self.flush.as_usize(),
            read_ahead_bytes: self.read_ahead.as_usize(),
            drain_within: self.drain_within.duration(),
            ..runner::Options::default()
        }
    }
}
