//! Taking in records that were exported, into a system that lost its own or is new.
//!
//! Nothing that is there is overwritten: a record that is there and different is named and left alone. A revocation
//! always gets in. The generation of topics and heartbeats belong to a system and are passed over.

use domain::control::{Record, State};

use super::{Decision, Writer};
use crate::Error;
use crate::by::By;
use crate::request::invalid;

/// Records in one call.
pub(crate) const MAX_RECORDS: usize = 1_000;

/// What became of imported records.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Imported {
    /// That were written.
    pub written: usize,
    /// That were there already, the same.
    pub same: usize,
    /// That are no part of an export.
    pub passed_over: usize,
    /// The keys in the topic of those that are there and different.
    pub conflicts: Vec<String>,
}

impl Writer {
    /// Takes in at most 1,000 records, all that can be, in one transaction.
    pub async fn import(&self, by: &By, records: Vec<Record>) -> Result<Imported, Error> {
        if records.len() > MAX_RECORDS {
            let message = format!(
                "{} records in one request, at most {MAX_RECORDS} are allowed",
                records.len()
            );
            return Err(invalid("records", message));
        }
        self.0.change(by, |state| Ok(decide(state, &records))).await
    }
}

fn decide(state: &State, records: &[Record]) -> Decision<Imported> {
    let mut imported = Imported::default();
    let mut to_write = Vec::new();
    for record in records {
        if matches!(
            record,
            Record::Topics(_) | Record::Heartbeat(_) | Record::Removed(_) | Record::Unknown
        ) {
            imported.passed_over += 1;
            continue;
        }
        match state.record(&record.entity()) {
            None => to_write.push(record.clone()),
            Some(there) if there.log_value() == record.log_value() => imported.same += 1,
            Some(_) => imported.conflicts.extend(record.log_key()),
        }
    }
    imported.written = to_write.len();
    Decision {
        action: "control.import",
        records: to_write,
        answer: imported,
    }
}
