//! Settings of analytics.

use chassis::config::{ByteSize, Problem, Span, Validate};
use eventlog::runner;

chassis::section! {
    /// Settings of analytics.
    pub struct Config {
        /// How often a partition writes the minutes that have changed.
        flush_every: Span = Span::from_secs(1),
        /// A partition that is up to date writes them this long after the last time at the earliest. The first after a
        /// quiet time does not wait.
        flush_apart: Span = Span::from_ms(800),
        /// How often a partition writes the hours that have changed, and its position. After a restart that much is
        /// read again.
        hours_every: Span = Span::from_secs(2),
        /// Windows of a partition that are kept in memory. Beyond that those that were not touched for the longest
        /// time are written and dropped; they are read again when they are needed.
        windows: ByteSize = ByteSize::mib(32),
        /// Records of a partition that are read ahead.
        read_ahead: ByteSize = ByteSize::mib(4),
        /// How long a partition that goes to another process may take to finish what is in hand.
        drain_within: Span = Span::from_secs(5),
    }
}

impl Validate for Config {
    fn validate(&self) -> Result<(), Vec<Problem>> {
        let sizes = [("windows", self.windows), ("read_ahead", self.read_ahead)];
        let sizes = sizes
            .into_iter()
            .filter(|(_, size)| size.as_u64() == 0)
            .map(|(key, _)| Problem::new(key, "must be at least 1B"));
        let apart = (self.flush_apart.duration() > self.flush_every.duration())
            .then(|| Problem::new("flush_apart", "must be at most flush_every"));
        Problem::none_of(sizes.chain(apart))
    }
}

impl Config {
    pub(crate) fn runner_options(&self) -> runner::Options {
        runner::Options {
            flush_every: self.flush_every.duration(),
            flush_apart: self.flush_apart.duration(),
            // Rows are absolute: to write them more often saves nothing.
            flush_bytes: usize::MAX,
            read_ahead_bytes: self.read_ahead.as_usize(),
            drain_within: self.drain_within.duration(),
            tick_every: self.flush_every.duration(),
            ..runner::Options::default()
        }
    }
}
