//! What a search has read and why, for those who ask.

use domain::filter::Field;
use domain::index::manifest::Entry;
use domain::index::prune::{Prune, TermRange};
use domain::index::term;
use domain::source::Source;
use serde::Serialize;

use super::plan::Plan;
use super::seen::Counts;
use super::snapshot::Snapshot;
use super::walk::Page;

/// Units that are named.
pub(super) const MAX_UNITS: usize = 20;

/// What was read for one page, and why.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Explain {
    /// The filter as it was understood.
    pub(crate) filter: String,
    /// What the index was asked; every candidate is read and tested.
    pub(crate) index: String,
    /// Segments that are not in units yet.
    pub(crate) fresh_segments: u64,
    /// Their events.
    pub(crate) fresh_events: u64,
    /// Units that touch the range.
    pub(crate) units: u64,
    /// Their events.
    pub(crate) unit_events: u64,
    /// Units of which something was read.
    pub(crate) opened_units: u64,
    /// The first of them.
    pub(crate) opened: Vec<Opened>,
    /// Pages of units that were needed.
    pub(crate) pages: u64,
    /// Those of them that were read from the store.
    pub(crate) read_pages: u64,
    /// Events that the index named.
    pub(crate) candidates: u64,
    /// Events that were read and tested.
    pub(crate) tested: u64,
    /// Events in the page.
    pub(crate) found: u64,
    /// Rounds of reading one after the other.
    pub(crate) waves: u64,
    /// Time, without waiting for a write.
    pub(crate) elapsed_us: u64,
    /// What is worth knowing.
    pub(crate) notes: Vec<String>,
}

/// A unit of which something was read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Opened {
    pub(crate) unit: String,
    pub(crate) source: String,
    pub(crate) level: u8,
    pub(crate) events: u32,
    pub(crate) first: String,
    pub(crate) last: String,
}

impl Opened {
    pub(super) fn new(entry: &Entry) -> Self {
        Self {
            unit: entry.unit.id.to_string(),
            source: entry.source.to_string(),
            level: entry.level,
            events: entry.events,
            first: entry.first.time().to_string(),
            last: entry.last.time().to_string(),
        }
    }
}

impl Explain {
    /// What is known before anything is searched.
    pub(super) fn before(plan: &Plan, snapshot: &Snapshot) -> Self {
        let mut notes: Vec<_> = snapshot.lost.iter().copied().map(lost).collect();
        if plan.prune == Prune::Every {
            notes.push("the index can't narrow this filter: every event of the range is tested".to_owned());
        }
        Self {
            filter: plan.filter.to_string(),
            index: described(&plan.prune),
            fresh_segments: snapshot.fresh.len() as u64,
            fresh_events: snapshot
                .fresh
                .iter()
                .map(|segment| segment.ids().len() as u64)
                .sum(),
            units: snapshot.units.len() as u64,
            unit_events: snapshot.units.iter().map(|entry| u64::from(entry.events)).sum(),
            notes,
            ..Self::default()
        }
    }

    /// What came of it.
    pub(super) fn after<T>(
        mut self,
        page: &Page<T>,
        counts: Counts,
        opened: Vec<Opened>,
        elapsed_us: u64,
    ) -> Self {
        if let Some(bound) = page.ended_by {
            self.notes.push(format!(
                "the page ended early: the bound {bound} of one search was reached"
            ));
        }
        Self {
            opened_units: counts.opened_units,
            opened,
            pages: counts.pages,
            read_pages: counts.read_pages,
            candidates: counts.candidates,
            tested: page.tested as u64,
            found: page.events.len() as u64,
            waves: u64::from(page.waves),
            elapsed_us,
            ..self
        }
    }
}

fn lost(source: Source) -> String {
    format!(
        "the index of source {source} is behind by more than its fresh segments are kept, because its worker is down: \
         events may be missing"
    )
}

fn described(prune: &Prune) -> String {
    let joined = |children: &[Prune], word: &str| {
        let parts: Vec<_> = children.iter().map(described).collect();
        format!("({})", parts.join(word))
    };
    match prune {
        Prune::Every => "every event".to_owned(),
        Prune::Terms(range) => terms(range),
        Prune::All(children) => joined(children, " and "),
        Prune::Any(children) => joined(children, " or "),
    }
}

fn terms(range: &TermRange) -> String {
    let begin = shown(&range.begin);
    if range.is_exact() {
        begin
    } else if *range == TermRange::prefix(range.begin.clone()) {
        format!("{begin}*")
    } else if range.begin.first() == range.end.first() {
        format!("from {begin}, before {}", shown(&range.end))
    } else {
        format!("from {begin} on")
    }
}

/// The field of a term and its value.
fn shown(bytes: &[u8]) -> String {
    let Some((code, value)) = bytes.split_first() else {
        return "the first term".to_owned();
    };
    let field = Field::ALL.iter().find(|field| term::code(**field) == *code);
    let name = match *code {
        term::TOKEN => "word",
        term::TEXT_OVERFLOW => "too many words",
        term::ATTRIBUTE => "attribute",
        term::ATTRIBUTE_OVERFLOW => "too many attributes",
        _ => field.map_or("field", |field| field.as_str()),
    };
    match (*code, value) {
        (term::TEXT_OVERFLOW | term::ATTRIBUTE_OVERFLOW, _) => name.to_owned(),
        (code, &[high, low]) if code == term::code(Field::StatusCode) => {
            format!("{name}:{}", u16::from_be_bytes([high, low]))
        }
        _ => format!("{name}:{}", value.escape_ascii()),
    }
}

#[cfg(test)]
mod tests {
    use domain::filter::Filter;

    use super::*;

    #[test]
    fn what_the_index_is_asked_reads_like_the_filter() {
        for (q, expected) in [
            ("", "every event"),
            ("-kind:error", "every event"),
            ("service:a path:/b*", "(service:a and path:/b*)"),
            ("user_id:*", "user_id:*"),
            ("status_code:503", "status_code:503"),
            ("status_code:>=500", "from status_code:500 on"),
            ("status_code:<500", "from status_code:, before status_code:500"),
            ("gone", "(word:gone or too many words)"),
        ] {
            assert_eq!(described(&Filter::parse(q).unwrap().prune()), expected, "{q}");
        }
    }
}
