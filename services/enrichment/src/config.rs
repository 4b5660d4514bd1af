//! Settings of enrichment.

use chassis::config::{ByteSize, Problem, Span, Validate};
use domain::enrich::Stage;
use eventlog::runner;

chassis::section! {
    /// Settings of enrichment.
    pub struct Config {
        /// The steps of enrichment.
        stages: Stages => Stages::default(),
        /// Fates that are appended in one call. At most the largest record of the log.
        append: ByteSize = ByteSize::kib(512),
        /// Accepted records of a partition that are enriched before their fates are appended.
        flush: ByteSize = ByteSize::kib(512),
        /// Accepted records of a partition that are read ahead.
        read_ahead: ByteSize = ByteSize::mib(4),
        /// How long a partition that goes to another process may take to finish what is in hand.
        drain_within: Span = Span::from_secs(5),
    }
}

impl Validate for Config {
    fn validate(&self) -> Result<(), Vec<Problem>> {
        let sizes = [
            ("append", self.append),
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

chassis::section! {
    /// The steps of enrichment that are done.
    pub struct Stages {
        /// Finds browser, operating system and device in `user_agent`.
        client: bool = true,
        /// Finds the template of `path` where there is no `route`.
        route: bool = true,
    }
}

impl Validate for Stages {}

impl Config {
    /// The steps that are switched on, in the order in which they run.
    pub(crate) fn enabled_stages(&self) -> Vec<Stage> {
        let is_enabled = |stage: &Stage| match stage {
            Stage::Client => self.stages.client,
            Stage::Route => self.stages.route,
        };
        Stage::ALL.into_iter().filter(is_enabled).collect()
    }

    pub(crate) fn runner_options(&self) -> runner::Options {
        runner::Options {
            flush_bytes: self.flush.as_usize(),
            read_ahead_bytes: self.read_ahead.as_usize(),
            drain_within: self.drain_within.duration(),
            ..runner::Options::default()
        }
    }
}
