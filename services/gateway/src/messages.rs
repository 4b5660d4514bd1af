//! Answers as messages of the published schema, for gRPC and for HTTP callers that want protobuf.

use domain::verdict::{Counts, Verdict};
use proto::v1;

use crate::ingest::Answer;

/// The answer to a request of one event, which was accepted.
pub(crate) fn of_one(answer: &Answer) -> v1::IngestResponse {
    let verdict = answer
        .verdicts
        .first()
        .map(|verdict| proto::verdict::message(0, verdict))
        .unwrap_or_default();
    v1::IngestResponse {
        id: verdict.id,
        warnings: verdict.warnings,
        token: answer.token.clone().unwrap_or_default(),
    }
}

/// The answer to a request of many events.
pub(crate) fn of_batch(answer: &Answer) -> v1::IngestBatchResponse {
    let results = answer.verdicts.iter().enumerate();
    v1::IngestBatchResponse {
        accepted: answer.counts.accepted,
        duplicates: answer.counts.duplicates,
        rejected: answer.counts.rejected,
        results: results
            .map(|(index, verdict)| proto::verdict::message(index, verdict))
            .collect(),
        token: answer.token.clone().unwrap_or_default(),
    }
}

/// The answer to a batch of a stream: only verdicts that tell the producer something it can't know.
pub(crate) fn of_stream(number: u64, answer: &Answer) -> v1::IngestStreamResponse {
    let told = answer
        .verdicts
        .iter()
        .enumerate()
        .filter(|(_, verdict)| !is_plain(verdict));
    v1::IngestStreamResponse {
        number,
        accepted: answer.counts.accepted,
        duplicates: answer.counts.duplicates,
        rejected: answer.counts.rejected,
        results: told
            .map(|(index, verdict)| proto::verdict::message(index, verdict))
            .collect(),
        token: answer.token.clone().unwrap_or_default(),
    }
}

/// The answer to a request to validate. A made id is left out: another would be made when the event is sent.
pub(crate) fn of_validation(verdicts: &[Verdict]) -> v1::ValidateResponse {
    let counts = Counts::of(verdicts);
    let results = verdicts.iter().enumerate().map(|(index, verdict)| {
        let mut message = proto::verdict::message(index, verdict);
        if !matches!(verdict, Verdict::Accepted { made_id: false, .. }) {
            message.id.clear();
        }
        message
    });
    v1::ValidateResponse {
        valid: counts.accepted + counts.duplicates,
        invalid: counts.rejected,
        results: results.collect(),
    }
}

fn is_plain(verdict: &Verdict) -> bool {
    matches!(verdict, Verdict::Accepted { made_id: false, warnings, .. } if warnings.is_empty())
}
