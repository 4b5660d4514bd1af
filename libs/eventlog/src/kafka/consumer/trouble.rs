//! What the client's errors mean to the owner of a consumer.

use std::time::{Duration, Instant};

use rdkafka::error::KafkaError;
use rdkafka::types::RDKafkaErrorCode as Code;

use crate::kafka::error::is_unknown;

/// Reports of one outage come at most this far apart: the client tries again every few seconds.
const SAME_OUTAGE: Duration = Duration::from_secs(30);

/// What an error of the client means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    /// Nothing: the client tries again by itself, or says more soon.
    Nothing,
    /// No broker can be reached.
    Outage,
    /// Something does not work now and may later.
    Passing,
    /// A partition is not read any more, because its offset is not in the log.
    OutOfRange,
    /// A topic or partition is unknown.
    Gone,
    /// What a broker sent does not decode, and the client is about to skip it.
    Corrupt,
    /// The client can't be used any more.
    Fatal,
}

impl Meaning {
    pub(super) fn of(error: &KafkaError) -> Self {
        match error {
            KafkaError::MessageConsumptionFatal(_) => Self::Fatal,
            KafkaError::PartitionEOF(_) => Self::Nothing,
            other => other.rdkafka_error_code().map_or(Self::Passing, Self::of_code),
        }
    }

    fn of_code(code: Code) -> Self {
        match code {
            // One connection of several, or one attempt of many; when all fail, the client says so.
            Code::BrokerTransportFailure
            | Code::Resolve
            | Code::OperationTimedOut
            | Code::RequestTimedOut
            | Code::SSL
            | Code::Authentication
            // The client tells of the revocation that follows.
            | Code::PollExceeded
            | Code::NoError
            | Code::PartitionEOF => Self::Nothing,
            Code::AllBrokersDown => Self::Outage,
            Code::AutoOffsetReset | Code::OffsetOutOfRange => Self::OutOfRange,
            code if is_unknown(code) => Self::Gone,
            Code::BadMessage
            | Code::BadCompression
            | Code::InvalidMessage
            | Code::UnsupportedCompressionType
            | Code::NotImplemented => Self::Corrupt,
            Code::Fatal | Code::Fenced => Self::Fatal,
            _ => Self::Passing,
        }
    }
}

/// Tells the first report of an outage from those that follow.
#[derive(Debug, Default)]
pub(super) struct Outage {
    reported: Option<Instant>,
}

impl Outage {
    /// Whether an outage begins with this report.
    pub(super) fn begins(&mut self, now: Instant) -> bool {
        let known = self
            .reported
            .is_some_and(|last| now.saturating_duration_since(last) < SAME_OUTAGE);
        self.reported = Some(now);
        !known
    }

    /// Something worked.
    pub(super) fn over(&mut self) {
        self.reported = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_mean_what_they_say() {
        let of = |code| Meaning::of(&KafkaError::MessageConsumption(code));
        assert_eq!(of(Code::BrokerTransportFailure), Meaning::Nothing);
        assert_eq!(of(Code::AllBrokersDown), Meaning::Outage);
        assert_eq!(of(Code::AutoOffsetReset), Meaning::OutOfRange);
        assert_eq!(of(Code::UnknownTopicOrPartition), Meaning::Gone);
        assert_eq!(of(Code::BadMessage), Meaning::Corrupt);
        assert_eq!(of(Code::GroupAuthorizationFailed), Meaning::Passing);
        assert_eq!(Meaning::of(&KafkaError::PartitionEOF(3)), Meaning::Nothing);
        let fatal = KafkaError::MessageConsumptionFatal(Code::FencedInstanceId);
        assert_eq!(Meaning::of(&fatal), Meaning::Fatal);
    }

    #[test]
    fn an_outage_begins_once_until_something_works() {
        let start = Instant::now();
        let mut outage = Outage::default();
        let begins: Vec<bool> = (0..10)
            .map(|n| outage.begins(start + n * SAME_OUTAGE / 2))
            .collect();
        assert_eq!(begins.iter().filter(|begins| **begins).count(), 1);
        outage.over();
        assert!(outage.begins(start + 5 * SAME_OUTAGE));
        assert!(outage.begins(start + 7 * SAME_OUTAGE), "silence ends one, too");
    }
}
