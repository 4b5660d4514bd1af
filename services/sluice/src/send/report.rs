//! What a sending tells: a progress bar for the one who waits, each verdict that needs a word, and the counts.

use std::io;

use domain::fault::Fault;
use indicatif::{ProgressBar, ProgressStyle};
use proto::v1::{self, VerdictStatus};
use serde::Serialize;

use super::batch::Batch;
use super::window::Outcome;
use crate::cli::Format;
use crate::output;
use crate::output::escape;

/// The counts of a sending.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// In the log.
    pub(crate) accepted: u64,
    /// Repeats within their batch.
    pub(crate) duplicates: u64,
    /// All others.
    pub(crate) rejected: u64,
}

/// Prints.
pub(crate) struct Report {
    format: Format,
    bar: ProgressBar,
    counts: Counts,
    token: Option<String>,
}

/// The last line in JSON.
#[derive(Serialize)]
struct Summary<'a> {
    accepted: u64,
    duplicates: u64,
    rejected: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<&'a str>,
}

/// One line of what is told.
#[derive(Debug, PartialEq, Serialize)]
struct Told {
    line: u64,
    status: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<Reason>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<Reason>,
}

#[derive(Debug, PartialEq, Serialize)]
struct Reason {
    code: String,
    field: String,
    message: String,
}

impl Report {
    /// `total_bytes` is the size of the input, if it has one.
    pub(crate) fn new(format: Format, total_bytes: Option<u64>) -> Self {
        // It draws on stderr, and only on a terminal.
        let (bar, template) = match total_bytes {
            Some(bytes) => (
                ProgressBar::new(bytes),
                "{bar:40} {bytes}/{total_bytes}  {msg}  {eta} left",
            ),
            None => (ProgressBar::new_spinner(), "{spinner} {bytes}  {msg}"),
        };
        bar.set_style(ProgressStyle::with_template(template).expect("a valid template"));
        Self {
            format,
            bar,
            counts: Counts::default(),
            token: None,
        }
    }

    /// What is counted so far.
    pub(crate) fn counts(&self) -> Counts {
        self.counts
    }

    /// Keeps the token of an answer; the last one is told at the end.
    pub(crate) fn written(&mut self, token: String) {
        if !token.is_empty() {
            self.token = Some(token);
        }
    }

    /// Says something in passing.
    pub(crate) fn say(&self, text: &str) {
        self.bar.suspend(|| output::say(&escape::text(text)));
    }

    /// Tells what became of a batch.
    pub(crate) fn settled(&mut self, batch: &Batch, outcome: &Outcome) -> io::Result<()> {
        let faulty = batch
            .faulty
            .iter()
            .map(|line| Told::faulty(line.line, &line.what));
        let verdicts = outcome
            .told
            .iter()
            .map(|verdict| Told::verdict(verdict.line, &verdict.what));
        let mut told: Vec<Told> = faulty.chain(verdicts).collect();
        told.sort_by_key(|told| told.line);
        self.counts.accepted += outcome.accepted;
        for told in &told {
            match told.status {
                "accepted" => {}
                "duplicate" => self.counts.duplicates += 1,
                _ => self.counts.rejected += 1,
            }
        }
        let format = self.format;
        self.bar
            .suspend(|| told.iter().try_for_each(|told| told.print(format)))?;
        self.bar.set_position(batch.read_bytes);
        self.bar.set_message(format!("{} events", self.counts.accepted));
        Ok(())
    }

    /// Tells the counts, at the end. `nothing` takes their place for people where nothing is counted.
    pub(crate) fn finish(self, nothing: Option<&str>) -> io::Result<()> {
        self.bar.finish_and_clear();
        output::line(&self.summary(nothing)?)?;
        if self.format == Format::Table
            && let Some(token) = &self.token
        {
            let token = escape::text(token);
            output::say(&format!(
                "to find the last of them for sure: sluice search --after {token}"
            ));
        }
        Ok(())
    }

    fn summary(&self, nothing: Option<&str>) -> io::Result<String> {
        let Counts {
            accepted,
            duplicates,
            rejected,
        } = self.counts;
        if self.format == Format::Json {
            let summary = Summary {
                accepted,
                duplicates,
                rejected,
                token: self.token.as_deref(),
            };
            return Ok(serde_json::to_string(&summary)?);
        }
        Ok(match nothing {
            Some(nothing) if self.counts == Counts::default() => nothing.to_owned(),
            _ => format!("accepted {accepted}, duplicates {duplicates}, rejected {rejected}"),
        })
    }
}

