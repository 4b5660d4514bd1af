//! What producers and enrichment append.

use bytes::Bytes;
use domain::record::Enriched;
use domain::source::Source;
use domain::time::Millis;
use proto::record::encode_enriched;

use super::{Fate, World};
use crate::ground::GENERATIONS;
use crate::spec::Spec;
use crate::steps::Repeat;

impl World {
    pub(crate) fn append(&mut self, source: usize, specs: &[Spec], behind_ms: i64) {
        let appended_at = self.now().minus_ms(behind_ms);
        for spec in specs {
            let number = u32::try_from(self.fates.len()).unwrap();
            let event = self.event(spec, number);
            self.fate(source, Some(event), appended_at);
        }
    }

    /// An event of the present. Numbers tell events of one time apart.
    pub(crate) fn event(&self, spec: &Spec, number: u32) -> Enriched {
        spec.event(&self.tenants[spec.tenant], number, self.now())
    }

    /// An event that is not looked for later.
    pub(crate) fn append_unknown(&self, source: usize, event: Enriched) {
        let source = self.ground.source(self.generation, source);
        let origin = self.topics[self.generation].end(source.partition);
        self.write_fate(source, origin, Some(event), self.now());
    }

    pub(crate) fn mark(&mut self, source: usize) {
        self.fate(source, None, self.now());
    }

    fn fate(&mut self, number: usize, event: Option<Enriched>, appended_at: Millis) {
        let source = self.ground.source(self.generation, number);
        let origin = self.end_of_origins(source);
        if let Some(event) = &event {
            self.histories.append(source, origin, event, appended_at);
        }
        self.write_fate(source, origin, event.clone(), appended_at);
        self.fates.push(Fate {
            source,
            origin,
            event,
        });
    }

    fn write_fate(&self, source: Source, origin: u64, event: Option<Enriched>, appended_at: Millis) {
        let value = event.map_or_else(Bytes::new, encode_enriched);
        self.topics[self.generation].append(source.partition, origin, value, appended_at);
    }

    pub(super) fn end_of_origins(&self, source: Source) -> u64 {
        let own = self.fates.iter().rev().find(|fate| fate.source == source);
        own.map_or(0, |fate| fate.origin + 1)
    }

    /// The first fate of an origin wins, whatever its repetition says.
    pub(crate) fn repeat(&mut self, number: usize, repeat: Repeat) {
        let source = self.ground.source(self.generation, number);
        let end = self.end_of_origins(source);
        let from = end.saturating_sub(repeat.back as u64);
        for origin in from..end.min(from + repeat.count as u64) {
            let first = self
                .fates
                .iter()
                .find(|fate| (fate.source, fate.origin) == (source, origin));
            let mut event = first.unwrap().event.clone();
            if let Some(event) = event.as_mut().filter(|_| repeat.differs) {
                event.event.service = Some("other".to_owned());
            }
            let appended_at = self.now().minus_ms(repeat.behind_ms);
            self.write_fate(source, origin, event, appended_at);
        }
    }

    /// New topics, with a new generation. Who works on the old ones is not told.
    pub(crate) fn renew(&mut self) {
        self.generation = GENERATIONS - 1;
    }
}
