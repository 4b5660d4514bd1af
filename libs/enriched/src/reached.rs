//! How far a partition was taken, and what the next record is to that. Pure.

use eventlog::Record;
use store::Position;

use crate::check::checksum;

/// How far a partition was taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reached(Option<Position>);

/// What an origin is to those that were taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Not greater than the greatest: it changes nothing.
    Repeated,
    /// It comes next, or is the first.
    Next,
    /// Fates have no gaps. Behind one, the missing fates would be taken for repeated should they come after all.
    BehindGap {
        /// The lowest origin that is missing.
        missing: u64,
    },
}

impl Reached {
    /// Where a service stands that goes on behind this position.
    pub const fn at(position: Option<Position>) -> Self {
        Self(position)
    }

    /// Behind the last record that was taken.
    pub const fn position(&self) -> Option<Position> {
        self.0
    }

    /// Whether the record was taken: a batch that is tried again begins with such records.
    pub fn has(&self, record: &Record) -> bool {
        self.0
            .is_some_and(|position| record.offset < position.next_offset)
    }

    /// What the origin of the next record is to those that were taken.
    pub fn place(&self, origin: u64) -> Place {
        match self.0 {
            Some(position) if origin <= position.origin => Place::Repeated,
            Some(position) if origin > position.origin + 1 => Place::BehindGap {
                missing: position.origin + 1,
            },
            _ => Place::Next,
        }
    }

    /// The record of this origin was taken.
    pub fn take(&mut self, record: &Record, origin: u64) {
        self.0 = Some(Position {
            next_offset: record.offset + 1,
            origin: self.0.map_or(origin, |position| position.origin.max(origin)),
            appended_at_ms: record.appended_at_ms,
            checksum: checksum(record),
        });
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn record(offset: u64) -> Record {
        Record {
            offset,
            appended_at_ms: 7,
            key: Bytes::new(),
            value: Bytes::from_static(b"value"),
            headers: Vec::new(),
        }
    }

    #[test]
    fn the_first_record_may_have_any_origin() {
        assert_eq!(Reached::default().place(17), Place::Next);
    }

    #[test]
    fn origins_are_taken_once_and_without_gaps() {
        let mut reached = Reached::default();
        reached.take(&record(3), 5);
        assert_eq!(reached.place(4), Place::Repeated);
        assert_eq!(reached.place(5), Place::Repeated);
        assert_eq!(reached.place(6), Place::Next);
        assert_eq!(reached.place(7), Place::BehindGap { missing: 6 });
    }

    #[test]
    fn a_repeated_origin_moves_the_offset_and_not_the_origin() {
        let mut reached = Reached::default();
        reached.take(&record(3), 5);
        reached.take(&record(4), 2);
        let position = reached.position().unwrap();
        assert_eq!((position.next_offset, position.origin), (5, 5));
        assert!(reached.has(&record(4)) && !reached.has(&record(5)));
    }
}
