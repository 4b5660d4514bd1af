//! Verdicts and faults as messages.

use domain::fault::Fault;
use domain::verdict::Verdict;

use crate::v1;

/// The verdict on the event at this place of a request.
pub fn message(index: usize, verdict: &Verdict) -> v1::Verdict {
    let mut message = v1::Verdict {
        index: u32::try_from(index).unwrap_or(u32::MAX),
        ..v1::Verdict::default()
    };
    match verdict {
        Verdict::Accepted { id, warnings, .. } => {
            message.set_status(v1::VerdictStatus::Accepted);
            message.id = id.to_string();
            message.warnings = warnings.iter().map(warning).collect();
        }
        Verdict::Duplicate { id } => {
            message.set_status(v1::VerdictStatus::Duplicate);
            message.id = id.to_string();
        }
        Verdict::Invalid { faults } => {
            message.set_status(v1::VerdictStatus::Invalid);
            message.errors = faults.iter().map(fault).collect();
        }
        Verdict::Limited { retry_after_ms } => {
            message.set_status(v1::VerdictStatus::Limited);
            message.retry_after_ms = *retry_after_ms;
        }
        Verdict::Unavailable { retry_after_ms } => {
            message.set_status(v1::VerdictStatus::Unavailable);
            message.retry_after_ms = *retry_after_ms;
        }
    }
    message
}

/// A warning.
pub fn warning(warning: &Fault) -> v1::Warning {
    v1::Warning {
        code: warning.code.as_str().to_owned(),
        field: warning.field.to_string(),
        message: warning.message.clone(),
    }
}

/// A fault.
pub fn fault(fault: &Fault) -> v1::Fault {
    v1::Fault {
        code: fault.code.as_str().to_owned(),
        field: fault.field.to_string(),
        message: fault.message.clone(),
    }
}
