//! Settings of enrichment.

use std::time::Duration;

use chassis::config::{ByteSize, Problem, Span, Validate};
use domain::dedup::Window;
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
        /// Events that are sent again.
        deduplicate: Deduplicate => Deduplicate::default(),
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
    /// Events that are sent again. Processes that share the work should not differ here: whoever decides first decides.
    pub struct Deduplicate {
        /// How long an event is remembered since it was last seen, or at most a quarter longer: one with the same id or
        /// external id in the same partition is dropped as its repeat. 1s to 7d. A process that takes on a partition
        /// reads as much of the log again.
        within: Span = Span::from_secs(10 * 60),
        /// For how many records of its partition it is remembered, or at most an eighth more. 8 to 268435456. Each takes
        /// about 9 bytes of memory, twice that with an external id: by default 85 MB for a partition at the most.
        records: u32 = 1 << 22,
    }
}

impl Validate for Deduplicate {
    fn validate(&self) -> Result<(), Vec<Problem>> {
        let times = Duration::from_secs(1)..=Duration::from_hours(7 * 24);
        let within = !times.contains(&self.within.duration());
        let records = !(8..=1 << 28).contains(&self.records);
        let problems = [
            within.then(|| Problem::new("within", "must be 1s to 7d")),
            records.then(|| Problem::new("records", "must be 8 to 268435456")),
        ];
        Problem::none_of(problems.into_iter().flatten())
    }
}

impl Deduplicate {
    pub(crate) fn window(&self) -> Window {
        let within_ms = self.within.duration().as_millis();
        Window::new(u64::try_from(within_ms).unwrap_or(u64::MAX), self.records.into())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_that_is_too_short_or_too_large_is_refused() {
        let keys = |within, records| -> Vec<String> {
            let problems = Deduplicate { within, records }.validate().err();
            problems
                .into_iter()
                .flatten()
                .map(|problem| problem.key)
                .collect()
        };
        let week = Span::from_secs(7 * 24 * 60 * 60);
        let default = Deduplicate::default();
        assert!(default.validate().is_ok());
        assert!(keys(Span::from_secs(1), 8).is_empty());
        assert!(keys(week, 1 << 28).is_empty());
        assert_eq!(keys(Span::from_ms(999), default.records), ["within"]);
        assert_eq!(
            keys(Span::from_secs(7 * 24 * 60 * 60 + 1), 7),
            ["within", "records"]
        );
        assert_eq!(keys(default.within, (1 << 28) + 1), ["records"]);
    }
}
