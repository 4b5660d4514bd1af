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
        /// Records of a partition that are read ahead.
        read_ahead: ByteSize = ByteSize::mib(4),
        /// How long a partition that goes to another process may take to finish what is in hand.
        drain_within: Span = Span::from_secs(5),
    }
}

impl Validate for Config {
    fn validate(&self) -> Result<(), Vec<Problem>> {
        let sizes = [
            ("put", self.put),
            ("flush", self.flush),
            ("read_ahead", self.read_ahead),
        ];
        let problems: Vec<_> = sizes
            .into_iter()
            .filter(|(_, size)| size.as_u64() == 0)
            .map(|(key, _)| Problem::new(key, "must be at least 1B"))
            .collect();
        if problems.is_empty() {
            Ok(())
        } else {
            Err(problems)
        }
    }
}

impl Config {
    pub(crate) fn runner_options(&self) -> runner::Options {
        runner::Options {
            flush_every: self.flush_every.duration(),
            flush_bytes: self.flush.as_usize(),
            read_ahead_bytes: self.read_ahead.as_usize(),
            drain_within: self.drain_within.duration(),
            ..runner::Options::default()
        }
    }
}
