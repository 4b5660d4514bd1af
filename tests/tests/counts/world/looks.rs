//! Looking at what is stored, and at what must hold of it.

use domain::rollup::{Grain, Window};
use store::{COUNTED_MINUTES, COUNTING_SERVICE};

use super::World;
use crate::history::Stored;
use crate::naive;
use crate::steps::{SOURCES, Settings};

impl World {
    /// Rows are of the log, and positions are not ahead of them.
    pub(crate) async fn look(&mut self) {
        let mut positions = Vec::new();
        for source in self.ground.sources() {
            let counted = self.ground.position(COUNTING_SERVICE, source).await;
            let minutes = self.ground.position(COUNTED_MINUTES, source).await;
            positions.push((source, &Grain::ALL[..], counted));
            positions.push((source, &[Grain::Minute], minutes));
        }
        let stored = self.stored().await;
        self.histories.check(&stored);
        for (source, grains, position) in positions {
            self.histories
                .check_position(source, grains, position, self.now());
        }
    }

    /// When everything was counted: rows are complete, sum up to a plain count, and positions are at the end.
    async fn look_at_end(&mut self) {
        self.look().await;
        let (stored, now) = (self.stored().await, self.now());
        self.histories.check_end(&stored, now);
        naive::check(
            self.fates.iter().filter_map(|fate| fate.event.as_ref()),
            &stored,
            now,
        );
        for (generation, topic) in self.topics.clone().into_iter().enumerate() {
            for number in 0..SOURCES {
                let source = self.ground.source(generation, number);
                for service in [COUNTING_SERVICE, COUNTED_MINUTES] {
                    let position = self.ground.position(service, source).await;
                    let next = position.map_or(0, |position| position.next_offset);
                    assert_eq!(next, topic.end(source.partition), "{service} {source}");
                    let origins = position.map_or(0, |position| position.origin + 1);
                    assert_eq!(origins, self.end_of_origins(source), "{service} {source}");
                }
            }
        }
    }

    /// A fresh worker of each source takes everything; who wakes up behind it, and what is late, changes nothing.
    pub(crate) async fn end(&mut self) {
        self.settle(Settings::LAZY).await;
        self.look_at_end().await;
        self.wake_all().await;
        self.land_all().await;
        self.look_at_end().await;
    }

    /// Of how many origins of a source of the present topics a service has said that they are written.
    pub(crate) async fn origins_of(&self, service: &str, source: usize) -> u64 {
        let source = self.ground.source(self.generation, source);
        let position = self.ground.position(service, source).await;
        position.map_or(0, |position| position.origin + 1)
    }

    /// Every row of the present minute and hour.
    pub(crate) async fn stored_around(&self) -> Stored {
        let windows = Grain::ALL.map(|grain| Window::of(grain, self.now()));
        let ranges = windows.map(|window| (window.grain, window.number..window.number + 1));
        self.ground.rows(ranges.into()).await
    }

    /// Every row of the tenants, of all sources.
    pub(crate) async fn stored(&mut self) -> Stored {
        let numbers = |grain| {
            let of_grain = self.histories.keys().filter(|key| key.window.grain == grain);
            let numbers: Vec<_> = of_grain.map(|key| key.window.number).collect();
            let (first, last) = (numbers.iter().min(), numbers.iter().max());
            Some((grain, *first?..*last? + 1))
        };
        let ranges: Vec<_> = Grain::ALL.into_iter().filter_map(numbers).collect();
        self.ground.rows(ranges).await
    }
}
