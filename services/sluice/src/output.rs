//! What is printed: data on stdout, talk on stderr.
//!
//! - [`escape`]: text of events can't drive the terminal;
//! - [`table`]: columns for people; [`spark`]: numbers as bars in one;
//! - [`event`]: an event as a row, as fields or as one line of JSON.

pub(crate) mod escape;
pub(crate) mod event;
pub(crate) mod spark;
pub(crate) mod table;

use std::io::{self, Write};

/// Prints one line of data.
pub(crate) fn line(text: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(text.as_bytes())?;
    stdout.write_all(b"\n")?;
    stdout.flush()
}

/// Says something to the person at the terminal.
pub(crate) fn say(text: &str) {
    // Nobody is left to be told that stderr is closed.
    let _ = writeln!(io::stderr(), "{text}");
}

/// The text of an error with those of its causes, each once: some texts hold that of their cause already.
pub(crate) fn error_text(error: &anyhow::Error) -> String {
    let mut text = String::new();
    for cause in error.chain().map(ToString::to_string) {
        if text.is_empty() {
            text = cause;
        } else if !text.contains(&cause) {
            text = format!("{text}: {cause}");
        }
    }
    escape::lines(&text)
}

/// Whether the reader of stdout has seen enough, as `head` has.
pub(crate) fn is_closed_pipe(error: &anyhow::Error) -> bool {
    let kinds = error
        .chain()
        .filter_map(|cause| cause.downcast_ref::<io::Error>())
        .map(io::Error::kind);
    kinds.into_iter().any(|kind| kind == io::ErrorKind::BrokenPipe)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cause_that_is_told_already_is_not_told_again() {
        let error = anyhow::anyhow!("in use\x1b")
            .context("port 1: in use\x1b")
            .context("start");
        assert_eq!(error_text(&error), r"start: port 1: in use\u{1b}");
    }
}