impl Told {
    fn faulty(line: u64, faults: &[Fault]) -> Self {
        let errors = faults.iter().map(|fault| Reason {
            code: fault.code.as_str().to_owned(),
            field: fault.field.to_string(),
            message: fault.message.clone(),
        });
        Self {
            line,
            status: "invalid",
            warnings: vec![],
            errors: errors.collect(),
        }
    }

    fn verdict(line: u64, verdict: &v1::Verdict) -> Self {
        let warnings = verdict.warnings.iter().map(|warning| Reason {
            code: warning.code.clone(),
            field: warning.field.clone(),
            message: warning.message.clone(),
        });
        let errors = verdict.errors.iter().map(|fault| Reason {
            code: fault.code.clone(),
            field: fault.field.clone(),
            message: fault.message.clone(),
        });
        let status = match verdict.status() {
            VerdictStatus::Accepted => "accepted",
            VerdictStatus::Duplicate => "duplicate",
            VerdictStatus::Invalid => "invalid",
            VerdictStatus::Limited => "limited",
            VerdictStatus::Unavailable => "unavailable",
            VerdictStatus::Unspecified => "unknown",
        };
        Self {
            line,
            status,
            warnings: warnings.collect(),
            errors: errors.collect(),
        }
    }

    fn print(&self, format: Format) -> io::Result<()> {
        match format {
            Format::Json => output::line(&escape::json(&serde_json::to_string(self)?)),
            Format::Table => output::line(&self.text()),
        }
    }

    fn text(&self) -> String {
        let reasons = self.errors.iter().chain(&self.warnings);
        let told = format!("line {}: {}", self.line, self.status);
        let text = reasons.fold(told, |text, reason| {
            text + "; " + &reason.code + ": " + &reason.message
        });
        escape::text(&text)
    }
}

#[cfg(test)]
mod tests {
    use domain::fault::Code;

    use super::super::batch::Numbered;
    use super::*;

    fn verdict(status: VerdictStatus) -> v1::Verdict {
        let mut verdict = v1::Verdict::default();
        verdict.set_status(status);
        verdict
    }

    #[test]
    fn every_verdict_counts_once() {
        let statuses = [
            VerdictStatus::Accepted,
            VerdictStatus::Duplicate,
            VerdictStatus::Invalid,
            VerdictStatus::Limited,
            VerdictStatus::Unavailable,
        ];
        let told = statuses.map(|status| Numbered {
            line: 1,
            what: verdict(status),
        });
        // The accepted one is told for its warning and counted in `accepted`.
        let outcome = Outcome {
            accepted: 3,
            told: told.to_vec(),
        };
        let faulty = vec![Numbered {
            line: 2,
            what: vec![Fault::missing("kind")],
        }];
        let mut report = Report::new(Format::Json, None);
        report
            .settled(
                &Batch {
                    faulty,
                    ..Batch::default()
                },
                &outcome,
            )
            .unwrap();
        assert_eq!(
            report.counts(),
            Counts {
                accepted: 3,
                duplicates: 1,
                rejected: 4
            }
        );
    }

    #[test]
    fn the_summary_has_the_last_token_and_says_plainly_that_nothing_was_left() {
        let mut report = Report::new(Format::Json, None);
        let counts = r#"{"accepted":0,"duplicates":0,"rejected":0}"#;
        assert_eq!(report.summary(Some("nothing")).unwrap(), counts);
        for token in ["t1", "t2", ""] {
            report.written(token.to_owned());
        }
        assert!(report.summary(None).unwrap().ends_with(r#","token":"t2"}"#));

        let mut report = Report::new(Format::Table, None);
        assert_eq!(report.summary(Some("nothing")).unwrap(), "nothing");
        let counts = "accepted 0, duplicates 0, rejected 0";
        assert_eq!(report.summary(None).unwrap(), counts);
        report.counts.rejected = 1;
        let counts = "accepted 0, duplicates 0, rejected 1";
        assert_eq!(report.summary(Some("nothing")).unwrap(), counts);
    }

    #[test]
    fn a_line_tells_every_fault_and_drives_no_terminal() {
        let faults = [
            Fault::missing("kind"),
            Fault::new(Code::UnknownField, "x\x1b", "\"x\x1b\" is not a field"),
        ];
        let told = Told::faulty(7, &faults);
        let expected =
            r#"line 7: invalid; missing: kind is required; unknown_field: "x\u{1b}" is not a field"#;
        assert_eq!(told.text(), expected);
    }
}
