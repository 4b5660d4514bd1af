//! Errors as callers see them. Each is one [`ErrorCode`], whose HTTP status and gRPC code stand in one table.
//!
//! `detail` is for people and is shown to the caller: it never holds a secret, another tenant's name or the text of
//! an inner error.

mod code;
mod from;
mod problem;
mod status;

use std::borrow::Cow;
use std::error::Error as StdError;

use domain::fault::Fault;
use serde::Serialize;
use serde_json::{Map, Value};

pub use code::ErrorCode;

/// An answer that is not the one that was asked for.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{}: {detail}", code.as_str())]
pub struct ApiError {
    /// Which error.
    pub code: ErrorCode,
    /// What is wrong this time, what is allowed and what to do.
    pub detail: String,
    /// The parts of the request that are wrong.
    pub errors: Vec<Violation>,
    /// When to send it again, where that helps.
    pub retry_after_ms: Option<u32>,
    /// More members of the HTTP problem, such as the results of a refused batch. A name of RFC 9457 or of ours
    /// is passed over. gRPC does not carry them.
    pub extra: Option<Map<String, Value>>,
}

/// A part of a request that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Violation {
    /// Which rule, as in the list of faults.
    pub code: Cow<'static, str>,
    /// The field as the caller calls it, empty where the whole is meant.
    pub field: Cow<'static, str>,
    /// What is wrong and what is allowed.
    pub message: String,
}

impl ApiError {
    /// An error without further parts.
    pub fn new(code: ErrorCode, detail: impl Into<String>) -> Self {
        Self {
            code,
            detail: detail.into(),
            errors: Vec::new(),
            retry_after_ms: None,
            extra: None,
        }
    }

    /// A fault of ours: logs `cause` with everything behind it, and tells the caller none of it.
    pub fn internal(cause: &(dyn StdError + 'static)) -> Self {
        let chain = std::iter::successors(cause.source(), |cause| (*cause).source())
            .fold(cause.to_string(), |text, cause| format!("{text}: {cause}"));
        tracing::error!(error = chain, "request failed");
        Self::new(
            ErrorCode::Internal,
            "the request failed by a fault of ours; tell us its request id",
        )
    }

    /// Names the parts that are wrong.
    #[must_use]
    pub fn with_errors(mut self, errors: impl IntoIterator<Item = impl Into<Violation>>) -> Self {
        self.errors = errors.into_iter().map(Into::into).collect();
        self
    }

    /// Tells when to send it again.
    #[must_use]
    pub fn with_retry_after(mut self, retry_after_ms: u32) -> Self {
        self.retry_after_ms = Some(retry_after_ms);
        self
    }

    /// Adds members to the HTTP problem.
    #[must_use]
    pub fn with_extra(mut self, extra: Map<String, Value>) -> Self {
        self.extra = Some(extra);
        self
    }
}

impl Violation {
    /// A part that breaks the rule `code`.
    pub fn new(
        code: impl Into<Cow<'static, str>>,
        field: impl Into<Cow<'static, str>>,
        message: impl Into<String>,
    ) -> Self {
        Self {
            code: code.into(),
            field: field.into(),
            message: message.into(),
        }
    }
}

impl From<Fault> for Violation {
    fn from(fault: Fault) -> Self {
        Self::new(fault.code.as_str(), fault.field, fault.message)
    }
}

#[cfg(test)]
mod tests;
