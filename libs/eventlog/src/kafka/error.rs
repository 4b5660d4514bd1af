//! What an error of the client means to the port: the one place where its codes are read for appending and reading.
//!
//! Whatever an operator has to mend (a broker that is down, a right that is missing, a topic that refuses what it
//! should take) is unavailable: the same call works once it is mended, and the reason says what is wrong.

use std::fmt::Display;

use rdkafka::error::KafkaError;
use rdkafka::types::RDKafkaErrorCode as Code;

use crate::port::Error;

/// What was being done, for the text of an error.
#[derive(Debug)]
pub(super) struct Doing<'a, D> {
    /// As in "can't append to".
    pub(super) verb: &'static str,
    /// The topic or partition, as services call it.
    pub(super) to: &'a D,
}

// By hand, because what it points to need not be copied.
impl<D> Clone for Doing<'_, D> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<D> Copy for Doing<'_, D> {}

impl<D: Display> Doing<'_, D> {
    /// The error of the port. `cause` is what the client said about its connections lately.
    pub(super) fn failed(self, error: &KafkaError, cause: Option<String>) -> Error {
        match code(error) {
            Some(code) => self.failed_with(code, cause),
            None => self.unavailable(&error.to_string(), cause),
        }
    }

    /// As [`failed`](Self::failed), when only the code is known.
    pub(super) fn failed_with(self, code: Code, cause: Option<String>) -> Error {
        if is_unknown(code) {
            return self.unknown();
        }
        let cause = cause.filter(|_| is_explained_by_connections(code));
        match reason(code) {
            Some(reason) => self.unavailable(reason, cause),
            None => self.unavailable(&code.to_string(), cause),
        }
    }

    /// There is no such topic or partition.
    pub(super) fn unknown(self) -> Error {
        Error::UnknownPartition {
            partition: self.to.to_string(),
        }
    }

    /// It may work later.
    pub(super) fn unavailable(self, reason: &str, cause: Option<String>) -> Error {
        let Self { verb, to } = self;
        let cause = cause.map(|cause| format!(" ({cause})")).unwrap_or_default();
        Error::Unavailable {
            reason: format!("can't {verb} {to}: {reason}{cause}"),
        }
    }
}

/// The code of an error, where it has one.
pub(super) fn code(error: &KafkaError) -> Option<Code> {
    match error {
        KafkaError::AdminOp(code) => Some(*code),
        other => other.rdkafka_error_code(),
    }
}

/// Whether the code says that there is no such topic or partition.
pub(super) fn is_unknown(code: Code) -> bool {
    matches!(
        code,
        Code::UnknownTopicOrPartition
            | Code::UnknownTopic
            | Code::UnknownPartition
            | Code::UnknownTopicId
            | Code::InvalidTopic
    )
}

/// Whether what the client said about its connections explains the code.
fn is_explained_by_connections(code: Code) -> bool {
    matches!(
        code,
        Code::MessageTimedOut
            | Code::OperationTimedOut
            | Code::TimedOutQueue
            | Code::RequestTimedOut
            | Code::AllBrokersDown
            | Code::BrokerTransportFailure
            | Code::Resolve
            | Code::SSL
            | Code::Authentication
            | Code::Fatal
            | Code::PurgeQueue
            | Code::PurgeInflight
    )
}

/// Plain words for what happens to every system some day.
fn reason(code: Code) -> Option<&'static str> {
    Some(match code {
        Code::MessageTimedOut | Code::OperationTimedOut | Code::TimedOutQueue | Code::RequestTimedOut => {
            "the brokers did not answer in time"
        }
        Code::AllBrokersDown | Code::BrokerTransportFailure | Code::Resolve => "no broker can be reached",
        Code::LeaderNotAvailable | Code::NotLeaderForPartition | Code::BrokerNotAvailable => {
            "the partition has no leader now"
        }
        Code::NotEnoughReplicas | Code::NotEnoughReplicasAfterAppend => {
            "fewer replicas are in sync than min.insync.replicas of the topic asks for"
        }
        Code::MessageSizeTooLarge | Code::InvalidMessageSize | Code::MessageBatchTooLarge => {
            "the topic takes smaller batches than this process sends: raise its max.message.bytes"
        }
        Code::TopicAuthorizationFailed => "the brokers do not let this user do that with the topic",
        Code::ClusterAuthorizationFailed => {
            "the brokers do not let this user write idempotently (operation IdempotentWrite on the cluster)"
        }
        Code::TransactionalIdAuthorizationFailed => {
            "the brokers do not let this user write transactions (operations Write and Describe on the transactional id)"
        }
        Code::GroupAuthorizationFailed => "the brokers do not let this user use the group",
        Code::SaslAuthenticationFailed | Code::Authentication => {
            "the brokers refuse the name or the password"
        }
        Code::SSL => "no encrypted connection can be made",
        Code::PurgeQueue | Code::PurgeInflight => "given up because an append before it failed",
        Code::QueueFull => "the buffer of the client is full",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::port::Class;

    const DOING: Doing<'_, &str> = Doing {
        verb: "append to",
        to: &"events/3",
    };

    #[test]
    fn what_is_not_there_is_fatal_and_names_the_partition() {
        for code in [
            Code::UnknownTopicOrPartition,
            Code::UnknownTopic,
            Code::UnknownPartition,
        ] {
            let error = DOING.failed(&KafkaError::MessageProduction(code), None);
            assert_eq!(error.to_string(), "there is no partition events/3");
            assert_eq!(error.class(), Class::Fatal);
        }
    }

    #[test]
    fn what_an_operator_must_mend_is_transient_and_says_why() {
        let error = DOING.failed_with(Code::MessageTimedOut, Some("Connection refused".to_owned()));
        assert_eq!(
            error.to_string(),
            "log is unavailable: can't append to events/3: the brokers did not answer in time (Connection refused)"
        );
        let transient = [
            Code::TopicAuthorizationFailed,
            Code::SaslAuthenticationFailed,
            Code::MessageSizeTooLarge,
            Code::NotEnoughReplicas,
            Code::KafkaStorageError,
            Code::Fatal,
        ];
        for code in transient {
            assert_eq!(DOING.failed_with(code, None).class(), Class::Transient, "{code}");
        }
    }
}
