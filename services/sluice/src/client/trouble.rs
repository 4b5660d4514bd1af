//! Why there is no connection, in the words of whoever knows best, and what to do.

use std::error::Error;

use edge::dial::DialError;

/// The innermost cause: the outer ones only name the request. With what may help, where that is known.
pub(super) fn cause(error: &(dyn Error + 'static)) -> String {
    let innermost = chain(error).last().map(ToString::to_string).unwrap_or_default();
    match chain(error).find_map(|cause| cause.downcast_ref::<DialError>()) {
        Some(DialError::Handshake { .. }) if innermost.contains("invalid peer certificate") => {
            format!("{innermost}; if its authority is a private one, name its certificate with --ca")
        }
        Some(DialError::Handshake { .. }) => format!("{innermost}; is https spoken there?"),
        Some(_) => format!("{innermost}; is the system running, and is this its address?"),
        None => innermost,
    }
}

fn chain<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |cause| (*cause).source())
}
