//! The events of one request together: which are appended, which repeat another, what each is answered.

use std::collections::HashMap;

use crate::event::Event;
use crate::fault::Fault;
use crate::id::EventId;
use crate::validate::Valid;
use crate::verdict::Verdict;

/// An event of a request after [`validate`](crate::validate::validate): to be taken, or all its faults.
pub type Checked = Result<Valid, Vec<Fault>>;

/// What became of an event that was to be appended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// The log has it.
    Accepted,
    /// A limit of the tenant kept it out.
    Limited {
        /// When to send it again.
        retry_after_ms: u32,
    },
    /// The log did not take it in time.
    Unavailable {
        /// When to send it again.
        retry_after_ms: u32,
    },
}

/// The fate of each event of a request, as far as it is known before the log is asked.
#[derive(Clone, Debug)]
pub struct Plan {
    slots: Vec<Slot>,
}

#[derive(Clone, Debug)]
enum Slot {
    Invalid(Vec<Fault>),
    Append {
        id: EventId,
        made_id: bool,
        warnings: Vec<Fault>,
    },
    Repeats {
        slot: usize,
    },
}

impl Plan {
    /// Takes the checked events of a request in order; gives back those to append, in order.
    ///
    /// An event repeats an earlier one when it has the same id or the same external id.
    pub fn new(checked: impl IntoIterator<Item = Checked>) -> (Self, Vec<Event>) {
        let mut slots = Vec::new();
        let mut events = Vec::new();
        let mut ids: HashMap<EventId, usize> = HashMap::new();
        let mut external_ids: HashMap<String, usize> = HashMap::new();
        for (index, checked) in checked.into_iter().enumerate() {
            let valid = match checked {
                Ok(valid) => valid,
                Err(faults) => {
                    slots.push(Slot::Invalid(faults));
                    continue;
                }
            };
            let external_id = valid.event.external_id.as_ref();
            let first = ids
                .get(&valid.event.id)
                .or_else(|| external_ids.get(external_id?));
            if let Some(first) = first {
                slots.push(Slot::Repeats { slot: *first });
                continue;
            }
            ids.insert(valid.event.id, index);
            if let Some(external_id) = external_id {
                external_ids.insert(external_id.clone(), index);
            }
            slots.push(Slot::Append {
                id: valid.event.id,
                made_id: valid.made_id,
                warnings: valid.warnings,
            });
            events.push(valid.event);
        }
        (Self { slots }, events)
    }

    /// The verdicts, one per event of the request, from the fates of the appended ones in their order.
    /// A fate that is absent counts as unavailable.
    pub fn settle(self, fates: impl IntoIterator<Item = Fate>, retry_after_ms: u32) -> Vec<Verdict> {
        let mut fates = fates.into_iter();
        let mut verdicts: Vec<Verdict> = Vec::with_capacity(self.slots.len());
        for slot in self.slots {
            let verdict = match slot {
                Slot::Invalid(faults) => Verdict::Invalid { faults },
                Slot::Append {
                    id,
                    made_id,
                    warnings,
                } => match fates.next() {
                    Some(Fate::Accepted) => Verdict::Accepted {
                        id,
                        made_id,
                        warnings,
                    },
                    Some(Fate::Limited { retry_after_ms }) => Verdict::Limited { retry_after_ms },
                    Some(Fate::Unavailable { retry_after_ms }) => Verdict::Unavailable { retry_after_ms },
                    None => Verdict::Unavailable { retry_after_ms },
                },
                Slot::Repeats { slot } => match &verdicts[slot] {
                    Verdict::Accepted { id, .. } => Verdict::Duplicate { id: *id },
                    other => other.clone(),
                },
            };
            verdicts.push(verdict);
        }
        verdicts
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Body, Generic, Priority, Severity};
    use crate::time::Millis;

    fn valid(number: u8, external_id: Option<&str>) -> Valid {
        let event = Event {
            id: EventId::made(Millis::EPOCH, [number; 10]),
            service: None,
            environment: None,
            release: None,
            user_id: None,
            session_id: None,
            trace_id: None,
            span_id: None,
            severity: Severity::Info,
            external_id: external_id.map(Into::into),
            priority: Priority::Standard,
            attributes: None,
            body: Body::Generic(Generic { name: "x".into() }),
        };
        Valid {
            event,
            made_id: false,
            warnings: vec![],
        }
    }

    #[test]
    fn a_repeat_shares_the_fate_of_the_first() {
        let checked = || {
            [
                Ok(valid(1, None)),
                Ok(valid(2, Some("a"))),
                Ok(valid(1, None)),
                Err(vec![]),
                Ok(valid(3, Some("a"))),
            ]
        };
        let (plan, events) = Plan::new(checked());
        assert_eq!(events.len(), 2);
        let verdicts = plan.settle([Fate::Accepted, Fate::Limited { retry_after_ms: 9 }], 0);
        let statuses: Vec<_> = verdicts.iter().map(Verdict::status).collect();
        assert_eq!(
            statuses,
            ["accepted", "limited", "duplicate", "invalid", "limited"]
        );
    }

    #[test]
    fn a_fate_that_is_not_known_is_unavailable() {
        let (plan, _) = Plan::new([Ok(valid(1, None)), Ok(valid(2, None))]);
        let verdicts = plan.settle([Fate::Accepted], 50);
        assert_eq!(verdicts[1], Verdict::Unavailable { retry_after_ms: 50 });
    }
}
