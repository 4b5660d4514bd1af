//! Which accepted records are repeated, by going through all of them for each.

use domain::record::Accepted;
use eventlog::Record;
use proto::record::decode_accepted;

/// How long an event is remembered: slices of 2 s.
pub(crate) const WITHIN_MS: i64 = 8_000;
/// And how many records: slices of 2 offsets.
pub(crate) const RECORDS: u32 = 16;

/// For each record of a partition whether it repeats one before it.
pub(crate) fn repeated(records: &[Record]) -> Vec<bool> {
    let decoded = records
        .iter()
        .map(|record| decode_accepted(record.value.clone()).ok());
    let events: Vec<Option<Accepted>> = decoded.collect();
    let repeats = |new: usize| {
        (0..new).any(|old| {
            is_same(events[old].as_ref(), events[new].as_ref()) && is_remembered(&records[old..=new])
        })
    };
    (0..records.len()).map(repeats).collect()
}

fn is_same(one: Option<&Accepted>, other: Option<&Accepted>) -> bool {
    let (Some(one), Some(other)) = (one, other) else {
        return false;
    };
    let external_id = &one.event.external_id;
    let same_external_id = external_id.is_some() && *external_id == other.event.external_id;
    one.tenant == other.tenant && (one.event.id == other.event.id || same_external_id)
}

/// Whether the first of them is remembered when the last comes.
fn is_remembered(records: &[Record]) -> bool {
    let of_time = |record: &Record| record.appended_at_ms.div_euclid(WITHIN_MS / 4);
    let of_offset = |record: &Record| record.offset / u64::from(RECORDS / 8);
    let (old, new) = (&records[0], &records[records.len() - 1]);
    let times = of_time(old) - 1..=of_time(old) + 4;
    records.iter().all(|record| times.contains(&of_time(record))) && of_offset(new) - of_offset(old) <= 8
}
